//! What an operator books by hand, and flows that are announced before they are seen.

mod support;

use support::desk::*;
use tripline::engine::{Limits, Source, guard};
use tripline::model::event::FlowKind;
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{
    Bps, Event, Flags, Handle, Lots, Message, Money, Nanos, Reason, Scope, Ticks, TradingState,
};

const ACCOUNT: Scope = Scope::Account(0);
/// The book of what no strategy did on account 0.
const HOUSE: u16 = 3;
const HOUR: Nanos = Nanos::from_secs(3_600);

trait Operates {
    fn operate(&mut self, event: Event) -> VerdictRecord;
    fn hand_fill(&mut self, exec: u64, qty: i64, px: i64, fee: i64) -> Option<Reason>;
    fn expect(&mut self, book: u16, amount: i128, ttl: Nanos) -> Option<Reason>;
    fn cash(&mut self, total: i128);
    fn differs(&self) -> bool;
    fn peak(&self) -> i128;
}

impl Operates for Desk {
    fn operate(&mut self, event: Event) -> VerdictRecord {
        let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
        self.apply(Source::Operator, &message);
        self.reply.expect("every command is answered")
    }

    /// A trade of PLAIN on account 0; why it was refused.
    fn hand_fill(&mut self, exec: u64, qty: i64, px: i64, fee: i64) -> Option<Reason> {
        let (px, qty) = (Ticks(px), Lots(qty));
        let event =
            Event::ExternalFill { exec: id(exec), px, qty, fee, actor: 7, account: 0, instrument: PLAIN };
        let reply = self.operate(event);
        assert_eq!((reply.order, reply.verdict == Verdict::Pass), (exec, reply.reason.is_none()));
        reply.reason
    }

    /// Announces a flow; why it was refused.
    fn expect(&mut self, book: u16, amount: i128, ttl: Nanos) -> Option<Reason> {
        let amount = Money(amount);
        self.operate(Event::FlowExpect { id: id(5), amount, book, actor: 7, ttl }).reason
    }

    /// A snapshot of the balance of account 0, of an instant at which nothing happens.
    fn cash(&mut self, total: i128) {
        let at = self.position;
        let begin = Event::SnapBegin { snapshot: 7, what: 4, position_before: at };
        let row = Event::SnapBalance { snapshot: 7, total: Money(total), available: i64::MIN, ccy: 0 };
        let end = Event::SnapEnd { snapshot: 7, rows: 1, position_after: at, t_venue: 0 };
        for event in [begin, row, end] {
            self.say(0, PLAIN, Flags::empty(), event);
        }
    }

    /// Whether the venue's cash has been found not to be ours since it last was.
    fn differs(&self) -> bool {
        !self.engine.account_row(0).unwrap().trusted
    }

    fn peak(&self) -> i128 {
        self.engine.guard_row(0).unwrap().peak.0
    }
}

fn guarded() -> Limits {
    limits(1_000 * E9, vec![drawdown("kill")])
}

#[test]
fn a_trade_made_by_hand_is_booked_once_into_house_and_into_no_strategy() {
    let mut desk = Desk::new(guarded());
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.hand_fill(31, 5, 100, 2_000_000_000), None);
    assert_eq!(desk.hand_fill(32, -2, 110, 0), None);
    assert_eq!((desk.engine.position(HOUSE, PLAIN), desk.engine.position(0, PLAIN)), (3, 0));
    assert_eq!(desk.engine.account_row(0).unwrap().equity.0, (2_000 - 2 + 20) * E9);
    assert_eq!((desk.equity(0), desk.peak()), (1_000 * E9, 1_000 * E9));
    assert_eq!(desk.engine.counters().fills, 2);
    // Again, by the operator or by whoever sees it on the venue's stream.
    assert_eq!(desk.hand_fill(31, 5, 100, 2_000_000_000), Some(Reason::DuplicateId));
    desk.fill_as(1, PLAIN, 31, 0, 5, 100, 0);
    assert_eq!((desk.engine.position(HOUSE, PLAIN), desk.engine.position(1, PLAIN)), (3, 0));
    // And what a strategy has reported is not booked by hand.
    desk.fill_as(1, PLAIN, 33, 0, 4, 100, 0);
    assert_eq!(desk.hand_fill(33, 4, 100, 0), Some(Reason::DuplicateId));
    assert_eq!(desk.engine.position(HOUSE, PLAIN), 3);
    // A sale with a key of a buy is another trade.
    assert_eq!(desk.hand_fill(33, -3, 100, 0), None);
    assert_eq!(desk.engine.position(HOUSE, PLAIN), 0);
}

#[test]
fn what_cannot_be_right_by_hand_is_refused_and_halts_nobody() {
    let mut desk = Desk::new(guarded());
    for (qty, px, reason) in [
        (0, 100, Some(Reason::MinQty)),
        (1, 0, Some(Reason::Tick)),
        (1, -1, Some(Reason::Tick)),
        (i64::MIN, 1, Some(Reason::Arithmetic)),
        (1, 1, None),
    ] {
        assert_eq!(desk.hand_fill(40, qty, px, 0), reason, "{qty} at {px}");
    }
    for (account, instrument) in [(2, PLAIN), (0, 4), (u16::MAX, u16::MAX), (1, PLAIN)] {
        let event = Event::ExternalFill {
            exec: id(41),
            px: Ticks(1),
            qty: Lots(1),
            fee: 0,
            actor: 7,
            account,
            instrument,
        };
        assert_eq!(desk.operate(event).reason, Some(Reason::UnknownInstrument), "{account} {instrument}");
    }
    assert!(desk.engine.cause_rows().next().is_none());
    assert_eq!(desk.engine.position(HOUSE, PLAIN), 1);
}

#[test]
fn a_loss_made_by_hand_halts_the_account_at_its_limit() {
    for (px, halts) in [(801, false), (800, true), (799, true)] {
        let mut limits = guarded();
        limits.drawdowns[0].scope = ACCOUNT;
        limits.drawdowns[0].limit = Some(Bps(1_000));
        let mut desk = Desk::new(limits);
        assert_eq!(desk.hand_fill(1, 1, 1_000, 0), None);
        assert_eq!(desk.hand_fill(2, -1, px, 0), None);
        let state = desk.engine.account_row(0).unwrap().word.state;
        assert_eq!(state == TradingState::Halted, halts, "2 000 less 200 is 10 %: {px}");
    }
}

#[test]
fn a_fee_nobody_knows_yet_is_charged_at_the_worst_rate() {
    let mut desk = Desk::new(guarded());
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.hand_fill(1, 10, 100, UNKNOWN_FEE), None);
    assert_eq!(desk.engine.account_row(0).unwrap().equity.0, 2_000 * E9 - E9, "10 basis points of 1 000");
}

#[test]
fn a_position_by_hand_puts_a_snapshot_right() {
    let mut desk = Desk::new(guarded());
    desk.mark(0, PLAIN, 100);
    let say = |desk: &mut Desk| {
        let at = desk.position;
        let row =
            Event::SnapPosition { snapshot: 7, qty: Lots(5), average_px: 0, liquidation_px: 0, t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), Event::SnapBegin { snapshot: 7, what: 1, position_before: at });
        desk.say(0, PLAIN, Flags::empty(), row);
        let end = Event::SnapEnd { snapshot: 7, rows: 1, position_after: at, t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), end);
    };
    say(&mut desk);
    assert!(desk.differs());
    assert_eq!(desk.hand_fill(1, 5, 100, 0), None);
    say(&mut desk);
    assert!(!desk.differs());
}

#[test]
fn an_announced_flow_that_explains_the_difference_is_booked_and_scales_the_peak() {
    for amount in [-800_i128, 500] {
        let mut desk = Desk::new(guarded());
        assert_eq!(desk.expect(0, amount * E9, HOUR), None);
        assert_eq!((desk.equity(0), desk.peak()), (1_000 * E9, 1_000 * E9), "announced is not booked");
        desk.cash((2_000 + amount) * E9);
        assert!(!desk.differs(), "{amount}");
        assert_eq!((desk.equity(0), desk.peak()), ((1_000 + amount) * E9, (1_000 + amount) * E9));
        assert_eq!(desk.state(0), TradingState::Active, "no loss, no profit: {amount}");
        // Once: the next difference of that size is one.
        desk.cash((2_000 + 2 * amount) * E9);
        assert!(desk.differs());
        assert_eq!(desk.equity(0), (1_000 + amount) * E9);
    }
}

#[test]
fn a_difference_that_no_announcement_explains_within_the_tolerance_stays_one() {
    // One basis point of 2 500: 0.25.
    for (theirs, explains) in [
        (2_500 * E9, true),
        (2_500 * E9 + 250_025_002, true),
        (2_500 * E9 + 250_025_003, false),
        (2_500 * E9 - 249_975_002, true),
        (2_500 * E9 - 249_975_003, false),
        (1_500 * E9, false),
    ] {
        let mut desk = Desk::new(guarded());
        assert_eq!(desk.expect(0, 500 * E9, HOUR), None);
        desk.cash(theirs);
        assert_eq!(!desk.differs(), explains, "{theirs}");
        // What was announced is booked, and not what was found.
        assert_eq!(desk.equity(0), if explains { 1_500 * E9 } else { 1_000 * E9 }, "{theirs}");
    }
}

#[test]
fn an_announcement_explains_nothing_after_its_time() {
    for (wait, explains) in [(Nanos(HOUR.0 - 1), true), (HOUR, false), (Nanos(HOUR.0 + 1), false)] {
        let mut desk = Desk::new(guarded());
        assert_eq!(desk.expect(0, 500 * E9, HOUR), None);
        desk.wait(wait);
        desk.cash(2_500 * E9);
        assert_eq!(!desk.differs(), explains, "{wait:?}");
    }
}

#[test]
fn what_a_snapshot_showed_is_not_counted_again_however_late_the_strategy_tells_of_it() {
    let mut desk = Desk::new(guarded());
    assert_eq!(desk.expect(0, 500 * E9, HOUR), None);
    desk.cash(2_500 * E9);
    desk.wait(Nanos(HOUR.0 * 3));
    desk.flow(0, 1, 500 * E9, FlowKind::Deposit);
    assert_eq!(desk.equity(0) / E9, 1_500);
}

#[test]
fn a_flow_that_was_announced_counts_once_whoever_tells_of_it_first() {
    // The strategy, then the snapshot: the announcement is fulfilled and explains nothing more.
    let mut desk = Desk::new(guarded());
    assert_eq!(desk.expect(0, 500 * E9, HOUR), None);
    desk.flow(0, 1, 500 * E9, FlowKind::Deposit);
    desk.cash(2_500 * E9);
    assert_eq!((desk.equity(0) / E9, desk.differs()), (1_500, false));
    desk.cash(3_000 * E9);
    assert_eq!((desk.equity(0) / E9, desk.differs()), (1_500, true));
    // The snapshot, then the strategy: it is the same money.
    let mut desk = Desk::new(guarded());
    assert_eq!(desk.expect(0, 500 * E9, HOUR), None);
    desk.cash(2_500 * E9);
    for _ in 0..2 {
        desk.flow(0, 1, 500 * E9, FlowKind::Deposit);
    }
    assert_eq!((desk.equity(0) / E9, desk.engine.counters().duplicate_fills), (1_500, 2));
    desk.cash(2_500 * E9);
    assert!(!desk.differs());
    // Another one of that size is another one.
    desk.flow(0, 2, 500 * E9, FlowKind::Deposit);
    desk.flow(1, 3, 500 * E9, FlowKind::Deposit);
    assert_eq!((desk.equity(0) / E9, desk.equity(1) / E9), (2_000, 1_500));
}

#[test]
fn of_several_announcements_the_one_that_explains_best_is_booked() {
    let mut limits = guarded();
    limits.accounts[0].cash_tolerance = Bps(1_000);
    let mut desk = Desk::new(limits);
    for amount in [480, 500, 500, 520] {
        assert_eq!(desk.expect(1, amount * E9, HOUR), None);
    }
    for (theirs, equity) in [(2_501, 1_500), (3_001, 2_000), (3_510, 2_520)] {
        desk.cash(theirs * E9);
        assert_eq!((desk.equity(1) / E9, desk.differs()), (equity, false), "{theirs}");
    }
    assert_eq!(desk.equity(0) / E9, 1_000);
}

#[test]
fn what_cannot_be_announced_is_refused() {
    let mut limits = guarded();
    limits.books[1].published = Some(Nanos::from_secs(5));
    let mut desk = Desk::new(limits);
    assert_eq!(desk.expect(0, 0, HOUR), Some(Reason::MinNotional));
    assert_eq!(desk.expect(1, 1, HOUR), Some(Reason::UnknownOrder));
    assert_eq!(desk.expect(9, 1, HOUR), Some(Reason::UnknownOrder));
    for told in 1..=65 {
        let expected = (told == 65).then_some(Reason::Capacity);
        assert_eq!(desk.expect(0, told, HOUR), expected, "{told}");
    }
    desk.wait(HOUR);
    assert_eq!(desk.expect(0, 1, HOUR), None, "there is room for new ones when the old ones are over");
}

#[test]
fn what_does_not_fit_is_not_taken_for_the_flow_that_was_announced() {
    let mut desk = Desk::new(guarded());
    assert_eq!(desk.expect(0, i128::MAX, HOUR), None);
    desk.cash(i128::MAX);
    let overflow = |row: tripline::wire::stats::CauseRow| {
        row.reason == Some(Reason::Arithmetic) && row.guard == u64::from(guard::INTEGRITY)
    };
    assert!(desk.engine.cause_rows().any(overflow));
    assert_eq!(desk.equity(0), 1_000 * E9);
}
