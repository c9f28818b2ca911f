//! Days of UTC: each has a file of its own among the views.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use semnal_core::time::UnixMillis;

/// The length of a day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The length of a minute in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(i64);

impl Day {
    /// Returns the day that a time lies in.
    pub(crate) fn of(time: UnixMillis) -> Day {
        Day(time.0.div_euclid(DAY_MS))
    }

    /// Returns the file of the day, such as `2026-11-24.db`.
    pub(crate) fn file(self, directory: &Path) -> PathBuf {
        let epoch = Date::constant(1970, 1, 1);
        let date = epoch.saturating_add(jiff::Span::new().days(self.0.clamp(0, 100_000)));
        directory.join(format!("{date}.db"))
    }

    /// Returns the day of a file that [`Day::file`] named.
    pub(crate) fn of_file(path: &Path) -> Option<Day> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".db")?;
        let date: Date = stem.parse().ok()?;
        let epoch = Date::constant(1970, 1, 1);
        Some(Day(i64::from(epoch.until(date).ok()?.get_days())))
    }
}

/// Returns the minute that a time lies in, counted from 1970.
pub(crate) fn minute(time: UnixMillis) -> i64 {
    time.0.div_euclid(MINUTE_MS)
}

/// Returns the first millisecond of a minute.
pub(crate) fn minute_start(minute: i64) -> UnixMillis {
    UnixMillis(minute.saturating_mul(MINUTE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_found_by_its_file() {
        for (millis, name) in [(0, "1970-01-01.db"), (1_795_478_400_000, "2026-11-24.db")] {
            let day = Day::of(UnixMillis(millis));
            let file = day.file(Path::new("views"));
            assert_eq!(file, Path::new("views").join(name));
            assert_eq!(Day::of_file(&file), Some(day));
            assert_eq!(Day::of(UnixMillis(millis + DAY_MS - 1)), day);
        }
        for other in ["2026-11-24.db-wal", "notes.txt", ".db"] {
            assert_eq!(Day::of_file(Path::new(other)), None, "{other}");
        }
    }
}
