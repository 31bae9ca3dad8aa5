//! Canaries of a second factor: switched on as a person does it, its secret and its recovery codes are looked for like all others.

use super::{Canaries, Loud, PASSWORD, between, browse};
use crate::server::tidings;
use tidings_core::time::Timestamp;

#[path = "../support/totp.rs"]
mod totp;

/// The secret of a second factor, and its recovery codes.
pub fn switch_on(server: &Loud, canaries: &mut Canaries) {
    let made = tidings()
        .arg("setup-link")
        .arg("--data")
        .arg(&server.data)
        .output()
        .unwrap();
    let link = String::from_utf8(made.stdout).unwrap();
    let token = link.trim().rsplit('/').next().unwrap();
    let form = format!("name=operator&password={PASSWORD}");
    let setup = format!("/admin/setup/{token}");
    let entered = browse(server.address, "POST", &setup, "", &form);
    let cookie = between(&entered, "set-cookie: ", ";");
    let path = "/admin/account/second-factor";
    let page = browse(server.address, "GET", path, cookie, "");
    let field = "name=\"form_token\" value=\"";
    let form = format!("form_token={}", between(&page, field, "\""));
    let post = |act: &str, more: String| {
        let path = format!("{path}/{act}");
        browse(
            server.address,
            "POST",
            &path,
            cookie,
            &format!("{form}&{more}"),
        )
    };
    let begun = post("begin", format!("current={PASSWORD}"));
    let shown = between(&begun, "<code id=\"secret\">", "<");
    canaries.put("second factor, as text", &shown.replace(' ', ""));
    let bytes = totp::bytes(shown).to_vec();
    canaries.0.push((String::from("second factor"), bytes));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Timestamp::from_millis(now.unwrap().as_millis() as i64);
    let on = post("confirm", format!("code={}", totp::code(shown, now)));
    let codes: Vec<&str> = on.split("<li><code>").skip(1).collect();
    assert_eq!(codes.len(), 10, "{on}");
    for code in codes {
        let code = code.split('<').next().unwrap();
        canaries.put("recovery code, as shown", code);
        canaries.put("recovery code", &code.replace('-', ""));
    }
}
