//! The catalogue: looked at, switched, extended, enforced (W9).

use super::world::World;

#[tokio::test]
async fn w9_the_compatible_set_is_active_and_extensions_are_off() {
    let world = World::new().await;
    let catalogue = world.get("/v1/event-types").await.expect(200);
    let entries = catalogue["data"].as_array().unwrap();
    let active = entries
        .iter()
        .filter(|entry| entry["enabled"] == true)
        .count();
    assert_eq!((entries.len(), active), (18, 15));
    assert!(
        entries
            .iter()
            .all(|entry| entry["enforced"] == false && entry["schema"].is_object())
    );
    let one = world
        .get("/v1/event-types/project.public.updated")
        .await
        .expect(200);
    assert_eq!(
        (&one["audience"], &one["own_form"]),
        (&"public".into(), &"project.updated".into())
    );
    let missing = world
        .get("/v1/event-types/project.craeted")
        .await
        .refused(404, "no_such_event_type");
    assert!(
        missing["detail"]
            .as_str()
            .unwrap()
            .contains("Did you mean `project.created`?")
    );
}

#[tokio::test]
async fn w9_types_of_the_set_can_be_switched_but_not_changed() {
    let world = World::with_organizations().await;
    let path = "/v1/event-types/project.updated";
    world
        .send("PUT", path, r#"{"label":"Mine"}"#)
        .await
        .refused(409, "compatible_type");
    let event = r#"{"type":"project.updated","organization_id":4417,"data":{}}"#;
    world
        .send("PUT", path, r#"{"enabled":false}"#)
        .await
        .expect(200);
    world
        .send("POST", "/v1/events", event)
        .await
        .refused(422, "inactive_event_type");
    world
        .send("PUT", path, r#"{"enabled":true}"#)
        .await
        .expect(200);
    world.send("POST", "/v1/events", event).await.expect(202);
}

#[tokio::test]
async fn a_type_of_ones_own_enforces_its_schema_when_it_says_so() {
    let world = World::with_organizations().await;
    let path = "/v1/event-types/invoice.paid";
    let event =
        |data: &str| format!(r#"{{"type":"invoice.paid","organization_id":4417,"data":{data}}}"#);
    let schema =
        r#"{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}"#;
    world
        .send(
            "PUT",
            path,
            &format!(r#"{{"label":"Paid","schema":{schema}}}"#),
        )
        .await
        .expect(201);
    world
        .send("POST", "/v1/events", &event("{}"))
        .await
        .expect(202);
    world
        .send("PUT", path, r#"{"enforced":true}"#)
        .await
        .expect(200);
    let problem = world
        .send("POST", "/v1/events", &event(r#"{"total":"9"}"#))
        .await
        .refused(422, "schema_mismatch");
    assert_eq!(problem["errors"][0]["pointer"], "/data/total");
    world
        .send("POST", "/v1/events", &event(r#"{"total":1E400}"#))
        .await
        .refused(422, "schema_mismatch");
    world
        .send("POST", "/v1/events", &event(r#"{"total":9.50}"#))
        .await
        .expect(202);
    world
        .send("PUT", path, r#"{"schema":{"type":"object"}}"#)
        .await
        .expect(200);
    world
        .send("POST", "/v1/events", &event("{}"))
        .await
        .expect(202);
    let public = r#"{"type":"invoice.paid","organization_id":4417,"data":{},"public":true}"#;
    world
        .send("POST", "/v1/events", public)
        .await
        .refused(422, "no_public_form");
    world
        .send("PUT", "/v1/event-types/invoice.public.paid", "{}")
        .await
        .expect(201);
    world.send("POST", "/v1/events", public).await.expect(202);
}

#[tokio::test]
async fn bad_types_and_schemas_are_refused() {
    let world = World::new().await;
    for (name, body, status, code) in [
        ("Invoice.paid", "{}", 422, "invalid_event_type"),
        ("invoice.public.paid", "{}", 422, "unknown_event_type"),
        (
            "invoice.paid",
            r#"{"schema":{"type":7}}"#,
            422,
            "invalid_schema",
        ),
        (
            "invoice.paid",
            r#"{"schema":{"$ref":"https://example.com/s.json"}}"#,
            422,
            "invalid_schema",
        ),
        (
            "invoice.paid",
            r#"{"schema":{"$ref":"file:///etc/passwd"}}"#,
            422,
            "invalid_schema",
        ),
        (
            "invoice.paid",
            r#"{"schema":{"pattern":"(a)\\1"}}"#,
            422,
            "invalid_schema",
        ),
        ("invoice.paid", r#"{"enforced":true}"#, 422, "invalid_value"),
        ("invoice.paid", r#"{"schema":[]}"#, 422, "wrong_type"),
        (
            "invoice.paid",
            r#"{"type":"invoice.paid"}"#,
            422,
            "unknown_field",
        ),
    ] {
        let path = format!("/v1/event-types/{name}");
        world.send("PUT", &path, body).await.refused(status, code);
    }
    world
        .get("/v1/event-types/invoice.paid")
        .await
        .refused(404, "no_such_event_type");
}
