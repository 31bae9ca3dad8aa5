//! The console's own files, in the binary: one style sheet, one script, one picture.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::visit::Visit;
use super::{Answer, Outcome};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use maud::{Markup, PreEscaped};
use std::sync::LazyLock;

const ICON: &str = include_str!("assets/icon.svg");

const FILES: [(&str, &str, &str); 3] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("assets/style.css"),
    ),
    (
        "script.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/script.js"),
    ),
    ("icon.svg", "image/svg+xml", ICON),
];

/// Changes with the files, so that browsers may keep them for good.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for (_, _, text) in FILES {
        hasher.update(text.as_bytes());
    }
    hasher
        .finalize()
        .to_hex()
        .as_str()
        .chars()
        .take(12)
        .collect()
});

/// Where a file is.
pub(super) fn href(name: &str) -> String {
    format!("/admin/assets/{name}?v={}", *VERSION)
}

/// The mark beside the name; drawn by us, not from outside.
pub(super) fn mark() -> Markup {
    PreEscaped(ICON.to_owned())
}

/// `GET /admin/assets/{name}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let name = visit.param(0);
    let Some((_, kind, text)) = FILES.iter().find(|(known, _, _)| *known == name) else {
        return Err(Problem::missing(Code::NoSuchRoute, "file", name).into());
    };
    let keep = match visit.query.get("v") == *VERSION {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    Ok(Answer::Reply(
        Reply::text(StatusCode::OK, *text)
            .with(CONTENT_TYPE, HeaderValue::from_static(kind))
            .with(CACHE_CONTROL, HeaderValue::from_static(keep)),
    ))
}

/// `GET /favicon.ico`, which browsers ask for whatever a page says.
pub(super) async fn favicon(_visit: Visit) -> Outcome {
    Ok(Answer::Reply(
        Reply::text(StatusCode::OK, ICON)
            .with(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"))
            .with(CACHE_CONTROL, HeaderValue::from_static("max-age=86400")),
    ))
}
