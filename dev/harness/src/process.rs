//! The server under test as a process of its own: started, waited for, killed and asked, always through its handle.
//!
//! [`Program`] is either Semnal or the null forwarder; both are run and measured in the same way.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::HarnessError;
use crate::oracle::Verified;
use crate::process::usage::Usage;

pub mod usage;

/// How much of the server's log an error shows.
const LOG_TAIL_BYTES: u64 = 4_000;
/// How long a terminated server may take: DESIGN 12 gives it 30 s.
const TERMINATE_LIMIT: Duration = Duration::from_secs(40);

/// A process stands still this long after SIGSTOP at the latest.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Debug, Clone)]
pub enum Program {
    /// The `semnal` binary.
    Semnal(PathBuf),
    /// The null forwarder: the `bench` binary of the harness.
    NullForwarder(PathBuf),
}

impl Program {
    /// Finds `semnal`: what `SEMNAL_BIN` names, else the file beside or above this executable.
    ///
    /// # Errors
    /// [`HarnessError::NoBinary`] when it is not there.
    pub fn find_semnal() -> Result<Program, HarnessError> {
        let path = clock::binary_from_environment().unwrap_or_else(|| {
            let here = std::env::current_exe().unwrap_or_default();
            let directory = here.parent().unwrap_or(Path::new(".")).to_owned();
            let directory = if directory.ends_with("deps") { directory.join("..") } else { directory };
            directory.join("semnal")
        });
        if path.is_file() { Ok(Program::Semnal(path)) } else { Err(HarnessError::NoBinary { path }) }
    }

    /// Returns its name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Program::Semnal(_) => "semnal",
            Program::NullForwarder(_) => "null forwarder",
        }
    }

    fn command(&self, subcommand: &[&str], data_dir: &Path) -> Command {
        let (path, prefix): (_, &[&str]) = match self {
            Program::Semnal(path) => (path, &[]),
            Program::NullForwarder(path) => (path, &["null-forwarder"]),
        };
        let mut command = Command::new(path);
        command.args(prefix).args(subcommand).arg("--data-dir").arg(data_dir);
        command
    }
}

/// Where and with which settings to run it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// The file that takes its log.
    pub log: PathBuf,
    /// Its environment, beyond what the harness has.
    pub environment: Vec<(String, String)>,
}

/// A running server. Dropping it kills it.
pub struct Server {
    program: Program,
    settings: Settings,
    address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts it on a free port, without waiting for it.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when it cannot be started.
    pub fn start(program: &Program, settings: &Settings) -> Result<Server, HarnessError> {
        let address = free_address()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&settings.log)
            .map_err(HarnessError::io("opening the server's log"))?;
        let child = program
            .command(&["serve", "--listen", &address.to_string(), "--dev"], &settings.data_dir)
            // Several servers run at once; each has bins of its own.
            .env("SEMNAL_BIN_LISTEN", "127.0.0.1:0")
            .envs(settings.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(HarnessError::io(format!("starting {program:?}")))?;
        Ok(Server { program: program.clone(), settings: settings.clone(), address, child })
    }

    /// Starts it and waits until `GET /readyz` answers 200; returns how long that took, too.
    ///
    /// # Errors
    /// [`HarnessError::NotReady`] with the end of its log when it ends or takes longer than `limit`.
    pub fn start_ready(
        program: &Program,
        settings: &Settings,
        limit: Duration,
    ) -> Result<(Server, Duration), HarnessError> {
        let started = Instant::now();
        let mut server = Server::start(program, settings)?;
        while !is_ready(server.address) {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(server.not_ready(format!("it ended with {status}")));
            }
            if started.elapsed() > limit {
                return Err(server.not_ready(format!("{} s have passed", limit.as_secs())));
            }
            clock::wait(Duration::from_millis(1));
        }
        Ok((server, started.elapsed()))
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it (SIGKILL) and waits until the process is gone.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the system refuses.
    pub fn kill(mut self) -> Result<(), HarnessError> {
        self.child.kill().map_err(HarnessError::io("killing the server"))?;
        self.child.wait().map(drop).map_err(HarnessError::io("waiting for the killed server"))
    }

    /// Returns the number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it stand still where it is (SIGSTOP): nothing of it runs until [`Server::go_on`].
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the system refuses.
    pub fn stop(&self) -> Result<(), HarnessError> {
        self.signal("-STOP")?;
        // The signal is on its way when the command returns; the kernel says when it has arrived.
        clock::wait_until(STOP_LIMIT, || usage::stands_still(self.child.id()));
        Ok(())
    }

    /// Lets it run again (SIGCONT).
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the system refuses.
    pub fn go_on(&self) -> Result<(), HarnessError> {
        self.signal("-CONT")
    }

    fn signal(&self, name: &str) -> Result<(), HarnessError> {
        let id = self.child.id().to_string();
        Command::new("kill").args([name, &id]).status().map_err(HarnessError::io("running kill"))?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has; tells whether it exited with 0.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the system refuses or it does not end in time.
    pub fn terminate(mut self) -> Result<bool, HarnessError> {
        self.signal("-TERM")?;
        let mut ended = None;
        clock::wait_until(TERMINATE_LIMIT, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some()
        });
        match ended {
            Some(status) => Ok(status.success()),
            None => Err(self.not_ready("it did not end within 40 s of SIGTERM".to_owned())),
        }
    }

    /// Makes an API key.
    ///
    /// # Errors
    /// [`HarnessError::Command`] when the command fails.
    pub fn create_key(&self) -> Result<String, HarnessError> {
        let command = self.program.command(&["keys", "create", "--name", "bench"], &self.settings.data_dir);
        let output = run(command, &self.settings)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(HarnessError::Command {
            command: "semnal keys create".to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Returns what it has used so far.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the kernel does not say.
    pub fn usage(&self) -> Result<Usage, HarnessError> {
        usage::read(self.child.id())
    }

    fn not_ready(&self, why: String) -> HarnessError {
        HarnessError::NotReady { why, log: tail(&self.settings.log).unwrap_or_default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && self.child.kill().is_ok()
        {
            drop(self.child.wait());
        }
    }
}

/// Runs `semnal verify` on a data directory, whether its server runs or not.
///
/// # Errors
/// [`HarnessError::Io`] when the command cannot be started.
pub fn verify(program: &Program, settings: &Settings) -> Result<Verified, HarnessError> {
    let output = run(program.command(&["verify"], &settings.data_dir), settings)?;
    if output.status.success() {
        return Ok(Verified::Balanced);
    }
    let mut text = format!("{}: ", output.status);
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text.truncate(text.floor_char_boundary(2_000));
    Ok(Verified::Unbalanced(text))
}

fn run(mut command: Command, settings: &Settings) -> Result<std::process::Output, HarnessError> {
    command
        .envs(settings.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .output()
        .map_err(HarnessError::io(format!("running {command:?}")))
}

fn free_address() -> Result<SocketAddr, HarnessError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(HarnessError::io("looking for a free port"))
}

fn is_ready(address: SocketAddr) -> bool {
    let mut answer = [0; 12];
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        stream.read_exact(&mut answer)
    });
    asked.is_ok() && answer.ends_with(b" 200")
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
