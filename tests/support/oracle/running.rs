//! The same reading kept up event by event, for tapes too long to work out anew each time.
//!
//! Fractions, as in the whole history; what a position has cost is the one thing carried from trade to trade. That both
//! ways read the same is part of every test that uses this one.

use std::collections::HashMap;

use super::*;

/// One instrument of the book.
struct Held {
    kind: Instrument,
    qty: R,
    lots: i64,
    legs: R,
    cost: R,
    /// The newest last.
    marks: Vec<i64>,
}

/// An execution that stands, or one that was taken back.
struct Execution {
    trade: Trade,
    foreign: bool,
    fee: R,
    debit: i64,
    /// By how much it changed the cost.
    cost: R,
    stands: bool,
}

/// The money of one currency but for what positions bring.
#[derive(Clone)]
struct Purse {
    capital: R,
    income: R,
    paid: R,
}

/// A book after everything it was told.
pub struct Running<'a> {
    oracle: &'a Oracle,
    purses: [Purse; 2],
    held: BTreeMap<u16, Held>,
    executions: HashMap<(u16, u64, bool), Execution>,
    totals: HashMap<(u16, u64), (i64, i128, i64)>,
    seen: BTreeSet<(u16, u64, bool)>,
    /// Flows of the other currency at their worth when they came.
    brought: R,
    flows: usize,
    rates: Vec<(i64, i64)>,
    counted: usize,
}

/// Keeps the last few.
fn push<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() == most {
        list.remove(0);
    }
    list.push(item);
}

fn e9(amount: i128) -> R {
    fraction(amount, 1_000_000_000)
}

impl<'a> Running<'a> {
    pub fn new(oracle: &'a Oracle) -> Self {
        let purse = |capital| Purse { capital, income: whole(0), paid: whole(0) };
        let held = oracle.instruments.iter().map(|(&instrument, &kind)| {
            let [qty, legs, cost] = [0; 3].map(whole);
            (instrument, Held { kind, qty, lots: 0, legs, cost, marks: Vec::new() })
        });
        Self {
            oracle,
            purses: [purse(e9(oracle.capital)), purse(whole(0))],
            held: held.collect(),
            executions: HashMap::new(),
            totals: HashMap::new(),
            seen: BTreeSet::new(),
            brought: whole(0),
            flows: 0,
            rates: Vec::new(),
            counted: 0,
        }
    }

    /// Whether an execution was told, taken back or not.
    pub fn knows(&self, instrument: u16, exec: u64, sells: bool) -> bool {
        self.executions.contains_key(&(instrument, exec, sells))
    }

    /// Takes in one event. What it adds is counted once.
    pub fn tell(&mut self, what: &What) {
        let counts = match *what {
            What::Fill { instrument, exec, qty, px, fee, in_base, in_other } => {
                let key = (instrument, exec, qty < 0);
                !self.executions.contains_key(&key) && {
                    self.fill(key, qty, px, fee, (in_base, in_other));
                    true
                }
            }
            What::Total { instrument, order, qty, cost, fee } => {
                self.total((instrument, order), (qty, cost, fee))
            }
            What::Fee { instrument, exec, sells, fee } => self.change_fee((instrument, exec, sells), fee),
            What::Bust { instrument, exec, sells } => self.take_back((instrument, exec, sells)),
            What::Funding { id, amount } => self.once((u16::MAX, id, false), |own| {
                own.purses[0].income += e9(amount);
            }),
            What::Pay { id, amount } => self.once((u16::MAX, id, false), |own| {
                own.purses[1].income += e9(amount);
            }),
            What::Flow { id, amount } => self.once((u16::MAX, id, true), |own| {
                own.purses[0].capital += e9(amount);
            }),
            What::Bring { id, amount } => self.once((u16::MAX, id, true), |own| {
                let before = own.read().equity;
                own.purses[1].capital += e9(amount);
                own.brought += own.read().equity - before;
                own.flows += 1;
            }),
            What::Settle { instrument, id, px } => self.once((instrument + 1_000, id, false), |own| {
                let held = &own.held[&instrument];
                let leg = own.oracle.worth(instrument, &held.qty, px);
                let qty = -&held.qty;
                own.trade(&Trade { instrument, qty, leg }, 0, None);
            }),
            What::Mark { instrument, px } => {
                push(&mut self.held.get_mut(&instrument).unwrap().marks, px, self.oracle.guard.peak_n);
                true
            }
            What::Rate { bid, ask } => {
                push(&mut self.rates, (bid, ask), self.oracle.guard.peak_n);
                true
            }
            What::Roll | What::Reset { .. } => true,
            What::Restart => false,
        };
        self.counted += usize::from(counts);
    }

    /// Does what an id asks for the first time it comes.
    fn once(&mut self, id: (u16, u64, bool), then: impl FnOnce(&mut Self)) -> bool {
        let is_new = self.seen.insert(id);
        if is_new {
            then(self);
        }
        is_new
    }

    fn fill(&mut self, key: (u16, u64, bool), qty: i64, px: i64, fee: Option<i64>, paid_in: (bool, bool)) {
        let instrument = key.0;
        let kind = self.held[&instrument].kind;
        let qty = whole(qty.into()) / pow10(kind.qty_decimals);
        let leg = self.oracle.worth(instrument, &-&qty, px);
        let (in_base, in_other) = paid_in;
        let (fee, debit) = match fee {
            None => {
                let settled = if leg.is_negative() { -&leg } else { leg.clone() };
                (up(&(up(&settled, 9) / whole(1_000)), 9), 0)
            }
            Some(fee) if in_base => (whole(0), lots(&up(&e9(fee.into()), kind.qty_decimals), kind)),
            Some(fee) => (e9(fee.into()), 0),
        };
        let foreign = kind.foreign || in_other;
        self.purses[usize::from(foreign)].paid += &fee;
        let trade = Trade { instrument, qty, leg };
        let cost = self.trade(&trade, debit, None);
        self.executions.insert(key, Execution { trade, foreign, fee, debit, cost, stands: true });
    }

    /// A trade, then a debit in base. Told by how much the cost is to change, else by average. Returns the change.
    fn trade(&mut self, trade: &Trade, debit: i64, change: Option<R>) -> R {
        let held = self.held.get_mut(&trade.instrument).unwrap();
        let before = held.cost.clone();
        held.cost = match change {
            Some(change) => &before + change,
            None => after_cost(&held.qty, &before, trade, if held.kind.inverse { 18 } else { 9 }),
        };
        held.legs += &trade.leg;
        held.qty += &trade.qty;
        let traded = held.qty.clone();
        held.qty -= whole(debit.into()) / pow10(held.kind.qty_decimals);
        let crossed =
            [R::is_positive, R::is_negative].into_iter().any(|side| side(&traded) != side(&held.qty));
        if crossed || held.qty.is_zero() {
            held.cost = whole(0);
        }
        held.lots = lots(&held.qty, held.kind);
        &held.cost - before
    }

    fn total(&mut self, order: (u16, u64), (qty, cost, fee): (i64, i128, i64)) -> bool {
        let known = self.totals.get(&order).copied();
        let last = known.unwrap_or((0, 0, 0));
        let repeats = (qty, cost) == (last.0, last.1) && fee <= last.2;
        if known.is_some() && (qty < last.0 || cost < last.1 || repeats) {
            return false;
        }
        self.totals.insert(order, (qty, cost, fee));
        let kind = self.held[&order.0].kind;
        let sign = if kind.inverse { 1 } else { -1 };
        let qty = whole((qty - last.0).into());
        self.purses[usize::from(kind.foreign)].paid += e9((fee - last.2).into());
        let (leg, qty) = (e9((cost - last.1) * sign), qty / pow10(kind.qty_decimals));
        self.trade(&Trade { instrument: order.0, qty, leg }, 0, None);
        true
    }

    /// The whole fee of an execution, in the currency of its instrument.
    fn change_fee(&mut self, key: (u16, u64, bool), fee: i64) -> bool {
        let foreign = self.held[&key.0].kind.foreign;
        let Some(execution) = self.executions.get_mut(&key).filter(|execution| execution.stands) else {
            return false;
        };
        let fee = e9(fee.into());
        if execution.foreign == foreign && execution.fee == fee && execution.debit == 0 {
            return false;
        }
        self.purses[usize::from(execution.foreign)].paid -= &execution.fee;
        self.purses[usize::from(foreign)].paid += &fee;
        let debit = execution.debit;
        (execution.foreign, execution.fee, execution.debit) = (foreign, fee, 0);
        let nothing = Trade { instrument: key.0, qty: whole(0), leg: whole(0) };
        self.trade(&nothing, -debit, None);
        true
    }

    fn take_back(&mut self, key: (u16, u64, bool)) -> bool {
        let Some(execution) = self.executions.get_mut(&key).filter(|execution| execution.stands) else {
            return false;
        };
        execution.stands = false;
        self.purses[usize::from(execution.foreign)].paid -= &execution.fee;
        let Trade { instrument, qty, leg } = &execution.trade;
        let back = Trade { instrument: *instrument, qty: -qty, leg: -leg };
        let (debit, change) = (-execution.debit, -&execution.cost);
        self.trade(&back, debit, Some(change));
        true
    }

    /// The book now.
    pub fn read(&self) -> Reading {
        let [own, other] = [false, true].map(|foreign| self.sums(foreign));
        let exposed =
            other.open || [&other.equity, &other.spike, &other.profit].into_iter().any(|sum| !sum.is_zero());
        let (bid, ask) = self.rates.last().copied().unwrap_or((0, 0));
        let low = self.rates.iter().map(|rate| rate.0).min().unwrap_or(0);
        let high = self.rates.iter().map(|rate| rate.1).max().unwrap_or(0);
        let profit = own.profit + convert(&other.profit, bid, ask);
        Reading {
            equity: own.equity + convert(&other.equity, bid, ask),
            spike: own.spike + convert(&other.spike, low, high),
            realised: &self.purses[0].capital + &self.brought + &profit,
            profit,
            positions: self.held.iter().map(|(&instrument, held)| (instrument, held.lots)).collect(),
            flat: !own.open && !exposed,
            absent: own.absent || other.absent || (exposed && self.rates.is_empty()),
            exposed,
            brought: self.flows,
            rated: !self.rates.is_empty(),
            counted: self.counted,
        }
    }

    fn sums(&self, foreign: bool) -> Sums {
        let purse = &self.purses[usize::from(foreign)];
        let cash = &purse.capital + &purse.income - &purse.paid;
        let (mut equity, mut spike, mut realised) = (cash.clone(), cash.clone(), cash);
        let (mut open, mut absent) = (false, false);
        for (&instrument, held) in self.held.iter().filter(|(_, held)| held.kind.foreign == foreign) {
            equity += &held.legs;
            spike += &held.legs;
            realised += &held.legs + &held.cost;
            if held.lots == 0 {
                continue;
            }
            open = true;
            let Some(&last) = held.marks.last() else {
                absent = true;
                continue;
            };
            let marks = held.marks.iter().copied();
            let worst = if held.lots > 0 { marks.min() } else { marks.max() }.unwrap();
            let good = self.oracle.worth(instrument, &held.qty, last);
            spike +=
                if worst == last { good.clone() } else { self.oracle.worth(instrument, &held.qty, worst) };
            equity += good;
        }
        let [equity, spike, realised] = [equity, spike, realised].map(|sum| down(&sum, 9));
        Sums { profit: realised - &purse.capital, equity, spike, open, absent }
    }
}
