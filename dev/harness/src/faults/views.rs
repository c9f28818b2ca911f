//! Kills in the middle of the views: the server is stopped where it stands (SIGSTOP) until a transaction of the views is
//! under way, and killed there. After each kill the views must equal a recount of the journal by a model of its own
//! (`recount.py`), and so must the statistics of the API at the end, and both after a rebuild from nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::clock;
use crate::error::HarnessError;
use crate::faults::load::{Kind, Load};
use crate::oracle::{EndpointNumber, Verified};
use crate::process::{self, Program, Server};
use crate::receiver::Behaviour;
use crate::rig::{EndpointPlan, READY_LIMIT, Rig, RigPlan};

mod locks;

const RECOUNT: &str = include_str!("views/recount.py");
/// Soon enough for a test; three attempts, so that one endpoint's deliveries fail for good.
const RETRY_SCHEDULE: &str = "30ms,60ms";
/// One kill in so many is followed by a rebuild from nothing, and by a kill in the middle of that.
const REBUILD_ONE_IN: u64 = 8;
/// How long to look for a transaction of the views.
const HUNT_LIMIT: Duration = Duration::from_secs(20);
/// How far apart the looks are, at most: a transaction takes from one to a hundred milliseconds.
const LOOK_US_MAX: u64 = 4_000;
/// A server that accepts nothing for so long will not.
const STALL_LIMIT: Duration = Duration::from_secs(15);
/// Everything that was accepted is decided after this time.
const REST_LIMIT: Duration = Duration::from_secs(60);
/// What is slow is still undecided when its endpoint is deleted.
const SLOW: Duration = Duration::from_millis(50);
/// The endpoint that is deleted on the way.
const DELETED: usize = 2;
/// So many examples of what differs are told.
const EXAMPLES_MAX: usize = 10;

/// How to run it.
#[derive(Debug, Clone)]
pub struct ViewsOptions {
    /// Semnal.
    pub program: Program,
    /// Where the data directory is made: on a disk.
    pub directory: PathBuf,
    /// How many messages must be accepted.
    pub messages: u64,
    /// Connections of the load.
    pub connections: usize,
    /// How many kills must land in a transaction of the views.
    pub kills: u64,
    /// Decides every choice of the run.
    pub seed: u64,
    /// Whether the data directory stays afterwards.
    pub keep: bool,
}

/// What a run found.
#[derive(Debug, Default, Serialize)]
pub struct ViewsReport {
    /// Messages that were accepted.
    pub messages: u64,
    /// The seed to run it again.
    pub seed: u64,
    /// Kills while a transaction of the views was under way.
    pub kills_in_transaction: u64,
    /// Of those, how many were in a rebuild.
    pub kills_in_rebuild: u64,
    /// Kills for which no transaction was found in time.
    pub kills_elsewhere: u64,
    /// Recounts that were made.
    pub recounts: u64,
    /// Rows of messages, deliveries and attempts that the last recount compared.
    pub rows_compared: u64,
    /// How often something differed.
    pub differences: u64,
    /// What differed, in words.
    pub examples: Vec<String>,
    /// Views that were broken on purpose and taken for good by the recount.
    pub unnoticed: Vec<String>,
}

impl ViewsReport {
    /// Tells whether the run ended as it must.
    pub fn is_as_expected(&self, wanted_kills: u64) -> bool {
        self.differences == 0 && self.unnoticed.is_empty() && self.kills_in_transaction >= wanted_kills
    }

    /// Returns the report for people.
    pub fn text(&self, wanted_kills: u64) -> String {
        let mut lines = vec![
            format!("views seed {}: {} messages accepted", self.seed, self.messages),
            format!(
                "  kills in a transaction of the views: {} of {wanted_kills} wanted ({} in a rebuild), {} elsewhere",
                self.kills_in_transaction, self.kills_in_rebuild, self.kills_elsewhere
            ),
            format!("  recounts: {}, the last of {} rows", self.recounts, self.rows_compared),
            format!("  differences: {}", self.differences),
        ];
        lines.extend(self.examples.iter().map(|example| format!("    {example}")));
        lines.extend(self.unnoticed.iter().map(|name| format!("  THE RECOUNT DID NOT NOTICE {name}")));
        let verdict = if self.is_as_expected(wanted_kills) { "as promised" } else { "PROMISES BROKEN" };
        lines.push(format!("  {verdict}"));
        lines.join("\n")
    }

    fn differ(&mut self, count: u64, examples: impl IntoIterator<Item = String>) {
        self.differences += count;
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(examples.into_iter().take(room));
    }
}

/// What `recount.py` prints.
#[derive(Debug, Deserialize)]
struct Recount {
    differences: u64,
    examples: Vec<String>,
    rows: Rows,
    /// Delivered, pending, failed, cancelled; by endpoint, the oldest first.
    states: Vec<[u64; 4]>,
    unnoticed: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Rows {
    message: u64,
    delivery: u64,
    attempt: u64,
}

/// What the API says of an endpoint.
#[derive(Debug, Deserialize)]
struct Stats {
    success: u64,
    pending: u64,
    fail: u64,
    canceled: u64,
}

struct Run<'a> {
    options: &'a ViewsOptions,
    rig: Rig,
    load: Load,
    random: Rng,
    report: ViewsReport,
}

/// Runs load and kills the server in its views.
///
/// # Errors
/// [`HarnessError`] when the run cannot be made; what the server does wrong is in the report.
pub fn run_views(options: &ViewsOptions) -> Result<ViewsReport, HarnessError> {
    let rig = Rig::set_up(&RigPlan {
        program: &options.program,
        directory: &options.directory,
        environment: &[("SEMNAL_RETRY_SCHEDULE", RETRY_SCHEDULE)],
        endpoints: &endpoints(),
        recording: false,
        keep: options.keep,
    })?;
    let load = Load::start(&rig.key, kinds(&rig), options.connections, rig.clock)?;
    *load.shared.address.lock() = Some(rig.server()?.address());
    let report = ViewsReport { seed: options.seed, ..ViewsReport::default() };
    let mut run = Run { options, rig, load, random: Rng::with_seed(options.seed), report };
    let asker = Asker::start(&run)?;
    let killed = run.kills();
    asker.stop();
    killed?;
    run.finish()
}

/// One that takes everything, one that fails at first, one that is slow and then deleted, one that always fails.
fn endpoints() -> Vec<EndpointPlan> {
    let plan = |behaviour, application, names: &[&str]| EndpointPlan {
        behaviour,
        application,
        event_types: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        plan(Behaviour::Answer(200), 0, &["views.a", "views.all"]),
        plan(Behaviour::FirstFails(500), 0, &["views.b", "views.all"]),
        plan(Behaviour::Slow(SLOW), 0, &["views.c", "views.all"]),
        plan(Behaviour::Answer(404), 0, &["views.d", "views.all"]),
        plan(Behaviour::Answer(204), 1, &["views.a"]),
    ]
}

fn kinds(rig: &Rig) -> Vec<Kind> {
    let kind = |application, name: &str, targets: &[u32]| Kind {
        route: rig.route(application, name),
        targets: targets.iter().map(|number| EndpointNumber(*number)).collect(),
    };
    vec![
        kind(0, "views.a", &[0]),
        kind(0, "views.b", &[1]),
        kind(0, "views.c", &[2]),
        kind(0, "views.d", &[3]),
        kind(0, "views.all", &[0, 1, 2, 3]),
        kind(1, "views.a", &[4]),
    ]
}

impl Run<'_> {
    fn kills(&mut self) -> Result<(), HarnessError> {
        let share = self.options.messages / self.options.kills.max(1);
        let mut cycles = 0;
        while self.report.kills_in_transaction < self.options.kills && cycles < 2 * self.options.kills {
            cycles += 1;
            let more = self.random.u64(share / 2..=share + share / 2);
            if !self.load.wait_accepted(self.load.accepted() + more, STALL_LIMIT) {
                return Err(HarnessError::Vacuous("the server accepts nothing any more".to_owned()));
            }
            if cycles == self.options.kills / 2 {
                let (application, endpoint) = (&self.rig.applications[0], &self.rig.endpoints[DELETED]);
                self.rig.api()?.delete_endpoint(application, endpoint)?;
            }
            self.kill_in_transaction()?;
            if cycles % REBUILD_ONE_IN == 2 {
                self.delete_views()?;
                self.start()?;
                self.kill_in_transaction()?;
            }
            self.start()?;
            self.check(false)?;
            self.start()?;
        }
        Ok(())
    }

    /// Stops the server where it stands until that is in a transaction of the views, and kills it.
    fn kill_in_transaction(&mut self) -> Result<(), HarnessError> {
        let server = self.rig.server.take().ok_or_else(no_server)?;
        let views = self.rig.settings.data_dir.join("views");
        let began = Instant::now();
        let mut is_writing = false;
        while !is_writing && began.elapsed() < HUNT_LIMIT {
            clock::wait(Duration::from_micros(self.random.u64(0..LOOK_US_MAX)));
            server.stop()?;
            is_writing = locks::is_writing(&views, server.id())?;
            if !is_writing {
                server.go_on()?;
            }
        }
        let rebuilding = views.join("building").exists();
        *self.load.shared.address.lock() = None;
        server.kill()?;
        self.load.shared.history.lock().kill(self.rig.clock.micros());
        self.report.kills_in_transaction += u64::from(is_writing);
        self.report.kills_in_rebuild += u64::from(is_writing && rebuilding);
        self.report.kills_elsewhere += u64::from(!is_writing);
        Ok(())
    }

    fn start(&mut self) -> Result<(), HarnessError> {
        self.start_unannounced()?;
        *self.load.shared.address.lock() = Some(self.rig.server()?.address());
        Ok(())
    }

    /// Starts a server that the load does not hear of.
    fn start_unannounced(&mut self) -> Result<(), HarnessError> {
        let (server, _) = Server::start_ready(&self.rig.program, &self.rig.settings, READY_LIMIT)?;
        self.rig.server = Some(server);
        Ok(())
    }

    fn delete_views(&self) -> Result<(), HarnessError> {
        let views = self.rig.settings.data_dir.join("views");
        fs::remove_dir_all(&views).map_err(HarnessError::io("deleting the views"))
    }

    /// Lets the views reach the journal, ends the server, and compares; returns what the recount found.
    fn check(&mut self, controls: bool) -> Result<Recount, HarnessError> {
        // The proof of the ledger brings the views up to the journal's end first.
        if let Verified::Unbalanced(why) = process::verify(&self.rig.program, &self.rig.settings)? {
            self.report.differ(1, [format!("`semnal verify`: {why}")]);
        }
        *self.load.shared.address.lock() = None;
        let server = self.rig.server.take().ok_or_else(no_server)?;
        if !server.terminate()? {
            self.report.differ(1, ["the server did not end with 0".to_owned()]);
        }
        let recount = self.recount(controls)?;
        self.report.recounts += 1;
        self.report.rows_compared = recount.rows.message + recount.rows.delivery + recount.rows.attempt;
        self.report.differ(recount.differences, recount.examples.iter().cloned());
        Ok(recount)
    }

    fn recount(&self, controls: bool) -> Result<Recount, HarnessError> {
        let mut command = Command::new("python3");
        command.arg("-c").arg(RECOUNT).arg(&self.rig.settings.data_dir);
        command.args(controls.then_some("--controls"));
        let output = command.output().map_err(HarnessError::io("running python3"))?;
        serde_json::from_slice(&output.stdout).map_err(|_| HarnessError::Command {
            command: "python3 recount.py".to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn finish(mut self) -> Result<ViewsReport, HarnessError> {
        self.load.wait_accepted(self.options.messages, STALL_LIMIT);
        self.report.messages = self.load.accepted();
        self.check_with_statistics(true)?;
        self.delete_views()?;
        self.check_with_statistics(false)?;
        let finished = self.load.finish()?;
        if let Some(refusal) = finished.refusal {
            self.report.differ(finished.refused, [format!("refused: {refusal}")]);
        }
        Ok(self.report)
    }

    fn check_with_statistics(&mut self, controls: bool) -> Result<(), HarnessError> {
        *self.load.shared.address.lock() = None;
        // The load's connections would go on sending: they end with their server.
        if let Some(server) = self.rig.server.take() {
            server.kill()?;
        }
        self.start_unannounced()?;
        let stats = self.stats_at_rest()?;
        let recount = self.check(controls)?;
        if controls {
            self.report.unnoticed.clone_from(&recount.unnoticed);
        }
        let expected: Vec<[u64; 4]> = recount.states;
        for (number, (found, expected)) in stats.iter().zip(kept(&expected)).enumerate() {
            if found != expected {
                let text =
                    format!("statistics of endpoint {number} are {found:?}, a recount finds {expected:?}");
                self.report.differ(1, [text]);
            }
        }
        if stats.len() + 1 != expected.len() {
            self.report.differ(1, ["the recount has other endpoints than the API".to_owned()]);
        }
        Ok(())
    }

    /// Returns the statistics once they stand still: the load is held, and what was accepted is decided. They are
    /// refused as long as the views are built.
    fn stats_at_rest(&self) -> Result<Vec<[u64; 4]>, HarnessError> {
        let is_at_rest = || self.stats().is_ok_and(|all| all.iter().all(|it| it[1] == 0));
        let at_rest = clock::wait_until(REST_LIMIT, is_at_rest);
        if !at_rest {
            return Err(HarnessError::Vacuous("the deliveries do not come to rest".to_owned()));
        }
        self.stats()
    }

    /// Returns what the API says of each endpoint but the deleted one.
    fn stats(&self) -> Result<Vec<[u64; 4]>, HarnessError> {
        let mut api = self.rig.api()?;
        let all = endpoints();
        let of_each =
            all.iter().zip(&self.rig.endpoints).enumerate().filter(|(number, _)| *number != DELETED);
        of_each
            .map(|(_, (plan, endpoint))| {
                let application = &self.rig.applications[plan.application];
                let path = format!("/api/v1/app/{application}/endpoint/{endpoint}/stats");
                let it: Stats = api.get(&path)?;
                Ok([it.success, it.pending, it.fail, it.canceled])
            })
            .collect()
    }
}

fn kept(all: &[[u64; 4]]) -> impl Iterator<Item = &[u64; 4]> {
    all.iter().enumerate().filter(|(number, _)| *number != DELETED).map(|(_, it)| it)
}

fn no_server() -> HarnessError {
    HarnessError::Vacuous("no server runs".to_owned())
}

/// Asks for lists without a pause, so that the views are brought up in many small transactions.
struct Asker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Asker {
    fn start(run: &Run<'_>) -> Result<Asker, HarnessError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared, key) = (stop.clone(), run.load.shared.clone(), run.rig.key.clone());
        let path = format!("/api/v1/app/{}/msg?limit=1", run.rig.applications[0]);
        let thread = std::thread::Builder::new()
            .name("asker".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let address = *shared.address.lock();
                    let asked = address.and_then(|it| Api::new(it, &key).ok()).map(|mut api| {
                        while !stopped.load(Ordering::Relaxed)
                            && api.get::<serde_json::Value>(&path).is_ok()
                            && *shared.address.lock() == address
                        {}
                    });
                    if asked.is_none() {
                        clock::wait(Duration::from_millis(5));
                    }
                }
            })
            .map_err(HarnessError::io("starting the asker's thread"))?;
        Ok(Asker { stop, thread })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            // Its panic has been printed; the kills were counted all the same.
        }
    }
}
