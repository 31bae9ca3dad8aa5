//! Pages of the console, without a browser: what they show of what is long, and what forms take.

use crate::console::{Login, get, login, post};
use crate::world::{LARKSPUR, RIVERSIDE, World};
use serde_json::json;
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::accounts::{
    Acceptance, Accounts as _, Grant, Invited, NewLink, Purpose, Redeemed, Role,
};

/// Bytes of a body that a page shows.
const SHOWN: usize = 16 * 1024;

#[tokio::test]
async fn s12_a_long_body_is_cut_on_its_page_and_whole_in_its_file() {
    let world = World::with_organizations().await;
    let Login { cookie, .. } = login(&world).await;
    world.endpoint(LARKSPUR, &["project.updated"]).await;
    let data = json!({"id": 1, "text": "é".repeat(SHOWN)});
    let event = json!({"type": "project.updated", "organization_id": LARKSPUR, "data": data});
    let posted = world.send("POST", "/v1/events", &event.to_string()).await;
    let event = posted.expect(202)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/organizations/{LARKSPUR}/deliveries?event={event}");
    let list = world
        .until(&path, |list| list["data"][0]["state"] == "delivered")
        .await;
    let id = list["data"][0]["id"].as_str().unwrap();
    let path = format!("/admin/deliveries/{id}");
    let page = get(&world, &path, &cookie).await.text;
    assert!(page.len() < 3 * SHOWN, "{}", page.len());
    assert!(page.contains("Here are the first 163"));
    assert!(page.contains(&format!("--data-binary @{id}.json.txt")));
    assert!(!page.contains("Laid out for reading"));
    let file = get(&world, &format!("{path}/body"), &cookie).await;
    assert!(file.text.contains(&"é".repeat(SHOWN)));
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert_eq!(name, format!("attachment; filename=\"{id}.json.txt\""));
}

#[tokio::test]
async fn a_form_is_small_before_a_login_and_of_a_known_role_after() {
    let world = World::with_organizations().await;
    let Login { cookie, token } = login(&world).await;
    let long = format!("name=operator&password={}", "x".repeat(SHOWN));
    let refused = post(&world, "/admin/login", &long, &[]).await;
    assert_eq!(refused.status, 413, "{}", refused.text);
    let session = ("cookie", cookie.as_str());
    let path = format!("/admin/members/invite?organization={LARKSPUR}");
    for (role, status) in [
        ("owner", 404),
        ("operator", 404),
        ("", 404),
        ("viewer", 200),
    ] {
        let form = format!("form_token={token}&role={role}");
        let answer = post(&world, &path, &form, &[session]).await;
        assert_eq!(answer.status, status, "{role}: {}", answer.text);
    }
}

#[tokio::test]
async fn members_are_shown_in_pages_and_none_is_left_out() {
    let world = World::with_organizations().await;
    let Login { cookie, .. } = login(&world).await;
    let grant = Grant {
        organization: crate::world::organization(LARKSPUR),
        role: Role::Viewer,
    };
    for number in 0..51_u8 {
        let mut hash = [1; 32];
        hash[0] = number;
        let link = NewLink {
            hash,
            purpose: Purpose::Invitation(Invited::Member(grant)),
            expires_at: world.clock.now().plus(Duration::from_secs(60)),
        };
        world
            .store
            .create_link(link, Actor::server())
            .await
            .unwrap();
        let person = Acceptance::Person {
            name: format!("member-{number}."),
            password: String::from("a hash"),
        };
        let accepted = world.store.accept_link(hash, person, Actor::server()).await;
        assert!(matches!(accepted, Ok(Redeemed::Done(_))));
    }
    let path = format!("/admin/members?organization={LARKSPUR}");
    let first = get(&world, &path, &cookie).await.text;
    assert!(first.contains("member-49.") && !first.contains("member-50."));
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let second = get(&world, &next, &cookie).await.text;
    assert!(second.contains("member-50.") && !second.contains("member-49."));
}

#[tokio::test]
async fn s23_an_entry_that_was_changed_behind_the_console_is_marked_there() {
    let world = World::with_organizations().await;
    let Login { cookie, .. } = login(&world).await;
    let marked = async || {
        let page = get(&world, "/admin/audit", &cookie).await.text;
        assert!(page.contains("Organization made or changed"), "{page}");
        page.matches("changed afterwards").count()
    };
    assert_eq!(marked().await, 0);
    let database = rusqlite::Connection::open(world.folder.path().join("tidings.db")).unwrap();
    let change =
        "UPDATE audit SET subject = '7' WHERE subject = '4417' AND act = 'organization.put'";
    assert_eq!(database.execute(change, []).unwrap(), 1);
    assert_eq!(marked().await, 1);
}

/// A viewer who came by a portal link.
pub async fn viewer(world: &World, organization: i64) -> String {
    let path = format!("/v1/organizations/{organization}/portal-links");
    let link = world.send("POST", &path, r#"{"role":"viewer"}"#).await;
    let link = link.expect(201)["url"].as_str().unwrap().to_owned();
    let path = format!("/admin/portal/{}", link.rsplit('/').next().unwrap());
    let entered = post(world, &path, "", &[]).await;
    assert_eq!(entered.status, 303, "{}", entered.text);
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

const NOBODY: &str = "nobody is subscribed";

#[tokio::test]
async fn an_event_without_a_delivery_is_found_and_says_that_nobody_is_subscribed() {
    let world = World::with_organizations().await;
    let cookie = viewer(&world, LARKSPUR).await;
    let event = json!({"type": "project.updated", "organization_id": LARKSPUR, "data": {"n": 7}, "reference": "ord-7"});
    let posted = world.send("POST", "/v1/events", &event.to_string()).await;
    let lonely = posted.expect(202)["id"].as_str().unwrap().to_owned();
    let list = format!("/admin/events?organization={LARKSPUR}");
    let link = format!("href=\"/admin/events/{lonely}\"");
    for (query, there) in [
        ("", true),
        (
            "&reference=ord-7&type=project.updated&from=2026-03-01T12:00&to=2026-03-01T12:01",
            true,
        ),
        ("&reference=ord-8", false),
        ("&type=participation.created", false),
        ("&to=2026-03-01T12:00", false),
    ] {
        let page = get(&world, &format!("{list}{query}"), &cookie).await.text;
        assert_eq!(page.contains(&link), there, "{query}: {page}");
    }
    let wrong = get(
        &world,
        &format!("{list}&from=2026-03-02T00:00&to=2026-03-01T00:00"),
        &cookie,
    )
    .await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    // Its id leads to it from either list, and the deliveries say where else to look for a reference.
    for (list, field) in [("events", "reference"), ("deliveries", "q")] {
        let path = format!("/admin/{list}?organization={LARKSPUR}&{field}={lonely}");
        let led = get(&world, &path, &cookie).await;
        assert_eq!(led.headers["location"], format!("/admin/events/{lonely}"));
    }
    let path = format!("/admin/deliveries?organization={LARKSPUR}&reference=ord-7&state=delivered");
    let page = get(&world, &path, &cookie).await.text;
    let elsewhere = format!("/admin/events?organization={LARKSPUR}&amp;reference=ord-7\"");
    assert!(page.contains(&elsewhere), "{page}");
    let page = get(&world, &format!("/admin/events/{lonely}"), &cookie)
        .await
        .text;
    assert!(
        page.contains(NOBODY) && page.contains("{&quot;n&quot;:7}"),
        "{page}"
    );
    world.endpoint(LARKSPUR, &["project.updated"]).await;
    let seen = world.event(LARKSPUR).await;
    let path = format!("/v1/events/{seen}");
    world
        .until(&path, |event| event["deliveries"]["delivered"] == 1)
        .await;
    let page = get(&world, &format!("/admin/events/{seen}"), &cookie)
        .await
        .text;
    assert!(
        !page.contains(NOBODY) && page.contains("Deliveries: 1 delivered."),
        "{page}"
    );
    assert!(page.contains("href=\"/admin/deliveries/dlv_"), "{page}");
}

#[tokio::test]
async fn tenancy_a_public_event_tells_its_owner_and_its_recipients_nothing_of_each_other() {
    let world = World::with_organizations().await;
    let [owner, recipient] = [
        viewer(&world, LARKSPUR).await,
        viewer(&world, RIVERSIDE).await,
    ];
    world.endpoint(RIVERSIDE, &["project.public.updated"]).await;
    let event = json!({"type": "project.updated", "organization_id": LARKSPUR, "data": {}, "reference": "ord-7", "public": true});
    let posted = world.send("POST", "/v1/events", &event.to_string()).await;
    let event = posted.expect(202)["id"].as_str().unwrap().to_owned();
    let shown = format!("/v1/events/{event}");
    world
        .until(&shown, |event| event["deliveries"]["delivered"] == 1)
        .await;
    let path = format!("/admin/events/{event}");
    let page = get(&world, &path, &owner).await.text;
    assert!(page.contains(NOBODY) && page.contains("ord-7"), "{page}");
    let page = get(&world, &path, &recipient).await.text;
    assert!(
        page.contains("Deliveries: 1 delivered.") && !page.contains("ord-7"),
        "{page}"
    );
    assert!(!page.contains("Larkspur"), "{page}");
    let list = format!("/admin/events?organization={RIVERSIDE}");
    let page = get(&world, &list, &recipient).await.text;
    assert!(page.contains("No events yet"), "{page}");
    let Login { cookie, .. } = login(&world).await;
    let page = get(&world, &path, &cookie).await.text;
    assert!(page.contains("Deliveries: 1 delivered."), "{page}");
}

#[tokio::test]
async fn endpoints_of_one_host_are_told_apart_by_who_sees_paths_and_by_who_does_not() {
    let world = World::with_organizations().await;
    let endpoints = format!("/v1/organizations/{LARKSPUR}/endpoints");
    let mut ids = Vec::new();
    for path in ["crm", "reports"] {
        let body = json!({"url": format!("https://receiver.example/{path}"), "event_types": ["project.updated"]});
        let made = world.send("POST", &endpoints, &body.to_string()).await;
        ids.push(made.expect(201)["id"].as_str().unwrap().to_owned());
    }
    world.event(LARKSPUR).await;
    let list = format!("/v1/organizations/{LARKSPUR}/deliveries");
    world.until(&list, |list| list["data"][1].is_object()).await;
    let Login { cookie, .. } = login(&world).await;
    let viewer = viewer(&world, LARKSPUR).await;
    for page in ["deliveries", "overview", "integrations/webhooks"] {
        let path = format!("/admin/{page}?organization={LARKSPUR}");
        let seen = get(&world, &path, &cookie).await.text;
        let seen = seen.replace("<wbr>", "");
        for path in ["receiver.example/crm<", "receiver.example/reports<"] {
            assert!(seen.contains(path), "{page}: {seen}");
        }
        let seen = get(&world, &path, &viewer).await.text;
        let seen = seen.replace("<wbr>", "");
        assert!(!seen.contains("receiver.example/crm"), "{page}: {seen}");
        for id in &ids {
            assert!(seen.contains(&format!("{id}<")), "{page}: {seen}");
        }
    }
    let path = format!("/admin/deliveries?organization={LARKSPUR}");
    let seen = get(&world, &path, &viewer).await.text;
    let option = format!("receiver.example · {}</option>", ids[0]);
    assert!(seen.contains(&option), "{seen}");
}
