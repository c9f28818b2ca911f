//! `faults`: a thin front of [`semnal_harness::faults`]. Exit 0: as promised, or the sabotage was caught; 1: a promise
//! was broken, or the sabotage went unnoticed; 3: the run could not be made.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use semnal_harness::error::HarnessError;
use semnal_harness::faults::views::{ViewsOptions, run_views};
use semnal_harness::faults::{KillOptions, Options, Report, Sabotage, run_delete, run_kill};
use semnal_harness::process::Program;

const EXAMPLES: &str = "Examples:
  dev/faults kill                                      three kills, 2,000 messages
  dev/faults kill --kills 200 --messages 100000        the deep run
  dev/faults kill --power-cut                          each kill loses what was not synced: nothing may be lost
  dev/faults kill --sabotage no-recovery               the oracle must catch it
  dev/faults kill --sabotage power-cut                 journal without sync, and power cuts: must be caught
  dev/faults views                                     kills in the middle of the views, and a recount after each
  dev/faults views --kills 50 --messages 50000         the deep run
  dev/faults delete
  dev/faults delete --sabotage keep-deleted            must be caught";

/// Breaks Semnal on purpose and judges what it promised.
#[derive(Parser)]
#[command(name = "faults", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Print the report as one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Scenario {
    /// Kill the server (SIGKILL) under load, again and again.
    Kill {
        /// How often.
        #[arg(long, default_value_t = 3)]
        kills: u64,
        /// Let each kill lose what the kernel had not written to the disk.
        #[arg(long)]
        power_cut: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Delete an endpoint under load.
    Delete {
        #[command(flatten)]
        common: Common,
    },
    /// Kill the server while it writes the views, and recount them after each kill.
    Views(Views),
}

#[derive(Args)]
struct Views {
    /// How many kills must land in a transaction of the views.
    #[arg(long, default_value_t = 5)]
    kills: u64,
    /// How many messages must be accepted.
    #[arg(long, default_value_t = 5_000)]
    messages: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Decides when the kills come.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the data directory and the server's log.
    #[arg(long)]
    keep: bool,
    /// Where the data directory is made: on a disk, not in memory.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
}

#[derive(Args)]
struct Common {
    /// How many messages must be accepted.
    #[arg(long, default_value_t = 2_000)]
    messages: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Decides when the kills come.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Break something that the oracle must notice.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Milliseconds without an arrival after which what is missing is lost [default: 15000, sabotaged 5000].
    #[arg(long)]
    quiet_ms: Option<u64>,
    /// Keep the data directory and the server's log.
    #[arg(long)]
    keep: bool,
    /// Where the data directory is made: on a disk, not in memory.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
}

impl Common {
    fn options(self) -> Result<Options, HarnessError> {
        let program = match self.sabotage {
            Some(Sabotage::NoStore) => null_forwarder(),
            _ => Program::find_semnal()?,
        };
        Ok(Options {
            program,
            directory: self.directory,
            messages: self.messages,
            connections: self.connections,
            seed: self.seed,
            quiet_ms: self.quiet_ms.unwrap_or(if self.sabotage.is_some() { 5_000 } else { 15_000 }),
            sabotage: self.sabotage,
            keep: self.keep,
        })
    }
}

/// The null forwarder is a hidden command of `bench`, which is built beside this binary.
fn null_forwarder() -> Program {
    Program::NullForwarder(std::env::current_exe().unwrap_or_default().with_file_name("bench"))
}

/// What is printed, and whether the run ended as it must.
struct Told {
    text: String,
    is_as_expected: bool,
}

fn run(scenario: Scenario, json: bool) -> Result<Told, HarnessError> {
    let told = |report: &Report| Told {
        text: if json { as_json(report) } else { report.text() },
        is_as_expected: report.is_as_expected(),
    };
    match scenario {
        Scenario::Kill { kills, power_cut, common } => {
            let power_cut = power_cut || common.sabotage == Some(Sabotage::PowerCut);
            run_kill(&KillOptions { common: common.options()?, kills, power_cut }).map(|it| told(&it))
        }
        Scenario::Delete { common } => run_delete(&common.options()?).map(|it| told(&it)),
        Scenario::Views(Views { kills, messages, connections, seed, keep, directory }) => {
            let program = Program::find_semnal()?;
            let options = ViewsOptions { program, directory, messages, connections, kills, seed, keep };
            let report = run_views(&options)?;
            Ok(Told {
                text: if json { as_json(&report) } else { report.text(kills) },
                is_as_expected: report.is_as_expected(kills),
            })
        }
    }
}

fn as_json(report: &impl serde::Serialize) -> String {
    serde_json::to_string(report).unwrap_or_default()
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.scenario, cli.json) {
        Ok(Told { text, is_as_expected }) => {
            let written = writeln!(std::io::stdout(), "{text}");
            ExitCode::from(u8::from(!is_as_expected || written.is_err()))
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{}", error.chain()));
            ExitCode::from(3)
        }
    }
}
