//! Every page in a real browser: wide and narrow, light and dark, with the accessibility rules of axe-core, without a
//! complaint of the browser's. With `TIDINGS_SCREENS` set, a picture of each is left there.

use crate::browser::{Browser, Looks};
use crate::receiver::{Reply, Request};
use crate::world::{LARKSPUR, RIVERSIDE, World};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// A world with something of everything in it.
fn lived_in() -> World {
    let world = World::answering(|request: &Request| match request.line.as_str() {
        line if line.contains("/broken") => {
            Reply::body(500, "{\"error\":\"no such table: volunteers\"}")
        }
        _ => Reply::body(200, "{\"ok\":true}"),
    })
    .organizations();
    let types = ["project.updated", "participation.created"];
    let server = &world.server;
    server.endpoint(LARKSPUR, &world.receiver.url("/crm"), &types);
    server.endpoint(LARKSPUR, &world.receiver.url("/broken"), &types[..1]);
    for number in 0..6 {
        world.event(
            "project.updated",
            &json!({"id": number, "name": "Meal packing"}),
        );
        world.event("participation.created", &json!({"id": number}));
    }
    // Nobody has chosen this one.
    world.event("campaign.updated", &json!({"id": 7}));
    // Charts are drawn from counts that are written within seconds.
    let path = format!("/v1/organizations/{LARKSPUR}/stats");
    let begun = std::time::Instant::now();
    while world.server.ok("GET", &path, "")["total"]["attempts"].as_u64() < Some(18) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "the counts are written"
        );
        std::thread::sleep(Duration::from_millis(100)); // sleeps: the API has no signal for counts
    }
    world
}

/// The pages, by a short name.
fn pages(world: &World) -> Vec<(&'static str, String)> {
    let list = |path: &str| {
        let path = format!("/v1/organizations/{LARKSPUR}/{path}");
        world.server.ok("GET", &path, "")["data"].clone()
    };
    let endpoints = list("endpoints");
    let endpoint = endpoints[1]["id"].as_str().unwrap().to_owned();
    let broken = endpoints[0]["id"].as_str().unwrap().to_owned();
    let failed = list(&format!("deliveries?endpoint={broken}"))[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_type = |event_type: &str| list(&format!("events?type={event_type}"))[0]["id"].clone();
    let event = of_type("project.updated");
    let alone = of_type("campaign.updated");
    let [event, alone] = [&event, &alone].map(|id| id.as_str().unwrap().to_owned());
    let webhooks = "/admin/integrations/webhooks";
    let query = format!("organization={LARKSPUR}");
    vec![
        ("overview", format!("/admin/overview?{query}")),
        ("webhooks", format!("{webhooks}?{query}")),
        ("no-add-on", format!("{webhooks}?organization={RIVERSIDE}")),
        ("endpoint-new", format!("{webhooks}/new?{query}")),
        ("endpoint", format!("{webhooks}/{endpoint}")),
        ("endpoint-edit", format!("{webhooks}/{endpoint}/edit")),
        (
            "endpoint-code",
            format!("{webhooks}/{endpoint}/code?language=node"),
        ),
        ("replay", format!("{webhooks}/{endpoint}/replay")),
        ("events", format!("/admin/events?{query}")),
        ("event", format!("/admin/events/{event}")),
        ("event-alone", format!("/admin/events/{alone}")),
        ("deliveries", format!("/admin/deliveries?{query}")),
        (
            "nothing-found",
            format!("/admin/deliveries?{query}&state=cancelled"),
        ),
        ("delivery", format!("/admin/deliveries/{failed}")),
        ("members", format!("/admin/members?{query}")),
        ("event-types", format!("/admin/event-types?{query}")),
        (
            "event-type",
            format!("/admin/event-types/project.updated?{query}"),
        ),
        ("signature", format!("/admin/signature?{query}")),
        ("organizations", String::from("/admin/organizations")),
        (
            "organizations-found",
            String::from("/admin/organizations?name=pantry"),
        ),
        ("organization-new", String::from("/admin/organizations/new")),
        ("engine", String::from("/admin/engine")),
        ("people", String::from("/admin/people")),
        ("keys", String::from("/admin/keys")),
        ("audit", String::from("/admin/audit")),
        ("audit-own", format!("/admin/audit?{query}&act=endpoint.")),
        ("account", String::from("/admin/account")),
        ("docs", String::from("/docs")),
        ("no-such-page", String::from("/admin/nowhere")),
    ]
}

/// Leaves a picture, if pictures are wanted.
fn keep(browser: &Browser<'_>, name: &str) {
    if let Some(folder) = std::env::var_os("TIDINGS_SCREENS") {
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), browser.picture()).unwrap();
    }
}

/// What axe-core finds against WCAG 2.2 AA.
fn violations(browser: &Browser<'_>) -> Vec<String> {
    let axe = "target/test-deps/node_modules/axe-core/axe.min.js";
    let axe = std::fs::read_to_string(axe).expect("`./test deps` installs axe-core");
    browser.run(&axe);
    let found = browser.run_async(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(done)",
    );
    let violations = found["violations"].as_array().unwrap();
    violations
        .iter()
        .map(|violation| {
            let nodes = violation["nodes"].as_array().unwrap();
            let targets: Vec<_> = nodes
                .iter()
                .map(|node| format!("{} {}", node["target"], node["failureSummary"]))
                .collect();
            format!("{}: {}", violation["id"], targets.join(" | "))
        })
        .collect()
}

fn walk(looks: Looks, suffix: &str) {
    let world = lived_in();
    let browser = world.operator(looks);
    let mut wrong = Vec::new();
    for (name, path) in pages(&world) {
        browser.open(&world.url(&path));
        keep(&browser, &format!("{name}-{suffix}"));
        wrong.extend(
            violations(&browser)
                .into_iter()
                .map(|found| format!("{name}: {found}")),
        );
        // What is of today shows its time alone; tomorrow it is as long as this.
        browser.run(
            "for (const time of document.querySelectorAll('time')) time.textContent = 'Sep 30, 2026, 11:59:59 PM'",
        );
        let wide = browser.run(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        if wide.as_f64().unwrap() > 1.0 {
            wrong.push(format!("{name}: {wide} px wider than the window"));
        }
        let complaints = browser.complaints().into_iter();
        wrong.extend(
            complaints
                .filter(|line| !line.contains("404"))
                .map(|line| format!("{name}: {line}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_is_accessible_and_quiet_wide_and_light() {
    walk(Looks::WIDE, "wide-light");
}

#[test]
fn every_page_is_accessible_and_quiet_on_a_phone_and_dark() {
    walk(Looks::PHONE.dark(), "phone-dark");
}

#[test]
fn every_page_is_accessible_and_quiet_wide_and_dark() {
    walk(Looks::WIDE.dark(), "wide-dark");
}

#[test]
fn every_page_is_accessible_and_quiet_on_a_phone_and_light() {
    walk(Looks::PHONE, "phone-light");
}
