//! Chance that can be replayed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of numbers that a failure tells how to repeat.
pub struct Seed {
    start: u64,
    state: u64,
    test: &'static str,
}

impl Seed {
    /// The seed in `TRIPLINE_TEST_SEED`, else a new one. `test` is `FILE NAME`, as cargo wants them.
    pub fn new(test: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
        Self::starting_at(now | 1, test)
    }

    /// The seed in `TRIPLINE_TEST_SEED`, else `start`: for statistics, which may not fail once in so many runs.
    pub fn starting_at(start: u64, test: &'static str) -> Self {
        let given = std::env::var("TRIPLINE_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let start = given.unwrap_or(start);
        Self { start, state: start, test }
    }

    /// The seed it started at.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// A sequence of its own, that starts `by` further.
    pub fn fork(&self, by: u64) -> Self {
        let start = self.start.wrapping_add(by);
        Self { start, state: start, test: self.test }
    }

    /// The next number: splitmix64.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay: TRIPLINE_TEST_SEED={} cargo test --test {}", self.start, self.test);
        }
    }
}
