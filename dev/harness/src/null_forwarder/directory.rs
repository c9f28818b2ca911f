//! The null forwarder's applications and endpoints: in memory, and one line each in a file, for its restarts.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use semnal_core::signature::{Secret, Signer};
use serde::{Deserialize, Serialize};

use crate::error::HarnessError;
use crate::null_forwarder::directory_file;

/// Where a delivery goes.
pub(super) struct Target {
    id: String,
    event_types: Vec<String>,
    pub(super) address: SocketAddr,
    pub(super) path: String,
    pub(super) signer: Signer,
}

#[derive(Serialize, Deserialize)]
struct Line {
    application: String,
    endpoint: Option<Endpoint>,
}

#[derive(Serialize, Deserialize)]
struct Endpoint {
    url: String,
    #[serde(rename = "eventTypes")]
    event_types: Vec<String>,
    secret: String,
}

#[derive(Deserialize)]
struct Application {
    uid: String,
}

pub(super) struct Directory {
    applications: RwLock<HashMap<String, Vec<Arc<Target>>>>,
    file: Mutex<File>,
}

impl Directory {
    /// Opens or creates the file and reads what it holds.
    pub(super) fn open(data_dir: &Path) -> Result<Directory, HarnessError> {
        let path = directory_file(data_dir);
        let doing = || format!("opening {}", path.display());
        fs::create_dir_all(data_dir).map_err(HarnessError::io(doing()))?;
        let text = fs::read_to_string(&path).unwrap_or_default();
        let file =
            File::options().create(true).append(true).open(&path).map_err(HarnessError::io(doing()))?;
        let directory = Directory { applications: RwLock::new(HashMap::new()), file: Mutex::new(file) };
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            directory.apply(line);
        }
        Ok(directory)
    }

    /// Makes an application under its uid, which is its id here.
    pub(super) fn create_application(&self, body: &[u8]) -> Option<String> {
        let uid = serde_json::from_slice::<Application>(body).ok()?.uid;
        self.keep(Line { application: uid.clone(), endpoint: None })?;
        Some(uid)
    }

    pub(super) fn create_endpoint(&self, application: &str, body: &[u8]) -> Option<String> {
        let endpoint = serde_json::from_slice(body).ok()?;
        self.keep(Line { application: application.to_owned(), endpoint: Some(endpoint) })
    }

    pub(super) fn delete_endpoint(&self, id: &str) {
        for targets in self.applications.write().values_mut() {
            targets.retain(|target| target.id != id);
        }
    }

    /// Returns the endpoints that take an event type.
    pub(super) fn matching(&self, application: &str, event_type: &str) -> Vec<Arc<Target>> {
        let applications = self.applications.read();
        let targets = applications.get(application).map_or(&[][..], Vec::as_slice);
        let takes = |target: &&Arc<Target>| target.event_types.iter().any(|name| name == event_type);
        targets.iter().filter(takes).cloned().collect()
    }

    fn keep(&self, line: Line) -> Option<String> {
        let text = serde_json::to_string(&line).ok()?;
        writeln!(self.file.lock(), "{text}").ok()?;
        self.apply(line)
    }

    fn apply(&self, line: Line) -> Option<String> {
        let mut applications = self.applications.write();
        let count: usize = applications.values().map(Vec::len).sum();
        let targets = applications.entry(line.application).or_default();
        let endpoint = line.endpoint?;
        let (address, path) = endpoint.url.strip_prefix("http://")?.split_once('/')?;
        let id = format!("ep_{count}");
        targets.push(Arc::new(Target {
            id: id.clone(),
            event_types: endpoint.event_types,
            address: address.parse().ok()?,
            path: format!("/{path}"),
            signer: Signer::new(&Secret::parse(&endpoint.secret).ok()?),
        }));
        Some(id)
    }
}
