//! What a list is asked for, and what it answers.

use std::collections::BTreeSet;

use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;

use super::apply::State;
use crate::sqlite::narrow::{Gist, Heading};

/// Which messages, by what they say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kind {
    /// Of one of these event types; `None` means all.
    pub event_types: Option<BTreeSet<EventTypeName>>,
    /// With this channel.
    pub channel: Option<Channel>,
}

/// A span of time. Both ends are exclusive (Svix API).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Only what is later.
    pub after: Option<UnixMillis>,
    /// Only what is earlier.
    pub before: Option<UnixMillis>,
}

/// Which messages a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFilter {
    /// Whose.
    pub application: ApplicationId,
    /// What kind.
    pub kind: Kind,
    /// When they were accepted.
    pub span: Span,
}

/// Which deliveries a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Whose, or where to.
    pub of: DeliveriesOf,
    /// In which state.
    pub state: Option<State>,
    /// What kind of messages.
    pub kind: Kind,
    /// When their messages were accepted.
    pub span: Span,
}

/// Whose deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveriesOf {
    /// Those to an endpoint.
    Endpoint(EndpointId),
    /// Those of an application that were not delivered (yet).
    OpenOfApplication(ApplicationId),
}

/// Which attempts of an endpoint a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Where they went.
    pub endpoint: EndpointId,
    /// Only successes, or only failures.
    pub success: Option<bool>,
    /// Only those whose status divided by 100 is this; 0 means without an answer.
    pub status_class: Option<u16>,
    /// What kind of messages.
    pub kind: Kind,
    /// When they started.
    pub span: Span,
}

/// The order of an endpoint's attempts: when they started, then what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptKey {
    /// When it started.
    pub started_at: UnixMillis,
    /// Which it is.
    pub id: AttemptId,
}

/// A delivery as a list has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// What it is.
    pub state: State,
}

/// Which way a list is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    Older,
    /// Oldest first.
    Newer,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<K> {
    /// Beyond this one, which is not part of it; `None` starts at the end where the direction begins.
    pub from: Option<K>,
    /// Which way.
    pub direction: Direction,
    /// How many items at most.
    pub limit: usize,
}

/// What was found, in the order of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T, K> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on: beyond this one more may follow. `None` means that nothing does.
    pub more_after: Option<K>,
}

impl Kind {
    pub(super) fn wants(&self, it: &Heading) -> bool {
        self.event_types.as_ref().is_none_or(|names| names.contains(&it.event_type))
            && self.channel.as_ref().is_none_or(|channel| it.channels.contains(channel))
    }
}

impl Span {
    pub(super) fn wants(self, time: UnixMillis) -> bool {
        self.after.is_none_or(|after| time > after) && self.before.is_none_or(|before| time < before)
    }

    /// Returns the first and last millisecond of the span.
    pub(crate) fn ends(self) -> (UnixMillis, UnixMillis) {
        let first = self.after.map_or(0, |after| after.0.saturating_add(1)).clamp(0, UnixMillis::MAX.0);
        let last = self.before.map_or(i64::MAX, |before| before.0.saturating_sub(1));
        (UnixMillis(first), UnixMillis(last.clamp(-1, UnixMillis::MAX.0)))
    }

    /// Returns the keys of the span: the first, and the one after the last.
    pub(super) fn keys(self) -> (Key, Key) {
        let (first, last) = self.ends();
        (Key::first_at(first), Key::first_at(UnixMillis(last.0 + 1)))
    }
}

impl AttemptFilter {
    pub(super) fn wants(&self, it: &Gist) -> bool {
        self.wants_result(it.is_success(), it.status.unwrap_or(0)) && self.span.wants(it.started_at)
    }

    pub(super) fn wants_result(&self, success: bool, status: u16) -> bool {
        self.success.is_none_or(|wanted| wanted == success)
            && self.status_class.is_none_or(|class| status / 100 == class)
    }
}

impl<K: Copy + Ord> Slice<K> {
    /// Tells whether a key lies beyond the start.
    pub(crate) fn is_beyond(&self, key: K) -> bool {
        match self.direction {
            Direction::Older => self.from.is_none_or(|from| key < from),
            Direction::Newer => self.from.is_none_or(|from| key > from),
        }
    }
}
