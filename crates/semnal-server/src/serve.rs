//! Wiring: directory → store → engine → listeners, and the orderly end of it all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use semnal_core::address::AddressPolicy;
use semnal_core::endpoint_url::UrlRules;
use semnal_core::time::UnixMillis;
use semnal_engine::clock::Clock;
use semnal_engine::destination::RequestForm;
use semnal_engine::engine::{Engine, EngineOptions, IN_FLIGHT_MAX};
use semnal_engine::randomness::Randomness;
use semnal_engine::transport::dialer::Dialer;
use semnal_engine::transport::resolver::Resolver;
use semnal_engine::transport::{Budget, Transport, TransportError, TransportOptions};
use semnal_store::directory::{DataDirectory, SOCKET_FILE};
use semnal_store::error::{OpenError, StoreError};
use semnal_store::store::{Now, Opened, Store, StoreOptions};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, ApiState, Limits, Trust};
use crate::configuration::Settings;
use crate::listener::{self, ListenerLimits};
use crate::seed;
use crate::tasks::TaskRunner;

/// 4,096 connections to receivers are open at once, idle ones included.
const OPEN_CONNECTIONS_MAX: usize = 4_096;

/// Why a server does not start or ended badly.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: String, source: std::io::Error },
    #[error("the outgoing connections cannot be set up: {0}")]
    Transport(#[from] TransportError),
    #[error("the operating system gave no random bytes")]
    Random,
    #[error("the data directory could not be written any more; see the log")]
    StoreStopped,
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    shutdown: CancellationToken,
    /// The listeners and their connections.
    listeners: TaskTracker,
    _directory: DataDirectory,
}

/// Returns the machine's clock in the form that the store takes.
pub(crate) fn system_now() -> Now {
    Arc::new(|| Clock::System.now())
}

/// Returns random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ServeError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ServeError::Random)?;
    Ok(bytes)
}

/// Returns how to open a store with the machine's clock and randomness; it disables no endpoint.
pub(crate) fn store_options() -> Result<StoreOptions, ServeError> {
    Ok(StoreOptions {
        now: system_now(),
        fresh_keys: random()?,
        disable_after: None,
        #[cfg(feature = "fault-injection")]
        sabotage: match crate::configuration::environment("SEMNAL_SABOTAGE").as_deref() {
            Some("no-recovery") => Some(semnal_store::store::Sabotage::NoRecovery),
            Some("no-sync") => Some(semnal_store::store::Sabotage::NoSync),
            _ => None,
        },
    })
}

impl Server {
    /// Opens the data directory and starts everything.
    pub(crate) async fn start(data_dir: &Path, settings: &Settings) -> Result<Server, ServeError> {
        let directory = DataDirectory::open(data_dir)?;
        let options = StoreOptions { disable_after: settings.disable_after, ..store_options()? };
        let opened = Opened::sqlite(&directory, options)?;
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr().unwrap_or(settings.listen);
        let tasks = TaskTracker::new();
        let policy = policy(settings, address);
        let url_rules = UrlRules { https_only: settings.https_only, localhost_names: settings.dev };
        let transport = Transport::new(TransportOptions {
            resolver: Resolver::system(),
            dialer: Dialer::Tcp,
            policy: policy.clone(),
            extra_roots: Vec::new(),
            open_connections_max: OPEN_CONNECTIONS_MAX,
            tasks: tasks.clone(),
            clock: Clock::System,
        })?;
        let engine = Engine::new(EngineOptions {
            clock: Clock::System,
            randomness: Randomness::seeded(u64::from_be_bytes(random()?)),
            transport,
            form: form(settings, url_rules),
            in_flight_max: IN_FLIGHT_MAX,
            cipher: opened.ids().clone(),
            probe_interval: settings.probe_interval,
        });
        let store = opened.start(&engine.observer())?;
        engine.run(store.clone());
        seed::seed(&store, now()).await?;
        let state = Arc::new(api_state(settings, &store, address, policy, url_rules));
        let shutdown = CancellationToken::new();
        let listeners = TaskTracker::new();
        run_tasks(&store, &engine, &shutdown, &listeners);
        let control = control_listener(data_dir)?;
        let limits = ListenerLimits::default();
        let served = [(listener::Listener::Tcp(listener), Trust::Network), (control, Trust::ControlSocket)];
        for (listener, trust) in served {
            let router = api::router(state.clone(), trust);
            tasks.spawn(listener::serve(listener, router, limits, shutdown.clone(), tasks.clone()));
        }
        Ok(Server { address, store, engine, shutdown, listeners, _directory: directory })
    }

    /// Runs until SIGTERM, SIGINT or the end of the store, then stops in order.
    pub(crate) async fn run_to_end(self, mut signals: EndSignals) -> Result<(), ServeError> {
        let failed = self.engine.failed();
        let ended_well = tokio::select! {
            () = signals.heard() => true,
            () = failed.cancelled() => false,
        };
        tracing::info!("stopping: finishing what is under way");
        self.stop().await;
        if ended_well { Ok(()) } else { Err(ServeError::StoreStopped) }
    }

    /// Stops accepting, finishes what is under way, closes the store.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        // Requests under way still need the store; their listeners give them 30 s at most.
        self.listeners.close();
        self.listeners.wait().await;
        self.engine.stop().await;
        self.store.stop().await;
    }
}

/// Starts to run background tasks. When that ends by a panic the server has to end: it would take tasks and not do them.
fn run_tasks(store: &Store, engine: &Engine, shutdown: &CancellationToken, tracker: &TaskTracker) {
    let (asked, failed) = (engine.clone(), engine.failed());
    let takes_bulk = Arc::new(move |endpoint| asked.takes_bulk(endpoint));
    let (runner, shutdown) = (TaskRunner::new(store.clone(), Clock::System, takes_bulk), shutdown.clone());
    tracker.spawn(async move {
        let guard = failed.drop_guard();
        runner.run(shutdown).await;
        guard.disarm();
    });
}

fn now() -> UnixMillis {
    Clock::System.now()
}

fn form(settings: &Settings, url_rules: UrlRules) -> RequestForm {
    RequestForm {
        header_prefixes: settings.header_prefixes.clone(),
        url_rules,
        schedule: settings.retry_schedule.clone(),
        budget: Budget { total: settings.attempt_timeout, ..Budget::default() },
        ..RequestForm::default()
    }
}

fn api_state(
    settings: &Settings,
    store: &Store,
    address: SocketAddr,
    policy: AddressPolicy,
    url_rules: UrlRules,
) -> ApiState {
    ApiState {
        store: store.clone(),
        clock: system_now(),
        policy: Arc::new(policy),
        url_rules,
        jwt_secret: settings.jwt_secret.clone(),
        limits: Limits { body_bytes_max: settings.body_bytes_max, ..Limits::default() },
        strict_event_types: settings.strict_event_types,
        schemas: api::SchemaCache::default(),
        public_url: settings.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address))),
        header_prefixes: settings.header_prefixes.clone(),
        default_signature: settings.default_signature,
        source_repeat_window: settings.source_repeat_window,
    }
}

/// Returns an address that can be opened: one that stands for every address becomes the loopback one.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, address.port())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Listen { address: address.to_string(), source })
}

/// Makes the control socket, open to its owner only. The lock on the directory says that nobody else uses it.
fn control_listener(data_dir: &Path) -> Result<listener::Listener, ServeError> {
    use std::os::unix::fs::PermissionsExt;
    let path = data_dir.join(SOCKET_FILE);
    let failed = |source| ServeError::Listen { address: path.display().to_string(), source };
    if path.exists() {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    let socket = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener::Listener::Unix(socket))
}

/// Where deliveries may go: what the settings open, loopback in development, and never our own API.
pub(crate) fn policy(settings: &Settings, address: SocketAddr) -> AddressPolicy {
    let mut allow_networks = settings.allow_networks.clone();
    if settings.dev {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        allow_networks.extend(loopback.iter().filter_map(|ip| {
            let prefix = if ip.is_ipv4() { 8 } else { 128 };
            ipnet::IpNet::new(*ip, prefix).ok().map(|net| net.trunc())
        }));
    }
    let mut own_listeners = vec![address];
    if address.ip().is_unspecified() {
        // Bound to every address: those of this machine's interfaces reach it too.
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        own_listeners.extend(interfaces.iter().map(|i| SocketAddr::new(i.ip(), address.port())));
    }
    AddressPolicy { allow_networks, own_listeners, bins: Vec::new() }
}

/// The signals that end a server. They are listened to before it says that it is ready: whoever waits for that may end it
/// at once.
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Begins to listen: from now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn listen() -> std::io::Result<EndSignals> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(EndSignals { terminate, interrupt })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
