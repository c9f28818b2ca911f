//! When to try again: the retry schedule and the receiver's own wish (`retry-after`).

use std::time::Duration;

use thiserror::Error;

use crate::time::UnixMillis;

/// 64 steps at most: with the last one repeated daily that is more than any retention.
pub const SCHEDULE_STEPS_MAX: usize = 64;
/// 30 days between two attempts at most.
pub const SCHEDULE_STEP_MAX: Duration = Duration::from_secs(30 * 86_400);
/// A receiver's `retry-after` is followed up to 24 h (DESIGN 5).
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
/// ±20 % spread, so that many deliveries that failed together do not return together (DESIGN 5).
pub const JITTER: f64 = 0.2;

/// The waits between the attempts of a delivery. The first attempt is made at once; the schedule has one wait for
/// each further one, so a schedule of n waits makes n + 1 attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    waits: Vec<Duration>,
}

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// A part is not a length of time.
    #[error("{part:?} is not a length of time; write for example 500ms, 5s, 5m, 2h or 1d")]
    Part {
        /// The part.
        part: String,
    },
    /// Too many parts.
    #[error("has {steps} waits; at most {SCHEDULE_STEPS_MAX} are allowed")]
    TooManySteps {
        /// How many.
        steps: usize,
    },
    /// A wait is too long.
    #[error("{part:?} is longer than 30 days")]
    TooLong {
        /// The part.
        part: String,
    },
}

impl Default for RetrySchedule {
    /// 16 attempts over 9 days (DESIGN 5): at once, then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, and
    /// every 24 h.
    fn default() -> RetrySchedule {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 3_600;
        let seconds =
            [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
        let daily = std::iter::repeat_n(24 * HOUR, 6);
        RetrySchedule { waits: seconds.into_iter().chain(daily).map(Duration::from_secs).collect() }
    }
}

impl RetrySchedule {
    /// Reads comma-separated lengths of time: `5s,5m,30m`; empty text means one attempt only.
    ///
    /// # Errors
    /// [`ScheduleError`] names the part that is wrong.
    pub fn parse(text: &str) -> Result<RetrySchedule, ScheduleError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
        RetrySchedule::from_texts(&parts)
    }

    /// Reads lengths of time, one for each wait; none means one attempt only.
    ///
    /// # Errors
    /// [`ScheduleError`] names the part that is wrong.
    pub fn from_texts(parts: &[impl AsRef<str>]) -> Result<RetrySchedule, ScheduleError> {
        if parts.len() > SCHEDULE_STEPS_MAX {
            return Err(ScheduleError::TooManySteps { steps: parts.len() });
        }
        let waits = parts.iter().map(AsRef::as_ref).map(|part| {
            let wait = parse_duration(part).ok_or_else(|| ScheduleError::Part { part: part.to_owned() })?;
            if wait > SCHEDULE_STEP_MAX {
                return Err(ScheduleError::TooLong { part: part.to_owned() });
            }
            Ok(wait)
        });
        Ok(RetrySchedule { waits: waits.collect::<Result<_, _>>()? })
    }

    /// Returns the schedule of what is tried once.
    pub fn once() -> RetrySchedule {
        RetrySchedule { waits: Vec::new() }
    }

    /// Returns the schedule that is in force for a delivery: the endpoint's own, else the event type's, else the
    /// server's.
    pub fn in_force<'a>(
        endpoint: Option<&'a RetrySchedule>,
        event_type: Option<&'a RetrySchedule>,
        server: &'a RetrySchedule,
    ) -> &'a RetrySchedule {
        endpoint.or(event_type).unwrap_or(server)
    }

    /// Returns the waits as texts, each as [`RetrySchedule::parse`] reads it.
    pub fn to_texts(&self) -> Vec<String> {
        self.waits.iter().map(|w| format_duration(*w)).collect()
    }

    /// Returns the schedule as [`RetrySchedule::parse`] reads it.
    pub fn to_text(&self) -> String {
        self.to_texts().join(",")
    }

    /// Returns how many attempts a delivery gets in all.
    pub fn attempts(&self) -> usize {
        self.waits.len() + 1
    }

    /// Returns the wait after the attempt at position `step` (from 0), spread by `jitter` in 0..1 over ±20 %;
    /// `None` when that was the last one.
    pub fn wait_after(&self, step: u16, jitter: f64) -> Option<Duration> {
        let wait = self.waits.get(usize::from(step))?;
        Some(wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter.clamp(0.0, 1.0)))
    }
}

/// Reads a whole number with a unit: ms, s, m, h or d.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Writes a length in the largest unit that keeps it whole.
pub fn format_duration(length: Duration) -> String {
    let millis = length.as_millis();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis > 0 && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// Reads a `retry-after` value, seconds or an HTTP date (RFC 9110, 10.2.3), and returns the wait from `now`, clamped
/// to [`RETRY_AFTER_MAX`]; `None` when it is neither.
pub fn parse_retry_after(value: &[u8], now: UnixMillis) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number too large for 64 bits is still a wish for a long wait.
        let seconds = text.parse::<u64>().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let at = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = UnixMillis(i64::try_from(at.as_millis()).ok()?);
    Some(at.since(now).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_schedule_makes_16_attempts_over_9_days() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.attempts(), 16);
        assert_eq!(schedule.to_text(), "5s,5m,30m,2h,5h,10h,14h,20h,1d,1d,1d,1d,1d,1d,1d");
        let total: Duration = (0..15).filter_map(|step| schedule.wait_after(step, 0.5)).sum();
        assert_eq!(total.as_secs() / 86_400, 9);
        assert_eq!(schedule.wait_after(15, 0.5), None);
    }

    #[test]
    fn a_schedule_says_what_is_wrong_with_it() {
        assert_eq!(RetrySchedule::parse("5s,soon"), Err(ScheduleError::Part { part: "soon".into() }));
        assert_eq!(RetrySchedule::parse("31d"), Err(ScheduleError::TooLong { part: "31d".into() }));
        assert_eq!(RetrySchedule::parse(&"1s,".repeat(65)), Err(ScheduleError::TooManySteps { steps: 65 }));
        assert_eq!(RetrySchedule::parse("").map(|s| s.attempts()), Ok(1));
        assert_eq!(RetrySchedule::parse("5ms, 5s").map(|s| s.to_text()), Ok("5ms,5s".into()));
    }

    #[test]
    fn the_endpoints_schedule_wins_over_the_event_types_and_that_over_the_servers() {
        let [endpoint, event_type, server] = ["1ms", "2ms", "3ms"].map(|t| RetrySchedule::parse(t).unwrap());
        let check = |own, kind, expected: &str| {
            assert_eq!(RetrySchedule::in_force(own, kind, &server).to_text(), expected);
        };
        check(Some(&endpoint), Some(&event_type), "1ms");
        check(Some(&endpoint), None, "1ms");
        check(None, Some(&event_type), "2ms");
        check(None, None, "3ms");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_clamped_to_a_day() {
        let now = UnixMillis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
        let check = |value: &str, seconds: Option<u64>| {
            assert_eq!(parse_retry_after(value.as_bytes(), now), seconds.map(Duration::from_secs), "{value}");
        };
        check("120", Some(120));
        check(" 7 ", Some(7));
        check("0", Some(0));
        check("99999999999999999999999", Some(86_400));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400));
        check("-5", None);
        check("1.5", None);
        check("soon", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_fifth(step in 0u16..15, jitter in 0.0f64..1.0) {
            let schedule = RetrySchedule::default();
            let plain = schedule.wait_after(step, 0.5).unwrap().as_secs_f64();
            let spread = schedule.wait_after(step, jitter).unwrap().as_secs_f64();
            prop_assert!(spread >= plain * 0.7999 && spread <= plain * 1.2001);
        }

        #[test]
        fn a_schedule_reads_back_what_it_writes(waits in proptest::collection::vec(0u64..2_000_000_000, 0..20)) {
            let schedule = RetrySchedule { waits: waits.into_iter().map(Duration::from_millis).collect() };
            prop_assert_eq!(RetrySchedule::parse(&schedule.to_text()), Ok(schedule));
        }

        #[test]
        fn any_retry_after_is_judged_without_a_panic(value in proptest::collection::vec(any::<u8>(), 0..60), now in 0i64..4_000_000_000_000) {
            if let Some(wait) = parse_retry_after(&value, UnixMillis(now)) {
                prop_assert!(wait <= RETRY_AFTER_MAX);
            }
        }
    }
}
