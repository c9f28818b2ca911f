//! What is taken back: deliveries that are cancelled, payloads and responses that are expunged. One transaction each:
//! when the answer is given, the content is gone from the rows and nothing of it will be sent.

use semnal_core::delivery::next;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, MessageId};
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;

use super::Writer;
use super::batch::{Batch, BookEntry};
use crate::called_off::{CalledOff, CalledOffRow, Reason, Withdrawal, Withdrawn};
use crate::error::StoreError;
use crate::journal::Write;
use crate::outcome::{Report, RetryRow, Verdict};
use crate::read::derive_state;

impl Writer {
    /// Does what a person takes back.
    pub(super) fn withdraw(&mut self, batch: &mut Batch, what: Withdrawal) -> Result<Withdrawn, StoreError> {
        match what {
            Withdrawal::Deliveries(message, endpoint) => self.cancel(batch, message, endpoint),
            Withdrawal::Payload(message) => {
                let Some(pairs) = self.pairs(message)? else { return Ok(Withdrawn::NoSuchMessage) };
                self.call_off(batch, &pairs, Reason::Expunged)?;
                self.expunge_payload(batch, message)?;
                Ok(Withdrawn::Done)
            }
            Withdrawal::Response(attempt) => self.expunge_response(batch, attempt),
        }
    }

    fn cancel(
        &mut self,
        batch: &mut Batch,
        message: MessageId,
        endpoint: Option<EndpointId>,
    ) -> Result<Withdrawn, StoreError> {
        let Some(mut pairs) = self.pairs(message)? else { return Ok(Withdrawn::NoSuchMessage) };
        if let Some(wanted) = endpoint {
            pairs.retain(|(_, endpoint)| *endpoint == wanted);
            if pairs.is_empty() {
                return Ok(Withdrawn::NoSuchDelivery);
            }
        }
        self.call_off(batch, &pairs, Reason::Cancelled)?;
        Ok(Withdrawn::Done)
    }

    fn expunge_response(&mut self, batch: &mut Batch, attempt: AttemptId) -> Result<Withdrawn, StoreError> {
        let message = attempt.delivery.message;
        if !self.journal.source().outcomes(message, message)?.iter().any(|it| it.id == attempt) {
            return Ok(Withdrawn::NoSuchAttempt);
        }
        self.journal.write(Write::ExpungeResponse(attempt))?;
        batch.expunged = true;
        Ok(Withdrawn::Done)
    }

    pub(super) fn expunge_payload(
        &mut self,
        batch: &mut Batch,
        message: MessageId,
    ) -> Result<(), StoreError> {
        batch.expunged = true;
        self.journal.write(Write::ExpungePayload(message))
    }

    /// Returns the deliveries of a message with their endpoints; `None` when it does not exist.
    pub(super) fn pairs(
        &self,
        message: MessageId,
    ) -> Result<Option<Vec<(DeliveryId, EndpointId)>>, StoreError> {
        let source = self.journal.source();
        let found = source.matched_from(message.0, 1)?.pop().filter(|it| it.id == message);
        let Some(matched) = found else { return Ok(None) };
        let mut pairs = matched.pairs();
        pairs.extend(source.added(message, message)?);
        Ok(Some(pairs))
    }

    /// Calls off those of a message's deliveries that are undecided: each gets its row, loses its retry row, and is
    /// forgotten by the engine.
    pub(super) fn call_off(
        &mut self,
        batch: &mut Batch,
        pairs: &[(DeliveryId, EndpointId)],
        reason: Reason,
    ) -> Result<(), StoreError> {
        let Some((first, _)) = pairs.first() else { return Ok(()) };
        let outcomes = self.journal.source().outcomes(first.message, first.message)?;
        let earlier = self.journal.source().called_off(first.message, first.message)?;
        let at = (self.now)();
        for (delivery, endpoint) in pairs.iter().copied() {
            let earlier = earlier.iter().find(|row| row.delivery == delivery);
            let of_this = outcomes.iter().filter(|o| o.id.delivery == delivery).map(|o| o.verdict);
            if let Some(notice) = self.end(batch, delivery, endpoint, of_this, earlier, reason)? {
                let attempts = outcomes.iter().filter(|o| o.id.delivery == delivery).count();
                let attempts = u16::try_from(attempts).unwrap_or(u16::MAX);
                self.journal.write(Write::CallOff(CalledOffRow { delivery, reason, attempts, at }))?;
                batch.called_off.push(notice);
                batch.unforgotten.put(delivery, None);
            }
        }
        Ok(())
    }

    /// Ends a delivery that is undecided: takes its retry row and its place in the counts. Returns what the engine is
    /// told; `None` when it was decided already.
    pub(super) fn end(
        &mut self,
        batch: &mut Batch,
        delivery: DeliveryId,
        endpoint: EndpointId,
        verdicts: impl Iterator<Item = Verdict>,
        earlier: Option<&CalledOffRow>,
        reason: Reason,
    ) -> Result<Option<CalledOff>, StoreError> {
        let source = self.journal.source();
        let (retry, cut) = (source.retry(endpoint, delivery)?, source.cut(endpoint)?);
        let state = derive_state(delivery, verdicts, retry.as_ref(), cut, earlier);
        let schedule = RetrySchedule::default();
        if next(state, reason.event(), &schedule, UnixMillis::default(), 0.0).state == state {
            return Ok(None);
        }
        if retry.is_some() {
            self.journal.write(Write::DeleteRetry(endpoint, delivery))?;
        }
        batch.books.push(BookEntry::Decided(endpoint));
        let due_at = retry.and_then(|row| row.due_at);
        Ok(Some(CalledOff { endpoint, delivery, due_at, reason }))
    }

    /// Writes what is reported about work that is over; returns whether it was about such work.
    pub(super) fn write_late_report(
        &mut self,
        batch: &mut Batch,
        report: &Report,
    ) -> Result<bool, StoreError> {
        let (delivery, has_row, ends) = match report {
            Report::Attempt { outcome, has_row, .. } => (outcome.id.delivery, *has_row, true),
            Report::Park { row, has_row } => (row.delivery, *has_row, false),
            Report::Forget { delivery, has_row } => (*delivery, *has_row, true),
        };
        let message_is_gone = delivery.message.0 < self.kept_from;
        let waiting = self.unforgotten.get(&batch.unforgotten, delivery);
        if waiting.is_none() && !message_is_gone {
            return Ok(false);
        }
        if !has_row {
            batch.books.push(BookEntry::NotFresh(delivery.message));
        }
        if !ends {
            return Ok(true);
        }
        batch.unforgotten.forget(delivery);
        if let Report::Attempt { outcome, .. } = report {
            // It says as much about its endpoint as any other; about its delivery there is nothing to announce.
            self.judge_health(batch, outcome)?;
        }
        if message_is_gone {
            return Ok(true);
        }
        let mut reopened = waiting.flatten();
        if let Report::Attempt { outcome, .. } = report {
            self.journal.write(Write::Outcome(outcome.clone()))?;
            if let Some(row) = &mut reopened {
                row.progress.attempts = outcome.id.number;
            }
        }
        self.release(batch, reopened)?;
        Ok(true)
    }

    /// Tells the engine of a resend that waited until it had forgotten the delivery.
    fn release(&mut self, batch: &mut Batch, reopened: Option<RetryRow>) -> Result<(), StoreError> {
        let Some(row) = reopened else { return Ok(()) };
        if batch.has_endpoint(row.endpoint) {
            // It counts the attempt that ended meanwhile.
            self.journal.write(Write::Retry(row))?;
            batch.resent.push(row);
        }
        Ok(())
    }
}
