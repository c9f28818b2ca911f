//! Points in time, as every crate of the project passes them: unix milliseconds, made by the caller's clock.

use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A point in time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The last point that a message key can carry (42 bits): 2109-05-15.
    pub const MAX: UnixMillis = UnixMillis((1 << 42) - 1);

    /// Returns whole seconds since 1970, rounded down, as signatures carry them.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Writes it as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`. A point outside of the years that
    /// RFC 3339 knows is written as 1970.
    pub fn to_rfc3339(self) -> String {
        PRINTER.timestamp_to_string(&Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Returns how long it is from `earlier` until this point; zero when `earlier` is later.
    pub fn since(self, earlier: UnixMillis) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for UnixMillis {
    type Output = UnixMillis;

    /// Saturates at the end of the range rather than wrapping.
    fn add(self, length: Duration) -> UnixMillis {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.0.saturating_add(millis))
    }
}

impl Sub<Duration> for UnixMillis {
    type Output = UnixMillis;

    fn sub(self, length: Duration) -> UnixMillis {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.0.saturating_sub(millis))
    }
}
