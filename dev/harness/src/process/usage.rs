//! What the kernel knows about a process: CPU time, peak memory, bytes written (proc(5)).

use std::fs;
use std::time::Duration;

use crate::error::HarnessError;

/// Linux reports CPU time to programs in hundredths of a second on every architecture (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub resident_bytes: u64,
    /// The most that was resident, in bytes.
    pub peak_bytes: u64,
    /// Bytes that it caused to be written to storage.
    pub written_bytes: u64,
}

/// Tells whether every thread of a process has been stopped by a signal.
pub(crate) fn stands_still(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The name of the thread stands in parentheses and may hold anything.
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    })
}

pub(crate) fn read(process: u32) -> Result<Usage, HarnessError> {
    let file = |name: &str| {
        let path = format!("/proc/{process}/{name}");
        fs::read_to_string(&path).map_err(HarnessError::io(format!("reading {path}")))
    };
    let (stat, status, io) = (file("stat")?, file("status")?, file("io")?);
    Ok(Usage {
        cpu: cpu_of(&stat),
        resident_bytes: field(&status, "VmRSS:") * 1_024,
        peak_bytes: field(&status, "VmHWM:") * 1_024,
        written_bytes: field(&io, "write_bytes:"),
    })
}

/// Fields 14 and 15; the second, a name in brackets, may itself hold spaces and brackets.
fn cpu_of(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name.split(' ').skip(11).take(2).filter_map(|text| text.parse::<u32>().ok()).sum();
    TICK * ticks
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system_also_behind_an_odd_name() {
        let stat = "7 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_of(stat), Duration::from_secs(2));
    }

    #[test]
    fn fields_are_found_by_their_name() {
        assert_eq!(field("VmPeak:\t  9 kB\nVmHWM:\t  2048 kB\n", "VmHWM:"), 2_048);
        assert_eq!(field("cancelled_write_bytes: 7\n", "write_bytes:"), 0);
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = read(std::process::id()).unwrap();
        assert!(usage.peak_bytes >= usage.resident_bytes && usage.resident_bytes > 0);
    }
}
