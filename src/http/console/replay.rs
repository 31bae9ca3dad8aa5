//! Replays: sending a time range of an endpoint again, with its progress and a stop button.

use super::super::api::replays::{delete_replay, post_replay};
use super::super::api::show::Audience;
use super::super::code::Code;
use super::super::problem::Problem;
use super::configuration::PATH;
use super::form::{Faults, json_of, local_time, object, utc_time};
use super::page::{Page, Section, part};
use super::pieces::{action, endpoint_words, fault_summary, moment, number, token};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, UNPROCESSABLE};
use crate::store::directory::Endpoint;
use crate::store::log::{Replay, ReplayState};
use maud::{Markup, html};
use serde_json::Value;
use std::time::Duration;
use tidings_core::id::ReplayId;
use tidings_core::limits::REPLAY_DAYS;
use tidings_core::time::Timestamp;

/// What can be sent again, and what each means.
const CHOICES: [(&str, &str, bool); 4] = [
    ("exhausted", "failed: every try was used up", true),
    (
        "missing",
        "missing: events while the endpoint was off or not there yet",
        true,
    ),
    (
        "cancelled",
        "cancelled: discarded, or the add-on was gone",
        false,
    ),
    (
        "delivered",
        "delivered: send what already arrived once more",
        false,
    ),
];

fn draw(visit: &Visit, place: &Place, endpoint: &Endpoint, faults: &Faults) -> Page {
    let now = visit.now();
    let typed = |name: &str, default: Timestamp| match visit.form.trimmed(name) {
        "" => local_time(&default.rfc3339()).to_owned(),
        text => text.to_owned(),
    };
    let first = !visit.form.has("from");
    let body = html! {
        p .back { a href={ (PATH) "/" (endpoint.id) } { "← The endpoint" } }
        h1 { "Send again" }
        p { "Sends a time range of events to " strong { (endpoint_words(endpoint, Audience::of(&place.caller)).0) } " once more: with the same ids, to the current URL, signed with the current secret." }
        (fault_summary(faults))
        form .panel method="post" action={ (PATH) "/" (endpoint.id) "/replay" } {
            (token(visit))
            div .fields {
                div .field {
                    label for="from" { "Accepted from (UTC)" }
                    input id="from" name="from" type="datetime-local" required value=(typed("from", now.minus(Duration::from_secs(86_400))));
                    @if let Some(fault) = faults.field("from") { p .fault { (fault) } }
                }
                div .field {
                    label for="to" { "To (UTC)" }
                    input id="to" name="to" type="datetime-local" required value=(typed("to", now.plus(Duration::from_secs(60))));
                    p .hint { "At most " (REPLAY_DAYS) " days." }
                    @if let Some(fault) = faults.field("to") { p .fault { (fault) } }
                }
            }
            fieldset .plainly {
                legend { "Which" }
                @for (name, words, usual) in CHOICES {
                    label .check {
                        input type="checkbox" name="include" value=(name) checked[if first { usual } else { visit.form.holds("include", name) }];
                        (words)
                    }
                }
                @if let Some(fault) = faults.field("include") { p .fault { (fault) } }
            }
            button .primary type="submit" { "Send again" }
        }
    };
    Page::new("Send again", Section::Webhooks, body).at(place)
}

/// `GET /admin/integrations/webhooks/{ep}/replay`.
pub(super) async fn get_new(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    Ok(draw(&visit, &place, &endpoint, &Faults::default()).into())
}

/// `POST /admin/integrations/webhooks/{ep}/replay`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let time = |name: &str| Value::from(utc_time(visit.form.trimmed(name)));
    let include = visit.form.all("include").map(Value::from).collect();
    let body = object(vec![
        ("from", time("from")),
        ("to", time("to")),
        ("include", Value::Array(include)),
    ]);
    match post_replay(visit.call_of(&place, &endpoint, None, body)).await {
        Ok(reply) => {
            let started = json_of(&reply)?;
            let replay = started.get("id").and_then(Value::as_str);
            Ok(Answer::see(format!(
                "{PATH}/{}/replay/{}",
                endpoint.id,
                replay.unwrap_or_default()
            )))
        }
        Err(problem) if problem.faults().is_empty() => Err(problem.into()),
        Err(problem) => {
            let faults = Faults::of(&problem);
            Ok(draw(&visit, &place, &endpoint, &faults)
                .with_status(UNPROCESSABLE)
                .into())
        }
    }
}

/// `GET /admin/integrations/webhooks/{ep}/replay/{rpl}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.endpoint()?;
    let text = visit.param(1);
    let missing = || Problem::missing(Code::NoSuchReplay, "replay", text);
    let id: ReplayId = text.parse().map_err(|_| missing())?;
    let found = visit.api.store.replay(place.id(), id).await?;
    let replay = found
        .filter(|replay| replay.endpoint == endpoint.id)
        .ok_or_else(missing)?;
    let inner = progress(&visit, &place, &endpoint, &replay);
    let body = html! {
        p .back { a href={ (PATH) "/" (endpoint.id) } { "← The endpoint" } }
        h1 { "Sending again" }
        p .quiet { "Events accepted from " (moment(replay.from)) " to " (moment(replay.to)) ", to " (endpoint_words(&endpoint, Audience::of(&place.caller)).0) }
        (part("replay", &inner))
        p { a .button href={ "/admin/deliveries?" (place.query()) "&endpoint=" (endpoint.id) } { "Deliveries of this endpoint" } }
    };
    Ok(Page::new("Sending again", Section::Webhooks, body)
        .at(&place)
        .with_live("replay", inner)
        .into())
}

fn progress(visit: &Visit, place: &Place, endpoint: &Endpoint, replay: &Replay) -> Markup {
    let words = match replay.state {
        ReplayState::Running => "Running",
        ReplayState::Done => "Done",
        ReplayState::Stopped => "Stopped",
    };
    let path = format!("{PATH}/{}/replay/{}/stop", endpoint.id, replay.id);
    html! {
        section .panel {
            p { strong { (words) } ": " (number(replay.examined)) " events looked at, " (number(replay.queued)) " queued to be sent." }
            progress max="100" value=(replay.percent) aria-label="Progress" { (replay.percent) " %" }
            @if replay.state == ReplayState::Running && place.may_change() {
                (action(visit, &path, "Stop", "danger"))
            }
        }
    }
}

/// `POST /admin/integrations/webhooks/{ep}/replay/{rpl}/stop`.
pub(super) async fn stop(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let replay = visit.param(1);
    delete_replay(visit.call_of(&place, &endpoint, Some(replay), Vec::new())).await?;
    Ok(Answer::see(format!(
        "{PATH}/{}/replay/{replay}?done=stopped",
        endpoint.id
    )))
}
