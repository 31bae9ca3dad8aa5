//! Portal links: a platform's own admin area leads straight to one organization's webhooks, without a second login.
//!
//! The link's page posts, so that the session's strict cookie is set and sent by a page of ours; the link is used up then.

use super::enter::gone;
use super::page::{Page, Section};
use super::pieces::token;
use super::visit::Visit;
use super::{Answer, Outcome, login, session};
use crate::store::accounts::{Purpose, token_hash};
use maud::html;

/// `GET /admin/portal/{token}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let hash = token_hash(visit.param(0));
    let link = visit.api.store.link(hash, visit.now()).await?;
    let Some(Purpose::Portal { grant, .. }) = link.map(|link| link.purpose) else {
        return Err(gone());
    };
    let name = visit.name_of(grant.organization);
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
    let hash = token_hash(visit.param(0));
    let (text, token) = session::new_token()?;
    let store = &visit.api.store;
    let new = login::new_session(&visit, token);
    let opened = store.open_portal(hash, new, visit.actor()).await?;
    opened.ok_or_else(gone)?;
    login::end_current(&visit).await?;
    let path = "/admin/integrations/webhooks";
    Ok(Answer::Reply(login::entered(&visit, &text, path)))
}
