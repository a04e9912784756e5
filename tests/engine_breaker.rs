//! The breaker on failed orders and the guards on authentication and liquidation errors, through the whole engine.

#[path = "engine_breaker/history.rs"]
mod history;
#[path = "engine_breaker/oracle.rs"]
mod oracle;
#[path = "engine_breaker/probes.rs"]
mod probes;
#[path = "engine_breaker/rates.rs"]
mod rates;
mod support;

use oracle::fewest;
use support::desk::*;
use tripline::engine::limits::{Actions, BreakerLimits, BreakerRule, CountLimits, VenueCodes};
use tripline::engine::{Limits, Transition, WordId, guard};
use tripline::model::event::{CommandVerb, DoneStatus, OrderAction, RejectClass};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Latch, Lots, Nanos, Reason, Scope, TradingState};
use tripline::wire::stats::BreakerRow;

const ACCOUNT: Scope = Scope::Account(0);
const BOOK: Scope = Scope::Book(0);
const HOUR: u64 = 3_600;
const NO_TIMEOUT: Nanos = Nanos::from_secs(1_000_000_000);

/// Only the windows judge.
const SIGNIFICANT: BreakerLimits = BreakerLimits {
    rule: BreakerRule::Significant,
    limit: Bps(500),
    consecutive: 0,
    cooldown: Nanos::from_secs(900),
    cooldown_cap: Nanos::from_secs(3_600),
    smallest_window: 10,
    half_open: None,
    metrics_only: false,
};

/// Judges nothing before 400 outcomes.
const PATIENT: BreakerLimits =
    BreakerLimits { rule: BreakerRule::Literal { window: 400, min: 400 }, ..SIGNIFICANT };

const fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// So many within so many seconds, and nothing is directed.
fn counts(count: u8, seconds: u64) -> CountLimits {
    let (actions, repeated) = (Actions::empty(), Actions::empty());
    CountLimits { count, window: secs(seconds), actions, repeated }
}

/// Everything has this breaker; authentication and liquidation errors count as by default.
fn guarded(breaker: BreakerLimits) -> Limits {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.books.iter_mut().for_each(|book| book.breaker = Some(breaker));
    for account in &mut limits.accounts {
        account.ack_timeout = NO_TIMEOUT;
        account.breaker = Some(breaker);
        account.auth = Some(counts(3, 60));
        account.liquidation = Some(counts(2, 60));
    }
    limits
}

fn desk(breaker: BreakerLimits) -> Desk {
    Desk::new(guarded(breaker))
}

/// What a desk's orders meet.
trait Orders {
    fn announce(&mut self, book: u16) -> u64;
    fn refuse(&mut self, book: u16, order: u64, class: RejectClass);
    /// One order from announcement to its end.
    fn outcome(&mut self, book: u16, error: Option<RejectClass>);
    /// Acknowledged and cancelled, or rejected.
    fn outcome_of(&mut self, book: u16, order: u64, error: Option<RejectClass>);
    fn breaker(&self, scope: Scope) -> BreakerRow;
    /// Resets a guard, once its cool-down is over.
    fn close(&mut self, scope: Scope, guard: u16);
}

impl Orders for Desk {
    fn announce(&mut self, book: u16) -> u64 {
        let order = self.fresh_id();
        self.order(book, PLAIN, order, 1, 100);
        order
    }

    fn refuse(&mut self, book: u16, order: u64, class: RejectClass) {
        self.reject(book, PLAIN, order, class, OrderAction::New);
    }

    fn outcome(&mut self, book: u16, error: Option<RejectClass>) {
        let order = self.announce(book);
        self.outcome_of(book, order, error);
    }

    fn outcome_of(&mut self, book: u16, order: u64, error: Option<RejectClass>) {
        match error {
            Some(class) => self.refuse(book, order, class),
            None => self.ack(book, PLAIN, order),
        }
        // An order of which nobody knows that it is none goes on working: it is canceled too.
        if !matches!(error, None | Some(RejectClass::Timeout | RejectClass::DuplicateId)) {
            return;
        }
        self.done(book, PLAIN, order, DoneStatus::Canceled);
    }

    fn breaker(&self, scope: Scope) -> BreakerRow {
        self.engine.breaker_rows().find(|row| row.scope == Some(scope)).expect("the scope has a breaker")
    }

    fn close(&mut self, scope: Scope, guard: u16) {
        if guard == guard::ERROR_RATE {
            let until = self.breaker(scope).until;
            self.advance(until.max(self.now));
        }
        let nonce = self.nonce(scope, guard);
        assert_eq!(self.command(CommandVerb::Reset, scope, guard, nonce, false).verdict, Verdict::Pass);
    }
}

fn rejected(order: u64, class: RejectClass, venue_code: i32) -> Event {
    let action = OrderAction::New;
    Event::OrderReject { order: id(order), class, action, venue_code, cum_qty: Lots(0), t_venue: 0 }
}

const INFRASTRUCTURE: Option<RejectClass> = Some(RejectClass::Infrastructure);
const INVALID: Option<RejectClass> = Some(RejectClass::Invalid);

/// `errors` among `outcomes`, spread as evenly as they go, the last outcome an error.
fn spread(errors: u32, outcomes: u32) -> impl Iterator<Item = bool> {
    (1..=outcomes).map(move |at| at * errors / outcomes > (at - 1) * errors / outcomes)
}

fn error_if(error: bool) -> Option<RejectClass> {
    error.then_some(RejectClass::Infrastructure)
}

/// `errors` among `outcomes`, as late as they go without being significant in a shorter window.
fn late(errors: u32, outcomes: u32) -> Vec<bool> {
    let mut all = vec![false; outcomes as usize];
    let mut left = errors;
    for at in (0..all.len()).rev() {
        let fits = |size: &usize| {
            let window = all.iter().skip(at).take(*size).filter(|&&error| error).count() as u32;
            *size >= all.len() || window + 1 < fewest(*size as u32, 500)
        };
        all[at] = left > 0 && [20, 100].iter().all(fits);
        left -= u32::from(all[at]);
    }
    assert_eq!(left, 0, "{errors} of {outcomes} do not fit");
    all
}

/// So far apart that a minute holds too few outcomes to count.
const APART: Nanos = Nanos::from_secs(7);

#[test]
fn a_window_opens_at_its_number_of_errors_and_not_one_before() {
    for (outcomes, k) in [(10, 5), (20, 6), (50, 9), (100, 14), (200, 22), (400, 36)] {
        assert_eq!(fewest(outcomes, 500), k, "K[{outcomes}]");
        for errors in [k - 1, k, k + 1] {
            let mut desk = desk(SIGNIFICANT);
            let mut opened_at = None;
            for (index, error) in late(errors, outcomes).into_iter().enumerate() {
                desk.wait(APART);
                desk.outcome(0, error_if(error));
                opened_at = opened_at.or(desk.breaker(ACCOUNT).open.then_some(index + 1));
            }
            let seen = desk.taken(guard::ERROR_RATE);
            if errors < k {
                assert_eq!((opened_at, seen.len()), (None, 0), "{errors} of {outcomes}");
                continue;
            }
            let at = opened_at.expect("it opens");
            assert_opened(&seen[0], ACCOUNT, Reason::ErrorRate);
            if errors == k {
                assert_eq!(at, outcomes as usize, "{errors} of {outcomes}");
                assert_eq!((seen[0].measured, seen[0].limit), (i64::from(k), i64::from(k) - 1));
            }
            assert_eq!(desk.engine.word(WordId::Account(1)).state, TradingState::Active);
            assert!(!desk.breaker(BOOK).open, "what infrastructure does is not the strategy's");
        }
    }
}

fn assert_opened(transition: &Transition, scope: Scope, reason: Reason) {
    assert!(transition.began && transition.scope == scope && transition.reason == reason, "{transition:?}");
    assert_eq!(
        (transition.old_state, transition.new_state),
        (TradingState::Active, TradingState::ReduceOnly)
    );
}

#[test]
fn a_window_counts_from_the_smallest_one_on() {
    for smallest in [1, 10, 11] {
        let mut desk = desk(BreakerLimits { smallest_window: smallest, ..SIGNIFICANT });
        // Two of two are already significant at 5 %: 25 in 10 000 are not, three of three are.
        let opens_at = u32::from(smallest).max((1..).find(|&n| fewest(n, 500) <= n).unwrap());
        for count in 1..=opens_at {
            assert!(!desk.breaker(BOOK).open, "smallest {smallest}: after {}", count - 1);
            desk.outcome(0, INVALID);
        }
        assert!(desk.breaker(BOOK).open && !desk.breaker(ACCOUNT).open, "smallest {smallest}");
    }
}

#[test]
fn errors_in_a_row_open_at_the_configured_number() {
    let mut desk = desk(BreakerLimits { consecutive: 10, ..PATIENT });
    for _ in 0..9 {
        desk.outcome(0, INFRASTRUCTURE);
    }
    assert_eq!(desk.breaker(ACCOUNT).consecutive, 9);
    desk.outcome(1, None);
    assert_eq!(desk.breaker(ACCOUNT).consecutive, 0, "an acknowledgement of any book on the account");
    for count in 1..=10 {
        assert!(!desk.breaker(ACCOUNT).open);
        desk.outcome(count % 2, INFRASTRUCTURE);
        desk.outcome(0, INVALID);
    }
    let seen = desk.taken(guard::ERROR_RATE);
    assert_opened(&seen[0], ACCOUNT, Reason::Consecutive);
    assert_eq!((seen[0].measured, seen[0].limit, seen[0].latch), (10, 9, Latch::Cooldown));
    assert_opened(&seen[1], BOOK, Reason::Consecutive);
    assert_eq!(seen.len(), 2);
}

#[test]
fn errors_in_a_row_are_named_before_their_rate_and_zero_is_off() {
    let mut desk = desk(BreakerLimits { consecutive: 10, ..SIGNIFICANT });
    (0..10).for_each(|_| desk.outcome(0, INFRASTRUCTURE));
    assert_opened(&desk.taken(guard::ERROR_RATE)[0], ACCOUNT, Reason::Consecutive);
    let mut off = self::desk(PATIENT);
    (0..399).for_each(|_| off.outcome(0, INFRASTRUCTURE));
    assert!(!off.breaker(ACCOUNT).open);
    off.outcome(0, INFRASTRUCTURE);
    assert_opened(&off.taken(guard::ERROR_RATE)[0], ACCOUNT, Reason::ErrorRate);
}

#[test]
fn the_literal_rule_opens_above_the_limit_and_from_its_minimum_on() {
    let literal = |window, min| BreakerLimits { rule: BreakerRule::Literal { window, min }, ..SIGNIFICANT };
    // Outcomes in order: so many acks, then so many errors.
    for (window, min, acks, errors, expected) in [
        (100, 20, 0, 19, None),
        (100, 20, 0, 20, Some((20, 1))),
        (100, 20, 95, 5, None),
        (100, 20, 95, 6, Some((6, 5))),
        (100, 20, 500, 5, None),
        (100, 20, 500, 6, Some((6, 5))),
        (100, 20, 18, 1, None),
        (100, 20, 19, 1, None),
        (100, 20, 18, 2, Some((2, 1))),
        (400, 400, 399, 1, None),
        (400, 400, 379, 21, Some((21, 20))),
        (10, 10, 9, 1, Some((1, 0))),
    ] {
        let case = format!("{window}/{min}: {acks} acks, {errors} errors");
        let mut desk = desk(literal(window, min));
        (0..acks).for_each(|_| desk.outcome(0, None));
        for _ in 0..errors {
            assert!(!desk.breaker(BOOK).open, "{case}");
            desk.outcome(0, INVALID);
        }
        let seen = desk.taken(guard::ERROR_RATE);
        assert_eq!(seen.first().map(|seen| (seen.measured, seen.limit)), expected, "{case}");
    }
}

#[test]
fn the_last_minute_is_a_window_of_its_own() {
    // 40 acknowledgements long ago, so that the last 100 outcomes tolerate more than the last minute does.
    for (outcomes, gap, errors, opens) in [
        (60, secs(1), fewest(60, 500) - 1, false),
        (60, secs(1), fewest(60, 500), true),
        // Twice as far apart: half of them are older than a minute.
        (60, secs(2), fewest(60, 500), false),
        (500, ms(100), fewest(500, 500) - 1, false),
        (500, ms(100), fewest(500, 500), true),
    ] {
        let mut desk = desk(SIGNIFICANT);
        (0..40).for_each(|_| desk.outcome(0, None));
        desk.wait(secs(1_000));
        for error in spread(errors, outcomes) {
            assert!(!desk.breaker(ACCOUNT).open, "{outcomes} each {gap:?}: before the last");
            desk.outcome(0, error_if(error));
            let to = desk.now.after(gap);
            if desk.breaker(ACCOUNT).outcomes < 40 + u64::from(outcomes) {
                desk.advance(to);
            }
        }
        assert_eq!(desk.breaker(ACCOUNT).open, opens, "{errors} of {outcomes} each {gap:?}");
    }
}

#[test]
fn a_minute_beyond_the_table_is_held_to_the_share_of_its_end() {
    let (n, exact) = (5_000, fewest(5_000, 500));
    let needed = (fewest(4_096, 500) * n).div_ceil(4_096);
    assert!(needed > exact);
    for (errors, opens) in [(exact, false), (needed - 1, false), (needed, true)] {
        let mut desk = desk(SIGNIFICANT);
        // Fewer errors first and the last ones in a row, so that no shorter minute on the way is significant.
        let most = spread(125, n / 2).chain(spread(errors - 128, n / 2 - 3));
        for error in most.chain([true; 3]) {
            assert!(!desk.breaker(ACCOUNT).open, "{errors}: before the last");
            desk.outcome(0, error_if(error));
        }
        assert_eq!(desk.breaker(ACCOUNT).open, opens, "{errors}");
    }
}

#[test]
fn each_class_counts_where_it_belongs() {
    use RejectClass::*;
    for (class, opened) in [
        (Invalid, Some((BOOK, guard::ERROR_RATE))),
        (Funds, Some((BOOK, guard::ERROR_RATE))),
        (VenueRisk, Some((ACCOUNT, guard::ERROR_RATE))),
        (Infrastructure, Some((ACCOUNT, guard::ERROR_RATE))),
        (Timeout, Some((ACCOUNT, guard::ERROR_RATE))),
        (DuplicateId, Some((ACCOUNT, guard::ERROR_RATE))),
        (Unmapped, Some((ACCOUNT, guard::ERROR_RATE))),
        (Auth, Some((ACCOUNT, guard::AUTH))),
        (Liquidation, Some((ACCOUNT, guard::LIQUIDATION))),
        (Rate, None),
    ] {
        let mut desk = desk(SIGNIFICANT);
        (0..20).for_each(|_| desk.outcome(0, Some(class)));
        let seen: Vec<(Scope, u16)> = desk.transitions.iter().map(|seen| (seen.scope, seen.guard)).collect();
        assert_eq!(seen, Vec::from_iter(opened), "{class:?}");
        let errors = [BOOK, ACCOUNT, Scope::Book(1)].map(|scope| desk.breaker(scope).errors);
        let counted = |scope| u64::from(opened == Some((scope, guard::ERROR_RATE))) * 20;
        assert_eq!(errors, [counted(BOOK), counted(ACCOUNT), 0], "{class:?}");
    }
}

#[test]
fn an_acknowledgement_counts_in_the_book_and_in_the_account() {
    let mut desk = desk(SIGNIFICANT);
    for (book, error) in [(0, None), (0, None), (1, None), (0, INVALID), (1, INFRASTRUCTURE)] {
        desk.outcome(book, error);
    }
    let seen = |scope| (desk.breaker(scope).outcomes, desk.breaker(scope).errors);
    assert_eq!((seen(BOOK), seen(Scope::Book(1)), seen(ACCOUNT)), ((3, 1), (1, 0), (4, 1)));
    assert_eq!((seen(Scope::Book(2)), seen(Scope::Account(1))), ((0, 0), (0, 0)));
}

#[test]
fn without_limits_nothing_opens() {
    let mut desk = Desk::new(limits(1_000 * E9, vec![]));
    for class in (1..=9).filter_map(RejectClass::from_raw) {
        (0..40).for_each(|_| desk.outcome(0, Some(class)));
    }
    assert_eq!((desk.engine.cause_count(), desk.engine.breaker_rows().count()), (0, 0));
}

#[test]
fn a_code_means_what_the_map_says_and_the_client_knows_better() {
    let mut limits = guarded(SIGNIFICANT);
    limits.accounts[0].venue_codes = VenueCodes::new(vec![
        (-1003, RejectClass::Rate),
        (-2019, RejectClass::Funds),
        (7, RejectClass::Unmapped),
    ]);
    for (class, code, counted, unmapped) in [
        (RejectClass::Unmapped, -1003, [0, 0], 0),
        (RejectClass::Unmapped, -2019, [1, 0], 0),
        (RejectClass::Infrastructure, -2019, [0, 1], 0),
        (RejectClass::Unmapped, -4, [0, 1], 1),
        (RejectClass::Unmapped, 7, [0, 1], 1),
        (RejectClass::Unmapped, 0, [0, 1], 1),
    ] {
        let mut desk = Desk::new(limits.clone());
        let order = desk.announce(0);
        desk.say(0, PLAIN, Flags::empty(), rejected(order, class, code));
        let errors = [BOOK, ACCOUNT].map(|scope| desk.breaker(scope).errors);
        assert_eq!(
            (errors, desk.engine.counters().unmapped_rejects),
            (counted, unmapped),
            "{class:?} {code}"
        );
    }
}

#[test]
fn a_refused_cancel_is_no_outcome_and_a_refused_modify_is_one() {
    for (action, errors) in [(OrderAction::Cancel, 0), (OrderAction::Modify, 1)] {
        let mut desk = desk(SIGNIFICANT);
        let order = desk.announce(0);
        desk.ack(0, PLAIN, order);
        desk.say(0, PLAIN, Flags::empty(), order_modify(order, 1, 101));
        desk.reject(0, PLAIN, order, RejectClass::Infrastructure, action);
        assert_eq!(desk.breaker(ACCOUNT).errors, errors, "{action:?}");
    }
}

#[test]
fn an_attempt_has_one_outcome() {
    let mut desk = desk(SIGNIFICANT);
    let order = desk.announce(0);
    desk.ack(0, PLAIN, order);
    desk.ack(0, PLAIN, order);
    desk.refuse(0, order, RejectClass::Infrastructure);
    assert_eq!((desk.breaker(ACCOUNT).outcomes, desk.breaker(ACCOUNT).errors), (1, 0));
}

#[test]
fn orders_nobody_answers_time_out_into_the_account() {
    let mut limits = guarded(SIGNIFICANT);
    limits.accounts[0].ack_timeout = secs(5);
    let mut desk = Desk::new(limits);
    let orders: Vec<u64> = (0..10).map(|_| desk.announce(0)).collect();
    desk.wait(Nanos(secs(5).0 - 1));
    assert_eq!(desk.breaker(ACCOUNT).outcomes, 0);
    desk.wait(Nanos(1));
    assert_opened(&desk.taken(guard::ERROR_RATE)[0], ACCOUNT, Reason::ErrorRate);
    orders.into_iter().for_each(|order| desk.ack(0, PLAIN, order));
    let row = desk.breaker(ACCOUNT);
    assert_eq!((row.outcomes, row.errors, desk.breaker(BOOK).outcomes), (10, 10, 0), "late is not repaired");
}

#[test]
fn successes_that_grow_old_do_not_open_it() {
    let mut desk = desk(SIGNIFICANT);
    (0..15).for_each(|_| desk.outcome(0, None));
    desk.wait(secs(50));
    for error in [false, true, false, true, false, true, false, true, false, true] {
        desk.outcome(0, error_if(error));
    }
    // Five of ten are significant: that is what the minute will hold once the acknowledgements are old.
    assert_eq!(fewest(10, 500), 5);
    desk.wait(secs(11));
    desk.outcome(0, None);
    assert!(!desk.breaker(ACCOUNT).open && desk.transitions.is_empty(), "time and successes do not open it");
    desk.outcome(0, INFRASTRUCTURE);
    assert!(desk.breaker(ACCOUNT).open, "the next error does");
}

#[test]
fn a_few_errors_of_the_kind_halt_the_account_within_exact_times() {
    let nearly = Nanos(secs(60).0 - 1);
    for (class, guard, reason, gaps, halts) in [
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(0), secs(0)], true),
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(0)], false),
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(30), Nanos(secs(30).0 - 1)], true),
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(30), secs(30)], false),
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(40); 20], false),
        (RejectClass::Auth, guard::AUTH, Reason::Auth, vec![secs(59), secs(1), secs(58)], true),
        (RejectClass::Liquidation, guard::LIQUIDATION, Reason::Liquidation, vec![], false),
        (RejectClass::Liquidation, guard::LIQUIDATION, Reason::Liquidation, vec![nearly], true),
        (RejectClass::Liquidation, guard::LIQUIDATION, Reason::Liquidation, vec![secs(60)], false),
        (RejectClass::Liquidation, guard::LIQUIDATION, Reason::Liquidation, vec![secs(60); 40], false),
    ] {
        let mut desk = desk(BreakerLimits { consecutive: 1, ..SIGNIFICANT });
        desk.outcome(0, Some(class));
        for gap in &gaps {
            desk.wait(*gap);
            desk.outcome(1, Some(class));
        }
        let seen = std::mem::take(&mut desk.transitions);
        assert_eq!(seen.len(), usize::from(halts), "{class:?} {gaps:?}");
        let Some(seen) = seen.first() else { continue };
        assert_eq!(
            (seen.scope, seen.guard, seen.reason, seen.latch),
            (ACCOUNT, guard, reason, Latch::Sticky)
        );
        assert_eq!((seen.new_state, seen.measured - seen.limit), (TradingState::Halted, 1));
        desk.close(ACCOUNT, guard);
        desk.transitions.clear();
        (0..seen.limit).for_each(|_| desk.outcome(0, Some(class)));
        assert!(desk.transitions.is_empty(), "a reset forgets those that led to it");
        desk.outcome(0, Some(class));
        assert_eq!(desk.transitions.len(), 1);
    }
}

/// Opens the breaker of the account now. What the gates say about it.
fn open(desk: &mut Desk) -> Transition {
    desk.transitions.clear();
    (0..10).for_each(|_| desk.outcome(0, INFRASTRUCTURE));
    let seen = desk.taken(guard::ERROR_RATE);
    assert_eq!(seen.len(), 1);
    seen[0]
}

#[test]
fn the_cool_down_doubles_within_a_day_up_to_its_cap() {
    let day = 24 * HOUR;
    let nearly = Nanos(secs(day).0 - 1);
    // Times of openings, and how long the last one lasts in seconds.
    for (cap, at, lasts) in [
        (3_600, vec![secs(0)], 900),
        (3_600, vec![secs(0), secs(3 * HOUR)], 1_800),
        (3_600, vec![secs(0), secs(3 * HOUR), secs(6 * HOUR)], 3_600),
        (3_600, vec![secs(0), secs(3 * HOUR), secs(6 * HOUR), secs(9 * HOUR)], 3_600),
        (7_199, vec![secs(0), secs(3 * HOUR), secs(6 * HOUR), secs(9 * HOUR)], 7_199),
        (7_200, vec![secs(0), secs(3 * HOUR), secs(6 * HOUR), secs(9 * HOUR)], 7_200),
        (7_201, vec![secs(0), secs(3 * HOUR), secs(6 * HOUR), secs(9 * HOUR)], 7_200),
        (900, vec![secs(0), secs(3 * HOUR)], 900),
        (3_600, vec![secs(0), nearly], 1_800),
        (3_600, vec![secs(0), secs(day)], 900),
        (3_600, vec![secs(0), secs(day - 5 * HOUR), secs(day)], 1_800),
    ] {
        let mut desk = desk(BreakerLimits { cooldown_cap: secs(cap), ..SIGNIFICANT });
        let start = desk.now;
        for (index, &time) in at.iter().enumerate() {
            desk.advance(start.after(time));
            let opened = open(&mut desk);
            let row = desk.breaker(ACCOUNT);
            assert_eq!((opened.latch, row.openings), (Latch::Cooldown, index as u64 + 1));
            if index + 1 < at.len() {
                desk.close(ACCOUNT, guard::ERROR_RATE);
                continue;
            }
            assert_eq!(row.until, desk.now.after(secs(lasts)), "{at:?}, cap {cap}");
            desk.advance(Nanos(row.until.0 - 1));
            assert!(desk.transitions.is_empty());
            desk.advance(row.until);
            assert_eq!(desk.transitions.len(), 1);
            assert_eq!(desk.transitions[0].reason, Reason::ReadyToResume);
            assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::ReduceOnly);
        }
    }
}

#[test]
fn the_third_opening_within_four_hours_sticks() {
    for (last, latch) in [
        (Nanos(secs(4 * HOUR).0 - 1), Latch::Sticky),
        (secs(4 * HOUR), Latch::Cooldown),
        (secs(90), Latch::Sticky),
    ] {
        let mut desk = desk(BreakerLimits { cooldown: secs(1), ..SIGNIFICANT });
        let start = desk.now;
        for time in [secs(0), secs(60)] {
            desk.advance(start.after(time));
            assert_eq!(open(&mut desk).latch, Latch::Cooldown);
            desk.close(ACCOUNT, guard::ERROR_RATE);
        }
        desk.advance(start.after(last));
        assert_eq!(open(&mut desk).latch, latch, "{last:?}");
        let row = desk.breaker(ACCOUNT);
        assert!(row.open && (row.until == Nanos::ZERO) == (latch == Latch::Sticky), "{row:?}");
        desk.wait(secs(3 * 24 * HOUR));
        assert!(desk.breaker(ACCOUNT).open, "nothing closes it by itself");
        desk.close(ACCOUNT, guard::ERROR_RATE);
        assert_eq!(open(&mut desk).latch, Latch::Cooldown, "days later it is the first again");
    }
}

#[test]
fn what_arrives_while_it_is_open_neither_extends_nor_reopens_it() {
    let mut desk = desk(SIGNIFICANT);
    open(&mut desk);
    let (opened, epoch) = (desk.breaker(ACCOUNT), desk.engine.epoch());
    desk.wait(secs(100));
    (0..30).for_each(|_| desk.outcome(0, INFRASTRUCTURE));
    let row = desk.breaker(ACCOUNT);
    assert_eq!((row.until, row.openings, row.generation), (opened.until, 1, 0));
    assert_eq!((desk.transitions.len(), desk.engine.epoch()), (0, epoch));
    assert_eq!((row.errors, row.consecutive), (40, 40), "but it is counted");
}

#[test]
fn closing_starts_a_generation_in_which_only_its_own_orders_count() {
    let mut desk = desk(SIGNIFICANT);
    let before: Vec<u64> = (0..20).map(|_| desk.announce(1)).collect();
    open(&mut desk);
    let while_open: Vec<u64> = (0..20).map(|_| desk.announce(1)).collect();
    desk.close(ACCOUNT, guard::ERROR_RATE);
    let row = desk.breaker(ACCOUNT);
    assert_eq!((row.open, row.generation, row.outcomes, row.errors, row.consecutive), (false, 1, 0, 0, 0));
    let after: Vec<u64> = (0..9).map(|_| desk.announce(1)).collect();
    for order in before.into_iter().chain(while_open) {
        desk.refuse(1, order, RejectClass::Infrastructure);
    }
    assert_eq!(desk.breaker(ACCOUNT).outcomes, 0, "they are of the old generation");
    for order in after {
        desk.refuse(1, order, RejectClass::Infrastructure);
    }
    assert_eq!((desk.breaker(ACCOUNT).errors, desk.breaker(ACCOUNT).open), (9, false));
    desk.outcome(1, INFRASTRUCTURE);
    assert!(desk.breaker(ACCOUNT).open, "the tenth counts");
    assert_eq!(desk.breaker(Scope::Book(1)).generation, 0, "the account's generation is not the book's");
}
