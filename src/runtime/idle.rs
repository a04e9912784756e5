//! HOT: what the loop does when there is nothing to do.
//!
//! On an isolated processor it spins: nobody else wants it, and a wake-up would cost microseconds. On a shared one it
//! spins briefly, then yields, then sleeps in steps that grow, so that a laptop or a container is not starved.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use super::pin;
use crate::model::Nanos;

/// How long after the last work the loop only spins.
const SPIN_FOR: Nanos = Nanos(20_000);
/// How long after that it only yields.
const YIELD_FOR: Nanos = Nanos(200_000);
const SHORT_SLEEP: u64 = 20_000;
/// After this long without work sleeps are [`LONG_SLEEP`].
const QUIET_AFTER: Nanos = Nanos(100_000_000);
const LONG_SLEEP: u64 = 200_000;

/// The idle strategy.
#[derive(Debug)]
pub(super) struct Idle {
    spins: bool,
    last_work: Nanos,
}

impl Idle {
    pub(super) fn new(spins: bool, now: Nanos) -> Self {
        Self { spins, last_work: now }
    }

    /// Called after each turn; `until` is when the loop must turn again.
    #[inline]
    pub(super) fn after_turn(&mut self, worked: bool, now: Nanos, until: Nanos) {
        if worked {
            self.last_work = now;
            return;
        }
        let quiet = now.since(self.last_work);
        if self.spins || quiet < SPIN_FOR {
            std::hint::spin_loop();
        } else if quiet < YIELD_FOR {
            std::thread::yield_now();
        } else {
            let longest = if quiet < QUIET_AFTER { SHORT_SLEEP } else { LONG_SLEEP };
            pin::sleep(longest.min(until.since(now).0));
        }
    }
}
