//! The machine that a table was made on: a figure without it says nothing.

use std::fs;

use serde::Serialize;

/// What it is.
#[derive(Debug, Default, Serialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// Processes that wanted to run in the minute before: well above 0, and something else disturbed the figures.
    pub load_before: f64,
}

/// Reads it from /proc.
pub fn describe() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    Machine {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        processor: value(&read("/proc/cpuinfo"), "model name"),
        memory_bytes: memory.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0_u64) * 1_024,
        load_before: read("/proc/loadavg")
            .split(' ')
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
    }
}
