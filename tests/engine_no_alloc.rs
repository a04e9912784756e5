//! The engine allocates in `Engine::new` and never again.

#![allow(unsafe_code, reason = "an allocator is the only way to see allocations")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::desk::*;
use tripline::engine::limits::{Anchor, BreakerLimits, CountLimits};
use tripline::engine::{Engine, Source};
use tripline::model::event::{CommandVerb, FillCause, FlowKind, LivenessSign, OrderAction, RejectClass};
use tripline::model::{Bps, Event, Flags, Handle, Latch, Lots, Message, Money, Nanos, Scope, Ticks};

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

fn record(step: u64) -> (Source, Message) {
    let lane = (step % 2) as u16;
    let instrument = [PLAIN, PERP, SPOT][(step / 2 % 3) as usize];
    let qty = Lots((step % 7) as i64 + 1);
    let px = Ticks(1_000 + (step.wrapping_mul(2_654_435_761) % 400) as i64);
    let t_venue = step as i64 + 1;
    let mut flags = if (step / 5).is_multiple_of(2) { Flags::empty() } else { Flags::SELL };
    let event = match step % 16 {
        0..=5 => {
            let mark = Some(px);
            Event::Mark { mark, index: None, last: None, underlying: None, sequence: step }
        }
        6 => {
            flags |= Flags::MORE;
            Event::Fill { order: 0, exec: step + 1, px, qty, fee: 5 }
        }
        8 => {
            flags = if ((step - 2) / 5).is_multiple_of(2) { Flags::empty() } else { Flags::SELL };
            Event::FillExt {
                exec_high: 1,
                cum_qty: qty,
                t_venue,
                fee_ccy: 0,
                cause: FillCause::Normal,
                venue_order: 0,
            }
        }
        7 => order_new(step, qty.0, px.0),
        9 => Event::Funding { id: id(step), amount: Money(-5), ccy: 0, t_venue },
        10 => Event::Flow { id: id(step), amount: Money(E9), ccy: 0, kind: FlowKind::Deposit, t_venue },
        11 if step % 32 == 11 => Event::NotSent { order: id(step - 4), action: 0, cause: 0 },
        11 => {
            let class = RejectClass::from_raw((step / 32 % 10) as u8).unwrap();
            let (order, action) = (id(step - 4), OrderAction::New);
            Event::OrderReject { order, class, action, venue_code: 7, cum_qty: Lots(0), t_venue }
        }
        _ => Event::Deploy { id: step },
    };
    match step % 16 {
        12 => (
            Source::Sidecar,
            sidecar(Event::Liveness { lane, strategy: lane, sign: LivenessSign::Alive, beat: step }),
        ),
        13 => {
            let verb = [CommandVerb::Halt, CommandVerb::Reduce, CommandVerb::Reset][(step / 16 % 3) as usize];
            let scope = [Scope::Firm, Scope::Book(0), Scope::Instrument(0, PERP)][(step / 48 % 3) as usize];
            (
                Source::Operator,
                sidecar(Event::Command { id: step, scope, verb, rebase: 1, guard: 1, actor: 1, nonce: step }),
            )
        }
        14 => (Source::Sidecar, sidecar(Event::Roll { session: step / 1_000 })),
        // The halves of a group come from one lane about one instrument.
        6 | 8 => {
            let handle = Handle::new(0, 0, Some(PLAIN));
            (Source::Lane { lane: 0, strategy: 0, position: 0 }, Message { flags, epoch: 0, handle, event })
        }
        _ => {
            let lane = if matches!(step % 16, 7 | 11) { 1 } else { lane };
            let handle = Handle::new(lane, 0, Some(instrument));
            (Source::Lane { lane, strategy: lane, position: 0 }, Message { flags, epoch: 1, handle, event })
        }
    }
}

fn sidecar(event: Event) -> Message {
    Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event }
}

#[test]
fn a_million_mixed_records_allocate_nothing() {
    let guards = [Scope::Book(0), Scope::Book(1), Scope::Account(0), Scope::Strategy(1)].map(|scope| {
        let mut guard = drawdown("kill");
        (guard.scope, guard.limit, guard.confirm_k, guard.peak_n) = (scope, Some(Bps(50)), 3, 3);
        (guard.anchor, guard.latch) = (Anchor::Session, Latch::Session);
        guard
    });
    let mut limits = limits(100_000 * E9, guards.to_vec());
    limits.instruments[usize::from(PERP)].band = Some(Bps(300));
    limits.strategies.iter_mut().for_each(|strategy| strategy.heartbeat = ms(3));
    limits.books[0].max_position = Some(Lots(5));
    limits.books[1].breaker = Some(BreakerLimits::default());
    limits.accounts[0].breaker = Some(BreakerLimits::default());
    limits.accounts[0].auth = Some(CountLimits { count: 3, window: Nanos::from_secs(60) });
    let mut engine = Engine::new(limits, Nanos(0));
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
        let (source, message) = record(step);
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
