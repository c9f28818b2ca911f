//! One throughput run: warm up, come to rest, then send for the window and wait until everything that was accepted
//! has been delivered. What is called delivered per second counts that wait, so a backlog cannot flatter it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::{Options, middle};
use crate::clock;
use crate::error::HarnessError;
use crate::generator::{Load, Pace, Route, Sent, Until};
use crate::payload::Template;
use crate::process::{Program, usage::Usage};
use crate::receiver::Behaviour;
use crate::receiver::ledger::Counts;
use crate::rig::{EndpointPlan, Rig, RigPlan};

/// A delivery that has not come after this time without any is lost to the measurement.
const STALL_LIMIT: Duration = Duration::from_secs(20);
/// After the last delivery its outcome is still to be written; it belongs to the cost.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// How applications, endpoints and messages are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Applications.
    pub applications: usize,
    /// Endpoints of each.
    pub endpoints_each: usize,
    /// To how many endpoints of its application each message goes: 1 (in turns) or all.
    pub fan_out: usize,
    /// When messages leave.
    pub pace: Pace,
}

/// What a run measured.
#[derive(Debug, Clone, Serialize)]
pub struct Throughput {
    /// Messages accepted per second while sending.
    pub accepted_per_s: f64,
    /// Deliveries per second, from the first message to the last delivery.
    pub delivered_per_s: f64,
    /// From sending to the 202, microseconds, median.
    pub ack_p50_us: f64,
    /// The same, 99th percentile.
    pub ack_p99_us: f64,
    /// From sending to the arrival at the receiver, microseconds, median.
    pub end_to_end_p50_us: f64,
    /// The same, 99th percentile.
    pub end_to_end_p99_us: f64,
    /// CPU of the server per accepted message, microseconds.
    pub cpu_us_per_message: f64,
    /// CPU of the server per delivery, microseconds.
    pub cpu_us_per_delivery: f64,
    /// The most memory that the server ever had, bytes.
    pub peak_bytes: f64,
    /// Bytes that the server wrote to storage per message.
    pub written_bytes_per_message: f64,
    /// Deliveries beyond those expected.
    pub repeats: f64,
}

/// Measures a shape on a program.
///
/// # Errors
/// [`HarnessError`] when something is refused, not delivered or not signed.
pub fn measure(options: &Options, program: &Program, shape: &Shape) -> Result<Throughput, HarnessError> {
    let endpoints = endpoints(shape);
    let rig = Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        environment: &[],
        endpoints: &endpoints,
        recording: false,
        keep: false,
    })?;
    let routes = routes(&rig, shape);
    let payload = Template::new(options.payload_bytes);
    let server = rig.server()?;
    let load = |first, length| Load {
        address: server.address(),
        key: &rig.key,
        routes: &routes,
        payload: &payload,
        connections: options.connections,
        pace: shape.pace,
        until: Until::Elapsed(length),
        first,
        clock: rig.clock,
    };
    let warm = send_and_drain(&load(0, options.warm_up), &rig, shape)?;
    let before = server.usage()?;
    let (sent, counts) = send_and_drain(&load(warm.0.next, options.window), &rig, shape)?;
    let after = server.usage()?;
    Ok(summarise(&sent, &counts, shape, &before, &after))
}

fn endpoints(shape: &Shape) -> Vec<EndpointPlan> {
    let names =
        |endpoint| if shape.fan_out == 1 { format!("bench.n{endpoint}") } else { "bench.all".to_owned() };
    (0..shape.applications)
        .flat_map(|application| (0..shape.endpoints_each).map(move |endpoint| (application, endpoint)))
        .map(|(application, endpoint)| EndpointPlan {
            behaviour: Behaviour::Answer(200),
            application,
            event_types: vec![names(endpoint)],
        })
        .collect()
}

/// Every endpoint in turns, neighbours in the list in different applications.
fn routes(rig: &Rig, shape: &Shape) -> Vec<Route> {
    if shape.fan_out > 1 {
        return (0..shape.applications).map(|application| rig.route(application, "bench.all")).collect();
    }
    (0..shape.endpoints_each)
        .flat_map(|endpoint| (0..shape.applications).map(move |application| (application, endpoint)))
        .map(|(application, endpoint)| rig.route(application, &format!("bench.n{endpoint}")))
        .collect()
}

/// Sends, waits for the last delivery and for the writing of its outcome.
fn send_and_drain(load: &Load<'_>, rig: &Rig, shape: &Shape) -> Result<(Sent, Counts), HarnessError> {
    let sent = crate::generator::run(load)?;
    if let Some(refusal) = &sent.refusal {
        let text = format!("{} messages were refused, the last with {refusal}", sent.refused);
        return Err(HarnessError::Vacuous(text));
    }
    let expected = sent.accepted * shape.fan_out as u64;
    drain(rig, expected)?;
    clock::wait(AFTERWARDS);
    let counts = rig.receiver.ledger().reset();
    if counts.unsigned > 0 {
        return Err(HarnessError::Vacuous(format!("{} deliveries were not signed", counts.unsigned)));
    }
    Ok((sent, counts))
}

/// Waits until so many deliveries have come since the last reset.
pub(super) fn drain(rig: &Rig, expected: u64) -> Result<(), HarnessError> {
    let ledger = rig.receiver.ledger();
    let (mut seen, mut progress) = (0, Instant::now());
    while seen < expected {
        clock::wait(Duration::from_millis(2));
        let now = ledger.delivered();
        if now > seen {
            (seen, progress) = (now, Instant::now());
        } else if progress.elapsed() > STALL_LIMIT {
            return Err(HarnessError::Vacuous(format!("only {seen} of {expected} deliveries came")));
        }
    }
    Ok(())
}

fn summarise(sent: &Sent, counts: &Counts, shape: &Shape, before: &Usage, after: &Usage) -> Throughput {
    let seconds = |until_us: u64| (until_us.saturating_sub(sent.began_us).max(1)) as f64 / 1e6;
    let accepted = sent.accepted.max(1) as f64;
    let expected = sent.accepted * shape.fan_out as u64;
    let cpu_us = (after.cpu - before.cpu).as_secs_f64() * 1e6;
    let at = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64;
    Throughput {
        accepted_per_s: sent.accepted as f64 / seconds(sent.ended_us),
        delivered_per_s: expected as f64 / seconds(counts.last_us.max(sent.ended_us)),
        ack_p50_us: at(&sent.ack_us, 0.5),
        ack_p99_us: at(&sent.ack_us, 0.99),
        end_to_end_p50_us: at(&counts.latency_us, 0.5),
        end_to_end_p99_us: at(&counts.latency_us, 0.99),
        cpu_us_per_message: cpu_us / accepted,
        cpu_us_per_delivery: cpu_us / (expected.max(1) as f64),
        peak_bytes: after.peak_bytes as f64,
        written_bytes_per_message: (after.written_bytes - before.written_bytes) as f64 / accepted,
        repeats: counts.delivered.saturating_sub(expected) as f64,
    }
}

/// Returns the median of each figure; `None` of no runs.
pub(super) fn median(runs: &[Throughput]) -> Option<Throughput> {
    let of = |figure: fn(&Throughput) -> f64| middle(runs.iter().map(figure).collect());
    (!runs.is_empty()).then(|| Throughput {
        accepted_per_s: of(|run| run.accepted_per_s),
        delivered_per_s: of(|run| run.delivered_per_s),
        ack_p50_us: of(|run| run.ack_p50_us),
        ack_p99_us: of(|run| run.ack_p99_us),
        end_to_end_p50_us: of(|run| run.end_to_end_p50_us),
        end_to_end_p99_us: of(|run| run.end_to_end_p99_us),
        cpu_us_per_message: of(|run| run.cpu_us_per_message),
        cpu_us_per_delivery: of(|run| run.cpu_us_per_delivery),
        peak_bytes: of(|run| run.peak_bytes),
        written_bytes_per_message: of(|run| run.written_bytes_per_message),
        repeats: of(|run| run.repeats),
    })
}

impl Throughput {
    /// Returns the run in a line.
    pub(super) fn summary(&self) -> String {
        format!(
            "{:.0} accepted/s, {:.0} delivered/s, {:.1} µs CPU a message",
            self.accepted_per_s, self.delivered_per_s, self.cpu_us_per_message
        )
    }
}
