//! A strategy that trades as fast as its lane takes it, and keeps its own books.
//!
//! One cycle is 19 records: eight marks, an order that is announced, acknowledged, filled twice and done, and one that is
//! canceled instead; two executions each with the venue's time. Sides alternate, so that the position goes back and
//! forth, and every price differs, so that a fill which is lost or counted twice shows in the equity.

use std::path::Path;
use std::time::{Duration, Instant};

use tripline::model::event::{
    DoneStatus, FillCause, Initiator, Intent, OrderAttrs, OrderId, OrderType, TimeInForce,
};
use tripline::model::{Event, Flags, Lots, Name, Ticks};
use tripline::runtime::pin;
use tripline::shm::client::{Client, ClientError, Target};
use tripline::shm::clock::utc;
use tripline::shm::gate::Gate;
use tripline::sync::{AtomicU64, Ordering};

use super::{Failure, scene};

/// Records of one cycle.
pub(crate) const CYCLE: u64 = 19;
const MARKS: i64 = 8;
/// Quantity of an order: its two fills are of one each.
const QTY: i64 = 2;
/// How long a producer sleeps that finds its lane full: much less than the lane takes to run empty.
const NAP_NS: u64 = 200_000;
/// Cycles between two signs of life and two looks at the answers.
const BEAT_EVERY: u64 = 16;
/// A look at clock and position takes no longer, unless it was interrupted.
const LOOK_WITHIN: Duration = Duration::from_micros(2);
/// How long room is waited for before the run is given up.
const ROOM_WITHIN_NS: u64 = 10_000_000_000;
/// How long the gate may take to pass at first.
const ATTACHED_WITHIN_NS: u64 = 20_000_000_000;
/// And after a pause in which prices went stale; what is still closed then counts as closed.
const PAUSED_WITHIN_NS: u64 = 500_000_000;

/// What a producer has done, told while it goes on. One writer, the producer; read by the main thread.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records that the sidecar has applied.
    pub(crate) applied: AtomicU64,
    /// Nanoseconds it has waited for room in its lane.
    pub(crate) waited_ns: AtomicU64,
    /// How often its gate has closed.
    pub(crate) closures: AtomicU64,
    /// Nanoseconds the gate was closed.
    pub(crate) closed_ns: AtomicU64,
}

/// What it must come to in the sidecar.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Books {
    pub(crate) records: u64,
    pub(crate) fills: u64,
    pub(crate) orders: u64,
    pub(crate) marks: u64,
    cash: i64,
    position: i64,
    mark: i64,
}

impl Books {
    /// The equity of its book at its last mark.
    pub(crate) fn equity(&self) -> i64 {
        scene::CAPITAL + self.cash + self.position * self.mark
    }
}

pub(crate) struct Producer<'a> {
    client: Client,
    target: Target,
    tally: &'a Tally,
    books: Books,
    next_id: u64,
    cycles: u64,
    /// Where the lane began.
    first: u64,
    room: u64,
    closed_since: Option<Instant>,
}

fn attrs() -> OrderAttrs {
    let (order_type, tif) = (OrderType::Limit, TimeInForce::Gtc);
    OrderAttrs { order_type, tif, intent: Intent::Open, directive: 0 }
}

impl<'a> Producer<'a> {
    /// Attaches as the strategy of this number, tells a price and waits until its gate passes.
    pub(crate) fn attach(run_dir: &Path, number: usize, tally: &'a Tally) -> Result<Self, Failure> {
        let name = |text: String| Name::new(&text).map_err(|error| format!("{text}: {error:?}"));
        let path = run_dir.join("attach.sock");
        let client = Client::attach(&path, name(scene::strategy(number))?);
        let client = client.map_err(|error| format!("attach: {error}"))?;
        let account = name(scene::ACCOUNT.into())?;
        let instrument = name(scene::instrument(number))?;
        let target = client.look_up(account, Some(instrument)).map_err(|error| error.to_string())?;
        let mut producer = Self {
            first: client.positions().1,
            client,
            target,
            tally,
            books: Books { mark: scene::PRICE, ..Books::default() },
            next_id: (number as u64 + 1) << 40,
            cycles: 0,
            room: 0,
            closed_since: None,
        };
        producer
            .awaits_pass(ATTACHED_WITHIN_NS)?
            .then_some(producer)
            .ok_or_else(|| format!("the gate of {} never passes", scene::strategy(number)))
    }

    /// Tells a price and waits until the gate passes: whether it does in time.
    fn awaits_pass(&mut self, within_ns: u64) -> Result<bool, Failure> {
        self.wait_for_room()?;
        self.mark(self.books.mark)?;
        let start = Instant::now();
        while self.client.gate(&self.target) != Gate::Pass {
            self.client.heartbeat().map_err(|error| error.to_string())?;
            if start.elapsed().as_nanos() as u64 > within_ns {
                return Ok(false);
            }
            pin::sleep(1_000_000);
        }
        Ok(true)
    }

    fn publish(&mut self, flags: Flags, event: Event) -> Result<(), Failure> {
        self.room = self.room.saturating_sub(1);
        self.books.records += 1;
        self.client.publish(self.target.handle, flags, event).map(drop).map_err(|error| error.to_string())
    }

    /// Waits until a whole cycle fits: a record that found no room would be lost, and the strategy halted.
    fn wait_for_room(&mut self) -> Result<(), Failure> {
        if self.room >= CYCLE {
            return Ok(());
        }
        let told = |error: ClientError| error.to_string();
        self.room = self.client.free_slots().map_err(told)?;
        if self.room >= CYCLE {
            return Ok(());
        }
        let start = Instant::now();
        while self.room < CYCLE {
            self.tell();
            pin::sleep(NAP_NS);
            self.client.heartbeat().map_err(told)?;
            self.room = self.client.free_slots().map_err(told)?;
            if start.elapsed().as_nanos() as u64 > ROOM_WITHIN_NS {
                return Err("the sidecar takes no events any more".into());
            }
        }
        // Relaxed: a figure, which publishes nothing.
        self.tally.waited_ns.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn tell(&self) {
        // Relaxed: a figure, which publishes nothing.
        self.tally.applied.store(self.client.positions().1 - self.first, Ordering::Relaxed);
    }

    fn mark(&mut self, px: i64) -> Result<(), Failure> {
        self.books.marks += 1;
        self.books.mark = px;
        let sequence = self.books.marks;
        let event =
            Event::Mark { mark: Some(Ticks(px)), index: None, last: None, underlying: None, sequence };
        self.publish(Flags::empty(), event)
    }

    fn fill(&mut self, order: u64, side: Flags, px: i64) -> Result<(), Failure> {
        self.next_id += 1;
        let fill = Event::Fill { order, exec: self.next_id, px: Ticks(px), qty: Lots(1), fee: 0 };
        self.publish(side | Flags::MORE, fill)?;
        let rest = Event::FillExt {
            exec_high: 0,
            cum_qty: Lots(0),
            t_venue: utc().0 as i64,
            fee_ccy: 0,
            cause: FillCause::Normal,
            venue_order: 0,
        };
        self.publish(side, rest)?;
        let signed = if side.contains(Flags::SELL) { -1 } else { 1 };
        self.books.fills += 1;
        self.books.position += signed;
        self.books.cash -= signed * px;
        Ok(())
    }

    fn order(&mut self, side: Flags, px: i64) -> Result<OrderId, Failure> {
        self.next_id += 1;
        self.books.orders += 1;
        let order = OrderId::new(self.next_id).ok_or("ids are exhausted")?;
        let (px, qty) = (Ticks(px), Lots(QTY));
        let announced = Event::OrderNew { order, px, qty, attrs: attrs(), group: 0, leg: 0, list_count: 0 };
        self.publish(side, announced)?;
        let venue_key = order.get();
        self.publish(side, Event::OrderAck { order, venue_key, px, live_qty: qty, t_venue: 0 })?;
        Ok(order)
    }

    fn done(&mut self, order: OrderId, status: DoneStatus, cum_qty: i64) -> Result<(), Failure> {
        let (initiator, cum_qty) = (Initiator::Owner, Lots(cum_qty));
        self.publish(Flags::empty(), Event::OrderDone { order, status, initiator, cum_qty, t_venue: 0 })
    }

    /// One cycle; while the gate is closed no more than its marks.
    fn cycle(&mut self) -> Result<(), Failure> {
        self.wait_for_room()?;
        self.cycles += 1;
        if self.cycles.is_multiple_of(BEAT_EVERY) {
            self.client.heartbeat().map_err(|error| error.to_string())?;
            while self.client.poll().map_err(|error| error.to_string())?.is_some() {}
            self.tell();
        }
        let may_trade = self.looks_at_gate();
        // Within two basis points of where it started: nothing here is meant to trip a limit.
        let px = scene::PRICE + (self.cycles % 5) as i64 - 2;
        for step in 0..MARKS {
            self.mark(px + step % 2)?;
        }
        if !may_trade {
            return Ok(());
        }
        let side = if self.books.position > 0 { Flags::SELL } else { Flags::empty() };
        let order = self.order(side, px)?;
        self.fill(order.get(), side, px)?;
        self.fill(order.get(), side, px + 1)?;
        self.done(order, DoneStatus::Filled, QTY)?;
        let order = self.order(side, px)?;
        self.publish(Flags::empty(), Event::OrderCancel { order, attrs: attrs() })?;
        self.done(order, DoneStatus::Canceled, 0)
    }

    /// Whether orders may be sent, as a strategy asks before each; keeps count of when not.
    fn looks_at_gate(&mut self) -> bool {
        let passes = self.client.gate(&self.target) == Gate::Pass;
        match self.closed_since {
            None if !passes => {
                self.closed_since = Some(Instant::now());
                // Relaxed, both: figures, which publish nothing.
                self.tally.closures.fetch_add(1, Ordering::Relaxed);
            }
            Some(since) if passes => {
                let closed = since.elapsed().as_nanos() as u64;
                self.tally.closed_ns.fetch_add(closed, Ordering::Relaxed); // Relaxed: see above.
                self.closed_since = None;
            }
            _ => {}
        }
        passes
    }

    /// Cycles until `stop`, one each `pace` if there is one, then waits until all of it is applied. A cycle that is late
    /// does not put off the next. For the calling thread, whichever it is.
    pub(crate) fn run(mut self, stop: &AtomicU64, pace: Option<Duration>) -> Result<Self, Failure> {
        self.client.rebind();
        pin::sleep_precisely();
        let _told_as_closed = self.awaits_pass(PAUSED_WITHIN_NS)?;
        let mut due = Instant::now();
        // Relaxed: only a sign to stop.
        while stop.load(Ordering::Relaxed) == 0 {
            self.cycle()?;
            if let Some(pace) = pace {
                due += pace;
                pin::sleep(due.saturating_duration_since(Instant::now()).as_nanos() as u64);
            }
        }
        if let Some(since) = self.closed_since {
            let closed = since.elapsed().as_nanos() as u64;
            // Relaxed: a figure, which publishes nothing.
            self.tally.closed_ns.fetch_add(closed, Ordering::Relaxed);
        }
        self.await_applied()?;
        self.tell();
        Ok(self)
    }

    /// Fills the lane as far as whole cycles go, without waiting.
    pub(crate) fn fill_lane(&mut self) -> Result<(), Failure> {
        self.room = self.client.free_slots().map_err(|error| error.to_string())?;
        while self.room >= CYCLE {
            self.cycle()?;
        }
        Ok(())
    }

    /// Watches the lane run empty: nanoseconds per record, between two looks of which the first found an eighth gone and the
    /// last something left. Where this thread was when it did not look makes no difference to it.
    pub(crate) fn watch_lane_run_empty(&mut self) -> Result<Option<f64>, Failure> {
        let (next, before) = self.client.positions();
        let from = before + (next - before) / 8;
        let start = Instant::now();
        let (mut first, mut last) = (None, None);
        loop {
            let (at, (_, applied), seen) = (Instant::now(), self.client.positions(), Instant::now());
            if applied == next {
                break;
            }
            // Not one that was interrupted between clock and position.
            if applied > from && seen - at < LOOK_WITHIN {
                first = first.or(Some((at, applied)));
                last = Some((at, applied));
            }
            if start.elapsed().as_nanos() as u64 > ROOM_WITHIN_NS {
                return Err("the sidecar takes no events any more".into());
            }
        }
        let (Some((began, low)), Some((ended, high))) = (first, last) else { return Ok(None) };
        let is_enough = high - low > (next - before) / 4;
        Ok(is_enough.then(|| (ended - began).as_nanos() as f64 / (high - low) as f64))
    }

    fn await_applied(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        loop {
            let (next, applied) = self.client.positions();
            if next == applied {
                return Ok(());
            }
            if start.elapsed().as_nanos() as u64 > ROOM_WITHIN_NS {
                return Err(format!("{} events are not applied", next - applied));
            }
            pin::sleep(NAP_NS);
        }
    }

    pub(crate) fn books(&self) -> Books {
        self.books
    }
}
