//! Which attempts a list has, and in which order.

use std::collections::BTreeSet;

use semnal_core::id::EndpointId;
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::message::Message;
use semnal_store::outcome::{Outcome, Verdict};
use semnal_store::views::filter::{AttemptFilter, Kind, Span};

use super::super::page::CursorKey;
use super::super::query::Params;

/// 0 is a success, 1 pending, 2 a failure, 3 being sent (Svix API).
pub(crate) const STATUSES: [u16; 4] = [0, 1, 2, 3];
/// 0 is "no answer" (Svix API).
pub(crate) const STATUS_CODE_CLASSES: [u16; 6] = [0, 100, 200, 300, 400, 500];

/// Which attempts a list has.
pub(super) struct Filter {
    status: Option<u16>,
    status_code_class: Option<u16>,
    channel: Option<Channel>,
    pub(super) event_types: Option<BTreeSet<EventTypeName>>,
    before: Option<UnixMillis>,
    after: Option<UnixMillis>,
    pub(super) endpoint: Option<EndpointId>,
}

impl Filter {
    pub(super) fn read(params: &mut Params) -> Filter {
        Filter {
            status: params.one_of("status", &STATUSES),
            status_code_class: params.one_of("status_code_class", &STATUS_CODE_CLASSES),
            channel: params.channel(),
            event_types: params.event_types(),
            before: params.instant("before"),
            after: params.instant("after"),
            endpoint: None,
        }
    }

    /// Returns what the list of an endpoint's attempts is asked for; `None` when no attempt can be wanted: one that is
    /// listed has ended.
    pub(super) fn of_endpoint(self, endpoint: EndpointId) -> Option<AttemptFilter> {
        let success = match self.status {
            None => None,
            Some(0) => Some(true),
            Some(2) => Some(false),
            Some(_) => return None,
        };
        Some(AttemptFilter {
            endpoint,
            success,
            status_class: self.status_code_class.map(|class| class / 100),
            kind: Kind { event_types: self.event_types, channel: self.channel },
            span: Span { after: self.after, before: self.before },
        })
    }

    pub(super) fn wants_message(&self, it: &Message) -> bool {
        self.channel.as_ref().is_none_or(|channel| it.channels.contains(channel))
            && self.event_types.as_ref().is_none_or(|names| names.contains(&it.event_type))
    }

    pub(super) fn wants(&self, it: &Outcome) -> bool {
        let status = if it.verdict == Verdict::Delivered { 0 } else { 2 };
        let class = it.end.status().unwrap_or(0) / 100 * 100;
        self.status.is_none_or(|wanted| wanted == status)
            && self.status_code_class.is_none_or(|wanted| wanted == class)
            && self.before.is_none_or(|before| it.started_at < before)
            && self.after.is_none_or(|after| it.started_at > after)
            && self.endpoint.is_none_or(|endpoint| it.endpoint == endpoint)
    }
}

/// The order of a message's attempts: when they started, then their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageAttemptKey {
    pub(super) started_at: UnixMillis,
    pub(super) ordinal: u16,
    pub(super) number: u16,
}

impl MessageAttemptKey {
    pub(super) fn of(it: &Outcome) -> MessageAttemptKey {
        MessageAttemptKey { started_at: it.started_at, ordinal: it.id.delivery.ordinal, number: it.id.number }
    }
}

impl CursorKey for MessageAttemptKey {
    const LIST: u8 = b'r';
    fn to_bytes(&self) -> Vec<u8> {
        [&self.started_at.0.to_be_bytes()[..], &self.ordinal.to_be_bytes(), &self.number.to_be_bytes()]
            .concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, rest) = bytes.split_at_checked(8)?;
        let (ordinal, number) = rest.split_at_checked(2)?;
        Some(MessageAttemptKey {
            started_at: UnixMillis(i64::from_be_bytes(time.try_into().ok()?)),
            ordinal: u16::from_be_bytes(ordinal.try_into().ok()?),
            number: u16::from_be_bytes(number.try_into().ok()?),
        })
    }
}
