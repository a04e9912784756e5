//! Long days of a book: what happens next, by chance, with an eye on how the book stands.
//!
//! Prices walk and sometimes spike for one mark. Positions grow, shrink, close exactly and flip; totals of orders grow in
//! parts. Executions, fundings, flows and totals are repeated, fees come late, executions are taken back, the engine is
//! restored. Money is brought when little is left and taken when there is much, so that a tape does not end in a
//! latch; latches are reset.

use std::collections::VecDeque;

use tripline::engine::limits::{Anchor, Basis};

use super::book_trial::{COINS, DOLLARS, MIXED, Market, Setup, has_other};
use super::desk::{E9, INVERSE, PLAIN, SPOT, ms};
use super::oracle::{Guard, Reading, What, fraction};
use super::seed::Seed;

/// What was said last, to be said again.
const REMEMBERED: usize = 24;

fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}

/// A guard, capital and markets.
pub fn random_setup(seed: &mut Seed) -> Setup {
    let (book, markets): (u16, &'static [Market]) =
        [(0, &DOLLARS[..]), (0, &MIXED[..]), (2, &COINS[..])][seed.below(3) as usize];
    let basis = if seed.below(4) == 0 { Basis::Realised } else { Basis::Equity };
    let anchor = match seed.below(5) {
        0 => Anchor::Static,
        1 => Anchor::Session,
        2 => Anchor::Rolling(ms(1 + seed.below(9_000))),
        _ => Anchor::Trailing,
    };
    let (share, amount) = (100 + i128::from(seed.below(2_900)), (10 + i128::from(seed.below(490))) * E9);
    let (limit_bps, limit_abs) =
        [(Some(share), None), (None, Some(amount)), (Some(share), Some(amount))][seed.below(3) as usize];
    let jump = Some(50 + i128::from(seed.below(1_950)));
    let jump_bps = jump.filter(|_| basis == Basis::Equity && seed.below(2) == 0);
    let guard = Guard { basis, anchor, limit_bps, limit_abs, peak_n: 1 + seed.below(4) as usize, jump_bps };
    let capital = if seed.below(8) == 0 && book == 0 { 0 } else { 500 + i128::from(seed.below(5_500)) };
    Setup { book, capital: capital * E9, markets, guard }
}

/// Decides what happens next.
pub struct BookTape {
    markets: &'static [Market],
    /// Of each market's usual price, in 1e-4.
    levels: Vec<i64>,
    last_id: u64,
    /// Totals of the order each market works on.
    totals: Vec<(u64, i64, i128, i64)>,
    executions: VecDeque<(u16, u64, bool)>,
    said: VecDeque<What>,
}

impl BookTape {
    pub fn new(setup: &Setup) -> Self {
        let markets = setup.markets;
        Self {
            markets,
            levels: vec![10_000; markets.len()],
            last_id: 100,
            totals: markets.iter().map(|_| (0, 0, 0, 0)).collect(),
            executions: VecDeque::new(),
            said: VecDeque::new(),
        }
    }

    /// The milliseconds until something happens, and what.
    pub fn next(&mut self, seed: &mut Seed, reading: &Reading) -> (u64, What) {
        let gap = match seed.below(60) {
            0 => seed.below(9_000),
            1 => [499, 500, 501][seed.below(3) as usize],
            2 => [999, 1_000, 1_001][seed.below(3) as usize],
            3..10 => seed.below(700),
            _ => seed.below(40),
        };
        (gap, self.what(seed, reading))
    }

    fn what(&mut self, seed: &mut Seed, reading: &Reading) -> What {
        let market = seed.below(self.markets.len() as u64) as usize;
        let instrument = self.markets[market].0;
        let amount = |seed: &mut Seed, most: u64, unit: i128| {
            let amount = i128::from(seed.below(2 * most)) - i128::from(most);
            if amount == 0 { unit } else { amount * unit / 7 }
        };
        let what = match seed.below(1_000) {
            0..260 => self.fill(seed, reading, market),
            260..330 => self.total(seed, market),
            330..370 => {
                let Some((instrument, exec, sells)) = self.an_execution(seed) else {
                    return self.mark(seed, market);
                };
                What::Fee { instrument, exec, sells, fee: seed.below(50_000_000) as i64 }
            }
            370..400 => {
                let Some((instrument, exec, sells)) = self.an_execution(seed) else {
                    return self.mark(seed, market);
                };
                What::Bust { instrument, exec, sells }
            }
            400..420 => What::Funding { id: self.fresh_id(), amount: amount(seed, 60, E9) },
            420..450 => What::Flow { id: self.fresh_id(), amount: self.flow(seed, reading) },
            450..460 => What::Roll,
            460..500 => What::Reset { rebase: seed.below(2) == 0 },
            500..560 if !self.said.is_empty() => {
                let mut again = self.said[seed.below(self.said.len() as u64) as usize].clone();
                if let What::Fill { px, .. } = &mut again {
                    // The same execution, whatever it says of its price.
                    *px += seed.below(2) as i64;
                }
                return again;
            }
            560..562 => What::Restart,
            562..640 if has_other(self.markets) => match seed.below(6) {
                0..3 => {
                    let bid = (5 + seed.below(10) as i64) * 1_000_000_007;
                    What::Rate { bid, ask: bid + seed.below(2) as i64 * 1_000_000_000 }
                }
                3 => What::Pay { id: self.fresh_id(), amount: amount(seed, 9, 999_999_999) },
                4 => What::Bring { id: self.fresh_id(), amount: amount(seed, 300, E9) },
                _ => What::Settle { instrument, id: self.fresh_id(), px: self.price(seed, market) },
            },
            _ => return self.mark(seed, market),
        };
        if !matches!(what, What::Roll | What::Reset { .. } | What::Rate { .. } | What::Restart) {
            remember(&mut self.said, what.clone());
        }
        what
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn an_execution(&self, seed: &mut Seed) -> Option<(u16, u64, bool)> {
        let known = self.executions.len() as u64;
        (known > 0).then(|| self.executions[seed.below(known) as usize])
    }

    /// Close to where the market is.
    fn price(&self, seed: &mut Seed, market: usize) -> i64 {
        let level = self.levels[market] + seed.below(400) as i64 - 200;
        self.markets[market].1 * level / 10_000 + seed.below(2) as i64
    }

    fn mark(&mut self, seed: &mut Seed, market: usize) -> What {
        let (instrument, px, _) = self.markets[market];
        let level = self.levels[market] + seed.below(201) as i64 - 100;
        self.levels[market] = level.clamp(6_000, 14_000);
        let spike = if seed.below(25) == 0 { seed.below(6_000) as i64 - 3_000 } else { 0 };
        What::Mark { instrument, px: px * (self.levels[market] + spike) / 10_000 }
    }

    fn fill(&mut self, seed: &mut Seed, reading: &Reading, market: usize) -> What {
        let (instrument, _, size) = self.markets[market];
        let (held, some) = (reading.positions[&instrument], 1 + seed.below(30) as i64);
        let sign = if seed.below(2) == 0 { 1 } else { -1 };
        let qty = match seed.below(10) {
            0 if held != 0 => -held,
            1 if held != 0 => -2 * held,
            _ if held.abs() > 6 * size => -held.signum() * (some * size / 10),
            _ => sign * (some * size / 10),
        };
        let exec = self.fresh_id();
        remember(&mut self.executions, (instrument, exec, qty < 0));
        let fee = (seed.below(8) > 0).then(|| seed.below(12_000_000) as i64 - 3_000_000);
        let other = seed.below(4) == 0 && fee.is_some();
        What::Fill {
            instrument,
            exec,
            qty,
            px: self.price(seed, market),
            fee,
            in_base: other && instrument == SPOT,
            in_other: other && instrument == PLAIN && has_other(self.markets),
        }
    }

    /// An order of its own that is reported by what it has traded so far, in parts; sometimes by less than that.
    fn total(&mut self, seed: &mut Seed, market: usize) -> What {
        let (instrument, unit) =
            if self.markets[market].0 == INVERSE { (INVERSE, 20_011) } else { (PLAIN, 1_000_000_007) };
        let last = self.totals[market].0;
        if last == 0 {
            self.totals[market].0 = 10_000 * market as u64 + 1;
        } else if seed.below(6) == 0 {
            self.totals[market] = (last + 1, 0, 0, 0);
        }
        let (order, qty, cost, fee) = &mut self.totals[market];
        let (part, share) = (1 + seed.below(8) as i64, 90 + i128::from(seed.below(20)));
        *qty += part;
        *cost += i128::from(part) * share * unit;
        *fee += seed.below(1_000) as i64;
        What::Total { instrument, order: *order, qty: *qty, cost: *cost, fee: *fee }
    }

    fn flow(&self, seed: &mut Seed, reading: &Reading) -> i128 {
        let some = i128::from(1 + seed.below(4_000)) * E9 / 7;
        if reading.equity < fraction(200, 1) {
            some + 500 * E9
        } else if reading.equity > fraction(20_000, 1) || seed.below(2) == 0 {
            -some
        } else {
            some
        }
    }
}
