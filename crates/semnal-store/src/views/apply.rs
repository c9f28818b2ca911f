//! Brings the files of the views up to a position of the feed: reads from the journal what the feed names, and writes
//! rows and roll-ups.
//!
//! Invariant: a state is derived from the journal by the same rule as everywhere (`derive_state`), and a roll-up moves
//! by what a row's change amounts to, in the row's transaction. So a part of the feed may be applied again, after a
//! crash or after a rebuild, and changes nothing the second time.

use std::collections::{BTreeMap, BTreeSet};

use semnal_core::delivery::DeliveryState;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, MessageId};

use super::day::Day;
use super::feed::Entry;
use super::files::Files;
use super::rows::{self, AttemptRow, DeliveryRow, Minutes};
use crate::error::StoreError;
use crate::outcome::Verdict;
use crate::read::{ReadSource, derive_state};
use crate::sqlite::narrow::{Gist, Heading};

/// 1,000,000 messages are in one commit at most: more do not fit into a batch of the writer.
const MESSAGES_PER_COMMIT_MAX: usize = 1_000_000;
/// 5,000 undecided deliveries of a deleted endpoint are looked at in one transaction.
const CANCELLED_BATCH_ROWS: usize = 5_000;

/// What is to be written, gathered from the journal.
#[derive(Default)]
pub(super) struct Changes {
    headings: BTreeMap<MessageId, Heading>,
    /// Messages that the views may not have yet.
    appended: Vec<MessageId>,
    attempts: Vec<Gist>,
    states: BTreeMap<DeliveryId, (EndpointId, State)>,
}

/// A delivery's state as the views keep it: a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The receiver took it.
    Delivered,
    /// An attempt will be made, or it is held.
    Pending,
    /// Every attempt failed.
    Failed,
    /// A person cancelled it or expunged its message, or its endpoint was deleted.
    Cancelled,
    /// The retention of its payload passed before the receiver took it.
    Expired,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] =
        [State::Delivered, State::Pending, State::Failed, State::Cancelled, State::Expired];

    pub(crate) fn code(self) -> i64 {
        match self {
            State::Delivered => 0,
            State::Pending => 1,
            State::Failed => 2,
            State::Cancelled => 3,
            State::Expired => 4,
        }
    }

    pub(crate) fn of_code(code: i64) -> Option<State> {
        State::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Returns what the views keep of a state; whether an endpoint holds shows when somebody looks.
    pub fn of(state: DeliveryState) -> State {
        match state {
            DeliveryState::Pending(_) | DeliveryState::Held(_) => State::Pending,
            DeliveryState::Delivered(_) => State::Delivered,
            DeliveryState::Failed(_) => State::Failed,
            DeliveryState::Cancelled(_) => State::Cancelled,
            DeliveryState::Expired(_) => State::Expired,
        }
    }
}

/// Applies entries of the feed. `journal` sees one state of the journal, at or after the entries.
pub(super) fn apply(
    files: &mut Files,
    journal: &ReadSource<'_>,
    entries: &[Entry],
) -> Result<(), StoreError> {
    let changes = Changes::gather(journal, entries)?;
    changes.write(files)?;
    files.commit()?;
    for entry in entries {
        if let Entry::Endpoint(endpoint) = entry {
            cancel(files, journal, *endpoint)?;
        }
    }
    Ok(())
}

impl Changes {
    fn gather(journal: &ReadSource<'_>, entries: &[Entry]) -> Result<Changes, StoreError> {
        let mut changes = Changes::default();
        for entry in entries {
            if let Entry::Messages(first, last) = entry {
                changes.appended(journal.headings(*first, *last, MESSAGES_PER_COMMIT_MAX)?);
            }
        }
        let mut to_derive = BTreeSet::new();
        for entry in entries {
            match entry {
                Entry::Attempt(id) => changes.attempt(journal, *id, &mut to_derive)?,
                Entry::Delivery(id) => {
                    to_derive.insert(*id);
                }
                Entry::Messages(..) | Entry::Endpoint(_) | Entry::Deleted(_) => {}
            }
        }
        for id in to_derive {
            changes.derive(journal, id)?;
        }
        Ok(changes)
    }

    /// Takes new messages in: each of their deliveries is pending until an entry of the feed says otherwise.
    pub(super) fn appended(&mut self, headings: Vec<Heading>) {
        for heading in headings {
            let id = heading.id;
            for (ordinal, endpoint) in (0u16..).zip(&heading.endpoints) {
                self.states.insert(DeliveryId { message: id, ordinal }, (*endpoint, State::Pending));
            }
            self.appended.push(id);
            self.headings.insert(id, heading);
        }
    }

    fn attempt(
        &mut self,
        journal: &ReadSource<'_>,
        id: AttemptId,
        to_derive: &mut BTreeSet<DeliveryId>,
    ) -> Result<(), StoreError> {
        let Some(gist) = journal.gist(id)? else { return Ok(()) };
        if !self.knows(journal, id.delivery.message)? {
            return Ok(());
        }
        // The common case needs no further look: the first attempt decides, unless the delivery was called off while it
        // was under way. A later entry reopens it, if one does.
        let decides = id.number == 1 && gist.verdict.is_final();
        if decides && journal.called_off_row(id.delivery)?.is_none() {
            let state = if gist.verdict == Verdict::Delivered { State::Delivered } else { State::Failed };
            self.states.insert(id.delivery, (gist.endpoint, state));
        } else {
            to_derive.insert(id.delivery);
        }
        self.attempts.push(gist);
        Ok(())
    }

    /// Takes in the attempts of messages that were taken in before; those of no message are left out.
    pub(super) fn attempts(&mut self, gists: Vec<Gist>) {
        let known = |gist: &Gist| self.headings.contains_key(&gist.id.delivery.message);
        self.attempts.extend(gists.into_iter().filter(known));
    }

    /// Takes the state of a delivery in.
    pub(super) fn state(&mut self, id: DeliveryId, endpoint: EndpointId, state: State) {
        self.states.insert(id, (endpoint, state));
    }

    fn derive(&mut self, journal: &ReadSource<'_>, id: DeliveryId) -> Result<(), StoreError> {
        if !self.knows(journal, id.message)? {
            return Ok(());
        }
        let matched = self.headings[&id.message].endpoints.get(usize::from(id.ordinal)).copied();
        let added = || {
            let added = journal.added(id.message, id.message)?;
            Ok::<_, StoreError>(added.into_iter().find(|(delivery, _)| *delivery == id).map(|(_, e)| e))
        };
        if let Some(endpoint) = matched.map_or_else(added, |endpoint| Ok(Some(endpoint)))? {
            let state = derived(journal, id, endpoint)?;
            self.states.insert(id, (endpoint, state));
        }
        Ok(())
    }

    /// Loads what a message is about; tells whether it still exists.
    fn knows(&mut self, journal: &ReadSource<'_>, id: MessageId) -> Result<bool, StoreError> {
        if self.headings.contains_key(&id) {
            return Ok(true);
        }
        let found = journal.headings(id, id, 1)?.pop();
        Ok(found.map(|heading| self.headings.insert(id, heading)).is_some())
    }

    /// Writes everything, each table in the order of its key, with the transactions left open.
    pub(super) fn write(self, files: &mut Files) -> Result<(), StoreError> {
        let Changes { headings, mut appended, attempts, states } = self;
        let mut minutes = BTreeMap::<Day, Minutes>::new();
        appended.sort_by_key(|id| (headings[id].application, *id));
        let mut fresh = BTreeSet::new();
        for id in &appended {
            let day = Day::of(id.0.time());
            if rows::put_message(files.day(day)?, &headings[id], minutes.entry(day).or_default())? {
                fresh.insert(*id);
            }
        }
        let mut deliveries: Vec<(DeliveryId, EndpointId, State)> =
            states.into_iter().map(|(id, (endpoint, state))| (id, endpoint, state)).collect();
        deliveries.sort_unstable_by_key(|(id, endpoint, _)| (*endpoint, *id));
        for (id, endpoint, state) in deliveries {
            let day = Day::of(id.message.0.time());
            let row = DeliveryRow { id, endpoint, state, heading: &headings[&id.message] };
            let is_new = fresh.contains(&id.message);
            rows::put_delivery(files.day(day)?, row, is_new, minutes.entry(day).or_default())?;
        }
        let mut attempts: Vec<AttemptRow<'_>> = attempts
            .iter()
            .map(|gist| AttemptRow { gist, heading: &headings[&gist.id.delivery.message] })
            .collect();
        attempts.sort_unstable_by_key(AttemptRow::key);
        for row in attempts {
            let day = Day::of(row.gist.started_at);
            rows::put_attempt(files.day(day)?, &row, minutes.entry(day).or_default())?;
        }
        for (day, minutes) in minutes {
            minutes.write(files.day(day)?)?;
        }
        Ok(())
    }
}

fn derived(journal: &ReadSource<'_>, id: DeliveryId, endpoint: EndpointId) -> Result<State, StoreError> {
    let gists = journal.gists(id.message, id.message)?;
    let verdicts = gists.iter().filter(|gist| gist.id.delivery == id).map(|gist| gist.verdict);
    let retry = journal.retry(endpoint, id)?;
    let (cut, called_off) = (journal.cut(endpoint)?, journal.called_off_row(id)?);
    Ok(State::of(derive_state(id, verdicts, retry.as_ref(), cut, called_off.as_ref())))
}

/// Looks again at every delivery of an endpoint that the views have as undecided.
fn cancel(files: &mut Files, journal: &ReadSource<'_>, endpoint: EndpointId) -> Result<(), StoreError> {
    for day in files.days()? {
        let mut after = None;
        loop {
            let pending =
                rows::pending_of(&files.day(day)?.connection, endpoint, after, CANCELLED_BATCH_ROWS)?;
            after = pending.last().copied();
            let mut changes = Changes::default();
            for id in pending {
                changes.derive(journal, id)?;
            }
            changes.write(files)?;
            files.commit()?;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}
