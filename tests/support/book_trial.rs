//! A book and one guard on it: the engine and the oracle, told the same, event by event.

use std::collections::BTreeMap;

use tripline::engine::limits::{Currency, DrawdownLimits, RateLimits};
use tripline::model::event::{CommandVerb, FlowKind};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Scope, Ticks, TradingState};

use super::desk::*;
use super::oracle::{Guard, Happened, Instrument, Judge, Oracle, Reading, Running, What, fraction};

/// Instrument, its price around which things happen, and a scale for quantities.
pub type Market = (u16, i64, i64);
pub const DOLLARS: [Market; 3] = [(PLAIN, 100, 10), (PERP, 1_000_000, 100), (SPOT, 10_000, 10_000)];
/// A book kept in dollars that also trades what settles in coins.
pub const MIXED: [Market; 3] = [(PLAIN, 100, 10), (SPOT, 10_000, 10_000), (INVERSE, 50_000, 50_000)];
pub const COINS: [Market; 1] = [(INVERSE, 50_000, 50_000)];

/// Whether a book of these markets holds another currency than its own.
pub fn has_other(markets: &[Market]) -> bool {
    markets.len() > 1 && markets.iter().any(|market| market.0 == INVERSE)
}

/// What is decided before the first event.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub book: u16,
    pub capital: i128,
    pub markets: &'static [Market],
    pub guard: Guard,
}

impl Setup {
    pub fn oracle(&self) -> Oracle {
        let specification = |id| match id {
            PLAIN => (false, 0, 0, 1),
            PERP => (false, 4, 1, 1),
            SPOT => (false, 2, 3, 1),
            _ => (true, 0, 0, 100),
        };
        let instruments = self.markets.iter().map(|&(id, ..)| {
            let (inverse, price_decimals, qty_decimals, multiplier) = specification(id);
            let foreign = inverse && has_other(self.markets);
            (id, Instrument { inverse, foreign, price_decimals, qty_decimals, multiplier })
        });
        Oracle {
            instruments: instruments.collect::<BTreeMap<_, _>>(),
            capital: self.capital,
            guard: self.guard,
        }
    }

    fn desk(&self) -> Desk {
        let guard = self.guard;
        let mut limits = limits(
            0,
            vec![DrawdownLimits {
                scope: Scope::Book(self.book),
                basis: guard.basis,
                anchor: guard.anchor,
                limit: guard.limit_bps.map(|bps| Bps(bps as u32)),
                limit_abs: guard.limit_abs.map(Money),
                peak_n: guard.peak_n as u8,
                jump: guard.jump_bps.map(|bps| Bps(bps as u32)),
                untrusted_t: Nanos::from_secs(1_000_000),
                ..drawdown("kill")
            }],
        );
        limits.books[usize::from(self.book)].capital = Money(self.capital);
        limits
            .instruments
            .iter_mut()
            .for_each(|instrument| instrument.mark_age = Nanos::from_secs(1_000_000));
        if has_other(self.markets) {
            let currency = |id| Currency { id, code: name("CCY") };
            let (base, quote, age) = (currency(BTC), currency(USD), Nanos::from_secs(1_000_000));
            limits.rates.push(RateLimits { base, quote, haircut: Bps(50), age, band: None, source: None });
        }
        Desk::new(limits)
    }
}

/// The engine, the oracle and its judge.
pub struct Trial<'a> {
    setup: Setup,
    oracle: &'a Oracle,
    desk: Desk,
    pub running: Running<'a>,
    pub reading: Reading,
    judge: Judge<'a>,
    now_ms: u64,
    pub history: Vec<Happened>,
    /// How often what was seen.
    pub tally: BTreeMap<&'static str, u64>,
}

impl<'a> Trial<'a> {
    /// `oracle` is the one of this setup.
    pub fn new(setup: Setup, oracle: &'a Oracle) -> Self {
        let (desk, running) = (setup.desk(), Running::new(oracle));
        let (reading, now_ms) = (running.read(), desk.now.0 / 1_000_000);
        let judge = Judge::new(oracle, &reading, now_ms);
        Self {
            setup,
            oracle,
            desk,
            running,
            reading,
            judge,
            now_ms,
            history: Vec::new(),
            tally: BTreeMap::new(),
        }
    }

    /// Tells both what happens so many milliseconds later, and says what differs.
    pub fn step(&mut self, gap: u64, what: &What) -> Result<(), String> {
        // Those of an execution nobody knows halt for another reason, which the oracle does not follow.
        if let What::Fee { instrument, exec, sells, .. } | What::Bust { instrument, exec, sells } = *what
            && !self.running.knows(instrument, exec, sells)
        {
            return Ok(());
        }
        self.now_ms += gap;
        self.desk.advance(ms(self.now_ms));
        let step = self.history.len() as u64;
        tell(&mut self.desk, self.setup.book, step, what);
        self.history.push(Happened { at_ms: self.now_ms, what: what.clone() });
        self.running.tell(what);
        let reading = self.running.read();
        self.judge.step(&self.history[self.history.len() - 1], &self.reading, &reading);
        let before = std::mem::replace(&mut self.reading, reading);
        self.note(what, &before, self.desk.state(self.setup.book));
        self.compare()
    }

    /// So that a tape which avoids something is noticed.
    fn note(&mut self, what: &What, before: &Reading, state: TradingState) {
        let mut see = |what| *self.tally.entry(what).or_default() += 1;
        see(match state {
            TradingState::Active => "active",
            TradingState::ReduceOnly => "reduce-only",
            TradingState::Halted => "halted",
        });
        if self.reading.counted == before.counted && !matches!(what, What::Restart) {
            return see("repeat");
        }
        see(match what {
            What::Fill { instrument, .. } => {
                let (was, is) = (before.positions[instrument], self.reading.positions[instrument]);
                match (was.signum(), is.signum()) {
                    (1, -1) | (-1, 1) => "flip",
                    (_, 0) => "close",
                    _ => "fill",
                }
            }
            What::Total { .. } => "partial",
            What::Fee { .. } => "late fee",
            What::Bust { .. } => "bust",
            What::Funding { .. } => "funding",
            What::Flow { .. } => "flow",
            What::Pay { .. } => "funding in another currency",
            What::Bring { .. } => "flow in another currency",
            What::Settle { .. } => "settlement",
            What::Rate { .. } => "rate",
            What::Mark { .. } => "mark",
            What::Roll => "roll",
            What::Reset { .. } => "reset",
            What::Restart => "restart",
        });
    }

    fn compare(&self) -> Result<(), String> {
        let (desk, reading, book) = (&self.desk, &self.reading, self.setup.book);
        let verdict = self.judge.verdict();
        for (&instrument, &q) in &reading.positions {
            agree("position", q, desk.engine.position(book, instrument))?;
        }
        let row = desk.engine.book_row(book).unwrap();
        let e9 = |amount: Money| fraction(amount.0, E9);
        agree("equity", &reading.equity, &e9(row.equity))?;
        agree("realised", &reading.realised, &(e9(row.equity) - e9(row.unrealised)))?;
        let guard = desk.engine.guard_row(0).unwrap();
        agree("peak", verdict.peak, guard.armed.then(|| e9(guard.peak)))?;
        agree("state", verdict.state, desk.state(book))
    }

    /// Reads the whole history anew, which must be the same.
    pub fn reread(&self) -> Result<(), String> {
        agree("reading, worked out anew", &self.oracle.read(&self.history), &self.reading)
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(what: &str, oracle: T, engine: T) -> Result<(), String> {
    if oracle == engine { Ok(()) } else { Err(format!("{what}: oracle {oracle:?}, engine {engine:?}")) }
}

fn tell(desk: &mut Desk, book: u16, step: u64, what: &What) {
    match *what {
        What::Fill { instrument, exec, qty, px, fee, in_base, in_other } => {
            let ccy = if in_base { COIN } else { u16::from(in_other) * BTC };
            desk.fill_at(book, instrument, exec, qty, px, fee.unwrap_or(UNKNOWN_FEE), ccy, 0);
        }
        What::Total { instrument, order, qty, cost, fee } => {
            let order = id(order + 100 * u64::from(instrument));
            let event = Event::FillCum { order, cum_qty: Lots(qty), cum_cost: Money(cost), cum_fee: fee };
            desk.say(book, instrument, Flags::empty(), event);
        }
        What::Fee { instrument, exec, sells, fee } => {
            let flags = if sells { Flags::SELL } else { Flags::empty() };
            desk.say(book, instrument, flags, Event::FeeAdjust { order: 0, exec, fee, ccy: 0, exec_high: 0 });
        }
        What::Bust { instrument, exec, sells } => {
            let flags = if sells { Flags::SELL } else { Flags::empty() };
            let event = Event::FillBust { order: 0, exec, px: Ticks(1), qty: Lots(1), fee: 0 };
            desk.say(book, instrument, flags, event);
        }
        What::Restart => restart(desk),
        What::Funding { id, amount } => desk.funding(book, id, amount),
        What::Flow { id, amount } => desk.flow(book, id, amount, FlowKind::Transfer),
        What::Pay { id: number, amount } => {
            let event = Event::Funding { id: id(number), amount: Money(amount), ccy: BTC, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Bring { id: number, amount } => {
            let (amount, kind) = (Money(amount), FlowKind::Transfer);
            let event = Event::Flow { id: id(number), amount, ccy: BTC, kind, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Settle { instrument, id: number, px } => {
            let event = Event::Settle { id: id(number), px: Ticks(px), qty: Lots(0), kind: 0, t_venue: 0 };
            desk.say(book, instrument, Flags::empty(), event);
        }
        What::Rate { bid, ask } => {
            desk.sequence += 1;
            let sequence = desk.sequence;
            let event = Event::Fx { base: BTC, quote: USD, bid, ask, sequence, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Mark { instrument, px } => desk.mark(book, instrument, px),
        What::Roll => desk.sidecar(Event::Roll { session: step + 1, clock: 0 }),
        What::Reset { rebase } => {
            let scope = Scope::Book(book);
            let nonce = desk.engine.cause_rows().find(|row| row.guard == 64).map_or(0, |row| row.nonce);
            desk.command(CommandVerb::Reset, scope, 64, nonce, rebase);
        }
    }
}

#[cfg(feature = "sidecar")]
fn restart(desk: &mut Desk) {
    desk.engine = tripline::engine::Engine::restore(&desk.engine.snapshot()).expect("its own snapshot");
}

/// Without a sidecar there are no snapshots.
#[cfg(not(feature = "sidecar"))]
fn restart(_: &mut Desk) {}
