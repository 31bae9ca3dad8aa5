//! A small client of our own API, for the command line and the demo.
//!
//! Deliberately absent: connection reuse across commands, redirects, proxies.

use super::output::Failure;
use crate::config::written;
use crate::outgoing;
use bytes::Bytes;
use http::request::Builder;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::event::IdempotencyKey;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server is, and the key to it.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// The server's address
    #[arg(
        long,
        env = "TIDINGS_SERVER",
        default_value = "http://127.0.0.1:8420",
        value_name = "URL",
        value_parser = written::server
    )]
    pub server: url::Url,
    /// An API key
    #[arg(long, env = "TIDINGS_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: String,
}

/// A connection to the API.
pub struct Client {
    server: url::Url,
    key: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// An answer of the API.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body; `null` when it is no JSON.
    pub body: Value,
    /// The body as it came, for who needs the order of members and the digits of numbers.
    pub text: Bytes,
}

impl Reply {
    /// The body of a 2xx, or the problem's own words.
    pub fn ok(self) -> Result<Value, Failure> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(Failure::Failed(self.problem()))
        }
    }

    /// A problem document in one line.
    pub fn problem(&self) -> String {
        let text = |value: &Value, key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut line = format!(
            "{} {}: {}",
            self.status,
            text(&self.body, "code"),
            text(&self.body, "detail")
        );
        for error in self
            .body
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            line.push_str(&format!(
                "\n  {}: {}",
                text(error, "pointer"),
                text(error, "detail")
            ));
        }
        line
    }
}

impl Client {
    /// A client; nothing is dialled yet.
    pub fn new(server: &ServerArgs) -> Self {
        Self::of(server.server.clone(), server.key.clone())
    }

    /// A client of a server known by URL and key.
    pub const fn of(server: url::Url, key: String) -> Self {
        Self {
            server,
            key,
            connection: None,
        }
    }

    /// One call. `path` starts with a slash.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Reply, Failure> {
        let request = Request::builder().method(method).uri(path);
        self.send(request, body).await
    }

    /// Posts what is one thing however often it is posted with the same idempotency key.
    pub async fn post(
        &mut self,
        path: &str,
        key: Option<&IdempotencyKey>,
        body: &[u8],
    ) -> Result<Reply, Failure> {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = match key {
            Some(key) => request.header("idempotency-key", key.as_str()),
            None => request,
        };
        self.send(request, Some(body)).await
    }

    async fn send(&mut self, request: Builder, body: Option<&[u8]>) -> Result<Reply, Failure> {
        match tokio::time::timeout(PATIENCE, self.exchange(request, body)).await {
            Ok(result) => {
                result.map_err(|problem| Failure::Failed(format!("{}: {problem}", self.server)))
            }
            Err(_) => Err(Failure::Failed(format!(
                "{}: no answer within {} s",
                self.server,
                PATIENCE.as_secs()
            ))),
        }
    }

    async fn exchange(&mut self, request: Builder, body: Option<&[u8]>) -> Result<Reply, String> {
        let mut connection = match self
            .connection
            .take()
            .filter(|connection| !connection.is_closed())
        {
            Some(connection) => connection,
            None => outgoing::connect(&self.server, tls).await?,
        };
        connection
            .ready()
            .await
            .map_err(|error| error.to_string())?;
        let request = request
            .header("host", self.server.authority())
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::copy_from_slice(body.unwrap_or_default())))
            .map_err(|error| error.to_string())?;
        let response = connection
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        self.connection = Some(connection);
        Ok(Reply {
            status,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            text: body,
        })
    }
}

fn tls() -> Result<Arc<rustls::ClientConfig>, rustls::Error> {
    Ok(Arc::new(outgoing::tls(outgoing::authorities(&[])?)?))
}
