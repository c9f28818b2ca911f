//! Background tasks as the other crates see them.

use semnal_core::id::TaskId;
use tokio::sync::oneshot;

use super::{Store, StoredAnswer};
use crate::error::StoreError;
use crate::message::Fingerprint;
use crate::read::Reader;
use crate::task::{Ended, NewTask, Started, Step, Stepped, TaskEnd};
use crate::writer::{Command, TaskDone, TaskOrder};

impl Store {
    /// Starts a task; `answer` is kept for a repetition of the request, when it has an idempotency key.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was stored. [`StoreError::Stopped`] as for [`Store::append`]; so for the functions
    /// below.
    pub async fn start_task(
        &self,
        task: NewTask,
        idempotency: Option<Fingerprint>,
        answer: StoredAnswer,
    ) -> Result<Started, StoreError> {
        match self.order(TaskOrder::Start { task: Box::new(task), idempotency, answer }).await? {
            TaskDone::Start(started) => {
                self.task_started.notify_one();
                Ok(started)
            }
            TaskDone::Step(_) | TaskDone::End(_) => Err(StoreError::Stopped),
        }
    }

    /// Waits until a task was started since the last time that somebody waited.
    pub async fn task_started(&self) {
        self.task_started.notified().await;
    }

    /// Takes a step of a task: all of it or nothing.
    ///
    /// # Errors
    /// See [`Store::start_task`].
    pub async fn step_task(&self, task: TaskId, step: Step) -> Result<Stepped, StoreError> {
        match self.order(TaskOrder::Step { task, step: Box::new(step) }).await? {
            TaskDone::Step(stepped) => Ok(stepped),
            TaskDone::Start(_) | TaskDone::End(_) => Err(StoreError::Stopped),
        }
    }

    /// Ends a task that runs.
    ///
    /// # Errors
    /// See [`Store::start_task`].
    pub async fn end_task(&self, task: TaskId, end: TaskEnd) -> Result<Ended, StoreError> {
        match self.order(TaskOrder::End { task, end }).await? {
            TaskDone::End(ended) => Ok(ended),
            TaskDone::Start(_) | TaskDone::Step(_) => Err(StoreError::Stopped),
        }
    }

    /// Runs `question` for work that must not miss anything: waits until the views have reached what is committed now,
    /// however long that takes, and gives no answer that was read while they were built anew.
    ///
    /// # Errors
    /// [`StoreError::ViewsBuilding`]: ask again later. Else as for [`Store::read`].
    pub async fn list_complete<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(views) = &self.views else { return self.read(question).await };
        let before = views.complete().await?;
        let answer = self.read(question).await?;
        views.check_unchanged(before)?;
        Ok(answer)
    }

    async fn order(&self, order: TaskOrder) -> Result<TaskDone, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Task { order, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}
