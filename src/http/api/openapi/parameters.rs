//! Parameters by their names: one name means one thing in every path and query.

use super::shapes::without_null;
use serde_json::{Map, Value, json};
use tidings_core::id::OrganizationId;
use tidings_core::limits::{EVENT_TYPE_NAME, PAGE_DEFAULT, PAGE_MAX, TEXT_CHARS};
use tidings_core::stats::Range;

/// One 63-bit id in base32, behind its prefix.
const ONE: &str = "[0-7][0-9a-hjkmnp-tv-z]{12}";
/// 1 to 255 visible ASCII characters.
pub(super) const VISIBLE: &str = "^[!-~]{1,255}$";
/// A type as it stands on the wire.
pub(super) const WIRE_TYPE: &str = r"^[a-z][a-z0-9_]*(\.public)?\.[a-z][a-z0-9_]*$";

fn id(prefix: &str, example: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^{prefix}{ONE}$"), "examples": [example] })
}

/// What a parameter of that name is, if the name is known.
fn schema(name: &str) -> Option<Value> {
    Some(match name {
        "org" | "organization" => {
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": OrganizationId::MAX, "examples": [4417] })
        }
        "ep" | "endpoint" => id("ep_", "ep_0dq5xz3b7m1h2"),
        "evt" | "event" => id("evt_", "evt_0dq5xz3b7m1h2"),
        "rpl" => id("rpl_", "rpl_0dq5xz3b7m1h2"),
        "ers" => id("ers_", "ers_0dq5xz3b7m1h2"),
        "lnk" => id("lnk_", "lnk_0dq5xz3b7m1h2"),
        "key" => id("key_", "key_0dq5xz3b7m1h2"),
        "dlv" => json!({
            "type": "string", "pattern": format!("^dlv_{ONE}{ONE}$"), "examples": ["dlv_0dq5xz3b7m1h20dq5xz3b7m1h3"],
        }),
        "type" => {
            json!({ "type": "string", "pattern": WIRE_TYPE, "maxLength": EVENT_TYPE_NAME, "examples": ["project.updated"] })
        }
        "limit" => {
            json!({ "type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT })
        }
        "cursor" => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        "erase" => json!({ "type": "boolean" }),
        "from" | "to" => json!({ "type": "string", "format": "date-time" }),
        "step" => json!({ "type": "integer", "enum": Range::STEPS }),
        "state" => {
            json!({ "type": "string", "enum": ["waiting", "delivered", "exhausted", "cancelled"] })
        }
        "reference" | "idempotency-key" => {
            json!({ "type": "string", "pattern": VISIBLE, "minLength": 1, "maxLength": 255 })
        }
        "name" => json!({ "type": "string", "minLength": 1, "maxLength": TEXT_CHARS }),
        "act" => json!({ "type": "string", "pattern": r"^[a-z_.]{1,64}$" }),
        "actor" => json!({ "type": "string", "pattern": r"^[A-Za-z0-9_ ]{1,64}$" }),
        _ => return None,
    })
}

/// Says what each parameter takes. None takes a null: what is not there is left out.
pub(super) fn complete(operation: &mut Map<String, Value>) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let known = parameter
            .get("name")
            .and_then(Value::as_str)
            .and_then(schema);
        match (known, parameter.get_mut("schema")) {
            (Some(known), _) => {
                parameter.insert(String::from("schema"), known);
            }
            (None, Some(schema)) => without_null(schema),
            (None, None) => {}
        }
    }
}
