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
use semnal_store::bins::{BinLimits, Bins};
use semnal_store::directory::{DataDirectory, SOCKET_FILE};
use semnal_store::error::{OpenError, StoreError};
use semnal_store::store::{Now, Opened, Store, StoreOptions};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, ApiState, BinsApi, BinsAway, DeliveryDefaults, Limits, Trust};
use crate::bins::{self, BinListenerLimits, BinServer};
use crate::configuration::Settings;
use crate::console::{self, Console, ServerFacts};
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
    #[error(
        "cannot listen on {address} for request bins: {source}; choose another address with --bin-listen, or none"
    )]
    BinListen { address: SocketAddr, source: std::io::Error },
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
    /// Where bins listen.
    pub(crate) bin_address: Option<SocketAddr>,
    pub(crate) store: Store,
    bins: Option<RunningBins>,
    pub(crate) engine: Engine,
    /// Where the first user sets a password, while there is none.
    pub(crate) welcome: Option<String>,
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

/// Returns how to open a store with the machine's clock and randomness; it disables no endpoint and keeps everything.
pub(crate) fn store_options() -> Result<StoreOptions, ServeError> {
    Ok(StoreOptions {
        now: system_now(),
        fresh_keys: random()?,
        disable_after: None,
        retention: None,
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
        let options = StoreOptions {
            disable_after: settings.disable_after,
            retention: Some(settings.retention),
            ..store_options()?
        };
        let opened = Opened::sqlite(&directory, options)?;
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr().unwrap_or(settings.listen);
        let bin_side = BinSide::open(&opened, &directory, settings).await?;
        let tasks = TaskTracker::new();
        let policy = policy(settings, address, bin_side.address);
        let url_rules = url_rules(settings, bin_side.address);
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
            transport: transport.clone(),
            form: form(settings, url_rules),
            in_flight_max: IN_FLIGHT_MAX,
            cipher: opened.ids().clone(),
            probe_interval: settings.probe_interval,
        });
        let store = opened.start(&engine.observer())?;
        engine.run(store.clone());
        seed::seed(&store, now()).await?;
        let (shutdown, listeners) = (CancellationToken::new(), TaskTracker::new());
        let bins_api = bin_side.api(settings, transport, &shutdown);
        let state = api_state(settings, &store, address, policy, url_rules);
        let state = Arc::new(ApiState { bins: bins_api, ..state });
        let bin_address = bin_side.address;
        let bins = bin_side.serve(settings, &store);
        let welcome = welcome_link(&state).await?;
        run_tasks(&store, &engine, &shutdown, &listeners);
        let control = control_listener(data_dir)?;
        let limits = ListenerLimits::default();
        let served = [(listener::Listener::Tcp(listener), Trust::Network), (control, Trust::ControlSocket)];
        for (listener, trust) in served {
            let router = api::router(state.clone(), trust);
            let router = match trust {
                Trust::Network => {
                    let facts = server_facts(settings, data_dir, &shutdown);
                    console::router(Console::new(state.clone(), settings.dev).with_facts(facts), router)
                }
                Trust::ControlSocket => router,
            };
            listeners.spawn(listener::serve(listener, router, limits, shutdown.clone(), listeners.clone()));
        }
        Ok(Server {
            address,
            bin_address,
            store,
            bins,
            engine,
            welcome,
            shutdown,
            listeners,
            _directory: directory,
        })
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
        if let Some(bins) = self.bins {
            bins.stop().await;
        }
        self.store.stop().await;
    }
}

/// The bins and their listener, as a server starts.
struct BinSide {
    bins: Result<Bins, BinsAway>,
    listener: Option<TcpListener>,
    address: Option<SocketAddr>,
}

impl BinSide {
    /// Opens the bins and begins to listen, unless they are turned off. A file that cannot be used is no reason not to
    /// deliver.
    async fn open(
        opened: &Opened,
        directory: &DataDirectory,
        settings: &Settings,
    ) -> Result<BinSide, ServeError> {
        let Some(address) = settings.bin_listen else {
            return Ok(BinSide { bins: Err(BinsAway::TurnedOff), listener: None, address: None });
        };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| ServeError::BinListen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let limits = BinLimits {
            lifetime: settings.bin_lifetime,
            requests_max: settings.bin_requests_max,
            total_bytes_max: settings.bin_total_bytes_max,
            ..BinLimits::default()
        };
        let bins = Bins::beside(opened, directory, limits).map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "request bins are not available; everything else is");
            BinsAway::Broken
        });
        // Where nobody listens nothing is a target either.
        let (listener, address) = bins.is_ok().then_some((listener, address)).unzip();
        Ok(BinSide { bins, listener, address })
    }

    fn api(
        &self,
        settings: &Settings,
        transport: Transport,
        shutdown: &CancellationToken,
    ) -> Result<BinsApi, BinsAway> {
        let base_url = bin_base_url(settings, self.address);
        self.bins.clone().map(|bins| BinsApi { bins, base_url, transport, shutdown: shutdown.clone() })
    }

    /// Serves bins; returns what to stop at the end.
    fn serve(self, settings: &Settings, store: &Store) -> Option<RunningBins> {
        let (Ok(bins), Some(listener)) = (self.bins, self.listener) else { return None };
        let limits =
            BinListenerLimits { body_bytes_max: settings.bin_body_bytes_max, ..BinListenerLimits::default() };
        let server = BinServer { bins: bins.clone(), store: store.clone(), clock: system_now(), limits };
        let running = RunningBins { bins, shutdown: CancellationToken::new(), tasks: TaskTracker::new() };
        let serving =
            bins::serve(listener, Arc::new(server), running.shutdown.clone(), running.tasks.clone());
        running.tasks.spawn(serving);
        Some(running)
    }
}

/// Bins that are served. They outlive the engine: what it still has under way may be on its way to one of them.
struct RunningBins {
    bins: Bins,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl RunningBins {
    async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.bins.stop().await;
    }
}

/// Returns where people reach bins, without a slash at the end.
fn bin_base_url(settings: &Settings, address: Option<SocketAddr>) -> String {
    let at = address.map(|address| format!("http://{}", reachable(address)));
    settings.bin_public_url.clone().or(at).unwrap_or_default()
}

/// Returns the gate for endpoint URLs.
pub(crate) fn url_rules(settings: &Settings, bin_address: Option<SocketAddr>) -> UrlRules {
    UrlRules {
        https_only: settings.https_only,
        localhost_names: settings.dev,
        bins: bin_address.map(reachable),
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

/// Returns where the first user sets a password. A store that cannot be written now still serves what it has.
async fn welcome_link(state: &ApiState) -> Result<Option<String>, ServeError> {
    match console::links::first(&state.store, state.now()).await {
        Ok(path) => Ok(path.map(|path| format!("{}{path}", state.public_url))),
        Err(api::ApiError::StorageFull) => Ok(None),
        Err(_) => Err(StoreError::Stopped.into()),
    }
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

fn server_facts(settings: &Settings, data_dir: &Path, shutdown: &CancellationToken) -> ServerFacts {
    ServerFacts {
        schedule: settings.retry_schedule.clone(),
        data_dir: data_dir.to_owned(),
        stopping: shutdown.clone(),
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
        deliveries: DeliveryDefaults {
            schedule: settings.retry_schedule.clone(),
            attempt_timeout: settings.attempt_timeout,
        },
        default_signature: settings.default_signature,
        bins: Err(BinsAway::TurnedOff),
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

/// Where deliveries may go: what the settings open, loopback in development, our own bins always, and never our own API.
pub(crate) fn policy(
    settings: &Settings,
    address: SocketAddr,
    bin_address: Option<SocketAddr>,
) -> AddressPolicy {
    let mut allow_networks = settings.allow_networks.clone();
    if settings.dev {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        allow_networks.extend(loopback.iter().filter_map(|ip| {
            let prefix = if ip.is_ipv4() { 8 } else { 128 };
            ipnet::IpNet::new(*ip, prefix).ok().map(|net| net.trunc())
        }));
    }
    let own_listeners = addresses_of(address, true);
    let mut bins = bin_address.map_or(Vec::new(), |address| addresses_of(address, false));
    // A bin listener beside ours on the same port, on another address: what is ours exactly stays ours.
    bins.retain(|bin| *bin != address);
    AddressPolicy { allow_networks, own_listeners, bins }
}

/// Returns the addresses at which a listener is reached: one that is bound to every address is reached at those of the
/// machine's interfaces, loopback included. `itself` keeps the address that stands for all of them.
fn addresses_of(address: SocketAddr, itself: bool) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    // A socket on [::] takes IPv4 as well.
    let takes = |ip: &IpAddr| address.is_ipv6() || ip.is_ipv4();
    let all = interfaces.iter().map(if_addrs::Interface::ip).chain(loopback).filter(takes);
    let all = all.map(|ip| SocketAddr::new(ip, address.port()));
    itself.then_some(address).into_iter().chain(all).collect()
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
