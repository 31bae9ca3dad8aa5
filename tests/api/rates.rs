//! P2: what comes above the limits is refused early and clearly, and nothing of it is stored.

use super::world::{LARKSPUR, RIVERSIDE, World};
use super::{console, console_pages};
use std::num::NonZeroU32;
use tidings::clock::Clock;
use tidings::http::EventRates;
use tidings::store::directory::Scope;
use tidings_core::id::OrganizationId;
use tidings_core::time::Timestamp;

async fn taking(total: u32, per_organization: u32) -> World {
    let noon = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
    let rates = EventRates {
        total: NonZeroU32::new(total),
        per_organization: NonZeroU32::new(per_organization),
    };
    let world = World::taking(Clock::manual(noon), rates).await;
    for id in [LARKSPUR, RIVERSIDE] {
        let body = r#"{"name":"Organization","add_ons":["api_access"]}"#;
        let path = format!("/v1/organizations/{id}");
        world.send("PUT", &path, body).await.expect(201);
    }
    world
}

fn event(organization: i64) -> String {
    format!(r#"{{"type":"project.updated","organization_id":{organization},"data":{{}}}}"#)
}

async fn post(world: &World, organization: i64) -> super::world::Answer {
    world.send("POST", "/v1/events", &event(organization)).await
}

/// The seconds of `Retry-After`: at least those until one fits, at most four more.
fn check_retry_after(answer: &super::world::Answer, least: u32) {
    let given = answer.headers["retry-after"].to_str().unwrap();
    let seconds: u32 = given.parse().unwrap();
    assert!((least..=least + 4).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn p2_above_the_limit_of_all_503_with_retry_after_and_nothing_stored() {
    let world = taking(3, 0).await;
    for organization in [LARKSPUR, RIVERSIDE, LARKSPUR] {
        post(&world, organization).await.expect(202);
    }
    for body in [event(LARKSPUR), String::from("not even JSON")] {
        let refused = world.send("POST", "/v1/events", &body).await;
        check_retry_after(&refused, 1);
        refused.refused(503, "overloaded");
    }
    assert_eq!(world.events(LARKSPUR).await, 2);
    world
        .clock
        .set(world.clock.now().plus(std::time::Duration::from_secs(1)));
    post(&world, RIVERSIDE).await.expect(202);
}

#[tokio::test]
async fn p2_one_organizations_limit_is_its_own() {
    let world = taking(0, 2).await;
    for _ in 0..2 {
        post(&world, LARKSPUR).await.expect(202);
    }
    let refused = post(&world, LARKSPUR).await;
    check_retry_after(&refused, 1);
    refused.refused(429, "rate_limited");
    post(&world, RIVERSIDE).await.expect(202);
    assert_eq!(world.events(LARKSPUR).await, 2);
}

#[tokio::test]
async fn p2_a_batch_counts_each_of_its_events() {
    let world = taking(4, 2).await;
    let batch = |count: usize| {
        let events = vec![event(LARKSPUR); count].join(",");
        format!(r#"{{"events":[{events}]}}"#)
    };
    let answer = world
        .send("POST", "/v1/events/batch", &batch(3))
        .await
        .expect(202);
    let codes: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["error"]["code"].as_str().unwrap_or("stored"))
        .collect();
    assert_eq!(codes, ["stored", "stored", "rate_limited"]);
    // One is left of the four: a batch may overdraw once, the next waits until that is made up for.
    world
        .send("POST", "/v1/events/batch", &batch(5))
        .await
        .expect(202);
    let refused = world.send("POST", "/v1/events/batch", &batch(1)).await;
    check_retry_after(&refused, 2);
    refused.refused(503, "overloaded");
}

#[tokio::test]
async fn p1_who_asks_for_too_many_changes_waits_and_keeps_nobody_else_from_theirs() {
    let world = taking(0, 0).await;
    let larkspur = OrganizationId::new(LARKSPUR).unwrap();
    let viewer = world.key(Scope::Viewer(larkspur)).await;
    let administrator = world.key(Scope::Administrator(larkspur)).await;
    let path = format!("/v1/organizations/{LARKSPUR}/endpoints/ep_none");
    for _ in 0..3_600 {
        world.call("DELETE", &path, &viewer, "").await.expect(403);
    }
    let refused = world.call("DELETE", &path, &viewer, "").await;
    check_retry_after(&refused, 1);
    refused.refused(429, "rate_limited");
    world.call("GET", &path, &viewer, "").await.expect(404);
    for key in [&administrator, &world.operator] {
        world.call("DELETE", &path, key, "").await.expect(404);
    }
    world
        .clock
        .set(world.clock.now().plus(std::time::Duration::from_secs(2)));
    world.call("DELETE", &path, &viewer, "").await.expect(403);
}

#[tokio::test]
async fn p1_too_many_changes_keep_nobody_from_logging_out() {
    let world = World::with_organizations().await;
    let cookie = console_pages::viewer(&world, LARKSPUR).await;
    let page = console::get(&world, "/admin/integrations/webhooks", &cookie).await;
    let token = page.text.split("name=\"form_token\" value=\"").nth(1);
    let token = token.unwrap().split('"').next().unwrap();
    let form = format!("form_token={token}&enabled=false");
    let with = [("cookie", cookie.as_str())];
    let path = format!("/admin/integrations/webhooks/switch?organization={LARKSPUR}");
    for _ in 0..3_600 {
        let refused = console::post(&world, &path, &form, &with).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    assert_eq!(console::post(&world, &path, &form, &with).await.status, 429);
    let out = console::post(&world, "/admin/logout", &form, &with).await;
    assert_eq!(out.status, 200, "{}", out.text);
    let page = console::get(&world, "/admin/integrations/webhooks", &cookie).await;
    assert_ne!(page.status, 200, "the session is over");
}
