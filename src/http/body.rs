//! Reading a request's body: never more than its route takes, never slower than a real client sends.

use super::code::Code;
use super::problem::Problem;
use crate::clock::{Clock, Monotonic};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How fast a body must come.
#[derive(Debug, Clone, Copy)]
pub struct BodyPace {
    /// From the first look to the last byte.
    pub total: Duration,
    /// So long any pace will do.
    pub grace: Duration,
    /// After the grace, on average, in bytes per second.
    pub rate: u64,
}

impl Default for BodyPace {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            rate: 1_024,
        }
    }
}

/// Whether a route takes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyRule {
    /// It takes none; what is sent is not looked at.
    None,
    /// It needs JSON of at most so many bytes.
    Json(usize),
    /// As [`BodyRule::Json`], or nothing at all.
    Optional(usize),
}

/// Reads a body of at most `limit` bytes. A stated length is checked before anything is read.
pub(super) async fn read<B>(
    mut body: B,
    headers: &HeaderMap,
    limit: usize,
    pace: BodyPace,
    clock: &Clock,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let stated = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(bytes) = stated
        && bytes > limit as u64
    {
        return Err(too_large(format!(
            "The body is {bytes} bytes; the limit is {limit}."
        )));
    }
    let tick = (pace.grace / 4).min(Duration::from_secs(1));
    let mut started: Option<Monotonic> = None;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut read = 0_usize;
    loop {
        let (frame, waited) = next(&mut body, tick, || {
            started.get_or_insert_with(|| clock.monotonic());
        })
        .await;
        match frame {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                read += data.len();
                if read > limit {
                    return Err(too_large(format!("The body is larger than {limit} bytes.")));
                }
                match &first {
                    None if rest.is_empty() => first = Some(data),
                    _ => {
                        if let Some(first) = first.take() {
                            rest.reserve(stated.unwrap_or(0).min(limit as u64) as usize);
                            rest.extend_from_slice(&first);
                        }
                        rest.extend_from_slice(&data);
                    }
                }
            }
            Ok(Some(Err(_))) => {
                return Err(Problem::new(
                    Code::BadRequest,
                    "The body broke off, or its framing is wrong.",
                )
                .closing());
            }
            Err(_) => {}
        }
        if let Some(started) = started.filter(|_| waited) {
            let micros = clock.monotonic().micros_since(started);
            check_pace(Duration::from_micros(micros), read as u64, pace)?;
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

/// The next frame, or none within `tick`; and whether it was waited for. Most bodies have come with their head: those need
/// neither clock nor timer.
async fn next<B>(
    body: &mut B,
    tick: Duration,
    waits: impl FnOnce(),
) -> (
    Result<Option<Result<Frame<Bytes>, B::Error>>, Elapsed>,
    bool,
)
where
    B: Body<Data = Bytes> + Unpin,
{
    let here = poll_fn(|context| Poll::Ready(Pin::new(&mut *body).poll_frame(context))).await;
    match here {
        Poll::Ready(frame) => (Ok(frame), false),
        Poll::Pending => {
            waits();
            (timeout(tick, body.frame()).await, true)
        }
    }
}

fn check_pace(elapsed: Duration, read: u64, pace: BodyPace) -> Result<(), Problem> {
    if elapsed >= pace.total {
        return Err(late(format!(
            "The body did not arrive in {} s.",
            pace.total.as_secs()
        )));
    }
    let counted = elapsed.saturating_sub(pace.grace);
    if !counted.is_zero() && u128::from(read) * 1_000 < counted.as_millis() * u128::from(pace.rate)
    {
        return Err(late(format!(
            "The body came slower than {} bytes per second.",
            pace.rate
        )));
    }
    Ok(())
}

fn too_large(detail: String) -> Problem {
    Problem::new(Code::BodyTooLarge, detail).closing()
}

fn late(detail: String) -> Problem {
    Problem::new(Code::RequestTimeout, detail).closing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s14_a_body_has_thirty_seconds_and_a_kibibyte_a_second_after_five() {
        for (seconds, read, fits) in [
            (4, 0, true),
            (5, 0, true),
            (6, 1_023, false),
            (6, 1_024, true),
            (25, 20 * 1_024 - 1, false),
            (25, 20 * 1_024, true),
            (29, 1 << 20, true),
            (30, 1 << 20, false),
        ] {
            let checked = check_pace(Duration::from_secs(seconds), read, BodyPace::default());
            assert_eq!(checked.is_ok(), fits, "{seconds} s, {read} bytes");
        }
    }
}
