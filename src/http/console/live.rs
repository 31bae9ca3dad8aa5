//! Live pages: the page's handler is asked again every second or few, and what changed of its live parts is sent.
//!
//! Server-sent events, so that it works through every proxy and ends with the page. Each tick looks the session up anew:
//! who was logged out sees nothing more. Bounded in number and time; the browser comes back by itself.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::{Content, Reply};
use super::page::mark;
use super::route::Handler;
use super::visit::Visit;
use super::{Answer, LIVE_PAGES_EACH, Outcome, session};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use maud::Markup;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_core::id::SessionId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

/// Without news for so long a sign of life is sent: proxies close what is silent, and that a page was left shows in this.
const QUIET: Duration = Duration::from_secs(3);
/// A stream ends after this; the browser opens another.
const LONGEST: Duration = Duration::from_secs(540);

/// The live pages that each session follows, oldest first.
#[derive(Debug, Default, Clone)]
pub(super) struct Following(Arc<Mutex<HashMap<SessionId, VecDeque<oneshot::Sender<()>>>>>);

impl Following {
    /// A place for one more; it ends when the other side of it is dropped or sent to. Of too many the oldest one ends: it is
    /// that of a page that was left, most likely, which is noticed a little later only.
    fn enter(&self, session: SessionId) -> oneshot::Receiver<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, pages| {
            pages.retain(|page| !page.is_closed());
            !pages.is_empty()
        });
        let pages = all.entry(session).or_default();
        while pages.len() >= LIVE_PAGES_EACH {
            drop(pages.pop_front());
        }
        let (page, ended) = oneshot::channel();
        pages.push_back(page);
        ended
    }
}

/// A stream of the page's live parts as they change.
pub(super) async fn stream(mut visit: Visit, handler: Handler) -> Outcome {
    let live = Arc::clone(&visit.console().live);
    let session = visit.login()?.session.id;
    let Ok(permit) = live.try_acquire_owned() else {
        return Err(Problem::busy().into());
    };
    let mut ended = visit.console().following.enter(session);
    // What is wrong is said before a stream begins.
    let page = match handler(visit.clone()).await? {
        Answer::Page(page) if !page.live.is_empty() => page,
        _ => {
            return Err(Problem::new(Code::NotAcceptable, "This page does not change.").into());
        }
    };
    let pace = page.pace;
    let (sender, receiver) = mpsc::channel(4);
    // Nothing is known at first: something may have happened since the browser got the page.
    let mut known = HashMap::new();
    sender
        .try_send(Bytes::from(news(&mut known, page.live)))
        .map_err(|error| Problem::internal(&error))?;
    let mut stopping = visit.console().stopping.subscribe();
    tokio::spawn(async move {
        let _one_of_few = permit;
        let mut ticks = interval(pace);
        ticks.reset(); // the first draw is already on its way
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut quiet, mut open) = (Duration::ZERO, Duration::ZERO);
        while open < LONGEST {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
                _ = &mut ended => return,
                () = sender.closed() => return,
            }
            visit.login = session::look(&visit).await.unwrap_or_default();
            let Ok(Answer::Page(page)) = handler(visit.clone()).await else {
                return;
            };
            let news = news(&mut known, page.live);
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

/// One event for each part that is not what it was; `known` are the marks of what was sent.
fn news(known: &mut HashMap<&'static str, String>, fresh: Vec<(&'static str, Markup)>) -> String {
    let mut text = String::new();
    for (id, markup) in fresh {
        let mark = mark(&markup.0);
        if known.get(id) == Some(&mark) {
            continue;
        }
        let data = serde_json::json!({ "id": id, "mark": &mark, "html": markup.0 });
        text.push_str(&format!("event: part\ndata: {data}\n\n"));
        known.insert(id, mark);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn of_too_many_live_pages_of_a_session_the_oldest_ends() {
        let following = Following::default();
        let (mary, john) = (SessionId::from_raw(1), SessionId::from_raw(2));
        let mut pages: Vec<_> = (0..LIVE_PAGES_EACH)
            .map(|_| following.enter(mary))
            .collect();
        let mut johns = following.enter(john);
        assert!(
            pages
                .iter_mut()
                .all(|page| page.try_recv() == Err(TryRecvError::Empty))
        );
        let mut newest = following.enter(mary);
        assert_eq!(pages[0].try_recv(), Err(TryRecvError::Closed));
        assert_eq!(newest.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(johns.try_recv(), Err(TryRecvError::Empty));
        drop(pages);
        drop(following.enter(mary));
        assert_eq!(
            newest.try_recv(),
            Err(TryRecvError::Empty),
            "pages that were left give their place back"
        );
    }
}
