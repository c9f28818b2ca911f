//! What is read from the journal at start: the counts of undecided deliveries, and those that have no retry row.
//!
//! Only messages from the low-water mark on can have a delivery that is undecided and has no row; everything older is
//! decided or waits in the retry table.

use std::collections::HashSet;

use semnal_core::configuration::Configuration;
use semnal_core::id::{DeliveryId, EndpointId, Key};

use crate::bookkeeping::Bookkeeping;
use crate::error::StoreError;
use crate::message::Matched;
use crate::observer::Recovered;
use crate::outcome::{Outcome, RetryCount};
use crate::read::{ReadSource, derive_state};

/// The meta value with the low-water mark.
pub(crate) const LOW_WATER: &str = "low_water";
/// The meta value with the last key that was given out.
pub(crate) const LAST_KEY: &str = "last_key";
/// Messages read at once.
const RECOVERY_BATCH_ROWS: usize = 1_000;

/// What was found at start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) recovered: Vec<Recovered>,
    /// Endpoints that have rows without a time.
    pub(crate) backlogs: Vec<EndpointId>,
    /// The last key that retry rows and cuts tell of; such keys must not be given out again.
    pub(crate) last_position: Key,
}

/// Reads counts and undecided deliveries, and fills the bookkeeping.
pub(crate) fn recover(
    source: &ReadSource<'_>,
    configuration: &Configuration,
    books: &mut Bookkeeping,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    for RetryCount { endpoint, rows, without_time, last_since } in source.retry_counts()? {
        found.last_position = found.last_position.max(last_since);
        if configuration.endpoint(endpoint).is_some() {
            books.add_pending(endpoint, rows);
            if without_time > 0 {
                found.backlogs.push(endpoint);
            }
        }
    }
    for (_, position) in source.cuts()? {
        // The key after a cut is taken as well: what comes later lies above the cut.
        found.last_position = found.last_position.max(Key(position.0 + 1));
    }
    let mut from = Key(source.meta_number(LOW_WATER)?.unwrap_or(0));
    loop {
        let messages = source.matched_from(from, RECOVERY_BATCH_ROWS)?;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return Ok(found) };
        let outcomes = source.outcomes(first.id, last.id)?;
        let called_off = source.called_off(first.id, last.id)?;
        let called_off: HashSet<DeliveryId> = called_off.iter().map(|row| row.delivery).collect();
        from = Key(last.id.0.0 + 1);
        for message in &messages {
            let at = outcomes.partition_point(|o| o.id.delivery.message < message.id);
            let undecided = undecided_without_row(source, message, &outcomes[at..], &called_off)?;
            let endpoints: Vec<EndpointId> = undecided.iter().map(|r| r.endpoint).collect();
            books.add_fresh(message.id, &endpoints);
            found.recovered.extend(undecided);
        }
    }
}

/// Returns the deliveries of a message that nothing decided and no row holds. `outcomes` starts at this message.
fn undecided_without_row(
    source: &ReadSource<'_>,
    message: &Matched,
    outcomes: &[Outcome],
    called_off: &HashSet<DeliveryId>,
) -> Result<Vec<Recovered>, StoreError> {
    let of_message = || outcomes.iter().take_while(|o| o.id.delivery.message == message.id);
    let with_outcome: HashSet<u16> = of_message().map(|o| o.id.delivery.ordinal).collect();
    let mut found = Vec::new();
    for (ordinal, endpoint) in (0u16..).zip(&message.endpoints) {
        let delivery = DeliveryId { message: message.id, ordinal };
        // An outcome that is not final was written together with a retry row, so the delivery is not fresh.
        if with_outcome.contains(&ordinal) || called_off.contains(&delivery) {
            continue;
        }
        let retry = source.retry(*endpoint, delivery)?;
        let state = derive_state(delivery, std::iter::empty(), retry.as_ref(), source.cut(*endpoint)?, None);
        if retry.is_none() && !state.is_decided() {
            found.push(Recovered { endpoint: *endpoint, delivery });
        }
    }
    Ok(found)
}
