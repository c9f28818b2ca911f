//! The proof of the ledger (invariant 3): every accepted pair is in exactly one state, shown from the rows and not by
//! subtraction.

use std::collections::{BTreeMap, HashMap, HashSet};

use semnal_core::delivery::DeliveryState;
use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId};

use crate::called_off::{CalledOffRow, Reason};
use crate::error::StoreError;
use crate::message::Matched;
use crate::outcome::{Outcome, RetryRow, Trigger};
use crate::read::{ReadSource, derive_state};
use crate::views::audit::Differences;
use crate::writer::Inspection;

/// Messages read at once.
const VERIFY_BATCH_ROWS: usize = 1_000;
/// Retry rows read at once.
const RETRY_BATCH_ROWS: usize = 10_000;
/// Rows of payloads that expire read at once.
const EXPIRY_BATCH_ROWS: usize = 10_000;
/// 100 rows that do not balance are named; the rest are counted.
const IMBALANCES_NAMED_MAX: usize = 100;

/// What the proof found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Messages in the journal.
    pub messages: u64,
    /// Attempts in the journal.
    pub attempts: u64,
    /// Accepted pairs by state.
    pub states: BTreeMap<&'static str, u64>,
    /// Rows that do not balance, the first hundred of them.
    pub imbalances: Vec<Imbalance>,
    /// How many there are.
    pub imbalance_count: u64,
}

/// A row that does not balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imbalance {
    /// An attempt or retry row belongs to no accepted pair.
    NotAccepted(DeliveryId, EndpointId),
    /// A delivery that was called off belongs to no accepted pair.
    CalledOffNotAccepted(DeliveryId),
    /// Attempts are not 1..n.
    AttemptGap(DeliveryId),
    /// A delivered pair has no 2xx.
    DeliveredWithout2xx(DeliveryId),
    /// A retry row counts other attempts than there are.
    AttemptCount(DeliveryId),
    /// A final outcome stands beside a retry row that did not reopen the delivery, or the last outcome asks for another
    /// attempt that no row holds and no cut has cancelled.
    Unreachable(DeliveryId),
    /// An undecided pair is below the low-water mark without a retry row.
    BelowMark(DeliveryId),
    /// A delivery that was called off has a retry row as well: it would be sent.
    Revived(DeliveryId),
    /// More attempts of a delivery that was called off were recorded than the one that may have been under way.
    AttemptAfterEnd(DeliveryId),
    /// A delivery was called off for its lost payload, which is there.
    PayloadNotGone(DeliveryId),
    /// A delivery is undecided and its payload is gone: there is nothing to send.
    NothingToSend(DeliveryId),
    /// The payload of a message is to expire before the message was accepted.
    ExpiryBeforeMessage(MessageId),
    /// The running counts differ from the derived ones: (endpoint, running, derived).
    PendingCount(EndpointId, u64, u64),
    /// The engine, or the writer thread, counts another number of undecided deliveries without a row: (running,
    /// derived). Those of a deleted endpoint may be counted until the engine has forgotten them.
    EngineCount(u64, u64),
    /// The views differ from a recount.
    Views(String),
}

impl Verification {
    /// Tells whether everything balances.
    pub fn balances(&self) -> bool {
        self.imbalance_count == 0
    }

    /// Takes in what the audit of the views found.
    pub(crate) fn add_views(&mut self, differences: Differences) {
        let described = differences.found.len() as u64;
        for what in differences.found {
            self.note(Imbalance::Views(what));
        }
        self.imbalance_count += differences.count - described;
    }

    fn note(&mut self, imbalance: Imbalance) {
        self.imbalance_count += 1;
        if self.imbalances.len() < IMBALANCES_NAMED_MAX {
            self.imbalances.push(imbalance);
        }
    }
}

/// Proves the ledger as of the moment of the inspection.
pub(crate) fn verify(inspection: &Inspection) -> Result<Verification, StoreError> {
    let mut proof = Proof {
        inspection,
        source: inspection.reader.source(),
        cuts: inspection.reader.source().cuts()?.into_iter().collect(),
        found: Verification::default(),
        pending: HashMap::new(),
        fresh: 0,
        unforgotten: 0,
        retry_rows_met: 0,
    };
    proof.messages()?;
    proof.retries()?;
    proof.expiries()?;
    proof.counts();
    let found = proof.found;
    inspection.reader.end_snapshot()?;
    Ok(found)
}

struct Proof<'a> {
    inspection: &'a Inspection,
    source: ReadSource<'a>,
    cuts: HashMap<EndpointId, Key>,
    found: Verification,
    pending: HashMap<EndpointId, u64>,
    fresh: u64,
    /// Cancelled pairs that the engine may still have in memory: it forgets them with its next report.
    unforgotten: u64,
    retry_rows_met: u64,
}

/// An accepted pair with what is known of it besides its attempts.
struct Pair {
    delivery: DeliveryId,
    endpoint: EndpointId,
    called_off: Option<CalledOffRow>,
    payload_gone: bool,
}

impl Proof<'_> {
    fn messages(&mut self) -> Result<(), StoreError> {
        let mut from = Key(0);
        loop {
            let messages = self.source.matched_from(from, VERIFY_BATCH_ROWS)?;
            // Outcomes before, between and after the messages of this page belong to no message.
            let last = messages.last().map_or(Key(i64::MAX), |m| m.id.0);
            let outcomes = self.source.outcomes(MessageId(from), MessageId(last))?;
            let added = self.source.added(MessageId(from), MessageId(last))?;
            let called_off = self.source.called_off(MessageId(from), MessageId(last))?;
            let endpoints: HashMap<MessageId, usize> =
                messages.iter().map(|m| (m.id, m.endpoints.len())).collect();
            let pairs = |of: MessageId| {
                endpoints
                    .get(&of)
                    .map(|matched| matched + added.iter().filter(|(d, _)| d.message == of).count())
            };
            for row in &called_off {
                let DeliveryId { message, ordinal } = row.delivery;
                if pairs(message).is_none_or(|count| usize::from(ordinal) >= count) {
                    self.found.note(Imbalance::CalledOffNotAccepted(row.delivery));
                }
            }
            self.found.attempts += outcomes.len() as u64;
            let known: HashSet<MessageId> = messages.iter().map(|m| m.id).collect();
            for outcome in outcomes.iter().filter(|o| !known.contains(&o.id.delivery.message)) {
                self.found.note(Imbalance::NotAccepted(outcome.id.delivery, outcome.endpoint));
            }
            for message in &messages {
                let at = outcomes.partition_point(|o| o.id.delivery.message < message.id);
                let end = outcomes.partition_point(|o| o.id.delivery.message <= message.id);
                let added: Vec<_> = added.iter().filter(|(d, _)| d.message == message.id).copied().collect();
                let start = called_off.partition_point(|row| row.delivery.message < message.id);
                let called_off = &called_off[start..];
                self.message(message, &outcomes[at..end], &added, called_off)?;
            }
            if messages.is_empty() {
                return Ok(());
            }
            from = Key(last.0 + 1);
        }
    }

    fn message(
        &mut self,
        message: &Matched,
        outcomes: &[Outcome],
        added: &[(DeliveryId, EndpointId)],
        called_off: &[CalledOffRow],
    ) -> Result<(), StoreError> {
        self.found.messages += 1;
        let matched = (0u16..).zip(&message.endpoints);
        let pairs = matched
            .map(|(ordinal, endpoint)| (DeliveryId { message: message.id, ordinal }, *endpoint))
            .chain(added.iter().copied());
        let mut accounted = 0;
        for (delivery, endpoint) in pairs {
            let start = outcomes.partition_point(|o| o.id.delivery < delivery);
            let end = outcomes.partition_point(|o| o.id.delivery <= delivery);
            accounted += end - start;
            let of_message = called_off.iter().take_while(|row| row.delivery.message == message.id);
            let called_off = of_message.copied().find(|row| row.delivery == delivery);
            let pair = Pair { delivery, endpoint, called_off, payload_gone: message.payload_gone };
            self.pair(&pair, &outcomes[start..end])?;
        }
        if accounted != outcomes.len() {
            let pairs = message.endpoints.len() + added.len();
            for outcome in outcomes.iter().filter(|o| usize::from(o.id.delivery.ordinal) >= pairs) {
                self.found.note(Imbalance::NotAccepted(outcome.id.delivery, outcome.endpoint));
            }
        }
        Ok(())
    }

    fn pair(&mut self, pair: &Pair, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let Pair { delivery, endpoint, .. } = *pair;
        let retry = self.source.retry(endpoint, delivery)?;
        self.retry_rows_met += u64::from(retry.is_some());
        self.attempts(delivery, endpoint, outcomes, retry.as_ref());
        let cut = self.cuts.get(&endpoint).copied();
        let verdicts = outcomes.iter().map(|o| o.verdict);
        let state = derive_state(delivery, verdicts, retry.as_ref(), cut, pair.called_off.as_ref());
        let holds = self.inspection.configuration.endpoint(endpoint).is_some_and(|e| e.state.holds());
        let word = match state {
            DeliveryState::Pending(_) if holds => "held",
            DeliveryState::Pending(_) | DeliveryState::Held(_) => "pending",
            DeliveryState::Delivered(_) => "delivered",
            DeliveryState::Failed(_) => "failed",
            DeliveryState::Cancelled(_) => "cancelled",
            DeliveryState::Expired(_) => "expired",
        };
        *self.found.states.entry(word).or_default() += 1;
        if state.is_decided() {
            let in_window = delivery.message.0 >= self.inspection.low_water;
            let untouched = outcomes.is_empty() && retry.is_none();
            self.unforgotten += u64::from(untouched && in_window);
            match &pair.called_off {
                Some(row) => self.called_off(pair, row, outcomes, retry.is_some()),
                None => self.decided(delivery, state, outcomes, cut),
            }
            return Ok(());
        }
        if pair.payload_gone {
            self.found.note(Imbalance::NothingToSend(delivery));
        }
        let decided = outcomes.last().is_some_and(|o| o.verdict.is_final());
        if decided && retry.is_some_and(|row| row.trigger == Trigger::Scheduled) {
            self.found.note(Imbalance::Unreachable(delivery));
        }
        *self.pending.entry(endpoint).or_default() += 1;
        if retry.is_none() {
            self.fresh += 1;
            if delivery.message.0 < self.inspection.low_water {
                self.found.note(Imbalance::BelowMark(delivery));
            }
        }
        Ok(())
    }

    fn called_off(&mut self, pair: &Pair, row: &CalledOffRow, outcomes: &[Outcome], has_retry: bool) {
        if has_retry {
            self.found.note(Imbalance::Revived(pair.delivery));
        }
        let recorded = usize::from(row.attempts);
        if !(recorded..=recorded + 1).contains(&outcomes.len()) {
            self.found.note(Imbalance::AttemptAfterEnd(pair.delivery));
        }
        if row.reason != Reason::Cancelled && !pair.payload_gone {
            self.found.note(Imbalance::PayloadNotGone(pair.delivery));
        }
    }

    fn attempts(
        &mut self,
        delivery: DeliveryId,
        endpoint: EndpointId,
        outcomes: &[Outcome],
        retry: Option<&RetryRow>,
    ) {
        if outcomes.iter().any(|o| o.endpoint != endpoint) {
            self.found.note(Imbalance::NotAccepted(delivery, endpoint));
        }
        if !outcomes.iter().zip(1u16..).all(|(outcome, number)| outcome.id.number == number) {
            self.found.note(Imbalance::AttemptGap(delivery));
        }
        if retry.is_some_and(|row| usize::from(row.progress.attempts) != outcomes.len()) {
            self.found.note(Imbalance::AttemptCount(delivery));
        }
    }

    fn decided(
        &mut self,
        delivery: DeliveryId,
        state: DeliveryState,
        outcomes: &[Outcome],
        cut: Option<Key>,
    ) {
        let last = outcomes.last();
        match state {
            DeliveryState::Delivered(_) if last.is_none_or(|o| !o.end.is_success()) => {
                self.found.note(Imbalance::DeliveredWithout2xx(delivery));
            }
            // Without a cut behind it nobody cancelled it: its last outcome asks for an attempt that no row holds.
            DeliveryState::Cancelled(_) if cut.is_none_or(|position| position < delivery.message.0) => {
                self.found.note(Imbalance::Unreachable(delivery));
            }
            _ => {}
        }
    }

    /// Every retry row must have been met at its pair. Only when their number differs is each one looked up.
    fn retries(&mut self) -> Result<(), StoreError> {
        let mut count = 0;
        self.each_retry(|_, _| {
            count += 1;
            Ok(())
        })?;
        if count == self.retry_rows_met {
            return Ok(());
        }
        self.each_retry(|proof, row| {
            let message = proof.source.message(row.delivery.message)?;
            let pairs = message.map(|m| proof.source.delivery_endpoints(&m)).transpose()?;
            if !pairs.is_some_and(|p| p.contains(&(row.delivery, row.endpoint))) {
                proof.found.note(Imbalance::NotAccepted(row.delivery, row.endpoint));
            }
            Ok(())
        })
    }

    fn each_retry(
        &mut self,
        mut take: impl FnMut(&mut Self, RetryRow) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let rows = self.source.retry_page(after, RETRY_BATCH_ROWS)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some((last.endpoint, last.delivery));
            for row in rows {
                take(self, row)?;
            }
        }
    }

    /// A payload expires after its message was accepted. A message may be gone before: then its row waits for its time.
    fn expiries(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let rows = self.source.payload_expiries(after, EXPIRY_BATCH_ROWS)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(*last);
            for (_, message) in rows.iter().filter(|(at, message)| *at <= message.0.time()) {
                self.found.note(Imbalance::ExpiryBeforeMessage(*message));
            }
        }
    }

    fn counts(&mut self) {
        let endpoints: HashSet<EndpointId> =
            self.pending.keys().chain(self.inspection.pending.keys()).copied().collect();
        for endpoint in endpoints {
            let running = self.inspection.pending.get(&endpoint).copied().unwrap_or(0);
            let derived = self.pending.get(&endpoint).copied().unwrap_or(0);
            if running != derived {
                self.found.note(Imbalance::PendingCount(endpoint, running, derived));
            }
        }
        let fresh = self.fresh..=self.fresh + self.unforgotten + self.inspection.unforgotten;
        let running = [self.inspection.engine_fresh, Some(self.inspection.fresh_total)];
        if let Some(wrong) = running.into_iter().flatten().find(|count| !fresh.contains(count)) {
            self.found.note(Imbalance::EngineCount(wrong, self.fresh));
        }
    }
}
