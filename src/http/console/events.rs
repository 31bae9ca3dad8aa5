//! Events: did one arrive at all, and what became of it? The list of an organization's own, live on its first page without a filter, and the
//! page of one with its deliveries, which says so when nobody is subscribed.

use super::super::api::events::{FILTERS, erased, read_filter};
use super::super::code::Code;
use super::super::problem::Problem;
use super::deliveries::{PATH as DELIVERIES, older, table, type_and_times};
use super::delivery::SHOWN_BYTES;
use super::form::Faults;
use super::page::{Page, Section, part};
use super::pieces::{block, copyable, fault_summary, moment, number, pages, state_words};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal, UNPROCESSABLE};
use crate::respelled::for_reading;
use crate::store::Reach;
use crate::store::directory::{Page as ListPage, PageRequest};
use crate::store::log::{DeliveryFilter, DeliverySummary, EventDetail, EventSummary};
use maud::{Markup, html};
use std::time::Duration;
use tidings_core::event::Publicity;
use tidings_core::id::EventId;
use tidings_core::organization::WebhookAccess;

/// Where the pages are.
pub(super) const PATH: &str = "/admin/events";
/// Deliveries that an event's page shows.
const SHOWN: usize = 50;
/// How often it looks again: it counts all deliveries of the event.
const WATCHED: Duration = Duration::from_secs(5);

/// `GET /admin/events`.
pub(super) async fn list(visit: Visit) -> Outcome {
    let place = visit.place()?;
    let text = visit.query.trimmed("reference");
    if let Ok(event) = text.parse::<EventId>() {
        return Ok(Answer::see(format!("{PATH}/{event}")));
    }
    let read = visit.asked(&format!("{PATH}/{}", place.id()), &FILTERS, read_filter);
    let (filter, (request, cursors)) = match read {
        Ok(read) => read,
        Err(problem) => {
            let body = html! {
                h1 { "Events" }
                (filters(&visit, &place))
                (fault_summary(&Faults::of(&problem)))
                p { a .button href={ (PATH) "?" (place.query()) } { "Show all" } }
            };
            let page = Page::new("Events", Section::Events, body).at(&place);
            return Ok(page.with_status(UNPROCESSABLE).into());
        }
    };
    // Looked for anew each second, what is rare would be looked for far back each time.
    let live = request.after.is_none() && !asked(&visit, &FILTERS);
    let store = &visit.api.store;
    let page = store.events(place.id(), filter, request).await?;
    let next = cursors.write(page.next.as_ref());
    let inner = rows(&visit, &page, next.as_deref());
    let body = html! {
        div .heading {
            h1 { "Events" }
            @if live { span .livemark hidden { "live" } }
        }
        (filters(&visit, &place))
        (part("events", &inner))
    };
    let drawn = Page::new("Events", Section::Events, body).at(&place);
    Ok(match live {
        true => drawn.with_live("events", inner),
        false => drawn,
    }
    .into())
}

fn filters(visit: &Visit, place: &Place) -> Markup {
    html! {
        form .filters method="get" action=(PATH) role="search" {
            input type="hidden" name="organization" value=(place.id());
            div .field {
                label for="reference" { "Id or reference" }
                input id="reference" name="reference" type="search" placeholder="evt_… or your own reference" autocomplete="off"
                    value=(visit.query.trimmed("reference"));
            }
            details .more open[asked(visit, &["type", "from", "to"])] {
                summary { "More" }
                div .fields { (type_and_times(visit)) }
            }
            div .actions {
                button .primary type="submit" { "Show" }
                a .button href={ (PATH) "?" (place.query()) } { "Clear" }
            }
        }
    }
}

/// Whether the query asks for any of these.
fn asked(visit: &Visit, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| !visit.query.trimmed(name).is_empty())
}

fn rows(visit: &Visit, page: &ListPage<EventSummary>, next: Option<&str>) -> Markup {
    html! {
        @if page.items.is_empty() && next.is_none() {
            div .empty {
                @if asked(visit, &FILTERS) || visit.query.has("cursor") {
                    h2 { "Nothing fits" }
                    p { "No event of this organization is like that: none was accepted, or retention removed it. Take something out of the filter." }
                } @else {
                    h2 { "No events yet" }
                    p { "Each event that your platform posts for this organization shows up here once it is accepted, whether somebody is subscribed or not." }
                }
            }
        } @else {
            table .list .cards {
                caption .hidden { "Events, newest first" }
                thead { tr {
                    th scope="col" { "Event type" }
                    th scope="col" { "Reference" }
                    th scope="col" { "Accepted" }
                } }
                tbody { @for event in &page.items { (row(event)) } }
            }
            (pages(visit, PATH, next, older(page)))
        }
    }
}

fn row(event: &EventSummary) -> Markup {
    html! {
        tr {
            td data-label="Event type" {
                a .strong href={ (PATH) "/" (event.id) } { (event.event_type) }
                (marks(event))
            }
            td data-label="Reference" {
                @if let Some(reference) = &event.reference { span .cut { (reference.as_str()) } }
            }
            td data-label="Accepted" { (moment(event.accepted_at)) }
        }
    }
}

/// What is special about an event.
fn marks(event: &EventSummary) -> Markup {
    html! {
        @if event.publicity == Publicity::Public { " " span .badge .quiet { "public" } }
        @if event.test { " " span .badge .quiet { "test" } }
        @if event.erased_at.is_some() { " " span .badge .quiet { "erased" } }
    }
}

/// The event in the path, and where it stands: with its owner, where the login knows that, else with who was sent it.
async fn find(visit: &Visit) -> Result<(Place, EventDetail), Refusal> {
    let text = visit.param(0);
    let missing = || Problem::missing(Code::NoSuchEvent, "event", text);
    let login = visit.login()?;
    let id: EventId = text.parse().map_err(|_| missing())?;
    let mut found = None;
    for reach in login.reaches() {
        let Some(event) = visit.api.store.event(reach, id).await? else {
            continue;
        };
        let at = match reach {
            Reach::All => event.summary.organization,
            Reach::One(own) => own,
        };
        let is_owner = at == event.summary.organization;
        if is_owner || found.is_none() {
            found = Some((at, event));
        }
        if is_owner {
            break;
        }
    }
    let (at, event) = found.ok_or_else(missing)?;
    match visit.place_of(at) {
        Ok(place) => match event.summary.erased_at {
            Some(when) => Err(erased(when).into()),
            None => Ok((place, event)),
        },
        Err(_) => Err(missing().into()),
    }
}

/// `GET /admin/events/{evt}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let (place, found) = find(&visit).await?;
    let event = &found.summary;
    let filter = DeliveryFilter {
        event: Some(event.id),
        ..DeliveryFilter::default()
    };
    let request = PageRequest {
        limit: SHOWN,
        after: None,
    };
    let store = &visit.api.store;
    let deliveries = store.deliveries(place.id(), filter, request).await?;
    let inner = became(&visit, &place, &found, &deliveries);
    let body = html! {
        p .back { a href={ (PATH) "?" (place.query()) } { "← Events" } }
        div .heading { h1 { (event.event_type) } (marks(event)) }
        (part("event", &inner))
        (data(&found))
        dl .facts {
            dt { "Event" } dd { (copyable("event-id", &event.id.to_string())) }
            @if let Some(reference) = &event.reference { dt { "Reference" } dd { (copyable("reference", reference.as_str())) } }
            dt { "Accepted" } dd { (moment(event.accepted_at)) }
        }
    };
    Ok(
        Page::new(event.event_type.to_string(), Section::Events, body)
            .at(&place)
            .with_live("event", inner)
            .every(WATCHED)
            .into(),
    )
}

/// What became of it: within the login's reach in one line, then the deliveries to the organization it stands with.
fn became(
    visit: &Visit,
    place: &Place,
    found: &EventDetail,
    deliveries: &ListPage<DeliverySummary>,
) -> Markup {
    let counts: Vec<String> = found
        .deliveries
        .iter()
        .map(|(shown, count)| format!("{} {}", number(*count), state_words(*shown).0))
        .collect();
    html! {
        p .verdict {
            @if !counts.is_empty() {
                "Deliveries: " (counts.join(", ")) "."
                @if found.expanding { " More are being made." }
            } @else if found.expanding { "Its deliveries are being made." }
            @else { "It arrived, and nobody is subscribed: it has no delivery." }
        }
        @if counts.is_empty() && !found.expanding { (why_nobody(place, &found.summary)) }
        @if !deliveries.items.is_empty() {
            @if found.deliveries.iter().map(|(_, count)| count).sum::<u64>() > deliveries.items.len() as u64 {
                p .quiet { "Those to " (place.organization.name) @if deliveries.next.is_some() { ", the first " (SHOWN) } ":" }
            }
            (table(visit, place, &deliveries.items))
            @if deliveries.next.is_some() {
                p { a .button href={ (DELIVERIES) "?" (place.query()) "&event=" (found.summary.id) } { "All of them" } }
            }
        }
    }
}

/// Why an event may have no delivery to its owner, and what can be done.
fn why_nobody(place: &Place, event: &EventSummary) -> Markup {
    let name = &place.organization.name;
    html! {
        p { @match place.organization.access() {
            WebhookAccess::Suspended => { (name) " has no add-on that webhooks are part of: its events make no deliveries." }
            WebhookAccess::SwitchedOff => { "Webhooks of " (name) " are off: its events make no deliveries until they are on." }
            WebhookAccess::Active => {
                "When it was accepted, no endpoint of " (name) " that was switched on had chosen " code { (event.event_type) }
                ". An endpoint that chooses it now is sent it by " strong { "Send again" } " on the endpoint's page, with what was missed."
            }
        } }
    }
}

fn data(found: &EventDetail) -> Markup {
    html! {
        section {
            h2 { "Data" }
            @if let Some(data) = &found.data {
                @let text = String::from_utf8_lossy(data);
                @let start = text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default();
                p .quiet { "What was posted, as it is sent: " (number(data.len() as u64)) " bytes."
                    @if start.len() < text.len() { " Here are the first " (number(start.len() as u64)) "; the API shows all." } }
                (block("data", "Data", start))
                @if start.len() == text.len() && let Some(pretty) = for_reading(data) {
                    details .more { summary { "Laid out for reading" } (block("pretty", "Data, laid out", &pretty)) }
                }
            } @else { p .quiet { "It was removed by retention." } }
        }
    }
}
