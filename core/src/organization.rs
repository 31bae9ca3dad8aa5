//! Organizations (tenants) and the add-ons that give them webhooks (W1 to W3).
//!
//! Deliberately absent: members and roles. Tidings knows scopes of keys and, later, console accounts.

use crate::id::OrganizationId;
use crate::time::Timestamp;

/// Something an organization has bought on the platform. Webhooks are part of both (W1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddOn {
    /// *CRM Integrations*.
    CrmIntegrations,
    /// *API Access*.
    ApiAccess,
}

impl AddOn {
    /// Both, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::CrmIntegrations, Self::ApiAccess];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrmIntegrations => "crm_integrations",
            Self::ApiAccess => "api_access",
        }
    }

    /// The name people know it by.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CrmIntegrations => "CRM Integrations",
            Self::ApiAccess => "API Access",
        }
    }

    /// The add-on of that API name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|add_on| add_on.name() == name)
    }
}

/// The set of add-ons an organization has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct AddOns {
    bits: u8,
}

impl AddOns {
    /// None.
    pub const NONE: Self = Self { bits: 0 };

    /// This set with one more.
    #[must_use]
    pub const fn with(self, add_on: AddOn) -> Self {
        Self {
            bits: self.bits | Self::bit(add_on),
        }
    }

    /// Whether the set holds it.
    pub const fn has(self, add_on: AddOn) -> bool {
        self.bits & Self::bit(add_on) != 0
    }

    /// Whether the organization may have webhooks at all (W1): one add-on is enough.
    pub const fn grant_webhooks(self) -> bool {
        self.bits != 0
    }

    /// Those in the set, in the order they are shown.
    pub fn iter(self) -> impl Iterator<Item = AddOn> {
        AddOn::ALL
            .into_iter()
            .filter(move |add_on| self.has(*add_on))
    }

    /// The number that is stored.
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// The set of a stored number; unknown bits are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self { bits: bits & 0b11 }
    }

    const fn bit(add_on: AddOn) -> u8 {
        match add_on {
            AddOn::CrmIntegrations => 1,
            AddOn::ApiAccess => 2,
        }
    }
}

impl FromIterator<AddOn> for AddOns {
    fn from_iter<I: IntoIterator<Item = AddOn>>(add_ons: I) -> Self {
        add_ons.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A feature or endpoint switch, as its administrators set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Switch {
    /// Deliveries are made and sent.
    On,
    /// No deliveries are made; waiting ones are held.
    Off,
}

impl Switch {
    /// `true` is on.
    pub const fn from_bool(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// Whether it is on.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// How long an organization's own events are kept, in days, where that is not as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct KeptDays {
    /// Bodies.
    pub bodies: Option<u32>,
    /// Events, deliveries and attempts; a body is never kept longer.
    pub attempts: Option<u32>,
}

/// A tenant of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The integer that goes on the wire (W12).
    pub id: OrganizationId,
    /// The display name.
    pub name: String,
    /// The platform's short name for links, if it gave one.
    pub slug: Option<String>,
    /// What it has bought.
    pub add_ons: AddOns,
    /// The feature switch of W3: one per organization, off until someone enables it or creates the first endpoint.
    pub webhooks: Switch,
    /// How long its own events are kept.
    pub kept: KeptDays,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an organization's endpoints may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAccess {
    /// Deliveries are made and sent.
    Active,
    /// The feature switch is off: nothing is made, waiting deliveries are held.
    SwitchedOff,
    /// No add-on grants webhooks: nothing is made, waiting deliveries are cancelled (W2).
    Suspended,
}

impl Organization {
    /// Whether its name has this as a part, in whatever case; `part` is in lower case.
    pub fn is_called(&self, part: &str) -> bool {
        self.name.to_lowercase().contains(part)
    }

    /// What its endpoints may do now. A missing add-on weighs more than the switch.
    pub const fn access(&self) -> WebhookAccess {
        if !self.add_ons.grant_webhooks() {
            WebhookAccess::Suspended
        } else if self.webhooks.is_on() {
            WebhookAccess::Active
        } else {
            WebhookAccess::SwitchedOff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w1_either_add_on_grants_webhooks_and_neither_does_not() {
        assert!(!AddOns::NONE.grant_webhooks());
        for add_on in AddOn::ALL {
            assert!(AddOns::NONE.with(add_on).grant_webhooks());
            assert_eq!(AddOn::from_name(add_on.name()), Some(add_on));
        }
        let both: AddOns = AddOn::ALL.into_iter().collect();
        assert_eq!(AddOns::from_bits(both.bits()), both);
    }

    #[test]
    fn w2_a_missing_add_on_weighs_more_than_the_switch() {
        let zero = Timestamp::default();
        let Some(id) = OrganizationId::new(1) else {
            return;
        };
        let with = |add_ons, webhooks| Organization {
            id,
            name: String::new(),
            slug: None,
            add_ons,
            webhooks,
            kept: KeptDays::default(),
            created_at: zero,
            updated_at: zero,
        };
        let one = AddOns::NONE.with(AddOn::ApiAccess);
        assert_eq!(
            with(AddOns::NONE, Switch::On).access(),
            WebhookAccess::Suspended
        );
        assert_eq!(with(one, Switch::Off).access(), WebhookAccess::SwitchedOff);
        assert_eq!(with(one, Switch::On).access(), WebhookAccess::Active);
    }
}
