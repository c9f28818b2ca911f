//! The rules of the oracle: one pass over the arrivals in their order, one over the accepted pairs.

use std::collections::{HashMap, HashSet};

use crate::oracle::{Arrival, EndpointNumber, History, Judgement, Sent, Verified, Violation};

/// How many cases are put into words.
const EXAMPLES_MAX: usize = 20;

/// What the history says about a message id.
struct Index<'a> {
    sequence_by_id: HashMap<&'a str, u64>,
    history: &'a History,
}

pub(super) fn judge(history: &History) -> Judgement {
    let mut judgement =
        Judgement { duplicates_by_kill: vec![0; history.kills_us.len() + 1], ..Judgement::default() };
    let mut index = Index { sequence_by_id: HashMap::new(), history };
    for (sequence, id) in &history.accepted {
        index.sequence_by_id.entry(id).or_insert(*sequence);
    }
    judge_ids(history, &mut judgement);
    let taken = judge_arrivals(&index, &mut judgement);
    judge_pairs(&index, &taken, &mut judgement);
    for verified in &history.verified {
        if let Verified::Unbalanced(output) = verified {
            judgement.add(Violation::VerifyFails, || output.clone());
        }
    }
    judgement
}

/// One key, one message: every 202 to the same request names the same id, and no id stands for two requests.
fn judge_ids(history: &History, judgement: &mut Judgement) {
    let mut id_by_sequence: HashMap<u64, &str> = HashMap::new();
    let mut sequence_by_id: HashMap<&str, u64> = HashMap::new();
    for (sequence, id) in &history.accepted {
        let known = *id_by_sequence.entry(*sequence).or_insert(id);
        let owner = *sequence_by_id.entry(id).or_insert(*sequence);
        if known != &**id || owner != *sequence {
            judgement.add(Violation::AcceptedTwice, || format!("message {sequence} is {known} and {id}"));
        }
    }
    judgement.accepted = id_by_sequence.len() as u64;
}

/// Judges each request by itself and returns the pairs that were taken, by number and endpoint.
fn judge_arrivals(index: &Index<'_>, judgement: &mut Judgement) -> HashSet<(u64, EndpointNumber)> {
    let mut taken = HashSet::new();
    let mut id_by_sequence: HashMap<u64, &str> = HashMap::new();
    for (sequence, id) in &index.history.accepted {
        id_by_sequence.entry(*sequence).or_insert(id);
    }
    for arrival in &index.history.arrivals {
        judgement.arrivals += 1;
        let place = || format!("{} at endpoint {}", arrival.message, arrival.endpoint.0);
        if !arrival.signed {
            judgement.add(Violation::BadSignature, place);
        }
        if index.is_stopped(arrival) {
            judgement.add(Violation::AfterStop, place);
        }
        let Some((sequence, sent)) = index.origin(arrival) else {
            judgement.add(Violation::WrongBytes, || format!("{} was never sent", place()));
            continue;
        };
        if arrival.body_hash != sent.body_hash {
            judgement.add(Violation::WrongBytes, place);
        }
        if !sent.targets.contains(&arrival.endpoint) {
            judgement.add(Violation::WrongEndpoint, place);
            continue;
        }
        let known = *id_by_sequence.entry(sequence).or_insert(&arrival.message);
        if known != &*arrival.message {
            judgement
                .add(Violation::AcceptedTwice, || format!("message {sequence} is {known} and {}", place()));
        }
        if taken.contains(&(sequence, arrival.endpoint)) {
            let kills = index.history.kills_us.partition_point(|&kill_us| kill_us <= arrival.at_us);
            judgement.duplicates += 1;
            judgement.duplicates_by_kill[kills] += 1;
        }
        // A body that is not the message's does not deliver the message.
        if arrival.taken && arrival.body_hash == sent.body_hash {
            taken.insert((sequence, arrival.endpoint));
        }
    }
    taken
}

/// Every accepted message was taken by every endpoint that it was for and that was not told to stop.
fn judge_pairs(index: &Index<'_>, taken: &HashSet<(u64, EndpointNumber)>, judgement: &mut Judgement) {
    let mut judged = HashSet::new();
    for (sequence, id) in &index.history.accepted {
        if !judged.insert(*sequence) {
            continue;
        }
        let Some(sent) = index.history.sent.get(sequence) else { continue };
        for endpoint in &sent.targets {
            judgement.pairs += 1;
            let excused = index.history.stopped.iter().any(|stopped| stopped.covers(id, *endpoint));
            if !excused && !taken.contains(&(*sequence, *endpoint)) {
                judgement.add(Violation::Lost, || format!("{id} ({sequence}) for endpoint {}", endpoint.0));
            }
        }
    }
}

impl Index<'_> {
    /// Finds the message that a request is about: by its id, or by its body while the 202 is still unknown.
    fn origin(&self, arrival: &Arrival) -> Option<(u64, &Sent)> {
        let sequence = self.sequence_by_id.get(&*arrival.message).copied().or(arrival.sequence)?;
        self.history.sent.get(&sequence).map(|sent| (sequence, sent))
    }

    fn is_stopped(&self, arrival: &Arrival) -> bool {
        self.history.stopped.iter().any(|stopped| {
            arrival.at_us > stopped.after_us && stopped.covers(&arrival.message, arrival.endpoint)
        })
    }
}

impl Judgement {
    fn add(&mut self, violation: Violation, case: impl FnOnce() -> String) {
        *self.violations.entry(violation).or_default() += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{}: {}", violation.name(), case()));
        }
    }
}
