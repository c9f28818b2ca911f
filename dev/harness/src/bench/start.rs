//! Starts: of an empty server, with its memory at rest, and of one with many deliveries pending.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::bench::{Options, middle};
use crate::clock;
use crate::error::HarnessError;
use crate::generator::{self, Load, Pace, Until};
use crate::payload::Template;
use crate::process::{Program, Server};
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, Rig, RigPlan};

const STARTS: usize = 5;
/// Memory is read after this time at rest.
const REST: Duration = Duration::from_secs(1);
/// A start with many pending deliveries may be slow; the table says how slow.
const SLOW_START_LIMIT: Duration = Duration::from_secs(120);
/// Long enough for no retry to be due during the run.
const NO_RETRY: &str = "24h";

/// A server at rest.
#[derive(Debug, Serialize)]
pub struct Idle {
    /// Resident memory, bytes.
    pub resident_bytes: f64,
    /// From start to ready, milliseconds.
    pub ready_ms: f64,
}

/// A start with deliveries pending.
#[derive(Debug, Serialize)]
pub struct Pending {
    /// How many.
    pub pending: u64,
    /// From start to ready, milliseconds.
    pub ready_ms: f64,
    /// The most memory until a while after, bytes.
    pub peak_bytes: f64,
}

pub(super) fn measure_idle(options: &Options, program: &Program) -> Result<Idle, HarnessError> {
    let (mut resident, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let rig = Rig::set_up(&RigPlan {
            program,
            directory: &options.directory,
            environment: &[],
            endpoints: &[],
            recording: false,
            keep: false,
        })?;
        clock::wait(REST);
        ready.push(rig.ready_after.as_secs_f64() * 1e3);
        resident.push(rig.server()?.usage()?.resident_bytes as f64);
    }
    Ok(Idle { resident_bytes: middle(resident), ready_ms: middle(ready) })
}

pub(super) fn measure_pending(
    options: &Options,
    program: &Program,
    progress: &mut dyn Write,
) -> Result<Pending, HarnessError> {
    let endpoint = EndpointPlan {
        behaviour: Behaviour::Refuse,
        application: 0,
        event_types: vec!["bench.all".to_owned()],
    };
    let mut rig = Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        environment: &[("SEMNAL_RETRY_SCHEDULE", NO_RETRY)],
        endpoints: &[endpoint],
        recording: false,
        keep: false,
    })?;
    let sent = generator::run(&Load {
        address: rig.server()?.address(),
        key: &rig.key,
        routes: &[rig.route(0, "bench.all")],
        payload: &Template::new(options.payload_bytes),
        connections: options.connections,
        pace: Pace::Closed,
        until: Until::Count(options.pending),
        first: 0,
        clock: rig.clock,
    })?;
    if let Some(refusal) = sent.refusal {
        return Err(HarnessError::Vacuous(format!("a message was refused: {refusal}")));
    }
    drop(writeln!(progress, "  {} accepted; starting again", sent.accepted));
    if let Some(server) = rig.server.take() {
        // Killed, so that the start has to recover.
        server.kill()?;
    }
    let (server, ready_after) = Server::start_ready(program, &rig.settings, SLOW_START_LIMIT)?;
    clock::wait(REST * 3);
    let peak_bytes = server.usage()?.peak_bytes as f64;
    Ok(Pending { pending: sent.accepted, ready_ms: ready_after.as_secs_f64() * 1e3, peak_bytes })
}
