//! Orders, requests and what venues say of them, with numbers at the ends of their range, beside every limit there is.

use tripline::engine::Limits;
use tripline::engine::limits::{DropMode, ScopeLimits};
use tripline::model::event::{
    DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderType, RejectClass, TimeInForce,
};
use tripline::model::{Event, Flags, Lots, Money, Scope, Ticks};

use super::{extreme, reset_everything};
use crate::support::busy_days::order_limits;
use crate::support::desk::*;
use crate::support::seed::Seed;

/// Every limit on, those of every other book at the ends of their range themselves.
fn tight_and_wide() -> Limits {
    let mut limits = order_limits(DropMode::RejectNew);
    limits.instruments[usize::from(PLAIN)].allow_negative = true;
    limits.instruments[usize::from(PERP)].multiplier_e9 = i64::MAX;
    let wide = ScopeLimits {
        gross: Some(Money(i128::MAX)),
        net: Some(Money(i128::MAX)),
        no_self_cross: true,
        ..ScopeLimits::default()
    };
    limits.strategies[1].caps = wide;
    let book = &mut limits.books[1];
    (book.max_position, book.max_order_qty) = (Some(Lots(i64::MAX)), Some(Lots(i64::MAX)));
    book.max_order_notional = Some(Money(i128::MAX));
    limits.capacity.orders = 64;
    limits.capacity.executions = 64;
    limits
}

/// Now and then as a market has it, else at the ends.
fn px(seed: &mut Seed) -> Ticks {
    Ticks(if seed.below(3) == 0 { 990 + seed.below(20) as i64 } else { extreme(seed) })
}

fn qty(seed: &mut Seed) -> Lots {
    Lots(if seed.below(3) == 0 { 1 + seed.below(9) as i64 } else { extreme(seed) })
}

fn event(seed: &mut Seed, step: u64) -> Event {
    let (order, px, qty) = (id(1 + seed.below(30)), px(seed), qty(seed));
    let t_venue = extreme(seed);
    let intent = [Intent::Open, Intent::Reduce, Intent::Protect, Intent::Exit][seed.below(4) as usize];
    let order_type = [OrderType::Limit, OrderType::Market, OrderType::Stop][seed.below(3) as usize];
    let attrs = OrderAttrs { order_type, tif: TimeInForce::Gtc, intent, directive: 0 };
    match seed.below(13) {
        0..=3 => {
            let group = seed.below(2) as u32;
            Event::OrderNew { order, px, qty, attrs, group, leg: 0, list_count: 0 }
        }
        4 => Event::OrderModify { order, px, qty, attrs, new_order: seed.below(2) * (100 + seed.below(30)) },
        5 => Event::OrderAck { order, venue_key: step, px, live_qty: qty, t_venue },
        6 => {
            let class = RejectClass::from_raw(seed.below(10) as u8).unwrap();
            let action = OrderAction::from_raw(seed.below(3) as u8).unwrap();
            Event::OrderReject { order, class, action, venue_code: i32::MIN, cum_qty: qty, t_venue }
        }
        7 => {
            let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
            Event::OrderDone { order, status, initiator, cum_qty: qty, t_venue }
        }
        8 => Event::Fill { order: order.get(), exec: step, px, qty, fee: extreme(seed) },
        9 => Event::NotSent { order, action: seed.below(3) as u32, cause: 0 },
        10 => Event::OrderCancel { order, attrs },
        11 => Event::FillCum { order, cum_qty: qty, cum_cost: Money(extreme(seed).into()), cum_fee: 1 },
        _ => Event::Mark { mark: Some(px), index: None, last: None, underlying: None, sequence: step },
    }
}

/// What was answered, how things stand and what halts.
fn digest(desk: &mut Desk, so_far: u64) -> u64 {
    let mut digest = so_far;
    let mut add = |word: u64| digest = (digest ^ word).wrapping_mul(0x0100_0000_01b3);
    for given in std::mem::take(&mut desk.verdicts) {
        let record = given.record;
        [record.order, record.verdict as u64, record.reason.map_or(0, |reason| reason as u64)]
            .into_iter()
            .for_each(&mut add);
        [record.measured as u64, record.limit as u64, record.extra].into_iter().for_each(&mut add);
    }
    for began in std::mem::take(&mut desk.transitions) {
        [u64::from(began.guard), began.reason as u64, began.measured as u64, began.limit as u64]
            .into_iter()
            .for_each(&mut add);
    }
    for (book, instrument) in [(0, PERP), (0, PLAIN), (1, PERP), (1, PLAIN), (2, INVERSE)] {
        let exposure = desk.engine.exposure(book, instrument);
        let lots = [exposure.buys, exposure.sells, desk.engine.position(book, instrument)];
        lots.into_iter().for_each(|lots| add(lots as u64));
    }
    for scope in [Scope::Book(0), Scope::Book(1), Scope::Account(0), Scope::Firm] {
        let held = desk.engine.scope_exposure(scope).unwrap();
        for money in [held.gross.0, held.net.0] {
            [money as u64, (money >> 64) as u64].into_iter().for_each(&mut add);
        }
    }
    digest
}

#[test]
fn orders_at_the_ends_of_their_range_are_answered_alike_in_every_profile() {
    let mut seed = Seed::starting_at(0x5eed, "engine_extremes orders");
    let is_fixed = std::env::var_os("TRIPLINE_TEST_SEED").is_none();
    let mut desk = Desk::new(tight_and_wide());
    let mut so_far = 0xcbf2_9ce4_8422_2325;
    let mut answered = 0;
    for step in 1..=20_000 {
        let event = event(&mut seed, step);
        let book = [0, 0, 1, 2][seed.below(4) as usize];
        let instrument = if book == 2 { INVERSE } else { [PERP, PLAIN, SPOT][seed.below(3) as usize] };
        let mut flags = if seed.below(2) == 0 { Flags::empty() } else { Flags::SELL };
        let asks =
            matches!(event, Event::OrderNew { .. } | Event::OrderModify { .. } | Event::OrderCancel { .. });
        flags.set(Flags::PERMIT, asks && seed.below(3) > 0);
        flags.set(Flags::VENUE_REDUCE_ONLY, matches!(event, Event::OrderNew { .. }) && seed.below(8) == 0);
        desk.wait(ms(seed.below(30)));
        desk.say(book, instrument, flags, event);
        if step.is_multiple_of(20) {
            reset_everything(&mut desk);
        }
        answered += desk.verdicts.len();
        so_far = digest(&mut desk, so_far);
    }
    let counters = desk.engine.counters();
    assert!(answered > 3_000 && counters.fills > 100, "{answered} answered: {counters:?}");
    if is_fixed {
        // Of debug and release alike. A change of what is decided changes it, and is to be understood first.
        assert_eq!(
            so_far, 12_570_666_354_859_234_794,
            "another digest than in the profile this was written with"
        );
    }
}
