//! What the console knows of the server beside the API's state: set once, when the server starts.

use std::path::PathBuf;

use semnal_core::retry::RetrySchedule;
use tokio_util::sync::CancellationToken;

/// What the settings page says, and what ends streams when the server stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerFacts {
    /// The schedule of deliveries for which neither endpoint nor event type has one.
    pub(crate) schedule: RetrySchedule,
    /// Where the data are; empty when they are in memory.
    pub(crate) data_dir: PathBuf,
    /// Ends those who listen when the server stops.
    pub(crate) stopping: CancellationToken,
}
