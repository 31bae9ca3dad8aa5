//! Devices that an account has logged in from before: they are told apart from everybody who guesses.
//!
//! After OWASP's "device cookies": a whole login leaves one in the browser, sealed for its account, for a year or until the
//! password is another. Wrong passwords from such a device are counted on their own, so that guessing from however many
//! networks keeps its owner out no more than mistyping does. It stands for no login and no second factor, and a logout leaves
//! it. A browser has one: that of whoever logged in last.

use super::Refusal;
use super::session::{cookie, is_secure};
use super::visit::Visit;
use crate::store::accounts::{Account, DeviceMark};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use tidings_core::id::AccountId;

/// How long a device is known.
const KNOWN: Duration = Duration::from_secs(365 * 86_400);
/// Characters of a mark.
const CHARS: usize = (size_of::<DeviceMark>() * 8).div_ceil(6);
/// The cookie's name, over TLS and on a plain network.
const SECURE: &str = "__Host-tidings-device";
const PLAIN: &str = "tidings-device";

/// A device that an account has logged in from before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Device {
    pub account: AccountId,
    mark: [u8; 16],
}

#[cfg(test)]
impl Device {
    pub const fn of(account: AccountId, mark: [u8; 16]) -> Self {
        Self { account, mark }
    }
}

/// The device that a request comes from, if this account has logged in from it before.
pub(super) async fn known(
    visit: &Visit,
    account: Option<&Account>,
) -> Result<Option<Device>, Refusal> {
    let Some(mark) = cookie(visit, (SECURE, PLAIN), CHARS).and_then(read) else {
        return Ok(None);
    };
    // Of nobody, where the name is nobody's: asked all the same.
    let account = account.map_or(AccountId::from_raw(0), |account| account.id);
    let store = &visit.api.store;
    let is_known = store.is_marked(account, mark, visit.now()).await?;
    Ok(is_known.then(|| Device {
        account,
        mark: crate::store::queue::content_hash(&mark),
    }))
}

fn read(text: &str) -> Option<DeviceMark> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The `Set-Cookie` by which this browser is known from now on.
pub(super) async fn give(visit: &Visit, account: AccountId) -> Result<Option<String>, Refusal> {
    let store = &visit.api.store;
    let until = visit.now().plus(KNOWN);
    let mark = store.mark_device(account, until).await?;
    Ok(mark.map(|mark| {
        let (text, seconds) = (URL_SAFE_NO_PAD.encode(mark), KNOWN.as_secs());
        let rest = format!("HttpOnly; SameSite=Strict; Max-Age={seconds}");
        match is_secure(visit) {
            true => format!("{SECURE}={text}; Path=/; Secure; {rest}"),
            false => format!("{PLAIN}={text}; Path=/; {rest}"),
        }
    }))
}
