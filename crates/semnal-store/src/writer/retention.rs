//! Retention: payloads and messages whose time has passed go, a few with each transaction, oldest first.
//!
//! What is still undecided then has expired. Messages go in the order of their keys, so that one key says what is
//! left; payloads that expire before their messages have rows in the order of time. Nothing is looked for that is not
//! due.

use std::time::Duration;

use semnal_core::id::{Key, MessageId};
use semnal_core::time::UnixMillis;

use super::Writer;
use super::batch::Batch;
use crate::called_off::Reason;
use crate::error::StoreError;
use crate::journal::Write;
use crate::message::Matched;
use crate::read::ReadSource;
use crate::recovery::LAST_KEY;

/// 64 messages are deleted with one transaction, and as many more as it appends: retention keeps up with whatever is
/// accepted and costs an append a fraction of itself.
const MESSAGES_PER_BATCH: usize = 64;
/// 4 MiB of payload are deleted with one transaction, but for one message: their pages are overwritten.
const PAYLOAD_BYTES_PER_BATCH: usize = 4 * 1_024 * 1_024;
/// 64 payloads expire with one transaction.
const PAYLOADS_PER_BATCH: usize = 64;
/// Between two transactions that delete, other commands may come in for 1 ms.
const PAUSE: Duration = Duration::from_millis(1);
/// An idle writer looks at the clock every minute at least: somebody may have set it.
const LOOK: Duration = Duration::from_secs(60);

/// What retention has done and what it does next; the writer thread owns it.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    /// How long messages are kept; `None` keeps them for ever.
    pub(crate) keep: Option<Duration>,
    /// When the next payload expires before its message does.
    pub(crate) next_payload: Option<UnixMillis>,
}

impl Retention {
    /// Reads what is next.
    pub(crate) fn open(source: &ReadSource<'_>, keep: Option<Duration>) -> Result<Retention, StoreError> {
        let next_payload = source.payload_expiries(None, 1)?.first().map(|(at, _)| *at);
        Ok(Retention { keep, next_payload })
    }
}

/// What the transaction under way has done, in force after the commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expired {
    /// Every message before this key is gone.
    pub(super) kept_from: Key,
    pub(super) next_payload: Option<UnixMillis>,
}

impl Writer {
    /// Returns how long nothing has to be done; `None` when nothing will ever expire by itself.
    pub(super) fn retention_wait(&self) -> Option<Duration> {
        let message = self.retention.keep.filter(|_| self.kept_from <= self.last_message);
        let message = message.map(|keep| self.kept_from.time() + keep + Duration::from_millis(1));
        let payload = self.retention.next_payload.filter(|_| self.retention.keep.is_some());
        let due = message.into_iter().chain(payload).min()?;
        Some(due.since((self.now)()).clamp(PAUSE, LOOK))
    }

    /// Tells whether something has to be done now.
    pub(super) fn retention_is_due(&self) -> bool {
        self.messages_are_due() || self.payloads_are_due()
    }

    fn messages_are_due(&self) -> bool {
        self.kept_from < self.retention_limit() && self.kept_from <= self.last_message
    }

    fn payloads_are_due(&self) -> bool {
        let due = |at: UnixMillis| at <= (self.now)();
        self.retention.keep.is_some() && self.retention.next_payload.is_some_and(due)
    }

    /// Messages with a smaller key are too old.
    fn retention_limit(&self) -> Key {
        self.retention.keep.map_or(Key(0), |keep| Key::first_at((self.now)() - keep))
    }

    /// Does a part of what is due, inside the transaction.
    pub(super) fn expire(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        // While the disk is full, what clients ask for goes first: each page that is overwritten needs room in the log.
        if self.full || !self.retention_is_due() {
            return Ok(());
        }
        let next_payload = self.expire_payloads(batch)?;
        let kept_from = self.expire_messages(batch)?;
        batch.expired = Some(Expired { kept_from, next_payload });
        Ok(())
    }

    fn expire_payloads(&mut self, batch: &mut Batch) -> Result<Option<UnixMillis>, StoreError> {
        if !self.payloads_are_due() {
            return Ok(self.retention.next_payload);
        }
        let now = (self.now)();
        let rows = self.journal.source().payload_expiries(None, PAYLOADS_PER_BATCH + 1)?;
        for (at, message) in rows.iter().take(PAYLOADS_PER_BATCH).copied() {
            if at > now {
                break;
            }
            if let Some(pairs) = self.pairs(message)? {
                self.call_off(batch, &pairs, Reason::Expired)?;
                self.expunge_payload(batch, message)?;
            }
            self.journal.write(Write::DeletePayloadExpiry(at, message))?;
        }
        let next = self.journal.source().payload_expiries(None, 1)?;
        Ok(next.first().map(|(at, _)| *at))
    }

    /// Returns the key before which nothing is left.
    fn expire_messages(&mut self, batch: &mut Batch) -> Result<Key, StoreError> {
        if !self.messages_are_due() {
            return Ok(self.kept_from);
        }
        let (limit, most) = (self.retention_limit(), MESSAGES_PER_BATCH + batch.appended());
        let found = self.journal.source().matched_from(self.kept_from, most)?;
        let mut bytes = 0;
        let old: Vec<&Matched> = found
            .iter()
            .take_while(|it| {
                let first = bytes == 0;
                bytes += it.payload_bytes;
                it.id.0 < limit && (first || bytes <= PAYLOAD_BYTES_PER_BATCH)
            })
            .collect();
        let Some(last) = old.last().map(|it| it.id) else {
            // The next message is younger; there may be none.
            return Ok(found.first().map_or(Key(self.last_message.0 + 1), |it| it.id.0));
        };
        let added = self.journal.source().added(old[0].id, last)?;
        for it in &old {
            let mut pairs = it.pairs();
            pairs.extend(added.iter().filter(|(delivery, _)| delivery.message == it.id).copied());
            self.expire_pairs(batch, it.id, &pairs)?;
        }
        self.journal.write(Write::DeleteThrough(last.0))?;
        // The last message may have been the last trace of its key.
        self.journal.write(Write::Meta(LAST_KEY, self.keys.last().0))?;
        Ok(Key(last.0.0 + 1))
    }

    /// Ends what is undecided, and takes retry rows that a cut has cancelled and nobody has deleted yet.
    fn expire_pairs(
        &mut self,
        batch: &mut Batch,
        message: MessageId,
        pairs: &[(semnal_core::id::DeliveryId, semnal_core::id::EndpointId)],
    ) -> Result<(), StoreError> {
        // Below the mark, whatever is undecided has a retry row.
        let in_window = message.0 >= self.books.low_water(self.last_message);
        for (delivery, endpoint) in pairs.iter().copied() {
            let has_row = self.journal.source().retry(endpoint, delivery)?.is_some();
            if !in_window && !has_row {
                continue;
            }
            let source = self.journal.source();
            let outcomes = source.outcomes(message, message)?;
            let earlier = source.called_off(message, message)?;
            let of_this = outcomes.iter().filter(|o| o.id.delivery == delivery).map(|o| o.verdict);
            let earlier = earlier.iter().find(|row| row.delivery == delivery);
            match self.end(batch, delivery, endpoint, of_this, earlier, Reason::Expired)? {
                Some(notice) => batch.called_off.push(notice),
                None if has_row => self.journal.write(Write::DeleteRetry(endpoint, delivery))?,
                None => {}
            }
        }
        Ok(())
    }
}
