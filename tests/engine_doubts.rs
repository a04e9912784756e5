//! What must not be believed: proofs of those who are in doubt, snapshots that cross, readings without a price.

mod support;

use support::desk::*;
use tripline::engine::limits::{Anchor, Currency, DrawdownLimits, RateLimits};
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::{
    CommandVerb, FillCause, FlowKind, InstrumentStatus, Intent, LivenessSign, OrderAttrs, OrderType,
};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Latch, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

const POSITIONS: u32 = 1;
const ORDERS: u32 = 2;

fn begin(desk: &mut Desk, book: u16, what: u32) {
    let position_before = desk.position;
    desk.say(book, PLAIN, Flags::empty(), Event::SnapBegin { snapshot: 7, what, position_before });
}

fn row(desk: &mut Desk, book: u16, qty: i64) {
    let row =
        Event::SnapPosition { snapshot: 7, qty: Lots(qty), average_px: 0, liquidation_px: 0, t_venue: 0 };
    desk.say(book, PLAIN, Flags::empty(), row);
}

fn listed(desk: &mut Desk, book: u16, venue_key: u64, qty: i64) {
    let listed = Event::SnapOrder { order: 0, venue_key, px: Ticks(100), qty: Lots(qty), attrs: attrs() };
    desk.say(book, PLAIN, Flags::empty(), listed);
}

fn end(desk: &mut Desk, book: u16, rows: u64) {
    let position_after = desk.position;
    desk.say(book, PLAIN, Flags::empty(), Event::SnapEnd { snapshot: 7, rows, position_after, t_venue: 0 });
}

fn lane(desk: &mut Desk, number: u16, open: u8, generation: u64) {
    desk.sidecar(Event::Lane { lane: number, strategy: number, open, generation });
}

fn is_contradicted(desk: &Desk) -> bool {
    desk.engine.cause_rows().any(|cause| cause.guard == u64::from(guard::RECONCILE))
}

#[test]
fn what_a_dead_client_had_begun_to_say_does_not_forgive_it() {
    for sign in [LivenessSign::HangUp, LivenessSign::Lost] {
        let mut desk = Desk::with(1_000, vec![]);
        begin(&mut desk, 1, POSITIONS | ORDERS);
        desk.sidecar(Event::Liveness { lane: 1, strategy: 1, sign, beat: 0 });
        assert_eq!(desk.state(1), TradingState::Halted);
        // What was unread is read, and the lane let go.
        end(&mut desk, 1, 0);
        begin(&mut desk, 1, POSITIONS | ORDERS);
        end(&mut desk, 1, 0);
        lane(&mut desk, 1, 0, 1);
        assert_eq!(desk.state(1), TradingState::Halted, "{sign:?}");
        lane(&mut desk, 1, 1, 2);
        assert_eq!(desk.ask_limit(1, PLAIN, 5, 1, 100).verdict, Verdict::Deny, "{sign:?}");
        // A lane of its own, opened since, does.
        begin(&mut desk, 1, POSITIONS | ORDERS);
        end(&mut desk, 1, 0);
        assert_eq!(desk.state(1), TradingState::Active, "{sign:?}");
    }
}

#[test]
fn a_lane_that_was_open_all_along_forgives_nothing_that_another_lost() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.sidecar(Event::Lane { lane: 2, strategy: 1, open: 1, generation: 2 });
    begin(&mut desk, 1, POSITIONS | ORDERS);
    desk.sidecar(Event::Liveness { lane: 2, strategy: 1, sign: LivenessSign::Lost, beat: 0 });
    end(&mut desk, 1, 0);
    assert_eq!(desk.state(1), TradingState::Halted);
    begin(&mut desk, 1, POSITIONS | ORDERS);
    end(&mut desk, 1, 0);
    assert_eq!(desk.state(1), TradingState::Halted);
}

#[test]
fn snapshots_of_one_account_that_cross_each_say_what_they_say() {
    let mut desk = Desk::with(1_000, vec![]);
    for _ in 0..2 {
        begin(&mut desk, 0, POSITIONS);
        row(&mut desk, 0, 5);
        end(&mut desk, 0, 1);
        desk.wait(Nanos::from_secs(3));
    }
    assert!(is_contradicted(&desk), "the books have nothing, the venue five");
    for book in [0, 1] {
        begin(&mut desk, book, POSITIONS);
        row(&mut desk, book, 5);
    }
    end(&mut desk, 0, 1);
    assert!(is_contradicted(&desk), "it has named the instrument");
    end(&mut desk, 1, 1);
    assert!(is_contradicted(&desk));
}

#[test]
fn an_order_that_two_crossing_snapshots_list_is_there() {
    let mut desk = Desk::with(1_000, vec![]);
    begin(&mut desk, 0, ORDERS);
    listed(&mut desk, 0, 99, 4);
    end(&mut desk, 0, 1);
    let house = desk.engine.house(0);
    assert_eq!(desk.engine.exposure(house, PLAIN).buys, 4);
    desk.wait(Nanos::from_secs(3));
    for book in [0, 1] {
        begin(&mut desk, book, ORDERS);
        listed(&mut desk, book, 99, 4);
    }
    end(&mut desk, 0, 1);
    assert_eq!(desk.engine.exposure(house, PLAIN).buys, 4);
    end(&mut desk, 1, 1);
    assert_eq!(desk.engine.exposure(house, PLAIN).buys, 4);
}

#[test]
fn what_was_booked_after_a_snapshot_is_not_adopted_again() {
    let mut desk = Desk::with(10_000, vec![]);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.mark(0, PLAIN, 100);
    begin(&mut desk, 0, POSITIONS);
    let position_after = desk.position;
    row(&mut desk, 0, 6);
    // What it lacks comes through another lane while the rows are written.
    desk.fill(1, PLAIN, -4, 100, 0);
    let end = Event::SnapEnd { snapshot: 7, rows: 1, position_after, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), end);
    desk.wait(Nanos::from_secs(61));
    let reply = desk.command(CommandVerb::Adopt, Scope::Instrument(0, PLAIN), 0, 0, false);
    assert_eq!((reply.verdict, reply.reason), (Verdict::Deny, Some(Reason::Reconciling)));
    assert_eq!(desk.engine.position(desk.engine.house(0), PLAIN), 0);
}

#[test]
fn a_session_is_not_anchored_at_an_equity_that_lacks_a_deposit() {
    let session = DrawdownLimits { anchor: Anchor::Session, latch: Latch::Session, ..drawdown("canary") };
    let mut desk = Desk::new(with_bitcoin(1_000, session));
    bitcoin(&mut desk, 100);
    desk.wait(Nanos(60_000_000_001));
    // Worth nine thousand, at a rate that is stale.
    let (amount, kind) = (Money(90 * E9), FlowKind::Deposit);
    desk.say(0, PLAIN, Flags::empty(), Event::Flow { id: id(1), amount, ccy: BTC, kind, t_venue: 0 });
    desk.sidecar(Event::Roll { session: 1, clock: 0 });
    bitcoin(&mut desk, 100);
    desk.funding(0, 7, -8_000 * E9);
    assert_ne!(desk.state(0), TradingState::Active, "most of it is lost");
}

fn with_bitcoin(capital: i128, guard: DrawdownLimits) -> Limits {
    let mut limits = limits(capital * E9, vec![guard]);
    let currency = |id| Currency { id, code: name("CCY") };
    let pair = |base| RateLimits {
        base: currency(base),
        quote: currency(USD),
        haircut: Bps(50),
        age: Nanos::from_secs(60),
        band: None,
        source: None,
    };
    limits.rates = vec![pair(BTC), pair(COIN)];
    limits.instruments.iter_mut().for_each(|instrument| instrument.mark_age = Nanos::from_secs(1_000));
    limits
}

fn bitcoin(desk: &mut Desk, px: i64) {
    desk.sequence += 1;
    let (sequence, px) = (desk.sequence, px * 1_000_000_000);
    let rate = Event::Fx { base: BTC, quote: USD, bid: px, ask: px, sequence, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), rate);
}

#[test]
fn a_stop_needs_a_fresh_mark_where_there_is_one_unless_it_reduces() {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.books[0].max_order_notional = Some(Money(1_000 * E9));
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 50_000);
    desk.fill(0, PLAIN, 1, 50_000, 0);
    desk.wait(Nanos::from_secs(6));
    let stop = |desk: &mut Desk, order: u64, sells: Flags, intent: Intent| {
        let attrs = OrderAttrs { order_type: OrderType::Stop, intent, ..attrs() };
        let (order, px, qty) = (id(order), Ticks(0), Lots(1));
        let before = desk.verdicts.len();
        let new = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
        desk.say(0, PLAIN, sells | Flags::PERMIT | Flags::MORE, new);
        let (trigger_px, expiry_utc_ns, quote_cost, parent) = (Ticks(1), 0, 0, 0);
        let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns, quote_cost, parent };
        desk.say(0, PLAIN, sells, rest);
        let record = desk.verdicts[before..].last().expect("a verdict").record;
        (record.verdict, record.reason)
    };
    assert_eq!(stop(&mut desk, 3, Flags::empty(), Intent::Open), (Verdict::Deny, Some(Reason::MarkStale)));
    assert_eq!(stop(&mut desk, 4, Flags::SELL, Intent::Reduce).0, Verdict::Pass, "it closes what is held");
}

#[test]
fn who_is_no_configured_source_closes_no_market_over_a_loss() {
    let mut desk = Desk::with(1_000, vec![drawdown("kill")]);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 5, 100, 0);
    lane(&mut desk, 0, 0, 1);
    let closed =
        Event::InstrumentState { state: InstrumentStatus::Closed, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(1, PLAIN, Flags::empty(), closed);
    lane(&mut desk, 0, 1, 2);
    for px in [90, 60, 20, 20, 20] {
        desk.mark(0, PLAIN, px);
        desk.wait(Nanos::from_secs(100));
    }
    assert_ne!(desk.state(0), TradingState::Active);
}

#[test]
fn what_settles_whole_settles_in_house_too_and_once() {
    let guard = DrawdownLimits { scope: Scope::Account(0), ..drawdown("kill") };
    let mut desk = Desk::with(1_000, vec![guard]);
    desk.mark(0, PLAIN, 10);
    let by_hand = Event::Fill { order: 0, exec: 77, px: Ticks(10), qty: Lots(5), fee: 0 };
    desk.say(0, PLAIN, Flags::MORE, by_hand);
    let (exec_high, cum_qty, t_venue, fee_ccy, venue_order) = (0, Lots(0), 0, 0, 0);
    let cause = FillCause::External;
    desk.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::FillExt { exec_high, cum_qty, t_venue, fee_ccy, cause, venue_order },
    );
    desk.fill(0, PLAIN, 5, 10, 0);
    let house = desk.engine.house(0);
    assert_eq!(desk.engine.position(house, PLAIN), 5);
    let expired =
        Event::InstrumentState { state: InstrumentStatus::Expired, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), expired);
    let before = desk.engine.account_row(0).expect("an account").equity;
    for book in [0, 0, 1] {
        let settle = Event::Settle { id: id(9), px: Ticks(0), qty: Lots(0), kind: 0, t_venue: 0 };
        desk.say(book, PLAIN, Flags::empty(), settle);
        assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(house, PLAIN)), (0, 0));
        let lost = before.0 - desk.engine.account_row(0).expect("an account").equity.0;
        assert_eq!(lost, 100 * E9, "ten lots at ten are worth nothing now");
    }
    // And the account's peak goes on rising.
    desk.funding(0, 1, 2_000 * E9);
    desk.funding(0, 2, -1_900 * E9);
    assert_ne!(desk.engine.word(WordId::Account(0)).state, TradingState::Active);
}

#[test]
fn an_order_on_an_expired_instrument_does_not_grow() {
    let mut desk = Desk::with(1_000_000, vec![]);
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.ask_limit(0, PLAIN, 5, 2, 100).verdict, Verdict::Pass);
    desk.ack(0, PLAIN, 5);
    let expired =
        Event::InstrumentState { state: InstrumentStatus::Expired, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), expired);
    let grown = desk.ask(0, PLAIN, Flags::empty(), order_modify(5, 50, 100));
    assert_eq!((grown.verdict, grown.reason), (Verdict::Deny, Some(Reason::UnknownInstrument)));
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), order_modify(5, 1, 100)).verdict, Verdict::Pass);
}
