//! `faults`: a thin front of [`semnal_harness::faults`]. Exit 0: as promised, or the sabotage was caught; 1: a promise
//! was broken, or the sabotage went unnoticed; 3: the run could not be made.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use semnal_harness::error::HarnessError;
use semnal_harness::faults::{KillOptions, Options, Report, Sabotage, run_delete, run_kill};
use semnal_harness::process::Program;

const EXAMPLES: &str = "Examples:
  dev/faults kill                                      three kills, 2,000 messages
  dev/faults kill --kills 200 --messages 100000        the deep run
  dev/faults kill --power-cut                          each kill loses what was not synced: nothing may be lost
  dev/faults kill --sabotage no-recovery               the oracle must catch it
  dev/faults kill --sabotage power-cut                 journal without sync, and power cuts: must be caught
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
        })
    }
}

/// The null forwarder is a hidden command of `bench`, which is built beside this binary.
fn null_forwarder() -> Program {
    Program::NullForwarder(std::env::current_exe().unwrap_or_default().with_file_name("bench"))
}

fn run(scenario: Scenario) -> Result<Report, HarnessError> {
    match scenario {
        Scenario::Kill { kills, power_cut, common } => {
            let power_cut = power_cut || common.sabotage == Some(Sabotage::PowerCut);
            run_kill(&KillOptions { common: common.options()?, kills, power_cut })
        }
        Scenario::Delete { common } => run_delete(&common.options()?),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.scenario) {
        Ok(report) => {
            let text =
                if cli.json { serde_json::to_string(&report).unwrap_or_default() } else { report.text() };
            let written = writeln!(std::io::stdout(), "{text}");
            ExitCode::from(u8::from(!report.is_as_expected() || written.is_err()))
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{}", error.chain()));
            ExitCode::from(3)
        }
    }
}
