//! Portal links: a platform's own admin area leads straight to one organization's webhooks, without a second login.
//!
//! The link's page posts, so that the session's strict cookie is set and sent by a page of ours; the link is used up then.

use super::super::problem::Problem;
use super::enter::gone;
use super::page::{Page, Section};
use super::pieces::token;
use super::visit::Visit;
use super::{Outcome, login, session};
use crate::store::accounts::{Purpose, Redeemed, TokenHash};
use maud::html;
use zeroize::Zeroizing;

/// A new link's text, and what the store knows it by.
pub(in crate::http) fn new_link() -> Result<(Zeroizing<String>, TokenHash), Problem> {
    session::new_token()
}

/// `GET /admin/portal/{token}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let hash = session::hash_of(visit.param(0));
    let link = visit.api.store.link(hash, visit.now()).await?;
    let Some(Purpose::Portal { grant, .. }) = link.map(|link| link.purpose) else {
        return Err(gone());
    };
    let name = visit
        .api
        .store
        .organization(grant.organization)
        .map_or_else(String::new, |organization| organization.name.clone());
    let body = html! {
        div .panel .narrow {
            h1 { "Webhooks of " (name) }
            form method="post" action=(visit.head.uri.path()) data-send-at-once {
                (token(&visit))
                button .primary type="submit" { "Open" }
            }
        }
    };
    Ok(Page::new("Webhooks", Section::Outside, body).into())
}

/// `POST /admin/portal/{token}`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let hash = session::hash_of(visit.param(0));
    let (text, token) = session::new_token()?;
    let store = &visit.api.store;
    let new = login::new_session(&visit, token);
    match store.open_portal(hash, new, visit.actor()).await? {
        Redeemed::Done(_) => {
            if let Some(before) = &visit.login {
                store
                    .end_session(None, before.session.id, visit.actor())
                    .await?;
            }
            Ok(login::enter(&visit, &text, "/admin/integrations/webhooks"))
        }
        Redeemed::NoLink | Redeemed::NameTaken => Err(gone()),
    }
}
