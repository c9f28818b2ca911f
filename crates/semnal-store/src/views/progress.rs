//! What the writer of the journal, the writer of the views and those who wait for them tell each other.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{oneshot, watch};

use super::audit::Standing;
use super::day::Day;
use super::feed::Fed;
use crate::error::StoreError;

/// The views are brought up when 20,000 entries of the feed wait, ...
pub(super) const BATCH_ENTRIES: usize = 20_000;
/// ... or 500 ms after the first, or when somebody asks. Large batches write each index page once.
const GATHER: Duration = Duration::from_millis(500);
/// After an error the next try is made 1 s later.
const RETRY: Duration = Duration::from_secs(1);
/// A list waits 250 ms at most for what was committed before it was asked for.
const WAIT: Duration = Duration::from_millis(250);
/// When the views are 200,000 entries behind, messages are accepted only as fast as the views follow.
const LAG_ENTRIES_MAX: u64 = 200_000;

/// Shared by everyone who has to do with the views.
pub(crate) struct Progress {
    state: Mutex<State>,
    wake: Condvar,
    /// The last position that was applied.
    reached: watch::Sender<i64>,
    /// Everything up to this position survives a power cut in the views.
    synced: AtomicI64,
    /// Counts up whenever a file is deleted.
    generation: AtomicU64,
}

#[derive(Default)]
struct State {
    committed: i64,
    wanted: i64,
    /// Entries between what was applied and what was committed.
    waiting: u64,
    phase: Phase,
    days: BTreeSet<Day>,
    asked: VecDeque<Task>,
    stopped: bool,
}

/// What the views are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// They follow the journal.
    #[default]
    Following,
    /// They are being built from the journal.
    Building {
        /// How much is done, in percent.
        percent: u8,
    },
}

/// What the writer of the views is asked to do beside following.
pub(super) enum Task {
    /// Build everything anew.
    Rebuild,
    /// Stand still at one position and hand over what is there.
    Audit(oneshot::Sender<Result<Standing, StoreError>>),
}

/// What the writer of the views does next.
pub(super) enum Job {
    Apply,
    Task(Task),
    Stop,
}

impl Progress {
    /// Starts at a position of the feed, with `waiting` entries behind it.
    pub(crate) fn new(reached: i64, committed: i64, waiting: u64) -> Progress {
        Progress {
            state: Mutex::new(State { committed, waiting, ..State::default() }),
            wake: Condvar::new(),
            reached: watch::Sender::new(reached),
            synced: AtomicI64::new(reached),
            generation: AtomicU64::new(0),
        }
    }

    /// The journal has committed a row of the feed.
    pub(crate) fn committed(&self, fed: Fed) {
        let mut state = self.state.lock();
        let was_idle = state.waiting == 0;
        state.committed = fed.position;
        state.waiting += fed.entries;
        if was_idle || state.waiting >= BATCH_ENTRIES as u64 {
            self.wake.notify_one();
        }
    }

    /// Waits until the views show what is committed now, 250 ms at most.
    ///
    /// # Errors
    /// [`StoreError::ViewsBuilding`] when they are not there to be read.
    pub(crate) async fn caught_up(&self) -> Result<(), StoreError> {
        let wanted = {
            let mut state = self.state.lock();
            if let Phase::Building { percent } = state.phase {
                return Err(StoreError::ViewsBuilding { percent });
            }
            let wanted = state.committed;
            if *self.reached.borrow() < wanted {
                state.wanted = state.wanted.max(wanted);
                self.wake.notify_one();
            }
            wanted
        };
        let mut reached = self.reached.subscribe();
        let arrived = tokio::time::timeout(WAIT, reached.wait_for(|at| *at >= wanted)).await;
        if arrived.is_err() {
            tracing::warn!("the views are more than {WAIT:?} behind; a list was answered without the latest");
        }
        Ok(())
    }

    /// Waits until the views show what is committed now, however long it takes; returns what
    /// [`Progress::check_unchanged`] wants.
    ///
    /// # Errors
    /// [`StoreError::ViewsBuilding`] when they are not there to be read.
    pub(crate) async fn complete(&self) -> Result<u64, StoreError> {
        let generation = self.generation();
        let wanted = self.state.lock().committed;
        let mut reached = self.reached.subscribe();
        loop {
            {
                let mut state = self.state.lock();
                if let Phase::Building { percent } = state.phase {
                    return Err(StoreError::ViewsBuilding { percent });
                }
                if *self.reached.borrow() >= wanted {
                    return Ok(generation);
                }
                state.wanted = state.wanted.max(wanted);
                self.wake.notify_one();
            }
            reached.changed().await.map_err(|_| StoreError::Stopped)?;
        }
    }

    /// Tells whether the files are still those of the answer of [`Progress::complete`].
    ///
    /// # Errors
    /// [`StoreError::ViewsBuilding`] when some were deleted since.
    pub(crate) fn check_unchanged(&self, generation: u64) -> Result<(), StoreError> {
        let percent = match self.state.lock().phase {
            Phase::Building { percent } => percent,
            Phase::Following if self.generation() == generation => return Ok(()),
            Phase::Following => 0,
        };
        Err(StoreError::ViewsBuilding { percent })
    }

    /// Waits while the views are too far behind for more messages.
    pub(crate) async fn room(&self) {
        if self.is_within_lag() {
            return;
        }
        let mut reached = self.reached.subscribe();
        while !self.is_within_lag() && reached.changed().await.is_ok() {}
    }

    fn is_within_lag(&self) -> bool {
        let state = self.state.lock();
        // While they are built, the journal is ahead for long; that is no reason to refuse work.
        state.waiting < LAG_ENTRIES_MAX || state.phase != Phase::Following
    }

    /// Returns what the views are doing, and how many entries they are behind.
    pub(crate) fn status(&self) -> (Phase, u64) {
        let state = self.state.lock();
        (state.phase, state.waiting)
    }

    /// Everything up to the returned position may leave the feed.
    pub(crate) fn synced(&self) -> i64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Returns the position that was applied last, when more was committed since.
    pub(super) fn behind(&self) -> Option<i64> {
        let committed = self.state.lock().committed;
        Some(self.reached()).filter(|reached| *reached < committed)
    }

    /// Returns the position that was applied last.
    pub(super) fn reached(&self) -> i64 {
        *self.reached.borrow()
    }

    /// Notes that the views have come to a position, past this many entries.
    pub(super) fn set_reached(&self, position: i64, entries: u64) {
        let mut state = self.state.lock();
        state.waiting = state.waiting.saturating_sub(entries);
        drop(state);
        self.reached.send_replace(position);
    }

    pub(super) fn set_synced(&self, position: i64) {
        self.synced.store(position, Ordering::Release);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.state.lock().phase = phase;
        // Whoever waits for room looks again.
        self.reached.send_modify(|_| {});
    }

    pub(super) fn set_days(&self, days: BTreeSet<Day>) {
        let mut state = self.state.lock();
        if state.days.difference(&days).next().is_some() {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        state.days = days;
    }

    /// Forgets every day, before the files are deleted.
    pub(super) fn clear_days(&self) {
        let mut state = self.state.lock();
        state.days.clear();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn days(&self, first: Day, last: Day) -> Vec<Day> {
        if first > last {
            return Vec::new();
        }
        self.state.lock().days.range(first..=last).copied().collect()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Asks for the views to be built anew.
    pub(crate) fn rebuild(&self) {
        self.set_phase(Phase::Building { percent: 0 });
        self.ask(Task::Rebuild);
    }

    /// Asks for what an audit needs: the journal and the files as of one moment.
    pub(crate) fn stand_still(&self) -> oneshot::Receiver<Result<Standing, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.ask(Task::Audit(answer));
        answered
    }

    fn ask(&self, task: Task) {
        self.state.lock().asked.push_back(task);
        self.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.wake.notify_one();
    }

    pub(super) fn is_following(&self) -> bool {
        self.state.lock().phase == Phase::Following
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Waits for something to do.
    pub(super) fn next_job(&self) -> Job {
        let mut state = self.state.lock();
        let mut gathered = false;
        loop {
            if state.stopped {
                return Job::Stop;
            }
            if let Some(task) = state.asked.pop_front() {
                return Job::Task(task);
            }
            let reached = *self.reached.borrow();
            let wanted = state.wanted > reached || state.waiting >= BATCH_ENTRIES as u64;
            if state.committed > reached && (wanted || gathered) {
                return Job::Apply;
            }
            if state.committed > reached {
                gathered = self.wake.wait_for(&mut state, GATHER).timed_out();
            } else {
                self.wake.wait(&mut state);
            }
        }
    }

    /// Waits before the next try after an error; tells whether to stop instead.
    pub(super) fn wait_after_error(&self) -> bool {
        let mut state = self.state.lock();
        if !state.stopped {
            self.wake.wait_for(&mut state, RETRY);
        }
        state.stopped
    }
}
