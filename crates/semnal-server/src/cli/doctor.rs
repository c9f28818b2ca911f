//! `semnal doctor`: looks at the machine and the data directory before something goes wrong, and says what to do.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use semnal_store::directory::DataDirectory;
use semnal_store::error::OpenError;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Context, End, print, print_json};
use crate::control_client::{ClientError, Question, ask_control};

/// 20 syncs are measured.
const SYNCS: u32 = 20;
/// A sync of more than 20 ms makes every answer slow.
const SLOW_SYNC: Duration = Duration::from_millis(20);
/// Fewer than 1,024 open files are few for connections on both sides.
const FEW_FILES: u64 = 1_024;

/// What a check found.
enum Finding {
    Good(String),
    Warning(String),
    Bad(String),
}

pub(super) async fn doctor(context: &Context) -> End {
    let settings = context
        .values(&std::collections::BTreeMap::new())
        .and_then(|values| values.settings().map_err(|error| End::Usage(error.to_string())));
    let settings = match settings {
        Ok(settings) => settings,
        Err(end) => return end,
    };
    let running = is_running(&context.data_dir).await;
    let findings = [
        ("server", server(&running)),
        ("data directory", directory(&context.data_dir, &running)),
        ("disk", disk(&context.data_dir)),
        ("open files", open_files()),
        ("name servers", name_servers()),
        ("listen address", listen(settings.listen, &running).await),
    ];
    let bad = findings.iter().any(|(_, finding)| matches!(finding, Finding::Bad(_)));
    let printed = if context.json {
        let checks = findings.iter().map(|(check, finding)| {
            let (verdict, detail) = finding.parts();
            json!({ "check": check, "verdict": verdict, "detail": detail })
        });
        print_json(&json!({ "healthy": !bad, "checks": checks.collect::<Vec<_>>() }))
    } else {
        let lines = findings.iter().map(|(check, finding)| {
            let (verdict, detail) = finding.parts();
            format!("{verdict:<8} {check}: {detail}")
        });
        print(&lines.collect::<Vec<_>>().join("\n"))
    };
    match (printed, bad) {
        (End::Success, true) => End::No,
        (printed, _) => printed,
    }
}

impl Finding {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Finding::Good(detail) => ("ok", detail),
            Finding::Warning(detail) => ("warning", detail),
            Finding::Bad(detail) => ("problem", detail),
        }
    }
}

/// Whether a server runs on the directory.
async fn is_running(data_dir: &Path) -> Result<bool, ClientError> {
    let question = Question { method: Method::GET, path: "/readyz", body: None, key: None };
    match ask_control(data_dir, question).await {
        Ok(answer) => Ok(answer.status.is_success()),
        Err(ClientError::NotRunning) => Ok(false),
        Err(error) => Err(error),
    }
}

fn server(running: &Result<bool, ClientError>) -> Finding {
    match running {
        Ok(true) => Finding::Good("runs on this data directory and is ready".into()),
        Ok(false) => Finding::Good("none runs on this data directory".into()),
        Err(error) => Finding::Bad(format!("one runs, but does not answer: {error}; look at its log")),
    }
}

fn directory(data_dir: &Path, running: &Result<bool, ClientError>) -> Finding {
    let path = data_dir.display();
    if !data_dir.exists() {
        return Finding::Good(format!("{path} does not exist yet; the first start makes it"));
    }
    match DataDirectory::open(data_dir) {
        Ok(_) => Finding::Good(format!("{path} can be used")),
        Err(OpenError::InUse { .. }) if matches!(running, Ok(true)) => {
            Finding::Good(format!("{path} is in use by the server"))
        }
        Err(error) => Finding::Bad(error.to_string()),
    }
}

/// Measures how long a sync takes, beside the journal: every accepted event waits for one.
fn disk(data_dir: &Path) -> Finding {
    let place = if data_dir.exists() { data_dir } else { Path::new(".") };
    match time_of_a_sync(place) {
        Ok(each) if each > SLOW_SYNC => Finding::Warning(format!(
            "a sync takes {:.1} ms, and each answer waits for one; a faster disk answers sooner",
            each.as_secs_f64() * 1_000.0
        )),
        Ok(each) => Finding::Good(format!("a sync takes {:.2} ms", each.as_secs_f64() * 1_000.0)),
        Err(error) => Finding::Bad(format!(
            "{} cannot be written: {error}; free space or change its owner",
            place.display()
        )),
    }
}

fn time_of_a_sync(place: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(place)?;
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
    }
    Ok(started.elapsed() / SYNCS)
}

fn open_files() -> Finding {
    let Some(limit) = open_files_limit() else {
        return Finding::Warning("the limit cannot be read on this system".into());
    };
    if limit < FEW_FILES {
        return Finding::Warning(format!(
            "{limit} at most; connections of clients and receivers need more: raise it with `ulimit -n 65536`"
        ));
    }
    Finding::Good(format!("{limit} at most"))
}

/// The soft limit, as Linux tells it.
fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn name_servers() -> Finding {
    let path = "/etc/resolv.conf";
    match File::open(path).and_then(std::io::read_to_string) {
        Ok(text) => {
            let servers: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
            if servers.is_empty() {
                return Finding::Warning(format!(
                    "{path} names none; webhooks with host names cannot be reached"
                ));
            }
            Finding::Good(servers.join(", "))
        }
        Err(error) => Finding::Warning(format!(
            "{path} cannot be read: {error}; webhooks with host names cannot be reached"
        )),
    }
}

async fn listen(address: std::net::SocketAddr, running: &Result<bool, ClientError>) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => Finding::Good(format!("{address} is free")),
        Err(_) if matches!(running, Ok(true)) => {
            Finding::Good(format!("{address} is in use, and a server runs"))
        }
        Err(error) => {
            Finding::Bad(format!("{address}: {error}; choose another with --listen or SEMNAL_LISTEN"))
        }
    }
}
