//! The breaker again, from the whole history of outcomes and from definitions: no rings, no tables, no fixed point.

use std::cell::RefCell;
use std::collections::HashMap;

use num_bigint::BigUint;
use tripline::engine::limits::{BreakerLimits, BreakerRule, CountLimits};
use tripline::model::{Nanos, Reason};

const HOUR: u64 = 3_600 * SECOND;
const SECOND: u64 = 1_000_000_000;

thread_local! {
    static FEWEST: RefCell<HashMap<(u32, u32), u32>> = RefCell::default();
}

/// The smallest k with `P(Bin(n, limit) >= k) < 1/1000`, in whole numbers over `10 000^n`. `limit` is below 100 %.
pub(crate) fn fewest(n: u32, limit_bps: u32) -> u32 {
    let known = FEWEST.with_borrow(|known| known.get(&(n, limit_bps)).copied());
    known.unwrap_or_else(|| {
        let k = fewest_by_definition(n, limit_bps);
        FEWEST.with_borrow_mut(|known| known.insert((n, limit_bps), k));
        k
    })
}

fn fewest_by_definition(n: u32, p: u32) -> u32 {
    let q = 10_000 - p;
    let whole = BigUint::from(10_000_u32).pow(n);
    // Weight of everything from k on, and of k alone.
    let (mut tail, mut exactly) = (whole.clone(), BigUint::from(q).pow(n));
    for k in 0..=n {
        if &tail * 1_000_u32 < whole {
            return k;
        }
        tail -= &exactly;
        exactly = exactly * (n - k) * p / (k + 1) / q;
    }
    n + 1
}

/// Why, how many errors, and how many would have been tolerated.
pub(crate) type Excess = (Reason, i64, i64);

/// One breaker and everything that ever happened to it.
pub(crate) struct Oracle {
    limits: BreakerLimits,
    pub(crate) generation: u32,
    /// Times and errors of this generation.
    outcomes: Vec<(u64, bool)>,
    openings: Vec<u64>,
    /// While it gates: until when (0 until somebody resets it, or while it tries).
    pub(crate) open: Option<u64>,
    /// While it shows a cause: its reason and numbers.
    pub(crate) shown: Option<Excess>,
    /// While it tries: until when, credits taken, and acknowledged ones.
    pub(crate) trying: Option<(u64, i64, i64)>,
    /// While it would be open, were it to gate.
    watching: Option<u64>,
}

impl Oracle {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self {
            limits,
            generation: 0,
            outcomes: Vec::new(),
            openings: Vec::new(),
            open: None,
            shown: None,
            trying: None,
            watching: None,
        }
    }

    pub(crate) fn outcome(&mut self, now: Nanos, generation: u32, error: bool) {
        if generation != self.generation {
            return;
        }
        self.outcomes.push((now.0, error));
        if error && self.trying.is_some() {
            return self.open(now.0, (Reason::ErrorRate, 1, 0));
        }
        if let Some(excess) = self.excess(now.0).filter(|_| error && self.shown.is_none()) {
            self.open(now.0, excess);
        }
    }

    fn open(&mut self, now: u64, excess: Excess) {
        self.openings.push(now);
        let since = |hours: u64| self.openings.iter().filter(|&&at| now - at < hours * HOUR).count() as u32;
        let cap = self.limits.cooldown_cap.0;
        let cooldown = u128::from(self.limits.cooldown.0) * 2_u128.pow(since(24) - 1);
        let lasts = cooldown.min(u128::from(cap)) as u64;
        let sticks = since(4) >= 3;
        (self.shown, self.trying) = (Some(excess), None);
        if self.limits.metrics_only {
            self.watching = Some(now + if sticks { cap } else { lasts });
        } else {
            self.open = Some(if sticks { 0 } else { now + lasts });
        }
    }

    pub(crate) fn close(&mut self) {
        (self.open, self.shown, self.trying, self.watching) = (None, None, None, None);
        self.outcomes.clear();
        self.generation += 1;
    }

    /// A person resumes it; it was ready.
    pub(crate) fn resume(&mut self, now: Nanos) {
        self.close();
        if let Some(half_open) = self.limits.half_open {
            let probes = i64::from(half_open.probes);
            (self.open, self.shown) = (Some(0), Some((Reason::HalfOpen, 0, probes)));
            self.trying = Some((now.0 + half_open.max_wait.0, 0, 0));
        }
    }

    /// Whether it lets a new order pass, if nothing else is in its way; `None` where it is not in the way.
    pub(crate) fn lets_pass(&self) -> Option<bool> {
        self.open?;
        let probes = self.limits.half_open.map_or(0, |half_open| i64::from(half_open.probes));
        Some(self.trying.is_some_and(|(_, taken, _)| taken < probes))
    }

    pub(crate) fn take(&mut self) -> bool {
        self.trying.as_mut().map(|(_, taken, _)| *taken += 1).is_some()
    }

    pub(crate) fn give_back(&mut self, generation: u32) {
        if let Some((_, taken, _)) = self.trying.as_mut().filter(|_| generation == self.generation) {
            *taken -= 1;
        }
    }

    pub(crate) fn proved(&mut self, generation: u32) {
        let Some((_, _, passed)) = self.trying.as_mut().filter(|_| generation == self.generation) else {
            return;
        };
        *passed += 1;
        if self.limits.half_open.is_some_and(|half_open| *passed == i64::from(half_open.probes)) {
            self.close();
        }
    }

    /// Time has passed.
    pub(crate) fn advance(&mut self, now: Nanos) {
        if let Some((until, _, passed)) = self.trying.filter(|(until, ..)| *until <= now.0) {
            let probes = self.limits.half_open.map_or(0, |half_open| i64::from(half_open.probes));
            self.open(until, (Reason::HalfOpenSpent, passed, probes));
        }
        if self.watching.is_some_and(|until| until <= now.0) {
            self.close();
        }
    }

    /// Openings, outcomes and errors of this generation, errors in a row.
    pub(crate) fn totals(&self) -> (u64, u64, u64, u64) {
        let errors = self.outcomes.iter().filter(|(_, error)| *error).count() as u64;
        (self.openings.len() as u64, self.outcomes.len() as u64, errors, self.in_a_row())
    }

    fn in_a_row(&self) -> u64 {
        self.outcomes.iter().rev().take_while(|(_, error)| *error).count() as u64
    }

    fn excess(&self, now: u64) -> Option<Excess> {
        let consecutive = u64::from(self.limits.consecutive);
        if consecutive > 0 && self.in_a_row() >= consecutive {
            return Some((Reason::Consecutive, self.in_a_row() as i64, consecutive as i64 - 1));
        }
        let smallest = usize::from(self.limits.smallest_window);
        let limit = self.limits.limit.0;
        let last = |size: usize| &self.outcomes[self.outcomes.len().saturating_sub(size)..];
        let judge = |window: &[(u64, bool)], tolerated: u32| {
            let errors = window.iter().filter(|(_, error)| *error).count() as u32;
            let exceeds = window.len() >= smallest && errors > tolerated;
            exceeds.then_some((Reason::ErrorRate, i64::from(errors), i64::from(tolerated)))
        };
        match self.limits.rule {
            BreakerRule::Literal { window, min } => {
                let window = last(usize::from(window));
                let tolerated = window.len() as u32 * limit / 10_000;
                (window.len() >= usize::from(min)).then(|| judge(window, tolerated))?
            }
            BreakerRule::Significant => {
                let is_fresh = |&&(at, _): &&(u64, bool)| at / SECOND + 60 > now / SECOND;
                let minute = self.outcomes.iter().rev().take_while(is_fresh).count();
                [20, 100, 400, minute].into_iter().find_map(|size| {
                    let window = last(size);
                    judge(window, fewest(window.len() as u32, limit) - 1)
                })
            }
        }
    }
}

/// So many within so long, from every time there ever was.
pub(crate) struct Counted {
    limits: CountLimits,
    times: Vec<u64>,
    pub(crate) tripped: bool,
}

impl Counted {
    pub(crate) fn new(limits: CountLimits) -> Self {
        Self { limits, times: Vec::new(), tripped: false }
    }

    pub(crate) fn one(&mut self, now: Nanos) {
        self.times.push(now.0);
        let within = self.times.iter().filter(|&&at| now.0 - at < self.limits.window.0).count();
        self.tripped |= within >= usize::from(self.limits.count);
    }

    pub(crate) fn reset(&mut self) {
        (self.times, self.tripped) = (Vec::new(), false);
    }
}
