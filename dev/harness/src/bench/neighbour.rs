//! The hanging neighbour: paced runs in turns, with and without an endpoint of the same application that takes every
//! message and never answers; the healthy one's 99th percentile must hardly differ.
//!
//! Each run has a server of its own, so that what hangs in one run does not reach into the next.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::bench::{Options, middle, throughput};
use crate::error::HarnessError;
use crate::generator::{self, Load, Pace, Until};
use crate::payload::Template;
use crate::process::Program;
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, Rig, RigPlan};

/// Pairs of runs.
const PAIRS: usize = 5;
/// The goal: at most this factor, or at most [`DIFFERENCE_US`] more, whichever is more.
const FACTOR: f64 = 1.2;
/// 2 ms.
const DIFFERENCE_US: f64 = 2_000.0;

/// What was measured: the healthy endpoint's end-to-end 99th percentiles in microseconds.
#[derive(Debug, Serialize)]
pub struct Neighbour {
    /// Without the hanging endpoint, one for each run.
    pub alone_p99_us: Vec<f64>,
    /// With it.
    pub beside_p99_us: Vec<f64>,
    /// Median of the first.
    pub alone_us: f64,
    /// Median of the second.
    pub beside_us: f64,
}

impl Neighbour {
    /// Returns the most that the second median may be.
    pub fn allowed_us(&self) -> f64 {
        (self.alone_us * FACTOR).max(self.alone_us + DIFFERENCE_US)
    }
}

pub(super) fn measure(
    options: &Options,
    program: &Program,
    progress: &mut dyn Write,
) -> Result<Neighbour, HarnessError> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        alone.push(healthy_p99_us(options, program, &[Behaviour::Answer(200)])?);
        beside.push(healthy_p99_us(options, program, &[Behaviour::Answer(200), Behaviour::Hang])?);
        let (without, with) = (alone[pair - 1], beside[pair - 1]);
        drop(writeln!(progress, "  {pair} of {PAIRS}: alone {without:.0} µs, beside it {with:.0} µs"));
    }
    Ok(Neighbour {
        alone_us: middle(alone.clone()),
        beside_us: middle(beside.clone()),
        alone_p99_us: alone,
        beside_p99_us: beside,
    })
}

/// Only the first endpoint ever answers, so only its deliveries are counted.
fn healthy_p99_us(
    options: &Options,
    program: &Program,
    behaviours: &[Behaviour],
) -> Result<f64, HarnessError> {
    let endpoints: Vec<EndpointPlan> = behaviours
        .iter()
        .map(|behaviour| EndpointPlan {
            behaviour: *behaviour,
            application: 0,
            event_types: vec!["bench.all".to_owned()],
        })
        .collect();
    let rig = Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        // Short enough for attempts to end and be made again within a run.
        environment: &[
            ("SEMNAL_ATTEMPT_TIMEOUT", "2s"),
            ("SEMNAL_RETRY_SCHEDULE", "500ms,1s,1s,1s,1s,1s,1s"),
        ],
        endpoints: &endpoints,
        recording: false,
        keep: false,
    })?;
    let routes = [rig.route(0, "bench.all")];
    let payload = Template::new(options.payload_bytes);
    let mut first = 0;
    let mut p99_us = 0.0;
    // The warm-up outlasts the attempt timeout, so that the measured window has hanging attempts, ended ones and retries.
    for length in [options.warm_up.max(Duration::from_millis(2_500)), options.window] {
        let sent = generator::run(&Load {
            address: rig.server()?.address(),
            key: &rig.key,
            routes: &routes,
            payload: &payload,
            connections: options.connections,
            pace: Pace::PerSecond(options.rate),
            until: Until::Elapsed(length),
            first,
            clock: rig.clock,
        })?;
        if let Some(refusal) = sent.refusal {
            return Err(HarnessError::Vacuous(format!("a message was refused: {refusal}")));
        }
        first = sent.next;
        throughput::drain(&rig, sent.accepted)?;
        p99_us = rig.receiver.ledger().reset().latency_us.value_at_quantile(0.99) as f64;
    }
    Ok(p99_us)
}
