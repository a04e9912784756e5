//! A working day told to an engine in batches of one kind, each batch timed, or handed to a counter of instructions.
//!
//! A round is a batch each of marks, requests for orders, acknowledgements and fills. A fill is complete and comes as a real
//! one does, in two records, so that it has the venue's time. Everything is prepared before the clock is read.

use std::hint::black_box;
use std::time::Instant;

use tripline::engine::{Engine, Source};
use tripline::model::event::FillCause;
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};

use crate::desk::{id, order_new};
use crate::scene::Scene;

/// Events of one batch.
pub(crate) const BATCH: usize = 16;
/// Engine time between records.
const STEP: u64 = 10_000;
const PX: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mark,
    Request,
    Ack,
    Fill,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Mark, Self::Request, Self::Ack, Self::Fill];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Request => "request",
            Self::Ack => "ack",
            Self::Fill => "fill",
        }
    }

    /// The median it is to stay within, in nanoseconds.
    pub(crate) const fn target(self) -> Option<f64> {
        match self {
            Self::Mark | Self::Fill => Some(60.0),
            Self::Request => Some(120.0),
            Self::Ack => None,
        }
    }
}

/// What is done with a batch of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meter {
    Nothing,
    Time,
    /// This kind alone runs in `counted_batch`, which callgrind is told to look at.
    Count(Kind),
}

pub(crate) struct Flow {
    scene: Scene,
    engine: Engine,
    now: u64,
    last_id: u64,
    round: u64,
    batch: Vec<(Source, Message)>,
    /// Nanoseconds of an event, one number a batch, by kind.
    pub(crate) readings: [Vec<f64>; 4],
    permitted: u64,
}

impl Flow {
    pub(crate) fn new(scene: Scene) -> Self {
        let engine = Engine::new(scene.limits(), Nanos::from_secs(1));
        let (batch, readings) = (Vec::with_capacity(2 * BATCH), [const { Vec::new() }; 4]);
        let now = Nanos::from_secs(1).0;
        let mut flow = Self { scene, engine, now, last_id: 0, round: 0, batch, readings, permitted: 0 };
        for strategy in 0..scene.strategies {
            let event = Event::Lane { lane: strategy, strategy, open: 1, generation: 1 };
            let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
            flow.engine.apply(Nanos(now), Source::Sidecar, &message);
        }
        for instrument in 0..scene.marked {
            flow.say(0, instrument, Flags::empty(), mark(PX, 1));
            for strategy in 0..scene.holders {
                flow.fill(strategy, instrument, 0, 100, false);
            }
            flow.plain();
        }
        flow
    }

    /// Puts a record into the batch.
    fn say(&mut self, strategy: u16, instrument: u16, flags: Flags, event: Event) {
        let handle = Handle::new(strategy, 0, Some(instrument));
        let epoch = self.engine.epoch() as u16;
        self.last_id += 1;
        let source = Source::Lane { lane: strategy, strategy, position: self.last_id };
        self.batch.push((source, Message { flags, epoch, handle, event }));
    }

    fn fill(&mut self, strategy: u16, instrument: u16, order: u64, qty: i64, sells: bool) {
        let side = if sells { Flags::SELL } else { Flags::empty() };
        let (exec, qty) = (self.last_id + 1, Lots(qty));
        self.say(
            strategy,
            instrument,
            side | Flags::MORE,
            Event::Fill { order, exec, px: Ticks(PX), qty, fee: 5 },
        );
        let (t_venue, cum_qty, cause) = (exec as i64, Lots(0), FillCause::Normal);
        let rest = Event::FillExt { exec_high: 0, cum_qty, t_venue, fee_ccy: 0, cause, venue_order: 0 };
        self.say(strategy, instrument, side, rest);
    }

    /// A batch of each kind.
    pub(crate) fn round(&mut self, meter: Meter) {
        self.round += 1;
        let (round, marked) = (self.round, u64::from(self.scene.marked));
        let sells = round.is_multiple_of(2);
        let side = if sells { Flags::SELL } else { Flags::empty() };
        let instrument = |at: usize| ((round * BATCH as u64 + at as u64) % marked) as u16;
        for at in 0..BATCH {
            let px = PX + ((round * 7_919 + at as u64 * 104_729) % 2_001) as i64 - 1_000;
            self.say(0, instrument(at), Flags::empty(), mark(px, round * BATCH as u64 + at as u64 + 1));
        }
        self.measure(Kind::Mark, meter);
        let first = 1_000_000_000 + round * BATCH as u64;
        let qty = |at: usize| 1 + (round / 2 % 64) as i64 + at as i64;
        for at in 0..BATCH {
            // No two alike within the second that equal orders are counted in.
            let px = PX + ((round * BATCH as u64 + at as u64) % 1_000) as i64 - 500;
            let event = order_new(first + at as u64, qty(at), px);
            self.say(0, instrument(at), side | Flags::PERMIT, event);
        }
        self.measure(Kind::Request, meter);
        for at in 0..BATCH {
            let (order, live_qty) = (first + at as u64, Lots(qty(at)));
            let event =
                Event::OrderAck { order: id(order), venue_key: order, px: Ticks(PX), live_qty, t_venue: 0 };
            self.say(0, instrument(at), Flags::empty(), event);
        }
        self.measure(Kind::Ack, meter);
        for at in 0..BATCH {
            self.fill(0, instrument(at), first + at as u64, qty(at), sells);
        }
        self.measure(Kind::Fill, meter);
    }

    fn measure(&mut self, kind: Kind, meter: Meter) {
        let due = self.engine.next_deadline();
        if due.0 <= self.now + STEP * 2 * BATCH as u64 {
            self.now = self.now.max(due.0);
            let (flags, epoch, handle) = (Flags::empty(), 0, Handle(0));
            let message = Message { flags, epoch, handle, event: Event::Timer { due } };
            self.engine.apply(Nanos(self.now), Source::Sidecar, &message);
        }
        match meter {
            Meter::Count(counted) if counted == kind => {
                self.permitted += counted_batch(&mut self.engine, &mut self.now, &self.batch);
                self.batch.clear();
            }
            Meter::Count(_) | Meter::Nothing => self.plain(),
            Meter::Time => {
                let start = Instant::now();
                self.permitted += apply_all(&mut self.engine, &mut self.now, &self.batch);
                let taken = start.elapsed();
                self.batch.clear();
                self.readings[kind as usize].push(taken.as_nanos() as f64 / BATCH as f64);
            }
        }
    }

    fn plain(&mut self) {
        self.permitted += apply_all(&mut self.engine, &mut self.now, &self.batch);
        self.batch.clear();
    }

    /// Everything was permitted, booked and acknowledged, and nothing halts; else the numbers are those of something else.
    pub(crate) fn verify(&self) -> Result<i128, String> {
        let events = self.round * BATCH as u64;
        let seeded = u64::from(self.scene.marked) * u64::from(self.scene.holders);
        let counters = self.engine.counters();
        if let Some(cause) = self.engine.cause_rows().next() {
            return Err(format!(
                "{:?} {:?} {} over {}",
                cause.scope, cause.reason, cause.measured, cause.limit
            ));
        }
        if (self.permitted, counters.fills) != (events, events + seeded) {
            return Err(format!("{} permitted, {} filled of {events}", self.permitted, counters.fills));
        }
        let equity = |book| self.engine.book_row(book).map_or(0, |row| row.equity.0);
        Ok((0..self.scene.strategies).map(equity).sum())
    }
}

fn mark(px: i64, sequence: u64) -> Event {
    Event::Mark { mark: Some(Ticks(px)), index: None, last: None, underlying: None, sequence }
}

/// Applies the batch; returns how many of it were permitted.
#[inline(never)]
fn apply_all(engine: &mut Engine, now: &mut u64, batch: &[(Source, Message)]) -> u64 {
    let mut permitted = 0;
    for (source, message) in batch {
        *now += STEP;
        let outcome = black_box(engine.apply(Nanos(*now), *source, message));
        permitted +=
            outcome.verdicts().iter().filter(|given| given.record.verdict == Verdict::Pass).count() as u64;
    }
    permitted
}

/// The same under a name of its own.
#[inline(never)]
fn counted_batch(engine: &mut Engine, now: &mut u64, batch: &[(Source, Message)]) -> u64 {
    apply_all(engine, now, batch)
}
