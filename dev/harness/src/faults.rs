//! The fault runs: load with kills, with power cuts, with a deletion, each judged by the oracle, and the negative
//! controls that show that the oracle would have noticed.
//!
//! Called by the `faults` binary and by the integration tests with small numbers.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::HarnessError;
use crate::oracle::{Judgement, Violation};
use crate::process::Program;

mod delete;
mod kill;
mod load;
pub mod power_cut;
mod settle;
pub mod views;

/// How many attempts an endpoint may have under way at once: `CONCURRENCY_MAX` of the engine's lanes.
const CONCURRENCY_MAX: u64 = 64;
/// How many attempts may be under way over all endpoints: `IN_FLIGHT_MAX` of the engine.
const IN_FLIGHT_MAX: u64 = 2_048;
/// How many outcomes one commit may hold: `BATCH_COMMANDS_MAX` of the store's writer.
const COMMIT_BATCH_MAX: u64 = 4_096;

/// Of more kills than this the report does not list each one's duplicates; `--json` does.
const LISTED_KILLS_MAX: u64 = 20;

/// Returns how many duplicates a kill may cause (invariant 4): the attempts under way and the outcomes of one commit.
///
/// The numbers are the limits of the code, far above what a short run has under way; what a duplicate of such a run
/// is held to is its time, [`crate::oracle::COMMIT_WINDOW_US`].
fn duplicates_bound(endpoints: usize) -> u64 {
    (endpoints as u64 * CONCURRENCY_MAX).min(IN_FLIGHT_MAX) + COMMIT_BATCH_MAX
}

/// What is broken on purpose, so that the oracle must object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Sabotage {
    /// The server skips recovery at its start (`SEMNAL_SABOTAGE=no-recovery`).
    NoRecovery,
    /// The journal is not synced (`SEMNAL_SABOTAGE=no-sync`) and each kill is a power cut.
    PowerCut,
    /// The null forwarder in the place of Semnal: it keeps nothing.
    NoStore,
    /// The harness says that it deleted the endpoint, and does not.
    KeepDeleted,
}

/// What both kinds of run need.
#[derive(Debug, Clone)]
pub struct Options {
    /// Semnal, or what stands in for it.
    pub program: Program,
    /// Where the data directory is made: on a disk.
    pub directory: PathBuf,
    /// How many messages must be accepted.
    pub messages: u64,
    /// Connections of the load.
    pub connections: usize,
    /// Decides every choice of the run; what the machine does in between remains its own.
    pub seed: u64,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// How long nothing may arrive before the run stops waiting for what is still missing.
    pub quiet_ms: u64,
    /// Whether the data directory and the server's log stay afterwards.
    pub keep: bool,
}

/// Kills.
#[derive(Debug, Clone)]
pub struct KillOptions {
    /// The rest.
    pub common: Options,
    /// How often the server is killed.
    pub kills: u64,
    /// Whether each kill also loses what the kernel had not written to the disk.
    pub power_cut: bool,
}

/// What a run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `kill` or `delete`.
    pub scenario: &'static str,
    /// How many messages were to be accepted.
    pub messages: u64,
    /// The seed to run it again.
    pub seed: u64,
    /// What was broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// The oracle's judgement.
    pub judgement: Judgement,
    /// Kills, those during a start included.
    pub kills: u64,
    /// How many duplicates one kill may cause (invariant 4).
    pub duplicates_bound_per_kill: u64,
    /// Answers that a server in order does not give: such a run proves nothing.
    pub refused: u64,
    /// The last of them.
    pub refusal: Option<String>,
    /// Where the data directory is, if it was to stay; the server's log lies beside it.
    pub kept: Option<PathBuf>,
    /// Frames of write-ahead logs that the power cuts took.
    pub frames_lost: u64,
    /// Database pages that the power cuts took.
    pub pages_lost: u64,
}

impl Report {
    /// Tells whether a kill explains every duplicate, and they never exceeded what the kills until then allow.
    pub fn duplicates_within_bound(&self) -> bool {
        if self.judgement.unexplained > 0 {
            return false;
        }
        let mut so_far = 0;
        (0..).zip(&self.judgement.duplicates_by_kill).all(|(kills, duplicates): (u64, _)| {
            so_far += duplicates;
            so_far <= kills * self.duplicates_bound_per_kill
        })
    }

    /// Tells whether the run ended as it must: without a fault, or, sabotaged, with the fault noticed.
    pub fn is_as_expected(&self) -> bool {
        match self.sabotage {
            None => {
                self.judgement.is_clean()
                    && self.duplicates_within_bound()
                    && self.refused == 0
                    && self.judgement.accepted >= self.messages
            }
            Some(Sabotage::NoRecovery | Sabotage::NoStore) => self.judgement.count(Violation::Lost) > 0,
            // Cut short, the journal may also be unreadable: then the server does not start again.
            Some(Sabotage::PowerCut) => {
                self.judgement.count(Violation::Lost) + self.judgement.count(Violation::VerifyFails) > 0
            }
            Some(Sabotage::KeepDeleted) => self.judgement.count(Violation::AfterStop) > 0,
        }
    }

    /// Returns the report for people.
    pub fn text(&self) -> String {
        let it = &self.judgement;
        let mut lines = vec![
            format!(
                "{} seed {}: {} of {} accepted, {} pairs, {} kills",
                self.scenario, self.seed, it.accepted, self.messages, it.pairs, self.kills
            ),
            format!(
                "  arrivals {}, duplicates {} ({} unexplained by a kill; at most {} after one kill, bound {}): {}",
                it.arrivals,
                it.duplicates,
                it.unexplained,
                it.duplicates_by_kill.iter().max().copied().unwrap_or(0),
                self.duplicates_bound_per_kill,
                if self.duplicates_within_bound() { "within the bound" } else { "BEYOND THE BOUND" },
            ),
        ];
        if it.duplicates > 0 && self.kills <= LISTED_KILLS_MAX {
            lines.push(format!("  duplicates by kill: {:?}", it.duplicates_by_kill));
        }
        if self.frames_lost + self.pages_lost > 0 {
            let (frames, pages) = (self.frames_lost, self.pages_lost);
            lines.push(format!("  power cuts took {frames} frames of the logs and {pages} database pages"));
        }
        lines.extend(Violation::ALL.iter().map(|v| format!("  {:<34}{}", v.name(), it.count(*v))));
        lines.extend(it.examples.iter().take(5).map(|example| format!("    {example}")));
        if let Some(refusal) = &self.refusal {
            lines.push(format!("  {} answers out of order, the last: {refusal}", self.refused));
        }
        lines.extend(self.kept.iter().map(|path| format!("  kept {}", path.display())));
        lines.push(match (self.sabotage, self.is_as_expected()) {
            (None, true) => "  as promised".to_owned(),
            (None, false) => "  PROMISES BROKEN".to_owned(),
            (Some(sabotage), true) => format!("  the sabotage ({sabotage:?}) was caught, as it must be"),
            (Some(sabotage), false) => format!(
                "  THE SABOTAGE ({sabotage:?}) WENT UNNOTICED; a server built without the feature fault-injection \
                 ignores it"
            ),
        });
        lines.join("\n")
    }
}

/// Runs load and kills the server under it.
///
/// # Errors
/// [`HarnessError`] when the run cannot be made; what the server does wrong is in the report.
pub fn run_kill(options: &KillOptions) -> Result<Report, HarnessError> {
    kill::run(options)
}

/// Runs load, deletes an endpoint under it and kills the server once afterwards.
///
/// # Errors
/// As [`run_kill`]; [`HarnessError::Vacuous`] when nothing was waiting at the endpoint.
pub fn run_delete(options: &Options) -> Result<Report, HarnessError> {
    delete::run(options)
}
