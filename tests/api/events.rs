//! Posting events: accepted after the commit, byte for byte, once per idempotency key.

use super::world::{LARKSPUR, RIVERSIDE, World};

const EVENT: &str = r#"{"type":"project.updated","organization_id":4417,"data":{"id":1}}"#;

async fn post(world: &World, key: &str, body: &str) -> super::world::Answer {
    let bearer = format!("Bearer {}", world.operator);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    world
        .request("POST", "/v1/events", &headers, body.as_bytes())
        .await
}

#[tokio::test]
async fn w13_data_is_kept_byte_for_byte_without_white_space() {
    let world = World::with_organizations().await;
    let body = "{ \"type\" : \"project.updated\", \"organization_id\":4417,\n \"data\" : {\"big\": 12345678901234567890123, \"f\":10.0, \"e\":1E400 , \"s\":\"\\u00e9\\/ é\", \"z\":1, \"a\":[ ]} , \"reference\":\"ord-17\"}";
    let posted = world.send("POST", "/v1/events", body).await.expect(202);
    let shown = world
        .get(&format!("/v1/events/{}", posted["id"].as_str().unwrap()))
        .await;
    let wanted = r#""data":{"big":12345678901234567890123,"f":10.0,"e":1E400,"s":"\u00e9\/ é","z":1,"a":[]}"#;
    assert!(shown.text.contains(wanted), "{}", shown.text);
    assert!(
        shown.text.contains(r#""reference":"ord-17""#),
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn the_same_key_and_content_is_one_event_and_other_content_a_conflict() {
    let world = World::with_organizations().await;
    let first = post(&world, "k-1", EVENT).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let first = first.expect(202);
    let spaced = EVENT.replace(',', " , ");
    let again = post(&world, "k-1", &spaced).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(202), first);
    let other = EVENT.replace("\"id\":1", "\"id\":2");
    let conflict = post(&world, "k-1", &other)
        .await
        .refused(409, "idempotency_conflict");
    assert_eq!(
        conflict["detail"],
        "This key was used on 2026-03-01T12:00:00.000Z with other content."
    );
    assert_eq!(world.events(LARKSPUR).await, 1);
    let elsewhere = EVENT.replace("4417", "9001");
    assert_ne!(post(&world, "k-1", &elsewhere).await.expect(202), first);
    assert_eq!(world.events(RIVERSIDE).await, 1);
}

#[tokio::test]
async fn bad_idempotency_keys_are_refused() {
    let world = World::with_organizations().await;
    for key in ["", "a b", "a\tb", &"k".repeat(256)] {
        post(&world, key, EVENT)
            .await
            .refused(400, "invalid_idempotency_key");
    }
    let bearer = format!("Bearer {}", world.operator);
    let twice = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", "a"),
        ("idempotency-key", "a"),
    ];
    let answer = world
        .request("POST", "/v1/events", &twice, EVENT.as_bytes())
        .await;
    answer.refused(400, "duplicate_header");
    assert_eq!(world.events(LARKSPUR).await, 0);
}

#[tokio::test]
async fn w8_a_public_event_reaches_the_owner_and_the_others() {
    let world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &["project.updated"]).await;
    world.endpoint(LARKSPUR, &["project.public.updated"]).await;
    world.endpoint(RIVERSIDE, &["project.public.updated"]).await;
    let body = EVENT.replace("\"data\"", "\"public\":true,\"data\"");
    let posted = world.send("POST", "/v1/events", &body).await.expect(202);
    let path = format!("/v1/events/{}", posted["id"].as_str().unwrap());
    let shown = world
        .until(&path, |event| event["deliveries"]["delivered"] == 2)
        .await;
    assert_eq!(
        (&shown["public"], &shown["expanding"]),
        (&true.into(), &false.into())
    );
    let theirs = world
        .get("/v1/organizations/9001/deliveries")
        .await
        .expect(200);
    assert_eq!(theirs["data"][0]["type"], "project.public.updated");
    let detail = world
        .get(&format!(
            "/v1/deliveries/{}",
            theirs["data"][0]["id"].as_str().unwrap()
        ))
        .await;
    assert!(
        detail.text.contains(
            r#""body":{"type":"project.public.updated","organization_id":9001,"data":{"id":1}}"#
        ),
        "{}",
        detail.text
    );
}

#[tokio::test]
async fn an_event_of_the_largest_size_is_accepted() {
    let world = World::with_organizations().await;
    let frame = EVENT.len() - "1".len() + 2;
    let body = EVENT.replace(
        "\"id\":1",
        &format!("\"id\":\"{}\"", "a".repeat(262_144 - frame)),
    );
    assert_eq!(body.len(), 262_144);
    world.send("POST", "/v1/events", &body).await.expect(202);
    world
        .send("POST", "/v1/events", &format!("{body} "))
        .await
        .refused(413, "body_too_large");
}

#[tokio::test]
async fn events_are_listed_newest_first() {
    let world = World::with_organizations().await;
    let mut posted = Vec::new();
    for _ in 0..5 {
        posted.push(world.event(LARKSPUR).await);
    }
    posted.reverse();
    let first = world
        .get("/v1/organizations/4417/events?limit=3")
        .await
        .expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world
        .get(&format!(
            "/v1/organizations/4417/events?limit=3&cursor={cursor}"
        ))
        .await
        .expect(200);
    let listed: Vec<_> = first["data"]
        .as_array()
        .unwrap()
        .iter()
        .chain(rest["data"].as_array().unwrap())
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, posted);
    let foreign = format!("/v1/organizations/9001/events?limit=3&cursor={cursor}");
    world.get(&foreign).await.refused(400, "invalid_cursor");
}

#[tokio::test]
async fn events_are_found_by_type_reference_and_time_whether_somebody_is_subscribed_or_not() {
    let world = World::with_organizations().await;
    let post = async |event_type: &str, more: &str| {
        let body = format!(
            r#"{{"type":"{event_type}","organization_id":4417,"data":{{}},"reference":"ord-{event_type}"{more}}}"#
        );
        let posted = world.send("POST", "/v1/events", &body).await.expect(202);
        posted["id"].as_str().unwrap().to_owned()
    };
    let updated = post("project.updated", "").await;
    let public = post("project.updated", r#","public":true"#).await;
    let created = post("participation.created", "").await;
    let foreign = EVENT.replace("4417", "9001");
    world.send("POST", "/v1/events", &foreign).await.expect(202);
    for (query, wanted) in [
        ("", vec![&created, &public, &updated]),
        ("type=project.updated", vec![&public, &updated]),
        ("type=project.public.updated", vec![&public]),
        ("reference=ord-participation.created", vec![&created]),
        (
            "reference=ord-participation.created&type=project.updated",
            vec![],
        ),
        (
            "from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:01Z",
            vec![&created, &public, &updated],
        ),
        ("to=2026-03-01T12:00:00Z", vec![]),
        ("from=2026-03-01T12:00:01Z", vec![]),
    ] {
        let page = world
            .get(&format!("/v1/organizations/4417/events?{query}"))
            .await
            .expect(200);
        let ids = page["data"].as_array().unwrap().iter();
        let found: Vec<_> = ids.map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(found, wanted, "{query}");
    }
}

#[tokio::test]
async fn an_erased_event_answers_410_wherever_it_is_asked_for_and_lists_say_when() {
    let world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &["project.updated"]).await;
    let event = world.event(LARKSPUR).await;
    let deliveries = "/v1/organizations/4417/deliveries?state=delivered";
    let page = world
        .until(deliveries, |page| page["data"][0].is_object())
        .await;
    let delivery = page["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/events/{event}");
    let begun = world.send("DELETE", &path, "").await.expect(202);
    assert_eq!(begun["event_id"], event.as_str());
    world.get(&path).await.refused(410, "event_erased");
    let of_delivery = format!("/v1/deliveries/{delivery}");
    world.get(&of_delivery).await.refused(410, "event_erased");
    let retry = format!("{of_delivery}/retry");
    world
        .send("POST", &retry, "")
        .await
        .refused(410, "event_erased");
    for list in ["events", "deliveries"] {
        let page = world
            .get(&format!("/v1/organizations/4417/{list}"))
            .await
            .expect(200);
        assert!(page["data"][0]["erased_at"].is_string(), "{page}");
        assert_eq!(page["data"][0]["reference"], serde_json::Value::Null);
    }
    let log = world
        .get("/v1/organizations/4417/audit?act=event.erase")
        .await
        .expect(200);
    assert_eq!(log["data"][0]["subject"], event.as_str());
    assert_eq!(log["data"][0]["after"]["erasure"], begun["id"]);
    let producer = world.key(tidings::store::directory::Scope::Producer).await;
    let lacks = world.call("DELETE", &path, &producer, "").await;
    lacks.refused(403, "missing_scope");
}
