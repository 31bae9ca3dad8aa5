//! `WEBHOOK_SECRET=whsec_… PORT=9000 cargo run --example receiver`: a receiver in Rust, with axum, hmac, sha2 and hex.
//!
//! It verifies `vomo-signature`. The crate `standardwebhooks` does the same for the headers of that specification:
//! `Webhook::new(secret)?.verify(&body, &headers)?`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

type Mac = Hmac<Sha256>;

/// In constant time, over the bytes as they came: parsed and printed again, they no longer match.
fn is_signed(mut mac: Mac, body: &[u8], headers: &HeaderMap) -> bool {
    let given = headers
        .get("vomo-signature")
        .and_then(|value| hex::decode(value).ok());
    mac.update(body);
    given.is_some_and(|given| mac.verify_slice(&given).is_ok())
}

async fn receive(State(mac): State<Mac>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(mac, &body, &headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    // Put the work in a queue and answer: there are three seconds. The same webhook-id again is the same delivery.
    tracing::info!(%event, id = ?headers.get("webhook-id"), "received");
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mac = Mac::new_from_slice(std::env::var("WEBHOOK_SECRET")?.as_bytes())?;
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing_subscriber::fmt().init();
    tracing::info!("listening on http://{}", listener.local_addr()?);
    axum::serve(
        listener,
        Router::new().route("/", post(receive)).with_state(mac),
    )
    .await?;
    Ok(())
}
