//! How long attempts took, as counts in buckets that grow by a quarter of an octave: any percentile can be read from
//! them with an error of at most 9 %, and two of them are added by adding their counts.

/// Durations up to 64 µs are in the first bucket.
const FIRST_US: f64 = 64.0;
/// Four buckets per doubling.
const PER_OCTAVE: f64 = 4.0;
/// 96 buckets reach 18 minutes; an attempt takes 30 s at most.
const BUCKETS: usize = 96;

/// Counts of durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    counts: [u32; BUCKETS],
}

impl Default for Durations {
    fn default() -> Durations {
        Durations { counts: [0; BUCKETS] }
    }
}

impl Durations {
    /// Counts one duration.
    pub fn add(&mut self, duration_us: u64) {
        let count = &mut self.counts[bucket(duration_us)];
        *count = count.saturating_add(1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Durations) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// Returns how many were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Returns the duration in microseconds that the given share (0 to 1) of all does not exceed; `None` when nothing
    /// was counted.
    pub fn percentile_us(&self, share: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let wanted = (share.clamp(0.0, 1.0) * as_f64(total)).ceil().max(1.0);
        let mut passed = 0;
        let at = self.counts.iter().position(|count| {
            passed += u64::from(*count);
            as_f64(passed) >= wanted
        })?;
        Some(upper_us(at))
    }

    /// Writes the buckets that are not empty: (bucket, count as four bytes).
    pub(crate) fn encode(&self) -> Vec<u8> {
        let filled = self.counts.iter().zip(0u8..).filter(|(count, _)| **count > 0);
        filled.flat_map(|(count, at)| std::iter::once(at).chain(count.to_be_bytes())).collect()
    }

    /// Reads what [`Durations::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Durations> {
        let mut all = Durations::default();
        let (parts, rest) = bytes.as_chunks::<5>();
        for [at, a, b, c, d] in parts {
            *all.counts.get_mut(usize::from(*at))? = u32::from_be_bytes([*a, *b, *c, *d]);
        }
        rest.is_empty().then_some(all)
    }
}

fn bucket(duration_us: u64) -> usize {
    let octaves = (as_f64(duration_us).max(FIRST_US) / FIRST_US).log2();
    (0..BUCKETS - 1).find(|at| as_f64(*at as u64) >= octaves * PER_OCTAVE).unwrap_or(BUCKETS - 1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 64 us times 2^24, and positive"
)]
fn upper_us(at: usize) -> u64 {
    (FIRST_US * (as_f64(at as u64) / PER_OCTAVE).exp2()).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds lie far below 2^52")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_bucket_too_high() {
        let mut all = Durations::default();
        for us in 1..=10_000u64 {
            all.add(us * 10);
        }
        for (share, exact) in [(0.5, 50_000.0), (0.95, 95_000.0), (1.0, 100_000.0)] {
            let found = as_f64(all.percentile_us(share).unwrap());
            assert!((exact..exact * 1.2).contains(&found), "{share}: {found}");
        }
        assert_eq!(Durations::default().percentile_us(0.5), None);
    }

    #[test]
    fn what_was_written_is_read_and_added_up() {
        let (mut one, mut both) = (Durations::default(), Durations::default());
        for us in [0, 64, 65, 1_000, 30_000_000, u64::MAX] {
            one.add(us);
            both.add(us);
            both.add(us);
        }
        let read = Durations::decode(&one.encode()).unwrap();
        assert_eq!(read, one);
        one.merge(&read);
        assert_eq!(one, both);
        assert_eq!(Durations::decode(&[200, 0, 0, 0, 1]), None);
        assert_eq!(Durations::decode(&[1, 0]), None);
    }
}
