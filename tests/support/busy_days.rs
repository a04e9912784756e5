//! Two busy days: one of books, decided by the number of the step, and one of orders and requests, decided by chance.
//! Between them they turn on every guard. Limits are so narrow that everything trips, waits and is dropped often.

use tripline::engine::limits::{
    ActionCosts, Actions, Anchor, BreakerLimits, BucketKind, BucketLimits, BucketScope, CountLimits,
    Currency, DrawdownLimits, DriftLimits, DropMode, DuplicateLimits, RateLimits, ScopeLimits, VenueLimits,
};
use tripline::engine::{Limits, Source};
use tripline::model::event::{
    CommandVerb, DoneStatus, FillCause, FlowKind, Initiator, Intent, LivenessSign, OrderAction, RejectClass,
};
use tripline::model::{Bps, Event, Flags, Handle, Latch, Lots, Message, Money, Nanos, Scope, Ticks};

use super::desk::*;
use super::seed::Seed;

/// A drawdown guard on every kind of scope, breakers, and strategies that are soon stale.
pub fn book_limits() -> Limits {
    let guards = [Scope::Book(0), Scope::Book(1), Scope::Account(0), Scope::Strategy(1)].map(|scope| {
        let mut guard = drawdown("kill");
        (guard.scope, guard.limit, guard.confirm_k, guard.peak_n) = (scope, Some(Bps(50)), 3, 3);
        (guard.anchor, guard.latch) = (Anchor::Session, Latch::Session);
        if scope == Scope::Book(1) {
            (guard.anchor, guard.jump) = (Anchor::Rolling(ms(200)), Some(Bps(10)));
        }
        guard
    });
    let mut limits = limits(100_000 * E9, guards.to_vec());
    limits.instruments[usize::from(PERP)].band = Some(Bps(300));
    let currency = |id| Currency { id, code: name("CCY") };
    let (base, quote, age) = (currency(BTC), currency(USD), ms(4));
    limits.rates =
        vec![RateLimits { base, quote, haircut: Bps(50), age, band: Some(Bps(2_000)), source: None }];
    limits.strategies.iter_mut().for_each(|strategy| strategy.heartbeat = ms(3));
    limits.books[0].max_position = Some(Lots(5));
    limits.books[1].breaker = Some(BreakerLimits::default());
    limits.accounts[0].breaker = Some(BreakerLimits::default());
    limits.accounts[0].auth = Some(CountLimits {
        count: 3,
        window: Nanos::from_secs(60),
        actions: Actions::empty(),
        repeated: Actions::CANCEL_INCREASING,
    });
    limits
}

/// What happens in a step of the day of books.
pub fn book_record(step: u64) -> (Source, Message) {
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
                fee_ccy: if step % 32 == 8 { BTC } else { 0 },
                cause: FillCause::Normal,
                venue_order: 0,
            }
        }
        7 => order_new(step, qty.0, px.0),
        9 if step % 32 == 9 => Event::Funding { id: id(step), amount: Money(-5), ccy: BTC, t_venue },
        9 => Event::Funding { id: id(step), amount: Money(-5), ccy: 0, t_venue },
        10 => Event::Flow { id: id(step), amount: Money(E9), ccy: 0, kind: FlowKind::Deposit, t_venue },
        11 if step % 32 == 11 => Event::NotSent { order: id(step - 4), action: 0, cause: 0 },
        11 => {
            let class = RejectClass::from_raw((step / 32 % 10) as u8).unwrap();
            let (order, action) = (id(step - 4), OrderAction::New);
            Event::OrderReject { order, class, action, venue_code: 7, cum_qty: Lots(0), t_venue }
        }
        15 => Event::Fx { base: BTC, quote: USD, bid: px.0, ask: px.0 + 9, sequence: step, t_venue },
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
                sidecar(Event::Command {
                    id: step,
                    scope,
                    verb,
                    rebase: 1,
                    guard: 1,
                    actor: 1,
                    nonce: step,
                    acks: 0,
                }),
            )
        }
        14 => (Source::Sidecar, sidecar(Event::Roll { session: step / 1_000, clock: 0 })),
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

/// A record of the sidecar itself, or of the operator.
pub fn sidecar(event: Event) -> Message {
    Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event }
}

/// Two strategies with every guard of orders on, small tables and a queue that is often full.
pub fn order_limits(drop_mode: DropMode) -> Limits {
    let actions = Actions::CANCEL_INCREASING | Actions::FLATTEN;
    let guard =
        DrawdownLimits { scope: Scope::Account(0), actions, latch: Latch::Session, ..drawdown("kill") };
    let mut limits = limits(1_000_000 * E9, vec![guard]);
    limits.venues[0] = VenueLimits { queue_capacity: 48, drop_mode, ..limits.venues[0] };
    let bucket = |id, scope, kind| BucketLimits {
        id,
        name: name("bucket"),
        scope,
        kind,
        costs: ActionCosts::default(),
        jitter: ms(1),
        start_pct: 50,
    };
    let window = ms(100);
    let aligned = BucketKind::FixedAligned { limit: 300, window, offset: ms(7), margin: Bps(500) };
    limits.buckets = vec![
        bucket(1, BucketScope::Venue(0), BucketKind::SlidingLog { limit: 200, window }),
        bucket(2, BucketScope::Account(0), BucketKind::Gcra { interval: Nanos(500_000), burst: 50 }),
        bucket(3, BucketScope::Instrument(0, PLAIN), aligned),
    ];
    for strategy in &mut limits.strategies {
        strategy.duplicates = Some(DuplicateLimits { deny: 3, trip: 8, window: ms(20), cooldown: ms(5) });
        strategy.executes = vec![0];
    }
    for book in &mut limits.books {
        (book.max_position, book.max_open_orders) = (Some(Lots(4_000)), Some(1_000));
        book.breaker = Some(BreakerLimits { cooldown: ms(50), ..BreakerLimits::default() });
    }
    limits.accounts[0].ack_timeout = ms(20);
    limits.accounts[0].caps = ScopeLimits {
        gross: Some(Money(3_000_000 * E9)),
        net: Some(Money(2_000_000 * E9)),
        orders_per_day: Some(10_000_000),
        max_executions: Some(10_000_000),
        ..ScopeLimits::default()
    };
    let drift = DriftLimits { limit: Bps(5_000), window: ms(100) };
    limits.instruments[usize::from(PLAIN)].collar_accumulated = Some(drift);
    limits.capacity.orders = 4_096;
    limits.capacity.executions = 1 << 20;
    limits
}

/// What a strategy says of its orders, by chance. The last of the ids are the newest.
pub fn order_record(seed: &mut Seed, ids: &[u64], next: u64) -> (Flags, Event) {
    let known = ids.get(seed.below(64) as usize % ids.len().max(1)).copied().unwrap_or(1);
    let qty = seed.below(9) as i64 + 1;
    let side = if seed.below(2) == 0 { Flags::empty() } else { Flags::SELL };
    let asks = if seed.below(4) == 0 { Flags::empty() } else { Flags::PERMIT };
    let px = 990 + seed.below(20) as i64;
    let intents = [Intent::Open, Intent::Open, Intent::Open, Intent::Reduce, Intent::Protect, Intent::Exit];
    let intent = intents[seed.below(6) as usize];
    let group = seed.below(3) as u32;
    match seed.below(12) {
        0..4 => (side | asks, order_with(intent, group, next, qty, px)),
        4 => (asks, order_modify(known, qty, px)),
        5 => (asks, Event::OrderCancel { order: id(known), attrs: attrs() }),
        6 if seed.below(8) == 0 => {
            (asks, Event::OrderCancelAll { side: seed.below(3) as u8, increasing_only: 0, attrs: attrs() })
        }
        7 => {
            let event = Event::OrderAck {
                order: id(known),
                venue_key: known,
                px: Ticks(px),
                live_qty: Lots(qty),
                t_venue: 0,
            };
            (Flags::empty(), event)
        }
        8 if seed.below(2) == 0 => {
            let class = match RejectClass::from_raw(seed.below(10) as u8).unwrap() {
                // Each halves the buckets of the venue for minutes: more often and little would ever pass.
                RejectClass::Rate if seed.below(500) > 0 => RejectClass::DuplicateId,
                class => class,
            };
            let action = OrderAction::from_raw(seed.below(3) as u8).unwrap();
            let (order, cum_qty) = (id(known), Lots(0));
            (Flags::empty(), Event::OrderReject { order, class, action, venue_code: 9, cum_qty, t_venue: 0 })
        }
        8 => (side, Event::Fill { order: 0, exec: next, px: Ticks(px), qty: Lots(qty), fee: 0 }),
        9 => {
            let (action, cause) = (seed.below(3) as u32, 0);
            (Flags::empty(), Event::NotSent { order: id(known), action, cause })
        }
        10 => {
            let mark = Some(Ticks(px));
            (Flags::empty(), Event::Mark { mark, index: None, last: None, underlying: None, sequence: next })
        }
        _ => {
            let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
            let event =
                Event::OrderDone { order: id(known), status, initiator, cum_qty: Lots(0), t_venue: 0 };
            (Flags::empty(), event)
        }
    }
}
