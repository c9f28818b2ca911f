//! Finding deliveries of an application, newest first, one page at a time.
//!
//! The views lead to the deliveries of a webhook and to those of an application that are open; for all others the
//! application's messages are walked. What the views cannot judge is judged delivery by delivery, and at most
//! [`LOOKED_AT_MAX`] of them are looked at for one page.

use std::collections::BTreeSet;
use std::sync::Arc;

use semnal_core::attempt::AttemptEnd;
use semnal_core::configuration::Configuration;
use semnal_core::delivery::DeliveryState;
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, MessageId};
use semnal_core::name::EventTypeName;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::read::{Delivery, Reader};
use semnal_store::views::apply::State;
use semnal_store::views::filter::{DeliveriesOf, DeliveryFilter, Direction, Found, MessageFilter, Slice};

use super::filter::Filter;
use super::state::STATES;

/// 25 deliveries on a page.
pub(crate) const PAGE_ROWS: usize = 25;
/// 2,000 deliveries are looked at for one page at most: some tens of milliseconds.
const LOOKED_AT_MAX: usize = 2_000;
/// 50 messages or deliveries are asked for at once.
const CHUNK: usize = 50;

/// What a row shows.
pub(crate) struct Item {
    pub(crate) delivery: Delivery,
    pub(crate) message: MessageId,
    pub(crate) event_type: EventTypeName,
    pub(crate) is_test: bool,
    pub(crate) last: Option<Last>,
}

/// The last attempt.
pub(crate) struct Last {
    pub(crate) end: AttemptEnd,
    pub(crate) total_ms: i64,
}

/// What is looked for.
pub(crate) struct Question {
    pub(crate) application: ApplicationId,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) filter: Filter,
    pub(crate) slice: Slice<DeliveryId>,
}

struct Walk<'a> {
    reader: &'a Reader,
    question: &'a Question,
    items: Vec<Item>,
    looked_at: usize,
    /// The last delivery, or all of a message, that was looked at and does not come again.
    reached: Option<DeliveryId>,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Step {
    Next,
    /// The page ends here, and more may follow.
    Ended,
}

/// Answers a question on a reading thread.
///
/// # Errors
/// What the store says.
pub(crate) fn find(reader: &Reader, question: &Question) -> Result<Found<Item, DeliveryId>, StoreError> {
    let filter = &question.filter;
    let no_endpoint = filter.endpoints.as_ref().is_some_and(BTreeSet::is_empty);
    let no_type = filter.event_types.as_ref().is_some_and(BTreeSet::is_empty);
    if no_endpoint || no_type || !filter.unknown.is_empty() {
        return Ok(Found { items: Vec::new(), more_after: None });
    }
    let mut walk = Walk { reader, question, items: Vec::new(), looked_at: 0, reached: question.slice.from };
    let ended = match question.source() {
        Some((of, state)) => walk.deliveries(of, state)?,
        None => walk.messages()?,
    };
    let more_after = walk.reached.filter(|_| ended == Step::Ended);
    Ok(Found { items: walk.items, more_after })
}

impl Question {
    /// Returns what the views list directly; `None` when messages have to be walked.
    fn source(&self) -> Option<(DeliveriesOf, Option<State>)> {
        let state = self.state().map(|(state, _)| state);
        let one = self.filter.endpoints.as_ref().filter(|it| it.len() == 1);
        match (one.and_then(|it| it.first()), state) {
            (Some(endpoint), state) => Some((DeliveriesOf::Endpoint(*endpoint), state)),
            (None, Some(state)) if state != State::Delivered => {
                Some((DeliveriesOf::OpenOfApplication(self.application), Some(state)))
            }
            (None, _) => None,
        }
    }

    fn state(&self) -> Option<(State, Option<bool>)> {
        let found = STATES.iter().find(|(word, ..)| Some(*word) == self.filter.state);
        found.map(|(_, state, held)| (*state, *held))
    }

    fn holds(&self, endpoint: EndpointId) -> bool {
        self.configuration.endpoint(endpoint).is_some_and(|it| it.state.holds())
    }

    fn wants(&self, delivery: &Delivery, end: Option<&AttemptEnd>) -> bool {
        let state = match delivery.state {
            DeliveryState::Pending(_) => (State::Pending, false),
            DeliveryState::Held(_) => (State::Pending, true),
            DeliveryState::Delivered(_) => (State::Delivered, false),
            DeliveryState::Failed(_) => (State::Failed, false),
            DeliveryState::Cancelled(_) => (State::Cancelled, false),
            DeliveryState::Expired(_) => (State::Expired, false),
        };
        self.state().is_none_or(|(wanted, held)| wanted == state.0 && held.is_none_or(|held| held == state.1))
            && self.filter.status.is_none_or(|status| status.wants(end))
    }
}

impl Walk<'_> {
    fn deliveries(&mut self, of: DeliveriesOf, state: Option<State>) -> Result<Step, StoreError> {
        let Question { filter, slice, .. } = self.question;
        let filter = DeliveryFilter { of, state, kind: filter.kind(), span: filter.span };
        let mut from = slice.from;
        loop {
            let Found { items, more_after } =
                self.reader.list_deliveries(&filter, &Slice { from, limit: CHUNK, ..*slice })?;
            for it in items {
                // One of a deleted message is not shown.
                if let Some(message) = self.reader.message(it.id.message)?
                    && self.look(&message, it.id, it.endpoint)? == Step::Ended
                {
                    return Ok(Step::Ended);
                }
            }
            let Some(next) = more_after else { return Ok(Step::Next) };
            (from, self.reached) = (Some(next), Some(next));
        }
    }

    fn messages(&mut self) -> Result<Step, StoreError> {
        let Question { filter, slice, application, .. } = self.question;
        let filter = MessageFilter { application: *application, kind: filter.kind(), span: filter.span };
        // The rest of the message in which the page before ended.
        if let Some(from) = slice.from
            && self.message(from.message)? == Step::Ended
        {
            return Ok(Step::Ended);
        }
        let mut from = slice.from.map(|it| it.message);
        loop {
            let Found { items, more_after } = self
                .reader
                .list_messages(&filter, &Slice { from, direction: slice.direction, limit: CHUNK })?;
            for id in items {
                if self.message(id)? == Step::Ended {
                    return Ok(Step::Ended);
                }
            }
            let Some(next) = more_after else { return Ok(Step::Next) };
            from = Some(next);
        }
    }

    /// Looks at the deliveries of a message that lie beyond the start.
    fn message(&mut self, id: MessageId) -> Result<Step, StoreError> {
        let Some(message) = self.reader.message(id)? else { return Ok(Step::Next) };
        let mut all = self.reader.delivery_endpoints(&message)?;
        if self.question.slice.direction == Direction::Older {
            all.reverse();
        }
        if all.is_empty() {
            // A long row of messages that matched nothing ends too.
            let ordinal = if self.question.slice.direction == Direction::Older { 0 } else { u16::MAX };
            self.reached = Some(DeliveryId { message: id, ordinal });
            self.looked_at += 1;
        }
        let from = self.question.slice.from;
        let beyond = |it: DeliveryId| match self.question.slice.direction {
            Direction::Older => from.is_none_or(|from| it < from),
            Direction::Newer => from.is_none_or(|from| it > from),
        };
        for (delivery, endpoint) in all.into_iter().filter(|(id, _)| beyond(*id)).collect::<Vec<_>>() {
            if self.look(&message, delivery, endpoint)? == Step::Ended {
                return Ok(Step::Ended);
            }
        }
        Ok(if self.looked_at >= LOOKED_AT_MAX { Step::Ended } else { Step::Next })
    }

    fn look(&mut self, message: &Message, id: DeliveryId, endpoint: EndpointId) -> Result<Step, StoreError> {
        if self.looked_at >= LOOKED_AT_MAX {
            return Ok(Step::Ended);
        }
        self.looked_at += 1;
        let filter = &self.question.filter;
        let wanted = filter.endpoints.as_ref().is_none_or(|all| all.contains(&endpoint))
            && filter.test.is_none_or(|wanted| wanted == message.is_test());
        if wanted {
            let (delivery, last) =
                self.reader.delivery(message, id, endpoint, self.question.holds(endpoint))?;
            let last = last.map(|it| Last { total_ms: it.phases.total_ms(), end: it.end });
            if self.question.wants(&delivery, last.as_ref().map(|it| &it.end)) {
                if self.items.len() == self.question.slice.limit {
                    // There is one more: the page ends before it.
                    return Ok(Step::Ended);
                }
                let event_type = message.event_type.clone();
                let is_test = message.is_test();
                self.items.push(Item { delivery, message: message.id, event_type, is_test, last });
            }
        }
        self.reached = Some(id);
        Ok(Step::Next)
    }
}
