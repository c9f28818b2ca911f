//! `bench`: a thin front of [`semnal_harness::bench`]. Its hidden command `null-forwarder` is the yardstick's process.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use semnal_harness::bench::{self, Options, Scenario, table};
use semnal_harness::error::HarnessError;
use semnal_harness::null_forwarder;
use semnal_harness::process::Program;

const EXAMPLES: &str = "Examples:
  dev/bench                                  the short table, about two minutes
  dev/bench --only one --seconds 10 --runs 3
  dev/bench --deep                           adds the start with 1,000,000 pending
  dev/bench --only visible --seconds 20      how soon lists show what was delivered, at 5,000 messages/s
  dev/bench --only history                   lists and sending with 2,000,000 deliveries stored
  dev/bench --null-only --only one           the yardstick alone
  dev/bench --json > table.json";

/// Measures Semnal beside a null forwarder and prints one table. Loopback only.
#[derive(Parser)]
#[command(name = "bench", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Args)]
struct Measure {
    /// Only these scenarios.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Seconds of each measured window.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Seconds of sending before each window.
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// How often each throughput is measured; the table shows medians.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Connections of the generator.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 1_024)]
    payload: usize,
    /// Messages a second of paced runs.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Also measure the start with many deliveries pending.
    #[arg(long)]
    deep: bool,
    /// How many are pending then.
    #[arg(long, default_value_t = 1_000_000)]
    pending: u64,
    /// Messages a second while lists are looked at.
    #[arg(long, default_value_t = 5_000)]
    visible_rate: u32,
    /// How many deliveries are stored when lists are measured.
    #[arg(long, default_value_t = 2_000_000)]
    history: u64,
    /// How often each list is asked for then.
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Measure the null forwarder alone.
    #[arg(long)]
    null_only: bool,
    /// Where data directories are made: on a disk.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
    /// Print everything as one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The yardstick, with as much of Semnal's command line as the harness uses.
    #[command(hide = true)]
    NullForwarder {
        #[command(subcommand)]
        command: NullCommand,
    },
}

#[derive(Subcommand)]
enum NullCommand {
    Serve {
        #[arg(long)]
        listen: String,
        #[arg(long)]
        data_dir: PathBuf,
        #[arg(long, default_value_t = 1)]
        threads: usize,
        #[arg(long)]
        dev: bool,
    },
    /// Prints a key; any key will do.
    Keys {
        action: String,
        #[arg(long)]
        name: String,
        #[arg(long)]
        data_dir: PathBuf,
    },
}

impl Measure {
    fn options(&self) -> Result<Options, HarnessError> {
        let mut scenarios = if self.only.is_empty() { Scenario::SHORT.to_vec() } else { self.only.clone() };
        if self.deep && !scenarios.contains(&Scenario::Pending) {
            scenarios.push(Scenario::Pending);
        }
        let this = std::env::current_exe().map_err(HarnessError::io("finding this executable"))?;
        Ok(Options {
            semnal: if self.null_only { None } else { Some(Program::find_semnal()?) },
            null: Program::NullForwarder(this),
            scenarios,
            directory: self.directory.clone(),
            window: Duration::from_secs(self.seconds.max(1)),
            warm_up: Duration::from_secs(self.warm_up.max(1)),
            runs: self.runs,
            connections: self.connections.max(1),
            payload_bytes: self.payload,
            rate: self.rate.max(1),
            pending: self.pending,
            visible_rate: self.visible_rate.max(1),
            history: self.history,
            times: self.times,
        })
    }

    fn run(&self) -> Result<(), HarnessError> {
        let report = bench::run(&self.options()?, &mut std::io::stderr())?;
        let text = if self.json {
            serde_json::to_string(&report).unwrap_or_default()
        } else {
            table::render(&report)
        };
        writeln!(std::io::stdout(), "{text}").map_err(HarnessError::io("printing the table"))
    }
}

fn run_null(command: NullCommand) -> Result<(), HarnessError> {
    match command {
        NullCommand::Serve { listen, data_dir, threads, dev: _ } => {
            null_forwarder::serve(&null_forwarder::Options { listen, data_dir, threads })
        }
        NullCommand::Keys { .. } => {
            writeln!(std::io::stdout(), "null").map_err(HarnessError::io("printing the key"))
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::NullForwarder { command }) => run_null(command),
        None => cli.measure.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{}", error.chain()));
            ExitCode::from(3)
        }
    }
}
