//! One delivery: did it arrive, and if not, why? A timeline of its attempts, each with request, answer, timing and what to do.

use super::super::api::deliveries::retry_delivery;
use super::super::api::events::erased;
use super::super::api::show::{AnswerShown, AttemptShown, Audience, attempt};
use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::configuration::PATH as WEBHOOKS;
use super::events::PATH as EVENTS;
use super::explain::explain;
use super::page::{Page, Section, part};
use super::pieces::{action, block, copyable, duration, endpoint_words, moment, state};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal, chart};
use crate::respelled::for_reading;
use crate::store::Reach;
use crate::store::log::{AttemptDetail, DeliveryDetail};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use maud::{Markup, html};
use tidings_core::delivery::{CancelReason, Resting, Round, Shown};
use tidings_core::id::DeliveryId;
use tidings_core::outcome::{Outcome as Became, Verdict};

/// The newest attempts that a page shows.
const SHOWN: usize = 30;
/// Bytes of a body that a page shows; all of it can be downloaded (S12).
pub(super) const SHOWN_BYTES: usize = 16 * 1024;

/// The delivery in the path, and where it stands.
async fn find(visit: &Visit) -> Result<(Place, DeliveryDetail), Refusal> {
    let text = visit.param(0);
    let missing = || Problem::missing(Code::NoSuchDelivery, "delivery", text);
    visit.login()?;
    let id: DeliveryId = text.parse().map_err(|_| missing())?;
    // Whose it is decides what may be seen of it: found first, shown only to who knows the organization.
    let found = visit.api.store.delivery(Reach::All, id).await?;
    let found = found.ok_or_else(missing)?;
    match visit.place_of(found.summary.organization) {
        Ok(place) => match found.summary.erased_at {
            Some(at) => Err(erased(at).into()),
            None => Ok((place, found)),
        },
        Err(_) => Err(missing().into()),
    }
}

/// `GET /admin/deliveries/{dlv}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let (place, found) = find(&visit).await?;
    let inner = html! {
        (head(&visit, &place, &found))
        (timeline(&visit, &place, &found))
    };
    let body = html! {
        p .back { a href={ "/admin/deliveries?" (place.query()) } { "← Deliveries" } }
        (part("delivery", &inner))
        (request_body(&found))
        dl .facts {
            dt { "Delivery" } dd { (copyable("delivery-id", &found.summary.id.to_string())) p .quiet { "Also the header " code { "webhook-id" } ", the same on every try." } }
            dt { "Event" } dd { a href={ (EVENTS) "/" (found.summary.id.event) } { code { (found.summary.id.event) } } }
            @if let Some(reference) = &found.summary.reference { dt { "Reference" } dd { (copyable("reference", reference.as_str())) } }
            dt { "Accepted" } dd { (moment(found.summary.accepted_at)) }
        }
    };
    Ok(Page::new(
        format!("{} {}", found.summary.wire_type, found.summary.shown.name()),
        Section::Deliveries,
        body,
    )
    .at(&place)
    .with_live("delivery", inner)
    .into())
}

/// Did it arrive?
fn verdict(found: &DeliveryDetail) -> &'static str {
    let again = matches!(
        found.summary.progress.round,
        Round::Retry(_) | Round::Replay(_)
    );
    match found.summary.shown {
        Shown::Resting(Resting::Delivered) => "It arrived.",
        Shown::Resting(Resting::Exhausted) => {
            "It did not arrive: every try failed. It is kept and can be sent again."
        }
        Shown::Resting(Resting::Cancelled(reason)) => match reason {
            CancelReason::AddOn => "It was not sent: the organization's add-on was taken away.",
            CancelReason::Deleted => "It was not sent: the endpoint was deleted.",
            CancelReason::Discarded => {
                "It was not sent: it was discarded when the endpoint or its organization was switched on again."
            }
            CancelReason::Expired => "It was not sent: its body was removed by retention.",
            CancelReason::Damaged => "It was not sent: its stored body is damaged.",
        },
        Shown::InFlight => "It is being sent now.",
        Shown::Held => "It waits: the endpoint or its organization is switched off.",
        Shown::Due if again => "It is about to be sent again.",
        Shown::Due if found.attempts.is_empty() => "It is about to be sent.",
        Shown::Due => "It has not arrived yet: another try follows.",
    }
}

fn head(visit: &Visit, place: &Place, found: &DeliveryDetail) -> Markup {
    let summary = &found.summary;
    let resting = matches!(summary.shown, Shown::Resting(_));
    let can_retry = place.may_change()
        && found.endpoint.is_some()
        && summary.progress.round != Round::Test
        && (resting || summary.shown == Shown::Due);
    html! {
        div .heading {
            h1 { (summary.wire_type) }
            (state(summary.shown))
            @if summary.progress.round == Round::Test { span .badge .quiet { "test" } }
            span .push {}
            @if can_retry { (action(visit, &format!("/admin/deliveries/{}/retry", summary.id), "Send again", "primary")) }
        }
        p .verdict { (verdict(found))
            @if let (Shown::Due, Some(due)) = (summary.shown, summary.due_at) { " Next try " (moment(due)) "." }
        }
        p .quiet {
            @if let Some(endpoint) = &found.endpoint {
                @let (address, words) = endpoint_words(endpoint, Audience::of(&place.caller));
                "To " a href={ (WEBHOOKS) "/" (endpoint.id) } { (address) }
                @if !words.is_empty() { " · " (words) }
            } @else { "To an endpoint that was deleted" }
        }
    }
}

fn timeline(visit: &Visit, place: &Place, found: &DeliveryDetail) -> Markup {
    let hidden = found.attempts.len().saturating_sub(SHOWN);
    html! {
        @if !found.attempts.is_empty() {
            h2 { "Tries" }
            @if hidden > 0 { p .quiet { (hidden) " earlier tries are not shown here; the API shows all." } }
            ol .timeline {
                @for detail in found.attempts.iter().rev().take(SHOWN) {
                    (try_of(visit, place, found, detail))
                }
            }
        }
    }
}

fn try_of(visit: &Visit, place: &Place, found: &DeliveryDetail, detail: &AttemptDetail) -> Markup {
    let record = &detail.record;
    let shown = attempt(
        found.summary.id,
        detail,
        &visit.api,
        Audience::of(&place.caller),
    );
    let words = explain(record.outcome);
    let (look, open) = match record.outcome.verdict() {
        Verdict::Success => ("good", found.attempts.len() == 1),
        Verdict::Failure => ("bad", true),
        Verdict::NotCounted => ("hold", true),
    };
    let newest = found
        .attempts
        .last()
        .is_some_and(|last| last.record.number == record.number);
    html! {
        li class=(look) {
            h3 { "Try " (record.number) ": " (words.what) }
            p .quiet { (moment(record.started_at)) ", took " (duration(record.timing.total))
                @if record.lateness.as_millis() >= 1_000 { ", started " (duration(record.lateness)) " late" } }
            @if !words.cause.is_empty() {
                p { strong { "Likely cause: " } (words.cause) }
                p { strong { "Next step: " } (words.next) }
            }
            @if let Some(detail) = &shown.detail { p .quiet { "More: " (detail) } }
            (chart::timing(&record.timing))
            @if is_unauthorized(record.outcome) && place.may_change() {
                p { a href={ "/admin/signature?" (place.query()) "&delivery=" (found.summary.id) "&number=" (record.number) } { "Check the signature of this request" } }
            }
            details open[open && newest] id={ "try-" (record.number) } {
                summary { "Request and answer" }
                (request(&shown, found))
                (answer(visit, &shown))
            }
        }
    }
}

const fn is_unauthorized(outcome: Became) -> bool {
    matches!(outcome, Became::Status(400 | 401 | 403))
}

fn request(shown: &AttemptShown, found: &DeliveryDetail) -> Markup {
    let mut text = format!("POST {}", shown.url);
    for header in &shown.request_headers {
        text.push_str(&format!("\n{}: {}", header.name, header.value));
    }
    let number = shown.number;
    html! {
        h4 { "Request" }
        @if shown.request_headers.is_empty() {
            p { "Nothing was sent." }
        } @else {
            (block(&format!("request-{number}"), "Request headers", &text))
            @if let Some(body) = &found.body {
                details .more {
                    summary { "As a curl command" }
                    (block(&format!("curl-{number}"), "curl command", &curl(shown, found.summary.id, body)))
                    @if body.len() > SHOWN_BYTES { p .quiet { "The body is long: download it first, below." } }
                }
            }
        }
        @if let Some(peer) = &shown.peer { p .quiet { "Sent to " code { (peer) } } }
    }
}

/// A command that makes the same request, for a shell; a long body comes from the file that the page offers.
fn curl(shown: &AttemptShown, id: DeliveryId, body: &[u8]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut command = format!("curl -i -X POST {}", quoted(&shown.url));
    for header in &shown.request_headers {
        let line = format!("{}: {}", header.name, header.value);
        command.push_str(&format!(" \\\n  -H {}", quoted(&line)));
    }
    let body = match body.len() {
        0..=SHOWN_BYTES => quoted(&String::from_utf8_lossy(body)),
        _ => format!("@{}", body_file(id)),
    };
    command.push_str(&format!(" \\\n  --data-binary {body}"));
    command
}

/// What a delivery's body is called as a file.
fn body_file(id: DeliveryId) -> String {
    format!("{id}.json.txt")
}

fn answer(visit: &Visit, shown: &AttemptShown) -> Markup {
    let number = shown.number;
    html! {
        h4 { "Answer" }
        @if let Some(answer) = &shown.answer {
            (block(&format!("answer-{number}"), "Answer headers", &answer_head(answer)))
            @if answer.body.is_empty() {
                p .quiet { "Without a body." }
            } @else {
                (block(&format!("answer-body-{number}"), "Answer body", &answer.body))
                p .quiet {
                    @if answer.body_bytes > answer.body.len() as u64 { "The first " (answer.body.len()) " of " (answer.body_bytes) " bytes. " }
                    a href={ "/admin/deliveries/" (visit.param(0)) "/attempts/" (number) "/answer" } { "Download" }
                }
            }
        } @else { p .quiet { "None came." } }
    }
}

fn answer_head(answer: &AnswerShown) -> String {
    let mut text = match answer.status {
        Some(status) => format!("HTTP {status}"),
        None => String::from("incomplete"),
    };
    for header in &answer.headers {
        text.push_str(&format!("\n{}: {}", header.name, header.value));
    }
    text
}

fn request_body(found: &DeliveryDetail) -> Markup {
    html! {
        section {
            h2 { "Body" }
            @if let Some(body) = &found.body {
                @let text = String::from_utf8_lossy(body);
                @let start = text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default();
                p .quiet { "The exact bytes, " (body.len()) " of them: what the signatures are made over. "
                    @if start.len() < text.len() { "Here are the first " (start.len()) ". " }
                    a href={ "/admin/deliveries/" (found.summary.id) "/body" } { "Download" } }
                (block("body", "Request body", start))
                @if start.len() == text.len() && let Some(pretty) = for_reading(body) {
                    details .more { summary { "Laid out for reading" } (block("pretty", "Request body, laid out", &pretty)) }
                }
            } @else { p .quiet { "It was removed by retention." } }
        }
    }
}

/// `POST /admin/deliveries/{dlv}/retry`.
pub(super) async fn retry(visit: Visit) -> Outcome {
    let (place, found) = find(&visit).await?;
    place.caller.administers(place.id())?;
    let id = found.summary.id.to_string();
    retry_delivery(visit.call(place.caller, &[&id], Vec::new())).await?;
    Ok(Answer::see(format!("/admin/deliveries/{id}?done=retried")))
}

/// A file that no browser takes for a page.
fn download(name: &str, bytes: Vec<u8>) -> Outcome {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|error| Problem::internal(&error))?;
    Ok(Answer::Reply(
        Reply::text(StatusCode::OK, bytes)
            .with(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            )
            .with(CONTENT_DISPOSITION, disposition),
    ))
}

/// `GET /admin/deliveries/{dlv}/body`.
pub(super) async fn body(visit: Visit) -> Outcome {
    let (_, found) = find(&visit).await?;
    match found.body {
        Some(body) => download(&body_file(found.summary.id), body.to_vec()),
        None => Err(Problem::new(Code::BodyExpired, "The body was removed by retention.").into()),
    }
}

/// `GET /admin/deliveries/{dlv}/attempts/{number}/answer`.
pub(super) async fn answer_body(visit: Visit) -> Outcome {
    let (_, found) = find(&visit).await?;
    let number: Option<u32> = visit.param(1).parse().ok();
    let detail = found
        .attempts
        .into_iter()
        .find(|detail| Some(detail.record.number) == number);
    match detail {
        Some(detail) => download(
            &format!("{}-{}-answer.txt", found.summary.id, detail.record.number),
            detail.record.answer.body.to_vec(),
        ),
        None => Err(super::missing("try", visit.param(1))),
    }
}
