//! Small pieces that pages are made of: times, states, fields, notices.

use super::super::api::show::Audience;
use super::form::{Faults, Form, object};
use super::session::TOKEN_FIELD;
use super::visit::Visit;
use crate::store::directory::Endpoint;
use maud::{Markup, html};
use serde_json::Value;
use std::time::Duration;
use tidings_core::delivery::{Resting, Shown};
use tidings_core::time::Timestamp;

/// The hidden field that says which login a form belongs to.
pub(super) fn token(visit: &Visit) -> Markup {
    html! {
        @if let Some(login) = &visit.login {
            input type="hidden" name=(TOKEN_FIELD) value=(login.form_token);
        }
    }
}

/// A moment: UTC without the script, local time with it, UTC on hover.
pub(super) fn moment(at: Timestamp) -> Markup {
    let text = at.rfc3339();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    let clock = clock.get(..8).unwrap_or_default();
    html! {
        time datetime=(text) title={ (date) " " (clock) " UTC" } { (date) " " (clock) " UTC" }
    }
}

/// A duration as people say it.
pub(super) fn duration(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", micros as f64 / 1e6),
        60_000_000..3_600_000_000 => {
            format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
        }
        _ => format!(
            "{} h {} min",
            time.as_secs() / 3_600,
            time.as_secs() / 60 % 60
        ),
    }
}

/// A number with thin spaces between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share in percent; close to all is not all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::from("–");
    }
    let share = part as f64 * 100.0 / whole as f64;
    if part == whole {
        String::from("100 %")
    } else if share > 99.9 {
        String::from("99.9 %")
    } else {
        format!("{share:.1} %")
    }
}

/// How a state is called, and how it looks.
pub(super) const fn state_words(shown: Shown) -> (&'static str, &'static str) {
    match shown {
        Shown::Due => ("waiting", "wait"),
        Shown::InFlight => ("sending now", "wait"),
        Shown::Held => ("held", "hold"),
        Shown::Resting(Resting::Delivered) => ("delivered", "good"),
        Shown::Resting(Resting::Exhausted) => ("failed", "bad"),
        Shown::Resting(Resting::Cancelled(_)) => ("cancelled", "quiet"),
    }
}

/// A state as a badge.
pub(super) fn state(shown: Shown) -> Markup {
    let (words, look) = state_words(shown);
    html! { span class={ "badge " (look) } { (words) } }
}

/// What was done, after a form led here. Only words of ours, by name.
pub(super) fn notice(name: &str) -> Markup {
    let words = match name {
        "created" => "Created.",
        "saved" => "Saved.",
        "deleted" => "Deleted.",
        "on" => "Switched on.",
        "off" => "Switched off: nothing is sent, what waits is held.",
        "retried" => "One more try is on its way.",
        "confirmed" => "Confirmed: only the new secret is in force.",
        "stopped" => "Stopped. What was already queued is still sent.",
        "password" => "Password changed. All other sessions ended.",
        "session" => "The session ended.",
        "revoked" => "Revoked.",
        "factor_off" => "The second factor is off. All other sessions ended.",
        "joined" => "You have a new role.",
        _ => return html! {},
    };
    html! { div .notice role="status" { (words) } }
}

/// What is wrong with a form as a whole.
pub(super) fn fault_summary(faults: &Faults) -> Markup {
    html! {
        @if faults.any() { div .notice .bad role="alert" { (faults.summary) } }
    }
}

/// A one-line field of a form.
pub(super) struct Field<'a> {
    pub name: &'a str,
    pub label: &'a str,
    pub value: &'a str,
    pub kind: &'a str,
    pub hint: &'a str,
    pub required: bool,
    pub autocomplete: &'a str,
    /// Whether another field may be filled in its place, so that neither is required nor optional.
    pub either: bool,
    /// The keyboard a phone shows.
    pub keys: Option<&'a str>,
}

impl<'a> Field<'a> {
    pub const fn text(name: &'a str, label: &'a str, value: &'a str) -> Self {
        Self {
            name,
            label,
            value,
            kind: "text",
            hint: "",
            required: false,
            autocomplete: "off",
            either: false,
            keys: None,
        }
    }

    pub const fn kind(mut self, kind: &'a str) -> Self {
        self.kind = kind;
        self
    }

    pub const fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub const fn autocomplete(mut self, what: &'a str) -> Self {
        self.autocomplete = what;
        self
    }

    /// Either this one or another.
    pub const fn either(mut self) -> Self {
        self.either = true;
        self
    }

    /// Digits only, on a phone's keyboard.
    pub const fn digits(mut self) -> Self {
        self.keys = Some("numeric");
        self
    }

    pub fn draw(self, faults: &Faults) -> Markup {
        let fault = faults.field(self.name);
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let shown = fault.is_some().then(|| format!("{}-fault", self.name));
        let described: Vec<String> = hint.into_iter().chain(shown).collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        html! {
            div .field {
                label for=(self.name) { (self.label) @if !self.required && !self.either && self.kind != "password" { span .quiet { " optional" } } }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value) required[self.required]
                    autocomplete=(self.autocomplete) inputmode=[self.keys] aria-describedby=[described]
                    aria-invalid=[fault.is_some().then_some("true")];
                @if !self.hint.is_empty() { p .hint id={ (self.name) "-hint" } { (self.hint) } }
                @if let Some(fault) = fault { p .fault id={ (self.name) "-fault" } { (fault) } }
            }
        }
    }
}

/// Characters of an address where endpoints are told apart: of a longer one the start and the end.
const ADDRESS_CHARS: usize = 48;

/// What tells an endpoint from others of its host: its address, as much of it as the reader sees, and the words for it; to
/// who sees the host alone, its id where there are no words.
pub(super) fn endpoint_words(endpoint: &Endpoint, audience: Audience) -> (String, String) {
    let words = String::from(&*endpoint.description);
    match audience {
        Audience::Full => {
            let url = endpoint.url.as_str();
            let address = url.split_once("://").map_or(url, |(_, address)| address);
            (shortened(address.trim_end_matches('/')), words)
        }
        Audience::Reduced if words.is_empty() => (
            endpoint.url.authority().to_string(),
            endpoint.id.to_string(),
        ),
        Audience::Reduced => (endpoint.url.authority().to_string(), words),
    }
}

/// An address in a narrow column: it may go on in the next line after a slash.
pub(super) fn breakable(address: &str) -> Markup {
    html! {
        @for (place, part) in address.split('/').enumerate() {
            @if place > 0 { "/" wbr; }
            (part)
        }
    }
}

/// A text without its middle, if it is long: what differs often stands at the end.
fn shortened(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= ADDRESS_CHARS {
        return text.to_owned();
    }
    let end = ADDRESS_CHARS / 2;
    let (start, rest) = chars.split_at(ADDRESS_CHARS - end - 1);
    let end = rest.split_at(rest.len().saturating_sub(end)).1;
    start.iter().chain(['…'].iter()).chain(end).collect()
}

/// A button that posts by itself.
pub(super) fn action(visit: &Visit, path: &str, words: &str, look: &str) -> Markup {
    html! {
        form .inline method="post" action=(path) {
            (token(visit))
            button type="submit" class=(look) { (words) }
        }
    }
}

/// A button that ends something for good, behind a disclosure that says what it ends.
pub(super) fn ending(
    visit: &Visit,
    path: &str,
    (short, whole): (&str, &str),
    ends: &str,
) -> Markup {
    html! {
        details .more {
            summary { (short) }
            form method="post" action=(path) {
                (token(visit))
                p { (ends) }
                button .danger type="submit" { (whole) }
            }
        }
    }
}

/// The way to the next page of a list.
pub(super) fn more(href: &str) -> Markup {
    html! {
        nav .pages aria-label="Pages" { a .button rel="next" href=(href) { "More" } }
    }
}

/// What becomes of what was held, asked where something is switched on; `hint` may be empty.
pub(super) fn held_choice(hint: &str) -> Markup {
    html! {
        fieldset .plainly {
            legend { "What was held since it was switched off" }
            label .check { input type="radio" name="held" value="send" checked; "Send it now" }
            label .check { input type="radio" name="held" value="discard"; "Discard it; it can be replayed later" }
            @if !hint.is_empty() { p .hint { (hint) } }
        }
    }
}

/// What the form of a switch asks for, as the API takes it.
pub(super) fn switch_body(form: &Form) -> (bool, Vec<u8>) {
    let on = form.get("enabled") == "true";
    let mut members = vec![("enabled", Value::Bool(on))];
    if on && form.has("held") {
        members.push(("held", Value::from(form.get("held"))));
    }
    (on, object(members))
}

/// The ways through a list that is newest first: back to its start, and on.
pub(super) fn pages(visit: &Visit, path: &str, next: Option<&str>, older: &str) -> Markup {
    let query = visit.query.query(&["cursor", "q", "done"]);
    html! {
        nav .pages aria-label="Pages" {
            @if visit.query.has("cursor") { a .button href={ (path) "?" (query) } { "Newest" } }
            @if let Some(next) = next {
                a .button rel="next" href={ (path) "?" (query) @if !query.is_empty() { "&" } "cursor=" (next) } { (older) }
            }
        }
    }
}

/// A figure that is looked at from afar.
pub(super) fn tile(label: &str, value: &str, hint: &str, good: bool) -> Markup {
    html! {
        div .tile .bad[!good] {
            p .label { (label) }
            p .value { (value) }
            p .hint { (hint) }
        }
    }
}

/// A text that people copy.
pub(super) fn copyable(id: &str, text: &str) -> Markup {
    html! {
        span .copyable {
            code id=(id) { (text) }
            button .plain .copy type="button" data-copy=(id) hidden { "Copy" }
        }
    }
}

/// A text of several lines from outside, as it is.
pub(super) fn block(id: &str, label: &str, text: &str) -> Markup {
    html! {
        div .block {
            button .plain .copy type="button" data-copy=(id) hidden { "Copy" }
            pre id=(id) tabindex="0" role="region" aria-label=(label) { (text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_address_keeps_its_start_and_its_end() {
        assert_eq!(shortened("crm.example.com/a"), "crm.example.com/a");
        let long = format!("crm.example.com/{}/é-7", "x".repeat(80));
        let short = shortened(&long);
        assert_eq!(short.chars().count(), ADDRESS_CHARS);
        assert!(
            short.starts_with("crm.example.com/x") && short.ends_with("x/é-7"),
            "{short}"
        );
        assert_ne!(short, shortened(&long.replace("-7", "-8")));
    }

    #[test]
    fn numbers_and_shares_are_what_people_write() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(99_999, 100_000), "99.9 %");
        assert_eq!(percent(1, 1), "100 %");
        assert_eq!(duration(Duration::from_micros(1_500)), "1.5 ms");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 1 s");
    }
}
