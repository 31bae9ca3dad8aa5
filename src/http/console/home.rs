//! The start: where each person's work is.

use super::page::{Page, Section};
use super::visit::Visit;
use super::{Answer, Outcome};
use maud::html;

/// `GET /`.
pub(super) async fn root(_visit: Visit) -> Outcome {
    Ok(Answer::see("/admin"))
}

/// `GET /admin`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let login = visit.login()?;
    let done = match visit.query.get("done") {
        "" => String::new(),
        name => format!("&done={name}"),
    };
    if let Some(only) = login.only_organization() {
        return Ok(Answer::see(format!(
            "/admin/overview?organization={only}{done}"
        )));
    }
    if login.is_operator() || !login.organizations().is_empty() {
        return Ok(Answer::see("/admin/organizations"));
    }
    let body = html! {
        h1 { "Nothing here yet" }
        p { "Your account has no role in any organization. Ask an administrator or an operator for an invitation." }
    };
    Ok(Page::new("Start", Section::Account, body).into())
}
