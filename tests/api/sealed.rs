//! What is sealed and does not open any more: every request that needs it is refused with what mends it, changes nothing, and
//! the mending works.

use super::console::{Login, get, login, post};
use super::world::{LARKSPUR, World};
use serde_json::{Value, json};

const NEW: &str = r#"{"url":"https://a.example/","event_types":["project.updated"],"headers":{"x-tenant":"seven"}}"#;
/// A byte is missing at the end; which key sealed it can still be read, else the server would not start.
const SPOIL_SECRETS: &str = "UPDATE endpoints SET
    newest_secret = substr(newest_secret, 1, length(newest_secret) - 1),
    older_secret = substr(older_secret, 1, length(older_secret) - 1)";
const SPOIL_HEADERS: &str =
    "UPDATE endpoints SET sealed_headers = substr(sealed_headers, 1, length(sealed_headers) - 1)";

/// A world with one endpoint, and the endpoint's path.
async fn scene() -> (World, String) {
    let world = World::with_organizations().await;
    let all = format!("/v1/organizations/{LARKSPUR}/endpoints");
    let made = world.send("POST", &all, NEW).await.expect(201);
    let path = format!("{all}/{}", made["id"].as_str().unwrap());
    let rotate = format!("{path}/secret/rotate");
    world.send("POST", &rotate, "").await.expect(200);
    (world, path)
}

async fn shown(world: &World, path: &str) -> Value {
    world.send("GET", path, "").await.expect(200)
}

async fn refused(world: &World, (method, path): (&str, &str), body: &str, mends: &str) {
    let problem = world
        .send(method, path, body)
        .await
        .refused(409, "does_not_open");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("Nothing was changed: ") && detail.contains(mends),
        "{detail}"
    );
}

#[tokio::test]
async fn s6_a_secret_that_does_not_open_is_a_conflict_that_rotation_mends() {
    let (world, path) = scene().await;
    let world = world.reopened(SPOIL_SECRETS).await;
    let before = shown(&world, &path).await;
    let secret = format!("{path}/secret");
    refused(&world, ("GET", &secret), "", "rotate").await;
    let confirm = format!("{secret}/confirm");
    refused(&world, ("POST", &confirm), "", "rotate").await;
    assert_eq!(shown(&world, &path).await, before);
    let Login { cookie, token } = login(&world).await;
    let id = before["id"].as_str().unwrap();
    let page = format!("/admin/integrations/webhooks/{id}");
    let said = "The stored secret cannot be opened";
    assert!(get(&world, &page, &cookie).await.text.contains(said));
    let rotate = format!("{secret}/rotate");
    let fresh = world.send("POST", &rotate, "").await.expect(200);
    let revealed = world.send("GET", &secret, "").await.expect(200);
    assert_eq!(revealed["secret"], fresh["secret"]);
    assert_eq!(revealed["older_secret"], Value::Null);
    assert!(!get(&world, &page, &cookie).await.text.contains(said));
    let world = world.reopened(SPOIL_SECRETS).await;
    let form = format!("form_token={token}&overlap=3600");
    let rotated = post(
        &world,
        &format!("{page}/rotate"),
        &form,
        &[("cookie", &cookie)],
    )
    .await;
    assert!(rotated.text.contains("New secret"), "{}", rotated.text);
    world.send("GET", &secret, "").await.expect(200);
}

#[tokio::test]
async fn s6_headers_that_do_not_open_are_a_conflict_that_giving_them_anew_mends() {
    let (world, path) = scene().await;
    let world = world.reopened(SPOIL_HEADERS).await;
    let before = shown(&world, &path).await;
    let moved = r#"{"url":"https://b.example/"}"#;
    refused(&world, ("PATCH", &path), moved, "headers").await;
    let rotate = format!("{path}/secret/rotate");
    let at_once = r#"{"overlap_seconds":0}"#;
    refused(&world, ("POST", &rotate), at_once, "headers").await;
    assert_eq!(shown(&world, &path).await, before);
    // Whoever keeps settings in a file is told that they differ, and sets them anew.
    let compare = format!("{path}/headers/compare");
    let same = r#"{"headers":{"x-tenant":"seven"}}"#;
    let compared = world.send("POST", &compare, same).await.expect(200);
    assert_eq!(compared, json!({"differing": ["x-tenant"]}));
    let Login { cookie, .. } = login(&world).await;
    let id = before["id"].as_str().unwrap();
    let page = format!("/admin/integrations/webhooks/{id}");
    let said = "The stored custom headers cannot be opened";
    assert!(get(&world, &page, &cookie).await.text.contains(said));
    let anew = r#"{"url":"https://b.example/","headers":{"x-tenant":"eight"}}"#;
    world.send("PATCH", &path, anew).await.expect(200);
    world.send("POST", &rotate, at_once).await.expect(200);
    assert!(!get(&world, &page, &cookie).await.text.contains(said));
}
