//! Addresses and log filters as people write them, in settings and on the command line. Whoever leaves a part of an address out is
//! told what to write.

use std::net::SocketAddr;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

/// An address and a port to listen on.
///
/// # Errors
/// What to write instead.
pub fn listener(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.trim_end_matches('/');
    let port = bare.trim_start_matches("localhost").trim_start_matches(':');
    let meant = match port.parse::<u16>() {
        Ok(port) => SocketAddr::from(([127, 0, 0, 1], port)).to_string(),
        Err(_) => bare.to_owned(),
    };
    Err(match meant.parse::<SocketAddr>() {
        Ok(address) => format!("an address and a port, nothing else: write {address}"),
        Err(_) => String::from(
            "an address and a port are needed: write 127.0.0.1:8420 for this machine alone, 0.0.0.0:8420 for every network",
        ),
    })
}

/// The URL of a server that speaks HTTP.
///
/// # Errors
/// What to write instead.
pub fn server(text: &str) -> Result<Url, String> {
    // A URL parser drops some of them without a word.
    if text.contains(char::is_control) {
        return Err(String::from("a control character stands in it"));
    }
    if !text.contains("://")
        && let Ok(meant) = Url::parse(&format!("http://{text}"))
    {
        let rest = meant[url::Position::BeforeUsername..].trim_end_matches('/');
        return Err(format!(
            "the scheme is missing: write http://{rest} or https://{rest}"
        ));
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok(url),
        false => Err(String::from("http:// or https:// and a host are needed")),
    }
}

/// What is logged: levels, parted by commas, each for all or, as `module=level`, for a module and what is in it.
///
/// Deliberately without what `tracing_subscriber::EnvFilter` takes beside that, patterns over spans and their fields: no span
/// is ours, and a pattern of four hundred characters took minutes and gigabytes to be compiled.
///
/// # Errors
/// What is no level, or no module.
pub fn log_filter(text: &str) -> Result<Targets, String> {
    let mut filter = Targets::new();
    for part in text.split(',').map(str::trim) {
        let (module, level) = match part.split_once('=') {
            Some((module, level)) => (Some(module.trim()), level.trim()),
            None => (None, part),
        };
        let known = level.parse().ok().filter(|_| !level.is_empty());
        let level: LevelFilter = known.ok_or_else(|| format!("{level:?} is no level"))?;
        filter = match module {
            None => filter.with_default(level),
            Some(module) if is_module(module) => filter.with_target(module, level),
            Some(other) => {
                return Err(format!(
                    "{other:?} is no module, as tidings::attempt is one"
                ));
            }
        };
    }
    Ok(filter)
}

fn is_module(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn who_leaves_a_part_of_an_address_out_is_told_what_to_write() {
        for (written, meant) in [
            ("8421", "127.0.0.1:8421"),
            (":8421", "127.0.0.1:8421"),
            ("localhost:8421", "127.0.0.1:8421"),
            ("http://localhost:8421/", "127.0.0.1:8421"),
            ("https://10.0.0.7:8421", "10.0.0.7:8421"),
            ("example.com:8421", "0.0.0.0:8420"),
            ("127.0.0.1", "127.0.0.1:8420"),
            ("", "127.0.0.1:8420"),
        ] {
            let said = listener(written).unwrap_err();
            assert!(
                said.contains(&format!("write {meant}")) || said.contains(meant),
                "{written}: {said}"
            );
        }
        listener("[::1]:8421").unwrap();
        for (written, meant) in [
            ("127.0.0.1:8420", "http://127.0.0.1:8420"),
            ("localhost:8420", "http://localhost:8420"),
            ("tidings.example", "https://tidings.example"),
        ] {
            let said = server(written).unwrap_err();
            assert!(said.contains(meant), "{written}: {said}");
        }
        for wrong in [
            "ftp://tidings.example",
            "",
            "http://",
            "mailto:a@b.example",
            "http://tidings\n.example",
            "tidings\t.example",
            "tidings.example/\u{202e}",
        ] {
            let said = server(wrong).unwrap_err();
            assert!(
                !said.contains(|of: char| of.is_control() || of == '\u{202e}'),
                "{said:?}"
            );
        }
        server("https://tidings.example:8443").unwrap();
    }

    #[test]
    fn a_log_filter_is_made_of_levels_and_modules_and_nothing_else() {
        use tracing::Level;
        let filter = log_filter("warn, tidings::attempt=debug,tidings::store=off").unwrap();
        for (target, level, logged) in [
            ("hyper", Level::WARN, true),
            ("hyper", Level::INFO, false),
            ("tidings::attempt", Level::DEBUG, true),
            ("tidings::attempt", Level::TRACE, false),
            ("tidings::store", Level::ERROR, false),
        ] {
            assert_eq!(
                filter.would_enable(target, &level),
                logged,
                "{target} {level}"
            );
        }
        for wrong in [
            "",
            "loud",
            "inof",
            "info,",
            "tidings=loud",
            "=info",
            "tidings[span{field=a+}]=info",
            "info;debug",
        ] {
            let said = log_filter(wrong).unwrap_err();
            assert!(said.contains("is no "), "{wrong}: {said}");
        }
    }
}
