//! Captures beside deliveries: paced runs in turns, with and without 10,000 requests a minute into one bin; the 99th
//! percentile of the deliveries must hardly differ.
//!
//! Each run has a server of its own, so that what one run leaves behind does not reach into the next.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Options, middle, throughput};
use crate::clock;
use crate::error::HarnessError;
use crate::generator::{self, Load, Pace, Until};
use crate::payload::Template;
use crate::process::Program;
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, Rig, RigPlan};

/// Pairs of runs.
const PAIRS: usize = 5;
/// 10,000 requests a minute.
const CAPTURE_EVERY: Duration = Duration::from_millis(6);
/// The goal: at most this factor, or at most [`DIFFERENCE_US`] more, whichever is more.
const FACTOR: f64 = 1.2;
/// 2 ms.
const DIFFERENCE_US: f64 = 2_000.0;
/// Fewer than 0.9 of the requests that were meant say nothing about that many.
const SHARE_MIN: f64 = 0.9;
/// A request that has no answer after 10 s is lost to the measurement.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What was measured: the end-to-end 99th percentiles of deliveries in microseconds.
#[derive(Debug, Serialize)]
pub struct Captures {
    /// Without captures, one for each run.
    pub alone_p99_us: Vec<f64>,
    /// With them.
    pub beside_p99_us: Vec<f64>,
    /// Median of the first.
    pub alone_us: f64,
    /// Median of the second.
    pub beside_us: f64,
    /// Requests a minute that were captured, in the slowest run.
    pub captured_per_minute: f64,
}

impl Captures {
    /// Returns the most that the second median may be.
    pub fn allowed_us(&self) -> f64 {
        (self.alone_us * FACTOR).max(self.alone_us + DIFFERENCE_US)
    }
}

pub(super) fn measure(
    options: &Options,
    program: &Program,
    progress: &mut dyn Write,
) -> Result<Captures, HarnessError> {
    let (mut alone, mut beside, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        alone.push(run(options, program, false)?.0);
        let (p99_us, per_minute) = run(options, program, true)?;
        beside.push(p99_us);
        rates.push(per_minute);
        let without = alone[pair - 1];
        drop(writeln!(
            progress,
            "  {pair} of {PAIRS}: alone {without:.0} µs, beside {per_minute:.0} captures a minute {p99_us:.0} µs"
        ));
    }
    Ok(Captures {
        alone_us: middle(alone.clone()),
        beside_us: middle(beside.clone()),
        alone_p99_us: alone,
        beside_p99_us: beside,
        captured_per_minute: rates.into_iter().fold(f64::INFINITY, f64::min),
    })
}

/// Returns the 99th percentile of the deliveries, and the captures a minute beside them.
fn run(options: &Options, program: &Program, captures: bool) -> Result<(f64, f64), HarnessError> {
    let endpoint = EndpointPlan {
        behaviour: Behaviour::Answer(200),
        application: 0,
        event_types: vec!["bench.all".to_owned()],
    };
    let rig = Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        environment: &[],
        endpoints: &[endpoint],
        recording: false,
        keep: false,
    })?;
    let (url, address) = bin(&rig)?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = captures.then(|| scope.spawn(|| send(address, &url, options.payload_bytes, &stop)));
        let measured = deliveries(options, &rig);
        stop.store(true, Ordering::Release);
        let per_minute = match sender.map(|it| it.join()) {
            None => 0.0,
            Some(Ok(sent)) => sent?,
            Some(Err(_)) => return Err(HarnessError::Vacuous("the sender of captures panicked".to_owned())),
        };
        let meant = 60.0 / CAPTURE_EVERY.as_secs_f64();
        if captures && per_minute < meant * SHARE_MIN {
            let text = format!("only {per_minute:.0} of {meant:.0} requests a minute were captured");
            return Err(HarnessError::Vacuous(text));
        }
        Ok((measured?, per_minute))
    })
}

/// Makes a bin; returns the path of its URL, and where it listens.
fn bin(rig: &Rig) -> Result<(String, SocketAddr), HarnessError> {
    let url = rig.api()?.create_bin("bench")?;
    let (host, name) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let address = host.parse().map_err(|_| HarnessError::Vacuous(format!("{url} names no address")))?;
    Ok((format!("/{name}"), address))
}

fn deliveries(options: &Options, rig: &Rig) -> Result<f64, HarnessError> {
    let routes = [rig.route(0, "bench.all")];
    let payload = Template::new(options.payload_bytes);
    let (mut first, mut p99_us) = (0, 0.0);
    for length in [options.warm_up, options.window] {
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
        throughput::drain(rig, sent.accepted)?;
        p99_us = rig.receiver.ledger().reset().latency_us.value_at_quantile(0.99) as f64;
    }
    Ok(p99_us)
}

/// Sends requests at their times until it is told to stop; returns how many a minute were answered with 200.
fn send(address: SocketAddr, path: &str, bytes: usize, stop: &AtomicBool) -> Result<f64, HarnessError> {
    let failed = || HarnessError::io("sending to a bin");
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: bins\r\ncontent-length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
    let (began, mut sent, mut kept) = (Instant::now(), 0u32, None);
    while !stop.load(Ordering::Acquire) {
        clock::wait((CAPTURE_EVERY * sent).saturating_sub(began.elapsed()));
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => connect(address).map_err(failed())?,
        };
        stream.get_mut().write_all(request.as_bytes()).map_err(failed())?;
        let stays = answered(&mut stream).map_err(failed())?;
        kept = stays.then_some(stream);
        sent += 1;
    }
    Ok(f64::from(sent) * 60.0 / began.elapsed().as_secs_f64())
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    Ok(BufReader::new(stream))
}

/// Reads an answer, which has to be a 200; returns whether the connection stays.
fn answered(stream: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    let (mut line, mut length, mut stays) = (String::new(), 0, true);
    stream.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(std::io::Error::other(format!("a bin answered {line:?}")));
    }
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line)?;
        if let Some(text) = line.strip_prefix("Content-Length: ") {
            length = text.trim().parse().map_err(std::io::Error::other)?;
        }
        stays &= line != "Connection: close\r\n" && !line.is_empty();
    }
    std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink())?;
    Ok(stays)
}
