//! The pictures of README and docs, from the running demo, in Debian's chromium: `docs/pictures/make`.
//!
//! Takes as long as the demo does, two minutes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "made like the tests of the console, whose browser it uses"
)]

#[path = "../support/browser.rs"]
#[allow(dead_code, reason = "uses a part of it")]
mod browser;

use browser::{Browser, Driver, Looks};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const PASSWORD: &str = "seven geese over the harbour";
const LARKSPUR: &str = "organization=4417";
const WEBHOOKS: &str = "/admin/integrations/webhooks";

fn keep(browser: &Browser<'_>, name: &str) {
    let folder = PathBuf::from("docs/pictures");
    std::fs::write(folder.join(format!("{name}.png")), browser.picture()).unwrap();
}

fn main() {
    let mut demo = Command::new("target/debug/tidings")
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
