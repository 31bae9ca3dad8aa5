//! The pictures of README and docs, from the running demo: `docs/pictures/make`.
//!
//! Left out of every other run: it takes as long as the demo does, two minutes, and proves nothing.

use crate::browser::{Browser, Driver, Looks};
use crate::server::tidings;
use crate::world::PASSWORD;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

const LARKSPUR: &str = "organization=4417";
const WEBHOOKS: &str = "/admin/integrations/webhooks";

fn keep(browser: &Browser<'_>, name: &str) {
    let folder =
        PathBuf::from(std::env::var_os("TIDINGS_SCREENS").expect("docs/pictures/make sets it"));
    std::fs::write(folder.join(format!("{name}.png")), browser.picture()).unwrap();
}

#[test]
#[ignore = "makes pictures: docs/pictures/make"]
fn pictures_of_the_demo() {
    let mut demo = tidings()
        .args(["demo", "--listen", "127.0.0.1:8420"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let link = lines.find(|line| line.contains("/admin/setup/")).unwrap();
    let base = link.split("/admin/").next().unwrap().to_owned();
    let driver = Driver::start();
    let browser = driver.open(Looks {
        width: 1100,
        ..Looks::WIDE
    });
    browser.open(&link);
    keep(&browser, "setup");
    browser.fill("#name", "mary@larkspur.example");
    browser.fill("#password", PASSWORD);
    browser.press("Create the account");
    browser.wait_for("Organizations");
    lines
        .find(|line| line.contains("Everything rests"))
        .unwrap();
    // Counts are written every few seconds.
    std::thread::sleep(std::time::Duration::from_secs(7)); // sleeps: the demo has no signal for counts
    let open = |path: &str| browser.open(&format!("{base}{path}"));
    open(&format!("/admin/overview?{LARKSPUR}"));
    keep(&browser, "overview");
    open(&format!("{WEBHOOKS}?{LARKSPUR}"));
    keep(&browser, "webhooks");
    open(&format!("{WEBHOOKS}/new?{LARKSPUR}"));
    browser.fill("#url", "http://127.0.0.1:9000/hooks");
    browser.press("All own");
    keep(&browser, "endpoint-new");
    browser.press("Add the endpoint");
    browser.wait_for("The endpoint is ready");
    keep(&browser, "endpoint-ready");
    open(&format!("/admin/deliveries?{LARKSPUR}"));
    browser.wait_for("live");
    keep(&browser, "deliveries");
    open(&format!("/admin/deliveries?{LARKSPUR}&state=exhausted"));
    browser.click(".list a");
    browser.wait_for("It did not arrive");
    keep(&browser, "delivery");
    open(&format!("/admin/signature?{LARKSPUR}"));
    keep(&browser, "signature");
    open("/admin/engine");
    keep(&browser, "engine");
    let dark = driver.open(Looks::PHONE.dark());
    dark.open(&format!("{base}/admin/login"));
    dark.fill("#name", "mary@larkspur.example");
    dark.fill("#password", PASSWORD);
    dark.press("Log in");
    dark.wait_for("Organizations");
    dark.open(&format!("{base}/admin/overview?{LARKSPUR}"));
    keep(&dark, "overview-phone");
    demo.kill().unwrap();
    demo.wait().unwrap();
}
