//! Orders by cost: what quantity they are taken for, and which limits hold against them.

mod support;

use support::desk::*;
use support::seed::Seed;
use tripline::engine::limits::{BucketKind, BucketLimits, BucketScope, Currency, InstrumentKind, RateLimits};
use tripline::engine::{Limits, guard};
use tripline::model::event::{Intent, OrderAttrs, OrderType};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

type Answer = (Verdict, Option<Reason>, i64, i64);

const PASS: Answer = (Verdict::Pass, None, 0, 0);

fn denied(reason: Reason, measured: i64, limit: i64) -> Answer {
    (Verdict::Deny, Some(reason), measured, limit)
}

fn told(record: VerdictRecord) -> Answer {
    match record.verdict {
        Verdict::Deny => (Verdict::Deny, record.reason, record.measured, record.limit),
        other => (other, record.reason, 0, 0),
    }
}

/// One unit of the quote currency in the unit of a cost.
const ONE: i64 = 1_000_000_000;

#[derive(Clone, Copy)]
struct Buy {
    instrument: u16,
    order_type: OrderType,
    intent: Intent,
    qty: i64,
    flags: Flags,
}

const BUY: Buy = Buy {
    instrument: PLAIN,
    order_type: OrderType::Market,
    intent: Intent::Open,
    qty: 0,
    flags: Flags::empty(),
};

impl Buy {
    fn say(self, desk: &mut Desk, order: u64, cost: i64) {
        let Self { order_type, intent, instrument, qty, flags } = self;
        let event = Event::OrderNew {
            order: id(order),
            px: Ticks(0),
            qty: Lots(qty),
            attrs: OrderAttrs { order_type, intent, ..attrs() },
            group: 0,
            leg: 0,
            list_count: 0,
        };
        desk.say(0, instrument, flags | Flags::MORE, event);
        let (order, trigger_px, quote_cost) = (id(order), Ticks(0), cost);
        let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost, parent: 0 };
        desk.say(0, instrument, flags, rest);
    }

    fn ask(self, desk: &mut Desk, order: u64, cost: i64) -> VerdictRecord {
        Self { flags: self.flags | Flags::PERMIT, ..self }.say(desk, order, cost);
        desk.verdicts.last().expect("an answer").record
    }
}

fn desk(change: impl Fn(&mut Limits)) -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    change(&mut limits);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

fn reserved(desk: &Desk, instrument: u16) -> i64 {
    desk.engine.exposure(0, instrument).buys
}

#[test]
fn a_cost_is_held_to_the_notional_of_an_order_and_to_no_bound_of_its_quantity() {
    let bounds = |limits: &mut Limits| {
        let plain = &mut limits.instruments[usize::from(PLAIN)];
        (plain.lot, plain.min_qty, plain.min_notional) = (Lots(7), Lots(50), Money(200 * E9));
        limits.books[0].max_order_qty = Some(Lots(1));
        limits.books[0].max_order_notional = Some(Money(1_000 * E9));
    };
    let (least, most) = (200 * ONE, 1_000 * ONE);
    for (cost, expected) in [
        (least - 1, denied(Reason::MinNotional, 199_999_999, 200_000_000)),
        (least, PASS),
        (least + 1, PASS),
        (most - 1, PASS),
        (most, PASS),
        (most + 1, denied(Reason::MaxNotional, 1_000_000_001, 1_000_000_000)),
    ] {
        assert_eq!(told(BUY.ask(&mut desk(bounds), 1, cost)), expected, "{cost}");
    }
    let denial = BUY.ask(&mut desk(bounds), 1, most + 1);
    assert_eq!(denial.guard, guard::ORDER_NOTIONAL);
    // The announced quantity says nothing.
    for qty in [0, 3, 1_000_000] {
        let mut desk = desk(bounds);
        assert_eq!(told(Buy { qty, ..BUY }.ask(&mut desk, 1, most)), PASS, "{qty}");
        assert_eq!(reserved(&desk, PLAIN), 10, "{qty}");
    }
}

#[test]
fn it_reserves_the_most_that_it_may_buy() {
    for (mark, cost, lots) in [
        (100, 999 * ONE, 10),
        (100, 1_000 * ONE, 10),
        (100, 1_000 * ONE + 1, 11),
        (99, 1_000 * ONE, 11),
        (101, 1_000 * ONE, 10),
        (100, 1, 1),
    ] {
        let mut desk = desk(|_| {});
        desk.mark(0, PLAIN, mark);
        assert_eq!(told(BUY.ask(&mut desk, 1, cost)), PASS);
        assert_eq!(reserved(&desk, PLAIN), lots, "{cost} at {mark}");
    }
}

#[test]
fn its_lots_are_held_to_the_largest_position() {
    for (cost, expected) in
        [(900 * ONE, PASS), (1_000 * ONE, PASS), (1_001 * ONE, denied(Reason::MaxPosition, 11, 10))]
    {
        let mut desk = desk(|limits| limits.books[0].max_position = Some(Lots(10)));
        assert_eq!(told(BUY.ask(&mut desk, 1, cost)), expected, "{cost}");
    }
}

#[test]
fn without_a_mark_that_can_be_trusted_nobody_knows_what_it_buys() {
    let mut unmarked = Desk::new(limits(1_000_000 * E9, vec![]));
    assert_eq!(told(BUY.ask(&mut unmarked, 1, ONE)), denied(Reason::NoMark, 0, 0));
    for (age, expected) in [
        (Nanos::from_secs(5).0 - 1, PASS),
        (Nanos::from_secs(5).0, PASS),
        (Nanos::from_secs(5).0 + 1, denied(Reason::MarkStale, 100, 0)),
    ] {
        let mut desk = desk(|_| {});
        desk.wait(Nanos(age));
        assert_eq!(told(BUY.ask(&mut desk, 1, ONE)), expected, "{age}");
    }
    let mut suspect = desk(|limits| limits.instruments[usize::from(PLAIN)].band = Some(Bps(300)));
    suspect.mark(0, PLAIN, 200);
    assert_eq!(told(BUY.ask(&mut suspect, 1, ONE)), denied(Reason::MarkSuspect, 100, 0));
    for (mark, expected) in [(1, PASS), (0, denied(Reason::NoMark, 0, 0)), (-1, denied(Reason::NoMark, 0, 0))]
    {
        let mut negative = desk(|limits| limits.instruments[usize::from(PLAIN)].allow_negative = true);
        negative.mark(0, PLAIN, mark);
        assert_eq!(told(BUY.ask(&mut negative, 1, ONE)), expected, "{mark}");
    }
}

#[test]
fn only_a_market_order_has_a_cost_and_none_is_modified() {
    let nothing = denied(Reason::MaxNotional, 0, 0);
    for order_type in [OrderType::Limit, OrderType::Stop, OrderType::StopLimit, OrderType::Peg] {
        let mut desk = desk(|limits| limits.instruments[usize::from(PLAIN)].allow_negative = true);
        let limit = Buy { order_type, qty: 1, ..BUY };
        assert_eq!(told(limit.ask(&mut desk, 1, ONE)), nothing, "{order_type:?}");
    }
    let mut desk = desk(|_| {});
    assert_eq!(told(BUY.ask(&mut desk, 1, -ONE)), nothing);
    assert_eq!(told(BUY.ask(&mut desk, 2, ONE)), PASS);
    let modified = desk.ask(0, PLAIN, Flags::empty(), order_modify(2, 5, 0));
    assert_eq!(told(modified), nothing, "nobody knows the difference");
    let smaller = desk.ask(0, PLAIN, Flags::empty(), order_modify(2, 1, 0));
    assert_eq!(told(smaller), PASS, "smaller always passes");
}

#[test]
fn an_inverse_contract_is_worth_so_much_at_any_price() {
    // 100 of the quote currency a contract, at 50 000: 0.02 coins for 1 000.
    for (cost, lots, expected) in [
        (1_000 * ONE - 1, 10, PASS),
        (1_000 * ONE, 10, PASS),
        (1_000 * ONE + 1, 0, denied(Reason::MaxNotional, 20_001, 20_000)),
    ] {
        let mut limits = limits(1_000_000 * E9, vec![]);
        limits.books[2].max_order_notional = Some(Money(20_000_000));
        let mut desk = Desk::new(limits);
        desk.mark(2, INVERSE, 50_000);
        let at = desk.verdicts.len();
        let event = Event::OrderNew {
            order: id(1),
            px: Ticks(0),
            qty: Lots(0),
            attrs: OrderAttrs { order_type: OrderType::Market, ..attrs() },
            group: 0,
            leg: 0,
            list_count: 0,
        };
        desk.say(2, INVERSE, Flags::PERMIT | Flags::MORE, event);
        let (order, trigger_px, quote_cost) = (id(1), Ticks(0), cost);
        let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost, parent: 0 };
        desk.say(2, INVERSE, Flags::PERMIT, rest);
        assert_eq!(told(desk.verdicts[at].record), expected, "{cost}");
        assert_eq!(desk.engine.exposure(2, INVERSE).buys, lots, "{cost}");
    }
}

#[test]
fn a_quanto_cost_is_turned_into_the_settlement_currency() {
    // Half a unit of it for one of the quote currency.
    for (cost, expected) in
        [(2_000 * ONE, PASS), (2_000 * ONE + 1, denied(Reason::MaxNotional, 1_000_000_001, 1_000_000_000))]
    {
        let mut desk = desk(|limits| {
            limits.instruments[usize::from(PLAIN)].kind = InstrumentKind::Quanto { rate_e9: 500_000_000 };
            limits.books[0].max_order_notional = Some(Money(1_000 * E9));
        });
        assert_eq!(told(BUY.ask(&mut desk, 1, cost)), expected, "{cost}");
        assert_eq!(reserved(&desk, PLAIN), if expected == PASS { 20 } else { 0 });
    }
}

#[test]
fn a_cost_in_another_currency_is_held_against_the_accounts() {
    let foreign = |limits: &mut Limits| {
        let currency = |id| Currency { id, code: name("CCY") };
        let (base, quote) = (currency(BTC), currency(USD));
        let (haircut, age) = (Bps(0), Nanos::from_secs(60));
        limits.rates = vec![RateLimits { base, quote, haircut, age, band: None, source: None }];
        limits.instruments[usize::from(PLAIN)].settlement = currency(BTC);
        limits.books[0].max_order_notional = Some(Money(1_000 * E9));
    };
    let mut unrated = desk(foreign);
    assert_eq!(told(BUY.ask(&mut unrated, 1, ONE)), denied(Reason::NoMark, 0, 1_000_000_000));
    for (cost, passes) in [(10 * ONE - 1, true), (10 * ONE, true), (10 * ONE + 1, false)] {
        let mut desk = desk(foreign);
        let fx = Event::Fx { base: BTC, quote: USD, bid: 100 * ONE, ask: 100 * ONE, sequence: 1, t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), fx);
        let verdict = told(BUY.ask(&mut desk, 1, cost));
        let beyond = denied(Reason::MaxNotional, 1_000_000_001, 1_000_000_000);
        assert_eq!(verdict, if passes { PASS } else { beyond }, "{cost}");
    }
}

#[test]
fn it_takes_no_more_of_what_is_free_than_the_money_it_names() {
    for (cost, expected) in
        [(950 * ONE, PASS), (950 * ONE + 1, denied(Reason::Margin, 950_000_001, 950_000_000)), (1, PASS)]
    {
        let mut desk = desk(|_| {});
        let available = 950_000_000;
        let margin =
            Event::Margin { initial: 0, maintenance: 0, available, ccy: 0, ratio: Bps(0), t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), margin);
        assert_eq!(told(BUY.ask(&mut desk, 1, cost)), expected, "{cost}");
    }
}

#[test]
fn an_exit_by_cost_is_held_to_what_it_may_close() {
    let exit = Buy { intent: Intent::Exit, flags: Flags::SELL, ..BUY };
    for (cost, verdict) in
        [(900 * ONE, Verdict::PassExit), (1_000 * ONE, Verdict::PassExit), (1_000 * ONE + 1, Verdict::Deny)]
    {
        let mut desk = desk(|limits| limits.books[0].max_order_notional = Some(Money(1)));
        desk.fill(0, PLAIN, 10, 100, 0);
        let record = exit.ask(&mut desk, 1, cost);
        assert_eq!(record.verdict, verdict, "{cost}");
        let reason = (verdict == Verdict::Deny).then_some(Reason::ExitSize);
        assert_eq!(record.reason, reason);
    }
    // Nobody knows how much it would close: it may be any quantity.
    let mut unmarked = Desk::new(limits(1_000_000 * E9, vec![]));
    unmarked.fill(0, PLAIN, 10, 100, 0);
    let record = exit.ask(&mut unmarked, 1, ONE);
    assert_eq!((record.reason, record.measured, record.limit), (Some(Reason::ExitSize), i64::MAX, 10));
}

#[test]
fn one_that_waits_is_converted_when_its_turn_comes() {
    let mut desk = desk(|limits| {
        let kind = BucketKind::SlidingLog { limit: 1, window: Nanos::from_millis(100) };
        limits.buckets = vec![BucketLimits {
            id: 1,
            name: name("bucket"),
            scope: BucketScope::Venue(0),
            kind,
            costs: Default::default(),
            jitter: Nanos::ZERO,
            start_pct: 0,
        }];
    });
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass);
    assert_eq!(BUY.ask(&mut desk, 2, 1_000 * ONE).verdict, Verdict::Queued);
    desk.mark(0, PLAIN, 50);
    desk.wait(Nanos::from_millis(100));
    assert_eq!(desk.verdicts.last().map(|given| given.record.verdict), Some(Verdict::Released));
    assert_eq!(reserved(&desk, PLAIN), 1 + 20);
}

#[test]
fn one_that_does_not_ask_is_reserved_and_held_to_the_same_notional() {
    for (cost, over) in [(999 * ONE, false), (1_000 * ONE, false), (1_000 * ONE + 1, true)] {
        let mut desk = desk(|limits| {
            limits.books[0].max_order_qty = Some(Lots(1));
            limits.books[0].max_order_notional = Some(Money(1_000 * E9));
        });
        BUY.say(&mut desk, 1, cost);
        assert_eq!(desk.state(0) == TradingState::ReduceOnly, over, "{cost}");
        let row = desk.engine.cause_rows().next().map(|row| (row.scope, row.reason, row.measured, row.limit));
        let cause = (Some(Scope::Book(0)), Some(Reason::MaxNotional), 1_000_000_001, 1_000_000_000);
        assert_eq!(row, over.then_some(cause));
        assert_eq!(reserved(&desk, PLAIN), if over { 11 } else { 10 });
    }
    // Without a mark it may be anything.
    let mut own = limits(1_000_000 * E9, vec![]);
    own.books[0].max_position = Some(Lots(1_000_000));
    own.books[0].max_order_notional = Some(Money(1_000 * E9));
    let mut unmarked = Desk::new(own);
    BUY.say(&mut unmarked, 1, ONE);
    let reasons: Vec<_> = unmarked.engine.cause_rows().map(|row| row.reason).collect();
    assert_eq!(reasons, [Some(Reason::NoMark), Some(Reason::MaxPosition)]);
}

#[test]
fn what_it_fills_is_booked_and_only_the_venue_ends_it() {
    use tripline::model::event::DoneStatus;
    let mut desk = desk(|_| {});
    BUY.ask(&mut desk, 1, 1_000 * ONE);
    desk.fill_as(0, PLAIN, 71, 1, 6, 100, 0);
    assert_eq!(reserved(&desk, PLAIN), 4);
    // The market fell: the money bought more.
    desk.fill_as(0, PLAIN, 72, 1, 7, 57, 0);
    assert_eq!(
        (reserved(&desk, PLAIN), desk.engine.cause_count()),
        (0, 0),
        "no over-fill: it has no quantity"
    );
    assert_eq!(desk.engine.exposure(0, PLAIN).open_orders, 1);
    desk.done(0, PLAIN, 1, DoneStatus::Filled);
    assert_eq!(desk.engine.exposure(0, PLAIN).open_orders, 0);
}

#[test]
fn its_end_that_overtakes_its_fills_keeps_what_may_still_come() {
    use tripline::model::event::{DoneStatus, Initiator};
    let mut desk = desk(|limits| limits.books[0].max_position = Some(Lots(10)));
    BUY.ask(&mut desk, 1, 1_000 * ONE);
    let (status, initiator) = (DoneStatus::Filled, Initiator::Venue);
    let event = Event::OrderDone { order: id(1), status, initiator, cum_qty: Lots(9), t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
    assert_eq!(reserved(&desk, PLAIN), 9, "its fills are on their way");
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, 2, 100)), denied(Reason::MaxPosition, 11, 10));
    desk.fill_as(0, PLAIN, 71, 1, 9, 100, 0);
    assert_eq!((reserved(&desk, PLAIN), desk.engine.exposure(0, PLAIN).open_orders), (0, 0));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 3, 1, 100)), PASS);
}

#[test]
fn equal_costs_are_the_same_order_again_whatever_the_mark() {
    use tripline::engine::limits::DuplicateLimits;
    let mut desk = desk(|limits| limits.strategies[0].duplicates = Some(DuplicateLimits::default()));
    for (number, cost) in [(1, 500), (2, 500), (3, 500), (4, 500), (5, 501)] {
        desk.mark(0, PLAIN, 100 + number as i64);
        assert_eq!(told(BUY.ask(&mut desk, number, cost * ONE)), PASS, "{number}");
    }
    assert_eq!(told(BUY.ask(&mut desk, 6, 500 * ONE)), denied(Reason::DuplicateFingerprint, 5, 5));
}

/// The oracle counts up: the fewest lots that are worth at least the cost, in whole numbers of the smallest unit.
#[test]
fn the_lots_of_a_cost_are_the_fewest_that_are_worth_it() {
    let mut seed = Seed::new("engine_by_cost the_lots_of_a_cost_are_the_fewest_that_are_worth_it");
    for _ in 0..300 {
        let (price_decimals, qty_decimals) = (seed.below(4) as u8, seed.below(4) as u8);
        let multiplier = [1, 10, 100][seed.below(3) as usize];
        let px = 1 + seed.below(500) as i64;
        let cost = 1 + seed.below(50 * ONE as u64) as i64;
        let mut desk = Desk::new({
            let mut limits = limits(1_000_000 * E9, vec![]);
            let plain = &mut limits.instruments[usize::from(PLAIN)];
            (plain.price_decimals, plain.qty_decimals) = (price_decimals, qty_decimals);
            plain.multiplier_e9 = multiplier * ONE;
            limits
        });
        desk.mark(0, PLAIN, px);
        assert_eq!(told(BUY.ask(&mut desk, 1, cost)), PASS);
        // One lot at one tick is multiplier / 10^decimals; both sides times that power.
        let power = 10_i128.pow(u32::from(price_decimals + qty_decimals));
        let worth = |lots: i128| lots * i128::from(px) * i128::from(multiplier) * E9;
        let lots = i128::from(reserved(&desk, PLAIN));
        assert!(worth(lots) >= i128::from(cost) * power, "{lots} are too few for {cost} at {px}");
        assert!(worth(lots - 1) < i128::from(cost) * power, "{lots} are too many for {cost} at {px}");
    }
}
