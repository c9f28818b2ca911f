//! The lists and counts, found by going through every row of a backend: what the lists of the files must equal. The
//! memory backend, which holds little, answers from here.

use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::EventTypeName;
use semnal_core::time::UnixMillis;

use super::apply::State;
use super::day::minute;
use super::filter::{
    AttemptFilter, AttemptKey, DeliveriesOf, DeliveryFilter, Direction, Found, Listed, MessageFilter, Slice,
};
use super::rebuild::states;
use super::statistics::{Counts, Totals};
use crate::error::StoreError;
use crate::read::ReadSource;
use crate::sqlite::narrow::{Gist, Heading};

/// Lists messages of an application.
pub(crate) fn messages(
    source: &ReadSource<'_>,
    filter: &MessageFilter,
    slice: &Slice<MessageId>,
) -> Result<Found<MessageId, MessageId>, StoreError> {
    let mut all = headings(source)?;
    all.retain(|it| {
        it.application == filter.application && filter.kind.wants(it) && filter.span.wants(it.id.0.time())
    });
    Ok(part(all.iter().map(|it| it.id).collect(), |id| *id, slice))
}

/// Lists deliveries.
pub(crate) fn deliveries(
    source: &ReadSource<'_>,
    filter: &DeliveryFilter,
    slice: &Slice<DeliveryId>,
) -> Result<Found<Listed, DeliveryId>, StoreError> {
    let headings = headings(source)?;
    let wanted = |(id, endpoint, state): &(DeliveryId, EndpointId, State)| {
        let heading = of(&headings, id.message);
        let of_this = match filter.of {
            DeliveriesOf::Endpoint(wanted) => *endpoint == wanted,
            DeliveriesOf::OpenOfApplication(wanted) => {
                heading.is_some_and(|it| it.application == wanted) && *state != State::Delivered
            }
        };
        of_this
            && filter.state.is_none_or(|wanted| wanted == *state)
            && heading.is_some_and(|it| filter.kind.wants(it))
            && filter.span.wants(id.message.0.time())
    };
    let mut all = every_state(source, &headings)?;
    all.retain(wanted);
    let listed = all.into_iter().map(|(id, endpoint, state)| Listed { id, endpoint, state }).collect();
    Ok(part(listed, |it: &Listed| it.id, slice))
}

/// Lists attempts of an endpoint.
pub(crate) fn attempts(
    source: &ReadSource<'_>,
    filter: &AttemptFilter,
    slice: &Slice<AttemptKey>,
) -> Result<Found<AttemptKey, AttemptKey>, StoreError> {
    let headings = headings(source)?;
    let mut all = gists(source)?;
    all.retain(|it| {
        it.endpoint == filter.endpoint
            && filter.wants(it)
            && of(&headings, it.id.delivery.message).is_some_and(|heading| filter.kind.wants(heading))
    });
    let key = |it: &Gist| AttemptKey { started_at: it.started_at, id: it.id };
    let mut keys: Vec<AttemptKey> = all.iter().map(key).collect();
    keys.sort_unstable();
    Ok(part(keys, |key| *key, slice))
}

/// Counts the deliveries of an endpoint by state.
pub(crate) fn counts(
    source: &ReadSource<'_>,
    endpoint: EndpointId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Counts, StoreError> {
    let headings = headings(source)?;
    let mut counts = Counts::default();
    for (id, to, state) in every_state(source, &headings)? {
        if to == endpoint && (first..=last).contains(&id.message.0.time()) {
            counts.add(state, 1);
        }
    }
    Ok(counts)
}

/// Adds up the attempts of an endpoint that started in some minutes.
pub(crate) fn totals(
    source: &ReadSource<'_>,
    endpoint: EndpointId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    for gist in gists(source)? {
        if gist.endpoint == endpoint && (minute(first)..=minute(last)).contains(&minute(gist.started_at)) {
            totals.add(&gist);
        }
    }
    Ok(totals)
}

/// Counts the messages of an application by event type, accepted in some minutes.
pub(crate) fn message_counts(
    source: &ReadSource<'_>,
    application: ApplicationId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Vec<(EventTypeName, u64)>, StoreError> {
    let minutes = minute(first)..=minute(last);
    let mut counts = std::collections::BTreeMap::<EventTypeName, u64>::new();
    for it in headings(source)? {
        if it.application == application && minutes.contains(&minute(it.id.0.time())) {
            *counts.entry(it.event_type).or_default() += 1;
        }
    }
    Ok(counts.into_iter().collect())
}

fn headings(source: &ReadSource<'_>) -> Result<Vec<Heading>, StoreError> {
    source.headings(MessageId(Key(0)), MessageId(Key(i64::MAX)), i64::MAX as usize)
}

fn gists(source: &ReadSource<'_>) -> Result<Vec<Gist>, StoreError> {
    source.gists(MessageId(Key(0)), MessageId(Key(i64::MAX)))
}

fn of(headings: &[Heading], id: MessageId) -> Option<&Heading> {
    headings.binary_search_by_key(&id, |it| it.id).ok().map(|at| &headings[at])
}

/// Returns the state of every delivery, by message and ordinal.
fn every_state(
    source: &ReadSource<'_>,
    headings: &[Heading],
) -> Result<Vec<(DeliveryId, EndpointId, State)>, StoreError> {
    let mut all = states(source, headings, MessageId(Key(0)), MessageId(Key(i64::MAX)))?;
    all.sort_unstable_by_key(|(id, _, _)| *id);
    Ok(all)
}

/// Cuts a part out of what is sorted in ascending order.
fn part<T: Clone, K: Copy + Ord>(mut all: Vec<T>, key: impl Fn(&T) -> K, slice: &Slice<K>) -> Found<T, K> {
    if slice.direction == Direction::Older {
        all.reverse();
    }
    all.retain(|it| slice.is_beyond(key(it)));
    let more = all.len() > slice.limit;
    all.truncate(slice.limit);
    let more_after = all.last().map(key).filter(|_| more);
    Found { items: all, more_after }
}
