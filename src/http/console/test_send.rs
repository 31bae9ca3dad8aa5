//! Sending a test: the catalogue's example of a type, now; the delivery's page shows the request and the answer.

use super::super::api::test_send::test_endpoint;
use super::configuration::PATH;
use super::form::{json_of, object};
use super::pieces::token;
use super::visit::Visit;
use super::{Answer, Outcome};
use crate::store::directory::Endpoint;
use maud::{Markup, html};
use serde_json::Value;

/// The form; `number` stands before its heading.
pub(super) fn form(visit: &Visit, endpoint: &Endpoint, number: &str) -> Markup {
    let with_example = endpoint.event_types.iter().filter(|wire| {
        let entry = visit.api.store.event_type(wire);
        entry.is_some_and(|entry| entry.example.is_some())
    });
    let types: Vec<String> = with_example.map(ToString::to_string).collect();
    html! {
        section .panel {
            h2 { (number) "Send a test" }
            @if types.is_empty() {
                p { "None of the chosen types has an example to send." }
            } @else {
                form .row method="post" action={ (PATH) "/" (endpoint.id) "/test" } {
                    (token(visit))
                    p { "Sends the type's example once, signed as always, and shows what your receiver answers." }
                    div .field {
                        label for="test-type" { "Event type" }
                        select id="test-type" name="type" {
                            @for wire in &types { option value=(wire) { (wire) } }
                        }
                    }
                    button .primary type="submit" { "Send a test" }
                }
            }
        }
    }
}

/// `POST /admin/integrations/webhooks/{ep}/test`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let body = object(vec![("event_type", Value::from(visit.form.get("type")))]);
    let call = visit.call_of(&place, &endpoint, None, body);
    let tested = json_of(&test_endpoint(call).await?)?;
    let delivery = tested.get("delivery_id").and_then(Value::as_str);
    Ok(Answer::see(format!(
        "/admin/deliveries/{}",
        delivery.unwrap_or_default()
    )))
}
