//! Texts that name one thing: ids, event types, API keys, times.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use tidings_core::api_key::KeyText;
use tidings_core::event_type::{EventTypeName, WireType};
use tidings_core::id::{
    AccountId, AuditId, DeliveryId, EndpointId, EventId, KeyId, LinkId, ReplayId, SessionId,
};
use tidings_core::time::Timestamp;

/// What is read prints back as the text it was read from, and no text names things of two kinds.
pub fn ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let kinds = [
        same::<EventId>(text),
        same::<EndpointId>(text),
        same::<KeyId>(text),
        same::<ReplayId>(text),
        same::<AuditId>(text),
        same::<AccountId>(text),
        same::<SessionId>(text),
        same::<LinkId>(text),
        same::<DeliveryId>(text),
    ];
    assert!(kinds.iter().filter(|known| **known).count() <= 1, "{text}");
    if let Ok(id) = text.parse::<EventId>() {
        assert!(id.raw() >= 0 && EventId::from_raw(id.raw()) == id);
        assert!(EventId::first_at(id.time()) <= id);
    }
    if let Ok(name) = EventTypeName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert_eq!(format!("{}.{}", name.object(), name.action()), text);
    }
    if let Ok(wire) = WireType::parse(text) {
        assert_eq!(wire.to_string(), text);
    }
    if let Ok(key) = KeyText::parse(text) {
        assert_eq!(key.expose(), text);
    }
    if let Some(moment) = Timestamp::parse_rfc3339(text) {
        let printed = moment.rfc3339();
        let again = Timestamp::parse_rfc3339(&printed).expect("a time that we print");
        assert_eq!(again.rfc3339(), printed, "{text}");
    }
}

/// Whether the text is one of these.
fn same<T: FromStr<Err: Display + Debug> + Display + Debug>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text);
            true
        }
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty() && words.len() < 200, "{words}");
            false
        }
    }
}
