//! Deliveries that were called off before a receiver took them: a person cancelled them or expunged their message, or
//! the retention of their payload passed. One row each, written in the transaction that calls them off.
//!
//! Such a delivery stays what its row says. An attempt that was under way is recorded and changes nothing; a resend
//! deletes the row.

use semnal_core::delivery::{DeliveryEvent, DeliveryState, Progress};
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, MessageId};
use semnal_core::time::UnixMillis;

/// Why a delivery was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A person cancelled it.
    Cancelled,
    /// A person expunged the content of its message: there is nothing left to send.
    Expunged,
    /// The retention of its payload passed.
    Expired,
}

/// The row of a delivery that was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalledOffRow {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Why.
    pub reason: Reason,
    /// How many attempts were recorded then; one more may have been under way.
    pub attempts: u16,
    /// When.
    pub at: UnixMillis,
}

/// A delivery that the engine has to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalledOff {
    /// Where it would have gone.
    pub endpoint: EndpointId,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The time in its retry row, which is deleted.
    pub due_at: Option<UnixMillis>,
    /// Why.
    pub reason: Reason,
}

/// What a person takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// The undecided deliveries of a message: all, or the one to an endpoint.
    Deliveries(MessageId, Option<EndpointId>),
    /// The payload of a message, and with it the undecided deliveries.
    Payload(MessageId),
    /// What is kept of an attempt's response.
    Response(AttemptId),
}

/// What became of a request to take something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It is done, or was done before.
    Done,
    /// The message does not exist.
    NoSuchMessage,
    /// The message has no delivery to this endpoint.
    NoSuchDelivery,
    /// The attempt does not exist.
    NoSuchAttempt,
}

impl Reason {
    /// Returns what it means to the state machine.
    pub(crate) fn event(self) -> DeliveryEvent<'static> {
        match self {
            Reason::Cancelled | Reason::Expunged => DeliveryEvent::Cancelled,
            Reason::Expired => DeliveryEvent::Expired,
        }
    }

    /// Returns the state of a delivery that was called off for it.
    pub(crate) fn state(self, progress: Progress) -> DeliveryState {
        match self {
            Reason::Cancelled | Reason::Expunged => DeliveryState::Cancelled(progress),
            Reason::Expired => DeliveryState::Expired(progress),
        }
    }

    /// Returns the number that stands for it in a row.
    pub(crate) fn number(self) -> i64 {
        match self {
            Reason::Cancelled => 0,
            Reason::Expunged => 1,
            Reason::Expired => 2,
        }
    }

    /// Returns the reason that a number in a row stands for.
    pub(crate) fn from_number(number: i64) -> Option<Reason> {
        [Reason::Cancelled, Reason::Expunged, Reason::Expired].into_iter().find(|it| it.number() == number)
    }
}
