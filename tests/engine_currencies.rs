//! Money in several currencies: what it is worth, whom it is owed to, and what happens when nobody can say.

mod support;

use support::desk::*;
use tripline::engine::limits::{Anchor, Basis, Currency, DrawdownLimits, RateLimits};
use tripline::engine::{Limits, guard};
use tripline::model::event::{CommandVerb, FillCause, FlowKind};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

const KILL: u16 = 64;
const BOOK: Scope = Scope::Book(0);

fn pair(base: u16, quote: u16) -> RateLimits {
    let currency = |id| Currency { id, code: name("CCY") };
    RateLimits {
        base: currency(base),
        quote: currency(quote),
        haircut: Bps(50),
        age: Nanos::from_secs(60),
        band: None,
        source: None,
    }
}

/// Book 0 is kept in dollars and may hold bitcoin and coins.
fn foreign(capital: i128, drawdowns: Vec<DrawdownLimits>) -> Limits {
    let mut limits = limits(capital * E9, drawdowns);
    limits.rates = vec![pair(BTC, USD), pair(COIN, USD)];
    limits.instruments.iter_mut().for_each(|instrument| instrument.mark_age = Nanos::from_secs(1_000));
    limits
}

fn rate(desk: &mut Desk, base: u16, quote: u16, bid: i64, ask: i64) {
    desk.sequence += 1;
    let sequence = desk.sequence;
    desk.say(0, PLAIN, Flags::empty(), Event::Fx { base, quote, bid, ask, sequence, t_venue: 0 });
}

/// A price of bitcoin in whole dollars, bid and ask alike.
fn bitcoin(desk: &mut Desk, px: i64) {
    rate(desk, BTC, USD, px * 1_000_000_000, px * 1_000_000_000);
}

fn pay(desk: &mut Desk, id_: u64, ccy: u16, amount: i128) {
    let event = Event::Funding { id: id(id_), amount: Money(amount), ccy, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
}

fn bring(desk: &mut Desk, id_: u64, ccy: u16, amount: i128) {
    let kind = if amount < 0 { FlowKind::Withdrawal } else { FlowKind::Deposit };
    let event = Event::Flow { id: id(id_), amount: Money(amount), ccy, kind, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
}

fn is_trusted(desk: &Desk) -> bool {
    desk.engine.book_row(0).unwrap().trusted
}

fn assert_adds_up(desk: &Desk, funding: i128, capital: i128) {
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!(row.realised.0 + row.unrealised.0 - row.fees.0 + funding + capital, row.equity.0);
}

#[test]
fn assets_count_at_the_bid_less_the_haircut_and_debts_at_the_ask_plus_it() {
    for (amount, worth) in [
        (2 * E9, 99_500 * E9),
        (-2 * E9, -100_701 * E9),
        (1, 49_750),
        (-1, -50_351),
        (0, 0),
        (7, 348_250),
        (-7, -352_454),
    ] {
        let mut desk = Desk::new(foreign(1_000, vec![]));
        rate(&mut desk, BTC, USD, 50_000_000_000_000, 50_100_000_000_000);
        pay(&mut desk, 1, BTC, amount);
        assert_eq!(desk.equity(0), 1_000 * E9 + worth, "{amount}");
        assert!(is_trusted(&desk));
        let account = desk.engine.account_row(0).unwrap();
        assert_eq!(account.equity, Money(desk.equity(0) + desk.equity(1)));
    }
}

#[test]
fn a_pair_the_other_way_round_converts_through_its_inverse() {
    let mut limits = foreign(1_000, vec![]);
    limits.rates = vec![pair(USD, BTC)];
    for (amount, worth) in [
        // 1 / 0.000021 * 0.995 and 1 / 0.00002 * 1.005, floored.
        (E9, 47_380_952_380_952),
        (-E9, -50_250_000_000_000),
    ] {
        let mut desk = Desk::new(limits.clone());
        rate(&mut desk, USD, BTC, 20_000, 21_000);
        pay(&mut desk, 1, BTC, amount);
        assert_eq!(desk.equity(0), 1_000 * E9 + worth);
    }
}

#[test]
fn within_a_book_assets_and_debts_of_one_currency_are_netted_and_across_books_they_are_not() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    bitcoin(&mut desk, 50_000);
    pay(&mut desk, 1, BTC, 3 * E9);
    pay(&mut desk, 2, BTC, -3 * E9);
    assert_eq!(desk.equity(0), 1_000 * E9);
    pay(&mut desk, 3, BTC, E9);
    let owed = Event::Funding { id: id(1), amount: Money(-E9), ccy: BTC, t_venue: 0 };
    desk.say(1, PLAIN, Flags::empty(), owed);
    let account = desk.engine.account_row(0).unwrap();
    assert_eq!(account.equity.0, 2_000 * E9 + 49_750 * E9 - 50_250 * E9);
}

#[test]
fn a_rate_is_stale_when_its_age_exceeds_the_limit() {
    for (after, trusted) in [(60_000_000_000 - 1, true), (60_000_000_000, true), (60_000_000_001, false)] {
        let mut desk = Desk::new(foreign(1_000, vec![drawdown("kill")]));
        bitcoin(&mut desk, 50_000);
        pay(&mut desk, 1, BTC, E9);
        desk.wait(Nanos(after));
        assert_eq!(is_trusted(&desk), trusted, "{after}");
        assert_eq!(desk.equity(0), 50_750 * E9, "a stale rate still values");
        bitcoin(&mut desk, 50_000);
        assert!(is_trusted(&desk));
    }
}

#[test]
fn an_untrusted_rate_raises_no_peak_and_ends_no_cause() {
    let peak = |desk: &Desk| desk.engine.guard_row(0).unwrap().peak.0;
    let guard = DrawdownLimits { limit: Some(Bps(1_000)), ..drawdown("kill") };
    let mut desk = Desk::new(foreign(0, vec![guard]));
    bitcoin(&mut desk, 10_000);
    bring(&mut desk, 1, BTC, E9);
    assert_eq!(peak(&desk), 9_950 * E9, "armed at the first equity");
    bitcoin(&mut desk, 9_000);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "10 % in the same turn");
    desk.wait(Nanos::from_millis(400));
    // Crossed: nobody can trade at that.
    rate(&mut desk, BTC, USD, 20_000_000_000_000, 10_000_000_000_000);
    assert!(!is_trusted(&desk));
    assert_eq!((desk.equity(0), peak(&desk)), (8_955 * E9, 9_950 * E9));
    desk.wait(Nanos::from_secs(50));
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "time without trust does not confirm");
    bitcoin(&mut desk, 10_000);
    desk.wait(Nanos::from_secs(2));
    assert_eq!(desk.state(0), TradingState::Active);
    desk.wait(Nanos::from_secs(100));
    assert!(!is_trusted(&desk));
    pay(&mut desk, 9, USD, 500 * E9);
    assert_eq!(peak(&desk), 9_950 * E9, "higher, and on a stale rate");
}

#[test]
fn a_currency_that_falls_trips_a_drawdown_like_a_position() {
    for (px, soft) in [(8_501, false), (8_500, true), (8_499, true)] {
        let mut desk = Desk::new(foreign(0, vec![drawdown("kill")]));
        bitcoin(&mut desk, 10_000);
        bring(&mut desk, 1, BTC, E9);
        bitcoin(&mut desk, px);
        assert_eq!(desk.state(0) == TradingState::ReduceOnly, soft, "{px}");
        desk.wait(Nanos::from_millis(499));
        assert!(!desk.engine.guard_row(0).unwrap().latched);
        desk.wait(Nanos::from_millis(1));
        assert_eq!(desk.engine.guard_row(0).unwrap().latched, soft, "half a second of it");
    }
}

#[test]
fn money_without_any_rate_is_no_reading() {
    let mut desk = Desk::new(foreign(1_000, vec![drawdown("kill")]));
    pay(&mut desk, 1, BTC, E9);
    assert!(!is_trusted(&desk));
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    assert_eq!(desk.transitions.last().unwrap().reason, Reason::NoMark);
    bitcoin(&mut desk, 50_000);
    assert!(is_trusted(&desk));
    desk.wait(Nanos::from_secs(1));
    assert_eq!((desk.state(0), desk.equity(0)), (TradingState::Active, 50_750 * E9));
    let mut spent = Desk::new(foreign(1_000, vec![drawdown("kill")]));
    pay(&mut spent, 1, BTC, E9);
    pay(&mut spent, 2, BTC, -E9);
    assert!(is_trusted(&spent), "an empty wallet needs no rate");
}

#[test]
fn a_jump_of_a_rate_is_suspect_beyond_its_band_and_counts_only_where_it_is_worse() {
    for (px, trusted) in [(10_300, true), (10_301, false), (9_700, true), (9_699, false)] {
        let mut limits = foreign(0, vec![DrawdownLimits { limit: Some(Bps(300)), ..drawdown("kill") }]);
        limits.rates[0].band = Some(Bps(300));
        let mut desk = Desk::new(limits);
        bitcoin(&mut desk, 10_000);
        bring(&mut desk, 1, BTC, E9);
        bitcoin(&mut desk, px);
        assert_eq!(is_trusted(&desk), trusted, "{px}");
        assert_eq!(desk.state(0) == TradingState::ReduceOnly, px <= 9_700, "{px}");
        let shown = if trusted { px } else { 10_000 };
        assert_eq!(desk.equity(0), i128::from(shown) * 995 * E9 / 1_000);
        bitcoin(&mut desk, px);
        desk.wait(Nanos::from_millis(250));
        bitcoin(&mut desk, px);
        assert!(is_trusted(&desk), "three that agree over a quarter of a second");
    }
}

#[test]
fn one_spike_of_a_rate_raises_no_peak() {
    for (marks, peak) in [(1, 11_940), (2, 9_950), (3, 9_950)] {
        let mut desk = Desk::new(foreign(0, vec![DrawdownLimits { peak_n: marks, ..drawdown("kill") }]));
        bitcoin(&mut desk, 10_000);
        bring(&mut desk, 1, BTC, E9);
        bitcoin(&mut desk, 12_000);
        assert_eq!(desk.engine.guard_row(0).unwrap().peak.0, peak * E9, "{marks}");
        bitcoin(&mut desk, 12_000);
        bitcoin(&mut desk, 12_000);
        assert_eq!(desk.engine.guard_row(0).unwrap().peak.0, 11_940 * E9);
    }
}

#[test]
fn one_source_speaks_for_a_rate_and_no_other_pair_does() {
    let mut limits = foreign(1_000, vec![]);
    limits.rates[0].source = Some(0);
    let mut desk = Desk::new(limits);
    pay(&mut desk, 1, BTC, E9);
    let fx = |base, quote| Event::Fx { base, quote, bid: E9 as i64, ask: E9 as i64, sequence: 9, t_venue: 0 };
    desk.say(1, PLAIN, Flags::empty(), fx(BTC, USD));
    desk.say(0, PLAIN, Flags::empty(), fx(USD, BTC));
    desk.say(0, PLAIN, Flags::empty(), fx(BTC, COIN));
    assert_eq!(desk.engine.counters().ignored_marks, 3);
    assert!(!is_trusted(&desk));
    desk.say(0, PLAIN, Flags::empty(), fx(BTC, USD));
    assert_eq!(desk.equity(0), 1_000 * E9 + 995 * E9 / 1_000);
    desk.say(0, PLAIN, Flags::empty(), fx(BTC, USD));
    assert_eq!(desk.engine.counters().ignored_marks, 4, "the same sequence again");
}

#[test]
fn rates_are_not_chained() {
    let mut limits = foreign(1_000, vec![]);
    limits.rates = vec![pair(BTC, COIN), pair(COIN, USD)];
    let mut desk = Desk::new(limits);
    rate(&mut desk, BTC, COIN, 9, 9);
    rate(&mut desk, COIN, USD, 9, 9);
    pay(&mut desk, 1, BTC, E9);
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!((desk.transitions[0].reason, desk.equity(0)), (Reason::Gap, 1_000 * E9));
}

#[test]
fn what_nothing_converts_halts_the_book_and_books_nothing() {
    let fill = Event::Fill { order: 0, exec: 1, px: Ticks(50_000), qty: Lots(1), fee: 0 };
    let mut desk = Desk::with(1_000, vec![]);
    desk.say(0, INVERSE, Flags::empty(), fill);
    assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::UnknownFill));
    assert_eq!(desk.engine.position(0, INVERSE), 0);
    let mut desk = Desk::new(foreign(1_000, vec![]));
    desk.fill_at(0, PLAIN, 1, 10, 100, 5, 77, 1);
    assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::UnknownFill));
    assert_eq!((desk.engine.position(0, PLAIN), desk.equity(0)), (0, 1_000 * E9));
}

#[test]
fn an_instrument_may_settle_in_another_currency_than_its_accounts() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    bitcoin(&mut desk, 50_000);
    desk.mark(0, INVERSE, 50_000);
    desk.fill(0, INVERSE, 10, 50_000, 0);
    assert_eq!((desk.equity(0), is_trusted(&desk)), (1_000 * E9, true), "bought and worth the same");
    // 10 contracts of 100 dollars: 0.02 less 0.018181819 bitcoin is a gain of 0.001818181.
    desk.mark(0, INVERSE, 55_000);
    assert_eq!(desk.equity(0), 1_000 * E9 + 1_818_181 * 49_750);
    desk.mark(0, INVERSE, 40_000);
    assert_eq!(desk.equity(0), 1_000 * E9 - 5_000_000 * 50_250);
    desk.fill(0, INVERSE, -10, 40_000, 7);
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!(row.equity.0, 1_000 * E9 - 5_000_007 * 50_250);
    assert_eq!((row.unrealised, row.fees), (Money(0), Money(7 * 50_250)));
    for px in [1, 30_000, 90_000] {
        bitcoin(&mut desk, px);
        assert_adds_up(&desk, 0, 1_000 * E9);
    }
}

#[test]
fn a_fee_in_a_third_currency_is_charged_there_and_a_bust_gives_it_back() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    bitcoin(&mut desk, 50_000);
    rate(&mut desk, COIN, USD, 300_000_000_000, 301_000_000_000);
    desk.mark(0, PLAIN, 100);
    let before = desk.engine.book_row(0).unwrap();
    desk.fill_at(0, PLAIN, 1, 10, 100, 2_000_000, COIN, 0);
    let row = desk.engine.book_row(0).unwrap();
    let worth = 2_000_000 * 302_505 / 1_000;
    assert_eq!((row.equity.0, row.fees.0), (1_000 * E9 - worth, worth));
    assert_adds_up(&desk, 0, 1_000 * E9);
    desk.fill_at(0, PLAIN, 1, 10, 100, 2_000_000, COIN, 0);
    assert_eq!(desk.engine.book_row(0).unwrap(), row, "a repeat");
    let adjust = |fee, ccy| Event::FeeAdjust { order: 0, exec: 1, fee, ccy, exec_high: 0 };
    for (fee, ccy, left) in [
        (4_000_000, COIN, 2 * worth),
        (4_000_000, COIN, 2 * worth),
        (20_000, BTC, 20_000 * 50_250),
        (3_000, USD, 3_000),
        (-3_000, USD, -3_000),
        (2_000_000, COIN, worth),
        (0, COIN, 0),
        (-2_000_000, COIN, -2_000_000 * 298_500 / 1_000),
    ] {
        desk.say(0, PLAIN, Flags::empty(), adjust(fee, ccy));
        let row = desk.engine.book_row(0).unwrap();
        assert_eq!((row.fees.0, row.equity.0), (left, 1_000 * E9 - left), "{fee} of {ccy}");
    }
    assert_eq!(desk.engine.counters().duplicate_fills, 2);
    let bust = Event::FillBust { order: 0, exec: 1, px: Ticks(100), qty: Lots(10), fee: 0 };
    desk.say(0, PLAIN, Flags::empty(), bust);
    assert_eq!(desk.engine.book_row(0).unwrap(), before);
}

#[test]
fn a_fee_in_the_accounts_currency_is_charged_there_though_the_position_settles_elsewhere() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    bitcoin(&mut desk, 50_000);
    desk.mark(0, INVERSE, 50_000);
    desk.fill_at(0, INVERSE, 1, 10, 50_000, 30, USD, 0);
    assert_eq!(desk.equity(0), 1_000 * E9 - 30);
}

#[test]
fn an_unknown_fee_is_charged_in_the_settlement_currency_until_it_is_known_in_another() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    rate(&mut desk, COIN, USD, 1_000_000_000, 1_000_000_000);
    desk.fill_at(0, PLAIN, 1, 10, 100, UNKNOWN_FEE, COIN, 0);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(E9), "10 bps of 1 000");
    let known = Event::FeeAdjust { order: 0, exec: 1, fee: 1_000, ccy: COIN, exec_high: 0 };
    desk.say(0, PLAIN, Flags::empty(), known);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(1_005));
}

#[test]
fn a_flow_in_another_currency_scales_the_peak_by_its_worth() {
    let mut desk = Desk::new(foreign(100, vec![drawdown("kill")]));
    rate(&mut desk, BTC, USD, 100_000_000_000, 100_000_000_000);
    desk.funding(0, 1, -10 * E9);
    bring(&mut desk, 2, BTC, -E9);
    let row = desk.engine.guard_row(0).unwrap();
    assert_eq!(desk.taken(KILL)[0].reason, Reason::FlowUnpriced, "owes more than it has");
    assert_eq!(row.equity.0, 90 * E9 - 100_500_000_000);
    let mut desk = Desk::new(foreign(100, vec![drawdown("kill")]));
    rate(&mut desk, BTC, USD, 100_000_000_000, 100_000_000_000);
    desk.funding(0, 1, -10 * E9);
    bring(&mut desk, 2, BTC, 2 * E9);
    let row = desk.engine.guard_row(0).unwrap();
    assert_eq!(row.equity.0, 90 * E9 + 199 * E9);
    assert_eq!(row.peak.0, 321_111_111_112, "ceil(100 * 289 / 90)");
    assert_eq!(row.drawdown_bps, 1_000);
    assert_adds_up(&desk, -10 * E9, 299 * E9);
    bring(&mut desk, 2, BTC, 2 * E9);
    assert_eq!(desk.equity(0), 289 * E9, "once per id");
}

#[test]
fn a_flow_whose_worth_nobody_can_tell_latches_every_guard_until_a_rebase() {
    let relative = drawdown("kill");
    let absolute = DrawdownLimits { limit: None, limit_abs: Some(Money(50 * E9)), ..drawdown("kill") };
    let fixed = DrawdownLimits { anchor: Anchor::Static, basis: Basis::Realised, ..relative.clone() };
    for guard in [relative, absolute, fixed] {
        for case in ["never", "stale", "suspect"] {
            let mut desk = Desk::new(foreign(1_000, vec![guard.clone()]));
            match case {
                "stale" => {
                    bitcoin(&mut desk, 100);
                    desk.wait(Nanos(60_000_000_001));
                }
                "suspect" => {
                    bitcoin(&mut desk, 100);
                    rate(&mut desk, BTC, USD, 0, 1);
                }
                _ => {}
            }
            bring(&mut desk, 1, BTC, E9);
            let unpriced = desk.taken(KILL);
            assert_eq!(unpriced.last().map(|latch| latch.reason), Some(Reason::FlowUnpriced), "{case}");
            let nonce = desk.nonce(BOOK, KILL);
            bitcoin(&mut desk, 100);
            let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
            assert_eq!(kept.reason, Some(Reason::FlowUnpriced));
            let rebased = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true);
            assert_eq!(rebased.verdict, Verdict::Pass, "{case}");
            // Without any rate it was no capital, and is unrealised for good.
            let nothing = case == "never" && guard.basis == Basis::Realised;
            let peak = 1_000 * E9 + if nothing { 0 } else { 99_500_000_000 };
            assert_eq!(desk.engine.guard_row(0).unwrap().peak.0, peak, "{case}");
        }
    }
}

#[test]
fn a_loan_changes_no_equity_in_any_currency_and_counts_once() {
    for ccy in [0, USD, BTC] {
        let mut desk = Desk::new(foreign(1_000, vec![drawdown("kill")]));
        let event = Event::Flow { id: id(1), amount: Money(5 * E9), ccy, kind: FlowKind::Borrow, t_venue: 0 };
        for _ in 0..2 {
            desk.say(0, PLAIN, Flags::empty(), event);
        }
        assert_eq!((desk.equity(0), desk.state(0)), (1_000 * E9, TradingState::Active));
        assert_eq!(desk.engine.counters().duplicate_fills, 1);
    }
}

#[test]
fn a_largest_notional_is_held_against_the_accounts_currency() {
    // 10 contracts of 100 at 50 000 are 0.02 bitcoin: at 50 000 plus the haircut 1 005 dollars.
    for (limit, denied) in [(1_005 * E9 - 1, true), (1_005 * E9, false), (1_005 * E9 + 1, false)] {
        let mut limits = foreign(1_000, vec![]);
        limits.books[0].max_order_notional = Some(Money(limit));
        let mut desk = Desk::new(limits.clone());
        desk.mark(0, INVERSE, 50_000);
        let answer = desk.ask_limit(0, INVERSE, 1, 10, 50_000);
        assert_eq!((answer.verdict, answer.reason), (Verdict::Deny, Some(Reason::NoMark)), "no rate");
        bitcoin(&mut desk, 50_000);
        let answer = desk.ask_limit(0, INVERSE, 2, 10, 50_000);
        assert_eq!(answer.reason, denied.then_some(Reason::MaxNotional), "{limit}");
        if denied {
            assert_eq!((answer.measured, answer.limit), (1_005_000_000, 1_004_999_999));
        }
        desk.wait(Nanos(60_000_000_001));
        desk.mark(0, INVERSE, 50_000);
        let answer = desk.ask_limit(0, INVERSE, 3, 10, 50_000);
        assert_eq!(answer.reason, Some(Reason::MarkStale));
        let mut told = Desk::new(limits);
        bitcoin(&mut told, 50_000);
        told.order(0, INVERSE, 1, 10, 50_000);
        assert_eq!(told.state(0) == TradingState::ReduceOnly, denied, "in gate mode");
        assert_eq!(told.taken(guard::ORDER_NOTIONAL).len(), usize::from(denied));
    }
}

#[test]
fn what_does_not_fit_halts_the_book_and_changes_nothing() {
    for (amount, bid) in [(i128::MAX, i64::MAX), (i128::MIN, i64::MAX), (i128::MAX / 2, 3_000_000_000)] {
        let mut desk = Desk::new(foreign(1_000, vec![]));
        rate(&mut desk, BTC, USD, bid, bid);
        let before = desk.engine.book_row(0).unwrap();
        pay(&mut desk, 1, BTC, amount);
        assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::Arithmetic));
        let after = desk.engine.book_row(0).unwrap();
        assert_eq!((after.equity, after.fees), (before.equity, before.fees));
        assert_eq!(desk.state(1), TradingState::Active);
    }
    // The fee fits, the trade does not: neither is booked.
    let mut desk = Desk::new(foreign(1_000, vec![]));
    bitcoin(&mut desk, 50_000);
    let (much, dear) = (1_000_000_000_000_000_000, 120_000_000_000);
    desk.fill_at(0, PLAIN, 1, much, dear, 1_000, BTC, 0);
    assert_eq!((desk.state(0), desk.engine.position(0, PLAIN)), (TradingState::Active, much));
    let before = desk.engine.book_row(0).unwrap();
    desk.fill_at(0, PLAIN, 2, much, dear, 1_000, BTC, 0);
    assert_eq!(desk.engine.position(0, PLAIN), much);
    assert_eq!(desk.transitions[0].reason, Reason::Arithmetic);
    let after = desk.engine.book_row(0).unwrap();
    assert_eq!((after.equity, after.fees), (before.equity, before.fees));
    bitcoin(&mut desk, 1);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(1_005));
}

#[test]
fn a_rate_that_makes_a_sum_too_large_halts_the_books_that_hold_it() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    rate(&mut desk, BTC, USD, 1, 1);
    pay(&mut desk, 1, BTC, i128::MAX / 2);
    assert_eq!(desk.state(0), TradingState::Active);
    rate(&mut desk, BTC, USD, i64::MAX, i64::MAX);
    assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::Arithmetic));
    assert_eq!(desk.state(1), TradingState::Active);
}

#[test]
fn a_cause_other_than_normal_changes_nothing_about_a_fee() {
    let mut desk = Desk::new(foreign(1_000, vec![]));
    rate(&mut desk, COIN, USD, 1_000_000_000, 1_000_000_000);
    let first = Event::Fill { order: 0, exec: 1, px: Ticks(100), qty: Lots(1), fee: 1_000 };
    desk.say(0, PLAIN, Flags::MORE, first);
    let rest = Event::FillExt {
        exec_high: 0,
        cum_qty: Lots(0),
        t_venue: 0,
        fee_ccy: COIN,
        cause: FillCause::Liquidation,
        venue_order: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), rest);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(1_005));
}
