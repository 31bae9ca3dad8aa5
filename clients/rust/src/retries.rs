//! When a call is made again, and how long it waits before.
//!
//! 429 and 503 mean that nothing was stored: the same again is safe whatever it is. Without an answer nobody knows whether it
//! was, so only what is once when made twice is made again: reads, puts, deletes, posts with an idempotency key. Nothing
//! here looks at a clock or sleeps.

use std::time::Duration;

use crate::answer::Error;

/// How often a call is made, and the longest wait between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often in all, the first among them; 4 by default. 1 never waits.
    pub tries: u32,
    /// The longest wait, whatever `Retry-After` says; 30 seconds by default.
    pub longest_wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 4,
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Retries {
    /// How long to wait before the next try, after try `number` (from 1) ended with `error`; none if it was the last.
    /// `repeatable`: the same twice is once. `random` is from 0 to 1.
    #[must_use]
    pub fn wait(
        &self,
        number: u32,
        error: &Error,
        repeatable: bool,
        random: f64,
    ) -> Option<Duration> {
        let again = match error {
            Error::NoAnswer(_) => repeatable,
            other => matches!(other.status(), Some(429 | 503)),
        };
        if !again || number >= self.tries {
            return None;
        }
        let backoff = Duration::from_millis(250 << number.min(6)).min(Duration::from_secs(10));
        let wait = error
            .retry_after()
            .unwrap_or_else(|| backoff.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0));
        Some(wait.min(self.longest_wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unexpected(status: u16, retry_after: Option<u64>) -> Error {
        Error::Unexpected {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            text: String::new(),
        }
    }

    #[test]
    fn waits_as_the_server_says_within_the_longest_wait() {
        let retries = Retries::default();
        let wait = |error: &Error| retries.wait(1, error, false, 0.0).map(|w| w.as_secs());
        assert_eq!(wait(&unexpected(503, Some(3))), Some(3));
        assert_eq!(wait(&unexpected(429, Some(400))), Some(30));
        assert_eq!(wait(&unexpected(500, Some(3))), None);
        assert_eq!(wait(&unexpected(404, None)), None);
    }

    #[test]
    fn without_a_word_of_the_server_it_waits_longer_each_time() {
        let retries = Retries {
            tries: 20,
            ..Retries::default()
        };
        let wait = |number, random| {
            let busy = unexpected(503, None);
            retries.wait(number, &busy, false, random).unwrap()
        };
        assert_eq!(wait(1, 1.0), Duration::from_millis(500));
        assert_eq!(wait(1, 0.0), Duration::from_millis(250));
        assert_eq!(wait(4, 1.0), Duration::from_secs(4));
        assert_eq!(wait(19, 1.0), Duration::from_secs(10));
        assert_eq!(retries.wait(20, &unexpected(503, None), true, 0.0), None);
    }
}
