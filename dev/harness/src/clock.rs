//! The one file of the harness that reads the real time, waits and reads the environment: it measures real
//! processes, so these are not inputs here.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use semnal_core::time::UnixMillis;

/// Microseconds since a run began, the same for its generator and its receiver.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts at zero.
    pub fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// Returns microseconds since the start.
    pub fn micros(self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Returns the instant that many microseconds after the start.
    pub fn instant(self, micros: u64) -> tokio::time::Instant {
        (self.origin + Duration::from_micros(micros)).into()
    }
}

/// Returns the wall clock, which signatures carry.
#[expect(clippy::disallowed_methods, reason = "the harness checks the timestamps of a real server")]
pub fn unix_now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Returns a time as RFC 3339 writes it, in UTC.
pub fn rfc3339(time: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(time.0).unwrap_or_default().to_string()
}

/// Blocks this thread.
#[expect(clippy::disallowed_methods, reason = "the harness waits for processes in real time")]
pub fn wait(length: Duration) {
    std::thread::sleep(length);
}

/// Waits without blocking the thread.
pub async fn pause(length: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + length).await;
}

/// Calls `is_done` every 5 ms until it says yes or `limit` has passed; tells which.
pub fn wait_until(limit: Duration, mut is_done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if is_done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        wait(Duration::from_millis(5));
    }
}

/// Returns the path that `SEMNAL_BIN` names.
#[expect(clippy::disallowed_methods, reason = "tests and scripts name the binary to measure in it")]
pub fn binary_from_environment() -> Option<PathBuf> {
    std::env::var("SEMNAL_BIN").ok().filter(|text| !text.is_empty()).map(PathBuf::from)
}
