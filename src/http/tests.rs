//! The table of routes against the OpenAPI document, and every code that core can name against the catalogue.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::code::Code;
use super::openapi;
use super::reply::Content;
use super::route::{Access, ROUTES};
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(openapi()).unwrap()
}

#[test]
fn every_route_is_in_the_document_and_nothing_else_is() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned()))
        .collect();
    assert_eq!(described, served);
}

#[test]
fn the_document_says_which_routes_take_no_key_and_what_a_body_is() {
    let document = document();
    for route in ROUTES {
        let method = route.method.as_str().to_lowercase();
        let operation = &document["paths"][route.path][&method];
        let open = operation["security"] == serde_json::json!([{}]);
        assert_eq!(open, route.access == Access::Anyone, "{}", route.path);
        let takes_body = matches!(route.body, super::body::BodyRule::Json(_));
        assert!(
            !takes_body || operation["requestBody"].is_object(),
            "{}",
            route.path
        );
        assert!(operation["operationId"].is_string(), "{}", route.path);
    }
}

#[test]
fn every_refusal_in_the_document_is_a_problem_with_codes_of_its_status() {
    let document = document();
    let mut refusals = 0;
    for route in ROUTES {
        let method = route.method.as_str().to_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert!(operation["summary"].is_string(), "{}", route.path);
        assert!(operation["tags"][0].is_string(), "{}", route.path);
        let keyed = route.access == Access::Key;
        assert_eq!(
            operation["security"][0]["key"][0].is_string(),
            keyed,
            "{}: its handler says security((\"key\" = [\"the least scope\"]))",
            route.path
        );
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let number: u16 = status.parse().unwrap();
            if number < 400 {
                continue;
            }
            let answer = match answer["$ref"].as_str() {
                Some(target) => document.pointer(&target[1..]).unwrap(),
                None => answer,
            };
            let form = &answer["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(form, "#/components/schemas/Problem", "{status}");
            for name in answer["x-codes"].as_array().unwrap() {
                let code = Code::ALL.iter().find(|code| code.name() == name);
                let of = code.map(|code| code.status().as_u16());
                assert_eq!(of, Some(number), "{} {status} {name}", route.path);
            }
            refusals += 1;
        }
    }
    assert!(refusals > 300, "{refusals}");
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| match value {
                Value::String(target) if key == "$ref" => found.push(target.clone()),
                other => walk(other, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut references = Vec::new();
    walk(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn the_document_lists_every_code_and_no_code_twice() {
    let document = document();
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for schema in ["Problem", "FieldProblem"] {
        let listed = &document["components"]["schemas"][schema]["properties"]["code"]["enum"];
        let listed: BTreeSet<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        assert_eq!(listed, names, "{schema}");
    }
}

#[test]
fn codes_that_core_names_are_in_the_catalogue() {
    use tidings_core::address::{EgressRules, TargetUrl};
    use tidings_core::endpoint::CustomHeaders;
    use tidings_core::json::{Limits, compact};
    let urls = [
        "",
        "ftp://a.b",
        "a.b/c",
        "https://u:p@a.b/",
        "https://a.b/#x",
        "https://a.b:25/",
        "https://intranet/",
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "http://2130706433/",
        "https://a b/",
    ];
    let of_urls = urls.map(|url| {
        TargetUrl::parse(url, &EgressRules::default())
            .unwrap_err()
            .code()
    });
    let header = |name: &str, value: &str| {
        let given = vec![(name.to_owned(), value.to_owned()); 1];
        CustomHeaders::parse(given, "vomo-signature")
            .unwrap_err()
            .code()
    };
    let of_headers = [header("a b", ""), header("x-a", "\n"), header("host", "a")];
    let texts = [
        "",
        "{",
        "{}x",
        "{'a':1}",
        "[1,]",
        "01",
        "\"\\ud800\"",
        "{\"a\":1,\"a\":2}",
    ];
    let of_texts = texts.map(|text| {
        compact(text.as_bytes(), Limits::default())
            .unwrap_err()
            .kind
            .code()
    });
    let narrow = Limits {
        depth: 1,
        values: 2,
    };
    let of_limits =
        ["[[1]]", "[1,2,3]"].map(|text| compact(text.as_bytes(), narrow).unwrap_err().kind.code());
    let all = of_urls
        .iter()
        .chain(&of_headers)
        .chain(&of_texts)
        .chain(&of_limits);
    for name in all {
        assert_eq!(Code::named(name).name(), *name);
    }
}

#[test]
fn what_the_store_cannot_do_is_told_without_what_is_inside() {
    use super::problem::Problem;
    use super::reply::RequestId;
    use crate::store::{SealedPart, StoreError};
    let inside = String::from("/var/lib/secret.db: SELECT");
    let path = std::path::PathBuf::from(&inside);
    for (error, status, code) in [
        (StoreError::Full, 503, "storage_full"),
        (StoreError::Overloaded, 503, "overloaded"),
        (StoreError::Closed, 503, "stopping"),
        (
            StoreError::Damaged {
                path,
                what: inside.clone(),
            },
            503,
            "damaged",
        ),
        (
            StoreError::Io {
                what: inside.clone(),
            },
            503,
            "damaged",
        ),
        (
            StoreError::DoesNotOpen {
                endpoint: tidings_core::id::EndpointId::from_raw(1),
                what: SealedPart::Headers,
            },
            409,
            "does_not_open",
        ),
        (
            StoreError::Internal {
                what: inside.clone(),
            },
            500,
            "internal",
        ),
    ] {
        for random in 0..10 {
            let reply = Problem::from(error.clone()).reply(RequestId::new([1, 2]), random);
            let Content::Whole(body) = reply.body else {
                continue;
            };
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(reply.status, status, "{text}");
            assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
            assert!(
                !text.contains("secret") && !text.contains("SELECT"),
                "{text}"
            );
            let wait = reply
                .headers
                .get("retry-after")
                .map(|wait| wait.to_str().unwrap().to_owned());
            let wanted = (status == 503).then(|| (1 + random % 5).to_string());
            assert_eq!(wait, wanted, "{code}");
        }
    }
}
