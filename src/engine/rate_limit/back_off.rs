//! HOT: how much of its limit a bucket uses after the venue has refused requests for rate.
//!
//! Each refusal (429) halves what is used of the limit, and 5 points of percent of the limit come back a minute, evenly:
//! the whole of it in 20 minutes. So the state is one instant, when nothing is missing any more, and what is missing
//! before that is proportional to the time left. At least one unit stays, or a small bucket would be shut for minutes
//! after it is open again.

use crate::model::Nanos;

/// How long the whole of a limit takes to come back.
const RECOVERY: Nanos = Nanos::from_secs(20 * 60);

/// Backed off until.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct BackOff {
    until: Nanos,
}

impl BackOff {
    /// Nothing is missing.
    pub(super) const NONE: Self = Self { until: Nanos::ZERO };

    /// When nothing is missing any more; in the past when nothing is.
    pub(super) const fn until(self) -> Nanos {
        self.until
    }

    /// Half of what is there now goes.
    pub(super) fn halve(&mut self, now: Nanos) {
        let missing = self.until.since(now).min(RECOVERY);
        let halved = missing.0.saturating_add(RECOVERY.0).div_ceil(2);
        self.until = now.after(Nanos(halved));
    }

    /// What of `limit` is used at `now`: rounded down, at least 1.
    pub(super) fn of(self, limit: u32, now: Nanos) -> u32 {
        let missing = self.until.since(now).min(RECOVERY);
        if missing == Nanos::ZERO {
            return limit;
        }
        // Below 2^32 * 2^41: it fits 128 bits, and the quotient is at most the limit.
        let there = u128::from(RECOVERY.since(missing).0);
        let used = u128::from(limit).saturating_mul(there).checked_div(u128::from(RECOVERY.0)).unwrap_or(0);
        u32::try_from(used).unwrap_or(limit).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_halves_and_five_points_come_back_a_minute() {
        let second = Nanos::from_secs;
        let mut once = BackOff::NONE;
        once.halve(second(100));
        let mut twice = once;
        twice.halve(second(100));
        let mut later = once;
        later.halve(second(160));
        for (back_off, limit, at, used) in [
            (BackOff::NONE, 100, 0, 100),
            (once, 100, 100, 50),
            (once, 101, 100, 50),
            (once, 1, 100, 1),
            (once, 100, 159, 54),
            (once, 100, 160, 55),
            (once, 100, 699, 99),
            (once, 100, 700, 100),
            (once, 100, 70_000, 100),
            (once, u32::MAX, 100, u32::MAX / 2),
            (twice, 100, 100, 25),
            (twice, 100, 999, 99),
            (twice, 100, 1_000, 100),
            (later, 1_000, 160, 275),
        ] {
            assert_eq!(back_off.of(limit, second(at)), used, "{limit} at {at}");
        }
    }

    #[test]
    fn any_number_of_refusals_leaves_one_unit_and_ends_after_twenty_minutes() {
        let mut back_off = BackOff::NONE;
        for _ in 0..100 {
            back_off.halve(Nanos(7));
        }
        assert_eq!(back_off.of(65_536, Nanos(7)), 1);
        assert!(back_off.until() <= Nanos(7).after(RECOVERY));
        assert_eq!(back_off.of(65_536, Nanos(7).after(RECOVERY)), 65_536);
    }
}
