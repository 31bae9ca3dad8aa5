//! One's own second factor: switched on with an authenticator app, recovery codes, switched off (S10).
//!
//! Invariants: each act asks for the password again, and each but the beginning for a code; wrong ones count like those at a
//! login. Recovery codes are shown once. Where the setting asks for a second factor, an account without one reaches these
//! pages and nothing else.
//! Deliberately absent: codes by mail or message, and browsers that are asked less often.

use super::super::problem::Problem;
use super::account::own;
use super::form::Faults;
use super::page::{Page, Section};
use super::pieces::{Field, copyable, fault_summary, moment, token};
use super::second_factor_login::{fields, given, wrong};
use super::tries::{Try, Whose};
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE, device, password};
use crate::clock::random_bytes;
use crate::store::accounts::{Account, Holder};
use crate::store::directory::Changed;
use crate::store::second_factor::{Checked, FirstCode, RecoveryHash, SecondFactor, recovery_hash};
use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;
use tidings_core::id::AccountId;
use tidings_core::limits::RECOVERY_CODES;
use tidings_core::totp::{TotpSecret, recovery_code};
use zeroize::Zeroizing;

/// Where it is switched on and off.
pub(super) const PATH: &str = "/admin/account/second-factor";
/// What an account that must have a second factor first reaches without one, besides what is below [`PATH`].
const REACHED: [&str; 3] = ["/admin/logout", "/admin/assets/{file}", "/favicon.ico"];
/// White modules around a QR code, as its standard asks for.
const QUIET: i32 = 4;

/// Whether the account of this visit must have a second factor and has none.
fn is_missing(visit: &Visit) -> bool {
    let account = visit.login.as_ref().map(|login| &login.session.holder);
    let without = matches!(account, Some(Holder::Account(account)) if !account.second_factor);
    without && visit.console().needs_second_factor
}

/// Leads an account that must have a second factor to where it is switched on.
pub(super) fn check_missing(visit: &Visit) -> Result<(), Refusal> {
    let reached = REACHED.contains(&visit.route) || visit.route.starts_with(PATH);
    match is_missing(visit) && !reached {
        true => Err(Refusal::SecondFactor),
        false => Ok(()),
    }
}

/// What the account's page says of it.
pub(super) async fn summary(visit: &Visit, account: &Account) -> Result<Markup, Refusal> {
    let factor = visit.api.store.second_factor(account.id).await?;
    Ok(html! {
        section .panel .row {
            div {
                h2 { "Second factor" }
                @match &factor {
                    None => { p { "Off. With it, a login asks for a code of an authenticator app, too: a stolen password is not enough." } }
                    Some(factor) => { p { (state(factor)) } }
                }
            }
            a .button href=(PATH) { @if factor.is_some() { "Change" } @else { "Switch on" } }
        }
    })
}

fn state(factor: &SecondFactor) -> Markup {
    html! {
        span .badge .good { "on" } " since " (moment(factor.since)) ". Recovery codes left: " strong { (factor.recovery_codes) } "."
    }
}

/// A page of this; without navigation as long as there is nowhere else to go.
fn page(visit: &Visit, body: &Markup) -> Page {
    let section = match is_missing(visit) {
        true => Section::Outside,
        false => Section::Account,
    };
    let body = html! { div .narrow { (body) } };
    Page::new("Second factor", section, body)
}

fn again(account: &Account, faults: &Faults) -> Markup {
    html! {
        input type="text" name="username" value=(account.name) autocomplete="username" hidden;
        (Field::text("current", "Your password", "").kind("password").required().autocomplete("current-password").draw(faults))
    }
}

fn refused(visit: &Visit, body: &Markup) -> Outcome {
    Ok(page(visit, body).with_status(UNPROCESSABLE).into())
}

fn draw_off(visit: &Visit, account: &Account, faults: &Faults) -> Markup {
    html! {
        section .panel {
            h1 { "Switch the second factor on" }
            @if is_missing(visit) { p { strong { "This server asks everybody for one." } " Nothing else can be done before." } }
            p { "You need an app for one-time codes on your phone or computer: any that reads a QR code for logins will do." }
            (fault_summary(faults))
            form method="post" action={ (PATH) "/begin" } {
                (token(visit))
                (again(account, faults))
                button .primary type="submit" { "Go on" }
            }
        }
    }
}

fn draw_pending(visit: &Visit, account: &Account, secret: &TotpSecret, faults: &Faults) -> Markup {
    html! {
        section .panel {
            h1 { "Switch the second factor on" }
            (fault_summary(faults))
            p { "1. Scan this with your authenticator app." }
            (qr(&secret.address(&account.name)))
            p { "Or type the secret into it (by time, 6 digits, 30 seconds):" }
            p { (copyable("secret", &spaced(&secret.text()))) }
            p { "2. Type the code that it shows." }
            form method="post" action={ (PATH) "/confirm" } {
                (token(visit))
                (Field::text("code", "Code", "").required().digits().autocomplete("one-time-code")
                    .hint("All other sessions end.").draw(faults))
                button .primary type="submit" { "Switch on" }
            }
        }
    }
}

fn draw_on(visit: &Visit, account: &Account, factor: &SecondFactor, faults: &Faults) -> Markup {
    html! {
        section .panel {
            h1 { "Second factor" }
            p { (state(factor)) }
            @if factor.recovery_codes == 0 { p .notice .bad { "Without recovery codes, a lost phone locks you out until an operator lets you in again." } }
            (fault_summary(faults))
            form method="post" action={ (PATH) "/codes" } {
                (token(visit))
                (again(account, faults))
                (fields(faults))
                div .actions {
                    button .primary type="submit" { "Make new recovery codes" }
                    button .danger type="submit" formaction={ (PATH) "/off" } { "Switch off" }
                }
            }
            p .hint { "New codes put the old ones out of force. Switching off ends all other sessions. For a new phone: switch off, then on again." }
        }
    }
}

fn draw_codes(visit: &Visit, codes: &[Zeroizing<String>]) -> Page {
    let body = html! {
        section .panel .good {
            h1 { "Your recovery codes" }
            p { "The second factor is on. Each of these logs you in once in place of a code, should your phone be lost. They are shown this once: print them, or keep them where your passwords are." }
            ol .codes { @for code in codes { li { code { (code.as_str()) } } } }
            p { a .button .primary href="/admin" { "I have kept them" } }
        }
    };
    page(visit, &body)
}

/// In groups of four, which apps take as well.
fn spaced(text: &str) -> Zeroizing<String> {
    let mut spaced = Zeroizing::new(String::with_capacity(2 * text.len()));
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place.is_multiple_of(4) {
            spaced.push(' ');
        }
        spaced.push(letter);
    }
    spaced
}

/// A QR code as one path. Nothing where the text is too long for one: the secret stands below it.
fn qr(text: &str) -> Markup {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else {
        return html! {};
    };
    let mut path = Zeroizing::new(String::new());
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            let _always = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    let side = code.size() + 2 * QUIET;
    html! {
        svg .qr viewBox={ "0 0 " (side) " " (side) } role="img" aria-label="QR code with the secret; the same as text follows" shape-rendering="crispEdges" {
            path d=(path.as_str()) fill="#000" {}
        }
    }
}

/// Fresh recovery codes: for the person, and for the store.
fn new_codes(account: AccountId) -> Result<(Vec<Zeroizing<String>>, Vec<RecoveryHash>), Problem> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let random = Zeroizing::new(random_bytes().map_err(|error| Problem::internal(&error))?);
        codes.push(recovery_code(&random));
    }
    let hashes = codes
        .iter()
        .filter_map(|code| recovery_hash(account, code))
        .collect();
    Ok((codes, hashes))
}

/// That the password was given again, and the try that goes on with a code; wrong ones count like those at a login.
async fn check_password<'v>(
    visit: &'v Visit,
    account: &Account,
) -> Result<Result<Try<'v>, Faults>, Refusal> {
    let device = device::known(visit, Some(account)).await?;
    let place = visit.console().place(visit, device.as_ref())?;
    let tried = Try::password(visit, &Whose::Account(account.id), device)?;
    let known = visit.api.store.account_named(account.name.clone()).await?;
    let current = Zeroizing::new(visit.form.get("current").to_owned());
    if password::is_right(visit, place, &current, known.map(|(_, hash)| hash)).await? {
        return Ok(Ok(tried));
    }
    tried.wrong();
    Ok(Err(Faults::one("current", "This is not your password.")))
}

/// `GET /admin/account/second-factor`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let factor = visit.api.store.second_factor(account.id).await?;
    let body = match factor {
        Some(factor) => draw_on(&visit, &account, &factor, &Faults::default()),
        None => draw_off(&visit, &account, &Faults::default()),
    };
    Ok(page(&visit, &body).into())
}

/// `POST /admin/account/second-factor/begin`.
pub(super) async fn begin(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    if account.second_factor {
        return Ok(Answer::see(PATH));
    }
    match check_password(&visit, &account).await? {
        Ok(tried) => tried.right(),
        Err(faults) => return refused(&visit, &draw_off(&visit, &account, &faults)),
    }
    let random = random_bytes().map_err(|error| Problem::internal(&error))?;
    let secret = TotpSecret::from_bytes(random);
    let store = &visit.api.store;
    let begun = store.begin_second_factor(account.id, secret.clone(), visit.actor());
    match begun.await? {
        Changed::Done(()) => {
            let body = draw_pending(&visit, &account, &secret, &Faults::default());
            Ok(page(&visit, &body).into())
        }
        Changed::NotFound | Changed::AddOnRequired => Ok(Answer::see(PATH)),
    }
}

/// `POST /admin/account/second-factor/confirm`.
pub(super) async fn confirm(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let tried = Try::code(&visit, account.id)?;
    let store = &visit.api.store;
    let Some(secret) = store.pending_second_factor(account.id, visit.now()).await? else {
        tried.right();
        return Ok(Answer::see(PATH));
    };
    let (codes, recovery) = new_codes(account.id)?;
    let first = FirstCode {
        code: Zeroizing::new(visit.form.trimmed("code").to_owned()),
        recovery,
    };
    let keep = Some(visit.login()?.session.id);
    let confirmed = store.confirm_second_factor(account.id, first, keep, visit.actor());
    match confirmed.await? {
        Checked::Right(()) => {
            tried.right();
            Ok(draw_codes(&visit, &codes).into())
        }
        Checked::Wrong => {
            tried.wrong();
            let words = "This code does not fit. Is the clock of the phone right?";
            let faults = Faults::one("code", words);
            refused(&visit, &draw_pending(&visit, &account, &secret, &faults))
        }
        Checked::Nothing => Ok(Answer::see(PATH)),
    }
}

/// Says what is wrong with a form of the page of a second factor that is on.
async fn refused_on(visit: &Visit, account: &Account, faults: &Faults) -> Outcome {
    match visit.api.store.second_factor(account.id).await? {
        Some(factor) => refused(visit, &draw_on(visit, account, &factor, faults)),
        None => Ok(Answer::see(PATH)),
    }
}

/// `POST /admin/account/second-factor/codes`.
pub(super) async fn codes(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let tried = match check_password(&visit, &account).await? {
        Ok(tried) => tried,
        Err(faults) => return refused_on(&visit, &account, &faults).await,
    };
    let given = given(&visit);
    let (codes, hashes) = new_codes(account.id)?;
    let store = &visit.api.store;
    let renewed = store.renew_recovery_codes(account.id, given.clone(), hashes, visit.actor());
    match renewed.await? {
        Checked::Right(()) => {
            tried.right();
            Ok(draw_codes(&visit, &codes).into())
        }
        Checked::Wrong => {
            tried.wrong();
            refused_on(&visit, &account, &wrong(&given)).await
        }
        Checked::Nothing => Ok(Answer::see(PATH)),
    }
}

/// `POST /admin/account/second-factor/off`.
pub(super) async fn off(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let tried = match check_password(&visit, &account).await? {
        Ok(tried) => tried,
        Err(faults) => return refused_on(&visit, &account, &faults).await,
    };
    let given = given(&visit);
    let keep = Some(visit.login()?.session.id);
    let store = &visit.api.store;
    let ended = store.end_second_factor(account.id, given.clone(), keep, visit.actor());
    match ended.await? {
        Checked::Right(()) => {
            tried.right();
            Ok(Answer::see("/admin/account?done=factor_off"))
        }
        Checked::Wrong => {
            tried.wrong();
            refused_on(&visit, &account, &wrong(&given)).await
        }
        Checked::Nothing => Ok(Answer::see(PATH)),
    }
}
