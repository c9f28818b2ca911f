//! Messages: what goes into the journal, what comes out.

use std::sync::Arc;

use bytes::Bytes;
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName, Uid};

/// A 128-bit keyed hash of an idempotency key with its scope, or of an event id with its application.
pub type Fingerprint = [u8; 16];

/// A message's key with the fingerprints of its idempotency key and its event id.
pub(crate) type FingerprintRow = (Key, Option<Fingerprint>, Option<Fingerprint>);

/// A message without its payload: what it matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) id: MessageId,
    /// See [`Message::endpoints`].
    pub(crate) endpoints: Vec<EndpointId>,
    pub(crate) payload_bytes: usize,
    /// Whether the payload was expunged or has expired.
    pub(crate) payload_gone: bool,
}

impl Matched {
    /// Returns the deliveries that were matched, with their endpoints.
    pub(crate) fn pairs(&self) -> Vec<(DeliveryId, EndpointId)> {
        let delivery = |ordinal| DeliveryId { message: self.id, ordinal };
        (0u16..).zip(&self.endpoints).map(|(ordinal, endpoint)| (delivery(ordinal), *endpoint)).collect()
    }
}

/// A message to append.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Whose it is.
    pub application: ApplicationId,
    /// What happened.
    pub event_type: EventTypeName,
    /// The client's own id for it, unique in the application.
    pub event_id: Option<Uid>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// The endpoints that it matched, in order.
    pub endpoints: Vec<EndpointId>,
    /// The payload, byte for byte as received.
    pub payload: Bytes,
    /// The hash of caller, method, path and idempotency key, when the request had one.
    pub idempotency: Option<Fingerprint>,
    /// After how many days the payload expires, when that is to be before the message does.
    pub payload_retention_days: Option<u16>,
}

/// A message of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its key; the time inside is when it was accepted.
    pub id: MessageId,
    /// Whose it is.
    pub application: ApplicationId,
    /// What happened.
    pub event_type: EventTypeName,
    /// The client's own id for it.
    pub event_id: Option<Uid>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// The endpoints that it matched when it was accepted; a delivery's ordinal is an index into this list.
    pub endpoints: Vec<EndpointId>,
    /// The payload, byte for byte as received; empty when it was expunged or has expired.
    pub payload: Bytes,
    /// See [`NewMessage::idempotency`].
    pub idempotency: Option<Fingerprint>,
    /// Hash of the event id in its application.
    pub event_fingerprint: Option<Fingerprint>,
}

impl Message {
    /// Tells whether there is nothing left to send: the payload was expunged or has expired. None is empty otherwise:
    /// it is a JSON object.
    pub fn payload_is_gone(&self) -> bool {
        self.payload.is_empty()
    }

    /// Tells whether somebody sent it to try a webhook: it is marked on its way and tried once.
    pub fn is_test(&self) -> bool {
        self.channels.iter().any(Channel::is_of_tests)
    }
}

/// What became of a message that was to be appended.
#[derive(Debug, Clone)]
pub enum Appended {
    /// It is durable.
    Created(Arc<Message>),
    /// The same request came before; this is the message that it made.
    Repeated(MessageId),
    /// Another message of the application has this event id.
    EventIdExists(MessageId),
    /// It was matched against an older configuration: match again.
    Stale,
}
