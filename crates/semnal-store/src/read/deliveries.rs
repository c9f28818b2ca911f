//! Reading one delivery of a message that may have thousands.

use std::iter::repeat_n;

use semnal_core::id::{AttemptId, DeliveryId, EndpointId};

use super::{Delivery, Reader, derive_state, held};
use crate::error::StoreError;
use crate::message::Message;
use crate::outcome::{Outcome, Verdict};

impl Reader {
    /// Returns every delivery of a message with its endpoint: those matched, then those that a person added.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged; so for the functions below.
    pub fn delivery_endpoints(&self, message: &Message) -> Result<Vec<(DeliveryId, EndpointId)>, StoreError> {
        self.source().delivery_endpoints(message)
    }

    /// Returns one delivery of a message with its last attempt, `holds` telling whether its endpoint holds its work at
    /// the moment. Costs the same whatever else the message has.
    ///
    /// # Errors
    /// See [`Reader::delivery_endpoints`].
    pub fn delivery(
        &self,
        message: &Message,
        id: DeliveryId,
        endpoint: EndpointId,
        holds: bool,
    ) -> Result<(Delivery, Option<Outcome>), StoreError> {
        self.at_one_moment(message, |source| {
            let made = source.marks_before(id, u16::MAX)?.len();
            let number = u16::try_from(made).unwrap_or(u16::MAX);
            let last = match number {
                0 => None,
                number => source.outcome(AttemptId { delivery: id, number })?,
            };
            // Only the last verdict says what the delivery is; those before it are counted.
            let verdicts =
                repeat_n(Verdict::Held, made.saturating_sub(1)).chain(last.as_ref().map(|it| it.verdict));
            let retry = source.retry(endpoint, id)?;
            let called_off = source.called_off_row(id)?;
            let cut = source.cut(endpoint)?;
            let state = derive_state(id, verdicts, retry.as_ref(), cut, called_off.as_ref());
            let state = if holds { held(state) } else { state };
            let due_at = retry.and_then(|row| row.due_at).filter(|_| !state.is_decided());
            Ok((Delivery { id, endpoint, state, due_at }, last))
        })
    }
}
