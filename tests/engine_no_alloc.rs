//! The engine allocates in `Engine::new` and never again.

#![allow(unsafe_code, reason = "an allocator is the only way to see allocations")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::busy_days::{book_limits, book_record, order_limits, order_record, sidecar};
use support::desk::*;
use support::seed::Seed;
use tripline::engine::limits::DropMode;
use tripline::engine::{Engine, Exposure, Source};
use tripline::model::event::{CommandVerb, DoneStatus, Initiator, ListMode};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Handle, Lots, Message, Money, Nanos, Ticks};

thread_local! {
    /// Allocations of this thread while it counts; the test harness's own threads do not.
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

struct Counting;

// SAFETY: every call is passed to the system's allocator unchanged; counting touches only a thread-local cell that
// needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTED.with(|counted| counted.set(counted.get().map(|count| count + 1)));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_million_mixed_records_allocate_nothing() {
    let mut engine = Engine::new(book_limits(), Nanos(0));
    for lane in [0, 1] {
        engine.apply(
            Nanos(0),
            Source::Sidecar,
            &sidecar(Event::Lane { lane, strategy: lane, open: 1, generation: 1 }),
        );
    }
    COUNTED.set(Some(0));
    let mut transitions = 0;
    let mut checksum = 0_u64;
    for step in 1..1_050_000_u64 {
        let now = Nanos(step * 100_000);
        let due = engine.next_deadline();
        if due <= now {
            engine.apply(now, Source::Sidecar, &sidecar(Event::Timer { due }));
        }
        let (source, message) = book_record(step);
        let outcome = engine.apply(now, source, &message);
        transitions += outcome.transitions().len();
        checksum ^= engine.account_rows().map(|row| row.equity.0 as u64).sum::<u64>();
        checksum ^= engine.cause_rows().map(|row| row.nonce).fold(0, u64::wrapping_add);
        checksum ^= engine.guard_rows().chain(engine.guard_rows()).map(|row| row.trips).sum::<u64>();
    }
    let counted = COUNTED.take();
    assert_eq!(counted, Some(0));
    let counters = engine.counters();
    let opened: Vec<u64> = engine.breaker_rows().map(|row| row.openings).collect();
    assert_eq!(opened, [1, 1], "the account's and the book's breaker opened");
    assert!(transitions > 1_000, "{transitions} transitions");
    assert!(counters.fills > 50_000 && counters.marks > 300_000, "{counters:?}");
    assert_eq!(counters.unreported, 0);
    println!("checksum {checksum:#x}, {transitions} transitions, {counters:?}");
}

/// Requests that wait for their final verdict, by position modulo the size: positions grow by one.
struct Open {
    waiting: Vec<u64>,
    asked: u64,
    answered: u64,
}

impl Open {
    fn note(&mut self, engine: &Engine) {
        for verdict in engine.outcome().verdicts() {
            let place = &mut self.waiting[(verdict.position % (1 << 16)) as usize];
            assert_eq!(*place, verdict.position, "a verdict on what is answered, or was never asked");
            if verdict.record.verdict.is_final() {
                *place = 0;
                self.answered += 1;
            }
        }
    }
}

/// Plays a day of orders. What happens to the engine at noon does not count.
fn drive(drop_mode: DropMode, steps: u64, seed: &mut Seed, noon: fn(Engine) -> Engine) {
    let mut engine = Engine::new(order_limits(drop_mode), Nanos(0));
    for lane in [0, 1] {
        let event = Event::Lane { lane, strategy: lane, open: 1, generation: 1 };
        engine.apply(Nanos(0), Source::Sidecar, &sidecar(event));
    }
    let mut open = Open { waiting: vec![0; 1 << 16], asked: 0, answered: 0 };
    let mut ids = Vec::with_capacity(64);
    let mut now = Nanos(1);
    COUNTED.set(Some(0));
    for step in 1..steps {
        if step == steps / 2 {
            assert_eq!(COUNTED.take(), Some(0), "{drop_mode:?}");
            engine = noon(engine);
            COUNTED.set(Some(0));
        }
        now = now.after(Nanos(seed.below(200_000)));
        while engine.next_deadline() <= now {
            let due = engine.next_deadline();
            engine.apply(now, Source::Sidecar, &sidecar(Event::Timer { due }));
            open.note(&engine);
        }
        let lane = seed.below(2) as u16;
        let (flags, event) = order_record(seed, &ids, step);
        if matches!(event, Event::OrderNew { .. }) {
            if ids.len() == 64 {
                ids.remove(0);
            }
            ids.push(step);
        }
        if flags.contains(Flags::PERMIT) {
            open.asked += 1;
            open.waiting[(step % (1 << 16)) as usize] = step;
        }
        let epoch = engine.epoch() as u16;
        let message = Message { flags, epoch, handle: Handle::new(lane, 0, Some(PLAIN)), event };
        engine.apply(now, Source::Lane { lane, strategy: lane, position: step }, &message);
        open.note(&engine);
        if step % 25 == 0 {
            reset_everything(&mut engine, now);
        }
    }
    assert_eq!(COUNTED.take(), Some(0), "{drop_mode:?}");
    // Whatever waits is answered in the end, and what is over reserves nothing.
    now = now.after(Nanos::from_secs(3_600));
    while engine.next_deadline() <= now {
        let due = engine.next_deadline();
        engine.apply(due, Source::Sidecar, &sidecar(Event::Timer { due }));
        open.note(&engine);
    }
    assert_eq!(open.asked, open.answered, "{drop_mode:?}: one final verdict for each request");
    end_all(&mut engine, now, steps);
    for book in [0, 1] {
        assert_eq!(engine.exposure(book, PLAIN), Exposure::default(), "{drop_mode:?}: nothing is leaked");
    }
    let counters = engine.counters();
    // The tape reaches the queue; a queue that halts when it is full is rarely open.
    assert!(counters.queued > 300 && counters.dropped > 50 && counters.not_sent > 100, "{counters:?}");
    println!("{drop_mode:?}: {counters:?}");
}

/// Resets and resumes whatever holds.
fn reset_everything(engine: &mut Engine, now: Nanos) {
    for index in (0..engine.cause_count()).rev() {
        let Some(cause) = engine.cause_row(index) else { continue };
        let (scope, guard) = (cause.scope.expect("a scope"), cause.guard as u16);
        let verb = CommandVerb::Reset;
        let event =
            Event::Command { id: 1, scope, verb, rebase: 1, guard, actor: 1, nonce: cause.nonce, acks: 0 };
        engine.apply(now, Source::Operator, &sidecar(event));
    }
}

fn end_all(engine: &mut Engine, now: Nanos, steps: u64) {
    for (lane, order) in (1..steps).flat_map(|order| [(0, order), (1, order)]) {
        let (status, initiator) = (DoneStatus::Canceled, Initiator::Venue);
        let event = Event::OrderDone { order: id(order), status, initiator, cum_qty: Lots(0), t_venue: 0 };
        let handle = Handle::new(lane, 0, Some(PLAIN));
        let message = Message { flags: Flags::empty(), epoch: 0, handle, event };
        engine.apply(now, Source::Lane { lane, strategy: lane, position: steps + order }, &message);
    }
}

#[test]
fn snapshots_that_match_and_that_do_not_allocate_nothing() {
    let mut engine = Engine::new(limits(1_000 * E9, vec![]), Nanos(0));
    engine.apply(
        Nanos(0),
        Source::Sidecar,
        &sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 1 }),
    );
    let (mut now, mut at) = (Nanos(1), 0);
    COUNTED.set(Some(0));
    for round in 1..2_000_u64 {
        now = now.after(ms(round % 3_000));
        while engine.next_deadline() <= now {
            let due = engine.next_deadline();
            engine.apply(now, Source::Sidecar, &sidecar(Event::Timer { due }));
        }
        let (order, qty, total) = (round % 7, Lots(round as i64 % 2 + 1), Money(i128::from(round % 3)));
        for event in [
            Event::Fill { order: 0, exec: round, px: Ticks(100), qty, fee: 0 },
            Event::SnapBegin { snapshot: round, what: 7, position_before: at },
            Event::SnapPosition { snapshot: round, qty, average_px: 0, liquidation_px: 0, t_venue: 0 },
            Event::SnapOrder { order, venue_key: round % 50 + 1, px: Ticks(100), qty, attrs: attrs() },
            Event::SnapBalance { snapshot: round, total, available: 0, ccy: 0 },
            Event::SnapEnd { snapshot: round, rows: 3, position_after: at, t_venue: 0 },
        ] {
            let handle = Handle::new(0, 0, Some(PLAIN));
            let message = Message { flags: Flags::empty(), epoch: 0, handle, event };
            engine.apply(now, Source::Lane { lane: 0, strategy: 0, position: at }, &message);
            at += 1;
        }
    }
    assert_eq!(COUNTED.take(), Some(0));
    let counters = engine.counters();
    assert!(counters.mismatches > 100 && counters.orphans > 100 && counters.released > 100, "{counters:?}");
}

#[test]
fn requests_of_every_kind_allocate_nothing_get_one_verdict_each_and_leak_no_reserve() {
    let mut seed = Seed::new("engine_no_alloc requests");
    for drop_mode in [DropMode::RejectNew, DropMode::DropOldest, DropMode::DropLowest, DropMode::Halt] {
        drive(drop_mode, 60_000, &mut seed, |engine| engine);
    }
}

#[cfg(feature = "sidecar")]
#[test]
fn a_restored_engine_allocates_nothing_either() {
    let mut seed = Seed::new("engine_no_alloc a_restored_engine");
    for drop_mode in [DropMode::RejectNew, DropMode::DropOldest, DropMode::DropLowest, DropMode::Halt] {
        let restored = |engine: Engine| Engine::restore(&engine.snapshot()).expect("its own snapshot");
        drive(drop_mode, 60_000, &mut seed, restored);
    }
}

#[test]
fn lists_of_orders_allocate_nothing_whether_they_pass_or_not() {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.books[0].max_position = Some(Lots(32));
    let mut engine = Engine::new(limits, Nanos(0));
    let lane = Event::Lane { lane: 0, strategy: 0, open: 1, generation: 1 };
    engine.apply(Nanos(0), Source::Sidecar, &sidecar(lane));
    let handle = Handle::new(0, 0, Some(PLAIN));
    let (mut order, mut at, mut passed, mut denied) = (0, 0, 0, 0);
    let mut say = |engine: &mut Engine, flags, event| {
        at += 1;
        let source = Source::Lane { lane: 0, strategy: 0, position: at };
        engine.apply(Nanos(at), source, &Message { flags, epoch: 0, handle, event });
    };
    COUNTED.set(Some(0));
    for count in (1..=16_u16).cycle().take(2_000) {
        let list = Event::OrderList { list: id(1), count: u32::from(count), mode: ListMode::Batch };
        say(&mut engine, Flags::empty(), list);
        for _ in 0..count {
            order += 1;
            let mut event = order_new(order, i64::from(count % 3) + 1, 100);
            if let Event::OrderNew { list_count, .. } = &mut event {
                *list_count = count;
            }
            say(&mut engine, Flags::PERMIT, event);
        }
        let verdicts = engine.outcome().verdicts();
        assert_eq!(verdicts.len(), usize::from(count));
        match verdicts[0].record.verdict {
            Verdict::Pass => passed += 1,
            _ => denied += 1,
        }
        for gone in (order - u64::from(count) + 1)..=order {
            let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
            let event = Event::OrderDone { order: id(gone), status, initiator, cum_qty: Lots(0), t_venue: 0 };
            say(&mut engine, Flags::empty(), event);
        }
    }
    assert_eq!(COUNTED.take(), Some(0));
    assert!(passed > 100 && denied > 100, "{passed} passed, {denied} denied");
}
