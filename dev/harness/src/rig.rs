//! One server with its receiver, set up for a run: the data directory, the key, applications and endpoints.

use std::path::Path;
use std::time::Duration;

use semnal_core::signature::{Secret, Verifier};
use tempfile::TempDir;

use crate::api::{Api, NewEndpoint};
use crate::clock::Clock;
use crate::error::HarnessError;
use crate::generator::Route;
use crate::oracle::EndpointNumber;
use crate::process::{Program, Server, Settings};
use crate::receiver::ledger::Recording;
use crate::receiver::{Behaviour, Plan, Receiver};

/// How long an idle server may take to be ready, on a machine that does other things too.
pub const READY_LIMIT: Duration = Duration::from_secs(30);

/// An endpoint of a run.
#[derive(Debug, Clone)]
pub struct EndpointPlan {
    /// How its receiver answers.
    pub behaviour: Behaviour,
    /// Which application it belongs to, by number.
    pub application: usize,
    /// Which event types it takes.
    pub event_types: Vec<String>,
}

/// What to set up.
pub struct RigPlan<'a> {
    /// The program to run.
    pub program: &'a Program,
    /// The directory in which the data directory is made: on a disk, for memory has nothing to sync.
    pub directory: &'a Path,
    /// Settings of the server.
    pub environment: &'a [(&'a str, &'a str)],
    /// The endpoints; their position is their number.
    pub endpoints: &'a [EndpointPlan],
    /// Whether every request is remembered.
    pub recording: bool,
    /// Whether the directory stays afterwards.
    pub keep: bool,
}

/// A server, its receiver and what was made in it.
pub struct Rig {
    /// The run's clock.
    pub clock: Clock,
    /// The receiver.
    pub receiver: Receiver,
    /// The program.
    pub program: Program,
    /// How to start it again.
    pub settings: Settings,
    /// The running server; taken by whoever kills it.
    pub server: Option<Server>,
    /// From start to ready, of the first start.
    pub ready_after: Duration,
    /// The API key.
    pub key: String,
    /// The ids of the applications.
    pub applications: Vec<String>,
    /// The ids of the endpoints.
    pub endpoints: Vec<String>,
    /// Removed with the rig, unless it is to be kept.
    _directory: TempDir,
}

impl Rig {
    /// Starts the server on an empty data directory and makes everything.
    ///
    /// # Errors
    /// [`HarnessError`] when the server does not come up or refuses.
    pub fn set_up(plan: &RigPlan<'_>) -> Result<Rig, HarnessError> {
        let clock = Clock::start();
        let secrets: Vec<String> = (0..plan.endpoints.len()).map(secret_of).collect();
        let recording = if plan.recording {
            Recording::Everything(secrets.iter().map(|text| verifier_of(text)).collect())
        } else {
            Recording::Counts
        };
        let behaviours = plan.endpoints.iter().map(|endpoint| endpoint.behaviour).collect();
        let receiver = Receiver::start(Plan { behaviours, recording }, clock)?;
        let directory = tempfile::Builder::new()
            .prefix("semnal-harness-")
            .disable_cleanup(plan.keep)
            .tempdir_in(plan.directory)
            .map_err(HarnessError::io(format!("making a directory in {}", plan.directory.display())))?;
        let settings = Settings {
            data_dir: directory.path().join("data"),
            log: directory.path().join("server.log"),
            environment: plan.environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        };
        let (server, ready_after) = Server::start_ready(plan.program, &settings, READY_LIMIT)?;
        let key = server.create_key()?;
        let mut rig = Rig {
            clock,
            receiver,
            program: plan.program.clone(),
            settings,
            server: Some(server),
            ready_after,
            key,
            applications: Vec::new(),
            endpoints: Vec::new(),
            _directory: directory,
        };
        rig.create(plan.endpoints, &secrets)?;
        Ok(rig)
    }

    fn create(&mut self, endpoints: &[EndpointPlan], secrets: &[String]) -> Result<(), HarnessError> {
        let mut api = self.api()?;
        let applications = endpoints.iter().map(|endpoint| endpoint.application + 1).max().unwrap_or(0);
        for number in 0..applications {
            self.applications.push(api.create_application(&format!("bench-{number}"))?);
        }
        for (number, (endpoint, secret)) in (0..).zip(endpoints.iter().zip(secrets)) {
            let url = match endpoint.behaviour {
                Behaviour::Refuse => Receiver::closed_url()?,
                _ => self.receiver.url(EndpointNumber(number)),
            };
            let event_types: Vec<&str> = endpoint.event_types.iter().map(String::as_str).collect();
            let new = NewEndpoint { url: &url, event_types: &event_types, secret };
            self.endpoints.push(api.create_endpoint(&self.applications[endpoint.application], &new)?);
        }
        Ok(())
    }

    /// Returns a caller of the API.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when no runtime can be made; [`HarnessError::Vacuous`] when no server runs.
    pub fn api(&self) -> Result<Api, HarnessError> {
        Api::new(self.server()?.address(), &self.key)
    }

    /// Returns the running server.
    ///
    /// # Errors
    /// [`HarnessError::Vacuous`] when none runs.
    pub fn server(&self) -> Result<&Server, HarnessError> {
        self.server.as_ref().ok_or_else(|| HarnessError::Vacuous("no server runs".to_owned()))
    }

    /// Returns the way of messages of an application and event type.
    pub fn route(&self, application: usize, event_type: &str) -> Route {
        Route::new(&self.applications[application], event_type)
    }
}

/// A secret of 32 bytes that differs for each endpoint, so that a signature of the wrong one does not verify.
fn secret_of(number: usize) -> String {
    let mut bytes = vec![b's'; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Secret::Symmetric(bytes).reveal()
}

fn verifier_of(secret: &str) -> Verifier {
    Verifier::parse(secret).expect("the secret was made by secret_of")
}
