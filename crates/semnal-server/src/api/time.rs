//! Times as the API writes them: RFC 3339, UTC, milliseconds.

use semnal_core::time::UnixMillis;

/// Writes `2026-11-24T08:00:00.123Z`.
pub(crate) fn format(time: UnixMillis) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => time.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds() {
        let time = UnixMillis(1_795_507_200_120);
        assert_eq!(format(time), "2026-11-24T08:00:00.120Z");
    }
}
