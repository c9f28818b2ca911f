//! Background tasks in a transaction: starting, one step with everything that it does, the end.

use std::collections::HashSet;
use std::time::Duration;

use semnal_core::delivery::{DeliveryEvent, DeliveryState, next};
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId, TaskId};
use semnal_core::name::Channel;
use semnal_core::retry::RetrySchedule;

use super::{Batch, BookEntry, Writer};
use crate::error::StoreError;
use crate::journal::Write;
use crate::message::Fingerprint;
use crate::outcome::{RetryRow, Trigger};
use crate::read::{ReadSource, derive_state};
use crate::store::StoredAnswer;
use crate::task::{
    Ended, NewTask, RUNNING_MAX, STEP_DELIVERIES_MAX, Selection, Started, Step, Stepped, Task, TaskEnd,
    TaskStatus,
};
use crate::views::apply::State;

/// A task that has ended is kept for 90 days (Svix API).
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// What the writer is asked to do with tasks.
pub(crate) enum TaskOrder {
    Start { task: Box<NewTask>, idempotency: Option<Fingerprint>, answer: StoredAnswer },
    Step { task: TaskId, step: Box<Step> },
    End { task: TaskId, end: TaskEnd },
}

/// What became of a [`TaskOrder`], in the same order.
pub(crate) enum TaskDone {
    Start(Started),
    Step(Stepped),
    End(Ended),
}

impl Writer {
    pub(super) fn task(&mut self, batch: &mut Batch, order: TaskOrder) -> Result<TaskDone, StoreError> {
        Ok(match order {
            TaskOrder::Start { task, idempotency, answer } => {
                TaskDone::Start(self.start_task(batch, *task, idempotency, answer)?)
            }
            TaskOrder::Step { task, step } => TaskDone::Step(self.step_task(batch, task, &step)?),
            TaskOrder::End { task, end } => TaskDone::End(self.end_task(task, end)?),
        })
    }

    fn start_task(
        &mut self,
        batch: &mut Batch,
        task: NewTask,
        idempotency: Option<Fingerprint>,
        answer: StoredAnswer,
    ) -> Result<Started, StoreError> {
        let now = (self.now)();
        if let Some(answer) = self.recall(batch, idempotency, now) {
            return Ok(Started::Repeated(answer));
        }
        if self.journal.source().count_running(task.organisation, RUNNING_MAX)? >= RUNNING_MAX {
            return Ok(Started::TooMany);
        }
        self.journal.write(Write::DeleteTasksBefore(Key::first_at(now - KEPT)))?;
        self.journal.write(Write::Task(Box::new(task.into_row())))?;
        self.remember(batch, idempotency, answer, now)?;
        Ok(Started::Running)
    }

    /// Everything that a step does and how far the task has come are in one transaction: a crash can neither leave a
    /// delivery out nor take it twice.
    fn step_task(&mut self, batch: &mut Batch, id: TaskId, step: &Step) -> Result<Stepped, StoreError> {
        let Some(mut task) = self.journal.source().task(id)? else { return Ok(Stepped::NoSuchTask) };
        if task.status != TaskStatus::Running {
            return Ok(Stepped::Ended(task.status));
        }
        if task.cursor != step.from {
            return Ok(Stepped::Moved);
        }
        let endpoint = task.endpoint.and_then(|id| batch.configuration.endpoint(id)).cloned();
        match endpoint {
            None => {
                task.status = TaskStatus::Failed;
                task.error = Some("the endpoint was deleted".to_owned());
            }
            Some(endpoint) => {
                debug_assert!(step.deliveries.len() + step.messages.len() <= STEP_DELIVERIES_MAX);
                for delivery in &step.deliveries {
                    task.sent +=
                        u64::from(self.send_selected(batch, endpoint.id, *delivery, &task.selection)?);
                }
                for message in &step.messages {
                    task.sent += u64::from(self.send_missing(batch, &endpoint, *message, &task.asked_by)?);
                }
                task.done += (step.deliveries.len() + step.messages.len()) as u64;
                task.total = task.total.or(step.total);
                task.cursor = step.to;
                if step.is_last {
                    task.status = TaskStatus::Finished;
                }
            }
        }
        task.updated_at = (self.now)();
        let status = task.status;
        self.journal.write(Write::Task(Box::new(task)))?;
        Ok(Stepped::Taken(status))
    }

    /// Makes a delivery due when it is what the task selects at this moment; tells whether it was.
    fn send_selected(
        &mut self,
        batch: &mut Batch,
        endpoint: EndpointId,
        delivery: DeliveryId,
        selection: &Selection,
    ) -> Result<bool, StoreError> {
        let source = self.journal.source();
        let mut gists = source.gists(delivery.message, delivery.message)?;
        gists.retain(|it| it.id.delivery == delivery && it.endpoint == endpoint);
        let class = gists.last().map_or(0, |it| it.status.unwrap_or(0) / 100);
        if selection.status_class.is_some_and(|wanted| wanted != class) {
            return Ok(false);
        }
        let retry = source.retry(endpoint, delivery)?;
        let verdicts = gists.iter().map(|it| it.verdict);
        let (cut, called_off) = (source.cut(endpoint)?, source.called_off_row(delivery)?);
        let state = derive_state(delivery, verdicts, retry.as_ref(), cut, called_off.as_ref());
        let is_wanted = match selection.state {
            Some(wanted) => State::of(state) == wanted,
            // What a person called off is sent again only when somebody asks for just that.
            None => state.is_decided() && called_off.is_none(),
        };
        if !has_payload(&source, delivery.message)? {
            return Ok(false);
        }
        // One that is pending without a row is in the engine's memory and on its way already.
        if !is_wanted || (retry.is_none() && !state.is_decided()) {
            return Ok(false);
        }
        self.make_due(batch, endpoint, delivery, state)?;
        Ok(true)
    }

    /// Adds a delivery of a message that the endpoint matches now and has none of; tells whether it did.
    fn send_missing(
        &mut self,
        batch: &mut Batch,
        endpoint: &Endpoint,
        id: MessageId,
        asked_by: &str,
    ) -> Result<bool, StoreError> {
        let source = self.journal.source();
        let Some(heading) = source.headings(id, id, 1)?.pop() else { return Ok(false) };
        if !has_payload(&source, id)? {
            return Ok(false);
        }
        let added = source.added(id, id)?;
        let has_one =
            heading.endpoints.contains(&endpoint.id) || added.iter().any(|(_, other)| *other == endpoint.id);
        if has_one
            || heading.application != endpoint.application
            // A test was meant for one endpoint.
            || heading.channels.iter().any(Channel::is_of_tests)
            || !endpoint.matches(&heading.event_type, &heading.channels)
        {
            return Ok(false);
        }
        let ordinal = u16::try_from(heading.endpoints.len() + added.len()).unwrap_or(u16::MAX);
        let delivery = DeliveryId { message: id, ordinal };
        let (now, asked_by) = ((self.now)(), asked_by.to_owned());
        self.journal.write(Write::Added { delivery, endpoint: endpoint.id, asked_by, now })?;
        self.make_due(batch, endpoint.id, delivery, DeliveryState::Cancelled(Default::default()))?;
        Ok(true)
    }

    /// Writes the row that makes a delivery due. What nothing decided yet waits for a time, and the engine may have that
    /// row in memory: it is told of the new one. Everything else joins the endpoint's backlog, which the engine reads as
    /// it has room, so that a task of any size takes no memory.
    fn make_due(
        &mut self,
        batch: &mut Batch,
        endpoint: EndpointId,
        delivery: DeliveryId,
        state: DeliveryState,
    ) -> Result<(), StoreError> {
        let now = (self.now)();
        let progress =
            next(state, DeliveryEvent::Resent, &RetrySchedule::default(), now, 0.0).state.progress();
        let (trigger, since) = (Trigger::Manual, self.keys.last());
        let due_at = (!state.is_decided()).then_some(now);
        let row = RetryRow { endpoint, delivery, progress, due_at, trigger, since };
        self.journal.write(Write::DeleteRetry(endpoint, delivery))?;
        self.journal.write(Write::Retry(row))?;
        if self.journal.source().called_off_row(delivery)?.is_some() {
            self.journal.write(Write::Reopen(delivery))?;
        }
        if state.is_decided() {
            batch.books.push(BookEntry::Reopened(endpoint));
        }
        if self.unforgotten.get(&batch.unforgotten, delivery).is_some() {
            // The engine hears of it when it has forgotten the old work.
            batch.unforgotten.put(delivery, Some(row));
        } else if state.is_decided() {
            batch.backlogs.insert(endpoint);
        } else {
            batch.resent.push(row);
        }
        Ok(())
    }

    fn end_task(&mut self, id: TaskId, end: TaskEnd) -> Result<Ended, StoreError> {
        let Some(mut task) = self.journal.source().task(id)? else { return Ok(Ended::NoSuchTask) };
        if task.status != TaskStatus::Running {
            return Ok(Ended::Before(task.status));
        }
        match end {
            TaskEnd::Finished(result) => {
                task = Task { status: TaskStatus::Finished, result: Some(result), ..task }
            }
            TaskEnd::Failed(error) => task = Task { status: TaskStatus::Failed, error: Some(error), ..task },
            TaskEnd::Cancelled(error) => {
                task = Task { status: TaskStatus::Cancelled, error: Some(error), ..task }
            }
        }
        task.updated_at = (self.now)();
        self.journal.write(Write::Task(Box::new(task)))?;
        Ok(Ended::Now)
    }
}

/// Tells whether a message exists and has something to send.
fn has_payload(source: &ReadSource<'_>, id: MessageId) -> Result<bool, StoreError> {
    let found = source.matched_from(id.0, 1)?.pop().filter(|it| it.id == id);
    Ok(found.is_some_and(|it| !it.payload_gone))
}

/// Endpoints whose backlog a transaction made longer.
pub(super) type Backlogs = HashSet<EndpointId>;
