//! A long history: what every list costs on it, and what it costs those who send.
//!
//! The store is filled with deliveries of several kinds, some of them rare and old, so that filters have to look far.
//! Then every question is asked again and again of the server at rest, and at last messages are sent to it and to an
//! empty one in turns.

use std::io::Write;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bench::history::questions::Asked;
use crate::bench::{Options, middle, say, throughput};
use crate::clock;
use crate::error::HarnessError;
use crate::generator::{self, Load, Pace, Route, Until};
use crate::payload::Template;
use crate::process::Program;
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, Rig, RigPlan};

mod questions;

/// The promise: no question takes the server longer than 50 ms.
pub const WITHIN_US: f64 = 50_000.0;
/// The promise: sending is at most this much slower than to an empty store.
pub const SHARE: f64 = 0.9;
/// Pairs of sending runs.
const PAIRS: usize = 3;
/// A message of the wide kind goes to so many endpoints.
const WIDE: u64 = 10;
/// So many of the first messages are of the rare kinds.
const RARE: u64 = 200;
/// Two attempts, so that one endpoint's deliveries fail for good within the run.
const SCHEDULE: &str = "1s";
/// What was sent has been listed after this time.
const REST_LIMIT: Duration = Duration::from_secs(300);
/// The endpoint that takes everything, the one that fails, and the one that only ever gets rare messages.
const BUSY: usize = 0;
const FAILING: usize = 9;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct History {
    /// Deliveries that were stored when the questions were asked.
    pub deliveries: u64,
    /// How often each question was asked.
    pub times: usize,
    /// Each question's figures, the slowest first.
    pub questions: Vec<Asked>,
    /// Deliveries a second with an empty store, one for each run.
    pub empty_per_s: Vec<f64>,
    /// The same with the full one.
    pub full_per_s: Vec<f64>,
}

impl History {
    /// Returns the worst answer of all, in microseconds.
    pub fn worst_us(&self) -> f64 {
        self.questions.iter().map(|it| it.worst_us).fold(0.0, f64::max)
    }

    /// Returns the worst median, in microseconds.
    pub fn worst_median_us(&self) -> f64 {
        self.questions.iter().map(|it| it.median_us).fold(0.0, f64::max)
    }

    /// Returns what the rate with the full store is of that with an empty one.
    pub fn share(&self) -> f64 {
        middle(self.full_per_s.clone()) / middle(self.empty_per_s.clone()).max(1.0)
    }
}

#[derive(Deserialize)]
struct Stats {
    success: u64,
    pending: u64,
    fail: u64,
}

pub(super) fn measure(
    options: &Options,
    program: &Program,
    progress: &mut dyn Write,
) -> Result<History, HarnessError> {
    let full = set_up(options, program)?;
    let next = fill(options, &full, progress)?;
    let deliveries = rest(&full)?;
    say(progress, &format!("  {deliveries} deliveries stored and listed"));
    let questions = questions::ask(&full, options.times, progress)?;
    let (mut empty_per_s, mut full_per_s, mut next) = (Vec::new(), Vec::new(), next);
    for pair in 1..=PAIRS {
        let empty = set_up(options, program)?;
        // In turns, and first one and then the other first, so that what disturbs the machine disturbs both.
        for of_full in if pair % 2 == 0 { [false, true] } else { [true, false] } {
            if of_full {
                let (rate, after) = delivered_per_s(options, &full, next)?;
                full_per_s.push(rate);
                next = after;
            } else {
                empty_per_s.push(delivered_per_s(options, &empty, 0)?.0);
            }
        }
        let (empty, full) = (empty_per_s[pair - 1], full_per_s[pair - 1]);
        say(progress, &format!("  {pair} of {PAIRS}: {empty:.0} deliveries/s empty, {full:.0} full"));
    }
    Ok(History { deliveries, times: options.times, questions, empty_per_s, full_per_s })
}

fn set_up(options: &Options, program: &Program) -> Result<Rig, HarnessError> {
    let endpoints: Vec<EndpointPlan> = (0..usize::try_from(WIDE).unwrap_or(1))
        .map(|number| EndpointPlan {
            behaviour: if number == FAILING { Behaviour::Answer(500) } else { Behaviour::Answer(200) },
            application: 0,
            event_types: match number {
                BUSY => ["bench.one", "bench.wide", "bench.rare"].map(str::to_owned).to_vec(),
                _ => vec!["bench.wide".to_owned()],
            },
        })
        .collect();
    Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        environment: &[("SEMNAL_RETRY_SCHEDULE", SCHEDULE)],
        endpoints: &endpoints,
        recording: false,
        keep: false,
    })
}

fn load<'a>(
    options: &'a Options,
    rig: &'a Rig,
    routes: &'a [Route],
    payload: &'a Template,
    first: u64,
    until: Until,
) -> Result<Load<'a>, HarnessError> {
    Ok(Load {
        address: rig.server()?.address(),
        key: &rig.key,
        routes,
        payload,
        connections: options.connections,
        pace: Pace::Closed,
        until,
        first,
        clock: rig.clock,
    })
}

/// Sends the rare messages first, then half of the deliveries one by one and half ten at a time; returns the next number.
fn fill(options: &Options, rig: &Rig, progress: &mut dyn Write) -> Result<u64, HarnessError> {
    let payload = Template::new(options.payload_bytes);
    let half = options.history / 2;
    let parts = [
        (rig.route(0, "bench.rare"), RARE / 2),
        (rig.route(0, "bench.one").on_channel("rare"), RARE / 2),
        (rig.route(0, "bench.one").on_channel("common"), half),
        (rig.route(0, "bench.wide").on_channel("common"), half / WIDE),
    ];
    let mut next = 0;
    for (route, count) in parts {
        let routes = [route];
        let sent = generator::run(&load(options, rig, &routes, &payload, next, Until::Count(count))?)?;
        if let Some(refusal) = sent.refusal {
            return Err(HarnessError::Vacuous(format!("a message was refused: {refusal}")));
        }
        next = sent.next;
        say(progress, &format!("  {next} messages accepted"));
    }
    Ok(next)
}

/// Waits until every delivery is decided and counted; returns how many there are.
fn rest(rig: &Rig) -> Result<u64, HarnessError> {
    let began = Instant::now();
    loop {
        let (mut decided, mut pending) = (0, 0);
        let mut api = rig.api()?;
        for endpoint in &rig.endpoints {
            let it: Stats =
                api.get(&format!("/api/v1/app/{}/endpoint/{endpoint}/stats", rig.applications[0]))?;
            decided += it.success + it.fail;
            pending += it.pending;
        }
        if pending == 0 {
            return Ok(decided);
        }
        if began.elapsed() > REST_LIMIT {
            return Err(HarnessError::Vacuous(format!("{pending} deliveries do not come to rest")));
        }
        clock::wait(Duration::from_millis(500));
    }
}

/// Sends to one endpoint as fast as it goes; returns deliveries a second until all have come, and the next number.
fn delivered_per_s(options: &Options, rig: &Rig, first: u64) -> Result<(f64, u64), HarnessError> {
    let payload = Template::new(options.payload_bytes);
    let routes = [rig.route(0, "bench.one")];
    let (mut next, mut rate) = (first, 0.0);
    for length in [options.warm_up, options.window] {
        rig.receiver.ledger().reset();
        let sent = generator::run(&load(options, rig, &routes, &payload, next, Until::Elapsed(length))?)?;
        if let Some(refusal) = sent.refusal {
            return Err(HarnessError::Vacuous(format!("a message was refused: {refusal}")));
        }
        next = sent.next;
        throughput::drain(rig, sent.accepted)?;
        let last_us = rig.receiver.ledger().reset().last_us;
        rate = sent.accepted as f64 * 1e6 / (last_us.saturating_sub(sent.began_us).max(1)) as f64;
    }
    Ok((rate, next))
}
