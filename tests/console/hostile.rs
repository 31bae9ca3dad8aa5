//! Nothing from outside runs in the administrator's browser (S12): hostile text in every field that can hold some.

use crate::browser::{Browser, Looks};
use crate::receiver::{Reply, Request};
use crate::world::{LARKSPUR, World};
use serde_json::{Value, json};

/// What would show itself if it ran: in the title, or as a complaint of the policy.
const PAYLOADS: [&str; 12] = [
    "<script>document.title='ran'</script>",
    "<img src=x onerror=\"document.title='ran'\">",
    "\"><svg onload=\"document.title='ran'\">",
    "'><iframe srcdoc=\"<script>parent.document.title='ran'</script>\">",
    "javascript:document.title='ran'",
    "</textarea><script>document.title='ran'</script>",
    "</title><script>document.title='ran'</script>",
    "--><script>document.title='ran'</script>",
    "]]><script>document.title='ran'</script>",
    "<a href=\"javascript:document.title='ran'\" autofocus onfocus=\"document.title='ran'\">x</a>",
    "<style>body{background:url(https://elsewhere.example/)}</style>",
    "\u{202e}<math><mtext></mtext><script>document.title='ran'</script></math>",
];

#[track_caller]
fn quiet(browser: &Browser<'_>, place: &str) {
    assert!(!browser.title().starts_with("ran"), "{place}");
    let complaints: Vec<String> = browser
        .complaints()
        .into_iter()
        .filter(|line| !line.contains("404") && !line.contains("422"))
        .collect();
    assert_eq!(complaints, Vec::<String>::new(), "{place}");
}

fn all() -> String {
    PAYLOADS.concat()
}

#[test]
fn s12_hostile_text_in_every_field_runs_nothing() {
    let world = World::answering(|_: &Request| {
        let mut reply = Reply::body(500, all());
        for (number, payload) in PAYLOADS.iter().enumerate().take(11) {
            reply = reply.header(&format!("x-hostile-{number}"), payload);
        }
        reply
    })
    .organizations();
    let short: String = PAYLOADS[1].to_owned();
    let server = &world.server;
    let put = |path: &str, body: &Value| server.ok("PUT", path, &body.to_string());
    put(
        &format!("/v1/organizations/{LARKSPUR}"),
        &json!({"name": PAYLOADS[0], "add_ons": ["api_access"]}),
    );
    put(
        "/v1/event-types/hostile.done",
        &json!({"label": PAYLOADS[2], "description": PAYLOADS[1], "schema": {"title": all()}, "example": {"text": all()}}),
    );
    let url = world.receiver.url("/%3Cscript%3E?a='%3E\"onload=x");
    let body = json!({"url": url, "event_types": ["hostile.done"], "description": short, "headers": {"x-token": PAYLOADS[1]}});
    let made = server.ok(
        "POST",
        &format!("/v1/organizations/{LARKSPUR}/endpoints"),
        &body.to_string(),
    );
    let endpoint = made["id"].as_str().unwrap();
    server.ok(
        "POST",
        "/v1/keys",
        &json!({"scope": "producer", "description": short}).to_string(),
    );
    for payload in PAYLOADS {
        let data = json!({"name": payload, payload: payload});
        let reference: String = payload.chars().filter(char::is_ascii_graphic).collect();
        let event = json!({"type": "hostile.done", "organization_id": LARKSPUR, "data": data, "reference": reference});
        server.ok("POST", "/v1/events", &event.to_string());
    }
    let browser = world.operator(Looks::WIDE);
    let webhooks = "/admin/integrations/webhooks";
    let list = format!("/v1/organizations/{LARKSPUR}/deliveries");
    let deliveries = server.ok("GET", &list, "");
    let mut paths = vec![
        format!("/admin/overview?organization={LARKSPUR}"),
        format!("{webhooks}?organization={LARKSPUR}"),
        format!("{webhooks}/{endpoint}"),
        format!("{webhooks}/{endpoint}/edit"),
        format!("{webhooks}/{endpoint}/code"),
        format!("/admin/deliveries?organization={LARKSPUR}"),
        String::from("/admin/organizations"),
        String::from("/admin/event-types"),
        String::from("/admin/event-types/hostile.done"),
        String::from("/admin/keys"),
        String::from("/admin/people"),
        String::from("/admin/audit"),
    ];
    for delivery in deliveries["data"].as_array().unwrap() {
        let id = delivery["id"].as_str().unwrap();
        paths.push(format!("/admin/deliveries/{id}"));
        paths.push(format!(
            "/admin/signature?organization={LARKSPUR}&delivery={id}&number=1"
        ));
    }
    for path in paths {
        browser.open(&world.url(&path));
        assert!(browser.title().ends_with("Tidings"), "{path}");
        quiet(&browser, &path);
    }
}

#[test]
fn s12_what_a_visitor_brings_runs_nothing() {
    let world = World::with_organizations();
    let browser = world.operator(Looks::WIDE);
    for payload in PAYLOADS {
        let text: String = form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        for path in [
            format!("/admin/deliveries?organization={LARKSPUR}&reference={text}"),
            format!("/admin/deliveries?organization={LARKSPUR}&state={text}"),
            format!("/admin/deliveries?organization={LARKSPUR}&q={text}"),
            format!("/admin/deliveries?organization={text}"),
            format!("/admin/organizations?name={text}&done={text}"),
            format!("/admin/deliveries/{text}"),
            format!("/admin/event-types/{text}"),
            format!("/admin/audit?actor={text}"),
            format!("/admin/audit?act={text}"),
            format!("/admin/{text}"),
            format!("/admin/login?next={text}"),
        ] {
            browser.open(&world.url(&path));
            quiet(&browser, &path);
        }
    }
    browser.open(&world.url("/admin/signature"));
    browser.fill("#body", PAYLOADS[5]);
    browser.fill("#secret", PAYLOADS[1]);
    browser.fill("#vomo", PAYLOADS[2]);
    browser.press("Check");
    browser.wait_for("does not fit");
    quiet(&browser, "signature check");
    browser.open(&world.url("/admin/organizations/new"));
    browser.fill("#name", PAYLOADS[1]);
    browser.fill("#id", "7");
    browser.fill("#slug", PAYLOADS[0]);
    browser.press("Add the organization");
    browser.wait("fault", || browser.has("#slug-fault"));
    quiet(&browser, "organization form");
}
