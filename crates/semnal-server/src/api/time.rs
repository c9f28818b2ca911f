//! Points in time as the API writes and reads them: RFC 3339, written in UTC with milliseconds.

use jiff::Timestamp;
use semnal_core::time::UnixMillis;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A point in time that serialises as `2026-01-31T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub(crate) struct Rfc3339(pub UnixMillis);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(self.0))
    }
}

/// Writes a point in time; one outside of the years that RFC 3339 knows is written as 1970.
pub(crate) fn format(time: UnixMillis) -> String {
    time.to_rfc3339()
}

/// Reads a point in time with any offset. A space before the offset is read as the plus sign that a query string
/// turned it from.
pub(crate) fn parse(text: &str) -> Option<UnixMillis> {
    let read = |text: &str| text.parse::<Timestamp>().ok().map(|t| UnixMillis(t.as_millisecond()));
    read(text)
        .or_else(|| text.rfind(' ').and_then(|at| read(&format!("{}+{}", &text[..at], &text[at + 1..]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_in_utc_with_milliseconds() {
        let check = |millis, expected: &str| assert_eq!(format(UnixMillis(millis)), expected);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_769_860_800_007, "2026-01-31T12:00:00.007Z");
        check(UnixMillis::MAX.0, "2109-05-15T07:35:11.103Z");
        check(i64::MAX, "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn time_is_read_with_any_offset() {
        let check = |text, expected: Option<i64>| assert_eq!(parse(text), expected.map(UnixMillis), "{text}");
        check("2026-01-31T12:00:00Z", Some(1_769_860_800_000));
        check("2026-01-31T12:00:00.007Z", Some(1_769_860_800_007));
        check("2026-01-31T14:00:00+02:00", Some(1_769_860_800_000));
        check("2026-01-31T14:00:00 02:00", Some(1_769_860_800_000));
        check("2026-01-31T12:00:00.123456Z", Some(1_769_860_800_123));
        check("2026-01-31", None);
        check("soon", None);
        check("", None);
        check(" ", None);
    }
}
