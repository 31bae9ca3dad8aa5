//! Notices in the API and the console: theirs are the operators and the organization they chose, and nobody posts one.

use super::console::{Login, get, login};
use super::world::{LARKSPUR, RIVERSIDE, World};
use serde_json::{Value, json};
use tidings::store::directory::Scope;
use tidings::store::notices::{NoticeRule, Notices as _, Told};
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::notice::{Kind, Notice};

const OPERATORS: i64 = 77;

/// A world that tells notices to an organization, and two organizations beside it.
async fn world() -> World {
    let world = World::telling(OPERATORS).await;
    for id in [OPERATORS, LARKSPUR, RIVERSIDE] {
        world
            .send(
                "PUT",
                &format!("/v1/organizations/{id}"),
                r#"{"name":"An organization","add_ons":["api_access"]}"#,
            )
            .await
            .expect(201);
    }
    world
}

fn names(catalogue: &Value) -> Vec<String> {
    let entries = catalogue["data"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["type"].as_str().unwrap().to_owned())
        .collect()
}

fn id(organization: i64) -> OrganizationId {
    OrganizationId::new(organization).unwrap()
}

#[tokio::test]
async fn the_types_of_notices_are_seen_where_they_can_be_chosen() {
    let world = world().await;
    let (home, elsewhere) = (
        world.key(Scope::Viewer(id(OPERATORS))).await,
        world.key(Scope::Administrator(id(LARKSPUR))).await,
    );
    let producer = world.key(Scope::Producer).await;
    for (key, seen) in [
        (&world.operator, true),
        (&home, true),
        (&elsewhere, false),
        (&producer, false),
    ] {
        let all = names(
            &world
                .call("GET", "/v1/event-types", key, "")
                .await
                .expect(200),
        );
        assert_eq!(all.len(), if seen { 24 } else { 18 });
        for kind in Kind::ALL {
            assert_eq!(all.iter().any(|name| name == kind.name()), seen);
            let path = format!("/v1/event-types/{}", kind.name());
            let one = world.call("GET", &path, key, "").await;
            match seen {
                false => drop(one.refused(404, "no_such_event_type")),
                true => {
                    let entry = one.expect(200);
                    assert!(entry["example"]["text"].is_string() && entry["schema"].is_object());
                }
            }
        }
    }
    // A hint names none of them either.
    let hint = world
        .call("GET", "/v1/event-types/endpoint.failin", &elsewhere, "")
        .await
        .refused(404, "no_such_event_type");
    assert!(!hint.to_string().contains("endpoint.failing"), "{hint}");
}

#[tokio::test]
async fn only_endpoints_of_their_organization_choose_notices_or_are_sent_one_as_a_test() {
    let world = world().await;
    let body = r#"{"url":"https://receiver.example/x","event_types":["endpoint.failing"]}"#;
    let path = |organization: i64| format!("/v1/organizations/{organization}/endpoints");
    let home = world.send("POST", &path(OPERATORS), body).await.expect(201);
    let problem = world
        .send("POST", &path(LARKSPUR), body)
        .await
        .refused(422, "reserved_event_type");
    assert!(
        problem.to_string().contains("notices.organization"),
        "{problem}"
    );
    let other = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let other = format!("{}/{}", path(LARKSPUR), other["id"].as_str().unwrap());
    world
        .send("PATCH", &other, r#"{"event_types":["endpoint.exhausted"]}"#)
        .await
        .refused(422, "reserved_event_type");
    let test = r#"{"event_type":"endpoint.recovered"}"#;
    world
        .send("POST", &format!("{other}/test"), test)
        .await
        .refused(422, "reserved_event_type");
    let home = format!("{}/{}", path(OPERATORS), home["id"].as_str().unwrap());
    let tested = world
        .send("POST", &format!("{home}/test"), test)
        .await
        .expect(200);
    assert_eq!(tested["attempt"]["status"], 204);
    // There is no public form of them.
    world
        .send(
            "PATCH",
            &home,
            r#"{"event_types":["endpoint.public.failing"]}"#,
        )
        .await
        .refused(422, "reserved_event_type");
}

#[tokio::test]
async fn nobody_posts_or_changes_a_notice() {
    let world = world().await;
    for kind in Kind::ALL {
        let event = json!({"type": kind.name(), "organization_id": OPERATORS, "data": {}});
        world
            .send("POST", "/v1/events", &event.to_string())
            .await
            .refused(422, "reserved_event_type");
        for form in [kind.name().to_owned(), kind.name().replace('.', ".public.")] {
            world
                .send(
                    "PUT",
                    &format!("/v1/event-types/{form}"),
                    r#"{"enabled":false}"#,
                )
                .await
                .refused(422, "reserved_event_type");
        }
    }
    // Other types of the same object are the operator's to register.
    world
        .send("PUT", "/v1/event-types/endpoint.moved", "{}")
        .await
        .expect(201);
}

#[tokio::test]
async fn without_an_organization_their_names_are_kept_free_and_their_types_are_gone() {
    let world = World::with_organizations().await;
    world
        .send("PUT", "/v1/event-types/endpoint.failing", "{}")
        .await
        .refused(422, "reserved_event_type");
    let all = names(&world.get("/v1/event-types").await.expect(200));
    assert_eq!(all.len(), 18);
    // As if a server had told them and does not any more.
    let rule = NoticeRule {
        organization: Some(id(LARKSPUR)),
        mail: false,
        base: String::new(),
    };
    assert_eq!(world.store.tell_notices(Some(rule)).await, Ok(Told::Ready));
    assert_eq!(world.store.tell_notices(None).await, Ok(Told::Ready));
    let all = names(&world.get("/v1/event-types").await.expect(200));
    assert_eq!(all.len(), 18);
    let body = r#"{"url":"https://receiver.example/x","event_types":["endpoint.failing"]}"#;
    world
        .send(
            "POST",
            &format!("/v1/organizations/{LARKSPUR}/endpoints"),
            body,
        )
        .await
        .refused(422, "reserved_event_type");
}

#[tokio::test]
async fn a_rotation_is_delivered_to_the_operators_endpoint_as_any_event() {
    let world = world().await;
    world
        .endpoint(OPERATORS, &["endpoint.secret_rotated"])
        .await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let id = endpoint["id"].as_str().unwrap();
    let path = format!("/v1/organizations/{LARKSPUR}/endpoints/{id}/secret/rotate");
    world.send("POST", &path, "").await.expect(200);
    let list = format!("/v1/organizations/{OPERATORS}/deliveries?reference={id}");
    let found = world
        .until(&list, |list| list["data"][0]["state"] == "delivered")
        .await;
    assert_eq!(found["data"][0]["type"], "endpoint.secret_rotated");
    let delivery = found["data"][0]["id"].as_str().unwrap();
    let shown = world
        .get(&format!("/v1/deliveries/{delivery}"))
        .await
        .expect(200);
    let text = shown.to_string();
    assert!(
        text.contains("receiver.example") && !text.contains("whsec_"),
        "{text}"
    );
}

#[tokio::test]
async fn the_console_offers_them_there_and_says_where_they_go() {
    let world = world().await;
    let Login { cookie, .. } = login(&world).await;
    let form =
        |organization: i64| format!("/admin/integrations/webhooks/new?organization={organization}");
    let home = get(&world, &form(OPERATORS), &cookie).await.text;
    assert!(home.contains("Notices about endpoints") && home.contains("endpoint.failing"));
    let elsewhere = get(&world, &form(LARKSPUR), &cookie).await.text;
    assert!(!elsewhere.contains("endpoint.failing"), "{elsewhere}");
    let engine = get(&world, "/admin/engine", &cookie).await.text;
    assert!(engine.contains("no endpoint chose them yet") && engine.contains("By mail: off"));
    world.endpoint(OPERATORS, &["endpoint.failing"]).await;
    let engine = get(&world, "/admin/engine", &cookie).await.text;
    assert!(engine.contains("1 endpoint chose them"));
    let shown = get(&world, "/admin/event-types/endpoint.failing", &cookie)
        .await
        .text;
    assert!(shown.contains("Tidings itself makes it") && !shown.contains("Switch off"));
}

#[tokio::test]
async fn the_links_in_notices_lead_to_pages_of_the_console() {
    let world = world().await;
    let Login { cookie, .. } = login(&world).await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let endpoint: EndpointId = endpoint["id"].as_str().unwrap().parse().unwrap();
    for kind in Kind::ALL {
        let mut notice = Notice::example(kind, id(LARKSPUR));
        let check = async |notice: &Notice| {
            let data: Value = serde_json::from_str(&notice.data("")).unwrap();
            let path = data["console"].as_str().unwrap().to_owned();
            let page = get(&world, &path, &cookie).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
        };
        notice.subject.endpoint.as_mut().unwrap().id = endpoint;
        check(&notice).await;
        notice.subject.endpoint = None;
        check(&notice).await;
    }
}
