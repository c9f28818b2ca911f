//! What the writer thread knows about undecided deliveries without asking the database: how many each endpoint has,
//! and where the low-water mark stands.
//!
//! A *fresh* delivery is undecided and has no retry row; it is found after a crash only by reading messages from the
//! low-water mark, so the mark may never pass its message.

use std::collections::{HashMap, VecDeque};

use semnal_core::id::{EndpointId, Key, MessageId};

/// Kept by the writer thread, changed in the same step as the transaction.
#[derive(Debug, Default)]
pub(crate) struct Bookkeeping {
    /// Messages that have fresh deliveries, oldest first, with how many they have.
    fresh: VecDeque<(MessageId, u32)>,
    fresh_total: u64,
    pending: HashMap<EndpointId, u64>,
}

impl Bookkeeping {
    /// Counts the fresh deliveries of a new message; messages come in the order of their keys.
    pub(crate) fn add_fresh(&mut self, message: MessageId, endpoints: &[EndpointId]) {
        if endpoints.is_empty() {
            return;
        }
        let count = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
        self.fresh.push_back((message, count));
        self.fresh_total += u64::from(count);
        for endpoint in endpoints {
            self.add_pending(*endpoint, 1);
        }
    }

    /// Takes one fresh delivery of the message away: it was decided, or has a row now.
    pub(crate) fn remove_fresh(&mut self, message: MessageId) {
        let Ok(at) = self.fresh.binary_search_by_key(&message, |(m, _)| *m) else { return };
        let entry = &mut self.fresh[at];
        if entry.1 > 0 {
            entry.1 -= 1;
            self.fresh_total -= 1;
        }
        while self.fresh.front().is_some_and(|(_, count)| *count == 0) {
            self.fresh.pop_front();
        }
    }

    /// Returns the key from which recovery has to read: the oldest message with a fresh delivery, or the one after
    /// the last.
    pub(crate) fn low_water(&self, last: Key) -> Key {
        self.fresh.front().map_or(Key(last.0 + 1), |(message, _)| message.0)
    }

    /// Returns how many deliveries are fresh.
    pub(crate) fn fresh_total(&self) -> u64 {
        self.fresh_total
    }

    /// Returns how many deliveries of messages before a key are fresh.
    pub(crate) fn fresh_before(&self, key: Key) -> u64 {
        self.fresh.iter().take_while(|(message, _)| message.0 < key).map(|(_, count)| u64::from(*count)).sum()
    }

    /// Adds undecided deliveries to an endpoint's count.
    pub(crate) fn add_pending(&mut self, endpoint: EndpointId, count: u64) {
        if count > 0 {
            *self.pending.entry(endpoint).or_default() += count;
        }
    }

    /// Takes one decided delivery from an endpoint's count.
    pub(crate) fn remove_pending(&mut self, endpoint: EndpointId) {
        if let Some(count) = self.pending.get_mut(&endpoint) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(&endpoint);
            }
        }
    }

    /// Forgets the count of a deleted endpoint: what it had is cancelled.
    pub(crate) fn forget_endpoint(&mut self, endpoint: EndpointId) {
        self.pending.remove(&endpoint);
    }

    /// Returns how many undecided deliveries each endpoint has; endpoints without any are absent.
    pub(crate) fn pending(&self) -> &HashMap<EndpointId, u64> {
        &self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: i64) -> MessageId {
        MessageId(Key(n))
    }

    #[test]
    fn the_mark_stands_at_the_oldest_message_with_a_fresh_delivery() {
        let endpoint = EndpointId(Key(1));
        let mut books = Bookkeeping::default();
        assert_eq!(books.low_water(Key(5)), Key(6));
        books.add_fresh(message(10), &[endpoint]);
        books.add_fresh(message(11), &[endpoint, endpoint]);
        books.add_fresh(message(12), &[]);
        books.add_fresh(message(13), &[endpoint]);
        books.remove_fresh(message(11));
        assert_eq!(books.low_water(Key(13)), Key(10));
        books.remove_fresh(message(10));
        assert_eq!(books.low_water(Key(13)), Key(11));
        books.remove_fresh(message(11));
        assert_eq!(books.low_water(Key(13)), Key(13));
        books.remove_fresh(message(13));
        books.remove_fresh(message(13));
        assert_eq!((books.low_water(Key(13)), books.fresh_total()), (Key(14), 0));
    }
}
