//! Reading background tasks.

use semnal_core::id::{Key, OrganisationId, TaskId};

use super::{ReadSource, Reader};
use crate::error::StoreError;
use crate::sqlite::tasks;
use crate::task::{Task, TaskFilter, TaskStatus};
use crate::views::filter::{Direction, Found, Slice};

impl Reader {
    /// Returns a background task.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the row is damaged; so for the functions below.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.source().task(id)
    }

    /// Lists background tasks of an organisation.
    ///
    /// # Errors
    /// See [`Reader::task`].
    pub fn tasks(
        &self,
        filter: &TaskFilter,
        slice: &Slice<TaskId>,
    ) -> Result<Found<Task, TaskId>, StoreError> {
        let mut items = self.source().tasks(filter, slice)?;
        let more = items.len() > slice.limit;
        items.truncate(slice.limit);
        let more_after = items.last().filter(|_| more).map(|it| it.id);
        Ok(Found { items, more_after })
    }

    /// Returns running background tasks of everybody, oldest first.
    ///
    /// # Errors
    /// See [`Reader::task`].
    pub fn running_tasks(&self, limit: usize) -> Result<Vec<Task>, StoreError> {
        match &self.source() {
            ReadSource::Sqlite(connection) => tasks::running(connection, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let running = tables.tasks.values().filter(|it| it.status == TaskStatus::Running);
                Ok(running.take(limit).cloned().collect())
            }
        }
    }
}

impl ReadSource<'_> {
    pub(crate) fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => tasks::task(connection, id),
            ReadSource::Memory(tables) => Ok(tables.lock().tasks.get(&id).cloned()),
        }
    }

    /// Returns one more than the slice's limit when there are more.
    fn tasks(&self, filter: &TaskFilter, slice: &Slice<TaskId>) -> Result<Vec<Task>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => tasks::list(connection, filter, slice),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let wanted = tables.tasks.values().filter(|it| filter.wants(it) && slice.is_beyond(it.id));
                let mut found: Vec<Task> = wanted.cloned().collect();
                if slice.direction == Direction::Older {
                    found.reverse();
                }
                found.truncate(slice.limit + 1);
                Ok(found)
            }
        }
    }

    /// Counts the running tasks of an organisation, up to a limit.
    pub(crate) fn count_running(
        &self,
        organisation: OrganisationId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let statuses = vec![TaskStatus::Running];
        let filter = TaskFilter { organisation, application: None, kind: None, statuses };
        Ok(self.tasks(&filter, &Slice { from: None, direction: Direction::Older, limit })?.len())
    }

    /// Returns the greatest key of a task.
    pub(crate) fn last_task(&self) -> Result<Option<Key>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => tasks::last(connection),
            ReadSource::Memory(tables) => Ok(tables.lock().tasks.keys().next_back().map(|id| id.0)),
        }
    }
}
