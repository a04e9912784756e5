//! What a book and one guard on it must be, told naively: from the whole history each time, in exact rationals.
//!
//! Written unlike the engine: no running sums (but in `running`, for long tapes, held to the same readings), no integers
//! scaled by instrument, no cross-multiplication. Rounding happens only where the rules say so. It believes the first breaching trusted mark (k = 1), has no bands and no
//! stale marks and no margin; those have tables of their own.

use std::collections::{BTreeMap, BTreeSet};

use tripline::engine::limits::{Anchor, Basis};
use tripline::model::TradingState;

use super::desk::PLAIN;
pub use super::rational::{R, down, fraction, pow10, up, whole};

mod judge;
mod running;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use judge::Judge;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use running::Running;

#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    pub inverse: bool,
    /// Settles in the other currency.
    pub foreign: bool,
    pub price_decimals: u32,
    pub qty_decimals: u32,
    pub multiplier: i128,
}

#[derive(Clone, Copy, Debug)]
pub struct Guard {
    pub basis: Basis,
    pub anchor: Anchor,
    pub limit_bps: Option<i128>,
    /// In 1e-9.
    pub limit_abs: Option<i128>,
    pub peak_n: usize,
    pub jump_bps: Option<i128>,
}

/// One thing that happened; money in 1e-9, quantities in lots and signed, prices in price units.
#[derive(Clone, Debug)]
pub enum What {
    /// The fee is in the base currency, in the other one, or in that of the instrument.
    Fill {
        instrument: u16,
        exec: u64,
        qty: i64,
        px: i64,
        fee: Option<i64>,
        in_base: bool,
        in_other: bool,
    },
    Total {
        instrument: u16,
        order: u64,
        qty: i64,
        cost: i128,
        fee: i64,
    },
    Fee {
        instrument: u16,
        exec: u64,
        sells: bool,
        fee: i64,
    },
    /// The venue takes an execution back.
    Bust {
        instrument: u16,
        exec: u64,
        sells: bool,
    },
    Funding {
        id: u64,
        amount: i128,
    },
    Flow {
        id: u64,
        amount: i128,
    },
    /// Funding and flow in the other currency.
    Pay {
        id: u64,
        amount: i128,
    },
    Bring {
        id: u64,
        amount: i128,
    },
    /// All that is held is settled at a price.
    Settle {
        instrument: u16,
        id: u64,
        px: i64,
    },
    /// What the other currency is worth, in 1e-9.
    Rate {
        bid: i64,
        ask: i64,
    },
    Mark {
        instrument: u16,
        px: i64,
    },
    Roll,
    Reset {
        rebase: bool,
    },
    /// The engine is given up and another restored.
    Restart,
}

#[derive(Clone, Debug)]
pub struct Happened {
    pub at_ms: u64,
    pub what: What,
}

pub struct Oracle {
    pub instruments: BTreeMap<u16, Instrument>,
    pub capital: i128,
    pub guard: Guard,
}

/// A trade that counted, in the units of the rules.
#[derive(Clone)]
struct Trade {
    instrument: u16,
    qty: R,
    leg: R,
}

#[derive(Debug, PartialEq)]
pub struct Reading {
    pub equity: R,
    pub spike: R,
    pub realised: R,
    profit: R,
    pub positions: BTreeMap<u16, i64>,
    flat: bool,
    absent: bool,
    /// Whether there is money in the other currency, and how many flows of it.
    exposed: bool,
    brought: usize,
    rated: bool,
    /// Events of the history that were no repeats.
    pub counted: usize,
}

/// What happened so far, sorted.
#[derive(Default)]
struct Told {
    trades: Vec<Trade>,
    /// Whether a fee is in the other currency, and how large it is.
    fees: BTreeMap<(u16, u64, bool), (bool, R)>,
    debits: BTreeMap<(u16, u64, bool), i64>,
    totals: BTreeMap<(u16, u64), (i64, i128, i64)>,
    /// Of the account's currency and of the other.
    income: [R; 2],
    flows: [R; 2],
    /// Flows at their worth when they came.
    brought: Vec<R>,
    marks: BTreeMap<u16, Vec<i64>>,
    rates: Vec<(i64, i64)>,
    /// In the order in which they hit the position.
    steps: Vec<Step>,
    /// The trade of each execution that was not taken back.
    executed: BTreeMap<(u16, u64, bool), usize>,
    /// Events that were no repeats.
    counted: usize,
}

/// What changes a position, and the lots of base debited for it.
struct Step {
    instrument: u16,
    hit: Hit,
    debit: i64,
}

enum Hit {
    Traded(usize),
    TakenBack(usize),
    Fee,
}

/// The money of one currency.
struct Sums {
    equity: R,
    spike: R,
    profit: R,
    open: bool,
    absent: bool,
}

#[derive(Debug, PartialEq)]
pub struct Verdict {
    pub state: TradingState,
    pub peak: Option<R>,
}

impl Told {
    fn trade(&mut self, instrument: u16, qty: R, leg: R, debit: i64) {
        let hit = Hit::Traded(self.trades.len());
        self.trades.push(Trade { instrument, qty, leg });
        self.steps.push(Step { instrument, hit, debit });
    }

    fn take_back(&mut self, key: (u16, u64, bool)) {
        let Some(trade) = self.executed.remove(&key) else {
            self.counted -= 1;
            return;
        };
        self.fees.remove(&key);
        let back = self.debits.remove(&key).unwrap();
        self.steps.push(Step { instrument: key.0, hit: Hit::TakenBack(trade), debit: -back });
    }
}

/// A quantity of an instrument, in its lots.
fn lots(qty: &R, kind: Instrument) -> i64 {
    let lots = (qty * pow10(kind.qty_decimals)).to_whole();
    lots.and_then(|lots| i64::try_from(lots).ok()).expect("a whole number of lots")
}

impl Oracle {
    fn worth(&self, instrument: u16, q: &R, px: i64) -> R {
        let kind = self.instruments[&instrument];
        let px = whole(px.into()) / pow10(kind.price_decimals);
        if kind.inverse {
            down(&(-q * whole(kind.multiplier) / px), 18)
        } else {
            down(&(q * whole(kind.multiplier) * px), 9)
        }
    }

    /// The book after `history`, worked out from nothing.
    pub fn read(&self, history: &[Happened]) -> Reading {
        let mut seen = BTreeSet::new();
        let mut told = Told { income: [whole(0), whole(0)], flows: [whole(0), whole(0)], ..Told::default() };
        for happened in history {
            self.tell(&mut told, &mut seen, &happened.what);
        }
        self.value(&told)
    }

    fn tell(&self, told: &mut Told, seen: &mut BTreeSet<(u16, u64, bool)>, what: &What) {
        told.counted += 1;
        match *what {
            What::Fill { instrument, exec, qty, px, fee, in_base, in_other } => {
                let key = (instrument, exec, qty < 0);
                if !seen.insert(key) {
                    told.counted -= 1;
                    return;
                }
                let kind = self.instruments[&instrument];
                let amount = whole(qty.into()) / pow10(kind.qty_decimals);
                let leg = self.worth(instrument, &-amount.clone(), px);
                let mut debit = 0;
                let mut foreign = kind.foreign;
                let charged = match fee {
                    None => {
                        let settled = if leg < whole(0) { -leg.clone() } else { leg.clone() };
                        up(&(up(&settled, 9) * whole(10) / whole(10_000)), 9)
                    }
                    Some(fee) if in_base => {
                        debit = lots(&up(&(whole(fee.into()) / pow10(9)), kind.qty_decimals), kind);
                        whole(0)
                    }
                    Some(fee) => {
                        foreign |= in_other;
                        whole(fee.into()) / pow10(9)
                    }
                };
                told.fees.insert(key, (foreign, charged));
                told.debits.insert(key, debit);
                told.executed.insert(key, told.trades.len());
                told.trade(instrument, amount, leg, debit);
            }
            What::Total { instrument, order, qty, cost, fee } => {
                let last = told.totals.get(&(instrument, order)).copied().unwrap_or((0, 0, i64::MIN));
                if qty < last.0 || cost < last.1 || ((qty, cost) == (last.0, last.1) && fee <= last.2) {
                    told.counted -= 1;
                    return;
                }
                let kind = self.instruments[&instrument];
                let sign = if kind.inverse { 1 } else { -1 };
                let leg = whole((cost - last.1) * sign) / pow10(9);
                let amount = whole((qty - last.0).into()) / pow10(kind.qty_decimals);
                told.trade(instrument, amount, leg, 0);
                told.totals.insert((instrument, order), (qty, cost, fee));
            }
            What::Fee { instrument, exec, sells, fee } => self.tell_fee(told, (instrument, exec, sells), fee),
            What::Bust { instrument, exec, sells } => told.take_back((instrument, exec, sells)),
            What::Funding { id, amount } | What::Pay { id, amount } if seen.insert((u16::MAX, id, false)) => {
                told.income[usize::from(matches!(what, What::Pay { .. }))] += whole(amount) / pow10(9);
            }
            What::Flow { id, amount } if seen.insert((u16::MAX, id, true)) => {
                told.flows[0] += whole(amount) / pow10(9);
            }
            What::Bring { id, amount } if seen.insert((u16::MAX, id, true)) => {
                let before = self.value(told).equity;
                told.flows[1] += whole(amount) / pow10(9);
                let worth = self.value(told).equity - before;
                told.brought.push(worth);
            }
            What::Settle { instrument, id, px } if seen.insert((instrument + 1_000, id, false)) => {
                let kind = self.instruments[&instrument];
                let mut q = whole(0);
                for step in told.steps.iter().filter(|step| step.instrument == instrument) {
                    match step.hit {
                        Hit::Traded(index) => q += &told.trades[index].qty,
                        Hit::TakenBack(index) => q -= &told.trades[index].qty,
                        Hit::Fee => {}
                    }
                    q -= whole(step.debit.into()) / pow10(kind.qty_decimals);
                }
                let leg = self.worth(instrument, &q, px);
                told.trade(instrument, -q, leg, 0);
            }
            What::Mark { instrument, px } => told.marks.entry(instrument).or_default().push(px),
            What::Rate { bid, ask } => told.rates.push((bid, ask)),
            What::Funding { .. }
            | What::Pay { .. }
            | What::Flow { .. }
            | What::Bring { .. }
            | What::Settle { .. } => {
                told.counted -= 1;
            }
            What::Restart => told.counted -= 1,
            What::Roll | What::Reset { .. } => {}
        }
    }

    /// The whole fee of an execution, in the currency of its instrument.
    fn tell_fee(&self, told: &mut Told, key: (u16, u64, bool), fee: i64) {
        if !told.executed.contains_key(&key) {
            told.counted -= 1;
            return;
        }
        let new = (self.instruments[&key.0].foreign, whole(fee.into()) / pow10(9));
        let old = told.fees.insert(key, new.clone());
        let back = told.debits.insert(key, 0).unwrap();
        told.counted -= usize::from(old == Some(new) && back == 0);
        told.steps.push(Step { instrument: key.0, hit: Hit::Fee, debit: -back });
    }

    fn value(&self, told: &Told) -> Reading {
        let mut positions = BTreeMap::new();
        let [own, other] = [false, true].map(|foreign| self.sums(told, foreign, &mut positions));
        let zero = whole(0);
        let exposed = other.open || other.equity != zero || other.spike != zero || other.profit != zero;
        let absent = own.absent || other.absent || (exposed && told.rates.is_empty());
        let last = told.rates.last().copied().unwrap_or((0, 0));
        let recent = told.rates.iter().rev().take(self.guard.peak_n);
        let low = recent.clone().map(|rate| rate.0).min().unwrap_or(0);
        let high = recent.map(|rate| rate.1).max().unwrap_or(0);
        let equity = own.equity + convert(&other.equity, last.0, last.1);
        let spike = own.spike + convert(&other.spike, low, high);
        let profit = own.profit + convert(&other.profit, last.0, last.1);
        let capital = whole(self.capital) / pow10(9) + &told.flows[0] + told.brought.iter().sum::<R>();
        Reading {
            equity,
            spike,
            realised: capital + &profit,
            profit,
            positions,
            flat: !own.open && !exposed,
            absent,
            exposed,
            brought: told.brought.len(),
            rated: !told.rates.is_empty(),
            counted: told.counted,
        }
    }

    /// The money of one of the two currencies.
    fn sums(&self, told: &Told, foreign: bool, positions: &mut BTreeMap<u16, i64>) -> Sums {
        let paid: R = told.fees.values().filter(|fee| fee.0 == foreign).map(|fee| &fee.1).sum::<R>()
            + told
                .totals
                .iter()
                .filter(|(key, _)| self.instruments[&key.0].foreign == foreign)
                .map(|(_, total)| whole(total.2.into()) / pow10(9))
                .sum::<R>();
        let own = if foreign { whole(0) } else { whole(self.capital) / pow10(9) };
        let capital = own + &told.flows[usize::from(foreign)];
        let cash = &capital + &told.income[usize::from(foreign)] - &paid;
        let mut sums = [whole(0), whole(0), whole(0)];
        let (mut open, mut absent) = (false, false);
        for (&instrument, kind) in self.instruments.iter().filter(|(_, kind)| kind.foreign == foreign) {
            let places = if kind.inverse { 18 } else { 9 };
            let (mut q, mut cost, mut legs) = (whole(0), whole(0), whole(0));
            let mut changes = BTreeMap::new();
            for step in told.steps.iter().filter(|step| step.instrument == instrument) {
                let cost_before = cost.clone();
                match step.hit {
                    Hit::Traded(index) => {
                        let trade = &told.trades[index];
                        cost = after_cost(&q, &cost, trade, places);
                        q += &trade.qty;
                        legs += &trade.leg;
                    }
                    Hit::TakenBack(index) => {
                        let trade = &told.trades[index];
                        cost -= &changes[&index];
                        q -= &trade.qty;
                        legs -= &trade.leg;
                    }
                    Hit::Fee => {}
                }
                let before = q.clone();
                q -= whole(step.debit.into()) / pow10(kind.qty_decimals);
                if q.is_zero() || q.is_positive() != before.is_positive() || before.is_zero() {
                    cost = whole(0);
                }
                if let Hit::Traded(index) = step.hit {
                    changes.insert(index, &cost - cost_before);
                }
            }
            positions.insert(instrument, lots(&q, *kind));
            let (mut good, mut spike) = (whole(0), whole(0));
            if q != whole(0) {
                open = true;
                match told.marks.get(&instrument) {
                    None => absent = true,
                    Some(marks) => {
                        let last = marks.iter().rev().take(self.guard.peak_n);
                        let px = if q > whole(0) { last.min() } else { last.max() };
                        good = self.worth(instrument, &q, *marks.last().unwrap());
                        spike = self.worth(instrument, &q, *px.unwrap());
                    }
                }
            }
            sums[0] += &legs + good;
            sums[1] += &legs + spike;
            sums[2] += &legs + cost;
        }
        let [equity, spike, realised] = sums.map(|sum| down(&(&cash + sum), 9));
        Sums { equity, spike, profit: realised - capital, open, absent }
    }
}

/// What an amount of the other currency is worth, with a haircut of half a percent.
fn convert(amount: &R, bid: i64, ask: i64) -> R {
    let (px, share) = if *amount < whole(0) { (ask, 1_005) } else { (bid, 995) };
    down(&(amount * whole(px.into()) / pow10(9) * whole(share) / whole(1_000)), 9)
}

fn after_cost(q: &R, cost: &R, trade: &Trade, places: u32) -> R {
    let zero = whole(0);
    if trade.qty == zero {
        return cost.clone();
    }
    if *q == zero || (*q > zero) == (trade.qty > zero) {
        return cost - &trade.leg;
    }
    let left = q + &trade.qty;
    if left == zero {
        zero
    } else if (left > zero) == (*q > zero) {
        down(&(cost * &left / q), places)
    } else {
        down(&(-&trade.leg * left / &trade.qty), places)
    }
}
