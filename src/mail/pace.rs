//! When a mail goes out: several notices within some minutes are one mail, and a server that is away is asked less and less
//! often.

use std::time::Duration;
use tidings_core::time::Timestamp;

/// How long the first notice waits for others.
const GATHER: Duration = Duration::from_secs(60);
/// So many need not wait.
const MANY: usize = 50;
/// Between two mails.
const SPACE: Duration = Duration::from_secs(5 * 60);
/// The wait after the first failure, doubled with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);

/// Whether what waits goes out now: how many there are, since when the first, and when the last mail went. Moments in the
/// future were noted before the clock was set back, and hold nothing up.
pub fn is_time(
    (count, oldest): (usize, Timestamp),
    last_mail: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let passed = |since: Timestamp, wait| now < since || now.since(since) >= wait;
    let gathered = count >= MANY || passed(oldest, GATHER);
    count > 0 && gathered && last_mail.is_none_or(|last| passed(last, SPACE))
}

/// How long to wait after so many failures in a row.
pub fn wait_after(failures: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_waits_a_minute_for_others_and_the_next_mail_five() {
        let start = Timestamp::from_millis(1_772_357_400_000);
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        for (count, last_mail, now, goes) in [
            (0, None, 3_600, false),
            (1, None, 59, false),
            (1, None, 60, true),
            (50, None, 0, true),
            (1, Some(0), 60, false),
            (50, Some(0), 299, false),
            (1, Some(0), 300, true),
            (1, Some(90_000), 3_600, true),
        ] {
            let answer = is_time((count, start), last_mail.map(at), at(now));
            assert_eq!(answer, goes, "{count} {last_mail:?} {now}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let now = Timestamp::from_millis(1_772_357_400_000);
        let ahead = now.plus(Duration::from_secs(10 * 86_400));
        assert!(is_time((1, ahead), Some(ahead), now));
    }

    #[test]
    fn a_server_that_is_away_is_asked_less_and_less_often() {
        let minutes: Vec<u64> = [1, 2, 3, 5, 6, 40, u32::MAX]
            .into_iter()
            .map(|failures| wait_after(failures).as_secs() / 60)
            .collect();
        assert_eq!(minutes, [1, 2, 4, 16, 30, 30, 30]);
    }
}
