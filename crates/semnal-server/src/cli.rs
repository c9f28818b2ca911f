//! The command line: arguments, dispatch, exit codes 0 success, 1 the answer is no, 2 usage, 3 server or store failed.

mod check_url;
mod demo;
mod doctor;
mod import;
mod keys;
mod reference;
mod secret_text;
mod send;
mod show;
mod users;
pub(crate) mod verify;
pub(crate) mod views;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::api::openapi;
use crate::configuration::{Values, environment};
use crate::serve::{EndSignals, Server};

/// A webhook server: takes events over HTTP, keeps them safe, delivers each as a signed request, retries until it is
/// through.
#[derive(Parser)]
#[command(name = "semnal", version, args_conflicts_with_subcommands = false, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: ServeArguments,
}

const EXAMPLES: &str = "Examples:
  semnal serve --dev                      start the server, deliveries to loopback allowed
  semnal demo                             the whole story in a terminal, on a temporary directory
  semnal keys create --name shop          make an API key
  semnal trigger payment_received         send the catalogue's example event";

#[derive(clap::Args, Clone)]
struct Common {
    /// Where everything is kept
    #[arg(long, global = true, env = "SEMNAL_DATA_DIR", default_value = "./semnal-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// A configuration file, instead of semnal.toml in the data directory
    #[arg(long, global = true, env = "SEMNAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Args, Clone, Default)]
struct ServeArguments {
    /// Address and port of the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address and port of the request bins, or none [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    bin_listen: Option<String>,
    /// Open loopback to deliveries, for development
    #[arg(long)]
    dev: bool,
    /// Open a private network to deliveries (repeatable)
    #[arg(long, value_name = "CIDR")]
    allow_network: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (what `semnal` alone does too)
    #[command(after_help = "Example:\n  semnal serve --listen 127.0.0.1:8080 --data-dir ./semnal-data --dev")]
    Serve(ServeArguments),
    /// Show the whole path of an event in a terminal, on a temporary data directory and free ports
    #[command(
        after_help = "Exit code 0 only if the request bin caught a request whose signature verifies.\n\nExample:\n  semnal demo --json"
    )]
    Demo,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// List the users of the console, or let one set a new password
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Send an event
    #[command(after_help = "Example:\n  semnal send invoice.paid --data '{\"id\":1}' --id order-1-paid")]
    Send(send::SendArguments),
    /// Send an event with the catalogue's example payload
    #[command(after_help = "Example:\n  semnal trigger payment_received")]
    Trigger(send::TriggerArguments),
    /// Prove that every accepted event is delivered, waiting, held, failed or cancelled
    #[command(
        after_help = "Exit code 0 when the ledger balances, 1 when not.\n\nExample:\n  semnal verify --json"
    )]
    Verify,
    /// Look at the lists and statistics, or build them anew
    #[command(subcommand)]
    Views(views::ViewsCommand),
    /// Take over the webhooks of another system
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Tell whether deliveries may go to a URL, and why not
    CheckUrl(check_url::CheckUrlArguments),
    /// Print the effective settings with the origin of each
    #[command(after_help = "Example:\n  SEMNAL_ATTEMPT_TIMEOUT=5s semnal config")]
    Config {
        /// Print what every setting means instead, as the page docs/configuration.md
        #[arg(long)]
        reference: bool,
    },
    /// Check the machine and the data directory
    #[command(
        after_help = "Exit code 0 when nothing is in the way, 1 when something is.\n\nExample:\n  semnal doctor --data-dir /var/lib/semnal"
    )]
    Doctor,
    /// Print the description of the API (OpenAPI 3.1)
    #[command(after_help = "Example:\n  semnal openapi > openapi.json")]
    Openapi,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  semnal completions bash > /etc/bash_completion.d/semnal")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a command ends.
pub(crate) enum End {
    Success,
    No,
    Usage(String),
    Failed(String),
}

/// What every command has at hand.
pub(crate) struct Context {
    pub(crate) data_dir: PathBuf,
    config: Option<PathBuf>,
    pub(crate) json: bool,
}

impl Context {
    pub(crate) fn values(&self, flags: &BTreeMap<&'static str, String>) -> Result<Values, End> {
        let gathered = Values::gather(flags, environment, self.config.as_deref(), &self.data_dir);
        gathered.map_err(|e| End::Usage(e.to_string()))
    }
}

/// Runs the command of this process's arguments.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let Common { data_dir, config, json } = arguments.common;
    let context = Context { data_dir, config, json };
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    match dispatch(&context, command) {
        End::Success => ExitCode::SUCCESS,
        End::No => ExitCode::from(1),
        End::Usage(why) => complain(&why, 2),
        End::Failed(why) => complain(&why, 3),
    }
}

fn complain(why: &str, code: u8) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    if writeln!(stderr, "semnal: {why}").is_err() {
        return ExitCode::from(3);
    }
    ExitCode::from(code)
}

fn dispatch(context: &Context, command: Command) -> End {
    match command {
        Command::Serve(arguments) => serve(context, &arguments),
        Command::Demo => in_runtime(2, demo::demo(context)),
        Command::Keys(command) => in_runtime(1, keys::keys(context, command)),
        Command::Users(command) => in_runtime(1, users::users(context, command)),
        Command::Send(arguments) => in_runtime(1, send::send(context, arguments)),
        Command::Trigger(arguments) => in_runtime(1, send::trigger(context, arguments)),
        Command::Verify => in_runtime(2, verify::verify(context)),
        Command::Views(command) => in_runtime(2, views::views(context, command)),
        Command::Import(command) => in_runtime(2, import::import(context, command)),
        Command::CheckUrl(arguments) => in_runtime(1, check_url::check_url(context, arguments)),
        Command::Config { reference: true } => print(&reference::page(&Arguments::command())),
        Command::Config { reference: false } => show::config(context),
        Command::Doctor => in_runtime(1, doctor::doctor(context)),
        Command::Openapi => print(&openapi::json()),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "semnal", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> End {
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n')) {
        Ok(()) => End::Success,
        Err(error) => End::Failed(format!("cannot write to standard output: {error}")),
    }
}

/// Writes JSON to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> End {
    print(&format!("{value:#}"))
}

fn in_runtime(threads: usize, task: impl Future<Output = End>) -> End {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    match builder.enable_all().build() {
        Ok(runtime) => runtime.block_on(task),
        Err(error) => End::Failed(format!("cannot start threads: {error}")),
    }
}

fn serve(context: &Context, arguments: &ServeArguments) -> End {
    let mut flags = BTreeMap::new();
    if let Some(listen) = &arguments.listen {
        flags.insert("listen", listen.clone());
    }
    if let Some(listen) = &arguments.bin_listen {
        flags.insert("bin_listen", listen.clone());
    }
    if arguments.dev {
        flags.insert("dev", "true".to_owned());
    }
    if !arguments.allow_network.is_empty() {
        flags.insert("allow_networks", arguments.allow_network.join(","));
    }
    let settings =
        match context.values(&flags).and_then(|v| v.settings().map_err(|e| End::Usage(e.to_string()))) {
            Ok(settings) => settings,
            Err(end) => return end,
        };
    log_to_stderr(context.json);
    in_runtime(settings.worker_threads, async {
        let signals = match EndSignals::listen() {
            Ok(signals) => signals,
            Err(error) => return End::Failed(format!("cannot listen to SIGTERM and SIGINT: {error}")),
        };
        let server = match Server::start(&context.data_dir, &settings).await {
            Ok(server) => server,
            Err(error) => return End::Failed(error.to_string()),
        };
        if settings.dev {
            tracing::warn!("development mode: deliveries may go to loopback");
        }
        let (address, data) = (server.address, context.data_dir.display());
        tracing::info!("semnal is ready: API at http://{address}/api/v1, data in {data}");
        if let Some(address) = server.bin_address {
            tracing::info!("request bins listen at http://{address}");
        }
        tracing::info!("next: semnal keys create --name mine; then semnal trigger payment_received");
        if let Some(link) = &server.welcome {
            tracing::info!(link, "first start: set the password of the console, within 24 hours, at {link}");
        }
        match server.run_to_end(signals).await {
            Ok(()) => End::Success,
            Err(error) => End::Failed(error.to_string()),
        }
    })
}

/// Logs go to stderr: for people on a terminal, as JSON otherwise.
fn log_to_stderr(json: bool) {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = environment("SEMNAL_LOG").unwrap_or_else(|| "info,hyper=warn,hickory_resolver=warn".into());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if json || !std::io::stderr().is_terminal() {
        builder.json().flatten_event(true).with_target(false).try_init()
    } else {
        builder.with_target(false).try_init()
    };
    if set.is_err() {
        tracing::debug!("logging is set up already");
    }
}
