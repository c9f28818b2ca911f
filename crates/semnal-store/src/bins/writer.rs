//! The thread that writes bins: everything that waits becomes one transaction, answers follow its commit.
//!
//! Limits are held here, in the transaction of what exceeds them: the oldest requests of a bin go. Once a minute bins
//! and requests go whose time has passed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use semnal_core::id::{BinId, CapturedId};
use semnal_core::request_bin::capture::{Capture, CapturedRequest};
use semnal_core::request_bin::{Bin, Tally};
use semnal_core::time::UnixMillis;
use tokio::sync::{Semaphore, oneshot};

use super::backend::{Backend, Write};
use super::directory::Directory;
use super::{BinChange, BinLimits, BinState, Shared};
use crate::error::StoreError;
use crate::store::Now;

/// 1,024 commands in one transaction.
const BATCH_MAX: usize = 1_024;
/// 60 s between two looks for what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// 256 requests are looked at at a time when old ones have to go.
const OLDEST_STEP: usize = 256;

/// A command that waits.
pub(super) struct Ticket {
    pub(super) command: Command,
    /// How much of the queue it takes.
    pub(super) permits: u32,
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Works changes out from the bins as they are.
pub(super) type Made = Box<dyn FnOnce(&Directory) -> Vec<BinChange> + Send>;

/// What the writer is asked for.
pub(super) enum Command {
    Capture { bin: BinId, capture: Box<Capture>, answer: Answer<Option<CapturedId>> },
    Change { make: Made, answer: Answer<()> },
    Delete { id: CapturedId, answer: Answer<bool> },
    Empty { bin: BinId, answer: Answer<bool> },
    Stop(oneshot::Sender<()>),
}

/// An answer that is given after the commit.
enum Waiting {
    Captured(Answer<Option<CapturedId>>, Option<CapturedId>),
    Changed(Answer<()>),
    Deleted(Answer<bool>, bool),
}

/// See the module.
pub(super) struct Writer {
    pub(super) backend: Backend,
    pub(super) commands: Receiver<Ticket>,
    pub(super) capacity: Arc<Semaphore>,
    pub(super) shared: Arc<Shared>,
    /// The bins with what the transaction has made of them so far.
    pub(super) directory: Directory,
    pub(super) now: Now,
    pub(super) limits: BinLimits,
}

impl Writer {
    /// Writes until it is told to stop, everybody has gone, or the file cannot be written any more.
    pub(super) fn run(mut self) {
        let mut swept_at = UnixMillis(0);
        loop {
            let mut stop = None;
            let mut batch = Vec::new();
            match self.commands.recv_timeout(SWEEP_EVERY) {
                Ok(ticket) => batch.push(ticket),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while batch.len() < BATCH_MAX
                && let Ok(ticket) = self.commands.try_recv()
            {
                batch.push(ticket);
            }
            let (mut commands, mut permits) = (Vec::with_capacity(batch.len()), 0);
            for ticket in batch {
                permits += usize::try_from(ticket.permits).unwrap_or(0);
                match ticket.command {
                    Command::Stop(answer) => stop = Some(answer),
                    command => commands.push(command),
                }
            }
            let now = (self.now)();
            let due = now.since(swept_at) >= SWEEP_EVERY || now < swept_at;
            if due {
                swept_at = now;
            }
            let written = self.transaction(commands, due.then_some(now));
            self.capacity.add_permits(permits);
            if let Err(error) = written {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the request bins cannot be written any more and have stopped; deliveries go on"
                );
                return;
            }
            if let Some(answer) = stop {
                if let Err(error) = self.backend.close() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the file of the bins keeps its log"
                    );
                }
                if answer.send(()).is_err() {
                    tracing::debug!("whoever stopped the bins has gone");
                }
                return;
            }
        }
    }

    /// Makes one transaction. A full disk is told to those who wait, and the next one tries again; any other error ends
    /// the writer.
    fn transaction(&mut self, commands: Vec<Command>, sweep: Option<UnixMillis>) -> Result<(), StoreError> {
        if commands.is_empty() && sweep.is_none() {
            return Ok(());
        }
        let (mut touched, mut waiting) = (BTreeSet::new(), Vec::with_capacity(commands.len()));
        match self.write(commands, sweep, &mut touched, &mut waiting) {
            Ok(()) => {
                self.publish(&touched);
                waiting.into_iter().for_each(Waiting::answer);
                if sweep.is_some() { self.backend.shrink() } else { Ok(()) }
            }
            Err(error) => {
                self.backend.rollback();
                self.directory = self.shared.directory.read().clone();
                let full = matches!(error, StoreError::Full);
                waiting.into_iter().for_each(|it| it.fail(full));
                if full { Ok(()) } else { Err(error) }
            }
        }
    }

    fn write(
        &mut self,
        commands: Vec<Command>,
        sweep: Option<UnixMillis>,
        touched: &mut BTreeSet<BinId>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), StoreError> {
        // Answers are noted before anything can fail, so that nobody waits in vain for a disk that was full.
        let mut failed = self.backend.begin().err();
        for command in commands {
            let (slot, done) = self.apply(command, touched, failed.is_some());
            waiting.extend(slot);
            failed = failed.or(done.err());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(now) = sweep {
            self.sweep(now, touched)?;
        }
        for id in touched.clone() {
            self.hold_limits(id)?;
        }
        self.hold_total(touched)?;
        for state in touched.iter().filter_map(|id| self.directory.get(*id)) {
            self.backend.write(Write::Tally(state))?;
        }
        self.backend.commit()
    }

    /// Applies a command, unless the transaction has failed already; returns who waits for its answer.
    fn apply(
        &mut self,
        command: Command,
        touched: &mut BTreeSet<BinId>,
        failed: bool,
    ) -> (Option<Waiting>, Result<(), StoreError>) {
        match command {
            Command::Capture { bin, capture, answer } => {
                let done = if failed { Ok(None) } else { self.capture(bin, *capture) };
                let (id, done) = split(done);
                touched.extend(id.map(|id| id.bin));
                (Some(Waiting::Captured(answer, id)), done)
            }
            Command::Change { make, answer } => {
                let done = if failed { Ok(()) } else { self.change(make, touched) };
                (Some(Waiting::Changed(answer)), done)
            }
            Command::Delete { id, answer } => {
                let (found, done) = split(if failed { Ok(false) } else { self.delete(id) });
                touched.extend(found.then_some(id.bin));
                (Some(Waiting::Deleted(answer, found)), done)
            }
            Command::Empty { bin, answer } => {
                let (found, done) = split(if failed { Ok(false) } else { self.empty(bin) });
                touched.extend(found.then_some(bin));
                (Some(Waiting::Deleted(answer, found)), done)
            }
            Command::Stop(_) => (None, Ok(())),
        }
    }

    fn capture(&mut self, bin: BinId, capture: Capture) -> Result<Option<CapturedId>, StoreError> {
        let (now, lifetime) = ((self.now)(), self.limits.lifetime);
        let live = self.directory.get(bin).is_some_and(|it| it.bin.expires_at(&it.tally, lifetime) > now);
        let Some(tally) = self.directory.tally(bin).filter(|_| live) else { return Ok(None) };
        let Some(number) = tally.last_number.checked_add(1) else { return Ok(None) };
        let id = CapturedId { bin, number };
        tally.last_number = number;
        tally.requests += 1;
        tally.bytes += capture.bytes();
        tally.used_at = now.max(tally.used_at);
        self.backend.write(Write::Request(&CapturedRequest { id, capture }))?;
        Ok(Some(id))
    }

    fn change(&mut self, make: Made, touched: &mut BTreeSet<BinId>) -> Result<(), StoreError> {
        for change in make(&self.directory) {
            match change {
                BinChange::Put(bin) => {
                    touched.insert(bin.id);
                    self.put(*bin)?;
                }
                BinChange::Delete(id) => {
                    touched.insert(id);
                    self.remove(id)?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, bin: Bin) -> Result<(), StoreError> {
        let tally = self
            .directory
            .get(bin.id)
            .map_or(Tally { used_at: bin.created_at, ..Tally::default() }, |it| it.tally);
        let state = BinState { bin: Arc::new(bin), tally };
        self.backend.write(Write::Bin(&state))?;
        self.directory.put(state);
        Ok(())
    }

    fn remove(&mut self, id: BinId) -> Result<(), StoreError> {
        self.backend.write(Write::DeleteUpTo(CapturedId { bin: id, number: u32::MAX }))?;
        self.backend.write(Write::DeleteBin(id))?;
        self.directory.remove(id);
        Ok(())
    }

    fn delete(&mut self, id: CapturedId) -> Result<bool, StoreError> {
        let Some(bytes) = self.backend.bytes_of(id)? else { return Ok(false) };
        self.backend.write(Write::DeleteRequest(id))?;
        if let Some(tally) = self.directory.tally(id.bin) {
            tally.requests = tally.requests.saturating_sub(1);
            tally.bytes = tally.bytes.saturating_sub(bytes);
        }
        Ok(true)
    }

    fn empty(&mut self, bin: BinId) -> Result<bool, StoreError> {
        let Some(tally) = self.directory.tally(bin) else { return Ok(false) };
        tally.requests = 0;
        tally.bytes = 0;
        let last = CapturedId { bin, number: tally.last_number };
        self.backend.write(Write::DeleteUpTo(last))?;
        Ok(true)
    }

    /// Deletes the oldest requests of a bin that holds too much. Its newest one stays.
    fn hold_limits(&mut self, bin: BinId) -> Result<(), StoreError> {
        let BinLimits { requests_max, bytes_max, .. } = self.limits;
        self.drop_oldest(bin, |tally, _| {
            tally.requests > requests_max || (tally.bytes > bytes_max && tally.requests > 1)
        })
    }

    /// Deletes the oldest requests of the largest bins as long as all together hold too much.
    fn hold_total(&mut self, touched: &mut BTreeSet<BinId>) -> Result<(), StoreError> {
        loop {
            let total: u64 = self.directory.iter().map(|it| it.tally.bytes).sum();
            let Some(excess) = total.checked_sub(self.limits.total_bytes_max).filter(|it| *it > 0) else {
                return Ok(());
            };
            let largest =
                self.directory.iter().filter(|it| it.tally.requests > 1).max_by_key(|it| it.tally.bytes);
            let Some((id, held)) = largest.map(|it| (it.bin.id, it.tally.bytes)) else { return Ok(()) };
            touched.insert(id);
            self.drop_oldest(id, |tally, _| tally.requests > 1 && tally.bytes + excess > held)?;
        }
    }

    /// Deletes requests from the old end of a bin as long as `too_much` says so of what it holds and when the oldest
    /// came.
    fn drop_oldest(
        &mut self,
        bin: BinId,
        too_much: impl Fn(&Tally, Option<UnixMillis>) -> bool,
    ) -> Result<(), StoreError> {
        loop {
            let Some(state) = self.directory.get(bin) else { return Ok(()) };
            let mut tally = state.tally;
            if tally.requests == 0 || !too_much(&tally, None) {
                return Ok(());
            }
            let mut last = None;
            let oldest = self.backend.oldest(bin, OLDEST_STEP)?;
            for old in &oldest {
                if !too_much(&tally, Some(old.received_at)) {
                    break;
                }
                tally.requests = tally.requests.saturating_sub(1);
                tally.bytes = tally.bytes.saturating_sub(old.bytes);
                last = Some(old.number);
            }
            let Some(number) = last else { return Ok(()) };
            self.backend.write(Write::DeleteUpTo(CapturedId { bin, number }))?;
            if let Some(now_held) = self.directory.tally(bin) {
                *now_held = tally;
            }
        }
    }

    /// Deletes bins and requests whose time has passed.
    fn sweep(&mut self, now: UnixMillis, touched: &mut BTreeSet<BinId>) -> Result<(), StoreError> {
        let lifetime = self.limits.lifetime;
        let all: Vec<BinState> = self.directory.iter().cloned().collect();
        for it in all {
            let id = it.bin.id;
            if it.bin.expires_at(&it.tally, lifetime) <= now {
                self.remove(id)?;
                touched.insert(id);
                continue;
            }
            let too_old = |came: Option<UnixMillis>| came.is_none_or(|at| at + lifetime <= now);
            self.drop_oldest(id, |_, came| too_old(came))?;
            if self.directory.get(id).is_some_and(|now_held| now_held.tally != it.tally) {
                touched.insert(id);
            }
        }
        Ok(())
    }

    /// Shows everybody what is committed, and wakes those who watch.
    fn publish(&mut self, touched: &BTreeSet<BinId>) {
        let mut published = self.shared.directory.write();
        for id in touched {
            match self.directory.get(*id) {
                Some(state) => published.put(state.clone()),
                None => drop(published.remove(*id)),
            }
        }
        drop(published);
        for id in touched {
            self.shared.tell(*id, self.directory.get(*id));
        }
    }
}

/// Takes a result apart, so that whoever waits is known also when it failed.
fn split<T: Default>(done: Result<T, StoreError>) -> (T, Result<(), StoreError>) {
    match done {
        Ok(value) => (value, Ok(())),
        Err(error) => (T::default(), Err(error)),
    }
}

impl Waiting {
    fn answer(self) {
        let heard = match self {
            Waiting::Captured(answer, id) => answer.send(Ok(id)).is_ok(),
            Waiting::Changed(answer) => answer.send(Ok(())).is_ok(),
            Waiting::Deleted(answer, found) => answer.send(Ok(found)).is_ok(),
        };
        if !heard {
            tracing::debug!("whoever asked the bins has gone");
        }
    }

    fn fail(self, full: bool) {
        let error = || if full { StoreError::Full } else { StoreError::Stopped };
        let heard = match self {
            Waiting::Captured(answer, _) => answer.send(Err(error())).is_ok(),
            Waiting::Changed(answer) => answer.send(Err(error())).is_ok(),
            Waiting::Deleted(answer, _) => answer.send(Err(error())).is_ok(),
        };
        if !heard {
            tracing::debug!("whoever asked the bins has gone");
        }
    }
}
