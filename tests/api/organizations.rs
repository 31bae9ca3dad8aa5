//! Organizations: made, changed, listed, switched, deleted.

use super::world::{LARKSPUR, World, organization};
use tidings::store::directory::Scope;

#[tokio::test]
async fn an_organization_is_made_changed_and_deleted() {
    let world = World::new().await;
    let path = "/v1/organizations/7";
    world.get(path).await.refused(404, "no_such_organization");
    let made = world
        .send(
            "PUT",
            path,
            r#"{"name":"Ä","slug":"a-1","add_ons":["crm_integrations"]}"#,
        )
        .await
        .expect(201);
    assert_eq!(
        (&made["id"], &made["slug"], &made["webhooks_enabled"]),
        (&7.into(), &"a-1".into(), &false.into())
    );
    let changed = world
        .send("PUT", path, r#"{"name":"B","add_ons":[]}"#)
        .await
        .expect(200);
    assert_eq!(
        (&changed["slug"], &changed["webhooks_available"]),
        (&"a-1".into(), &false.into())
    );
    world.send("DELETE", path, "").await.expect(204);
    world.get(path).await.refused(404, "no_such_organization");
    world
        .send("DELETE", path, "")
        .await
        .refused(404, "no_such_organization");
}

#[tokio::test]
async fn w1_without_an_add_on_the_switch_and_endpoints_are_refused() {
    let world = World::new().await;
    world
        .send("PUT", "/v1/organizations/7", r#"{"name":"B","add_ons":[]}"#)
        .await
        .expect(201);
    let switch = world
        .send("PUT", "/v1/organizations/7/webhooks", r#"{"enabled":true}"#)
        .await;
    switch.refused(403, "add_on_required");
    let endpoint = r#"{"url":"https://a.example/","event_types":["project.updated"]}"#;
    let made = world
        .send("POST", "/v1/organizations/7/endpoints", endpoint)
        .await;
    made.refused(403, "add_on_required");
    world.event(7).await;
}

#[tokio::test]
async fn organizations_are_found_by_a_part_of_their_name_in_whatever_case() {
    let world = World::new().await;
    for (id, name) in [(1, "Älvsborg Pantry"), (2, "PANTRY East"), (3, "Larkspur")] {
        let body = format!(r#"{{"name":"{name}","add_ons":[]}}"#);
        let path = format!("/v1/organizations/{id}");
        world.send("PUT", &path, &body).await.expect(201);
    }
    let found = async |query: &str, key: &str| {
        let path = format!("/v1/organizations?{query}");
        let page = world.call("GET", &path, key, "").await.expect(200);
        let ids = page["data"].as_array().unwrap().iter();
        let ids: Vec<_> = ids.map(|one| one["id"].as_i64().unwrap()).collect();
        (ids, page["next_cursor"].as_str().map(str::to_owned))
    };
    for (name, wanted) in [
        ("pantry", vec![1, 2]),
        ("%C3%A4lvs", vec![1]),
        ("spur", vec![3]),
        ("nobody", vec![]),
    ] {
        let page = found(&format!("name={name}"), &world.operator).await;
        assert_eq!(page, (wanted, None), "{name}");
    }
    let (first, next) = found("name=pantry&limit=1", &world.operator).await;
    let rest = format!("name=pantry&limit=1&cursor={}", next.unwrap());
    assert_eq!(first, [1]);
    assert_eq!(found(&rest, &world.operator).await, (vec![2], None));
    let own = world.key(Scope::Viewer(organization(3))).await;
    assert_eq!(found("name=LARK", &own).await.0, [3]);
    assert_eq!(found("name=pantry", &own).await.0, Vec::<i64>::new());
}

#[tokio::test]
async fn several_problems_are_counted_and_the_first_is_said() {
    let world = World::new().await;
    let put = world.send("PUT", "/v1/organizations/7", r#"{"name":"","slug":"A b"}"#);
    let problem = put.await.refused(422, "several_problems");
    assert_eq!(
        problem["detail"],
        "3 problems; the first, at `/name`: 1 to 200 characters (got 0)."
    );
}

#[tokio::test]
async fn w3_the_switch_takes_what_becomes_of_what_was_held() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let path = "/v1/organizations/4417/webhooks";
    world
        .send("PUT", path, r#"{"enabled":false}"#)
        .await
        .expect(200);
    let on = r#"{"enabled":true,"held":"discard"}"#;
    let on = world.send("PUT", path, on).await.expect(200);
    assert_eq!(on["webhooks_enabled"], true);
    let endpoint = format!(
        "/v1/organizations/4417/endpoints/{}",
        made["id"].as_str().unwrap()
    );
    assert_eq!(world.get(&endpoint).await.expect(200)["status"], "active");
}

#[tokio::test]
async fn w3_the_first_endpoint_turns_the_switch_on_and_it_can_be_turned_off() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    assert_eq!(endpoint["status"], "active");
    let off = world
        .send(
            "PUT",
            "/v1/organizations/4417/webhooks",
            r#"{"enabled":false}"#,
        )
        .await
        .expect(200);
    assert_eq!(off["webhooks_enabled"], false);
    let path = format!(
        "/v1/organizations/4417/endpoints/{}",
        endpoint["id"].as_str().unwrap()
    );
    let shown = world.get(&path).await.expect(200);
    assert_eq!(
        (&shown["enabled"], &shown["status"]),
        (&true.into(), &"off".into())
    );
}

#[tokio::test]
async fn a_list_is_walked_page_by_page_without_gaps() {
    let world = World::new().await;
    for id in 1..=7 {
        let path = format!("/v1/organizations/{id}");
        world
            .send("PUT", &path, r#"{"name":"A","add_ons":[]}"#)
            .await
            .expect(201);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world
            .get(&format!("/v1/organizations?limit=3{cursor}"))
            .await
            .expect(200);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_i64().unwrap()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    let foreign = format!("/v1/keys?limit=3{cursor}");
    world.get(&foreign).await.refused(400, "invalid_cursor");
}

#[tokio::test]
async fn an_organization_may_keep_its_events_for_a_time_of_its_own_and_that_is_on_the_record() {
    let world = World::new().await;
    let path = "/v1/organizations/7";
    let put = async |retention: &str| {
        let body = format!(r#"{{"name":"A","add_ons":[]{retention}}}"#);
        world.send("PUT", path, &body).await
    };
    let server = serde_json::json!({ "bodies_days": null, "attempts_days": null });
    assert_eq!(put("").await.expect(201)["retention"], server);
    let own = serde_json::json!({ "bodies_days": 7, "attempts_days": 400 });
    put(r#","retention":{"bodies_days":7,"attempts_days":400}"#)
        .await
        .expect(200);
    assert_eq!(
        put("").await.expect(200)["retention"],
        own,
        "left out it stays"
    );
    assert_eq!(world.get(path).await.expect(200)["retention"], own);
    let half = put(r#","retention":{"attempts_days":40,"bodies_days":null}"#).await;
    assert_eq!(
        half.expect(200)["retention"]["bodies_days"],
        serde_json::Value::Null
    );
    for (retention, code) in [
        (r#"{"bodies_days":0}"#, "out_of_range"),
        (r#"{"attempts_days":36501}"#, "out_of_range"),
        (r#"{"bodies_days":"7"}"#, "wrong_type"),
        (r#"{"days":7}"#, "unknown_field"),
        (r#"7"#, "wrong_type"),
        (r#"{"bodies_days":50,"attempts_days":40}"#, "invalid_range"),
    ] {
        let refused = put(&format!(r#","retention":{retention}"#)).await;
        refused.refused(422, code);
    }
    assert_eq!(
        put(r#","retention":null"#).await.expect(200)["retention"],
        server
    );
    let log = world
        .get("/v1/organizations/7/audit?act=organization.put")
        .await
        .expect(200);
    let change = &log["data"][2];
    assert_eq!(change["after"]["retention"], own, "{log}");
    assert_eq!(change["before"]["retention"], server);
}

#[tokio::test]
async fn deleting_with_erase_answers_with_an_erasure_and_asking_again_with_the_same() {
    let world = World::with_organizations().await;
    let event = world.event(LARKSPUR).await;
    let path = "/v1/organizations/4417?erase=true";
    let begun = world.send("DELETE", path, "").await.expect(202);
    assert_eq!(
        (&begun["organization_id"], &begun["event_id"]),
        (&LARKSPUR.into(), &serde_json::Value::Null)
    );
    let put = r#"{"name":"Anew","add_ons":[]}"#;
    let anew = world.send("PUT", "/v1/organizations/4417", put).await;
    if world
        .get(&format!("/v1/erasures/{}", begun["id"].as_str().unwrap()))
        .await
        .expect(200)["state"]
        == "running"
    {
        anew.refused(409, "being_erased");
        let again = world.send("DELETE", path, "").await.expect(202);
        assert_eq!(again["id"], begun["id"]);
    }
    world
        .send("DELETE", "/v1/organizations/77?erase=true", "")
        .await
        .refused(404, "no_such_organization");
    world
        .send("DELETE", "/v1/organizations/77?erase=maybe", "")
        .await
        .refused(422, "invalid_choice");
    let _ = event;
}

#[tokio::test]
async fn s9_a_deleted_organizations_number_is_refused_until_it_is_restored_or_erased() {
    let world = World::with_organizations().await;
    let path = "/v1/organizations/4417";
    assert_eq!(world.send("DELETE", path, "").await.status, 204);
    let refused = world
        .send("PUT", path, r#"{"name":"Anew","add_ons":[]}"#)
        .await;
    let said = refused.refused(409, "organization_deleted");
    assert!(
        said["detail"].as_str().unwrap().contains("erase it first"),
        "{said}"
    );
    world.get(path).await.refused(404, "no_such_organization");
    let put = r#"{"name":"Anew","add_ons":[],"restore":true}"#;
    assert_eq!(
        world.send("PUT", path, put).await.expect(201)["name"],
        "Anew"
    );
    let put = r#"{"name":"Anew","add_ons":[],"restore":"yes"}"#;
    world
        .send("PUT", path, put)
        .await
        .refused(422, "wrong_type");
}
