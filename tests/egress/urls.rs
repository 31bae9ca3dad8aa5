//! The table of URLs: what is said when one is entered, and by an attempt at one that was stored under other rules.

use crate::Dialled;
use crate::name_server::{NameServer, Said, address};
use crate::table::{URLS, Wanted, cases, columns, none_wrong, rules};
use crate::world::{Setting, World};
use hickory_resolver::proto::rr::RecordType;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use tidings_core::address::{EgressRules, Host, TargetUrl};
use tidings_core::outcome::{Failure, Outcome};

/// The address of every name.
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 215, 14));

#[tokio::test]
async fn s1_urls_get_one_verdict_when_entered_and_when_sent_to() {
    let server = NameServer::answering(zone).await;
    let dialled = Dialled::default();
    let mut worlds = HashMap::new();
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for case in cases(URLS) {
        let [escaped, settings, verdict] = columns(case);
        let (text, wanted, rules) = (unescaped(escaped), Wanted::read(verdict), rules(settings));
        let world = worlds.entry(settings).or_insert_with(|| {
            World::with(Setting {
                resolver: server.resolver(),
                rules: rules.clone(),
                dialer: dialled.refusing(),
                ..Setting::default()
            })
        });
        let entered = TargetUrl::parse(&text, &rules);
        let code = entered.as_ref().map_or_else(|error| error.code(), |_| "ok");
        let words = entered
            .as_ref()
            .map_or_else(ToString::to_string, |_| String::new());
        let mut object = |why: String| wrong.push(format!("{case}\n     {why}"));
        if let Some(why) = wanted.objection(code, &words) {
            object(format!("entered: {why}"));
            continue;
        }
        // One that nobody can have stored is refused alike under every rule, and nothing more can be asked of it.
        let Ok(target) = TargetUrl::from_stored(&text) else {
            let open = EgressRules {
                allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
                ..EgressRules::default()
            };
            if TargetUrl::parse(&text, &open) != entered {
                object("other rules, another verdict".to_owned());
            }
            continue;
        };
        sent += 1;
        let asked = server.asked().len();
        let record = world.send(&text).await;
        let found = dialled.take();
        // An odd spelling of an open address is refused to whoever writes it; as an address it is what it is.
        if matches!(wanted.code, "ok" | "noncanonical_host") {
            let ip = match target.host() {
                Host::Ip(ip) => *ip,
                Host::Name(_) => PUBLIC,
            };
            if found != [SocketAddr::new(ip, target.port())] {
                object(format!("sent: dialled {found:?}: {}", record.detail));
            }
        } else {
            let quiet = found.is_empty() && server.asked().len() == asked;
            let denied = record.outcome == Outcome::Failed(Failure::EgressDenied);
            if !quiet || !denied || record.detail != words {
                object(format!(
                    "sent: {:?}, dialled {found:?}: {}",
                    record.outcome, record.detail
                ));
            }
        }
    }
    assert!(sent > 100, "{sent} were sent to");
    none_wrong(&wrong);
}

fn zone(name: &str, kind: RecordType) -> Said {
    let records = (kind == RecordType::A).then(|| address(name, PUBLIC, 60));
    Some(Ok(records.into_iter().collect()))
}

/// Reads Rust's escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut chars = after.chars();
        let (character, left) = match chars.next() {
            Some('t') => ('\t', chars.as_str()),
            Some('n') => ('\n', chars.as_str()),
            Some('r') => ('\r', chars.as_str()),
            Some('0') => ('\0', chars.as_str()),
            Some('\\') => ('\\', chars.as_str()),
            Some('u') => {
                let (digits, left) = chars.as_str()[1..].split_once('}').unwrap();
                let code = u32::from_str_radix(digits, 16).unwrap();
                (char::from_u32(code).unwrap(), left)
            }
            other => panic!("no escape: {other:?} in {text}"),
        };
        plain.push(character);
        rest = left;
    }
    plain + rest
}
