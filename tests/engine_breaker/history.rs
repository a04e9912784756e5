//! Random histories, decided by the engine and by the oracle.

use tripline::engine::guard;
use tripline::engine::limits::{BreakerLimits, BreakerRule, HalfOpenLimits};
use tripline::model::event::{CommandVerb, RejectClass};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Nanos, Reason, Scope};

use crate::oracle::{Counted, Oracle};
use crate::support::desk::*;
use crate::support::seed::Seed;
use crate::{ACCOUNT, Orders, counts, guarded, secs};

const SCOPES: [Scope; 3] = [Scope::Book(0), Scope::Book(1), ACCOUNT];
const COUNTED: [u16; 2] = [guard::AUTH, guard::LIQUIDATION];

/// An order nobody has answered, and the generations it belongs to: its book's and the account's; of which it is a probe.
struct Pending {
    order: u64,
    book: u16,
    generations: [u32; 2],
    probes: [bool; 2],
}

struct History<'a> {
    seed: &'a mut Seed,
    desk: Desk,
    oracles: [Oracle; 3],
    counted: [Counted; 2],
    pending: Vec<Pending>,
    openings: u64,
    trips: u64,
    probed: u64,
}

fn pick<T: Copy>(seed: &mut Seed, of: &[T]) -> T {
    of[seed.below(of.len() as u64) as usize]
}

fn breaker(seed: &mut Seed) -> BreakerLimits {
    let window = pick(seed, &[10, 30, 64, 100, 200, 400]);
    let min = 1 + seed.below(u64::from(window)) as u16;
    let literal = BreakerRule::Literal { window, min };
    let cooldown = secs(pick(seed, &[1, 30]));
    let tries = HalfOpenLimits { probes: 1 + seed.below(3) as u8, max_wait: secs(pick(seed, &[1, 20])) };
    let tries = (seed.below(2) == 0).then_some(tries);
    BreakerLimits {
        rule: pick(seed, &[BreakerRule::Significant, literal]),
        limit: Bps(pick(seed, &[50, 500, 500, 1_500])),
        consecutive: pick(seed, &[0, 0, 4, 10]),
        cooldown,
        cooldown_cap: Nanos(cooldown.0 * pick(seed, &[1, 3, 4])),
        smallest_window: 1 + seed.below(10) as u16,
        half_open: tries,
        metrics_only: tries.is_none() && seed.below(4) == 0,
    }
}

impl<'a> History<'a> {
    fn new(seed: &'a mut Seed) -> Self {
        let breakers = [(); 3].map(|()| breaker(seed));
        let counts = [(); 2].map(|()| counts(1 + seed.below(4) as u8, pick(seed, &[5, 60])));
        let mut limits = guarded(breakers[2]);
        (limits.books[0].breaker, limits.books[1].breaker) = (Some(breakers[0]), Some(breakers[1]));
        (limits.accounts[0].auth, limits.accounts[0].liquidation) = (Some(counts[0]), Some(counts[1]));
        Self {
            seed,
            desk: Desk::new(limits),
            oracles: breakers.map(Oracle::new),
            counted: counts.map(Counted::new),
            pending: Vec::new(),
            openings: 0,
            trips: 0,
            probed: 0,
        }
    }

    fn announce(&mut self) {
        let book = self.seed.below(2) as u16;
        let order = self.desk.announce(book);
        let generations = [self.oracles[usize::from(book)].generation, self.oracles[2].generation];
        self.pending.push(Pending { order, book, generations, probes: [false; 2] });
    }

    /// Asks for a new order, which what is open stops, and what is tried may let through.
    fn ask(&mut self) {
        let book = self.seed.below(2) as u16;
        let order = self.desk.fresh_id();
        let verdict = self.desk.ask_limit(book, PLAIN, order, 1, 100).verdict;
        let two = [usize::from(book), 2];
        let halted = self.counted.iter().any(|counted| counted.tripped);
        let passes = !halted && two.iter().all(|&which| self.oracles[which].lets_pass() != Some(false));
        assert_eq!(verdict == Verdict::Pass, passes, "{verdict:?}");
        if passes {
            let probes = two.map(|which| self.oracles[which].take());
            let generations = two.map(|which| self.oracles[which].generation);
            self.probed += u64::from(probes != [false; 2]);
            self.pending.push(Pending { order, book, generations, probes });
        }
    }

    /// Answers one of the orders that wait, with an error in so many of a hundred.
    fn answer(&mut self, percent: u64) {
        let Pending { order, book, generations, probes } =
            self.pending.swap_remove(self.seed.below(self.pending.len() as u64) as usize);
        let now = self.desk.now;
        if self.seed.below(100) >= percent {
            self.desk.outcome_of(book, order, None);
            let two = [usize::from(book), 2];
            two.into_iter()
                .zip(generations)
                .for_each(|(which, of)| self.oracles[which].outcome(now, of, false));
            for ((which, of), is_probe) in two.into_iter().zip(generations).zip(probes) {
                if is_probe {
                    self.oracles[which].proved(of);
                }
            }
            return;
        }
        let class = RejectClass::from_raw(self.seed.below(10) as u8).unwrap();
        self.desk.outcome_of(book, order, Some(class));
        let own = matches!(class, RejectClass::Invalid | RejectClass::Funds);
        let nobodys = matches!(class, RejectClass::Auth | RejectClass::Liquidation | RejectClass::Rate);
        for (at, which) in [usize::from(book), 2].into_iter().enumerate() {
            if probes[at] && (nobodys || own != (at == 0)) {
                self.oracles[which].give_back(generations[at]);
            }
        }
        match class {
            RejectClass::Invalid | RejectClass::Funds => {
                self.oracles[usize::from(book)].outcome(now, generations[0], true);
            }
            RejectClass::Auth => self.counted[0].one(now),
            RejectClass::Liquidation => self.counted[1].one(now),
            RejectClass::Rate => {}
            _ => self.oracles[2].outcome(now, generations[1], true),
        }
    }

    fn reset_one(&mut self) {
        let which = self.seed.below(5) as usize;
        let latched = |oracle: &Oracle| oracle.open.filter(|_| oracle.trying.is_none());
        if let Some(until) = self.oracles.get(which).and_then(latched) {
            if until > self.desk.now.0 {
                let nonce = self.desk.nonce(SCOPES[which], guard::ERROR_RATE);
                let reset =
                    self.desk.command(CommandVerb::Reset, SCOPES[which], guard::ERROR_RATE, nonce, false);
                return assert_eq!(reset.verdict, Verdict::Deny, "it still cools down");
            }
            self.openings += 1;
            if until > 0 && self.seed.below(2) == 0 {
                let verb = CommandVerb::Resume;
                let resumed = self.desk.command(verb, SCOPES[which], guard::ERROR_RATE, 0, false);
                assert_eq!(resumed.verdict, Verdict::Pass);
                return self.oracles[which].resume(self.desk.now);
            }
            self.desk.close(SCOPES[which], guard::ERROR_RATE);
            self.oracles[which].close();
        } else if which >= 3 && self.counted[which - 3].tripped {
            self.desk.close(ACCOUNT, COUNTED[which - 3]);
            self.counted[which - 3].reset();
            self.trips += 1;
        }
    }

    fn wait(&mut self) {
        let longest = match self.seed.below(2_000) {
            0 => 6 * 3_600_000,
            1..10 => 61_000,
            10..200 => 3_000,
            200..900 => 400,
            _ => 1,
        };
        let millis = self.seed.below(longest + 1);
        self.desk.wait(ms(millis));
    }

    fn compare(&mut self, step: u32) {
        self.oracles.iter_mut().for_each(|oracle| oracle.advance(self.desk.now));
        for seen in self.desk.taken(guard::ERROR_RATE) {
            let Some(which) = SCOPES.iter().position(|&scope| scope == seen.scope) else {
                panic!("{seen:?}")
            };
            let is_opening = seen.began && seen.reason != Reason::ReadyToResume;
            let reason = self.oracles[which].shown.map(|(reason, ..)| reason);
            // More than one may have begun and ended while time passed.
            let is_opening = is_opening && seen.at == self.desk.now;
            assert!(!is_opening || reason == Some(seen.reason), "step {step}: {seen:?}, {reason:?}");
        }
        for (scope, oracle) in SCOPES.into_iter().zip(&self.oracles) {
            let row = self.desk.breaker(scope);
            let totals = (row.openings, row.outcomes, row.errors, row.consecutive);
            assert_eq!(totals, oracle.totals(), "step {step}: {scope}");
            assert_eq!(row.generation, u64::from(oracle.generation), "step {step}: {scope}");
            assert_eq!(row.open.then_some(row.until.0), oracle.open, "step {step}: {scope}");
            let mut causes = self.desk.engine.cause_rows();
            let cause = causes
                .find(|cause| cause.scope == Some(scope) && cause.guard == u64::from(guard::ERROR_RATE));
            let numbers = cause.map(|cause| (cause.measured, cause.limit));
            let expected = oracle.shown.map(|(_, errors, tolerated)| (errors, tolerated));
            assert_eq!(numbers, expected, "step {step}: {scope}");
        }
        for (guard, counted) in COUNTED.into_iter().zip(&self.counted) {
            let mut causes = self.desk.engine.cause_rows();
            let holds = causes.any(|cause| cause.guard == u64::from(guard));
            assert_eq!(holds, counted.tripped, "step {step}: guard {guard}");
        }
    }

    fn run(&mut self, steps: u32) {
        let mut percent = 0;
        for step in 0..steps {
            let tries = self.oracles.iter().any(|oracle| oracle.trying.is_some());
            match self.seed.below(1_000) {
                0..5 => percent = pick(self.seed, &[0, 2, 6, 6, 20, 60, 100]),
                5..45 => self.reset_one(),
                45..200 => self.wait(),
                200..300 if self.pending.len() < 20 => self.ask(),
                300..600 if tries && self.pending.len() < 20 => self.ask(),
                _ if self.pending.len() < 2 || self.pending.len() < 20 && self.seed.below(2) == 0 => {
                    self.announce();
                }
                _ => self.answer(percent),
            }
            self.compare(step);
        }
    }
}

#[test]
fn the_engine_opens_and_closes_exactly_when_the_whole_history_says_so() {
    let (mut openings, mut trips, mut probed) = (0, 0, 0);
    let mut seed = Seed::new("engine_breaker the_engine_opens_and_closes");
    for _ in 0..80 {
        let mut history = History::new(&mut seed);
        history.run(3_000);
        openings += history.openings;
        trips += history.trips;
        probed += history.probed;
    }
    let seen =
        format!("{openings} openings and {trips} trips were compared and ended, {probed} orders were probes");
    println!("{seen}");
    assert!(openings > 20 && trips > 20 && probed > 20, "the histories prove nothing: {seen}");
}
