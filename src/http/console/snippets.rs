//! Receivers in six languages, with the endpoint's header and event types filled in.
//!
//! They are the files of `examples/receivers`, which tests run; here only the header's name is put in.

use super::Outcome;
use super::configuration::PATH;
use super::page::{Page, Section};
use super::pieces::block;
use super::visit::Visit;
use maud::html;
use tidings_core::request::VOMO_SIGNATURE;

/// A language: its name in the query, its name, what its comments begin with, and the file.
struct Language {
    key: &'static str,
    name: &'static str,
    comment: &'static str,
    code: &'static str,
}

const LANGUAGES: [Language; 6] = [
    Language {
        key: "php",
        name: "PHP",
        comment: "//",
        code: include_str!("../../../examples/receivers/receiver.php"),
    },
    Language {
        key: "node",
        name: "Node",
        comment: "//",
        code: include_str!("../../../examples/receivers/receiver.mjs"),
    },
    Language {
        key: "python",
        name: "Python",
        comment: "#",
        code: include_str!("../../../examples/receivers/receiver.py"),
    },
    Language {
        key: "go",
        name: "Go",
        comment: "//",
        code: include_str!("../../../examples/receivers/receiver.go"),
    },
    Language {
        key: "ruby",
        name: "Ruby",
        comment: "#",
        code: include_str!("../../../examples/receivers/receiver.rb"),
    },
    Language {
        key: "rust",
        name: "Rust",
        comment: "//",
        code: include_str!("../../../examples/receivers/receiver.rs"),
    },
];

/// The code with this instance's header in place of the usual one, in the spellings that languages use.
fn with_header(code: &str, header: &str) -> String {
    let php = |name: &str| name.to_uppercase().replace('-', "_");
    code.replace(VOMO_SIGNATURE, header)
        .replace(&php(VOMO_SIGNATURE), &php(header))
}

/// `GET /admin/integrations/webhooks/{ep}/code`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.endpoint()?;
    let wanted = visit.query.trimmed("language");
    let [first, ..] = &LANGUAGES;
    let language = LANGUAGES
        .iter()
        .find(|language| language.key == wanted)
        .unwrap_or(first);
    let path = format!("{PATH}/{}/code", endpoint.id);
    let types: Vec<String> = endpoint
        .event_types
        .iter()
        .map(ToString::to_string)
        .collect();
    let code = with_header(language.code, &visit.api.signature_header);
    let comment = language.comment;
    let listed = format!("{comment} This endpoint is sent: {}", types.join(", "));
    let text = match code.strip_prefix("<?php") {
        Some(rest) => format!("<?php\n{listed}{rest}"),
        None => format!("{listed}\n{code}"),
    };
    let body = html! {
        p .back { a href={ (PATH) "/" (endpoint.id) } { "← The endpoint" } }
        h1 { "Receiver code" }
        p { "A whole receiver that checks the signature of the raw body and answers. Put the endpoint's secret into the environment as "
            code { "WEBHOOK_SECRET" } "." }
        nav .tabs aria-label="Language" {
            @for other in &LANGUAGES {
                a href={ (path) "?language=" (other.key) } aria-current=[(other.key == language.key).then_some("page")] { (other.name) }
            }
        }
        (block("code", &format!("Receiver in {}", language.name), &text))
        ul {
            li { "Check the bytes of the body as they came, before any parsing." }
            li { "Answer any 2xx within 3 seconds; do the work afterwards. Every other answer is a failure and is tried again after 10 and 100 seconds." }
            li { "The same " code { "webhook-id" } " again is the same delivery: do its work once." }
        }
    };
    Ok(Page::new("Receiver code", Section::Webhooks, body)
        .at(&place)
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_gets_the_header_of_this_instance() {
        for language in &LANGUAGES {
            let code = with_header(language.code, "acme-signature");
            let there = code.contains("acme-signature") || code.contains("ACME_SIGNATURE");
            assert!(there, "{}", language.name);
            assert!(!code.contains(VOMO_SIGNATURE), "{}", language.name);
        }
    }
}
