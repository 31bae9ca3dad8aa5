//! Who gets in, who may what, and what ends it.

use crate::browser::Looks;
use crate::world::{LARKSPUR, NAME, PASSWORD, RIVERSIDE, World};
use serde_json::json;

const WEBHOOKS: &str = "/admin/integrations/webhooks";

#[test]
fn a_viewer_sees_the_log_and_neither_secrets_nor_paths_nor_anything_to_change() {
    let world = World::with_organizations();
    let (id, secret) = world.server.endpoint(
        LARKSPUR,
        &world.receiver.url("/token-in-the-path"),
        &["project.updated"],
    );
    world.event("project.updated", &json!({"id": 7}));
    let browser = world.portal(LARKSPUR, "viewer", Looks::WIDE);
    let mut seen = browser.source();
    for path in [
        format!("{WEBHOOKS}/{id}"),
        format!("{WEBHOOKS}/{id}/code"),
        format!("/admin/overview?organization={LARKSPUR}"),
        format!("/admin/deliveries?organization={LARKSPUR}"),
    ] {
        browser.open(&world.url(&path));
        assert!(!browser.has("main form[method=post]"), "{path}");
        seen.push_str(&browser.source());
    }
    browser.press("project.updated");
    browser.wait_for("It arrived.");
    assert!(!browser.has("main form[method=post]"));
    seen.push_str(&browser.source());
    assert!(!seen.contains(&secret) && !seen.contains("token-in-the-path"));
    for path in [
        format!("{WEBHOOKS}/{id}/edit"),
        format!("{WEBHOOKS}/new?organization={LARKSPUR}"),
    ] {
        browser.open(&world.url(&path));
        browser.wait_for("You may not do this");
    }
}

#[test]
fn a_portal_link_opens_one_organization_once_and_ends_when_it_is_revoked() {
    let world = World::with_organizations();
    let link = world.portal_link(LARKSPUR, "administrator");
    let url = link["url"].as_str().unwrap();
    let browser = world.driver.open(Looks::WIDE);
    browser.open(url);
    browser.wait("page", || browser.url().contains(WEBHOOKS));
    assert!(browser.text().contains("Back to your platform"));
    let other = world.driver.open(Looks::WIDE);
    other.open(url);
    other.wait_for("This link was used");
    browser.open(&world.url(&format!("{WEBHOOKS}?organization={RIVERSIDE}")));
    browser.wait_for("No organization");
    for path in [
        "/admin/engine",
        "/admin/people",
        "/admin/keys",
        "/admin/organizations/new",
    ] {
        browser.open(&world.url(path));
        browser.wait_for("This page is for operators.");
    }
    browser.open(&world.url(&format!("/admin/members?organization={LARKSPUR}")));
    browser.wait_for("You may not do this");
    let id = link["id"].as_str().unwrap();
    let path = format!("/v1/organizations/{LARKSPUR}/portal-links/{id}");
    assert_eq!(world.server.call("DELETE", &path, "").0, 204);
    browser.open(&world.url(WEBHOOKS));
    browser.wait_for("Log in");
}

#[test]
fn without_the_add_on_it_is_said_what_is_missing_and_nothing_can_be_added() {
    let world = World::with_organizations();
    let browser = world.portal(RIVERSIDE, "administrator", Looks::WIDE);
    browser.wait_for("not part of this organization's plan");
    let text = browser.text();
    assert!(text.contains("CRM Integrations") && text.contains("API Access"));
    assert!(text.contains("Ask the people who run your platform"));
    assert!(!browser.has(&format!("a[href^='{WEBHOOKS}/new']")));
}

#[test]
fn an_open_link_is_revoked_after_a_question_only() {
    let world = World::with_organizations();
    let operator = world.operator(Looks::WIDE);
    let members = world.url(&format!("/admin/members?organization={LARKSPUR}"));
    operator.open(&members);
    operator.press("Make an invitation link");
    operator.wait_for("Send this link.");
    operator.open(&members);
    operator.press("Revoke");
    operator.wait_for("Whoever was sent it cannot use it any more");
    operator.open(&members);
    operator.wait_for("Open links");
    operator.press("Revoke");
    operator.press("Revoke the link");
    operator.wait_for("Revoked.");
    operator.open(&members);
    operator.wait_for("No members yet");
    assert!(!operator.text().contains("Open links"));
}

#[test]
fn an_invitation_makes_an_account_and_a_wrong_password_does_not_get_in() {
    let world = World::with_organizations();
    let operator = world.operator(Looks::WIDE);
    operator.open(&world.url(&format!("/admin/members?organization={LARKSPUR}")));
    operator.press("Make an invitation link");
    operator.wait_for("It works once");
    let link = operator.text_of("#link");

    let browser = world.driver.open(Looks::WIDE);
    browser.open(&link);
    browser.wait_for("administrator of Larkspur Commons");
    browser.fill("#name", NAME);
    browser.fill("#password", "passwordpassword");
    browser.press("Create the account");
    browser.wait("fault", || browser.has("#password-fault"));
    browser.fill("#password", PASSWORD);
    browser.press("Create the account");
    browser.wait("overview", || {
        browser.url().contains("/admin/overview?organization=4417")
    });
    browser.press("Log out");
    browser.wait_for("Logged out");
    browser.open(&world.url("/admin/account"));
    browser.wait("login", || browser.url().contains("/admin/login"));
    browser.fill("#name", NAME);
    browser.fill("#password", "not this one at all");
    browser.press("Log in");
    browser.wait_for("Name and password do not fit.");
    browser.fill("#password", PASSWORD);
    browser.press("Log in");
    browser.wait("account", || browser.url().ends_with("/admin/account"));

    operator.press("Members");
    operator.wait_for(NAME);
    operator.press("Remove");
    operator.wait_for(&format!("{NAME} has no role in Larkspur Commons any more"));
    operator.press("Remove the member");
    operator.wait_for("Deleted.");
    browser.open(&world.url("/admin/account"));
    browser.wait("login", || browser.url().contains("/admin/login"));
}

#[test]
fn a_new_password_ends_all_other_sessions() {
    let world = World::with_organizations();
    let here = world.operator(Looks::WIDE);
    let there = world.driver.open(Looks::WIDE);
    there.open(&world.url("/admin/login"));
    there.fill("#name", "operator");
    there.fill("#password", PASSWORD);
    there.press("Log in");
    there.wait_for("Organizations");
    here.open(&world.url("/admin/account"));
    here.fill("#current", PASSWORD);
    here.fill("#password", "another nine geese on the pier");
    here.press("Change");
    here.wait_for("Password changed");
    there.open(&world.url("/admin/account"));
    there.wait("login", || there.url().contains("/admin/login"));
    here.open(&world.url("/admin/account"));
    here.wait_for("this one");
}

#[test]
fn the_commands_link_works_once_and_takes_a_known_account_over() {
    let world = World::with_organizations();
    let first = world.operator(Looks::WIDE);
    let link = world.setup_link();
    let browser = world.driver.open(Looks::WIDE);
    browser.open(&link);
    browser.fill("#name", "operator");
    browser.fill("#password", "seventeen owls in a lighthouse");
    browser.press("Create the account");
    browser.wait_for("Organizations");
    first.open(&world.url("/admin/account"));
    first.wait("login", || first.url().contains("/admin/login"));
    first.open(&link);
    first.wait_for("This link was used");
}
