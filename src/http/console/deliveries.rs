//! The list of deliveries: filters, search by id and by reference, live on its first page. An event's id leads to the event.

use super::super::api::deliveries::{FILTERS, read_filter};
use super::super::api::show::Audience;
use super::configuration::{PATH as WEBHOOKS, endpoints_of};
use super::events::PATH as EVENTS;
use super::form::{Faults, local_time};
use super::page::{Page, Section, part};
use super::pieces::{breakable, endpoint_words, fault_summary, moment, pages, state};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, UNPROCESSABLE};
use crate::store::Reach;
use crate::store::directory::Page as ListPage;
use crate::store::log::DeliverySummary;
use maud::{Markup, html};
use tidings_core::delivery::{Resting, Round, Shown};
use tidings_core::event_type::TypeStatus;
use tidings_core::id::{DeliveryId, EventId};

/// Where the page is.
pub(super) const PATH: &str = "/admin/deliveries";

/// What the search field was given, if it is an id that leads somewhere.
fn found(text: &str, place: &Place) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if let Ok(delivery) = text.parse::<DeliveryId>() {
        return Some(format!("{PATH}/{delivery}"));
    }
    if let Ok(event) = text.parse::<EventId>() {
        return Some(format!("{EVENTS}/{event}"));
    }
    let query: String = form_urlencoded::Serializer::new(place.query())
        .append_pair("reference", text)
        .finish();
    Some(format!("{PATH}?{query}"))
}

/// `GET /admin/deliveries`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let place = visit.place()?;
    if let Some(path) = found(visit.query.trimmed("q"), &place) {
        return Ok(Answer::see(path));
    }
    let asked = visit.asked(&format!("{PATH}/{}", place.id()), &FILTERS, read_filter);
    let (filter, (request, cursors)) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            let faults = Faults::of(&problem);
            let body = html! {
                h1 { "Deliveries" }
                (filters(&visit, &place))
                (fault_summary(&faults))
                p { a .button href={ (PATH) "?" (place.query()) } { "Show all" } }
            };
            let page = Page::new("Deliveries", Section::Deliveries, body).at(&place);
            return Ok(page.with_status(UNPROCESSABLE).into());
        }
    };
    let first_page = request.after.is_none();
    let page = visit
        .api
        .store
        .deliveries(place.id(), filter, request)
        .await?;
    let next = cursors.write(page.next.as_ref());
    let inner = list(&visit, &place, &page, next.as_deref());
    let body = html! {
        div .heading {
            h1 { "Deliveries" }
            @if first_page { span .livemark hidden { "live" } }
        }
        (filters(&visit, &place))
        (part("deliveries", &inner))
    };
    let drawn = Page::new("Deliveries", Section::Deliveries, body).at(&place);
    Ok(match first_page {
        true => drawn.with_live("deliveries", inner),
        false => drawn,
    }
    .into())
}

const STATES: [(&str, &str); 4] = [
    ("waiting", "Waiting"),
    ("delivered", "Delivered"),
    ("exhausted", "Failed"),
    ("cancelled", "Cancelled"),
];

fn filters(visit: &Visit, place: &Place) -> Markup {
    let query = &visit.query;
    let chosen = |name: &str, value: &str| query.trimmed(name) == value;
    let endpoints = endpoints_of(visit, place);
    let more = ["type", "from", "to", "event", "reference"]
        .iter()
        .any(|name| !query.trimmed(name).is_empty());
    html! {
        form .filters method="get" action=(PATH) role="search" {
            input type="hidden" name="organization" value=(place.id());
            div .field {
                label for="q" { "Id or reference" }
                input id="q" name="q" type="search" placeholder="dlv_…, evt_… or your own reference" autocomplete="off";
            }
            div .field {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "All" }
                    @for (value, words) in STATES { option value=(value) selected[chosen("state", value)] { (words) } }
                }
            }
            div .field {
                label for="endpoint" { "Endpoint" }
                select id="endpoint" name="endpoint" {
                    option value="" { "All" }
                    @for endpoint in &endpoints {
                        @let id = endpoint.id.to_string();
                        @let (address, words) = endpoint_words(endpoint, Audience::of(&place.caller));
                        option value=(id) selected[chosen("endpoint", &id)] {
                            (address) @if !words.is_empty() { " · " (words) }
                        }
                    }
                }
            }
            details .more open[more] {
                summary { "More" }
                div .fields {
                    (type_and_times(visit))
                    @for name in ["event", "reference"] {
                        @if !query.trimmed(name).is_empty() {
                            div .field { label for=(name) { (name) } input id=(name) name=(name) type="text" value=(query.trimmed(name)); }
                        }
                    }
                }
            }
            div .actions {
                button .primary type="submit" { "Show" }
                a .button href={ (PATH) "?" (place.query()) } { "Clear" }
            }
        }
    }
}

/// The fields of a filter by type and time.
pub(super) fn type_and_times(visit: &Visit) -> Markup {
    let chosen = visit.query.trimmed("type");
    let types = visit.api.store.event_types();
    let time = |name| local_time(visit.query.trimmed(name));
    html! {
        div .field {
            label for="type" { "Event type" }
            select id="type" name="type" {
                option value="" { "All" }
                @for entry in types.iter().filter(|entry| visit.shows(entry) && (entry.status == TypeStatus::Active || entry.wire.to_string() == chosen)) {
                    @let wire = entry.wire.to_string();
                    option value=(wire) selected[wire == chosen] { (wire) }
                }
            }
        }
        div .field { label for="from" { "From (UTC)" } input id="from" name="from" type="datetime-local" value=(time("from")); }
        div .field { label for="to" { "To (UTC)" } input id="to" name="to" type="datetime-local" value=(time("to")); }
    }
}

fn list(
    visit: &Visit,
    place: &Place,
    page: &ListPage<DeliverySummary>,
    next: Option<&str>,
) -> Markup {
    let filtered = FILTERS
        .iter()
        .any(|name| !visit.query.trimmed(name).is_empty());
    html! {
        @if page.items.is_empty() && next.is_none() {
            div .empty {
                @if filtered || visit.query.has("cursor") {
                    h2 { "Nothing fits" }
                    p { "No delivery is like that. Take something out of the filter." }
                    @let reference = visit.query.trimmed("reference");
                    @if !reference.is_empty() {
                        p { "An event that nobody is subscribed to has no delivery: "
                            a href={ (EVENTS) "?" (visit.query.query(&["cursor", "q", "done", "state", "endpoint", "event"])) } { "look among the events" } "." }
                    }
                } @else {
                    h2 { "No deliveries yet" }
                    p { "When something happens that an endpoint has chosen, it shows up here within a second." }
                    p .quiet { "A test from an endpoint's page shows up too." }
                }
            }
        } @else {
            (table(visit, place, &page.items))
            (pages(visit, PATH, next, older(page)))
        }
    }
}

/// What the way on is called: a page may be empty because few fit.
pub(super) const fn older<T>(page: &ListPage<T>) -> &'static str {
    match page.items.is_empty() {
        true => "Search further back",
        false => "Older",
    }
}

/// Deliveries as a table.
pub(super) fn table(visit: &Visit, place: &Place, items: &[DeliverySummary]) -> Markup {
    html! {
        table .list .cards .deliveries {
            caption .hidden { "Deliveries, newest first" }
            thead { tr {
                th scope="col" { "State" }
                th scope="col" { "Event type" }
                th scope="col" { "Endpoint" }
                th scope="col" { "Tries" }
                th scope="col" { "Accepted" }
                th scope="col" { "Then" }
            } }
            tbody { @for item in items { (row(visit, place, item)) } }
        }
    }
}

fn row(visit: &Visit, place: &Place, item: &DeliverySummary) -> Markup {
    let endpoint = visit
        .api
        .store
        .endpoint(Reach::One(item.organization), item.id.endpoint);
    html! {
        tr {
            td data-label="State" { (state(item.shown)) }
            td data-label="Event type" {
                a .strong href={ (PATH) "/" (item.id) } { (item.wire_type) }
                @if item.progress.round == Round::Test { " " span .badge .quiet { "test" } }
                @if let Some(reference) = &item.reference { p .quiet .cut { (reference.as_str()) } }
            }
            td data-label="Endpoint" {
                @if let Some(endpoint) = endpoint {
                    @let (address, words) = endpoint_words(&endpoint, Audience::of(&place.caller));
                    a href={ (WEBHOOKS) "/" (endpoint.id) } { (breakable(&address)) }
                    @if !words.is_empty() { p .quiet { (words) } }
                } @else { span .quiet { "deleted" } }
            }
            td data-label="Tries" .number { (item.progress.attempts) }
            td data-label="Accepted" { (moment(item.accepted_at)) }
            td data-label="Then" { (then(item)) }
        }
    }
}

fn then(item: &DeliverySummary) -> Markup {
    html! {
        @match (item.shown, item.due_at, item.rested_at) {
            (Shown::Due, Some(due), _) => { "next try " (moment(due)) }
            (Shown::InFlight, ..) => { "being tried now" }
            (Shown::Held, ..) => { "waits for the switch" }
            (Shown::Resting(Resting::Cancelled(reason)), _, _) => { (reason.name().replace('_', "-")) }
            (_, _, Some(rested)) => { (moment(rested)) }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Form;
    use super::*;

    #[test]
    fn empty_fields_are_none_and_a_browsers_times_are_utc() {
        let query = Form::parse(
            b"organization=1&state=&type=a.b&from=2026-03-01T09:30&to=2026-03-01T09:30:15Z&q=",
        );
        assert_eq!(
            query.for_api(&FILTERS),
            "type=a.b&from=2026-03-01T09%3A30%3A00Z&to=2026-03-01T09%3A30%3A15Z"
        );
    }
}
