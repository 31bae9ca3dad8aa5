//! What belongs to another organization answers exactly as what does not exist, on every route.

use super::world::{LARKSPUR, RIVERSIDE, World, organization};
use serde_json::Value;
use tidings::store::directory::Scope;

/// Everything but what names the request, with both ids taken out.
fn words(mut problem: Value, id: &str) -> String {
    problem.as_object_mut().unwrap().remove("request_id");
    problem.to_string().replace(id, "ID")
}

#[tokio::test]
async fn foreign_things_answer_like_missing_ones() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(RIVERSIDE, &["project.updated"]).await;
    let endpoint = endpoint["id"].as_str().unwrap();
    let event = world.event(RIVERSIDE).await;
    let page = world
        .until(
            "/v1/organizations/9001/deliveries?state=delivered",
            |page| page["data"][0].is_object(),
        )
        .await;
    let delivery = page["data"][0]["id"].as_str().unwrap();
    let no_delivery = format!("dlv_{}", "0".repeat(26));
    let keys = [
        world
            .key(Scope::Administrator(organization(LARKSPUR)))
            .await,
        world.key(Scope::Viewer(organization(LARKSPUR))).await,
    ];
    let range =
        r#"{"from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z","include":["missing"]}"#;
    let own = "/v1/organizations/4417/endpoints/{}";
    for (method, path, body, foreign, missing, writes) in [
        ("GET", "/v1/organizations/{}", "", "9001", "5", false),
        (
            "PUT",
            "/v1/organizations/{}/webhooks",
            r#"{"enabled":true}"#,
            "9001",
            "5",
            true,
        ),
        (
            "GET",
            "/v1/organizations/{}/endpoints",
            "",
            "9001",
            "5",
            false,
        ),
        (
            "GET",
            "/v1/organizations/{}/deliveries",
            "",
            "9001",
            "5",
            false,
        ),
        ("GET", "/v1/organizations/{}/events", "", "9001", "5", false),
        ("GET", own, "", endpoint, "ep_0000000000001", false),
        ("PATCH", own, "{}", endpoint, "ep_0000000000001", true),
        ("DELETE", own, "", endpoint, "ep_0000000000001", true),
        (
            "GET",
            "/v1/organizations/4417/endpoints/{}/secret",
            "",
            endpoint,
            "ep_0000000000001",
            true,
        ),
        (
            "POST",
            "/v1/organizations/4417/endpoints/{}/secret/rotate",
            "",
            endpoint,
            "ep_0000000000001",
            true,
        ),
        (
            "POST",
            "/v1/organizations/4417/endpoints/{}/secret/confirm",
            "",
            endpoint,
            "ep_0000000000001",
            true,
        ),
        (
            "POST",
            "/v1/organizations/4417/endpoints/{}/test",
            r#"{"event_type":"project.updated"}"#,
            endpoint,
            "ep_0000000000001",
            true,
        ),
        (
            "POST",
            "/v1/organizations/4417/endpoints/{}/replay",
            range,
            endpoint,
            "ep_0000000000001",
            true,
        ),
        (
            "GET",
            "/v1/events/{}",
            "",
            &event,
            "evt_0000000000001",
            false,
        ),
        (
            "GET",
            "/v1/deliveries/{}",
            "",
            delivery,
            &no_delivery,
            false,
        ),
        (
            "POST",
            "/v1/deliveries/{}/retry",
            "",
            delivery,
            &no_delivery,
            true,
        ),
    ] {
        for key in keys.iter().take(if writes { 1 } else { 2 }) {
            let mut seen = Vec::new();
            for id in [foreign, missing] {
                let answer = world.call(method, &path.replace("{}", id), key, body).await;
                assert_eq!(answer.status, 404, "{method} {path} {id}: {}", answer.text);
                seen.push(words(answer.json(), id));
            }
            assert_eq!(seen[0], seen[1], "{method} {path}");
        }
    }
    world
        .get(&format!("/v1/organizations/9001/endpoints/{endpoint}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn an_id_of_another_kind_is_named_as_what_it_is() {
    let world = World::with_organizations().await;
    let event = world.event(LARKSPUR).await;
    for path in ["/v1/organizations/4417/endpoints/{}", "/v1/deliveries/{}"] {
        world
            .get(&path.replace("{}", &event))
            .await
            .refused(404, "wrong_id_kind");
    }
    for bad in ["0", "-1", "1.5", "007", "9007199254740992", "x"] {
        world
            .get(&format!("/v1/organizations/{bad}"))
            .await
            .refused(404, "no_such_organization");
    }
}
