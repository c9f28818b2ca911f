//! Kills under load: at a seeded moment of each cycle, sometimes while the server is still starting; then everything
//! that was accepted must arrive, and the ledger must balance, running and stopped.

use std::time::Duration;

use fastrand::Rng;

use crate::clock;
use crate::error::HarnessError;
use crate::faults::load::{Finished, Kind, Load};
use crate::faults::power_cut::{self, Cut};
use crate::faults::settle::{collect, settle};
use crate::faults::{KillOptions, Report, Sabotage, duplicates_bound};
use crate::oracle::{EndpointNumber, Verified};
use crate::process::{self, Program, Server};
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, READY_LIMIT, Rig, RigPlan};

/// One start in so many is killed before it is ready.
const KILLED_START_ONE_IN: u32 = 6;
/// A server that accepts nothing for so long will not.
const STALL_LIMIT: Duration = Duration::from_secs(15);
/// The endpoint that answers slowly keeps work pending at every kill.
const SLOW: Duration = Duration::from_millis(20);
/// Enough attempts for endpoints that fail at first, soon enough for a test.
const RETRY_SCHEDULE: &str = "50ms,100ms,200ms,400ms,800ms,1s,1s,1s";

struct Run<'a> {
    options: &'a KillOptions,
    rig: Rig,
    load: Load,
    random: Rng,
    lost: Cut,
    kills: u64,
}

pub(super) fn run(options: &KillOptions) -> Result<Report, HarnessError> {
    let common = &options.common;
    let endpoints = endpoints();
    let mut environment = vec![("SEMNAL_RETRY_SCHEDULE", RETRY_SCHEDULE), ("SEMNAL_ATTEMPT_TIMEOUT", "10s")];
    match common.sabotage {
        Some(Sabotage::NoRecovery) => environment.push(("SEMNAL_SABOTAGE", "no-recovery")),
        Some(Sabotage::PowerCut) => environment.push(("SEMNAL_SABOTAGE", "no-sync")),
        Some(Sabotage::NoStore | Sabotage::KeepDeleted) | None => {}
    }
    if options.power_cut {
        power_cut::prove(&common.directory)?;
    }
    let rig = Rig::set_up(&RigPlan {
        program: &common.program,
        directory: &common.directory,
        environment: &environment,
        endpoints: &endpoints,
        recording: true,
        keep: common.keep,
    })?;
    if options.power_cut {
        // Applications and keys are long on the disk when the power fails.
        power_cut::sync(&rig.settings.data_dir)?;
    }
    let load = Load::start(&rig.key, kinds(&rig), common.connections, rig.clock)?;
    *load.shared.address.lock() = Some(rig.server()?.address());
    let random = Rng::with_seed(common.seed);
    let mut run = Run { options, rig, load, random, lost: Cut::default(), kills: 0 };
    let ended = run.cycles()?;
    run.judge(ended, endpoints.len())
}

/// One endpoint at rest, one that fails at first, one slow, one more, and one of another application.
fn endpoints() -> Vec<EndpointPlan> {
    let plan = |behaviour, application, names: &[&str]| EndpointPlan {
        behaviour,
        application,
        event_types: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        plan(Behaviour::Answer(200), 0, &["fault.a", "fault.all"]),
        plan(Behaviour::FirstFails(500), 0, &["fault.b", "fault.all"]),
        plan(Behaviour::Slow(SLOW), 0, &["fault.c", "fault.all"]),
        plan(Behaviour::Answer(204), 0, &["fault.d", "fault.all"]),
        plan(Behaviour::Answer(200), 1, &["fault.a"]),
    ]
}

fn kinds(rig: &Rig) -> Vec<Kind> {
    let kind = |application, name: &str, targets: &[u32]| Kind {
        route: rig.route(application, name),
        targets: targets.iter().map(|number| EndpointNumber(*number)).collect(),
    };
    vec![
        kind(0, "fault.a", &[0]),
        kind(0, "fault.b", &[1]),
        kind(0, "fault.c", &[2]),
        kind(0, "fault.d", &[3]),
        kind(0, "fault.all", &[0, 1, 2, 3]),
        kind(1, "fault.a", &[4]),
    ]
}

/// How the cycles ended.
enum Ended {
    /// As planned; the server runs.
    Running,
    /// The server did not come back, for this reason.
    Down(String),
}

impl Run<'_> {
    fn cycles(&mut self) -> Result<Ended, HarnessError> {
        let share = self.options.common.messages / (self.options.kills + 1);
        while self.kills < self.options.kills {
            let more = self.random.u64(share / 2..=share + share / 2);
            if !self.load.wait_accepted(self.load.accepted() + more, STALL_LIMIT) {
                break;
            }
            clock::wait(Duration::from_micros(self.random.u64(0..20_000)));
            let Some(server) = self.rig.server.take() else { break };
            self.kill(server)?;
            if self.kills < self.options.kills && self.random.u32(0..KILLED_START_ONE_IN) == 0 {
                let starting = Server::start(&self.rig.program, &self.rig.settings)?;
                clock::wait(Duration::from_micros(self.random.u64(0..50_000)));
                self.kill(starting)?;
            }
            if let Ended::Down(why) = self.start()? {
                return Ok(Ended::Down(why));
            }
        }
        // A sabotaged server may have lost its keys and accept nothing more: the judgement says so.
        self.load.wait_accepted(self.options.common.messages, STALL_LIMIT);
        Ok(Ended::Running)
    }

    fn kill(&mut self, server: Server) -> Result<(), HarnessError> {
        *self.load.shared.address.lock() = None;
        server.kill()?;
        self.kills += 1;
        self.load.shared.history.lock().kill(self.rig.clock.micros());
        if self.options.power_cut {
            self.lost += power_cut::cut(&self.rig.settings.data_dir)?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Ended, HarnessError> {
        match Server::start_ready(&self.rig.program, &self.rig.settings, READY_LIMIT) {
            Ok((server, _)) => {
                *self.load.shared.address.lock() = Some(server.address());
                self.rig.server = Some(server);
                Ok(Ended::Running)
            }
            Err(error @ HarnessError::NotReady { .. }) => Ok(Ended::Down(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn judge(self, ended: Ended, endpoints: usize) -> Result<Report, HarnessError> {
        let common = &self.options.common;
        let Finished { mut history, refused, refusal } = self.load.finish()?;
        settle(&history, &self.rig.receiver, Duration::from_millis(common.quiet_ms));
        if let Ended::Down(why) = ended {
            history.verify(Verified::Unbalanced(why));
        } else if let Program::Semnal(_) = common.program {
            history.verify(process::verify(&self.rig.program, &self.rig.settings)?);
            if let Some(server) = self.rig.server {
                server.kill()?;
            }
            history.verify(process::verify(&self.rig.program, &self.rig.settings)?);
        }
        collect(&mut history, &self.rig.receiver);
        Ok(Report {
            scenario: "kill",
            messages: common.messages,
            seed: common.seed,
            sabotage: common.sabotage,
            judgement: history.judge(),
            kills: self.kills,
            duplicates_bound_per_kill: duplicates_bound(endpoints),
            refused,
            refusal,
            kept: common.keep.then(|| self.rig.settings.data_dir.clone()),
            frames_lost: self.lost.frames,
            pages_lost: self.lost.pages,
        })
    }
}
