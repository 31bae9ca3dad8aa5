//! The audit log: what was done, by whom, from where; of everything for operators, of one organization for its
//! administrators.

use super::super::api::audit::read_filter;
use super::form::{Faults, local_time};
use super::page::{Page, Section};
use super::pieces::{fault_summary, moment, pages};
use super::visit::{Place, Visit};
use super::{Outcome, Refusal, UNPROCESSABLE};
use crate::store::audit::{ActOutcome, AuditFilter, Entry};
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Where the page is.
const PATH: &str = "/admin/audit";
/// What can be asked for.
const FILTERS: [&str; 4] = ["act", "actor", "from", "to"];
/// What acts are about, as they begin.
const KINDS: [(&str, &str); 13] = [
    ("organization.", "Organizations"),
    ("webhooks.", "Webhooks switched"),
    ("endpoint.", "Endpoints"),
    ("secret.", "Secrets"),
    ("delivery.", "Retries"),
    ("replay.", "Replays"),
    ("event_type.", "Event types"),
    ("key.", "API keys"),
    ("account.", "Accounts"),
    ("session.", "Logins"),
    ("link.", "Links"),
    ("master_key.", "Master key"),
    ("request.", "Refused"),
];

/// What an act is called.
fn words(act: &str) -> &str {
    match act {
        "organization.put" => "Organization made or changed",
        "organization.delete" => "Organization deleted",
        "webhooks.set" => "Webhooks switched on or off",
        "endpoint.create" => "Endpoint made",
        "endpoint.patch" => "Endpoint changed",
        "endpoint.delete" => "Endpoint deleted",
        "endpoint.test" => "Test sent",
        "secret.reveal" => "Secret looked at",
        "secret.rotate" => "Secret rotated",
        "secret.confirm" => "New secret confirmed",
        "delivery.retry" => "One more try asked for",
        "replay.start" => "Replay started",
        "replay.stop" => "Replay stopped",
        "event_type.put" => "Event type made or changed",
        "key.create" => "API key made",
        "key.revoke" => "API key revoked",
        "account.create" => "Account made",
        "account.change" => "Account changed",
        "account.delete" => "Account removed",
        "account.leave" => "Role taken away",
        "account.password" => "Password changed",
        "second_factor.begin" => "Second factor begun",
        "second_factor.on" => "Second factor on",
        "second_factor.off" => "Second factor off",
        "second_factor.codes" => "New recovery codes",
        "second_factor.recovery" => "Recovery code used",
        "session.open" => "Logged in",
        "session.end" => "Session ended",
        "session.refuse" => "Login failed",
        "link.create" => "Link made",
        "link.use" => "Link used",
        "link.revoke" => "Link revoked",
        "master_key.take" => "New master key",
        "master_key.seal_anew" => "Secrets sealed anew",
        "request.refuse" => "Refused",
        other => other,
    }
}

/// `GET /admin/audit`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let named = !visit.query.trimmed("organization").is_empty();
    let place = match visit.is_operator() && !named {
        true => None,
        false => Some(visit.administered()?),
    };
    let list = match &place {
        Some(place) => format!("{PATH}/{}", place.id()),
        None => PATH.to_owned(),
    };
    let asked = visit.asked(&list, &FILTERS, |query| AuditFilter {
        organization: place.as_ref().map(Place::id),
        ..read_filter(query)
    });
    let (filter, (request, cursors)) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            let faults = Faults::of(&problem);
            let page = draw(&visit, place.as_ref(), &fault_summary(&faults));
            return Ok(page.with_status(UNPROCESSABLE).into());
        }
    };
    let page = visit.api.store.audit(filter, request).await?;
    let names = names(&visit, &page.items).await?;
    let next = cursors.write(page.next.as_ref());
    let list = html! {
        @if page.items.is_empty() {
            div .empty { h2 { "Nothing there" } p { "No entry is like that." } }
        } @else {
            (table(&page.items, &names))
            (pages(&visit, PATH, next.as_deref(), "Older"))
        }
    };
    Ok(draw(&visit, place.as_ref(), &list).into())
}

/// What the accounts are called that acted on a page.
async fn names(visit: &Visit, entries: &[Entry]) -> Result<HashMap<String, String>, Refusal> {
    let mut names = HashMap::new();
    for entry in entries {
        let Some(id) = entry.actor.strip_prefix("account ") else {
            continue;
        };
        if let Ok(id) = id.parse()
            && !names.contains_key(&entry.actor)
            && let Some(account) = visit.api.store.account(id).await?
        {
            names.insert(entry.actor.clone(), account.name);
        }
    }
    Ok(names)
}

fn draw(visit: &Visit, place: Option<&Place>, list: &Markup) -> Page {
    let body = html! {
        h1 { "Audit log" }
        (filters(visit, place))
        (list)
    };
    let page = Page::new("Audit log", Section::Audit, body);
    match place {
        Some(place) => page.at(place),
        None => page,
    }
}

fn filters(visit: &Visit, place: Option<&Place>) -> Markup {
    let query = &visit.query;
    html! {
        form .filters method="get" action=(PATH) role="search" {
            @if let Some(place) = place { input type="hidden" name="organization" value=(place.id()); }
            div .field {
                label for="act" { "About" }
                select id="act" name="act" {
                    option value="" { "Everything" }
                    @for (kind, words) in KINDS {
                        option value=(kind) selected[query.trimmed("act") == kind] { (words) }
                    }
                }
            }
            div .field { label for="actor" { "By" } input id="actor" name="actor" type="text" value=(query.trimmed("actor")) placeholder="account acc_… or key key_…" autocomplete="off"; }
            div .field { label for="from" { "From (UTC)" } input id="from" name="from" type="datetime-local" value=(local_time(query.trimmed("from"))); }
            div .field { label for="to" { "To (UTC)" } input id="to" name="to" type="datetime-local" value=(local_time(query.trimmed("to"))); }
            div .actions {
                button .primary type="submit" { "Show" }
                a .button href={ (PATH) @if let Some(place) = place { "?" (place.query()) } } { "Clear" }
            }
        }
    }
}

fn table(entries: &[Entry], names: &HashMap<String, String>) -> Markup {
    html! {
        table .list .cards {
            thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "By" } th scope="col" { "From" } } }
            tbody { @for entry in entries { (row(entry, names)) } }
        }
    }
}

fn row(entry: &Entry, names: &HashMap<String, String>) -> Markup {
    html! {
        tr #(entry.id) {
            td data-label="When" { (moment(entry.at)) }
            td data-label="What" {
                div {
                    strong title=(entry.act) { (words(&entry.act)) }
                    @if entry.outcome == ActOutcome::Refused { " " span .badge .bad { "refused" } }
                    @if entry.is_whole() == Some(false) { " " span .badge .bad { "changed afterwards" } }
                    p { (entry.subject) }
                    (changes(entry))
                }
            }
            td data-label="By" {
                div {
                    @match names.get(&entry.actor) {
                        Some(name) => { (name) p .quiet { (entry.actor) } }
                        None => { (entry.actor) }
                    }
                }
            }
            td data-label="From" { @if let Some(address) = &entry.address { (address) } @else { "–" } }
        }
    }
}

/// What differs between before and after, member by member.
fn changes(entry: &Entry) -> Markup {
    let members = |value: &Option<Value>| match value {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    let (before, after) = (members(&entry.before), members(&entry.after));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| before.get(*key) != after.get(*key));
    html! {
        @if !keys.is_empty() {
            details {
                summary { (keys.len()) @if keys.len() == 1 { " detail" } @else { " details" } }
                dl .facts {
                    @for key in keys {
                        dt { (key) }
                        dd {
                            @if let Some(was) = before.get(key) { code { (was) } " → " }
                            @match after.get(key) { Some(is) => { code { (is) } } None => { "–" } }
                        }
                    }
                }
            }
        }
    }
}
