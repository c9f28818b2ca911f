//! A thread of the store that serves a queue of one place. Dropping the value ends the thread and waits for it, so that
//! its files are closed when the store says that it has stopped.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::error::StoreError;

/// See the module.
pub(crate) struct Worker<T> {
    /// Taken when the value is dropped, which is how the thread hears of it.
    jobs: Option<SyncSender<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread that serves until its queue ends. `file` is what it works on, for the error.
    pub(crate) fn start(
        name: &str,
        file: &Path,
        serve: impl FnOnce(Receiver<T>) + Send + 'static,
    ) -> Result<Worker<T>, StoreError> {
        let (jobs, received) = sync_channel(1);
        let spawned = std::thread::Builder::new().name(name.into()).spawn(move || serve(received));
        let thread = spawned.map_err(|source| StoreError::File { path: file.to_path_buf(), source })?;
        Ok(Worker { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands a job over; returns whether there was room for it.
    pub(crate) fn offer(&self, job: T) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the store ended with a panic");
        }
    }
}
