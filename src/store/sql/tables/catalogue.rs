//! The catalogue in memory, and the numbers that stand for event types in the database.
//!
//! A name has one number for both of its forms. Texts that go on the wire are kept once and shared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, EventTypeName, WireType};

/// The number of an event type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub i64);

/// The catalogue.
#[derive(Debug, Default)]
pub struct Types {
    ids: HashMap<EventTypeName, NameId>,
    names: BTreeMap<NameId, Named>,
    /// The next free place in the catalogue.
    next_position: i64,
}

#[derive(Debug)]
struct Named {
    own: Form,
    public: Form,
}

#[derive(Debug)]
struct Form {
    wire: WireType,
    text: Arc<str>,
    entry: Option<(i64, Arc<EventType>)>,
}

impl Form {
    fn of(name: &EventTypeName, audience: Audience) -> Self {
        let wire = WireType::new(name.clone(), audience);
        Self {
            text: Arc::from(wire.to_string()),
            wire,
            entry: None,
        }
    }
}

impl Types {
    /// The number of a name.
    pub fn name_id(&self, name: &EventTypeName) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    /// The name of a number.
    pub fn name(&self, id: NameId) -> Option<&EventTypeName> {
        self.names.get(&id).map(|named| &named.own.wire.name)
    }

    /// One form of a name.
    pub fn wire_type(&self, id: NameId, audience: Audience) -> Option<&WireType> {
        self.form(id, audience).map(|form| &form.wire)
    }

    /// The text of one form of a name, as it goes on the wire.
    pub fn wire_text(&self, id: NameId, audience: Audience) -> Option<&Arc<str>> {
        self.form(id, audience).map(|form| &form.text)
    }

    /// The entry of one form in the catalogue.
    pub fn entry(&self, wire: &WireType) -> Option<&Arc<EventType>> {
        self.placed(wire).map(|(_, entry)| entry)
    }

    /// The place of one form in the catalogue: its own, or the next free one.
    pub fn position(&self, wire: &WireType) -> i64 {
        self.placed(wire)
            .map_or(self.next_position, |(position, _)| *position)
    }

    /// The whole catalogue: objects in the order they came, and within each the order of its entries.
    pub fn all(&self) -> Vec<Arc<EventType>> {
        let mut placed: Vec<&(i64, Arc<EventType>)> = self
            .names
            .values()
            .flat_map(|named| [&named.own.entry, &named.public.entry])
            .flatten()
            .collect();
        placed.sort_by_key(|(position, _)| *position);
        let mut objects: HashMap<&str, i64> = HashMap::new();
        for (position, entry) in &placed {
            objects.entry(entry.wire.name.object()).or_insert(*position);
        }
        placed.sort_by_key(|(position, entry)| {
            (objects.get(entry.wire.name.object()).copied(), *position)
        });
        placed
            .into_iter()
            .map(|(_, entry)| Arc::clone(entry))
            .collect()
    }

    /// Adds a name.
    pub fn put_name(&mut self, id: NameId, name: EventTypeName) {
        self.names.entry(id).or_insert_with(|| Named {
            own: Form::of(&name, Audience::Own),
            public: Form::of(&name, Audience::Public),
        });
        self.ids.insert(name, id);
    }

    /// Adds or replaces an entry of a known name.
    pub fn put(&mut self, id: NameId, position: i64, entry: Arc<EventType>) {
        if let Some(named) = self.names.get_mut(&id) {
            let form = match entry.wire.audience {
                Audience::Own => &mut named.own,
                Audience::Public => &mut named.public,
            };
            form.entry = Some((position, entry));
            self.next_position = self.next_position.max(position.saturating_add(1));
        }
    }

    fn form(&self, id: NameId, audience: Audience) -> Option<&Form> {
        let named = self.names.get(&id)?;
        Some(match audience {
            Audience::Own => &named.own,
            Audience::Public => &named.public,
        })
    }

    fn placed(&self, wire: &WireType) -> Option<&(i64, Arc<EventType>)> {
        self.form(self.name_id(&wire.name)?, wire.audience)?
            .entry
            .as_ref()
    }
}
