//! The engine's health, for operators: what waits, what is under way, which nodes there are.

use super::Outcome;
use super::configuration::PATH;
use super::page::{Page, Section, part};
use super::pieces::{duration, moment, number, tile};
use super::visit::Visit;
use crate::store::directory::{Endpoint, PageRequest};
use maud::{Markup, html};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::id::OrganizationId;
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;
use tidings_core::notice::Kind;
use tidings_core::time::Timestamp;

/// How loaded this node's engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLoad {
    /// Whether it delivers.
    pub running: bool,
    /// Deliveries in memory that wait for a slot.
    pub waiting: usize,
    /// Attempts under way.
    pub in_flight: usize,
    /// Attempts that may be under way at once.
    pub slots: usize,
}

/// Tells how loaded the engine is.
pub trait EngineView: Send + Sync {
    /// As it is now.
    fn load(&self) -> EngineLoad;
}

/// `GET /admin/engine`.
pub(super) async fn get(visit: Visit) -> Outcome {
    visit.operator()?;
    let health = visit.api.store.health().await?;
    let load = visit.console().engine.as_ref().map(|engine| engine.load());
    let now = visit.now();
    let inner = html! {
        div .tiles {
            @if let Some(load) = load {
                (tile("Deliveries", if load.running { "running" } else { "STOPPED" }, "this node's engine", load.running))
                (tile("Under way", &number(load.in_flight as u64), &format!("of {} slots", number(load.slots as u64)), true))
                (tile("Waiting in memory", &number(load.waiting as u64), "for a slot", true))
            }
            (oldest(health.oldest_due, now))
            (tile("Endpoints with a backlog", &number(health.endpoints_due), "something due now", true))
            (tile("Lists lag", &duration(health.list_lag), "behind the newest event", health.list_lag < Duration::from_secs(60)))
            @if let Some(bytes) = health.bytes {
                (tile("Stored", &size(bytes), "database and its log", true))
            }
        }
        h2 { "Nodes" }
        table .list .cards {
            thead { tr { th scope="col" { "Node" } th scope="col" { "Running since" } th scope="col" { "State" } } }
            tbody {
                @for node in &health.nodes {
                    tr {
                        td data-label="Node" { (node.name) }
                        td data-label="Running since" { @if let Some(since) = node.since { (moment(since)) } @else { "–" } }
                        td data-label="State" { @if node.alive { span .badge .good { "alive" } } @else { span .badge .bad { "lease ran out" } } }
                    }
                }
            }
        }
    };
    let notices = notices(&visit);
    let body = html! {
        h1 { "Engine" }
        p .quiet { "Tidings " (visit.api.version) ". This page follows what happens." }
        (part("engine", &inner))
        (notices)
    };
    Ok(Page::new("Engine", Section::Engine, body)
        .with_live("engine", inner)
        .into())
}

/// Where notices go.
fn notices(visit: &Visit) -> Markup {
    let notices = &visit.api.notices;
    html! {
        h2 { "Notices" }
        @match notices.organization {
            None => p .quiet { "As events: off. Set notices.organization to the organization whose endpoints are to be told." },
            Some(id) => {
                @let endpoints = endpoints_told(visit, id);
                @if visit.api.store.organization(id).is_none() {
                    p .warn { "As events: organization " (id) " is not there yet; until somebody makes it, notices are lost." }
                } @else {
                    p { "As events of " a href={ (PATH) "?organization=" (id) } { (visit.name_of(id)) } ": "
                        @match endpoints { 0 => "no endpoint chose them yet.", 1 => "1 endpoint chose them.", many => { (many) " endpoints chose them." } } }
                }
            }
        }
        @match &notices.mail {
            None => p .quiet { "By mail: off. Set notices.smtp_url." },
            Some(words) => p { "By mail: " (words) "." },
        }
    }
}

/// Endpoints that are told of something.
fn endpoints_told(visit: &Visit, organization: OrganizationId) -> usize {
    let page = PageRequest {
        limit: ENDPOINTS_PER_ORGANIZATION,
        after: None,
    };
    let endpoints = visit.api.store.endpoints(organization, &page).items;
    let told = |endpoint: &&Arc<Endpoint>| {
        let mut types = endpoint.event_types.iter();
        types.any(|wire| Kind::of(wire).is_some())
    };
    endpoints.iter().filter(told).count()
}

fn oldest(oldest: Option<Timestamp>, now: Timestamp) -> Markup {
    match oldest {
        Some(at) if at <= now => {
            let late = now.since(at);
            tile(
                "Oldest due",
                &duration(late),
                "late",
                late < Duration::from_secs(5),
            )
        }
        Some(at) => tile(
            "Next due",
            &format!("in {}", duration(at.since(now))),
            "the earliest try that waits",
            true,
        ),
        None => tile("Oldest due", "nothing waits", "", true),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
