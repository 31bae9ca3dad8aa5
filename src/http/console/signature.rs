//! The page of the signature check, for receivers' developers. What is typed is used for its answer and nothing else.

use super::super::code::Code;
use super::super::problem::Problem;
use super::form::Form;
use super::page::{Page, Section};
use super::pieces::token;
use super::signature_check::{Asked, Checked, check};
use super::visit::Visit;
use super::{Console, Outcome, UNPROCESSABLE, aside};
use crate::store::Reach;
use maud::{Markup, html};
use std::sync::Arc;
use tidings_core::id::DeliveryId;
use tokio::sync::OwnedSemaphorePermit;

impl Asked {
    fn of(form: &Form) -> Self {
        Self {
            // Browsers send every line break as CR LF; what is signed has none or LF.
            body: form.get("body").replace("\r\n", "\n"),
            secret: form.get("secret").to_owned(),
            vomo: form.trimmed("vomo").to_owned(),
            id: form.trimmed("webhook_id").to_owned(),
            timestamp: form.trimmed("webhook_timestamp").to_owned(),
            standard: form.trimmed("webhook_signature").to_owned(),
        }
    }
}

/// The form filled in from the delivery that the page was opened from; without the secret, which the reader brings.
async fn prefilled(visit: &Visit) -> Result<Asked, super::Refusal> {
    let Ok(id) = visit.query.trimmed("delivery").parse::<DeliveryId>() else {
        return Ok(Asked::default());
    };
    let place = visit.place()?;
    let found = visit.api.store.delivery(Reach::One(place.id()), id).await?;
    let Some(found) = found else {
        return Ok(Asked::default());
    };
    let number = visit.query.trimmed("number");
    let attempt = found
        .attempts
        .iter()
        .find(|detail| detail.record.number.to_string() == number)
        .or(found.attempts.last());
    let body = found.body.as_deref().unwrap_or_default();
    Ok(Asked {
        body: String::from_utf8_lossy(body).into_owned(),
        secret: String::new(),
        vomo: attempt.map_or_else(String::new, |detail| detail.record.vomo_signature.clone()),
        id: id.to_string(),
        timestamp: attempt.map_or_else(String::new, |detail| detail.record.timestamp.to_string()),
        standard: attempt.map_or_else(String::new, |detail| {
            detail.record.webhook_signature.clone()
        }),
    })
}

/// `GET /admin/signature`.
pub(super) async fn get(visit: Visit) -> Outcome {
    visit.login()?;
    let asked = prefilled(&visit).await?;
    Ok(draw(&visit, &asked, &html! {}).into())
}

/// `POST /admin/signature`.
pub(super) async fn post(visit: Visit) -> Outcome {
    visit.login()?;
    let asked = Asked::of(&visit.form);
    if asked.secret.is_empty() || (asked.vomo.is_empty() && asked.standard.is_empty()) {
        let hint = html! {
            div .notice .bad role="alert" { "The secret and at least one of the two signatures are needed." }
        };
        return Ok(draw(&visit, &asked, &hint)
            .with_status(UNPROCESSABLE)
            .into());
    }
    let now = visit.now().as_seconds();
    // The turn ends with the work, not with the request.
    let turn = visit.console().turn_to_check()?;
    // A large body in all its spellings takes a while, and other pages go on meanwhile.
    let (asked, checked) = aside(move || {
        let checked = check(&asked, now);
        drop(turn);
        Ok((asked, checked))
    })
    .await?;
    let result = results(&visit.api.signature_header, &checked);
    Ok(draw(&visit, &asked, &result).into())
}

impl Console {
    /// A turn to check: only a few at once, and none waits in line with its body.
    fn turn_to_check(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.checks).try_acquire_owned().map_err(|_| {
            let words = "Others are checking signatures just now; try again in a moment.";
            Problem::new(Code::Overloaded, words).after(1)
        })
    }
}

fn results(header: &str, checked: &Checked) -> Markup {
    let findings = [
        (header, &checked.vomo),
        ("webhook-signature", &checked.standard),
    ];
    let (vomo, standard) = &checked.fitting;
    html! {
        section .results role="status" {
            @for (name, finding) in findings.into_iter().filter_map(|(name, finding)| Some((name, finding.as_ref()?))) {
                div .notice .good[finding.fits] .bad[!finding.fits] {
                    h2 { code { (name) } ": " @if finding.fits { "fits" } @else { "does not fit" } }
                    p { (finding.words) }
                }
            }
            details .more {
                summary { "What fits this body and this secret" }
                p { code { (header) ": " (vomo) } }
                @if let Some(standard) = standard { p { code { "webhook-signature: " (standard) } } }
            }
        }
    }
}

fn draw(visit: &Visit, asked: &Asked, result: &Markup) -> Page {
    let header = &visit.api.signature_header;
    let line = |name: &str, label: &str, value: &str| {
        html! {
            div .field { label for=(name) { (label) } input id=(name) name=(name) type="text" value=(value) autocomplete="off" spellcheck="false"; }
        }
    };
    let place = visit.place().ok();
    let body = html! {
        h1 { "Signature check" }
        p { "Paste what your receiver got, and the endpoint's secret. The check says which signature fits, and what is probably wrong. Nothing of it is stored." }
        (result)
        form .panel method="post" action="/admin/signature" {
            (token(visit))
            @if let Some(place) = &place { input type="hidden" name="organization" value=(place.id()); }
            div .field {
                label for="body" { "Body, exactly as it came" }
                textarea id="body" name="body" rows="8" spellcheck="false" required { "\n" (asked.body) }
            }
            div .field {
                label for="secret" { "Secret" }
                input id="secret" name="secret" type="text" value=(asked.secret) placeholder="whsec_…" autocomplete="off" spellcheck="false" required;
            }
            (line("vomo", header, &asked.vomo))
            details .more open[!asked.standard.is_empty()] {
                summary { "Headers of Standard Webhooks" }
                (line("webhook_id", "webhook-id", &asked.id))
                (line("webhook_timestamp", "webhook-timestamp", &asked.timestamp))
                (line("webhook_signature", "webhook-signature", &asked.standard))
            }
            button .primary type="submit" { "Check" }
        }
    };
    let page = Page::new("Signature check", Section::Signature, body);
    match place {
        Some(place) => page.at(&place),
        None => page,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::ConsoleParts;
    use super::*;

    #[test]
    fn at_most_two_signatures_are_checked_at_once_and_a_third_is_asked_to_come_again() {
        let console = Console::new(ConsoleParts {
            runtime: None,
            public_url: None,
            tls: false,
            setup_file: None,
            engine: None,
            needs_second_factor: false,
        });
        let mut turns: Vec<_> = (0..2).map(|_| console.turn_to_check().unwrap()).collect();
        let refused = console.turn_to_check().unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        turns.pop();
        assert!(console.turn_to_check().is_ok());
    }
}
