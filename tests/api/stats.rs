//! Statistics through the API: counted, in steps, and refused when too much is asked for.

use crate::world::{LARKSPUR, RIVERSIDE, World, organization};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidings::store::directory::Scope;
use tidings::store::queue::{Queue as _, Upkeep};

/// Writes down what was counted.
async fn write_counts(world: &World) {
    while world.store.upkeep(world.clock.now()).await.unwrap() == Upkeep::More {}
}

#[tokio::test]
async fn attempts_are_counted_by_what_became_of_them_and_when() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let id = endpoint["id"].as_str().unwrap();
    let path = format!("/v1/organizations/{LARKSPUR}/deliveries?state=delivered");
    for status in [204, 204, 500] {
        world.status.store(status, Ordering::SeqCst);
        let event = world.event(LARKSPUR).await;
        let path = format!("/v1/organizations/{LARKSPUR}/deliveries?event={event}");
        world
            .until(&path, |list| list["data"][0]["attempts"] == 1)
            .await;
    }
    world
        .until(&path, |list| list["data"].as_array().unwrap().len() == 2)
        .await;
    let later = world.clock.now().plus(Duration::from_secs(6));
    world.clock.set(later);
    write_counts(&world).await;
    for path in [
        format!("/v1/organizations/{LARKSPUR}/stats"),
        format!("/v1/organizations/{LARKSPUR}/endpoints/{id}/stats"),
    ] {
        let stats = world.get(&path).await.expect(200);
        let total = &stats["total"];
        assert_eq!(total["attempts"], 3, "{path}");
        assert_eq!(
            (total["delivered"].as_u64(), total["exhausted"].as_u64()),
            (Some(2), Some(0))
        );
        assert_eq!(
            total["outcomes"],
            serde_json::json!({"success": 2, "status": 1})
        );
        assert!(total["latency_ms"]["p99"].as_f64().unwrap() <= 1.0);
        assert_eq!(stats["step_seconds"], 600);
        let points = stats["points"].as_array().unwrap();
        let busy: Vec<_> = points
            .iter()
            .filter(|point| point["attempts"] != 0)
            .collect();
        assert_eq!(busy.len(), 1);
        assert_eq!(busy[0]["at"], "2026-03-01T12:00:00.000Z");
        assert!(points[0]["latency_ms"].is_null());
    }
    let other = format!("/v1/organizations/{RIVERSIDE}/stats");
    assert_eq!(world.get(&other).await.expect(200)["total"]["attempts"], 0);
    let foreign = format!("/v1/organizations/{RIVERSIDE}/endpoints/{id}/stats");
    world.get(&foreign).await.refused(404, "no_such_endpoint");
    let viewer = world.key(Scope::Viewer(organization(LARKSPUR))).await;
    let own = format!("/v1/organizations/{LARKSPUR}/stats");
    world.call("GET", &own, &viewer, "").await.expect(200);
    world
        .call("GET", &other, &viewer, "")
        .await
        .refused(404, "no_such_organization");
}

#[tokio::test]
async fn too_much_at_once_is_refused_with_the_limit() {
    let world = World::with_organizations().await;
    let path = format!("/v1/organizations/{LARKSPUR}/stats");
    for (query, code) in [
        ("step=60", "invalid_choice"),
        (
            "from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z&step=600",
            "range_too_long",
        ),
        ("from=2020-01-01T00:00:00Z", "range_too_long"),
        (
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            "invalid_range",
        ),
        ("from=yesterday", "invalid_range"),
    ] {
        let answer = world.get(&format!("{path}?{query}")).await;
        assert!(answer.text.contains(code), "{query}: {}", answer.text);
        assert_eq!(answer.status, 422, "{query}");
    }
    let month = format!("{path}?from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z");
    let stats = world.get(&month).await.expect(200);
    assert_eq!(
        (
            stats["step_seconds"].as_i64(),
            stats["points"].as_array().unwrap().len()
        ),
        (Some(21_600), 112)
    );
}
