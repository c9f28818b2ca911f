//! The cap on open connections of the whole server, and the list of pools that could give one up.
//!
//! An idle connection counts as open. When all places are taken and somebody needs one, an idle connection of
//! whichever endpoint is closed for it, so that idle ones never keep an endpoint from delivering.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use semnal_core::time::UnixMillis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::{Emptied, Listing, Pool};
use super::exchange::Connection;
use super::target::Target;

/// Places for open connections.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    /// How many wait for a place.
    waiting: AtomicUsize,
    /// Pools that have idle connections, or had when last looked at. Lock order: never taken while a pool's
    /// lock is held.
    idle_pools: Mutex<VecDeque<Weak<Pool>>>,
}

impl Slots {
    /// Returns places for `open_connections_max` connections.
    pub(super) fn new(open_connections_max: usize) -> Slots {
        let places = open_connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Slots {
            free: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            idle_pools: Mutex::new(VecDeque::new()),
        }
    }

    /// Waits for a place, first come first served, closing an idle connection somewhere if need be.
    pub(super) async fn acquire(&self, now: UnixMillis) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return permit;
        }
        let _waiting = Waiting::enter(&self.waiting);
        self.close_one_idle(now);
        Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Keeps a connection for the next request to `target`, unless its place is needed elsewhere.
    pub(super) fn give_back(
        &self,
        connection: Connection,
        pool: &Arc<Pool>,
        target: &Arc<Target>,
        now: UnixMillis,
    ) {
        if pool.give_back(connection, target, now) == Listing::Add {
            self.idle_pools.lock().push_back(Arc::downgrade(pool));
        }
        // Looked at after the connection became visible: whoever began to wait before has not seen it.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            pool.close_one();
        }
    }

    /// Closes the connections whose time is over, in every pool.
    pub(super) fn close_expired(&self, now: UnixMillis) {
        self.idle_pools.lock().retain(|pool| match pool.upgrade() {
            Some(pool) => pool.close_expired(now) == Emptied::No,
            None => false,
        });
    }

    /// Closes one idle connection, of the pools in turn. Pools without any leave the list, so a pool is looked
    /// at in vain once for each time it was listed.
    fn close_one_idle(&self, now: UnixMillis) {
        let mut pools = self.idle_pools.lock();
        while let Some(weak) = pools.pop_front() {
            let Some(pool) = weak.upgrade() else { continue };
            let closed = pool.close_one();
            if pool.close_expired(now) == Emptied::No {
                pools.push_back(weak);
            }
            if closed {
                return;
            }
        }
    }
}

/// Counts one who waits, for as long as they do.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Waiting<'a> {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
