//! HOT: what a breaker does beside opening and closing: it tries again, is forced, or only tells.
//!
//! ```text
//! OPEN ── resume, cool-down over ──> HALF_OPEN ── every probe acknowledged ──> CLOSED
//!                                    HALF_OPEN ── the first error, or max_wait over ──> OPEN, once more
//! any  ── reduce --guard error-rate ──> FORCED_OPEN ── reset ──> CLOSED
//! METRICS_ONLY: CLOSED ── would open ──> a cause of state ACTIVE for the cool-down
//! ```
//! **Half open** is REDUCE_ONLY like open, and class AUTO. A new order that opens risk passes only by request, and only
//! where every cause in its way is a half-open breaker with a credit left; it takes one from each in the turn in which
//! it is permitted. Beyond the credits it is denied, HALF_OPEN_SPENT. Entering it is a person's command, because going
//! back to live always is one: *resume* tries, *reset* closes at once. Trying starts a generation, so that only what is
//! announced since counts. Any error of that generation that counts in the breaker opens it again, a probe's or a
//! reducing order's; only probes close it. A credit comes back where its order was not sent, or came out as something
//! that does not count in this breaker (a time-out does). Opening again is an opening like any other: the cool-down
//! doubles, the third in 4 h sticks; `measured` are the errors, or by the wait the acknowledged probes.
//!
//! **Forced open** is an operator's: sticky, reason OPERATOR, no opening of the count. It gates in METRICS_ONLY too.
//!
//! **METRICS_ONLY** counts and judges by the same rules and openings; the cause it shows has state ACTIVE, so no word
//! and no epoch moves, and it ends with the cool-down (the cap where it would have stuck), in a new generation.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Generations;
use super::breaker::{Excess, Phase, Probing};
use crate::engine::Engine;
use crate::engine::checks::Denial;
use crate::engine::gates::{Hold, Reading, guard};
use crate::engine::integrity::sticky;
use crate::engine::lanes::Place;
use crate::engine::timers::Watch;
use crate::model::scope::BookId;
use crate::model::{Latch, Nanos, Reason, Scope, TradingState};

impl Engine {
    /// Opens a breaker, also one that was half open.
    pub(super) fn open_breaker(&mut self, scope: Scope, excess: Excess) {
        let now = self.now;
        let Some(breaker) = self.error_rates.breaker_mut(scope) else { return };
        breaker.phase = Phase::Judging;
        let (mut latch, mut until) = breaker.open(now);
        let mut state = TradingState::ReduceOnly;
        if breaker.limits().metrics_only {
            let ends = if latch == Latch::Cooldown { until } else { breaker.capped(now) };
            breaker.phase = Phase::Watching(ends);
            (latch, until, state) = (Latch::Auto, Nanos::NEVER, TradingState::Active);
        }
        self.gates.exchange(Hold {
            state,
            latch,
            until,
            measured: i64::from(excess.errors),
            limit: i64::from(excess.tolerated),
            ..sticky(scope, guard::ERROR_RATE, excess.reason)
        });
        self.watch_cooldowns();
    }

    /// A person lets a breaker try again. `false` where it does not try, and is to close.
    pub(in crate::engine) fn half_open(&mut self, scope: Scope, guard: u16) -> bool {
        let now = self.now;
        let breaker = self.error_rates.breaker_mut(scope).filter(|_| guard == guard::ERROR_RATE);
        let Some((breaker, limits)) = breaker.and_then(|breaker| {
            let limits = breaker.limits().half_open?;
            Some((breaker, limits))
        }) else {
            return false;
        };
        breaker.close();
        let until = now.after(limits.max_wait);
        breaker.phase = Phase::Probing(Probing { limits, until, taken: 0, passed: 0 });
        self.gates.exchange(Hold {
            state: TradingState::ReduceOnly,
            latch: Latch::Auto,
            limit: i64::from(limits.probes),
            ..sticky(scope, guard::ERROR_RATE, Reason::HalfOpen)
        });
        self.watch_cooldowns();
        true
    }

    /// An operator opens a breaker. `false` where there is none.
    pub(in crate::engine) fn force_open(&mut self, scope: Scope) -> bool {
        let Some(breaker) = self.error_rates.breaker_mut(scope) else { return false };
        breaker.phase = Phase::Judging;
        let held = self.gates.cause(scope, guard::ERROR_RATE);
        if held.is_none_or(|cause| cause.reason != Reason::Operator) {
            let hold = sticky(scope, guard::ERROR_RATE, Reason::Operator);
            self.gates.exchange(Hold { state: TradingState::ReduceOnly, ..hold });
        }
        self.watch_cooldowns();
        true
    }

    /// Whether a new order that REDUCE_ONLY does not let pass may be a probe; else why not: `denial` where anything but
    /// half-open breakers is in its way.
    pub(in crate::engine) fn may_probe(&self, place: Place, denial: Denial) -> Result<(), Denial> {
        let scopes = self.scopes_of(place);
        let mut spent = None;
        let mut is_tried = false;
        for index in 0..self.gates.cause_count() {
            let Some(cause) = self.gates.held(index) else { break };
            if cause.state == TradingState::Active || !scopes.contains(&cause.scope) {
                continue;
            }
            let breaker = self.error_rates.breaker(cause.scope);
            let phase = breaker.filter(|_| cause.guard == guard::ERROR_RATE).map(|breaker| breaker.phase);
            let Some(Phase::Probing(probing)) = phase else { return Err(denial) };
            is_tried = true;
            if probing.taken >= probing.limits.probes {
                spent = Some((cause.scope, probing));
            }
        }
        match spent {
            _ if !is_tried => Err(denial),
            None => Ok(()),
            Some((scope, Probing { limits, taken, .. })) => {
                let (taken, probes) = (i64::from(taken), i64::from(limits.probes));
                Err(Denial::of(Reason::HalfOpenSpent, scope, taken, probes).by(guard::ERROR_RATE, 0))
            }
        }
    }

    /// A probe is permitted: it takes a credit from each half-open breaker it passes.
    pub(in crate::engine) fn take_probe(&mut self, place: Place, order: u64) {
        let Some(entry) = self.orders.find(&place.key(order)) else { return };
        let mut take = |scope| {
            let probing = self.error_rates.breaker_mut(scope).and_then(|breaker| breaker.probing());
            probing.map(|probing| probing.taken = probing.taken.saturating_add(1)).is_some()
        };
        let (book, account) = (take(Scope::Book(place.book)), take(Scope::Account(place.account)));
        let generations = &mut self.orders.get_mut(entry).generations;
        (generations.book_probe, generations.account_probe) = (book, account);
    }

    /// Gives the credits of an order back that was not sent.
    pub(in crate::engine) fn return_probes(&mut self, book: BookId, of: Generations) {
        let account = self.limits.books[usize::from(book)].account;
        self.return_probe(Scope::Book(book), of.book, of.book_probe);
        self.return_probe(Scope::Account(account), of.account, of.account_probe);
    }

    /// Gives a credit back: its order says nothing about this breaker.
    pub(super) fn return_probe(&mut self, scope: Scope, generation: u32, is_probe: bool) {
        let breaker = self.error_rates.breaker_mut(scope).filter(|breaker| breaker.generation == generation);
        if let Some(probing) = breaker.filter(|_| is_probe).and_then(|breaker| breaker.probing()) {
            probing.taken = probing.taken.saturating_sub(1);
        }
    }

    /// A probe was acknowledged; the last of them closes the breaker.
    pub(super) fn pass_probe(&mut self, scope: Scope) {
        let Some(breaker) = self.error_rates.breaker_mut(scope) else { return };
        let Some(probing) = breaker.probing() else { return };
        probing.passed = probing.passed.saturating_add(1);
        if probing.passed >= probing.limits.probes {
            breaker.close();
            self.gates.end(scope, guard::ERROR_RATE, Reading::NONE);
            self.watch_cooldowns();
        }
    }

    pub(in crate::engine) fn on_cooldown_timer(&mut self) {
        self.gates.ripen(self.now);
        self.end_phases();
        self.watch_cooldowns();
    }

    /// Sets the timer that finds the next cool-down, or the next phase of a breaker, over.
    pub(in crate::engine) fn watch_cooldowns(&mut self) {
        let due = self.gates.next_cooldown().min(self.error_rates.next_phase());
        self.timers.set(self.watches.id(Watch::Cooldown), due);
    }

    /// Ends the phases whose time is over.
    fn end_phases(&mut self) {
        let books = (0..self.limits.books.len() as u16).map(Scope::Book);
        let accounts = (0..self.limits.accounts.len() as u16).map(Scope::Account);
        for scope in accounts.chain(books) {
            let now = self.now;
            let due = self.error_rates.breaker_mut(scope).filter(|breaker| breaker.phase_ends() <= now);
            let Some(breaker) = due else { continue };
            match breaker.phase {
                Phase::Judging => {}
                Phase::Probing(Probing { limits, passed, .. }) => {
                    let (errors, tolerated) = (u32::from(passed), u32::from(limits.probes));
                    self.open_breaker(scope, Excess { reason: Reason::HalfOpenSpent, errors, tolerated });
                }
                Phase::Watching(_) => {
                    breaker.close();
                    self.gates.end(scope, guard::ERROR_RATE, Reading::NONE);
                }
            }
        }
    }
}
