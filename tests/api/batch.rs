//! Batches: each event accepted or refused on its own.

use super::world::{LARKSPUR, World};
use serde_json::Value;

const BATCH: &str = "/v1/events/batch";

fn item(member: &str) -> String {
    format!(r#"{{"type":"project.updated","organization_id":4417,"data":{{"id":1}}{member}}}"#)
}

fn batch(items: &[String]) -> String {
    format!(r#"{{"events":[{}]}}"#, items.join(" ,"))
}

fn codes(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap().iter();
    results
        .map(|result| match result["id"].as_str() {
            Some(_) => String::from("id"),
            None => result["error"]["code"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn one_bad_event_leaves_the_others_be() {
    let world = World::with_organizations().await;
    let deep = item("").replace(
        "{\"id\":1}",
        &format!("{{\"id\":{}{}}}", "[".repeat(64), "]".repeat(64)),
    );
    let large = item("").replace("\"id\":1", &format!("\"id\":\"{}\"", "a".repeat(262_144)));
    let items = [
        item(""),
        item(r#","extra":1"#),
        item("").replace("project.updated", "project.craeted"),
        deep,
        item("").replace("\"id\":1", r#""id":1,"id":2"#),
        item("").replace("\"id\":1", r#""id":"\ud800""#),
        large,
        item("").replace("4417", "5"),
        String::from("7"),
        item(r#","reference":"a""#),
    ];
    let answer = world.send("POST", BATCH, &batch(&items)).await.expect(202);
    assert_eq!(
        codes(&answer),
        [
            "id",
            "unknown_field",
            "unknown_event_type",
            "too_deep",
            "duplicate_key",
            "lone_surrogate",
            "event_too_large",
            "unknown_organization",
            "not_an_object",
            "id"
        ]
    );
    assert_eq!(world.events(LARKSPUR).await, 2);
}

#[tokio::test]
async fn keys_in_a_batch_are_per_item_and_repeats_are_resolved() {
    let world = World::with_organizations().await;
    let keyed = item(r#","idempotency_key":"k""#);
    let other = keyed.replace("\"id\":1", "\"id\":2");
    let items = [
        keyed.clone(),
        keyed.clone(),
        other,
        item(r#","idempotency_key":"""#),
    ];
    let answer = world.send("POST", BATCH, &batch(&items)).await.expect(202);
    assert_eq!(
        codes(&answer),
        [
            "id",
            "id",
            "idempotency_conflict",
            "invalid_idempotency_key"
        ]
    );
    assert_eq!(answer["results"][0], answer["results"][1]);
    assert_eq!(world.events(LARKSPUR).await, 1);
}

#[tokio::test]
async fn a_batch_has_no_key_of_its_own() {
    let world = World::with_organizations().await;
    let bearer = format!("Bearer {}", world.operator);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
    ];
    let body = batch(&[item("")]);
    let answer = world
        .request("POST", BATCH, &headers, body.as_bytes())
        .await;
    answer.refused(400, "invalid_idempotency_key");
    assert_eq!(world.events(LARKSPUR).await, 0);
}

#[tokio::test]
async fn text_that_is_no_json_fails_the_whole_batch_at_its_place() {
    let world = World::with_organizations().await;
    let good = item("");
    for body in [
        format!(
            r#"{{"events":[{good},{}]}}"#,
            good.replace("\"id\":1", "\"id\":01")
        ),
        format!(r#"{{"events":[{good},,{good}]}}"#),
        format!(r#"{{"events":[{good}:{good}]}}"#),
        format!(r#"{{"events":[{good} {good}]}}"#),
        format!(r#"{{"events":[{good},]}}"#),
        format!(r#"{{"events":[{good}]"#),
        format!(r#"{{"events":[{good}}}"#),
        format!(r#"{{"events":[{good}]}} x"#),
        format!(r#"{{"events":[{good}]]}}"#),
        format!(r#"{{"events":[{good},{{"a":}}]}}"#),
        format!(r#"{{"events":[{good},{{"a":"b]}}"#),
        format!(r#"{{"events":[{good},tru]}}"#),
    ] {
        world
            .send("POST", BATCH, &body)
            .await
            .refused(400, "invalid_json");
    }
    let problem = world
        .send("POST", BATCH, "{\"events\":[\n 01]}")
        .await
        .refused(400, "invalid_json");
    assert_eq!(problem["detail"], "Not a JSON number at line 2, column 2.");
    assert_eq!(world.events(LARKSPUR).await, 0);
}

#[tokio::test]
async fn a_batch_has_a_thousand_events_at_most_and_no_other_fields() {
    let world = World::with_organizations().await;
    for (body, code, pointer) in [
        (
            batch(&vec![String::from("1"); 1_001]),
            "batch_too_large",
            "/events",
        ),
        (
            // Brackets outside the events are not followed without end: 8 MiB of them took 400 MB once.
            format!(
                r#"{{"events":[],"x":{}{}}}"#,
                "[".repeat(70),
                "]".repeat(70)
            ),
            "too_deep",
            "/x",
        ),
        (String::from(r#"{"events":{}}"#), "wrong_type", "/events"),
        (String::from("{}"), "required", "/events"),
        (
            String::from(r#"{"events":[],"type":"a"}"#),
            "unknown_field",
            "/type",
        ),
        (
            String::from(r#"{"events":[],"events":[]}"#),
            "duplicate_key",
            "/events",
        ),
        (String::from("[]"), "not_an_object", ""),
    ] {
        let problem = world.send("POST", BATCH, &body).await.refused(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let most = vec![item(""); 1_000];
    let answer = world.send("POST", BATCH, &batch(&most)).await.expect(202);
    assert!(codes(&answer).iter().all(|code| code == "id"));
    assert_eq!(
        world
            .send("POST", BATCH, r#"{"events":[]}"#)
            .await
            .expect(202)["results"],
        serde_json::json!([])
    );
}
