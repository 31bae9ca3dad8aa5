//! Sessions in cookies, and what a request that changes something must bring.
//!
//! Invariants: the token is 256 random bits, known to the store as a hash; its cookie is closed to scripts and to requests
//! from other sites. Over TLS it is `__Host-tidings` and never sent in clear; on a plain local network it is `tidings`. A
//! request that changes something comes from a page of ours (`Origin`, and `Sec-Fetch-Site` where it is sent) and carries
//! the form token of its session.

use super::super::code::Code;
use super::super::problem::Problem;
use super::visit::Visit;
use super::{Console, Refusal};
use crate::clock::random_bytes;
use crate::secret_file;
use crate::store::accounts::{Session, TOKEN_CHARS, TokenHash, token_hash, token_of};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use http::header::{COOKIE, HOST, ORIGIN};
use serde::{Deserialize, Serialize};
use std::fs;
use std::time::Duration;
use tidings_core::limits::HALF_LOGIN;
use tidings_core::time::Timestamp;
use zeroize::Zeroizing;

/// The cookie's name over TLS: browsers let nothing but this host over TLS set it.
const SECURE_COOKIE: &str = "__Host-tidings";
/// Its name on a plain network.
const PLAIN_COOKIE: &str = "tidings";
/// Sets form tokens apart from everything else that is derived from a token.
const FORM_CONTEXT: &str = "tidings console 2026-11 form token";
/// A session's last use is noted so often.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// The form field that carries the token.
pub(super) const TOKEN_FIELD: &str = "form_token";
/// Says where a request comes from, in browsers of this decade.
pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The file in the data directory by which the command line lets an operator in.
pub const SETUP_FILE: &str = "setup-link.json";

/// What stands in [`SETUP_FILE`]: whoever can write there owns the server.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetupTicket {
    /// BLAKE3 of the link's token, in hexadecimal digits.
    pub hash: String,
    /// Until when it may be used, in microseconds since 1970.
    pub expires_at: i64,
}

/// A session that goes on, and the token that its forms carry.
#[derive(Clone)]
pub(super) struct Login {
    pub session: Session,
    pub form_token: String,
}

/// A new token: its text, and what the store knows it by.
pub fn new_token() -> Result<(Zeroizing<String>, TokenHash), Problem> {
    let random = random_bytes().map_err(|error| Problem::internal(&error))?;
    Ok(token_of(&Zeroizing::new(random)))
}

/// The cookie of a login that waits for its code, over TLS and on a plain network. Another name than a session's: nothing
/// that looks for a session finds it.
const SECURE_HALF: &str = "__Host-tidings-code";
const PLAIN_HALF: &str = "tidings-code";

fn form_token(token: &str) -> String {
    let derived = blake3::derive_key(FORM_CONTEXT, token.as_bytes());
    URL_SAFE_NO_PAD.encode(derived)
}

/// What so many characters of the request's cookies say, by the cookie's name over TLS or else its plain one.
pub fn cookie<'v>(
    visit: &'v Visit,
    (secure, plain_name): (&str, &str),
    chars: usize,
) -> Option<&'v str> {
    let mut plain = None;
    for line in visit.headers().get_all(COOKIE) {
        for pair in line.to_str().unwrap_or_default().split(';') {
            match pair.trim().split_once('=') {
                Some((name, value)) if name == secure => {
                    return Some(value).filter(|value| value.len() == chars);
                }
                Some((name, value)) if name == plain_name => plain = Some(value),
                _ => {}
            }
        }
    }
    plain.filter(|value| value.len() == chars)
}

/// What the store knows the request's login that waits for its code by.
pub fn half(visit: &Visit) -> Option<TokenHash> {
    cookie(visit, (SECURE_HALF, PLAIN_HALF), TOKEN_CHARS).map(token_hash)
}

/// The `Set-Cookie` that ties a login that waits for its code to a browser.
pub fn give_half(visit: &Visit, token: &str) -> String {
    let seconds = HALF_LOGIN.as_secs();
    match is_secure(visit) {
        true => format!(
            "{SECURE_HALF}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"
        ),
        false => {
            format!("{PLAIN_HALF}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}")
        }
    }
}

/// The `Set-Cookie` lines that take it away.
pub const TAKE_HALF: [&str; 2] = [
    "__Host-tidings-code=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    "tidings-code=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
];

/// The session of a request, if it has one that goes on; that somebody uses it is noted.
pub async fn find(visit: &Visit) -> Result<Option<Login>, Refusal> {
    let found = look(visit).await?;
    let now = visit.now();
    if let Some(login) = &found
        && now.since(login.session.seen_at) >= NOTED_EVERY
    {
        visit.api.store.touch_session(login.session.id, now).await?;
    }
    Ok(found)
}

/// The same without a note: a page that follows what happens is nobody's work.
pub async fn look(visit: &Visit) -> Result<Option<Login>, Refusal> {
    let Some(token) = cookie(visit, (SECURE_COOKIE, PLAIN_COOKIE), TOKEN_CHARS) else {
        return Ok(None);
    };
    let session = visit
        .api
        .store
        .session(token_hash(token), visit.now())
        .await?;
    Ok(session.map(|session| Login {
        session,
        form_token: form_token(token),
    }))
}

/// The `Set-Cookie` that gives a browser its session. Whether the browser came over TLS its `Origin` says.
pub fn give(visit: &Visit, token: &str) -> String {
    match is_secure(visit) {
        true => format!("{SECURE_COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"),
        false => format!("{PLAIN_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"),
    }
}

/// The `Set-Cookie` lines that take it away.
pub const TAKE: [&str; 2] = [
    "__Host-tidings=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    "tidings=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
];

/// Whether the browser came over TLS.
pub fn is_secure(visit: &Visit) -> bool {
    let origin = visit.header(&ORIGIN).unwrap_or_default();
    origin.starts_with("https://")
}

fn refused(why: &'static str) -> Refusal {
    Problem::new(Code::ForeignForm, why).into()
}

/// That a request that changes something was made by a page of ours.
pub fn check_origin(visit: &Visit) -> Result<(), Refusal> {
    const ELSEWHERE: &str = "This form was not sent from a page of this console: nothing was changed. Open the page here and send it again.";
    if let Some(site) = visit.header(&SEC_FETCH_SITE)
        && site != "same-origin"
    {
        return Err(refused(ELSEWHERE));
    }
    let origin = visit.header(&ORIGIN).unwrap_or_default();
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
        .unwrap_or_default();
    let asked = visit.header(&HOST).unwrap_or_default();
    let ours = !host.is_empty()
        && (host.eq_ignore_ascii_case(asked)
            || visit.console().public_url.as_deref() == Some(origin));
    match ours {
        true => Ok(()),
        false => Err(refused(ELSEWHERE)),
    }
}

/// That a form carries its session's token; without a session there is nothing to ride on.
pub fn check_token(visit: &Visit) -> Result<(), Refusal> {
    use subtle::ConstantTimeEq as _;
    let Some(login) = &visit.login else {
        return Ok(());
    };
    let given = visit.form.get(TOKEN_FIELD).as_bytes();
    match bool::from(given.ct_eq(login.form_token.as_bytes())) {
        true => Ok(()),
        false => Err(refused(
            "This form belongs to another login: nothing was changed. Open the page again.",
        )),
    }
}

impl Console {
    /// Whether a token is that of the ticket which the command line left.
    pub fn has_ticket(&self, hash: &TokenHash, now: Timestamp) -> bool {
        // Who may write to the data directory must not become an operator by it: the file is the server's user's, or root's.
        let Some(text) = self
            .setup_file
            .as_deref()
            .and_then(|path| secret_file::read_own("setup link", path).ok())
        else {
            return false;
        };
        let ticket: Option<SetupTicket> = serde_json::from_str(&text).ok();
        ticket.is_some_and(|ticket| {
            let known = blake3::Hash::from_hex(&ticket.hash);
            // `blake3::Hash` compares in constant time.
            known.is_ok_and(|known| known == blake3::Hash::from_bytes(*hash))
                && ticket.expires_at > now.as_micros()
        })
    }

    /// Takes the ticket away; `false` when another request did.
    pub fn take_ticket(&self) -> bool {
        self.setup_file
            .as_deref()
            .is_some_and(|path| fs::remove_file(path).is_ok())
    }
}
