//! The engine's randomness: seeded by the caller, so that a test gets the same spread every time.

use parking_lot::Mutex;

/// A source of jitter.
#[derive(Debug)]
pub struct Randomness(Mutex<fastrand::Rng>);

impl Randomness {
    /// Starts the sequence of this seed.
    pub fn seeded(seed: u64) -> Randomness {
        Randomness(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Returns the next number in 0..1.
    pub fn jitter(&self) -> f64 {
        self.0.lock().f64()
    }
}
