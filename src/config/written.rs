//! Addresses as people write them, in settings and on the command line. Whoever leaves a part out is told what to write.

use std::net::SocketAddr;
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
    if !text.contains("://") && Url::parse(&format!("http://{text}")).is_ok() {
        return Err(format!(
            "the scheme is missing: write http://{text} or https://{text}"
        ));
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok(url),
        false => Err(String::from("http:// or https:// and a host are needed")),
    }
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
        for wrong in ["ftp://tidings.example", "", "http://", "mailto:a@b.example"] {
            server(wrong).unwrap_err();
        }
        server("https://tidings.example:8443").unwrap();
    }
}
