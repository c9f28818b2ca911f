//! The measurements of `dev/bench`: each scenario on Semnal and, where it has one, on the null forwarder under the
//! same generator, and one table of all.
//!
//! Every run starts a fresh server on an empty data directory, warms it up, lets it come to rest, and then measures.
//! Wall time on a shared machine is noisy; ratios and CPU per message are what to compare.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::bench::captures::Captures;
use crate::bench::history::History;
use crate::bench::neighbour::Neighbour;
use crate::bench::start::{Idle, Pending};
use crate::bench::throughput::{Shape, Throughput};
use crate::bench::visible::Visible;
use crate::error::HarnessError;
use crate::generator::Pace;
use crate::process::Program;

pub mod captures;
pub mod history;
pub mod machine;
pub mod neighbour;
pub mod start;
pub mod table;
pub mod throughput;
pub mod visible;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// One endpoint, as fast as it goes.
    One,
    /// 1,000 endpoints in 100 applications, each message to one of them.
    Thousand,
    /// One message to ten endpoints.
    FanOut,
    /// One endpoint at a fixed rate, for latencies.
    Paced,
    /// A server at rest: memory, and from start to ready.
    Idle,
    /// A healthy endpoint with and without one beside it that hangs.
    Neighbour,
    /// Deliveries with and without 10,000 requests a minute into a bin.
    Captures,
    /// A start with many deliveries pending.
    Pending,
    /// How soon every list shows a delivery, at a fixed rate.
    Visible,
    /// What lists cost on a long history, and what that costs those who send.
    History,
}

impl Scenario {
    /// What is measured without `--deep` or `--only`.
    pub const SHORT: [Scenario; 7] = [
        Scenario::One,
        Scenario::Thousand,
        Scenario::FanOut,
        Scenario::Paced,
        Scenario::Idle,
        Scenario::Neighbour,
        Scenario::Captures,
    ];
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Semnal; `None` measures the null forwarder alone.
    pub semnal: Option<Program>,
    /// The yardstick.
    pub null: Program,
    /// Which scenarios, in this order.
    pub scenarios: Vec<Scenario>,
    /// Where data directories are made: on a disk.
    pub directory: PathBuf,
    /// How long each measured window sends.
    pub window: Duration,
    /// How long to send before.
    pub warm_up: Duration,
    /// How often each throughput is measured; the table shows medians.
    pub runs: usize,
    /// Connections of the generator.
    pub connections: usize,
    /// Length of a payload.
    pub payload_bytes: usize,
    /// Messages a second of the paced runs.
    pub rate: u32,
    /// Deliveries pending at the start of [`Scenario::Pending`].
    pub pending: u64,
    /// Messages a second of [`Scenario::Visible`].
    pub visible_rate: u32,
    /// Deliveries stored in [`Scenario::History`].
    pub history: u64,
    /// How often each question of [`Scenario::History`] is asked.
    pub times: usize,
}

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The machine.
    pub machine: machine::Machine,
    /// Length of a payload.
    pub payload_bytes: usize,
    /// Seconds of each window.
    pub window_s: f64,
    /// Throughputs and latencies, Semnal's with the null forwarder's beside.
    pub throughput: Vec<Compared>,
    /// A server at rest.
    pub idle: Option<Idle>,
    /// The hanging neighbour.
    pub neighbour: Option<Neighbour>,
    /// Deliveries beside captures.
    pub captures: Option<Captures>,
    /// The start with pending deliveries.
    pub pending: Option<Pending>,
    /// How soon lists show a delivery.
    pub visible: Option<Visible>,
    /// The long history.
    pub history: Option<History>,
}

/// One scenario on both programs.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Which.
    pub scenario: Scenario,
    /// Medians of Semnal's runs.
    pub semnal: Option<Throughput>,
    /// Medians of the null forwarder's runs.
    pub null: Throughput,
}

/// Measures all scenarios, saying on `progress` which one runs.
///
/// # Errors
/// [`HarnessError`] when a run cannot be made or something was refused or lost: a figure of it would be worth nothing.
pub fn run(options: &Options, progress: &mut dyn Write) -> Result<Report, HarnessError> {
    let mut report = Report {
        machine: machine::describe(),
        payload_bytes: options.payload_bytes,
        window_s: options.window.as_secs_f64(),
        ..Report::default()
    };
    for scenario in &options.scenarios {
        say(progress, &format!("{scenario:?} …"));
        match (scenario, &options.semnal) {
            (Scenario::One, _) => report.throughput.push(compare(options, *scenario, &ONE, progress)?),
            (Scenario::Thousand, _) => {
                report.throughput.push(compare(options, *scenario, &THOUSAND, progress)?);
            }
            (Scenario::FanOut, _) => report.throughput.push(compare(options, *scenario, &FAN_OUT, progress)?),
            (Scenario::Paced, _) => {
                let shape = Shape { pace: Pace::PerSecond(options.rate), ..ONE };
                report.throughput.push(compare(options, *scenario, &shape, progress)?);
            }
            (Scenario::Idle, Some(semnal)) => report.idle = Some(start::measure_idle(options, semnal)?),
            (Scenario::Neighbour, Some(semnal)) => {
                report.neighbour = Some(neighbour::measure(options, semnal, progress)?);
            }
            (Scenario::Captures, Some(semnal)) => {
                report.captures = Some(captures::measure(options, semnal, progress)?);
            }
            (Scenario::Pending, Some(semnal)) => {
                report.pending = Some(start::measure_pending(options, semnal, progress)?);
            }
            (Scenario::Visible, Some(semnal)) => {
                report.visible = Some(visible::measure(options, semnal, progress)?);
            }
            (Scenario::History, Some(semnal)) => {
                report.history = Some(history::measure(options, semnal, progress)?);
            }
            (
                Scenario::Idle
                | Scenario::Neighbour
                | Scenario::Captures
                | Scenario::Pending
                | Scenario::Visible
                | Scenario::History,
                None,
            ) => {}
        }
    }
    Ok(report)
}

const ONE: Shape = Shape { applications: 1, endpoints_each: 1, fan_out: 1, pace: Pace::Closed };
const THOUSAND: Shape = Shape { applications: 100, endpoints_each: 10, fan_out: 1, pace: Pace::Closed };
const FAN_OUT: Shape = Shape { applications: 1, endpoints_each: 10, fan_out: 10, pace: Pace::Closed };

/// Runs the two programs in turns, so that what disturbs the machine disturbs both.
fn compare(
    options: &Options,
    scenario: Scenario,
    shape: &Shape,
    progress: &mut dyn Write,
) -> Result<Compared, HarnessError> {
    let (mut semnal, mut null) = (Vec::new(), Vec::new());
    for _ in 0..options.runs.max(1) {
        let ours = options.semnal.as_ref().map(|program| (program, &mut semnal));
        for (program, results) in ours.into_iter().chain([(&options.null, &mut null)]) {
            let measured = throughput::measure(options, program, shape)?;
            say(progress, &format!("  {}: {}", program.name(), measured.summary()));
            results.push(measured);
        }
    }
    Ok(Compared {
        scenario,
        semnal: throughput::median(&semnal),
        null: throughput::median(&null)
            .ok_or_else(|| HarnessError::Vacuous("the null forwarder was not measured".to_owned()))?,
    })
}

fn say(progress: &mut dyn Write, line: &str) {
    // A closed stderr is no reason to stop measuring.
    drop(writeln!(progress, "{line}"));
}

/// Returns the middle one; of an even number the higher of the two.
pub(crate) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
