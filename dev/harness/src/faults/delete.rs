//! A deletion under load: two endpoints take every message, the slower one is deleted while work waits for it; nothing
//! may arrive there any more, also not after a crash and recovery, and the other one gets everything.

use std::time::Duration;

use crate::clock;
use crate::error::HarnessError;
use crate::faults::load::{Finished, Kind, Load};
use crate::faults::settle::{collect, settle};
use crate::faults::{COMMIT_BATCH, CONCURRENCY, Options, Report, Sabotage};
use crate::oracle::{EndpointNumber, Stopped};
use crate::process::{self, Program, Server};
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, READY_LIMIT, Rig, RigPlan};

/// Attempts that had started before the 204 may still arrive for so long.
const GRACE: Duration = Duration::from_millis(500);
/// Slow enough for work to wait.
const SLOW: Duration = Duration::from_millis(100);
const STALL_LIMIT: Duration = Duration::from_secs(15);
const KEPT: EndpointNumber = EndpointNumber(0);
const DELETED: EndpointNumber = EndpointNumber(1);

pub(super) fn run(options: &Options) -> Result<Report, HarnessError> {
    let plan =
        |behaviour| EndpointPlan { behaviour, application: 0, event_types: vec!["fault.deleted".to_owned()] };
    let mut rig = Rig::set_up(&RigPlan {
        program: &options.program,
        directory: &options.directory,
        environment: &[("SEMNAL_ATTEMPT_TIMEOUT", "10s")],
        endpoints: &[plan(Behaviour::Answer(200)), plan(Behaviour::Slow(SLOW))],
        recording: true,
    })?;
    let kind = Kind { route: rig.route(0, "fault.deleted"), targets: vec![KEPT, DELETED] };
    let load = Load::start(&rig.key, vec![kind], options.connections, rig.clock)?;
    *load.shared.address.lock() = Some(rig.server()?.address());
    expect_accepted(&load, options.messages / 3)?;
    let waiting = waiting_at_deleted(&load, &rig);
    if waiting == 0 {
        return Err(HarnessError::Vacuous("nothing waited at the endpoint when it was deleted".to_owned()));
    }
    if options.sabotage != Some(Sabotage::KeepDeleted) {
        rig.api()?.delete_endpoint(&rig.applications[0], &rig.endpoints[1])?;
    }
    let after_us = rig.clock.micros() + u64::try_from(GRACE.as_micros()).unwrap_or(0);
    load.shared.history.lock().stop(Stopped { endpoint: DELETED, message: None, after_us });
    expect_accepted(&load, options.messages * 2 / 3)?;
    clock::wait(GRACE * 2);
    restart(&mut rig, &load)?;
    expect_accepted(&load, options.messages)?;
    judge(options, rig, load)
}

fn expect_accepted(load: &Load, count: u64) -> Result<(), HarnessError> {
    if load.wait_accepted(count, STALL_LIMIT) {
        return Ok(());
    }
    Err(HarnessError::Vacuous(format!("only {} of {count} messages were accepted", load.accepted())))
}

/// Returns how many accepted messages have not come to the endpoint yet.
fn waiting_at_deleted(load: &Load, rig: &Rig) -> u64 {
    let mut arrived = 0;
    rig.receiver.ledger().look(0, |arrivals| {
        arrived = arrivals.iter().filter(|arrival| arrival.endpoint == DELETED).count() as u64;
    });
    load.accepted().saturating_sub(arrived)
}

fn restart(rig: &mut Rig, load: &Load) -> Result<(), HarnessError> {
    if let Some(server) = rig.server.take() {
        *load.shared.address.lock() = None;
        server.kill()?;
        load.shared.history.lock().kill(rig.clock.micros());
    }
    let (server, _) = Server::start_ready(&rig.program, &rig.settings, READY_LIMIT)?;
    *load.shared.address.lock() = Some(server.address());
    rig.server = Some(server);
    Ok(())
}

fn judge(options: &Options, mut rig: Rig, load: Load) -> Result<Report, HarnessError> {
    let Finished { mut history, refused, refusal } = load.finish()?;
    settle(&history, &rig.receiver, Duration::from_millis(options.quiet_ms));
    if let Program::Semnal(_) = options.program {
        history.verify(process::verify(&rig.program, &rig.settings)?);
        if let Some(server) = rig.server.take() {
            server.kill()?;
        }
        history.verify(process::verify(&rig.program, &rig.settings)?);
    }
    collect(&mut history, &rig.receiver);
    Ok(Report {
        scenario: "delete",
        messages: options.messages,
        seed: options.seed,
        sabotage: options.sabotage,
        judgement: history.judge(),
        kills: 1,
        duplicates_bound_per_kill: 2 * CONCURRENCY + COMMIT_BATCH,
        refused,
        refusal,
        frames_lost: 0,
        pages_lost: 0,
    })
}
