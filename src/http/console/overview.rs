//! The overview of an organization, of an endpoint and of everything: what needs attention first, how much arrives, how fast.

use super::super::api::show::Audience;
use super::chart::{self, Bar, Latency, duration_ms};
use super::configuration::{PATH as WEBHOOKS, endpoints_of};
use super::deliveries::table;
use super::explain::class_words;
use super::page::{Page, Section, part};
use super::pieces::{breakable, endpoint_words, number, percent, tile};
use super::visit::{Place, Visit};
use super::{Outcome, Refusal};
use crate::store::directory::{Endpoint, PageRequest};
use crate::store::log::{DeliveryFilter, StateFilter};
use crate::store::stats::Subject;
use maud::{Markup, html};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::id::OrganizationId;
use tidings_core::organization::WebhookAccess;
use tidings_core::stats::{Counts, Range, Series};

/// How far back is shown when nothing is chosen: its name in the query, words, seconds.
const USUAL: (&str, &str, u64) = ("24h", "Last 24 hours", 86_400);
/// What can be chosen.
const SPANS: [(&str, &str, u64); 4] = [
    ("1h", "Last hour", 3_600),
    USUAL,
    ("7d", "Last 7 days", 7 * 86_400),
    ("30d", "Last 30 days", 30 * 86_400),
];
/// Endpoints whose rates an overview asks for.
const ENDPOINTS: usize = 20;
/// Counts are written about so often.
pub(super) const COUNTED: Duration = Duration::from_secs(5);
/// Failed deliveries that need attention, shown on an overview.
const FAILED: usize = 5;

fn span(visit: &Visit) -> (&'static str, &'static str, u64) {
    let wanted = visit.query.trimmed("span");
    let found = SPANS.into_iter().find(|(name, ..)| *name == wanted);
    found.unwrap_or(USUAL)
}

async fn series(visit: &Visit, subject: Subject, seconds: u64) -> Result<Series, Refusal> {
    let now = visit.now();
    let range = Range::fitting(now.minus(Duration::from_secs(seconds)), now);
    let range = range.unwrap_or(Range {
        first: 0,
        step: 1,
        steps: 1,
    });
    let found = visit.api.store.stats(subject, range).await?;
    Ok(found.unwrap_or_else(|| Series::empty(range)))
}

/// The share of deliveries that came to rest and arrived.
fn rate(counts: &Counts) -> String {
    percent(counts.delivered, counts.delivered + counts.exhausted)
}

fn spans(visit: &Visit, path: &str) -> Markup {
    let (chosen, ..) = span(visit);
    html! {
        nav .tabs aria-label="Time" {
            @for (name, words, _) in SPANS {
                a href={ (path) "span=" (name) } aria-current=[(name == chosen).then_some("page")] { (words) }
            }
        }
    }
}

fn tiles(total: &Counts) -> Markup {
    let latency = |share| {
        total
            .percentile(share)
            .map_or_else(|| String::from("–"), duration_ms)
    };
    html! {
        div .tiles {
            (tile("Arrived", &rate(total), "of what came to rest", total.exhausted == 0))
            (tile("Delivered", &number(total.delivered), "deliveries", true))
            (tile("Failed", &number(total.exhausted), "every try used up", total.exhausted == 0))
            (tile("Answer time", &latency(0.5), &format!("half are faster; 99 of 100 take {} at most", latency(0.99)), true))
        }
    }
}

fn charts(series: &Series) -> Markup {
    let steps = || series.points.iter().enumerate();
    let bars: Vec<Bar> = steps()
        .map(|(step, counts)| Bar {
            at: series.starts_at(step),
            good: counts.received(),
            bad: counts.attempts() - counts.received(),
            why: classes(counts)
                .iter()
                .map(|(words, count)| format!("{words} {count}"))
                .collect::<Vec<_>>()
                .join(", "),
        })
        .collect();
    let latency: Vec<Latency> = steps()
        .map(|(step, counts)| {
            let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| counts.percentile(share));
            Latency {
                at: series.starts_at(step),
                of: p50
                    .zip(p95)
                    .zip(p99)
                    .map(|((p50, p95), p99)| [p50, p95, p99]),
            }
        })
        .collect();
    html! {
        div .charts {
            (chart::bars("Requests, received and failed", &bars))
            (chart::latency("How long answers take", &latency))
        }
        (failures(&series.total))
    }
}

/// Failures by class, the most frequent first.
fn classes(counts: &Counts) -> Vec<(&'static str, u64)> {
    let mut classes: Vec<(&str, u64)> = Vec::new();
    for (class, count) in &counts.outcomes {
        let words = class_words(class);
        match classes.iter_mut().find(|(known, _)| *known == words) {
            _ if *class == "success" => {}
            Some((_, sum)) => *sum += count,
            None => classes.push((words, *count)),
        }
    }
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    classes
}

fn failures(total: &Counts) -> Markup {
    let classes = classes(total);
    html! {
        @if !classes.is_empty() {
            h2 { "Why requests failed" }
            ul .legend { @for (words, count) in classes { li { (words) " " strong { (number(count)) } } } }
        }
    }
}

/// `GET /admin/overview`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let place = visit.place()?;
    let (_, words, seconds) = span(&visit);
    let series = series(&visit, Subject::Organization(place.id()), seconds).await?;
    let live = html! {
        (attention(&visit, &place).await?)
        h2 { (words) }
        (tiles(&series.total))
        (charts(&series))
        (endpoints(&visit, &place, seconds).await?)
    };
    let path = format!("/admin/overview?{}&", place.query());
    let body = html! {
        h1 { "Overview" }
        (spans(&visit, &path))
        (part("overview", &live))
    };
    Ok(Page::new("Overview", Section::Overview, body)
        .at(&place)
        .with_live("overview", live)
        .every(COUNTED)
        .into())
}

/// What needs somebody: no add-on, switched off, failed deliveries.
async fn attention(visit: &Visit, place: &Place) -> Result<Markup, Refusal> {
    let filter = DeliveryFilter {
        state: Some(StateFilter::Exhausted),
        from: Some(visit.now().minus(Duration::from_secs(7 * 86_400))),
        ..DeliveryFilter::default()
    };
    let request = PageRequest {
        limit: FAILED,
        after: None,
    };
    let failed = visit
        .api
        .store
        .deliveries(place.id(), filter, request)
        .await?;
    let webhooks = format!("{WEBHOOKS}?{}", place.query());
    let access = place.organization.access();
    let none = endpoints_of(visit, place).is_empty();
    Ok(html! {
        @match access {
            WebhookAccess::Suspended => div .panel .warn { p { "Webhooks are not part of this organization's plan. " a href=(webhooks) { "What is missing" } } },
            WebhookAccess::SwitchedOff if !none => div .panel .warn { p { "Webhooks are switched off; nothing is sent. " a href=(webhooks) { "Switch on" } } },
            WebhookAccess::SwitchedOff | WebhookAccess::Active => {
                @if none { div .panel { p { "There is no endpoint yet. " a href=(webhooks) { "Add one" } } } }
            }
        }
        @if !failed.items.is_empty() {
            h2 { "Failed, and kept to be sent again" }
            (table(visit, place, &failed.items))
            @if failed.next.is_some() {
                p { a href={ "/admin/deliveries?" (place.query()) "&state=exhausted" } { "All failed deliveries" } }
            }
        }
    })
}

async fn endpoints(visit: &Visit, place: &Place, seconds: u64) -> Result<Markup, Refusal> {
    let endpoints: Vec<Arc<Endpoint>> = endpoints_of(visit, place);
    let mut rows = Vec::new();
    for endpoint in endpoints.iter().take(ENDPOINTS) {
        let subject = Subject::Endpoint(place.id(), endpoint.id);
        rows.push((endpoint, series(visit, subject, seconds).await?.total));
    }
    // What fails most comes first.
    rows.sort_by_key(|(_, total)| std::cmp::Reverse(total.attempts() - total.received()));
    Ok(html! {
        @if !rows.is_empty() {
            h2 { "By endpoint" }
            table .list .cards {
                thead { tr { th scope="col" { "Endpoint" } th scope="col" { "Arrived" } th scope="col" { "Delivered" } th scope="col" { "Failed requests" } th scope="col" { "Answer time" } } }
                tbody {
                    @for (endpoint, total) in &rows {
                        tr {
                            td data-label="Endpoint" {
                                @let (address, words) = endpoint_words(endpoint, Audience::of(&place.caller));
                                a .strong href={ (WEBHOOKS) "/" (endpoint.id) } { (breakable(&address)) }
                                @if !words.is_empty() { p .quiet { (words) } }
                            }
                            td data-label="Arrived" { (rate(total)) }
                            td data-label="Delivered" { (number(total.delivered)) }
                            td data-label="Failed requests" { (number(total.attempts() - total.received())) }
                            td data-label="Answer time" { (total.percentile(0.5).map_or_else(|| String::from("–"), duration_ms)) }
                        }
                    }
                }
            }
        }
    })
}

/// The part of an endpoint's page.
pub(super) async fn of_endpoint(
    visit: &Visit,
    place: &Place,
    endpoint: &Endpoint,
) -> Result<Markup, Refusal> {
    let subject = Subject::Endpoint(place.id(), endpoint.id);
    let series = series(visit, subject, USUAL.2).await?;
    Ok(html! {
        @if series.total.attempts() > 0 {
            h2 { (USUAL.1) }
            (tiles(&series.total))
            (charts(&series))
        }
    })
}

/// The part of the operator's list of organizations.
pub(super) async fn of_everything(visit: &Visit) -> Result<Markup, Refusal> {
    let series = series(visit, Subject::All, USUAL.2).await?;
    Ok(html! {
        @if series.total.attempts() > 0 {
            h2 { "Everything, " (USUAL.1.to_lowercase()) }
            (tiles(&series.total))
            (charts(&series))
        }
    })
}

/// How much of an organization's deliveries arrived in the last 24 hours.
pub(super) async fn rate_of(
    visit: &Visit,
    organization: OrganizationId,
) -> Result<Markup, Refusal> {
    let series = series(visit, Subject::Organization(organization), USUAL.2).await?;
    let total = &series.total;
    Ok(html! {
        @if total.attempts() == 0 { span .quiet { "nothing sent" } }
        @else { (rate(total)) " of " (number(total.delivered + total.exhausted)) }
    })
}
