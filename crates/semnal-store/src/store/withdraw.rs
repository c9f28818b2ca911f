//! What a person takes back: deliveries, payloads, responses. All of it is durable before the answer.

use semnal_core::id::{AttemptId, EndpointId, MessageId};
use tokio::sync::oneshot;

use super::Store;
use crate::called_off::{Withdrawal, Withdrawn};
use crate::error::StoreError;
use crate::writer::Command;

impl Store {
    /// Cancels the undecided deliveries of a message: all of them, or the one to `endpoint`. No attempt of them starts
    /// after the answer; one that is under way ends and is recorded.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was stored. [`StoreError::Stopped`] as for [`Store::append`].
    pub async fn cancel(
        &self,
        message: MessageId,
        endpoint: Option<EndpointId>,
    ) -> Result<Withdrawn, StoreError> {
        self.withdraw(Withdrawal::Deliveries(message, endpoint)).await
    }

    /// Overwrites the payload of a message and cancels its undecided deliveries. The message itself stays.
    ///
    /// # Errors
    /// As for [`Store::cancel`].
    pub async fn expunge_payload(&self, message: MessageId) -> Result<Withdrawn, StoreError> {
        self.withdraw(Withdrawal::Payload(message)).await
    }

    /// Overwrites what is kept of an attempt's response: headers, body, and the words of a failure.
    ///
    /// # Errors
    /// As for [`Store::cancel`].
    pub async fn expunge_response(&self, attempt: AttemptId) -> Result<Withdrawn, StoreError> {
        self.withdraw(Withdrawal::Response(attempt)).await
    }

    async fn withdraw(&self, what: Withdrawal) -> Result<Withdrawn, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Withdraw { what, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}
