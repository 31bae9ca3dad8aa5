//! S10: a second factor in a real browser, from switching on to the last recovery code, on a phone and without the script.

use crate::browser::{Browser, Looks};
use crate::totp::code;
use crate::world::{PASSWORD, World};
use std::time::{SystemTime, UNIX_EPOCH};
use tidings_core::time::Timestamp;

/// The code of now, or of a step later: a step is accepted once, and a later one may come early.
fn code_in(secret: &str, steps: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap() + steps * 30_000;
    code(secret, Timestamp::from_millis(now))
}

fn log_in<'w>(world: &'w World, looks: Looks) -> Browser<'w> {
    let browser = world.driver.open(looks);
    browser.open(&world.url("/admin/login"));
    browser.fill("#name", "operator");
    browser.fill("#password", PASSWORD);
    browser.press("Log in");
    browser.wait_for("Second step");
    browser
}

/// Leaves a picture of a page where `TIDINGS_SCREENS` says.
fn picture(browser: &Browser<'_>, name: &str) {
    if let Ok(folder) = std::env::var("TIDINGS_SCREENS") {
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, browser.picture()).unwrap();
    }
}

#[test]
fn s10_a_second_factor_from_switching_on_to_a_recovery_code() {
    let world = World::required_second_factor();
    let first = world.driver.open(Looks::WIDE);
    first.open(&world.setup_link());
    first.fill("#name", "operator");
    first.fill("#password", PASSWORD);
    first.press("Create the account");
    first.wait_for("This server asks everybody for one");
    picture(&first, "second-factor-required");
    first.open(&world.url("/admin/people"));
    first.wait_for("This server asks everybody for one");
    first.fill("#current", PASSWORD);
    first.press("Go on");
    first.wait_for("Scan this");
    picture(&first, "second-factor-scan");
    let secret = first.text_of("#secret");
    first.fill("#code", "000000");
    first.press("Switch on");
    first.wait("fault", || first.has("#code-fault"));
    assert!(first.has("svg.qr[role=img][aria-label]"));
    first.fill("#code", &code_in(&secret, 0));
    first.press("Switch on");
    first.wait_for("Your recovery codes");
    picture(&first, "second-factor-codes");
    let spare = first.text_of("ol.codes li:first-child code");
    first.press("I have kept them");
    first.wait_for("Organizations");
    first.open(&world.url("/admin/account"));
    first.wait_for("Recovery codes left: 10");
    picture(&first, "second-factor-account");
    let complaints = first.complaints().into_iter();
    // The wrong code's answer is one for the browser, too.
    let complaints: Vec<String> = complaints.filter(|line| !line.contains("422")).collect();
    assert_eq!(complaints, Vec::<String>::new());

    let phone = log_in(&world, Looks::PHONE);
    picture(&phone, "second-factor-login");
    phone.fill("#code", &code_in(&secret, 1));
    phone.press("Log in");
    phone.wait_for("Organizations");
    phone.open(&world.url("/admin/account/second-factor"));
    phone.wait_for("Make new recovery codes");
    picture(&phone, "second-factor-phone");

    for fits in [true, false] {
        let plain = log_in(&world, Looks::WIDE.without_script());
        plain.click("details summary");
        plain.fill("#recovery", &spare);
        plain.press("Log in");
        match fits {
            true => plain.wait_for("Organizations"),
            false => plain.wait_for("no recovery code that is left"),
        }
    }
}
