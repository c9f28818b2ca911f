//! Stores a message that was matched against the configuration, and matches it again when that has changed meanwhile.

use std::sync::Arc;

use semnal_core::configuration::Configuration;
use semnal_core::id::MessageId;
use semnal_store::message::{Appended, Message, NewMessage};

use super::ApiState;
use super::error::ApiError;

/// A message is matched 10 times at most while the configuration changes under it.
const MATCHES_MAX: usize = 10;

/// What became of a message.
pub(crate) enum Stored {
    /// It is durable and on its way.
    Created(Arc<Message>),
    /// The same request made this one before.
    Repeated(MessageId),
    /// Another message of the application has its event id.
    EventIdExists,
}

/// Stores what `make` makes of the configuration as it is.
///
/// # Errors
/// What `make` refuses; 503 when it cannot be stored.
pub(crate) async fn append<F>(
    api: &ApiState,
    make: impl Fn(Arc<Configuration>) -> F,
) -> Result<Stored, ApiError>
where
    F: Future<Output = Result<NewMessage, ApiError>>,
{
    for _ in 0..MATCHES_MAX {
        let configuration = api.store.configuration();
        let version = configuration.version;
        let message = make(configuration).await?;
        match api.store.append(vec![message], version).await?.pop() {
            Some(Appended::Created(it)) => return Ok(Stored::Created(it)),
            Some(Appended::Repeated(id)) => return Ok(Stored::Repeated(id)),
            Some(Appended::EventIdExists(_)) => return Ok(Stored::EventIdExists),
            Some(Appended::Stale) => {}
            None => return Err(ApiError::Internal),
        }
    }
    tracing::warn!("the configuration changes faster than a message is matched");
    Err(ApiError::Unavailable)
}
