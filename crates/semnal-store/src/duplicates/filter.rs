//! Which fingerprints are surely not in the index: a blocked Bloom filter in memory. Almost every fingerprint that is
//! looked for is a new one, and for those the index would be read at a random place.
//!
//! It may say "perhaps" of one that is not there, ever more often as the index grows, and of everything once that is too
//! large for it; never "no" of one that is. One thread adds, another asks. A fingerprint is a keyed hash already, so its bits are used as they are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::message::Fingerprint;

/// 8 MiB, taken when the first fingerprints move to the index. With 8 million of them one in 50 unknown ones is looked up.
const BLOCKS: usize = 131_072;
/// A block is a line of the processor's cache: 512 bits.
const BLOCK_WORDS: usize = 8;
/// 16 million: with more, every fifth unknown one and more would be looked up all the same.
const ADDED_MAX: usize = 16_000_000;
/// 5 bits stand for a fingerprint.
const BITS: u32 = 5;

/// See the module.
#[derive(Default)]
pub(super) struct Filter {
    words: OnceLock<Box<[AtomicU64]>>,
    /// Everything that the index has was added.
    is_complete: AtomicBool,
    added: AtomicUsize,
}

impl Filter {
    /// Adds a fingerprint; whoever makes the index known afterwards makes this known too.
    pub(super) fn add(&self, fingerprint: &Fingerprint) {
        if self.is_full() {
            return self.is_complete.store(false, Ordering::Release);
        }
        self.added.fetch_add(1, Ordering::Relaxed);
        let words = self.words.get_or_init(|| (0..BLOCKS * BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect());
        for (word, bit) in places(fingerprint) {
            words[word].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Says that everything was added that the index had at the start; of no use once it is full.
    pub(super) fn complete(&self) {
        self.is_complete.store(!self.is_full(), Ordering::Release);
    }

    /// Tells whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.added.load(Ordering::Relaxed) >= ADDED_MAX
    }

    /// Tells whether the index may have a fingerprint.
    pub(super) fn may_have(&self, fingerprint: &Fingerprint) -> bool {
        if !self.is_complete.load(Ordering::Acquire) {
            return true;
        }
        let Some(words) = self.words.get() else { return false };
        places(fingerprint).all(|(word, bit)| words[word].load(Ordering::Relaxed) & bit != 0)
    }
}

/// Returns the bits that stand for a fingerprint: a word, and the bit in it.
fn places(fingerprint: &Fingerprint) -> impl Iterator<Item = (usize, u64)> {
    let all = u128::from_be_bytes(*fingerprint);
    let block = usize::try_from(all % BLOCKS as u128).unwrap_or(0) * BLOCK_WORDS;
    (0..BITS).map(move |number| {
        let at = usize::try_from((all >> (64 + 9 * number)) & 511).unwrap_or(0);
        (block + at / 64, 1 << (at % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The finisher of splitmix64: as good as a keyed hash for this.
    fn mix(n: u64) -> u64 {
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn fingerprint(n: u64) -> Fingerprint {
        let halves = [mix(2 * n + 1), mix(2 * n + 2)].map(u64::to_be_bytes);
        std::array::from_fn(|at| halves[at / 8][at % 8])
    }

    #[test]
    fn what_was_added_is_never_denied_and_what_was_not_almost_always() {
        let it = Filter::default();
        assert!(it.may_have(&fingerprint(0)), "nothing is known before it is complete");
        it.complete();
        assert!(!it.may_have(&fingerprint(0)));
        for n in 0..1_000_000 {
            it.add(&fingerprint(n));
        }
        assert!((0..1_000_000).all(|n| it.may_have(&fingerprint(n))));
        let mistaken = (1_000_000..1_100_000).filter(|n| it.may_have(&fingerprint(*n))).count();
        assert!(mistaken < 100, "{mistaken} of 100,000");
    }

    #[test]
    fn one_that_is_full_denies_nothing_any_more() {
        let it = Filter::default();
        it.complete();
        it.add(&fingerprint(1));
        assert!(!it.may_have(&fingerprint(2)));
        it.added.store(ADDED_MAX, Ordering::Relaxed);
        it.add(&fingerprint(2));
        assert!(it.may_have(&fingerprint(2)) && it.may_have(&fingerprint(3)));
        it.complete();
        assert!(it.may_have(&fingerprint(4)));
    }
}
