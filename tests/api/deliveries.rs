//! Deliveries: lists with filters, every attempt, one more try, replays.

use super::world::{LARKSPUR, World, organization};
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidings::store::directory::Scope;

const DELIVERIES: &str = "/v1/organizations/4417/deliveries";

async fn delivered(world: &World) -> (Value, Value) {
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    world.event(LARKSPUR).await;
    let wanted = |page: &Value| page["data"].as_array().unwrap().len() == 1;
    let page = world
        .until(&format!("{DELIVERIES}?state=delivered"), wanted)
        .await;
    (endpoint, page["data"][0].clone())
}

#[tokio::test]
async fn a_delivery_shows_what_was_sent_and_every_attempt() {
    let world = World::with_organizations().await;
    let (endpoint, delivery) = delivered(&world).await;
    assert_eq!(
        (&delivery["endpoint_id"], &delivery["attempts"]),
        (&endpoint["id"], &1.into())
    );
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let shown = world.get(&path).await.expect(200);
    assert_eq!(shown["body"]["organization_id"], LARKSPUR);
    let attempt = &shown["attempt_log"][0];
    assert_eq!(
        (&attempt["number"], &attempt["status"]),
        (&1.into(), &204.into())
    );
    assert_eq!(attempt["peer"], "192.0.2.7:443");
    let sent = attempt["request_headers"].as_array().unwrap().iter();
    let id = sent
        .clone()
        .find(|header| header["name"] == "webhook-id")
        .unwrap();
    assert_eq!(id["value"], delivery["id"]);
}

#[tokio::test]
async fn s24_viewers_see_the_class_of_an_outcome_and_no_address() {
    let world = World::with_organizations().await;
    let (_, delivery) = delivered(&world).await;
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let shown = world.call("GET", &path, &viewer, "").await;
    assert_eq!(shown.status, 200);
    for hidden in ["192.0.2.7", "token=t"] {
        assert!(!shown.text.contains(hidden), "{hidden}: {}", shown.text);
    }
    let retry = format!("{path}/retry");
    world
        .call("POST", &retry, &viewer, "")
        .await
        .refused(403, "missing_scope");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let world = World::with_organizations().await;
    let (endpoint, delivery) = delivered(&world).await;
    let endpoint = endpoint["id"].as_str().unwrap();
    let event = delivery["event_id"].as_str().unwrap();
    for (query, found) in [
        (String::new(), 1),
        (format!("endpoint={endpoint}"), 1),
        (String::from("endpoint=ep_0000000000001"), 0),
        (String::from("state=delivered"), 1),
        (String::from("state=exhausted"), 0),
        (String::from("type=project.updated"), 1),
        (String::from("type=project.created"), 0),
        (format!("event={event}"), 1),
        (String::from("reference=none"), 0),
        (String::from("from=2026-03-01T12:00:00Z"), 1),
        (String::from("to=2026-03-01T12:00:00Z"), 0),
        (
            String::from("from=2026-03-01T13:00:00%2B01:00&to=2026-03-02T00:00:00Z"),
            1,
        ),
    ] {
        let page = world
            .get(&format!("{DELIVERIES}?{query}"))
            .await
            .expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), found, "{query}");
    }
}

#[tokio::test]
async fn a_retry_by_hand_is_one_more_attempt_with_the_same_id() {
    let world = World::with_organizations().await;
    let (endpoint, delivery) = delivered(&world).await;
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    world.status.store(500, Ordering::SeqCst);
    let retried = world
        .send("POST", &format!("{path}/retry"), "")
        .await
        .expect(202);
    assert_eq!(retried["id"], delivery["id"]);
    let again = world
        .until(&path, |shown| {
            shown["attempt_log"].as_array().unwrap().len() == 2
        })
        .await;
    assert_eq!(
        (&again["state"], &again["attempt_log"][1]["outcome"]),
        (&"delivered".into(), &"status".into())
    );
    let switch = format!(
        "/v1/organizations/4417/endpoints/{}",
        endpoint["id"].as_str().unwrap()
    );
    world
        .send("PATCH", &switch, r#"{"enabled":false}"#)
        .await
        .expect(200);
    world
        .send("POST", &format!("{path}/retry"), "")
        .await
        .refused(409, "endpoint_off");
    world.send("DELETE", &switch, "").await.expect(204);
    world
        .send("POST", &format!("{path}/retry"), "")
        .await
        .refused(409, "endpoint_deleted");
}

#[tokio::test]
async fn a_replay_is_a_job_that_is_watched_and_stopped() {
    let world = World::with_organizations().await;
    let (endpoint, _) = delivered(&world).await;
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(60)));
    let path = format!(
        "/v1/organizations/4417/endpoints/{}/replay",
        endpoint["id"].as_str().unwrap()
    );
    let body = r#"{"from":"2026-03-01T00:00:00Z","to":"2026-03-01T12:00:30Z","include":["delivered","missing"]}"#;
    let started = world.send("POST", &path, body).await;
    let place = started.headers["location"].to_str().unwrap().to_owned();
    let started = started.expect(202);
    assert_eq!(
        (&started["state"], &started["include"]),
        (
            &"running".into(),
            &serde_json::json!(["delivered", "missing"])
        )
    );
    world
        .send("POST", &path, body)
        .await
        .refused(409, "replay_running");
    assert_eq!(world.get(&place).await.expect(200)["id"], started["id"]);
    assert_eq!(
        world.send("DELETE", &place, "").await.expect(200)["state"],
        "stopped"
    );
    let other = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let elsewhere = format!(
        "/v1/organizations/4417/endpoints/{}/replay/{}",
        other["id"].as_str().unwrap(),
        started["id"].as_str().unwrap()
    );
    world.get(&elsewhere).await.refused(404, "no_such_replay");
    world
        .send("DELETE", &elsewhere, "")
        .await
        .refused(404, "no_such_replay");
}
