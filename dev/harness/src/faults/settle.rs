//! The end of a fault run: wait until everything that must arrive has, or nothing has for a while.

use std::time::{Duration, Instant};

use crate::clock;
use crate::oracle::History;
use crate::receiver::Receiver;

/// How long to look for late repeats once all is there.
const LINGER: Duration = Duration::from_millis(500);

/// Waits, and returns how many pairs are still missing.
pub(super) fn settle(history: &History, receiver: &Receiver, quiet: Duration) -> usize {
    let mut missing = history.expected();
    let mut looked_at = 0;
    let mut last_arrival = Instant::now();
    while !missing.is_empty() && last_arrival.elapsed() < quiet {
        receiver.ledger().look(looked_at, |arrivals| {
            for arrival in arrivals.iter().filter(|arrival| arrival.taken) {
                if let Some(sequence) = arrival.sequence {
                    missing.remove(&(sequence, arrival.endpoint));
                }
            }
            if !arrivals.is_empty() {
                last_arrival = Instant::now();
            }
            looked_at += arrivals.len();
        });
        clock::wait(Duration::from_millis(20));
    }
    clock::wait(LINGER);
    missing.len()
}

/// Moves what the receiver remembers into the history.
pub(super) fn collect(history: &mut History, receiver: &Receiver) {
    receiver
        .ledger()
        .look(0, |arrivals| arrivals.iter().cloned().for_each(|arrival| history.arrive(arrival)));
}
