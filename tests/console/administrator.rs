//! The administrator's work: from a link to a verified delivery, secrets, switches, "did it arrive?", sending again.

use crate::browser::{Browser, Looks};
use crate::receiver::{Reply, Request};
use crate::world::{LARKSPUR, PASSWORD, World};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tidings_core::signature::{Delivered, verify_standard, verify_vomo};

const WEBHOOKS: &str = "/admin/integrations/webhooks";

/// Whether a request was signed with a secret, in both ways.
fn is_signed(request: &Request, secret: &str) -> bool {
    let delivered = Delivered {
        id: request.header("webhook-id"),
        timestamp: request.header("webhook-timestamp"),
        signature: request.header("webhook-signature"),
        body: &request.body,
    };
    let now = request.header("webhook-timestamp").parse().unwrap();
    verify_vomo(
        secret.as_bytes(),
        &request.body,
        request.header("vomo-signature"),
    )
    .is_ok()
        && verify_standard(secret.as_bytes(), &delivered, now, 300).is_ok()
}

/// Adds an endpoint through the form; answers its secret.
fn add_endpoint(browser: &Browser<'_>, url: &str) -> String {
    browser.fill("#url", url);
    browser.click("input[value='project.updated']");
    browser.press("Add the endpoint");
    browser.wait_for("The endpoint is ready");
    browser.text_of(".secret code")
}

/// From the setup link to the first verified test delivery: seven clicks, five fields.
#[test]
fn a_new_administrator_comes_from_the_link_to_a_verified_delivery_in_seven_clicks() {
    let world = World::empty();
    let browser = world.driver.open(Looks::WIDE);
    browser.open(&world.setup_link());
    let mut clicks = 0;
    let mut press = |words: &str| {
        browser.press(words);
        clicks += 1;
    };
    browser.fill("#name", "operator");
    browser.fill("#password", PASSWORD);
    press("Create the account");
    browser.wait_for("No organization yet");
    press("Add an organization");
    browser.fill("#name", "Larkspur Commons");
    browser.fill("#id", "4417");
    press("Add the organization");
    browser.wait_for("No endpoint yet");
    press("Add an endpoint");
    browser.fill("#url", &world.receiver.url("/crm"));
    press("All own");
    press("Add the endpoint");
    browser.wait_for("The endpoint is ready");
    let secret = browser.text_of(".secret code");
    press("Send a test");
    browser.wait_for("It arrived.");
    assert_eq!(clicks, 7);
    let request = world.receiver.only();
    assert!(is_signed(&request, &secret), "{request:?}");
    assert!(browser.text().contains("204 No Content"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn w21_a_secret_is_rotated_with_an_overlap_and_confirmed() {
    let world = World::with_organizations();
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    browser.press("Add an endpoint");
    let old = add_endpoint(&browser, &world.receiver.url("/crm"));
    browser.press("To the endpoint");
    browser.press("Rotate the secret");
    browser.press("Rotate");
    browser.wait_for("New secret");
    let new = browser.text_of(".secret code");
    assert_ne!(old, new);
    browser.press("← The endpoint");
    browser.wait_for("Two secrets are in force");
    browser.press("Send a test");
    browser.wait_for("It arrived.");
    let first = world.receiver.only();
    let vomo = first.header("vomo-signature");
    assert!(
        verify_vomo(old.as_bytes(), &first.body, vomo).is_ok(),
        "the old one signs it"
    );
    let delivered = Delivered {
        id: first.header("webhook-id"),
        timestamp: first.header("webhook-timestamp"),
        signature: first.header("webhook-signature"),
        body: &first.body,
    };
    let now = first.header("webhook-timestamp").parse().unwrap();
    for secret in [&old, &new] {
        assert!(verify_standard(secret.as_bytes(), &delivered, now, 300).is_ok());
    }
    browser.open(&world.url(&format!("{WEBHOOKS}?organization={LARKSPUR}")));
    browser.click(".list a");
    browser.press("My receiver has the new secret");
    browser.wait_for("Confirmed");
    browser.press("Send a test");
    browser.wait_for("It arrived.");
    let second = world.receiver.seen().requests.last().unwrap().clone();
    assert!(is_signed(&second, &new));
    browser.press("← Deliveries");
    browser.open(&world.url(&format!("{WEBHOOKS}?organization={LARKSPUR}")));
    browser.click(".list a");
    browser.press("Reveal");
    browser.wait_for("on the audit log");
    assert_eq!(browser.text_of(".secret code"), new);
}

#[test]
fn the_list_and_a_delivery_follow_what_happens_without_a_reload() {
    let status = Arc::new(AtomicU16::new(503));
    let answers = Arc::clone(&status);
    let world =
        World::answering(move |_| Reply::status(answers.load(Ordering::SeqCst))).organizations();
    world
        .server
        .endpoint(LARKSPUR, &world.receiver.url("/crm"), &["project.updated"]);
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    browser.press("Deliveries");
    browser.wait_for("No deliveries yet");
    browser.wait_for("live");
    browser.run("window.sameDocument = true");
    world.event("project.updated", &json!({"id": 7}));
    browser.wait_for("waiting");
    assert_eq!(browser.run("return window.sameDocument"), json!(true));

    browser.press("project.updated");
    browser.wait_for("another try follows");
    browser.wait_for("503 Service Unavailable");
    browser.run("window.sameDocument = true");
    status.store(200, Ordering::SeqCst);
    browser.wait_for("It arrived.");
    assert_eq!(
        browser.run("return window.sameDocument"),
        json!(true),
        "the second try came by itself"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// What is rare would be looked for far back, each second anew.
#[test]
fn the_list_of_events_is_live_until_a_filter_asks_for_some() {
    let world = World::with_organizations();
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    let list = world.url(&format!("/admin/events?organization={LARKSPUR}"));
    browser.open(&list);
    browser.wait_for("No events yet");
    browser.wait_for("live");
    browser.run("window.sameDocument = true");
    world.event("project.updated", &json!({"id": 7}));
    browser.wait("row", || browser.has("table.list tbody tr"));
    assert_eq!(browser.run("return window.sameDocument"), json!(true));

    let streams = "const stop = new AbortController();
        fetch(location.href, {headers: {accept: 'text/event-stream'}, signal: stop.signal})
            .then(answer => { stop.abort(); done(answer.status); });";
    assert_eq!(browser.run_async(streams), json!(200));
    for filter in ["type=project.updated", "from=2020-01-01T00:00"] {
        browser.open(&format!("{list}&{filter}"));
        browser.wait("row", || browser.has("table.list tbody tr"));
        assert!(!browser.has(".livemark"), "{filter}");
        assert_eq!(browser.run_async(streams), json!(406), "{filter}");
    }
}

#[test]
fn a_delivery_is_found_by_reference_and_by_id_and_sent_again() {
    let world = World::with_organizations();
    world
        .server
        .endpoint(LARKSPUR, &world.receiver.url("/crm"), &["project.updated"]);
    world.event("project.updated", &json!({"id": 7}));
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    browser.press("Deliveries");
    browser.fill("#q", "order-7");
    browser.press("Show");
    browser.press("project.updated");
    browser.wait_for("It arrived.");
    let id = browser.text_of("#delivery-id");
    browser.press("Send again");
    browser.wait_for("Try 2:");
    let seen = world.receiver.seen().requests;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[0].body, seen[1].body);
    browser.press("← Deliveries");
    browser.fill("#q", &id);
    browser.press("Show");
    browser.wait("delivery", || browser.url().ends_with(&id));
}

#[test]
fn what_was_held_is_sent_or_discarded_and_missed_events_are_replayed() {
    let world = World::with_organizations();
    let (id, _) =
        world
            .server
            .endpoint(LARKSPUR, &world.receiver.url("/crm"), &["project.updated"]);
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    browser.open(&world.url(&format!("{WEBHOOKS}/{id}")));
    browser.press("Switch off");
    browser.wait_for("what waits is held");
    world.event("project.updated", &json!({"id": 7}));
    assert_eq!(world.receiver.seen().requests.len(), 0);
    browser.press("Switch on");
    browser.wait_for("Switched on.");
    browser.press("Send again");
    browser.wait_for("Sends a time range");
    browser.press("Send again");
    browser.wait_for("Done");
    browser.wait_for("1 queued");
    world
        .runtime
        .block_on(world.receiver.until(|seen| seen.requests.len() == 1));
}

#[test]
fn a_wrong_form_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed() {
    let world = World::with_organizations();
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    browser.press("Add an endpoint");
    browser.fill("#url", "http://10.0.0.1/hook");
    browser.fill("#description", "our CRM");
    browser.press("Add the endpoint");
    browser.wait("fault", || browser.has("#url-fault"));
    assert!(browser.text_of("#url-fault").contains("egress.allow"));
    assert!(browser.text().contains("Choose at least one event type."));
    assert_eq!(
        browser.run("return document.querySelector('#url').value"),
        json!("http://10.0.0.1/hook")
    );
    assert_eq!(
        browser.run("return document.querySelector('#description').value"),
        json!("our CRM")
    );
}

#[test]
fn everything_works_without_the_script_and_on_a_phone() {
    for looks in [
        Looks::WIDE.without_script(),
        Looks::PHONE,
        Looks::PHONE.without_script(),
    ] {
        let world = World::with_organizations();
        let browser = world.portal(LARKSPUR, "administrator", looks);
        browser.press("Add an endpoint");
        let secret = add_endpoint(&browser, &world.receiver.url("/crm"));
        browser.press("Send a test");
        browser.wait_for("It arrived.");
        assert!(is_signed(&world.receiver.only(), &secret));
        let go = |section: &str| {
            if looks.width < Looks::WIDE.width {
                browser.press("Menu");
            }
            browser.press(section);
        };
        go("Deliveries");
        browser.wait_for("project.updated");
        go("Events");
        browser.wait("page", || browser.title().contains("Events"));
        go("Overview");
        browser.wait("page", || browser.title().contains("Overview"));
    }
}

#[test]
fn what_the_organizations_switch_held_is_discarded_where_that_is_chosen() {
    let world = World::answering(|_| Reply::status(500)).organizations();
    let types = ["project.updated"];
    let (id, _) = world
        .server
        .endpoint(LARKSPUR, &world.receiver.url("/crm"), &types);
    world.event("project.updated", &json!({"id": 7}));
    let browser = world.portal(LARKSPUR, "administrator", Looks::WIDE);
    let deliveries = format!("/admin/deliveries?organization={LARKSPUR}&endpoint={id}");
    browser.open(&world.url(&deliveries));
    browser.wait_for("next try");
    browser.press("Webhooks");
    browser.press("Switch all off");
    browser.wait_for("Webhooks are off");
    browser.open(&world.url(&deliveries));
    browser.wait_for("held");
    browser.press("Webhooks");
    browser.click("input[value='discard']");
    browser.press("Switch on");
    browser.wait_for("Webhooks are on");
    browser.open(&world.url(&deliveries));
    browser.wait_for("discarded");
}
