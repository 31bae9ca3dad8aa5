//! S23: every sensitive act is on the audit log, done or refused, with who, what, and why not.

use super::world::{LARKSPUR, RIVERSIDE, World, organization};
use serde_json::{Value, json};
use tidings::store::directory::Scope;

const OWN: &str = "/v1/organizations/4417";

async fn newest(world: &World) -> Value {
    world.get("/v1/audit?limit=1").await.expect(200)["data"][0].clone()
}

/// How many entries there are.
async fn entries(world: &World) -> usize {
    let page = world.get("/v1/audit?limit=100").await.expect(200);
    assert!(page["next_cursor"].is_null());
    page["data"].as_array().unwrap().len()
}

/// Refused to who may not, then done: each leaves exactly one entry.
async fn act(
    world: &World,
    (method, path, body): (&str, &str, &str),
    act: &str,
    refused_to: &str,
) -> Value {
    let before = entries(world).await;
    let refused = world.call(method, path, refused_to, body).await;
    assert!(
        (400..500).contains(&refused.status),
        "{method} {path}: {}",
        refused.text
    );
    let entry = newest(world).await;
    assert_eq!(
        (&entry["act"], &entry["outcome"], &entry["subject"]),
        (
            &json!("request.refuse"),
            &json!("refused"),
            &json!(format!("{method} {path}"))
        ),
    );
    assert_eq!(entry["after"]["status"], refused.status);
    assert_eq!(entries(world).await, before + 1, "{method} {path}");
    let done = world.send(method, path, body).await;
    assert!(done.status < 300, "{method} {path}: {}", done.text);
    let entry = newest(world).await;
    assert_eq!(
        (&entry["act"], &entry["outcome"]),
        (&json!(act), &json!("done")),
        "{method} {path}"
    );
    assert_eq!(entry["address"], "127.0.0.1");
    assert_eq!(
        entry["request_id"],
        done.headers["x-request-id"].to_str().unwrap()
    );
    match done.text.is_empty() {
        true => Value::Null,
        false => done.json(),
    }
}

/// Tells the story of one change after the other.
struct Story {
    world: World,
    viewer: String,
}

impl Story {
    async fn to(&self, method: &str, path: &str, body: &str, name: &str) -> Value {
        act(&self.world, (method, path, body), name, &self.viewer).await
    }
}

fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

#[tokio::test]
async fn s23_every_change_by_the_api_is_on_the_log_done_and_refused() {
    let world = World::new().await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let story = Story { world, viewer };
    let put = r#"{"name":"Larkspur","add_ons":["api_access"]}"#;
    story.to("PUT", OWN, put, "organization.put").await;
    let on = r#"{"enabled":true}"#;
    story
        .to("PUT", &format!("{OWN}/webhooks"), on, "webhooks.set")
        .await;
    let new = r#"{"url":"https://receiver.example/hook","event_types":["project.updated"]}"#;
    let made = story
        .to("POST", &format!("{OWN}/endpoints"), new, "endpoint.create")
        .await;
    let endpoint = format!("{OWN}/endpoints/{}", id(&made));
    let of = |more: &str| format!("{endpoint}{more}");
    story
        .to(
            "PATCH",
            &endpoint,
            r#"{"description":"CRM"}"#,
            "endpoint.patch",
        )
        .await;
    story
        .to("POST", &of("/secret/rotate"), "{}", "secret.rotate")
        .await;
    story
        .to("POST", &of("/secret/confirm"), "{}", "secret.confirm")
        .await;
    let test = r#"{"event_type":"project.updated"}"#;
    story.to("POST", &of("/test"), test, "endpoint.test").await;
    story.world.event(LARKSPUR).await;
    let list = format!("{OWN}/deliveries?state=delivered");
    let posted = |page: &Value| {
        let rows = page["data"].as_array().unwrap();
        rows.iter().find(|row| row["round"] != "test").cloned()
    };
    let page = story
        .world
        .until(&list, |page| posted(page).is_some())
        .await;
    let retry = format!("/v1/deliveries/{}/retry", id(&posted(&page).unwrap()));
    story.to("POST", &retry, "{}", "delivery.retry").await;
    let range =
        r#"{"from":"2026-02-28T00:00:00Z","to":"2026-03-01T12:00:00Z","include":["missing"]}"#;
    let replay = story
        .to("POST", &of("/replay"), range, "replay.start")
        .await;
    story
        .to(
            "DELETE",
            &of(&format!("/replay/{}", id(&replay))),
            "",
            "replay.stop",
        )
        .await;
    let links = format!("{OWN}/portal-links");
    let link = story
        .to("POST", &links, r#"{"role":"viewer"}"#, "link.create")
        .await;
    story
        .to(
            "DELETE",
            &format!("{links}/{}", id(&link)),
            "",
            "link.revoke",
        )
        .await;
    let entry = r#"{"label":"Made","schema":{"type":"object"},"example":{}}"#;
    story
        .to("PUT", "/v1/event-types/thing.made", entry, "event_type.put")
        .await;
    let key = story
        .to("POST", "/v1/keys", r#"{"scope":"producer"}"#, "key.create")
        .await;
    story
        .to(
            "DELETE",
            &format!("/v1/keys/{}", id(&key)),
            "",
            "key.revoke",
        )
        .await;
    story.to("DELETE", &endpoint, "", "endpoint.delete").await;
    story.to("DELETE", OWN, "", "organization.delete").await;
}

#[tokio::test]
async fn s23_a_revealed_secret_is_on_the_log_and_never_in_it() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let path = format!("{OWN}/endpoints/{}/secret", made["id"].as_str().unwrap());
    let shown = world.get(&path).await.expect(200);
    assert_eq!(newest(&world).await["act"], "secret.reveal");
    let log = world.get("/v1/audit?limit=100").await;
    assert!(!log.text.contains(shown["secret"].as_str().unwrap()));
    assert!(!log.text.contains(&world.operator));
}

#[tokio::test]
async fn s23_why_a_target_was_refused_is_on_the_log() {
    let world = World::with_organizations().await;
    let own = world
        .key(Scope::Administrator(organization(LARKSPUR)))
        .await;
    let new = r#"{"url":"http://169.254.169.254/latest","event_types":["project.updated"]}"#;
    world
        .call("POST", &format!("{OWN}/endpoints"), &own, new)
        .await
        .refused(422, "metadata_address");
    let entry = newest(&world).await;
    assert_eq!(entry["organization_id"], LARKSPUR);
    assert_eq!(
        entry["after"],
        json!({"status": 422, "code": "metadata_address", "pointer": "/url", "reason": "metadata_address"})
    );
}

#[tokio::test]
async fn s23_who_tries_another_organization_leaves_no_trace_in_that_ones_log() {
    let world = World::with_organizations().await;
    let own = world
        .key(Scope::Administrator(organization(LARKSPUR)))
        .await;
    let other = format!("/v1/organizations/{RIVERSIDE}/webhooks");
    world
        .call("PUT", &other, &own, r#"{"enabled":true}"#)
        .await
        .refused(404, "no_such_organization");
    let entry = newest(&world).await;
    assert_eq!(
        (&entry["outcome"], &entry["organization_id"]),
        (&json!("refused"), &Value::Null)
    );
    let theirs = world
        .key(Scope::Administrator(organization(RIVERSIDE)))
        .await;
    let path = format!("/v1/organizations/{RIVERSIDE}/audit");
    let seen = world.call("GET", &path, &theirs, "").await.expect(200);
    let acts: Vec<_> = seen["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["act"])
        .collect();
    assert!(acts.iter().all(|act| **act != "request.refuse"), "{acts:?}");
}

#[tokio::test]
async fn s23_a_revoked_key_is_noted_and_a_mistyped_one_is_not() {
    let world = World::with_organizations().await;
    let made = world
        .send("POST", "/v1/keys", r#"{"scope":"producer"}"#)
        .await
        .expect(201);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    world.send("DELETE", &format!("/v1/keys/{id}"), "").await;
    let before = entries(&world).await;
    world
        .call("GET", "/v1/keys", "tdg_p_mistyped", "")
        .await
        .refused(401, "malformed_key");
    assert_eq!(entries(&world).await, before);
    world
        .call("GET", "/v1/keys", key, "")
        .await
        .refused(401, "unknown_key");
    let entry = newest(&world).await;
    assert_eq!(
        (&entry["actor"], &entry["subject"]),
        (&json!("anyone"), &json!("GET /v1/keys"))
    );
}

#[tokio::test]
async fn s23_refused_events_and_reads_are_not_on_it() {
    let world = World::with_organizations().await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let before = entries(&world).await;
    let event = r#"{"type":"project.updated","organization_id":4417,"data":{}}"#;
    world
        .call("POST", "/v1/events", &viewer, event)
        .await
        .refused(403, "missing_scope");
    world
        .call("GET", "/v1/keys", &viewer, "")
        .await
        .refused(403, "missing_scope");
    assert_eq!(entries(&world).await, before);
}

#[tokio::test]
async fn s23_refusals_by_the_thousand_do_not_fill_the_log() {
    let world = World::with_organizations().await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let before = entries(&world).await;
    for _ in 0..60 {
        world
            .call("DELETE", OWN, &viewer, "")
            .await
            .refused(403, "missing_scope");
    }
    assert_eq!(
        entries(&world).await,
        before + 20,
        "twenty at once, and a second later twenty more"
    );
}

#[tokio::test]
async fn s9_the_log_is_for_operators_and_an_organizations_for_its_administrators() {
    let world = World::with_organizations().await;
    let own = world
        .key(Scope::Administrator(organization(LARKSPUR)))
        .await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let path = format!("{OWN}/audit");
    let seen = world.call("GET", &path, &own, "").await.expect(200);
    let all = seen["data"].as_array().unwrap();
    assert!(!all.is_empty() && all.iter().all(|entry| entry["organization_id"] == LARKSPUR));
    world
        .call("GET", &path, &viewer, "")
        .await
        .refused(403, "missing_scope");
    world
        .call("GET", "/v1/audit", &own, "")
        .await
        .refused(403, "missing_scope");
    for (query, pointer) in [
        ("act=%25", "act"),
        ("actor=%27", "actor"),
        ("from=x", "from"),
        ("organization=0", "organization"),
    ] {
        let refused = world.get(&format!("/v1/audit?{query}")).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
}
