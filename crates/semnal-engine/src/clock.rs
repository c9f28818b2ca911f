//! The clock that the engine and its transport run on: the machine's, or one that a test moves by hand.
//!
//! Everything that waits for a point in time waits here, so that days of retries run in milliseconds. Lengths
//! of phases (how long did TLS take?) are measured with [`std::time::Instant`] instead; they decide nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use semnal_core::time::UnixMillis;

/// Where "now" comes from and what waits for a later point.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock and tokio's timers.
    System,
    /// A clock that stands still until a test moves it.
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// Returns a manual clock that stands at `start`, and the handle that moves it.
    pub fn manual(start: UnixMillis) -> (Clock, Arc<ManualClock>) {
        let manual = Arc::new(ManualClock::new(start));
        (Clock::Manual(Arc::clone(&manual)), manual)
    }

    /// Returns the current time.
    pub fn now(&self) -> UnixMillis {
        match self {
            Clock::System => system_now(),
            Clock::Manual(clock) => clock.now(),
        }
    }

    /// Waits until `due`; returns at once when it has passed.
    ///
    /// On the system clock the wait is a length, fixed at the first poll: when somebody sets the machine's clock
    /// meanwhile, it ends earlier or later than `due`. Who needs the point itself compares [`Clock::now`] again.
    pub async fn sleep_until(&self, due: UnixMillis) {
        match self {
            Clock::System => system_sleep(due.since(system_now())).await,
            Clock::Manual(clock) => clock.sleep_until(due).await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
fn system_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(0) + since_epoch
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
fn system_sleep(length: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(length)
}

/// A clock for tests: it stands still until it is advanced, and then wakes who is due.
pub struct ManualClock {
    state: Mutex<ManualState>,
}

struct ManualState {
    now: UnixMillis,
    /// Who waits, earliest first; the number tells apart those that wait for the same millisecond.
    sleepers: BTreeMap<(UnixMillis, u64), Waker>,
    next_number: u64,
}

impl ManualClock {
    /// Returns a clock that stands at `start`.
    pub fn new(start: UnixMillis) -> ManualClock {
        ManualClock {
            state: Mutex::new(ManualState { now: start, sleepers: BTreeMap::new(), next_number: 0 }),
        }
    }

    /// Returns the time at which the clock stands.
    pub fn now(&self) -> UnixMillis {
        self.state.lock().now
    }

    /// Moves the clock to `to` and wakes every sleeper that is due by then. The clock never goes back: an
    /// earlier `to` changes nothing.
    pub fn advance_to(&self, to: UnixMillis) {
        let due = {
            let mut state = self.state.lock();
            state.now = state.now.max(to);
            let first_later = (UnixMillis(state.now.0.saturating_add(1)), 0);
            let later = state.sleepers.split_off(&first_later);
            std::mem::replace(&mut state.sleepers, later)
        };
        // Woken outside the lock: a waker may poll, and polling takes the lock.
        for waker in due.into_values() {
            waker.wake();
        }
    }

    /// Moves the clock forward by `length`.
    pub fn advance(&self, length: Duration) {
        self.advance_to(self.now() + length);
    }

    /// Returns the earliest point that somebody waits for.
    pub fn next_wake(&self) -> Option<UnixMillis> {
        self.state.lock().sleepers.keys().next().map(|(due, _)| *due)
    }

    /// Waits until the clock was moved to `due` or beyond.
    pub async fn sleep_until(&self, due: UnixMillis) {
        ManualSleep { clock: self, due, number: None }.await;
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

struct ManualSleep<'a> {
    clock: &'a ManualClock,
    due: UnixMillis,
    /// Its number among the sleepers, once it waits.
    number: Option<u64>,
}

impl Future for ManualSleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state.lock();
        if state.now >= self.due {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or(state.next_number);
        if self.number.is_none() {
            state.next_number += 1;
        }
        state.sleepers.insert((self.due, number), cx.waker().clone());
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for ManualSleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.clock.state.lock().sleepers.remove(&(self.due, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_manual_clock_wakes_who_is_due_and_nobody_else() {
        let (clock, manual) = Clock::manual(UnixMillis(1_000));
        let mut early = Box::pin(clock.sleep_until(UnixMillis(1_500)));
        let mut late = Box::pin(clock.sleep_until(UnixMillis(1_501)));
        assert!(early.as_mut().now_or_never().is_none());
        assert!(late.as_mut().now_or_never().is_none());
        assert_eq!(manual.next_wake(), Some(UnixMillis(1_500)));

        manual.advance(Duration::from_millis(500));
        assert!(early.as_mut().now_or_never().is_some());
        assert!(late.as_mut().now_or_never().is_none());
        assert_eq!(manual.next_wake(), Some(UnixMillis(1_501)));
    }

    #[test]
    fn a_sleeper_that_is_dropped_is_forgotten() {
        let (clock, manual) = Clock::manual(UnixMillis(0));
        let mut sleep = Box::pin(clock.sleep_until(UnixMillis(7)));
        assert!(sleep.as_mut().now_or_never().is_none());
        drop(sleep);
        assert_eq!(manual.next_wake(), None);
    }

    #[test]
    fn a_manual_clock_never_goes_back() {
        let (clock, manual) = Clock::manual(UnixMillis(10));
        manual.advance_to(UnixMillis(5));
        assert_eq!(clock.now(), UnixMillis(10));
    }
}
