//! Live pages: the page's handler is asked again every second or few, and what changed of its live parts is sent.
//!
//! Server-sent events, so that it works through every proxy and ends with the page. Each tick looks the session up anew:
//! who was logged out sees nothing more. Bounded in number and time; the browser comes back by itself.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::{Content, Reply};
use super::page::Page;
use super::route::Handler;
use super::visit::Visit;
use super::{Answer, Outcome, session};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Without news for so long a sign of life is sent: proxies close what is silent.
const QUIET: Duration = Duration::from_secs(15);
/// A stream ends after this; the browser opens another.
const LONGEST: Duration = Duration::from_secs(540);

/// A stream of the page's live parts as they change.
pub(super) async fn stream(mut visit: Visit, handler: Handler) -> Outcome {
    let live = std::sync::Arc::clone(&visit.console().live);
    let Ok(permit) = live.try_acquire_owned() else {
        return Err(Problem::busy().into());
    };
    // What is wrong is said before a stream begins.
    let pace = match handler(visit.clone()).await? {
        Answer::Page(page) if !page.live.is_empty() => page.pace,
        _ => {
            return Err(Problem::new(Code::NotAcceptable, "This page does not change.").into());
        }
    };
    // Nothing is known at first: something may have happened since the browser got the page.
    let mut known = HashMap::new();
    let (sender, receiver) = mpsc::channel(4);
    let mut stopping = visit.console().stopping.subscribe();
    tokio::spawn(async move {
        let _one_of_few = permit;
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut quiet, mut open) = (Duration::ZERO, Duration::ZERO);
        while open < LONGEST {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            visit.login = session::look(&visit).await.unwrap_or_default();
            let Ok(Answer::Page(page)) = handler(visit.clone()).await else {
                return;
            };
            let fresh = parts(&page);
            let news = news(&known, &fresh);
            known = fresh;
            open += pace;
            quiet += pace;
            let message = match news.is_empty() {
                false => news,
                true if quiet >= QUIET => String::from(": still here\n\n"),
                true => continue,
            };
            quiet = Duration::ZERO;
            if sender.send(Bytes::from(message)).await.is_err() {
                return;
            }
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that collect an answer before they pass it on are asked not to.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(Answer::Reply(Reply {
        status: StatusCode::OK,
        headers,
        body: Content::Parts(receiver),
    }))
}

fn parts(page: &Page) -> HashMap<&'static str, String> {
    page.live
        .iter()
        .map(|(id, markup)| (*id, markup.clone().into_string()))
        .collect()
}

/// One event for each part that is not what it was.
fn news(known: &HashMap<&'static str, String>, fresh: &HashMap<&'static str, String>) -> String {
    let mut text = String::new();
    for (id, markup) in fresh {
        if known.get(id) != Some(markup) {
            let data = serde_json::json!({ "id": id, "html": markup });
            text.push_str(&format!("event: part\ndata: {data}\n\n"));
        }
    }
    text
}
