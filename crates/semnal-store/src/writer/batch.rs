//! One transaction: what it writes, what it changes in memory once it is durable, and who waits for it.

mod publish;
pub(super) mod task;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use semnal_core::configuration::{Change, ChangeError, Configuration};
use semnal_core::delivery::{DeliveryEvent, DeliveryState, next};
use semnal_core::health::Failing;
use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId};
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use tokio::sync::oneshot;

use super::retention::Expired;
use super::unforgotten::Staged;
use super::{
    ChangeDone, Command, FORGET_INTERVAL, IDEMPOTENCY_HOURS, MakeChanges, Marked, Writer, oldest_answer,
};
use crate::called_off::{CalledOff, Withdrawn};
use crate::error::StoreError;
use crate::journal::Write;
use crate::message::{Appended, Fingerprint, Message, NewMessage};
use crate::outcome::{Outcome, Report, RetryRow, Trigger, Verdict};
use crate::read::derive_state;
use crate::sqlite::configuration::AnswerRow;
use crate::store::{Resent, StoredAnswer};
use task::{Backlogs, TaskDone};

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

/// The staged effects of a transaction.
pub(super) struct Batch {
    pub(super) configuration: Arc<Configuration>,
    changed: bool,
    messages: Vec<Arc<Message>>,
    reports: Vec<Report>,
    pub(super) resent: Vec<RetryRow>,
    backlogs: Backlogs,
    pub(super) called_off: Vec<CalledOff>,
    pub(super) unforgotten: Staged,
    /// Content was overwritten: the log still holds it.
    pub(super) expunged: bool,
    pub(super) expired: Option<Expired>,
    /// The earliest payload among the new ones that expires before its message.
    payload_expiry: Option<UnixMillis>,
    changed_endpoints: Vec<EndpointId>,
    deleted: Vec<(EndpointId, Key)>,
    fingerprints: HashMap<Fingerprint, Key>,
    answers: Vec<AnswerRow>,
    /// Answers that were too old at this time have been deleted.
    forgotten: Option<UnixMillis>,
    pub(super) books: Vec<BookEntry>,
    commands: Vec<Command>,
    waiting: Vec<Waiting>,
    pub(super) marked: Option<Marked>,
    pub(super) cleaned: bool,
    /// The feed was trimmed up to here.
    pub(super) trimmed: Option<i64>,
    /// What is known from now on about the failing of endpoints.
    pub(super) failing: BTreeMap<EndpointId, Option<Failing>>,
}

/// A change of the bookkeeping that takes effect with the commit.
pub(super) enum BookEntry {
    Fresh(Arc<Message>),
    NotFresh(MessageId),
    Reopened(EndpointId),
    Decided(EndpointId),
}

/// Someone who is answered after the commit.
enum Waiting {
    Append(oneshot::Sender<Result<Vec<Appended>, StoreError>>, Vec<Appended>),
    Change(oneshot::Sender<Result<ChangeDone, StoreError>>, Result<ChangeDone, StoreError>),
    Resend(oneshot::Sender<Result<Resent, StoreError>>, Resent),
    Task(oneshot::Sender<Result<TaskDone, StoreError>>, Option<TaskDone>),
    Withdraw(oneshot::Sender<Result<Withdrawn, StoreError>>, Withdrawn),
}

impl Batch {
    pub(super) fn new(configuration: Arc<Configuration>) -> Batch {
        Batch {
            configuration,
            changed: false,
            messages: Vec::new(),
            reports: Vec::new(),
            resent: Vec::new(),
            backlogs: Backlogs::new(),
            called_off: Vec::new(),
            unforgotten: Staged::default(),
            expunged: false,
            expired: None,
            payload_expiry: None,
            changed_endpoints: Vec::new(),
            deleted: Vec::new(),
            fingerprints: HashMap::new(),
            answers: Vec::new(),
            forgotten: None,
            books: Vec::new(),
            commands: Vec::new(),
            waiting: Vec::new(),
            marked: None,
            cleaned: false,
            trimmed: None,
            failing: BTreeMap::new(),
        }
    }

    /// Returns how many messages the transaction adds.
    pub(super) fn appended(&self) -> usize {
        self.messages.len()
    }

    /// Tells whether an endpoint exists as of this transaction.
    pub(super) fn has_endpoint(&self, endpoint: EndpointId) -> bool {
        self.configuration.endpoint(endpoint).is_some()
    }

    /// Takes charge of everything that the transaction will hold.
    pub(super) fn take(&mut self, retained: Vec<Report>, commands: Vec<Command>) {
        self.reports = retained;
        for command in commands {
            match command {
                Command::Report(reports) => self.reports.extend(reports),
                other => self.commands.push(other),
            }
        }
    }

    /// Tells everyone that nothing was stored; returns the reports, which must not be lost.
    pub(super) fn fail(self, error: &dyn Fn() -> StoreError) -> Vec<Report> {
        let not_started = self.commands.into_iter().filter_map(|command| match command {
            Command::Append { answer, .. } => Some(Waiting::Append(answer, Vec::new())),
            Command::Change { answer, .. } => Some(Waiting::Change(answer, Ok(ChangeDone::Applied))),
            Command::Resend { answer, .. } => Some(Waiting::Resend(answer, Resent::NoSuchMessage)),
            Command::Task { answer, .. } => Some(Waiting::Task(answer, None)),
            Command::Withdraw { answer, .. } => Some(Waiting::Withdraw(answer, Withdrawn::Done)),
            _ => None,
        });
        for waiting in self.waiting.into_iter().chain(not_started) {
            // Someone who has gone needs no answer.
            let gone = match waiting {
                Waiting::Append(answer, _) => answer.send(Err(error())).is_err(),
                Waiting::Change(answer, _) => answer.send(Err(error())).is_err(),
                Waiting::Resend(answer, _) => answer.send(Err(error())).is_err(),
                Waiting::Task(answer, _) => answer.send(Err(error())).is_err(),
                Waiting::Withdraw(answer, _) => answer.send(Err(error())).is_err(),
            };
            if gone {
                tracing::debug!("a client left before its request failed");
            }
        }
        self.reports
    }
}

impl Writer {
    pub(super) fn write_reports(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let since = self.keys.last();
        let reports = std::mem::take(&mut batch.reports);
        let mut result = Ok(());
        for report in &reports {
            result = self.write_report(batch, report, since);
            if result.is_err() {
                break;
            }
        }
        batch.reports = reports;
        result
    }

    fn write_report(&mut self, batch: &mut Batch, report: &Report, since: Key) -> Result<(), StoreError> {
        if self.write_late_report(batch, report)? {
            return Ok(());
        }
        match report {
            Report::Attempt { outcome, progress, has_row } => {
                self.journal.write(Write::Outcome(outcome.clone()))?;
                let (endpoint, delivery) = (outcome.endpoint, outcome.id.delivery);
                let due_at = match outcome.verdict {
                    Verdict::RetryAt(at) => Some(at),
                    _ => None,
                };
                if outcome.verdict.is_final() || batch.configuration.endpoint(endpoint).is_none() {
                    self.forget(batch, endpoint, delivery, *has_row)?;
                    batch.books.push(BookEntry::Decided(endpoint));
                } else {
                    let trigger = Trigger::Scheduled;
                    let row = RetryRow { endpoint, delivery, progress: *progress, due_at, trigger, since };
                    self.put_row(batch, row, *has_row)?;
                }
                self.announce_attempt(batch, outcome)?;
                self.judge_health(batch, outcome)
            }
            Report::Park { row, has_row } => {
                if batch.configuration.endpoint(row.endpoint).is_none() {
                    return self.forget(batch, row.endpoint, row.delivery, *has_row);
                }
                self.put_row(batch, RetryRow { since, ..*row }, *has_row)
            }
            Report::Forget { delivery, has_row } => {
                if !has_row {
                    batch.books.push(BookEntry::NotFresh(delivery.message));
                }
                Ok(())
            }
        }
    }

    fn put_row(&mut self, batch: &mut Batch, row: RetryRow, has_row: bool) -> Result<(), StoreError> {
        if !has_row {
            batch.books.push(BookEntry::NotFresh(row.delivery.message));
        }
        self.journal.write(Write::Retry(row))
    }

    fn forget(
        &mut self,
        batch: &mut Batch,
        endpoint: EndpointId,
        delivery: DeliveryId,
        has_row: bool,
    ) -> Result<(), StoreError> {
        if has_row {
            return self.journal.write(Write::DeleteRetry(endpoint, delivery));
        }
        batch.books.push(BookEntry::NotFresh(delivery.message));
        Ok(())
    }

    pub(super) fn write_commands(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        for command in std::mem::take(&mut batch.commands) {
            match command {
                Command::Append { messages, version, answer } => {
                    // Whoever waits is in the batch before anything can fail.
                    batch.waiting.push(Waiting::Append(answer, Vec::new()));
                    let at = batch.waiting.len() - 1;
                    let appended = self.append(batch, messages, version)?;
                    if let Waiting::Append(_, slot) = &mut batch.waiting[at] {
                        *slot = appended;
                    }
                }
                Command::Change { idempotency, make, answer } => {
                    batch.waiting.push(Waiting::Change(answer, Ok(ChangeDone::Applied)));
                    let at = batch.waiting.len() - 1;
                    let done = self.change(batch, idempotency, make)?;
                    if let Waiting::Change(_, slot) = &mut batch.waiting[at] {
                        *slot = done;
                    }
                }
                Command::Resend { message, endpoint, asked_by, answer } => {
                    batch.waiting.push(Waiting::Resend(answer, Resent::NoSuchMessage));
                    let at = batch.waiting.len() - 1;
                    let resent = self.resend(batch, message, endpoint, asked_by)?;
                    if let Waiting::Resend(_, slot) = &mut batch.waiting[at] {
                        *slot = resent;
                    }
                }
                Command::Task { order, answer } => {
                    batch.waiting.push(Waiting::Task(answer, None));
                    let at = batch.waiting.len() - 1;
                    let done = self.task(batch, order)?;
                    if let Waiting::Task(_, slot) = &mut batch.waiting[at] {
                        *slot = Some(done);
                    }
                }
                Command::Withdraw { what, answer } => {
                    batch.waiting.push(Waiting::Withdraw(answer, Withdrawn::Done));
                    let at = batch.waiting.len() - 1;
                    let withdrawn = self.withdraw(batch, what)?;
                    if let Waiting::Withdraw(_, slot) = &mut batch.waiting[at] {
                        *slot = withdrawn;
                    }
                }
                _ => unreachable!("take() keeps only what write_commands writes"),
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        batch: &mut Batch,
        messages: Vec<NewMessage>,
        version: u64,
    ) -> Result<Vec<Appended>, StoreError> {
        let mut all = Vec::with_capacity(messages.len());
        for new in messages {
            // A repeated request is answered from its message even when the configuration has changed since.
            if let Some(found) = self.repeated(batch, &new)? {
                all.push(found);
            } else if version != batch.configuration.version {
                all.push(Appended::Stale);
            } else {
                all.push(self.append_one(batch, new)?);
            }
        }
        Ok(all)
    }

    /// Returns the message that the same request or the same event id made before.
    fn repeated(&mut self, batch: &Batch, new: &NewMessage) -> Result<Option<Appended>, StoreError> {
        let find = |fingerprint: &Fingerprint| match batch.fingerprints.get(fingerprint) {
            Some(key) => Ok::<_, StoreError>(Some(*key)),
            // What is remembered of a message that is gone is not deleted one by one.
            None => Ok(self.duplicates.find(fingerprint)?.filter(|key| *key >= self.kept_from)),
        };
        if let Some(fingerprint) = &new.idempotency
            && let Some(key) = find(fingerprint)?
            && (self.now)().since(key.time()).as_secs() < IDEMPOTENCY_HOURS * 3_600
        {
            return Ok(Some(Appended::Repeated(MessageId(key))));
        }
        match self.event_fingerprint(new) {
            Some(fingerprint) => Ok(find(&fingerprint)?.map(|key| Appended::EventIdExists(MessageId(key)))),
            None => Ok(None),
        }
    }

    fn event_fingerprint(&self, new: &NewMessage) -> Option<Fingerprint> {
        let event_id = new.event_id.as_ref()?;
        Some(self.cipher.fingerprint(
            crate::store::EVENT_ID_SCOPE,
            &[&new.application.0.0.to_be_bytes(), event_id.as_str().as_bytes()],
        ))
    }

    pub(super) fn append_one(&mut self, batch: &mut Batch, new: NewMessage) -> Result<Appended, StoreError> {
        let event_fingerprint = self.event_fingerprint(&new);
        let key = self.keys.next((self.now)());
        if let Some(days) = new.payload_retention_days {
            let at = key.time() + Duration::from_secs(u64::from(days) * DAY_SECONDS);
            self.journal.write(Write::PayloadExpiry(at, MessageId(key)))?;
            batch.payload_expiry = batch.payload_expiry.into_iter().chain([at]).min();
        }
        let message = Arc::new(Message {
            id: MessageId(key),
            application: new.application,
            event_type: new.event_type,
            event_id: new.event_id,
            channels: new.channels,
            endpoints: new.endpoints,
            payload: new.payload,
            idempotency: new.idempotency,
            event_fingerprint,
        });
        self.journal.write(Write::Message(message.clone()))?;
        for fingerprint in message.idempotency.into_iter().chain(event_fingerprint) {
            batch.fingerprints.insert(fingerprint, key);
        }
        batch.messages.push(message.clone());
        batch.books.push(BookEntry::Fresh(message.clone()));
        Ok(Appended::Created(message))
    }

    fn change(
        &mut self,
        batch: &mut Batch,
        idempotency: Option<Fingerprint>,
        make: MakeChanges,
    ) -> Result<Result<ChangeDone, StoreError>, StoreError> {
        let now = (self.now)();
        if let Some(answer) = self.recall(batch, idempotency, now) {
            return Ok(Ok(ChangeDone::Repeated(answer)));
        }
        let Some(planned) = make(&batch.configuration) else { return Ok(Ok(ChangeDone::Applied)) };
        if let Err(error) = self.apply(batch, planned.changes, now)? {
            return Ok(Err(error.into()));
        }
        if let Some(answer) = planned.answer {
            self.remember(batch, idempotency, answer, now)?;
        }
        Ok(Ok(ChangeDone::Applied))
    }

    /// Returns the answer that the same request got before, while it is given again.
    fn recall(
        &self,
        batch: &Batch,
        idempotency: Option<Fingerprint>,
        now: UnixMillis,
    ) -> Option<StoredAnswer> {
        let fingerprint = idempotency?;
        let staged = batch.answers.iter().find(|row| row.fingerprint == fingerprint);
        let row =
            staged.or_else(|| self.answers.get(&fingerprint)).filter(|row| is_fresh_answer(row, now))?;
        Some(StoredAnswer { status: row.status, body: row.body.clone() })
    }

    /// Keeps the answer of a request that has an idempotency key, and forgets old ones now and then.
    fn remember(
        &mut self,
        batch: &mut Batch,
        idempotency: Option<Fingerprint>,
        answer: StoredAnswer,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(fingerprint) = idempotency else { return Ok(()) };
        let row = AnswerRow { fingerprint, created_at: now, status: answer.status, body: answer.body };
        self.journal.write(Write::Answer(Box::new(row.clone())))?;
        batch.answers.push(row);
        if now.since(self.forgot_at) >= FORGET_INTERVAL && batch.forgotten.is_none() {
            self.journal.write(Write::DeleteAnswersBefore(oldest_answer(now)))?;
            batch.forgotten = Some(now);
        }
        Ok(())
    }

    /// Applies changes together or not at all, and announces them.
    pub(super) fn apply(
        &mut self,
        batch: &mut Batch,
        changes: Vec<Change>,
        now: UnixMillis,
    ) -> Result<Result<(), ChangeError>, StoreError> {
        let before = batch.configuration.clone();
        let mut next = (*before).clone();
        let (mut put, mut deleted) = (Vec::new(), Vec::new());
        for change in &changes {
            deleted.extend(deleted_endpoints(&next, change));
            if let Change::PutEndpoint(endpoint) = change {
                put.push(endpoint.id);
            }
            if let Err(error) = next.apply(change) {
                return Ok(Err(error));
            }
        }
        batch.changed |= !changes.is_empty();
        for change in changes {
            self.journal.write(Write::Change(Box::new(change)))?;
        }
        batch.changed_endpoints.extend(&put);
        let mut touched = [put, deleted.clone()].concat();
        touched.sort_unstable();
        touched.dedup();
        if !deleted.is_empty() {
            self.cut(batch, deleted, now)?;
        }
        batch.configuration = Arc::new(next);
        self.announce_changes(batch, &before, &touched, now)?;
        self.forget_failing(batch, &before, &touched);
        Ok(Ok(()))
    }

    /// Cancels what deleted endpoints have not been sent. The position is a key of its own, and so is the one after
    /// it: whatever came before lies below the position, whatever comes later above.
    fn cut(
        &mut self,
        batch: &mut Batch,
        deleted: Vec<EndpointId>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let position = self.keys.next(now);
        self.keys.next(now);
        for endpoint in deleted {
            self.journal.write(Write::Cut(endpoint, position))?;
            batch.deleted.push((endpoint, position));
        }
        Ok(())
    }

    /// Makes a delivery due at once: reopens a decided one, brings a waiting one forward, or adds one.
    fn resend(
        &mut self,
        batch: &mut Batch,
        id: MessageId,
        endpoint: EndpointId,
        asked_by: String,
    ) -> Result<Resent, StoreError> {
        let source = self.journal.source();
        // The row and not the batch's copy: its payload may have been expunged in the same transaction.
        let Some(message) = source.message(id)? else { return Ok(Resent::NoSuchMessage) };
        if message.payload_is_gone() {
            return Ok(Resent::PayloadGone);
        }
        if batch.configuration.endpoint(endpoint).is_none() {
            return Ok(Resent::NoSuchEndpoint);
        }
        let deliveries = source.delivery_endpoints(&message)?;
        let now = (self.now)();
        let (delivery, added) = match deliveries.iter().find(|(_, e)| *e == endpoint) {
            Some((delivery, _)) => (*delivery, false),
            None => {
                let ordinal = u16::try_from(deliveries.len()).unwrap_or(u16::MAX);
                (DeliveryId { message: id, ordinal }, true)
            }
        };
        let outcomes: Vec<Outcome> =
            source.outcomes(id, id)?.into_iter().filter(|o| o.id.delivery == delivery).collect();
        let retry = source.retry(endpoint, delivery)?;
        let called_off = source.called_off(id, id)?.into_iter().find(|row| row.delivery == delivery);
        let (verdicts, cut) = (outcomes.iter().map(|o| o.verdict), source.cut(endpoint)?);
        let state = derive_state(delivery, verdicts, retry.as_ref(), cut, called_off.as_ref());
        if !added && retry.is_none() && !state.is_decided() {
            // It is in the engine's memory: due already, or being sent at this moment.
            return Ok(Resent::Accepted);
        }
        if added {
            self.journal.write(Write::Added { delivery, endpoint, asked_by, now })?;
        }
        let schedule = RetrySchedule::default();
        let progress = next(state, DeliveryEvent::Resent, &schedule, now, 0.0).state.progress();
        let (trigger, since) = (Trigger::Manual, self.keys.last());
        let row = RetryRow { endpoint, delivery, progress, due_at: Some(now), trigger, since };
        // The row is a new one: a cut made before the request does not cancel it.
        self.journal.write(Write::DeleteRetry(endpoint, delivery))?;
        self.journal.write(Write::Retry(row))?;
        if called_off.is_some() {
            self.journal.write(Write::Reopen(delivery))?;
        }
        let was_pending = !added && matches!(state, DeliveryState::Pending(_) | DeliveryState::Held(_));
        if !was_pending {
            batch.books.push(BookEntry::Reopened(endpoint));
        }
        if self.unforgotten.get(&batch.unforgotten, delivery).is_some() {
            batch.unforgotten.put(delivery, Some(row));
        } else {
            batch.resent.push(row);
        }
        Ok(Resent::Accepted)
    }
}

fn is_fresh_answer(row: &AnswerRow, now: UnixMillis) -> bool {
    now.since(row.created_at).as_secs() < IDEMPOTENCY_HOURS * 3_600
}

/// Returns the endpoints that a change deletes.
fn deleted_endpoints(configuration: &Configuration, change: &Change) -> Vec<EndpointId> {
    match change {
        Change::DeleteEndpoint(id) => vec![*id],
        Change::DeleteApplication(id) => configuration.endpoints_of(*id).iter().map(|e| e.id).collect(),
        _ => Vec::new(),
    }
}
