//! Free balances and free margin, where an account tells of them, through the whole engine.

mod support;

use support::desk::*;
use tripline::engine::Limits;
use tripline::engine::limits::RateLimits;
use tripline::model::event::{DoneStatus, Intent, ListMode, OrderAction, OrderAttrs, OrderType, RejectClass};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Ticks};

const BALANCES: u32 = 4;
const E6: i64 = 1_000_000;
/// The venue gives no amount.
const UNTOLD: i64 = i64::MIN;

/// What a venue says of its money.
trait Tells {
    fn margin(&mut self, available: i64, ccy: u16);
    fn balances(&mut self, rows: &[(i64, u16)]);
    fn balances_asked(&mut self, before: u64, rows: &[(i64, u16)]);
}

impl Tells for Desk {
    fn margin(&mut self, available: i64, ccy: u16) {
        let event = Event::Margin { initial: 0, maintenance: 0, available, ccy, ratio: Bps(0), t_venue: 0 };
        self.say(0, PLAIN, Flags::empty(), event);
    }

    fn balances(&mut self, rows: &[(i64, u16)]) {
        self.balances_asked(self.position, rows);
    }

    fn balances_asked(&mut self, before: u64, rows: &[(i64, u16)]) {
        let begin = Event::SnapBegin { snapshot: 7, what: BALANCES, position_before: before };
        self.say(0, PLAIN, Flags::empty(), begin);
        for &(available, ccy) in rows {
            let event = Event::SnapBalance { snapshot: 7, total: Money(2_000_000 * E9), available, ccy };
            self.say(0, PLAIN, Flags::empty(), event);
        }
        let (rows, position_after) = (rows.len() as u64, self.position);
        let end = Event::SnapEnd { snapshot: 7, rows, position_after, t_venue: 0 };
        self.say(0, PLAIN, Flags::empty(), end);
    }
}

/// A desk whose instruments have marks: PLAIN 100, SPOT 50.00, INVERSE 50 000.
fn desk_of(limits: Limits) -> Desk {
    let mut desk = Desk::new(limits);
    for (instrument, px) in [(PLAIN, 100), (SPOT, 5_000)] {
        desk.mark(0, instrument, px);
    }
    desk.mark(2, INVERSE, 50_000);
    desk
}

fn desk() -> Desk {
    desk_of(limits(1_000_000 * E9, vec![]))
}

fn leveraged(bps: u32) -> Limits {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.instruments.iter_mut().for_each(|instrument| instrument.initial_margin = Bps(bps));
    limits
}

fn answer(record: VerdictRecord) -> (Verdict, Option<Reason>, i64, i64) {
    let passed = record.verdict != Verdict::Deny;
    (record.verdict, record.reason, if passed { 0 } else { record.measured }, record.limit)
}

const PASS: (Verdict, Option<Reason>, i64, i64) = (Verdict::Pass, None, 0, 0);

fn denied(reason: Reason, need: i64, left: i64) -> (Verdict, Option<Reason>, i64, i64) {
    (Verdict::Deny, Some(reason), need, left)
}

#[test]
fn who_tells_of_no_money_is_held_to_none() {
    let mut desk = desk();
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 1_000_000, 100)), PASS);
    // A venue that gives totals and initial margin and nothing else has told of none either.
    desk.balances(&[(UNTOLD, USD)]);
    desk.margin(UNTOLD, 0);
    assert_eq!(answer(desk.ask_limit(0, SPOT, 2, 1_000_000, 5_000)), PASS);
}

#[test]
fn what_opens_is_held_to_its_share_of_free_margin() {
    // 20 at 100 and a tenth of it: 200.
    for (available, passes) in [(200 * E6 - 1, false), (200 * E6, true), (200 * E6 + 1, true)] {
        for sign in [1, -1] {
            let mut desk = desk_of(leveraged(1_000));
            desk.margin(available, 0);
            let expected = if passes { PASS } else { denied(Reason::Margin, 200 * E6, available) };
            assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 20 * sign, 100)), expected, "{available} {sign}");
        }
    }
}

#[test]
fn without_a_share_the_whole_notional_is_margin_and_with_none_nothing_is() {
    for (bps, need) in [(10_000, 2_000 * E6), (1, E6 / 5), (0, 0)] {
        let mut desk = desk_of(leveraged(bps));
        desk.margin(need - 1, 0);
        let expected = if need == 0 { PASS } else { denied(Reason::Margin, need, need - 1) };
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 20, 100)), expected, "{bps}");
        desk.margin(need, 0);
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 20, 100)), PASS, "{bps}");
    }
}

#[test]
fn a_spot_buy_is_held_to_the_balance_it_pays_with_and_a_sale_to_the_one_it_delivers() {
    // 2.000 at 50.00: 100 dollars, or 2 coins.
    for (qty, ccy, need) in [(2_000, USD, 100 * E6), (-2_000, COIN, 2 * E6)] {
        for (available, passes) in [(need - 1, false), (need, true), (need + 1, true)] {
            let mut desk = desk();
            let other = if ccy == USD { COIN } else { USD };
            desk.balances(&[(available, ccy), (0, other)]);
            let expected = if passes { PASS } else { denied(Reason::Balance, need, available) };
            assert_eq!(answer(desk.ask_limit(0, SPOT, 1, qty, 5_000)), expected, "{qty} {available}");
        }
    }
}

#[test]
fn a_currency_that_was_not_told_denies() {
    let mut desk = desk();
    desk.balances(&[(1_000 * E6, COIN)]);
    assert_eq!(answer(desk.ask_limit(0, SPOT, 1, 2_000, 5_000)), denied(Reason::Balance, 100 * E6, 0));
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 1, 100)), denied(Reason::Balance, 100 * E6, 0));
    // Told once, and not named by the next snapshot: whatever there was is not there any more.
    desk.balances(&[(1_000 * E6, COIN), (1_000 * E6, 0)]);
    assert_eq!(answer(desk.ask_limit(0, SPOT, 3, 2_000, 5_000)), PASS);
    desk.balances(&[(1_000 * E6, COIN)]);
    assert_eq!(answer(desk.ask_limit(0, SPOT, 4, 2_000, 5_000)), denied(Reason::Balance, 100 * E6, 0));
    // Another account is another matter.
    assert_eq!(answer(desk.ask_limit(2, INVERSE, 5, 10, 50_000)), PASS);
}

#[test]
fn margin_in_a_currency_nobody_trades_is_margin_all_the_same() {
    let mut desk = desk();
    desk.margin(1_000 * E6, 99);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 1, 100)), denied(Reason::Margin, 100 * E6, 0));
    desk.margin(100 * E6, USD);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 1, 100)), PASS);
}

#[test]
fn margin_comes_before_balance_for_what_has_margin_and_after_it_for_spot() {
    let mut desk = desk();
    desk.balances(&[(0, USD), (0, COIN)]);
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASS);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 1, 100)), denied(Reason::Margin, 100 * E6, 0));
    assert_eq!(answer(desk.ask_limit(0, SPOT, 3, 2_000, 5_000)), denied(Reason::Balance, 100 * E6, 0));
}

#[test]
fn what_settles_elsewhere_needs_margin_of_the_account_at_the_worse_rate() {
    let mut limits = leveraged(1_000);
    let code = |text| name(text);
    limits.rates = vec![RateLimits {
        base: tripline::engine::limits::Currency { id: BTC, code: code("BTC") },
        quote: tripline::engine::limits::Currency { id: USD, code: code("USD") },
        haircut: Bps(0),
        age: Nanos::from_secs(60),
        band: None,
        source: None,
    }];
    let mut desk = desk_of(limits);
    desk.mark(0, INVERSE, 50_000);
    desk.margin(400 * E6, 0);
    let fx = |bid, ask| Event::Fx { base: BTC, quote: USD, bid, ask, sequence: 1, t_venue: 0 };
    // 10 contracts of 100 at 50 000 are 0.02 coins; a tenth of that is 0.002, at 60 000 120 dollars.
    assert_eq!(answer(desk.ask_limit(0, INVERSE, 1, 10, 50_000)).1, Some(Reason::NoMark));
    desk.say(0, PLAIN, Flags::empty(), fx(50_000_000_000_000, 60_000_000_000_000));
    desk.margin(120 * E6 - 1, 0);
    let short = denied(Reason::Margin, 120 * E6, 120 * E6 - 1);
    assert_eq!(answer(desk.ask_limit(0, INVERSE, 2, 10, 50_000)), short);
    desk.margin(120 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, INVERSE, 3, 10, 50_000)), PASS);
    // Margin in the very currency needs no rate.
    desk.margin(2_000 - 1, BTC);
    assert_eq!(answer(desk.ask_limit(0, INVERSE, 4, 10, 50_000)), denied(Reason::Margin, 2_000, 1_999));
    desk.margin(2_000, BTC);
    assert_eq!(answer(desk.ask_limit(0, INVERSE, 5, 10, 50_000)), PASS);
}

#[test]
fn what_only_reduces_need_not_pay_and_what_turns_a_position_pays_for_what_it_opens() {
    // Long 10: a sale of 11 opens 1.
    for (qty, need) in [(-9, 0), (-10, 0), (-11, 100 * E6), (-15, 500 * E6), (1, 100 * E6)] {
        let mut desk = desk();
        desk.fill(0, PLAIN, 10, 100, 0);
        desk.margin(0, 0);
        let expected = if need == 0 { PASS } else { denied(Reason::Margin, need, 0) };
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, qty, 100)), expected, "{qty}");
    }
    let mut desk = desk();
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.margin(-1, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, -6, 100)), PASS);
    // With 6 on their way out, 5 more would turn it.
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, -5, 100)), denied(Reason::Margin, 100 * E6, -1));
    assert_eq!(answer(desk.ask_to(Intent::Reduce, 0, PLAIN, 3, -4, 100)), PASS);
    let exit = desk.ask_to(Intent::Exit, 0, PLAIN, 4, -10, 100);
    assert_eq!(exit.verdict, Verdict::PassExit);
}

#[test]
fn what_is_under_way_is_taken_off_until_the_venue_tells_again() {
    let mut desk = desk();
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 6, 100)), PASS);
    assert_eq!(answer(desk.ask_limit(1, PLAIN, 2, 5, 100)), denied(Reason::Margin, 500 * E6, 400 * E6));
    // Without asking it takes as much.
    desk.order(1, PLAIN, 3, 3, 100);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 4, 2, 100)), denied(Reason::Margin, 200 * E6, 100 * E6));
    desk.margin(200 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 5, 2, 100)), PASS);
}

#[test]
fn what_comes_to_nothing_gives_its_share_back_once() {
    type Act = fn(&mut Desk);
    let ends: [(&str, Act, i64); 4] = [
        ("canceled", |desk| desk.done(0, PLAIN, 1, DoneStatus::Canceled), 1_000),
        ("refused", |desk| desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::New), 1_000),
        ("not sent", |desk| desk.not_sent(0, PLAIN, 1, OrderAction::New), 1_000),
        (
            "filled in part",
            |desk| {
                desk.fill_as(0, PLAIN, 77, 1, 4, 100, 0);
                desk.done(0, PLAIN, 1, DoneStatus::Canceled);
                desk.done(0, PLAIN, 1, DoneStatus::Canceled);
            },
            600,
        ),
    ];
    for (how, end, left) in ends {
        let mut desk = desk();
        desk.margin(1_000 * E6, 0);
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASS);
        end(&mut desk);
        let one_more = left / 100 + 1;
        let short = denied(Reason::Margin, one_more * 100 * E6, left * E6);
        assert_eq!(answer(desk.ask_limit(1, PLAIN, 2, one_more, 100)), short, "{how}");
        assert_eq!(answer(desk.ask_limit(1, PLAIN, 3, one_more - 1, 100)), PASS, "{how}");
    }
}

#[test]
fn what_was_sent_in_the_moment_before_margin_was_told_gives_nothing_back() {
    // One turn has one time: request, MARGIN, and the end of the request.
    let mut desk = desk();
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASS);
    desk.margin(500 * E6, 0);
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    let short = denied(Reason::Margin, 600 * E6, 500 * E6);
    assert_eq!(answer(desk.ask_limit(1, PLAIN, 2, 6, 100)), short);
    assert_eq!(answer(desk.ask_limit(1, PLAIN, 3, 5, 100)), PASS);
}

#[test]
fn what_grows_after_margin_was_told_gives_back_only_by_what_it_grew() {
    let mut desk = desk();
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 5, 100)), PASS);
    desk.wait(ms(1));
    desk.margin(500 * E6, 0);
    let event =
        Event::OrderModify { order: id(1), px: Ticks(100), qty: Lots(6), attrs: attrs(), new_order: 0 };
    assert_eq!(answer(desk.ask(0, PLAIN, Flags::empty(), event)), PASS);
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    let short = denied(Reason::Margin, 600 * E6, 500 * E6);
    assert_eq!(answer(desk.ask_limit(1, PLAIN, 2, 6, 100)), short, "no more than was told");
}

#[test]
fn an_order_the_venue_has_already_taken_off_gives_nothing_back() {
    let mut desk = desk();
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASS);
    desk.wait(ms(1));
    desk.margin(0, 0);
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 1, 100)), denied(Reason::Margin, 100 * E6, 0));
}

#[test]
fn a_balance_lacks_what_was_sent_since_the_venue_was_asked_and_nothing_older() {
    let mut desk = desk();
    desk.balances(&[(1_000 * E6, USD)]);
    assert_eq!(answer(desk.ask_limit(0, SPOT, 1, 2_000, 5_000)), PASS);
    desk.wait(Nanos::from_secs(2));
    desk.mark(0, SPOT, 5_000);
    let asked = desk.position;
    desk.wait(ms(1));
    assert_eq!(answer(desk.ask_limit(0, SPOT, 2, 4_000, 5_000)), PASS);
    desk.wait(ms(1));
    desk.balances_asked(asked, &[(900 * E6, USD)]);
    // 900 were left without the first; the second takes 200 of them.
    assert_eq!(
        answer(desk.ask_limit(0, SPOT, 3, 14_001, 5_000)),
        denied(Reason::Balance, 700_050_000, 700 * E6)
    );
    // Given back is what the venue had not taken off.
    desk.done(0, SPOT, 1, DoneStatus::Canceled);
    assert_eq!(
        answer(desk.ask_limit(0, SPOT, 4, 14_001, 5_000)),
        denied(Reason::Balance, 700_050_000, 700 * E6)
    );
    desk.done(0, SPOT, 2, DoneStatus::Canceled);
    assert_eq!(
        answer(desk.ask_limit(0, SPOT, 5, 18_001, 5_000)),
        denied(Reason::Balance, 900_050_000, 900 * E6)
    );
    assert_eq!(answer(desk.ask_limit(0, SPOT, 6, 18_000, 5_000)), PASS);
}

#[test]
fn a_limit_that_would_trade_at_once_costs_what_the_mark_says_where_that_is_dearer() {
    // The mark is 100.
    for (qty, px, need) in [(1, 90, 90), (1, 110, 110), (-1, 110, 110), (-1, 90, 100)] {
        let mut desk = desk();
        desk.margin(need * E6 - 1, 0);
        let short = denied(Reason::Margin, need * E6, need * E6 - 1);
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, qty, px)), short, "{qty} at {px}");
        desk.margin(need * E6, 0);
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, qty, px)), PASS, "{qty} at {px}");
    }
}

#[test]
fn a_market_order_costs_the_mark_and_a_stop_its_trigger_where_that_is_dearer() {
    let kinds = [(OrderType::Market, 0, 100), (OrderType::Stop, 120, 120), (OrderType::Stop, 80, 100)];
    for (order_type, trigger, need) in kinds {
        for (available, passes) in [(need * E6 - 1, false), (need * E6, true)] {
            let mut desk = desk();
            desk.margin(available, 0);
            let order = Event::OrderNew {
                order: id(1),
                px: Ticks(0),
                qty: Lots(1),
                attrs: OrderAttrs { order_type, ..attrs() },
                group: 0,
                leg: 0,
                list_count: 0,
            };
            let more = if trigger == 0 { Flags::empty() } else { Flags::MORE };
            desk.say(0, PLAIN, Flags::PERMIT | more, order);
            if trigger != 0 {
                let rest = Event::OrderExt {
                    order: id(1),
                    trigger_px: Ticks(trigger),
                    expiry_utc_ns: 0,
                    quote_cost: 0,
                    parent: 0,
                };
                desk.say(0, PLAIN, Flags::PERMIT, rest);
            }
            let given = desk.verdicts.last().expect("it is answered").record;
            let expected = if passes { PASS } else { denied(Reason::Margin, need * E6, available) };
            assert_eq!(answer(given), expected, "{order_type:?} {trigger}");
        }
    }
}

#[test]
fn a_modification_pays_for_what_it_adds() {
    // 5 at 90 stand; what each asks for, and what that adds.
    for (qty, px, need) in [(5, 90, 0), (4, 95, 0), (6, 90, 90), (5, 95, 25), (6, 95, 120), (5, 85, 0)] {
        let mut desk = desk();
        desk.margin(10_000 * E6, 0);
        assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 5, 90)), PASS);
        desk.ack(0, PLAIN, 1);
        desk.margin((need - 1).max(0) * E6, 0);
        let given = answer(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, qty, px)));
        let expected = if need == 0 { PASS } else { denied(Reason::Margin, need * E6, given.3) };
        assert_eq!(given, expected, "{qty} at {px}");
        desk.margin(need * E6, 0);
        assert_eq!(answer(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, qty, px))), PASS);
        // It is under way now, so the same again finds nothing left.
        let next = answer(desk.ask_limit(1, PLAIN, 2, 1, 90));
        assert_eq!(next, denied(Reason::Margin, 90 * E6, 0), "{qty} at {px}");
    }
}

#[test]
fn the_members_of_a_list_pay_together_and_what_is_not_sent_costs_nothing() {
    // Two orders of 6 and 4 or 5 at 100, of 1 000.
    for (second, passes) in [(4, true), (5, false)] {
        let mut desk = desk();
        desk.margin(1_000 * E6, 0);
        let list = Event::OrderList { list: id(9), count: 2, mode: ListMode::Batch };
        desk.say(0, PLAIN, Flags::empty(), list);
        for (order, qty) in [(1, 6), (2, second)] {
            let Event::OrderNew { order, px, qty, attrs, group, leg, .. } = order_new(order, qty, 100) else {
                panic!("an order");
            };
            let member = Event::OrderNew { order, px, qty, attrs, group, leg, list_count: 2 };
            desk.say(0, PLAIN, Flags::PERMIT, member);
        }
        let given: Vec<_> = desk.verdicts.iter().map(|it| answer(it.record)).collect();
        if passes {
            assert_eq!(given, [PASS, PASS]);
        } else {
            assert_eq!(given[0].1, Some(Reason::ListMember));
            assert_eq!(given[1], denied(Reason::Margin, 500 * E6, 400 * E6));
        }
        let left = if passes { 0 } else { 1_000 };
        let next = answer(desk.ask_limit(1, PLAIN, 3, left / 100 + 1, 100));
        assert_eq!(next, denied(Reason::Margin, (left + 100) * E6, left * E6), "{second}");
    }
}

#[cfg(feature = "sidecar")]
#[test]
fn a_restored_engine_knows_what_was_told_and_pledged() {
    use tripline::engine::Engine;
    let mut desk = desk();
    desk.margin(1_000 * E6, 0);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 1, 6, 100)), PASS);
    desk.engine = Engine::restore(&desk.engine.snapshot()).expect("its own bytes");
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 2, 5, 100)), denied(Reason::Margin, 500 * E6, 400 * E6));
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(answer(desk.ask_limit(0, PLAIN, 3, 10, 100)), PASS);
}
