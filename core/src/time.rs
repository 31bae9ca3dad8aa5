//! Wall-clock time as a value: microseconds since the Unix epoch, UTC.
//!
//! Nothing here reads a clock. Text is RFC 3339 with milliseconds, always in UTC.

use std::time::Duration;

/// A moment in wall-clock time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment from microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A moment from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch, rounded down: what `webhook-timestamp` carries (W15).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment moved into the future; the far end of time stays the far end.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment moved into the past.
    #[must_use]
    pub fn minus(self, back: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(back.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-03-01T09:30:00.000Z`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_microsecond(self.as_millis().saturating_mul(1_000)) {
            Ok(moment) => format!("{moment:.3}"),
            // Beyond what can be read back: the last moment that can.
            Err(_) => String::from("9999-12-30T22:00:00.000Z"),
        }
    }

    /// Reads RFC 3339 with any offset; `None` when the text is no such time.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|moment| Self(moment.as_microsecond()))
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.rfc3339())
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc3339_utc_with_milliseconds() {
        let moment = Timestamp::from_micros(1_767_225_600_123_456);
        assert_eq!(moment.rfc3339(), "2026-01-01T00:00:00.123Z");
        assert_eq!(
            Timestamp::parse_rfc3339("2026-01-01T01:00:00.123+01:00"),
            Some(Timestamp::from_millis(moment.as_millis()))
        );
        assert_eq!(Timestamp::parse_rfc3339("tomorrow"), None);
        let late = Timestamp::parse_rfc3339("9999-12-30T22:00:00.1Z").unwrap_or_default();
        for moment in [late, Timestamp::from_micros(i64::MAX)] {
            let printed = moment.rfc3339();
            assert!(Timestamp::parse_rfc3339(&printed).is_some(), "{printed}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_micros(5).since(end), Duration::ZERO);
    }
}
