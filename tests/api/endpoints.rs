//! Endpoints: made with their secret, changed, rotated, tested, deleted.

use super::world::{LARKSPUR, World, organization};
use tidings::store::directory::Scope;

const ENDPOINTS: &str = "/v1/organizations/4417/endpoints";

fn path(endpoint: &serde_json::Value) -> String {
    format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap())
}

#[tokio::test]
async fn w4_the_secret_is_made_for_the_customer_and_shown_once() {
    let world = World::with_organizations().await;
    let made = world
        .endpoint(LARKSPUR, &["project.updated", "campaign.public.created"])
        .await;
    let secret = made["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    let shown = world.get(&path(&made)).await.expect(200);
    assert!(shown.get("secret").is_none());
    assert_eq!(
        shown["event_types"],
        serde_json::json!(["project.updated", "campaign.public.created"])
    );
    let revealed = world
        .get(&format!("{}/secret", path(&made)))
        .await
        .expect(200);
    assert_eq!(revealed["secret"], secret);
}

#[tokio::test]
async fn w4_operators_may_import_a_secret_and_administrators_may_not() {
    let world = World::with_organizations().await;
    let body = r#"{"url":"https://a.example/","event_types":["project.updated"],"secret":"café"}"#;
    let made = world.send("POST", ENDPOINTS, body).await.expect(201);
    assert_eq!(made["secret"], "café");
    let administrator = world
        .key(Scope::Administrator(organization(LARKSPUR)))
        .await;
    world
        .call("POST", ENDPOINTS, &administrator, body)
        .await
        .refused(403, "missing_scope");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_masks_what_is_secret() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let body = r#"{"headers":{"Authorization":"Bearer hush"},"enabled":false,"description":"CRM"}"#;
    let changed = world.send("PATCH", &path(&made), body).await;
    assert!(!changed.text.contains("hush"), "{}", changed.text);
    let changed = changed.expect(200);
    assert_eq!(
        changed["headers"],
        serde_json::json!({"authorization": "***"})
    );
    assert_eq!(
        (&changed["enabled"], &changed["status"]),
        (&false.into(), &"off".into())
    );
    assert_eq!(changed["url"], made["url"]);
    let on = world
        .send(
            "PATCH",
            &path(&made),
            r#"{"enabled":true,"held":"discard"}"#,
        )
        .await
        .expect(200);
    assert_eq!(on["status"], "active");
}

#[tokio::test]
async fn s17_viewers_see_neither_tokens_in_urls_nor_secrets() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let shown = world
        .call("GET", &path(&made), &viewer, "")
        .await
        .expect(200);
    assert_eq!(shown["url"], "https://receiver.example/…");
    let secret = format!("{}/secret", path(&made));
    world
        .call("GET", &secret, &viewer, "")
        .await
        .refused(403, "missing_scope");
}

#[tokio::test]
async fn w21_a_rotation_overlaps_once_and_is_confirmed() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let rotate = format!("{}/secret/rotate", path(&made));
    let fresh = world.send("POST", &rotate, "").await.expect(200);
    assert_eq!(fresh["overlap_until"], "2026-03-02T12:00:00.000Z");
    let both = world
        .get(&format!("{}/secret", path(&made)))
        .await
        .expect(200);
    assert_eq!(
        (&both["secret"], &both["older_secret"]),
        (&fresh["secret"], &made["secret"])
    );
    world
        .send("POST", &rotate, "{}")
        .await
        .refused(409, "overlap_running");
    world
        .send("POST", &format!("{}/secret/confirm", path(&made)), "")
        .await
        .expect(204);
    let one = world
        .get(&format!("{}/secret", path(&made)))
        .await
        .expect(200);
    assert_eq!(
        (&one["secret"], &one["older_secret"]),
        (&fresh["secret"], &serde_json::Value::Null)
    );
    let dropped = world
        .send("POST", &rotate, r#"{"overlap_seconds":0}"#)
        .await
        .expect(200);
    assert_eq!(dropped["overlap_until"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_test_send_answers_with_its_attempt() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let headers = r#"{"headers":{"x-token":"hush"}}"#;
    world.send("PATCH", &path(&made), headers).await.expect(200);
    let answer = world
        .send(
            "POST",
            &format!("{}/test", path(&made)),
            r#"{"event_type":"project.updated"}"#,
        )
        .await;
    assert!(!answer.text.contains("hush"));
    let tested = answer.expect(200);
    let attempt = &tested["attempt"];
    assert_eq!(
        (&attempt["outcome"], &attempt["status"]),
        (&"success".into(), &204.into())
    );
    assert_eq!(attempt["answer"]["body"], "no \u{fffd} text");
    assert_eq!(attempt["answer"]["body_base64"], "bm8g/yB0ZXh0");
    let names: Vec<_> = attempt["request_headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "content-type",
            "user-agent",
            "vomo-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "x-token"
        ]
    );
    let delivery = world
        .get(&format!(
            "/v1/deliveries/{}",
            tested["delivery_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(
        (&delivery["round"], &delivery["state"]),
        (&"test".into(), &"delivered".into())
    );
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    world.send("DELETE", &path(&made), "").await.expect(204);
    world
        .get(&path(&made))
        .await
        .refused(404, "no_such_endpoint");
    world
        .send("PATCH", &path(&made), "{}")
        .await
        .refused(404, "no_such_endpoint");
    world
        .send("DELETE", &path(&made), "")
        .await
        .refused(404, "no_such_endpoint");
}
