//! What a book and one guard on it must be, told naively: from the whole history each time, in exact rationals.
//!
//! Written unlike the engine: no running sums, no integers scaled by instrument, no cross-multiplication. Rounding
//! happens only where the rules say so. It believes the first breaching trusted mark (k = 1), has no bands and no
//! stale marks and no margin; those have tables of their own.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_rational::Ratio;
use tripline::engine::limits::{Anchor, Basis};
use tripline::model::TradingState;

use super::desk::PLAIN;

pub type R = BigRational;

pub fn whole(value: i128) -> R {
    R::from(BigInt::from(value))
}

fn pow10(exponent: u32) -> R {
    R::from(BigInt::from(10).pow(exponent))
}

/// `value` rounded down to a multiple of `10^-places`.
fn down(value: &R, places: u32) -> R {
    (value * pow10(places)).floor() / pow10(places)
}

fn up(value: &R, places: u32) -> R {
    (value * pow10(places)).ceil() / pow10(places)
}

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
struct Trade {
    instrument: u16,
    qty: R,
    leg: R,
}

#[derive(Debug)]
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
    counted: usize,
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
    /// (trade index, lots debited after it) keeps the order in which base fees hit the position.
    steps: Vec<(Option<usize>, u16, i64)>,
    /// Events that were no repeats.
    counted: usize,
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
                        let lots = up(&(whole(fee.into()) / pow10(9)), kind.qty_decimals);
                        debit = i64::try_from((lots * pow10(kind.qty_decimals)).to_integer()).unwrap();
                        whole(0)
                    }
                    Some(fee) => {
                        foreign |= in_other;
                        whole(fee.into()) / pow10(9)
                    }
                };
                told.fees.insert(key, (foreign, charged));
                told.debits.insert(key, debit);
                told.trades.push(Trade { instrument, qty: amount, leg });
                told.steps.push((Some(told.trades.len() - 1), instrument, debit));
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
                told.trades.push(Trade { instrument, qty: amount, leg });
                told.steps.push((Some(told.trades.len() - 1), instrument, 0));
                told.totals.insert((instrument, order), (qty, cost, fee));
            }
            What::Fee { instrument, exec, sells, fee } => {
                let key = (instrument, exec, sells);
                if let Some(charged) = told.fees.get_mut(&key) {
                    let new = (self.instruments[&instrument].foreign, whole(fee.into()) / pow10(9));
                    let old = std::mem::replace(charged, new.clone());
                    let back = told.debits.insert(key, 0).unwrap();
                    told.counted -= usize::from(old == new && back == 0);
                    told.steps.push((None, instrument, -back));
                }
            }
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
                for (trade, _, debit) in told.steps.iter().filter(|step| step.1 == instrument) {
                    q += trade.map_or(whole(0), |index| told.trades[index].qty.clone());
                    q -= whole((*debit).into()) / pow10(kind.qty_decimals);
                }
                let leg = self.worth(instrument, &q, px);
                told.trades.push(Trade { instrument, qty: -q, leg });
                told.steps.push((Some(told.trades.len() - 1), instrument, 0));
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
            What::Roll | What::Reset { .. } => {}
        }
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
            let (mut q, mut cost) = (whole(0), whole(0));
            for (trade, _, debit) in told.steps.iter().filter(|step| step.1 == instrument) {
                if let Some(trade) = trade.map(|index| &told.trades[index]) {
                    cost = after_cost(&q, &cost, trade, places);
                    q += &trade.qty;
                }
                let before = q.clone();
                q -= whole((*debit).into()) / pow10(kind.qty_decimals);
                if q == whole(0) || (q > whole(0)) != (before > whole(0)) {
                    cost = whole(0);
                }
            }
            let traded = told.trades.iter().filter(|trade| trade.instrument == instrument);
            let legs: R = traded.map(|trade| trade.leg.clone()).sum();
            let lots = (&q * pow10(kind.qty_decimals)).to_integer();
            positions.insert(instrument, i64::try_from(lots).unwrap());
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

/// Peaks, soft cause and latch of one guard, as a person would follow them reading by reading.
pub struct Judge<'a> {
    guard: &'a Guard,
    peaks: Option<[(R, R); 2]>,
    /// A flow found no equity to scale the peak by.
    unpriced: bool,
    soft: bool,
    calm_since: Option<u64>,
    latched: Option<&'static str>,
    /// Whether a breach has begun, since when it counts, and for how long it counted before.
    breached: bool,
    breaching_since: Option<u64>,
    counted_ms: u64,
    /// Losses since the breach began, and the marks seen, per instrument.
    losses: BTreeMap<u16, (R, u32)>,
    last: R,
    last_absent: bool,
    last_trusted: (R, R),
    /// Every sample of a rolling peak since it was anchored, and the bucket that is being filled.
    samples: Vec<Sample>,
    bucket: u64,
}

/// What a rolling peak remembers: when it began, and both peaks, each with the profit realised then.
struct Sample {
    bucket: u64,
    relative: (R, R),
    absolute: (R, R),
}

impl<'a> Judge<'a> {
    pub fn new(oracle: &'a Oracle, start: &Reading, started_ms: u64) -> Self {
        let mut judge = Judge {
            guard: &oracle.guard,
            peaks: None,
            unpriced: false,
            soft: false,
            calm_since: None,
            latched: None,
            breached: false,
            breaching_since: None,
            counted_ms: 0,
            losses: BTreeMap::new(),
            last: start.equity.clone(),
            last_absent: false,
            last_trusted: (start.equity.clone(), start.profit.clone()),
            samples: Vec::new(),
            bucket: 0,
        };
        judge.arm(start, started_ms);
        judge
    }

    fn good(&self, reading: &Reading) -> R {
        if self.guard.basis == Basis::Realised { reading.realised.clone() } else { reading.equity.clone() }
    }

    fn absent(&self, reading: &Reading) -> bool {
        self.guard.basis == Basis::Equity && reading.absent
    }

    fn arm(&mut self, reading: &Reading, now: u64) {
        let good = self.good(reading);
        if !self.absent(reading) && (self.guard.limit_bps.is_none() || good > whole(0)) {
            self.anchor((good, reading.profit.clone()), now);
        }
    }

    /// Measures from here.
    fn anchor(&mut self, here: (R, R), now: u64) {
        self.peaks = Some([here.clone(), here.clone()]);
        self.unpriced = false;
        self.bucket = self.bucket_of(now);
        self.samples = vec![Sample { bucket: self.bucket, relative: here.clone(), absolute: here }];
    }

    fn bucket_of(&self, now_ms: u64) -> u64 {
        match self.guard.anchor {
            Anchor::Rolling(period) => now_ms * 1_000_000 / period.0.div_ceil(63),
            _ => 0,
        }
    }

    /// Takes a sample; the peak is then the highest of those that still held 63 buckets ago or later.
    fn sample(&mut self, here: (R, R), now: u64) {
        if self.latched.is_none() {
            self.bucket = self.bucket_of(now);
        }
        self.samples.push(Sample { bucket: self.bucket, relative: here.clone(), absolute: here });
        let ends = self.samples.iter().skip(1).map(|next| next.bucket).chain([self.bucket]);
        let counts: Vec<&Sample> = (self.samples.iter().zip(ends))
            .filter(|(_, end)| end + 63 >= self.bucket)
            .map(|(sample, _)| sample)
            .collect();
        let highest = |of: fn(&Sample) -> &(R, R)| {
            let first = of(counts[0]);
            counts.iter().map(|sample| of(sample)).fold(
                first,
                |best, next| {
                    if next.0 > best.0 { next } else { best }
                },
            )
        };
        let relative = highest(|sample| &sample.relative).clone();
        self.peaks = Some([relative, highest(|sample| &sample.absolute).clone()]);
    }

    /// Whether losses of these sizes reach `share` of a limit.
    fn reaches(&self, relative: R, absolute: R, share: &R) -> bool {
        let Some([peak, _]) = &self.peaks else { return false };
        let by_share = self.guard.limit_bps.is_some_and(|bps| {
            peak.0 > whole(0)
                && relative / &peak.0 >= Ratio::new(BigInt::from(bps), BigInt::from(10_000)) * share
        });
        by_share || self.guard.limit_abs.is_some_and(|limit| absolute >= whole(limit) / pow10(9) * share)
    }

    /// Follows one event that took the book from one reading to the next.
    pub fn step(&mut self, happened: &Happened, before: &Reading, after: &Reading) {
        let now = happened.at_ms;
        // Timers due at t run before what happens at t, in the order of their deadlines.
        while let Some(due) = self.next_due(before).filter(|&due| due <= now) {
            self.tick(due, before);
        }
        match happened.what {
            What::Flow { amount, .. }
                if before.profit == after.profit && self.good(before) != self.good(after) =>
            {
                self.flow(whole(amount) / pow10(9), before, after);
            }
            What::Bring { .. } if after.brought > before.brought => self.bring(before, after),
            What::Roll => self.roll(before, now),
            _ => {}
        }
        let untouched = match happened.what {
            What::Reset { rebase } => !self.is_reset(rebase, before, now),
            _ => false,
        };
        // A repeat is no reading of the book, nor is a mark of an instrument that is not held.
        let repeat = before.counted == after.counted;
        let stray = match happened.what {
            What::Mark { instrument, .. } => before.positions[&instrument] == 0,
            // Nor is a rate without money that it converts.
            What::Rate { .. } => !after.exposed,
            _ => false,
        };
        if !untouched && !stray && !repeat {
            self.look(happened, after);
        }
        self.last = self.good(after);
        self.last_absent = self.absent(after);
    }

    /// Whether one mark moved equity by too much of the peak before it.
    fn jumped(&self, happened: &Happened, good: &R, absent: bool) -> bool {
        let (Some(bps), Some([relative, absolute])) = (self.guard.jump_bps, &self.peaks) else {
            return false;
        };
        let peak = if self.guard.limit_bps.is_some() { &relative.0 } else { &absolute.0 };
        let moved = if *good > self.last { good - &self.last } else { &self.last - good };
        matches!(happened.what, What::Mark { .. })
            && !absent
            && !self.last_absent
            && *peak > whole(0)
            && moved / peak >= Ratio::new(BigInt::from(bps), BigInt::from(10_000))
    }

    /// When a breach has lasted long enough, or the soft cause is over.
    fn next_due(&self, reading: &Reading) -> Option<u64> {
        let breaching = self.breaching_since.filter(|_| self.latched.is_none());
        let counted = breaching.map(|since| since + 500 - self.counted_ms);
        let calm = self.calm_since.filter(|_| self.soft && !self.absent(reading)).map(|since| since + 1_000);
        counted.into_iter().chain(calm).min()
    }

    /// A look without an event: only time has passed.
    fn tick(&mut self, now: u64, reading: &Reading) {
        let (good, absent) = (self.good(reading), self.absent(reading));
        if !absent {
            self.follow(reading, now);
        }
        let breach = !absent && self.breaches(&good);
        self.soften(now, absent, breach, &good, reading);
        if self.calm_since.is_some_and(|since| since + 1_000 <= now) {
            (self.soft, self.calm_since) = (false, None);
        }
        if !breach && !absent {
            self.over();
        }
        if let Some(since) = self.breaching_since {
            (self.counted_ms, self.breaching_since) = (self.counted_ms + now - since, Some(now));
            if self.counted_ms >= 500 && self.latched.is_none() {
                self.latch("time");
            }
        }
    }

    /// Lets the peak follow a trusted reading, where it follows any.
    fn follow(&mut self, reading: &Reading, now: u64) {
        let spike = if self.guard.basis == Basis::Realised { &reading.realised } else { &reading.spike };
        match self.guard.anchor {
            Anchor::Trailing => {
                for peak in self.peaks.as_mut().unwrap() {
                    if *spike > peak.0 {
                        *peak = (spike.clone(), reading.profit.clone());
                    }
                }
            }
            Anchor::Rolling(_) => self.sample((spike.clone(), reading.profit.clone()), now),
            Anchor::Static | Anchor::Session => {}
        }
    }

    fn latch(&mut self, why: &'static str) {
        self.latched.get_or_insert(why);
        self.over();
    }

    /// A flow in the other currency, at its worth; without a rate nobody can tell that.
    fn bring(&mut self, before: &Reading, after: &Reading) {
        if !after.rated {
            self.last = self.good(after);
            if self.peaks.is_some() {
                self.unpriced = true;
                self.latch("flow");
            }
            return;
        }
        self.flow(&after.equity - &before.equity, before, after);
    }

    fn flow(&mut self, amount: R, before: &Reading, after: &Reading) {
        self.last = self.good(after);
        self.last_trusted.0 += &amount;
        let (was, is) = match self.guard.basis {
            Basis::Equity | Basis::Margin => (before.spike.clone(), after.spike.clone()),
            Basis::Realised => (before.realised.clone(), after.realised.clone()),
        };
        let zero = whole(0);
        let priced = !self.absent(before)
            && was > zero
            && is > zero
            && self.good(before) > zero
            && self.good(after) > zero;
        let Some([relative, absolute]) = &mut self.peaks else { return };
        let scale = |peak: &mut (R, R)| {
            let loss = up(&((&peak.1 - &after.profit) * &is / &was), 9);
            *peak = (up(&(&peak.0 * &is / &was), 9), &after.profit + loss);
        };
        let mut shifted: Vec<&mut (R, R)> = vec![absolute];
        let mut scaled: Vec<&mut (R, R)> = vec![relative];
        for sample in &mut self.samples {
            shifted.push(&mut sample.absolute);
            scaled.push(&mut sample.relative);
        }
        shifted.into_iter().for_each(|peak| peak.0 += &amount);
        if priced {
            scaled.into_iter().for_each(scale);
        } else if self.guard.limit_bps.is_some() {
            self.unpriced = true;
            self.latch("flow");
        }
    }

    fn roll(&mut self, reading: &Reading, now: u64) {
        if self.guard.anchor != Anchor::Session || self.peaks.is_none() {
            return;
        }
        let open = if self.absent(reading) {
            self.last_trusted.clone()
        } else {
            (self.good(reading), reading.profit.clone())
        };
        self.anchor(open, now);
    }

    /// Resets the latch, unless that is refused. Only then is the book read.
    fn is_reset(&mut self, rebase: bool, reading: &Reading, now: u64) -> bool {
        if self.latched.is_none() {
            return false;
        }
        let good = self.good(reading);
        if rebase {
            if self.absent(reading) || (self.guard.limit_bps.is_some() && good <= whole(0)) {
                return false;
            }
            self.anchor((good, reading.profit.clone()), now);
        } else if self.unpriced || self.absent(reading) || self.peak_is_meaningless() || self.breaches(&good)
        {
            return false;
        }
        self.latched = None;
        self.over();
        true
    }

    fn breaches(&self, good: &R) -> bool {
        let Some([relative, absolute]) = &self.peaks else { return false };
        self.reaches(&relative.0 - good, &absolute.0 - good, &whole(1))
    }

    fn peak_is_meaningless(&self) -> bool {
        self.guard.limit_bps.is_some() && self.peaks.as_ref().is_some_and(|peaks| peaks[0].0 <= whole(0))
    }

    fn look(&mut self, happened: &Happened, reading: &Reading) {
        let (now, good, absent) = (happened.at_ms, self.good(reading), self.absent(reading));
        if self.peaks.is_none() {
            self.arm(reading, now);
            if self.peaks.is_none() {
                return;
            }
        }
        let jumped = self.jumped(happened, &good, absent);
        if !absent {
            self.last_trusted = (good.clone(), reading.profit.clone());
            self.follow(reading, now);
        }
        if self.peak_is_meaningless() {
            self.latch("peak");
        }
        let breach = !absent && self.breaches(&good);
        self.soften(now, absent, breach || jumped, &good, reading);
        if self.latched.is_none() {
            self.confirm(happened, absent, breach, &good, reading);
        }
    }

    fn soften(&mut self, now: u64, absent: bool, breach: bool, good: &R, reading: &Reading) {
        let settled = reading.flat && !absent;
        if (breach || absent) && !settled {
            (self.soft, self.calm_since) = (true, None);
        } else if settled {
            (self.soft, self.calm_since) = (false, None);
        } else if self.soft {
            let [relative, absolute] = self.peaks.as_ref().unwrap();
            let nine_tenths = Ratio::new(BigInt::from(9), BigInt::from(10));
            if self.reaches(&relative.0 - good, &absolute.0 - good, &nine_tenths) {
                self.calm_since = None;
            } else {
                self.calm_since.get_or_insert(now);
            }
        }
    }

    fn confirm(&mut self, happened: &Happened, absent: bool, breach: bool, good: &R, reading: &Reading) {
        let now = happened.at_ms;
        if !breach && !absent {
            self.over();
            return;
        }
        self.breached |= breach;
        let (touched, is_mark) = match happened.what {
            What::Fill { instrument, .. }
            | What::Total { instrument, .. }
            | What::Fee { instrument, .. }
            | What::Settle { instrument, .. } => (Some(instrument), false),
            What::Mark { instrument, .. } => (Some(instrument), true),
            What::Funding { .. } | What::Flow { .. } | What::Pay { .. } | What::Bring { .. } => {
                (Some(PLAIN), false)
            }
            What::Roll | What::Reset { .. } | What::Rate { .. } => (None, false),
        };
        if let Some(instrument) = touched.filter(|_| self.breached) {
            let entry = self.losses.entry(instrument).or_insert((whole(0), 0));
            entry.0 += good - &self.last;
            entry.1 += u32::from(is_mark && breach);
        }
        if let Some(since) = self.breaching_since {
            self.counted_ms += now - since;
        }
        self.breaching_since = breach.then_some(now);
        if !breach {
            return;
        }
        let [relative, absolute] = self.peaks.as_ref().unwrap();
        let realised = self.guard.basis == Basis::Realised
            || self.reaches(&relative.1 - &reading.profit, &absolute.1 - &reading.profit, &whole(1));
        let worst = self.losses.values().min_by(|a, b| a.0.cmp(&b.0));
        let marked = worst.is_some_and(|worst| worst.1 >= 1);
        if reading.flat || realised || marked || self.counted_ms >= 500 {
            self.latch("drawdown");
        }
    }

    /// No breach any more; the next one starts from nothing.
    fn over(&mut self) {
        self.breached = false;
        self.breaching_since = None;
        self.counted_ms = 0;
        self.losses.clear();
    }

    pub fn verdict(&self) -> Verdict {
        let unarmed = self.peaks.is_none();
        let state = if self.latched.is_some() || unarmed {
            TradingState::Halted
        } else if self.soft {
            TradingState::ReduceOnly
        } else {
            TradingState::Active
        };
        let peak = self.peaks.as_ref().map(|peaks| {
            let [relative, absolute] = peaks;
            if self.guard.limit_bps.is_some() { relative.0.clone() } else { absolute.0.clone() }
        });
        Verdict { state, peak }
    }
}
