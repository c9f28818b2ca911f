//! The idle connections of one endpoint.
//!
//! Every endpoint has its own [`Connections`]; they are never shared, so neither two tenants nor two hosts meet
//! on one connection. They belong to one URL: when the endpoint's URL changes, the old ones are closed.
//! Taking and giving back costs one lock that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use semnal_core::endpoint_url::EndpointUrl;
use semnal_core::time::UnixMillis;

use super::exchange::Connection;
use super::failure::Failure;
use super::target::Target;

/// 55 s without a request, then a connection is closed: many servers and load balancers close theirs after 60 s,
/// and a request should not meet that moment.
pub const IDLE_LIMIT: Duration = Duration::from_secs(55);
/// 10 min, then a connection is closed even when it is busy, so that a host that moved is noticed.
pub const AGE_LIMIT: Duration = Duration::from_secs(10 * 60);
/// 64 idle connections of one endpoint are kept.
pub const IDLE_CONNECTIONS_MAX: usize = 64;

/// The connections of one endpoint that wait for the next request. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Connections {
    pub(super) pool: Arc<Pool>,
}

impl Connections {
    /// Returns an empty set, for one endpoint.
    pub fn new() -> Connections {
        Connections::default()
    }

    /// Closes every idle connection: the endpoint is gone, or was told to go elsewhere.
    pub fn close(&self) {
        self.pool.state.lock().idle.clear();
    }

    /// Returns how many connections are idle, closed ones included that nobody has looked at since.
    pub fn idle(&self) -> usize {
        self.pool.state.lock().idle.len()
    }
}

/// What [`Connections`] and the transport's list of idle pools share.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    target: Option<Arc<Target>>,
    /// Least recently used first.
    idle: Vec<Connection>,
    /// Whether the transport's list of idle pools has this one.
    listed: bool,
}

/// Whether a pool has to be added to the transport's list of idle pools.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// It is not in the list; the caller adds it now.
    Add,
    /// It is in the list, or need not be.
    Keep,
}

/// Whether a pool stays in the transport's list of idle pools.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Emptied {
    /// It still has idle connections.
    No,
    /// It has none; the caller takes it off the list.
    Yes,
}

impl Pool {
    /// Returns how requests to `url` are made, and closes what leads to another URL.
    pub(super) fn target(&self, url: &EndpointUrl) -> Result<Arc<Target>, Failure> {
        let mut state = self.state.lock();
        if let Some(target) = &state.target
            && target.url == *url
        {
            return Ok(Arc::clone(target));
        }
        let target = Arc::new(Target::new(url)?);
        state.idle.clear();
        state.target = Some(Arc::clone(&target));
        Ok(target)
    }

    /// Takes the connection used last that leads to `target` and can carry a request now.
    pub(super) fn take(&self, target: &Arc<Target>, now: UnixMillis) -> Option<Connection> {
        let mut state = self.state.lock();
        if !state.leads_to(target) {
            return None;
        }
        state.idle.retain(|connection| is_fresh(connection, now));
        let index = state.idle.iter().rposition(Connection::is_ready)?;
        Some(state.idle.remove(index))
    }

    /// Keeps `connection` for the next request, unless its time is over or there are enough.
    pub(super) fn give_back(
        &self,
        mut connection: Connection,
        target: &Arc<Target>,
        now: UnixMillis,
    ) -> Listing {
        connection.used_at = now;
        let mut state = self.state.lock();
        if !state.leads_to(target) || !is_fresh(&connection, now) || state.idle.len() >= IDLE_CONNECTIONS_MAX
        {
            return Listing::Keep;
        }
        state.idle.push(connection);
        if std::mem::replace(&mut state.listed, true) { Listing::Keep } else { Listing::Add }
    }

    /// Closes the connection that has been idle longest, if there is one.
    pub(super) fn close_one(&self) -> bool {
        let mut state = self.state.lock();
        if state.idle.is_empty() {
            return false;
        }
        drop(state.idle.remove(0));
        true
    }

    /// Closes connections whose time is over. A pool that is left empty is unlisted.
    pub(super) fn close_expired(&self, now: UnixMillis) -> Emptied {
        let mut state = self.state.lock();
        state.idle.retain(|connection| is_fresh(connection, now));
        if !state.idle.is_empty() {
            return Emptied::No;
        }
        state.listed = false;
        Emptied::Yes
    }
}

impl PoolState {
    fn leads_to(&self, target: &Arc<Target>) -> bool {
        self.target.as_ref().is_some_and(|own| Arc::ptr_eq(own, target))
    }
}

fn is_fresh(connection: &Connection, now: UnixMillis) -> bool {
    !connection.is_closed()
        && now.since(connection.used_at) < IDLE_LIMIT
        && now.since(connection.opened_at) < AGE_LIMIT
}
