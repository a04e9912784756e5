//! HOT: the engine's clock: quanta for its cost, anchored to CLOCK_MONOTONIC for its truth. The one door to quanta.
//!
//! quanta's calibration drifts against the kernel's clock by milliseconds an hour, so housekeeping anchors it anew.
//! A reading never goes back: after an anchor that lies behind, time stands still until the kernel's clock passes.
//! Leases are not stamped from this clock but from CLOCK_MONOTONIC itself.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use crate::model::Nanos;
use crate::shm::clock::monotonic;

/// Engine time.
#[derive(Debug)]
pub struct EngineClock {
    clock: quanta::Clock,
    anchor_raw: u64,
    anchor: Nanos,
    last: Nanos,
}

impl EngineClock {
    /// Calibrates and anchors. Takes some milliseconds, once.
    #[must_use]
    pub fn new() -> Self {
        let clock = quanta::Clock::new();
        let (anchor_raw, anchor) = (clock.raw(), monotonic());
        Self { clock, anchor_raw, anchor, last: anchor }
    }

    /// Now; never before an earlier reading.
    #[inline]
    pub fn now(&mut self) -> Nanos {
        let elapsed = self.clock.delta_as_nanos(self.anchor_raw, self.clock.raw());
        self.last = self.last.max(self.anchor.after(Nanos(elapsed)));
        self.last
    }

    /// Follows the kernel's clock from here on.
    pub fn anchor_again(&mut self) {
        (self.anchor_raw, self.anchor) = (self.clock.raw(), monotonic());
    }
}

impl Default for EngineClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_kernels_clock_and_never_goes_back() {
        let mut clock = EngineClock::new();
        let mut last = Nanos::ZERO;
        for round in 0..2_000 {
            let before = monotonic();
            if round % 100 == 0 {
                clock.anchor_again();
            }
            let now = clock.now();
            assert!(now >= last, "{now:?} after {last:?}");
            assert!(
                now.since(before) < Nanos::from_millis(1000) && before.since(now) < Nanos::from_millis(5)
            );
            last = now;
        }
    }
}
