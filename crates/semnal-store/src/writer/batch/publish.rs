//! What a transaction changes outside itself once it is durable.

use semnal_core::id::EndpointId;
use semnal_core::time::UnixMillis;

use super::{Batch, BookEntry, Waiting};
use crate::error::StoreError;
use crate::observer::Committed;
use crate::writer::retention::Expired;
use crate::writer::{Writer, oldest_answer};

impl Writer {
    /// Makes the batch's effects visible, in the order: memory of this thread, configuration, engine, clients.
    pub(in crate::writer) fn publish(&mut self, batch: Batch) {
        for entry in batch.books {
            match entry {
                BookEntry::Fresh(message) => self.books.add_fresh(message.id, &message.endpoints),
                BookEntry::NotFresh(message) => self.books.remove_fresh(message),
                BookEntry::Reopened(endpoint) => self.books.add_pending(endpoint, 1),
                BookEntry::Decided(endpoint) => self.books.remove_pending(endpoint),
            }
        }
        for message in &batch.messages {
            self.last_message = message.id.0;
            for fingerprint in message.idempotency.into_iter().chain(message.event_fingerprint) {
                self.duplicates.insert(fingerprint, message.id.0);
            }
        }
        self.duplicates.shift();
        self.answers.extend(batch.answers.into_iter().map(|row| (row.fingerprint, row)));
        if let Some(now) = batch.forgotten {
            self.answers.retain(|_, row| row.created_at >= oldest_answer(now));
            self.forgot_at = now;
        }
        if batch.cleaned {
            self.cleanup.pop();
        }
        self.take_failing(batch.failing);
        for (endpoint, position) in &batch.deleted {
            self.books.forget_endpoint(*endpoint);
            self.cleanup.push((*endpoint, *position));
        }
        if let Some(marked) = batch.marked {
            self.marked = marked;
        }
        self.trimmed = batch.trimmed.unwrap_or(self.trimmed);
        self.unforgotten.apply(batch.unforgotten);
        self.take_expiry(batch.expired, batch.payload_expiry);
        if batch.expunged {
            self.journal.mark_log_stale();
        }
        if let (Some(fed), Some(views)) = (self.journal.fed(), &self.views) {
            views.committed(fed);
        }
        let configuration = batch.changed.then(|| batch.configuration.clone());
        if let Some(configuration) = &configuration {
            self.configuration.store(configuration.clone());
        }
        let deleted: Vec<EndpointId> = batch.deleted.iter().map(|(endpoint, _)| *endpoint).collect();
        self.observer.committed(Committed {
            messages: &batch.messages,
            recovered: Vec::new(),
            backlogs: batch.backlogs.into_iter().collect(),
            reports: &batch.reports,
            resent: &batch.resent,
            called_off: &batch.called_off,
            configuration,
            changed: &batch.changed_endpoints,
            deleted: &deleted,
        });
        for waiting in batch.waiting {
            let gone = match waiting {
                Waiting::Append(answer, appended) => answer.send(Ok(appended)).is_err(),
                Waiting::Change(answer, done) => answer.send(done).is_err(),
                Waiting::Resend(answer, resent) => answer.send(Ok(resent)).is_err(),
                Waiting::Task(answer, done) => answer.send(done.ok_or(StoreError::Stopped)).is_err(),
                Waiting::Withdraw(answer, withdrawn) => answer.send(Ok(withdrawn)).is_err(),
            };
            if gone {
                tracing::debug!("a client left before its answer; what it asked for is stored");
            }
        }
    }

    fn take_expiry(&mut self, expired: Option<Expired>, payload_expiry: Option<UnixMillis>) {
        if let Some(Expired { kept_from, next_payload }) = expired {
            self.kept_from = kept_from;
            self.retention.next_payload = next_payload;
        }
        let next_payload = self.retention.next_payload.into_iter().chain(payload_expiry);
        self.retention.next_payload = next_payload.min();
    }
}
