//! Telling a notice: an event of the organization for notices, a row for the mail, a line in the log. In the caller's
//! transaction, so a notice is there exactly if what it tells of is.

use super::super::database::values;
use super::super::queue::post_own;
use super::super::step::Step;
use super::mails;
use crate::store::directory::Endpoint;
use crate::store::notices::NoticeRule;
use crate::store::{Actor, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use tidings_core::event_type::Audience;
use tidings_core::event_type::{EventTypeName, TypeStatus, WireType};
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::notice::{About, Kind, Matter, Notice, Subject};
use tidings_core::organization::{Organization, Switch};
use tidings_core::time::Timestamp;

/// Tells it.
pub(super) fn tell(
    step: &mut Step<'_>,
    rule: &Arc<NoticeRule>,
    notice: &Notice,
) -> Result<(), StoreError> {
    let kind = notice.kind();
    let own = rule.organization == Some(notice.subject.organization);
    let text = notice.text();
    if own {
        tracing::warn!(notice = kind.name(), %text, "about the notices' own endpoint: not delivered as an event");
    } else {
        tracing::info!(notice = kind.name(), %text, "notice");
    }
    let data = notice.data(&rule.base);
    if let Some(organization) = rule.organization.filter(|_| !own) {
        post(step, organization, notice, &data)?;
    }
    if rule.mail {
        mails::queue(step, kind, &data)?;
    }
    Ok(())
}

/// Stores it as an event, with the endpoint's id as its reference, or the organization's number where it is about all.
fn post(
    step: &mut Step<'_>,
    organization: OrganizationId,
    notice: &Notice,
    data: &str,
) -> Result<(), StoreError> {
    let tables = step.tables;
    let Some(name) = in_use(step, notice.kind()) else {
        return Ok(());
    };
    let Some(name) = tables.types.name_id(&name) else {
        return Ok(());
    };
    if tables.organization(organization).is_none() {
        tracing::warn!(%organization, "notices.organization is not there: its notices are lost; create it");
        return Ok(());
    }
    let subject = &notice.subject;
    let reference = match &subject.endpoint {
        Some(about) => about.id.to_string(),
        None => subject.organization.to_string(),
    };
    let data = Bytes::copy_from_slice(data.as_bytes());
    post_own(step, (organization, name), &reference, &data)
}

/// The name of a notice's type, unless an operator switched it off.
fn in_use(step: &Step<'_>, kind: Kind) -> Option<EventTypeName> {
    let name = EventTypeName::parse(kind.name()).ok()?;
    let wire = WireType::new(name, Audience::Own);
    let entry = step.tables.types.entry(&wire)?;
    (entry.status == TypeStatus::Active).then_some(wire.name)
}

/// An endpoint, as notices name it.
pub(super) fn subject(step: &Step<'_>, endpoint: &Endpoint) -> Subject {
    let organization = step.tables.organization(endpoint.organization);
    Subject {
        organization: endpoint.organization,
        name: organization.map_or_else(String::new, |organization| organization.name.clone()),
        endpoint: Some(About {
            id: endpoint.id,
            host: endpoint.url.host().to_string(),
            description: endpoint.description.to_string(),
        }),
    }
}

/// Somebody switched an endpoint.
pub(in super::super) fn switched(
    step: &mut Step<'_>,
    endpoint: &Endpoint,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Some(rule) = step.memory.notices.rule.clone() else {
        return Ok(());
    };
    let on = endpoint.switch.is_on();
    if !on {
        rested(step, &[endpoint.id])?;
    }
    let notice = Notice {
        at: step.now,
        subject: subject(step, endpoint),
        matter: Matter::Switched {
            on,
            by: actor.name.clone(),
        },
    };
    tell(step, &rule, &notice)
}

/// Somebody switched all webhooks of an organization.
pub(in super::super) fn switched_all(
    step: &mut Step<'_>,
    organization: &Organization,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Some(rule) = step.memory.notices.rule.clone() else {
        return Ok(());
    };
    let on = organization.webhooks == Switch::On;
    if !on {
        let endpoints = step.tables.endpoint_ids(organization.id);
        rested(step, endpoints)?;
    }
    let notice = Notice {
        at: step.now,
        subject: Subject {
            organization: organization.id,
            name: organization.name.clone(),
            endpoint: None,
        },
        matter: Matter::Switched {
            on,
            by: actor.name.clone(),
        },
    };
    tell(step, &rule, &notice)
}

/// Somebody rotated an endpoint's secret.
pub(in super::super) fn rotated(
    step: &mut Step<'_>,
    endpoint: &Endpoint,
    older_until: Option<Timestamp>,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Some(rule) = step.memory.notices.rule.clone() else {
        return Ok(());
    };
    let notice = Notice {
        at: step.now,
        subject: subject(step, endpoint),
        matter: Matter::Rotated {
            by: actor.name.clone(),
            older_until,
        },
    };
    tell(step, &rule, &notice)
}

/// Endpoints are no longer sent to: their runs of failures end here, and upkeep looks at what is left of them.
pub(in super::super) fn rested(
    step: &mut Step<'_>,
    endpoints: &[EndpointId],
) -> Result<(), StoreError> {
    if step.memory.notices.rule.is_none() {
        return Ok(());
    }
    for endpoint in endpoints {
        step.memory.notices.forget(*endpoint);
        step.sql().execute(
            "UPDATE troubles SET since = NULL, failed = 0, exhausted = 0, told = 0, look_at = ?2
             WHERE endpoint_id = ?1",
            values![endpoint.raw(), step.now.as_micros()],
        )?;
    }
    Ok(())
}
