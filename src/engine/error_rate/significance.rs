//! HOT: how many errors are too many to be chance.
//!
//! K\[n\] is the smallest k with `P(Bin(n, limit) >= k) < 1/1000`: with k errors among n outcomes the true rate is
//! not the limit, or a thing happened that happens once in a thousand such windows. For 5 %: K\[10\] = 5,
//! K\[20\] = 6, K\[100\] = 14, K\[400\] = 36.
//!
//! The table is computed once per limit, in binary fixed point, by walking along the edge of the tail: one more
//! outcome moves `P(Bin = k − 1) * p` into the tail, and where that makes it too heavy the tail gives up its first
//! member. All quantities are of the order of 1/1000 or, for the edge, at least 1/1000 divided by n: the tail at
//! k − 1 is not below 1/1000 and none of its members is larger than the edge. So each division loses less than
//! 2^-70 of what it divides and thousands of steps lose less than 2^-57; a table that differs would need a tail
//! that close to 1/1000.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::Bps;

/// The largest window with its own K. Larger ones exist only where time bounds the window, and are held to the same
/// share of errors as this one: more than their own K, so that they need stronger evidence, never weaker.
pub(super) const EXACT: u32 = 4_096;
/// The whole probability, in fixed point. Its product with n and a limit in basis points fits 127 bits.
const ONE: u128 = 1 << 96;
/// The tail is light below one in so many.
const RARE: u128 = 1_000;

/// K\[n\] for one limit.
#[derive(Debug)]
pub(super) struct Significance {
    limit: Bps,
    fewest: Vec<u16>,
}

impl Significance {
    pub(super) fn new(limit: Bps) -> Self {
        let mut edge = Edge::new(limit);
        let mut fewest = vec![edge.k as u16];
        for _ in 0..EXACT {
            edge.step();
            fewest.push(edge.k as u16);
        }
        Self { limit, fewest }
    }

    pub(super) const fn limit(&self) -> Bps {
        self.limit
    }

    /// The fewest errors among `n` outcomes that are significant; more than `n` where no number is.
    pub(super) fn fewest(&self, n: u32) -> u32 {
        if let Some(&fewest) = self.fewest.get(n as usize) {
            return u32::from(fewest);
        }
        let largest = u64::from(self.fewest.last().copied().unwrap_or(u16::MAX));
        let share = largest.saturating_mul(u64::from(n)).div_ceil(u64::from(EXACT));
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

/// The light tail of `Bin(n, p)`: everything from `k` on, and the member before it.
struct Edge {
    p: u128,
    q: u128,
    n: u32,
    k: u32,
    /// `P(Bin(n, p) >= k)`, below 1/1000.
    tail: u128,
    /// `P(Bin(n, p) = k − 1)`.
    before: u128,
}

impl Edge {
    fn new(limit: Bps) -> Self {
        let p = limit.0.min(Bps::WHOLE.0);
        let q = Bps::WHOLE.0.saturating_sub(p);
        Self { p: u128::from(p), q: u128::from(q), n: 0, k: 1, tail: 0, before: ONE }
    }

    /// One outcome more.
    fn step(&mut self) {
        let whole = u128::from(Bps::WHOLE.0);
        self.n = self.n.saturating_add(1);
        if self.q == 0 {
            // Every outcome is an error, as expected: no number of them is rare.
            self.k = self.n.saturating_add(1);
            return;
        }
        let n = u128::from(self.n);
        self.tail = self.tail.saturating_add(ratio(self.before, self.p, whole));
        let without = n.saturating_add(1).saturating_sub(u128::from(self.k));
        self.before = ratio(self.before, n.saturating_mul(self.q), without.saturating_mul(whole));
        while self.k <= self.n && self.tail.saturating_mul(RARE) >= ONE {
            let k = u128::from(self.k);
            let left = n.saturating_add(1).saturating_sub(k);
            self.before = ratio(self.before, left.saturating_mul(self.p), k.saturating_mul(self.q));
            self.tail = self.tail.saturating_sub(self.before);
            self.k = self.k.saturating_add(1);
        }
    }
}

/// `value * times / by`, rounded down.
fn ratio(value: u128, times: u128, by: u128) -> u128 {
    value.saturating_mul(times).checked_div(by).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "big numbers of the oracle cannot overflow")]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    /// Whether `P(Bin(n, limit) >= k) < 1/1000`, from the definition: every member of the tail, over `10 000^n`.
    fn is_rare(n: u32, limit: u32, k: u32) -> bool {
        let (p, q) = (BigUint::from(limit), BigUint::from(10_000 - limit));
        let mut choose = BigUint::from(1_u8);
        let mut tail = BigUint::ZERO;
        for j in (k..=n).rev() {
            // choose = C(n, j), walked down from C(n, n).
            if j < n {
                choose = choose * (j + 1) / (n - j);
            }
            tail += &choose * p.pow(j) * q.pow(n - j);
        }
        tail * 1_000_u32 < BigUint::from(10_000_u32).pow(n)
    }

    #[test]
    fn five_percent_has_the_published_table() {
        let table = Significance::new(Bps(500));
        for (n, fewest) in [(0, 1), (1, 2), (10, 5), (20, 6), (50, 9), (100, 14), (200, 22), (400, 36)] {
            assert_eq!(table.fewest(n), fewest, "K[{n}]");
        }
    }

    #[test]
    fn every_entry_is_the_smallest_rare_number_by_exact_fractions() {
        let windows = |step: usize| (1..=60).chain((61..=400).step_by(step));
        for (limit, step) in [(1, 57), (33, 71), (100, 23), (500, 11), (1_234, 67), (5_000, 83), (9_990, 97)]
        {
            let table = Significance::new(Bps(limit));
            for n in windows(step).chain([20, 100, 400]) {
                let fewest = table.fewest(n);
                assert!(fewest > n || is_rare(n, limit, fewest), "{limit} bp: K[{n}] = {fewest} is not rare");
                assert!(fewest >= 1 && !is_rare(n, limit, fewest - 1), "{limit} bp: K[{n}] < {fewest}");
            }
        }
    }

    #[test]
    fn the_largest_windows_are_exact_too() {
        let table = Significance::new(Bps(500));
        for n in [1_000, EXACT] {
            let fewest = table.fewest(n);
            assert!(is_rare(n, 500, fewest) && !is_rare(n, 500, fewest - 1), "K[{n}] = {fewest}");
        }
    }

    #[test]
    fn beyond_the_table_a_window_needs_at_least_its_own_number() {
        for limit in [1, 100, 500, 3_000] {
            let table = Significance::new(Bps(limit));
            let mut edge = Edge::new(Bps(limit));
            for n in 1..=20_000 {
                edge.step();
                let fewest = table.fewest(n);
                assert!(if n > EXACT { fewest >= edge.k } else { fewest == edge.k }, "{limit} bp: K[{n}]");
            }
        }
        assert!(Significance::new(Bps(500)).fewest(u32::MAX) < u32::MAX / 10);
    }

    #[test]
    fn nothing_is_tolerated_at_zero_and_everything_at_the_whole() {
        let (none, all) = (Significance::new(Bps(0)), Significance::new(Bps::WHOLE));
        for n in [1, 10, 400, EXACT, EXACT + 1, 1_000_000] {
            assert!(none.fewest(n) >= 1 && none.fewest(n) <= n.div_ceil(EXACT), "{n}");
            assert!(all.fewest(n) > n, "{n}");
        }
    }
}
