//! Keys: what they may do, how they end. How they are given wrongly is in [`super::bad_keys`].

use super::world::{LARKSPUR, RIVERSIDE, World, organization};
use std::time::Duration;
use tidings::store::directory::Scope;

#[tokio::test]
async fn a_key_is_shown_once_expires_and_is_revoked_at_once() {
    let world = World::new().await;
    let body = r#"{"scope":"producer","description":"shop","expires_at":"2026-03-01T13:00:00Z"}"#;
    let made = world.send("POST", "/v1/keys", body).await.expect(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("tdg_p_"));
    let listed = world.get("/v1/keys?limit=1").await.expect(200);
    assert_eq!(listed["data"][0]["id"], made["id"]);
    assert!(listed["data"][0].get("key").is_none());
    assert!(listed["data"][0]["last_used_at"].is_null());
    let used_at = world.clock.now().rfc3339();
    world
        .call("GET", "/v1/event-types", key, "")
        .await
        .expect(200);
    let listed = world.get("/v1/keys?limit=1").await.expect(200);
    assert_eq!(listed["data"][0]["last_used_at"], used_at);
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(3_600)));
    let problem = world
        .call("GET", "/v1/event-types", key, "")
        .await
        .refused(401, "expired_key");
    assert_eq!(
        problem["detail"],
        "This key expired on 2026-03-01T13:00:00.000Z."
    );
    let listed = world.get("/v1/keys?limit=1").await.expect(200);
    assert_eq!(
        listed["data"][0]["last_used_at"], used_at,
        "refused is not used"
    );
    let second = world
        .send("POST", "/v1/keys", r#"{"scope":"operator"}"#)
        .await
        .expect(201);
    let path = format!("/v1/keys/{}", second["id"].as_str().unwrap());
    world.send("DELETE", &path, "").await.expect(204);
    let revoked = second["key"].as_str().unwrap();
    world
        .call("GET", "/v1/keys", revoked, "")
        .await
        .refused(401, "unknown_key");
    world
        .send("DELETE", &path, "")
        .await
        .refused(404, "no_such_key");
}

#[tokio::test]
async fn scopes_open_what_they_should_and_nothing_else() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let endpoint = format!(
        "/v1/organizations/4417/endpoints/{}",
        endpoint["id"].as_str().unwrap()
    );
    let own = organization(LARKSPUR);
    let keys = [
        world.operator.clone(),
        world.key(Scope::Producer).await,
        world.key(Scope::Administrator(own)).await,
        world.key(Scope::Viewer(own)).await,
    ];
    let event = r#"{"type":"project.updated","organization_id":4417,"data":{}}"#;
    let organization = r#"{"name":"A","add_ons":["api_access"]}"#;
    let secret = format!("{endpoint}/secret");
    // Operator, producer, administrator, viewer.
    for (method, path, body, wanted) in [
        ("POST", "/v1/events", event, [202, 202, 403, 403]),
        (
            "POST",
            "/v1/events/batch",
            r#"{"events":[]}"#,
            [202, 202, 403, 403],
        ),
        (
            "PUT",
            "/v1/organizations/4417",
            organization,
            [200, 403, 403, 403],
        ),
        ("GET", "/v1/organizations/4417", "", [200, 403, 200, 200]),
        ("GET", "/v1/organizations", "", [200, 403, 200, 200]),
        (
            "PUT",
            "/v1/organizations/4417/webhooks",
            r#"{"enabled":true}"#,
            [200, 403, 200, 403],
        ),
        ("GET", endpoint.as_str(), "", [200, 403, 200, 200]),
        (
            "PATCH",
            endpoint.as_str(),
            r#"{"description":"a"}"#,
            [200, 403, 200, 403],
        ),
        ("GET", secret.as_str(), "", [200, 403, 200, 403]),
        (
            "GET",
            "/v1/organizations/4417/deliveries",
            "",
            [200, 403, 200, 200],
        ),
        (
            "GET",
            "/v1/organizations/4417/events",
            "",
            [200, 403, 200, 200],
        ),
        ("GET", "/v1/event-types", "", [200, 200, 200, 200]),
        (
            "PUT",
            "/v1/event-types/membership.created",
            r#"{"enabled":true}"#,
            [200, 403, 403, 403],
        ),
        ("GET", "/v1/keys", "", [200, 403, 200, 403]),
        (
            "POST",
            "/v1/keys",
            r#"{"scope":"viewer","organization_id":4417}"#,
            [201, 403, 201, 403],
        ),
        (
            "POST",
            "/v1/keys",
            r#"{"scope":"producer"}"#,
            [201, 403, 403, 403],
        ),
    ] {
        for (key, wanted) in keys.iter().zip(wanted) {
            let answer = world.call(method, path, key, body).await;
            let scope = key.get(..6).unwrap();
            assert_eq!(
                answer.status, wanted,
                "{scope} {method} {path}: {}",
                answer.text
            );
            if wanted == 403 {
                answer.refused(403, "missing_scope");
            }
        }
    }
}

#[tokio::test]
async fn administrators_mind_the_keys_of_their_own_organization_only() {
    let world = World::with_organizations().await;
    let key = world
        .key(Scope::Administrator(organization(LARKSPUR)))
        .await;
    let foreign = r#"{"scope":"viewer","organization_id":9001}"#;
    let missing = r#"{"scope":"viewer","organization_id":5}"#;
    let mut answers = Vec::new();
    for body in [foreign, missing] {
        let mut problem = world
            .call("POST", "/v1/keys", &key, body)
            .await
            .refused(422, "unknown_organization");
        problem.as_object_mut().unwrap().remove("request_id");
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
    let theirs = world.send("POST", "/v1/keys", foreign).await.expect(201);
    let path = format!("/v1/keys/{}", theirs["id"].as_str().unwrap());
    world
        .call("DELETE", &path, &key, "")
        .await
        .refused(404, "no_such_key");
    let listed = world.call("GET", "/v1/keys", &key, "").await.expect(200);
    for shown in listed["data"].as_array().unwrap() {
        assert_eq!(shown["organization_id"], LARKSPUR);
    }
    assert_ne!(LARKSPUR, RIVERSIDE);
}
