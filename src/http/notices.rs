//! Who sees the event types of notices, and who may choose them: operators, and the organization they use for notices. For
//! everybody else these types are not there; nobody posts or changes them.

use super::auth::Caller;
use crate::catalogue::is_notice;
use tidings_core::event_type::{EventType, EventTypeName, WireType};
use tidings_core::id::OrganizationId;
use tidings_core::notice::Kind;

/// Where notices go.
#[derive(Debug, Clone, Default)]
pub struct NoticeParts {
    /// The organization whose endpoints may choose them.
    pub organization: Option<OrganizationId>,
    /// The mail server and the addresses they are mailed to, in words.
    pub mail: Option<String>,
}

impl NoticeParts {
    /// Whether an endpoint of the organization may choose this type, or be sent it as a test.
    pub(super) fn may_choose(&self, entry: &EventType, organization: OrganizationId) -> bool {
        !is_notice(entry) || self.organization == Some(organization)
    }

    /// Whether somebody sees this type in the catalogue.
    pub(super) fn shows(&self, entry: &EventType, caller: &Caller) -> bool {
        self.shows_where(entry, |organization| {
            caller.is_operator() || caller.scope.organization() == Some(organization)
        })
    }

    /// The same; `at_home` tells whether whoever looks has a part in the organization for notices.
    pub(super) fn shows_where(
        &self,
        entry: &EventType,
        at_home: impl FnOnce(OrganizationId) -> bool,
    ) -> bool {
        !is_notice(entry) || self.organization.is_some_and(at_home)
    }
}

/// Whether a type is the server's own: a notice, or a name that only a notice may have.
pub(super) fn is_reserved(wire: &WireType, entry: Option<&EventType>) -> bool {
    entry.is_none_or(is_notice) && Kind::of(wire).is_some()
}

/// What is said to whoever posts a notice, or chooses one elsewhere.
pub(super) fn is_ours(name: &EventTypeName) -> String {
    format!(
        "`{name}` is a notice: only the server makes it, and only endpoints of the organization in `notices.organization` may choose it."
    )
}
