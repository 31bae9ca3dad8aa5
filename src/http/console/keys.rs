//! API keys, for operators: which there are, a new one, an end to one.

use super::super::api::keys::{delete_key, post_key};
use super::form::{Faults, json_of, object};
use super::page::{Page, Section};
use super::pieces::{Field, copyable, ending, fault_summary, moment, more, token};
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE};
use crate::store::Reach;
use crate::store::directory::ApiKey;
use maud::{Markup, html};
use serde_json::Value;
use tidings_core::api_key::KeyKind;

/// Where the page is.
const PATH: &str = "/admin/keys";

/// `GET /admin/keys`.
pub(super) async fn get(visit: Visit) -> Outcome {
    visit.operator()?;
    Ok(draw(&visit, &Faults::default(), &html! {}).await?.into())
}

async fn draw(visit: &Visit, faults: &Faults, made: &Markup) -> Result<Page, Refusal> {
    let (request, cursors) = visit.page(PATH)?;
    let page = visit.api.store.keys(Reach::All, &request);
    let next = cursors.write(page.next.as_ref());
    let ids = page.items.iter().map(|key| key.id).collect();
    let used = visit.api.store.last_uses(ids).await?;
    let body = html! {
        h1 { "API keys" }
        (made)
        (fault_summary(faults))
        table .list .cards {
            thead { tr { th scope="col" { "Scope" } th scope="col" { "Description" } th scope="col" { "Made" } th scope="col" { "Last used" } th scope="col" { "Ends" } th scope="col" { span .hidden { "Revoke" } } } }
            tbody {
                @for key in &page.items {
                    tr {
                        td data-label="Scope" { (key.scope.name()) @if let Some(organization) = key.scope.organization() { " of " (organization) } }
                        td data-label="Description" { (key.description) p .quiet { (key.id) } }
                        td data-label="Made" { (moment(key.created_at)) }
                        td data-label="Last used" { @if let Some(at) = used.get(&key.id) { (moment(*at)) } @else { "never" } }
                        td data-label="Ends" { @if let Some(end) = key.expires_at { (moment(end)) } @else { "never" } }
                        td { (revoking(visit, key)) }
                    }
                }
            }
        }
        @if let Some(next) = next { (more(&format!("{PATH}?cursor={next}"))) }
        (form(visit, faults))
    };
    Ok(Page::new("API keys", Section::Keys, body))
}

/// What stops working at one click, first said: a platform posts with this.
fn revoking(visit: &Visit, key: &ApiKey) -> Markup {
    let path = format!("{PATH}/{}/revoke", key.id);
    let name = match key.description.as_str() {
        "" => key.id.to_string(),
        words => format!("{words} ({})", key.id),
    };
    let ends = format!("{name} is refused at once. It cannot be brought back.");
    ending(visit, &path, ("Revoke", "Revoke the key"), &ends)
}

fn form(visit: &Visit, faults: &Faults) -> Markup {
    html! {
        section .panel {
            h2 { "Make a key" }
            form method="post" action=(PATH) {
                (token(visit))
                div .fields {
                    div .field {
                        label for="scope" { "Scope" }
                        select id="scope" name="scope" {
                            @for (kind, words) in [
                                (KeyKind::Producer, "producer: posts events"),
                                (KeyKind::Operator, "operator: everything"),
                                (KeyKind::Administrator, "administrator of one organization"),
                                (KeyKind::Viewer, "viewer of one organization"),
                            ] { option value=(kind.name()) selected[visit.form.get("scope") == kind.name()] { (words) } }
                        }
                    }
                    (Field::text("organization_id", "Organization's number", visit.form.trimmed("organization_id")).hint("For administrators and viewers.").draw(faults))
                    (Field::text("description", "Description", visit.form.trimmed("description")).draw(faults))
                }
                button .primary type="submit" { "Make the key" }
            }
        }
    }
}

/// `POST /admin/keys`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let caller = visit.operator()?;
    let mut members = vec![
        ("scope", Value::from(visit.form.get("scope"))),
        (
            "description",
            Value::from(visit.form.trimmed("description")),
        ),
    ];
    let organization = visit.form.trimmed("organization_id");
    if !organization.is_empty() {
        let number: Option<i64> = organization.parse().ok();
        members.push(("organization_id", Value::from(number)));
    }
    match post_key(visit.call(caller, &[], object(members))).await {
        Ok(reply) => {
            let key = json_of(&reply)?;
            let text = key.get("key").and_then(Value::as_str);
            let made = html! {
                section .panel .good {
                    h2 { "The new key" }
                    p { "It is shown this once." }
                    (copyable("new-key", text.unwrap_or_default()))
                }
            };
            Ok(draw(&visit, &Faults::default(), &made).await?.into())
        }
        Err(problem) => Ok(draw(&visit, &Faults::of(&problem), &html! {})
            .await?
            .with_status(UNPROCESSABLE)
            .into()),
    }
}

/// `POST /admin/keys/{key}/revoke`.
pub(super) async fn revoke(visit: Visit) -> Outcome {
    let caller = visit.operator()?;
    let id = visit.param(0).to_owned();
    delete_key(visit.call(caller, &[&id], Vec::new())).await?;
    Ok(Answer::see(format!("{PATH}?done=revoked")))
}
