//! Building the views from the journal alone, when they are missing, damaged, of another version, or when somebody asks.
//!
//! The journal goes on meanwhile: the feed is read again from where it stood at the beginning, and what it says twice
//! changes nothing.

use std::collections::HashMap;

use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId};

use super::apply::{Changes, State};
use super::progress::Phase;
use super::{Follower, feed};
use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::read::{ReadSource, derive_state};
use crate::sqlite::narrow::{Gist, Heading};

/// 5,000 messages are read and written at once.
const BATCH_MESSAGES: usize = 5_000;

impl Follower {
    pub(super) fn rebuild(&mut self) -> Result<(), StoreError> {
        tracing::info!("the views are built from the journal");
        self.progress.set_phase(Phase::Building { percent: 0 });
        self.progress.clear_days();
        self.files.start_anew()?;
        let (position, passed, last) = self.standing()?;
        let mut from = Key(0);
        let mut messages = 0u64;
        while let Some((reached, count)) = self.rebuild_from(from)? {
            messages += count;
            from = Key(reached.0.0 + 1);
            self.progress.set_phase(Phase::Building { percent: percent(reached.0, last) });
            if self.progress.is_stopped() {
                return Ok(());
            }
        }
        self.files.complete()?;
        self.progress.set_days(self.files.days()?);
        self.progress.set_reached(position, passed);
        self.progress.set_synced(position);
        self.progress.set_phase(Phase::Following);
        tracing::info!(messages, "the views are built");
        Ok(())
    }

    /// Returns the position of the feed, how many entries lie before it that were not applied, and the last message.
    fn standing(&self) -> Result<(i64, u64, Key), StoreError> {
        let source = self.journal.source();
        let ReadSource::Sqlite(connection) = &source else { return Err(StoreError::Stopped) };
        let reached = self.progress.reached();
        let position = feed::last(connection)?.unwrap_or(reached).max(reached);
        let passed = feed::entries_between(connection, reached, position)?;
        Ok((position, passed, source.last_message()?.unwrap_or_default()))
    }

    /// Builds what follows from some messages; returns the last of them and how many they were.
    fn rebuild_from(&mut self, from: Key) -> Result<Option<(MessageId, u64)>, StoreError> {
        self.journal.begin_snapshot()?;
        let gathered = gather(&self.journal.source(), from);
        self.journal.end_snapshot()?;
        let Some((changes, last, count)) = gathered? else { return Ok(None) };
        changes.write(&mut self.files)?;
        self.files.commit()?;
        Ok(Some((last, count)))
    }
}

/// Returns a share of the keys in percent; the time inside a key grows, which is all that progress needs.
fn percent(reached: Key, last: Key) -> u8 {
    let share = i128::from(reached.0) * 100 / i128::from(last.0.max(1));
    u8::try_from(share.clamp(0, 99)).unwrap_or(99)
}

fn gather(journal: &ReadSource<'_>, from: Key) -> Result<Option<(Changes, MessageId, u64)>, StoreError> {
    let headings = journal.headings(MessageId(from), MessageId(Key(i64::MAX)), BATCH_MESSAGES)?;
    let (Some(first), Some(last)) = (headings.first(), headings.last()) else { return Ok(None) };
    let (first, last, count) = (first.id, last.id, headings.len() as u64);
    let mut changes = Changes::default();
    let states = states(journal, &headings, first, last)?;
    changes.appended(headings);
    let gists = journal.gists(first, last)?;
    for (id, endpoint, state) in states {
        changes.state(id, endpoint, state);
    }
    changes.attempts(gists);
    Ok(Some((changes, last, count)))
}

/// Derives the state of every delivery of some messages, which are all those from the first to the last.
pub(super) fn states(
    journal: &ReadSource<'_>,
    headings: &[Heading],
    first: MessageId,
    last: MessageId,
) -> Result<Vec<(DeliveryId, EndpointId, State)>, StoreError> {
    let gists = journal.gists(first, last)?;
    let cuts: HashMap<EndpointId, Key> = journal.cuts()?.into_iter().collect();
    let matched = headings.iter().flat_map(|heading| {
        let of = |ordinal| DeliveryId { message: heading.id, ordinal };
        (0u16..).map(of).zip(heading.endpoints.iter().copied())
    });
    let called_off = journal.called_off(first, last)?;
    let called_off: HashMap<DeliveryId, CalledOffRow> =
        called_off.into_iter().map(|row| (row.delivery, row)).collect();
    let mut all = Vec::new();
    let known = |id: &DeliveryId| headings.binary_search_by_key(&id.message, |it| it.id).is_ok();
    let added = journal.added(first, last)?.into_iter().filter(|(id, _)| known(id));
    for (id, endpoint) in matched.chain(added) {
        let verdicts = of_delivery(&gists, id).iter().map(|gist| gist.verdict);
        let retry = journal.retry(endpoint, id)?;
        let cut = cuts.get(&endpoint).copied();
        let state = derive_state(id, verdicts, retry.as_ref(), cut, called_off.get(&id));
        all.push((id, endpoint, State::of(state)));
    }
    Ok(all)
}

fn of_delivery(gists: &[Gist], id: DeliveryId) -> &[Gist] {
    let start = gists.partition_point(|gist| gist.id.delivery < id);
    let end = gists.partition_point(|gist| gist.id.delivery <= id);
    &gists[start..end]
}
