//! Connections that are not up: no opening elsewhere, exits that nobody can verify, FLATTEN that waits for what is held.

mod support;

use support::desk::*;
use tripline::engine::limits::{Actions, CountLimits, DrawdownLimits, VenueLimits};
use tripline::engine::{Limits, Source, WordId, guard};
use tripline::model::event::{CommandVerb, ConnectionState, Intent, OrderAction, RejectClass};
use tripline::model::verdict::{Task, Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Handle, Leg, Lots, Message, Name, Nanos, Reason, Scope, TradingState};

/// Book 0 is strategy 0's on the account at the first venue, book 1 strategy 1's there, book 2 strategy 0's at another.
const HERE: u16 = 0;
const THERE: u16 = 2;
const VENUE: Flags = Flags::VENUE_REDUCE_ONLY;

fn desk_with(change: impl Fn(&mut Limits)) -> Desk {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.accounts[1].venue = name("other");
    limits.accounts[1].currency = limits.accounts[0].currency;
    limits.venues.push(VenueLimits::new(name("other")));
    change(&mut limits);
    let mut desk = Desk::new(limits);
    for instrument in [PLAIN, PERP] {
        desk.mark(0, instrument, 100);
    }
    desk
}

fn desk() -> Desk {
    desk_with(|_| {})
}

/// What a strategy tells of a source of its account, or, with an instrument, of market data.
fn tell(desk: &mut Desk, book: u16, instrument: Option<u16>, source: u32, state: ConnectionState) {
    let (strategy, account) = {
        let of = &desk.engine.limits().books[usize::from(book)];
        (of.strategy, of.account)
    };
    let handle = Handle::new(strategy, account, instrument);
    let event = Event::Connection { source, state, attempt: 1, venue_code: 0 };
    let position = desk.position;
    desk.position += 1;
    let message = Message { flags: Flags::empty(), epoch: 0, handle, event };
    desk.apply(Source::Lane { lane: strategy, strategy, position }, &message);
}

fn connect(desk: &mut Desk, source: u32, state: ConnectionState) {
    tell(desk, HERE, None, source, state);
}

fn begin(desk: &mut Desk, book: u16) {
    let event = Event::SnapBegin { snapshot: 7, what: 1, position_before: desk.position };
    desk.say(book, PLAIN, Flags::empty(), event);
}

/// The rows and the end of a snapshot of positions that names `qty` of PLAIN.
fn end(desk: &mut Desk, book: u16, qty: i64) {
    let row =
        Event::SnapPosition { snapshot: 7, qty: Lots(qty), average_px: 0, liquidation_px: 0, t_venue: 0 };
    desk.say(book, PLAIN, Flags::empty(), row);
    let event = Event::SnapEnd { snapshot: 7, rows: 1, position_after: desk.position, t_venue: 0 };
    desk.say(book, PLAIN, Flags::empty(), event);
}

fn snapshot(desk: &mut Desk, qty: i64) {
    begin(desk, HERE);
    end(desk, HERE, qty);
}

/// Up again, and proved.
fn recover(desk: &mut Desk, qty: i64) {
    connect(desk, 1, ConnectionState::Up);
    desk.wait(Nanos(1));
    snapshot(desk, qty);
}

fn opens(desk: &mut Desk, book: u16, instrument: u16) -> (Verdict, Option<Reason>, i64, i64) {
    let order = desk.fresh_id();
    let record = desk.ask_limit(book, instrument, order, 1, 100);
    match record.verdict {
        Verdict::Deny => (Verdict::Deny, record.reason, record.measured, record.limit),
        other => (other, record.reason, 0, 0),
    }
}

const PASS: (Verdict, Option<Reason>, i64, i64) = (Verdict::Pass, None, 0, 0);
const REROUTE: (Verdict, Option<Reason>, i64, i64) = (Verdict::Deny, Some(Reason::Reroute), 1, 0);

#[test]
fn while_a_venue_is_down_nothing_of_the_same_underlying_is_opened_at_another() {
    let coin = |limits: &mut Limits| {
        let underlying: Option<Name> = Some(name("COIN"));
        limits.instruments[usize::from(PLAIN)].underlying = underlying;
        limits.instruments[usize::from(SPOT)].underlying = underlying;
        limits.instruments[usize::from(PERP)].underlying = Some(name("OTHER"));
    };
    for (state, denied) in [
        (ConnectionState::Up, false),
        (ConnectionState::Down, true),
        (ConnectionState::Retrying, true),
        (ConnectionState::AuthFailed, true),
    ] {
        let mut desk = desk_with(coin);
        desk.mark(0, SPOT, 100);
        desk.fill(HERE, PLAIN, 5, 100, 0);
        connect(&mut desk, 1, state);
        let elsewhere = if denied { REROUTE } else { PASS };
        assert_eq!(opens(&mut desk, THERE, PLAIN), elsewhere, "{state:?}: the instrument itself");
        assert_eq!(opens(&mut desk, THERE, SPOT), elsewhere, "{state:?}: another of the same underlying");
        assert_eq!(opens(&mut desk, THERE, PERP), PASS, "{state:?}: another underlying");
        assert_eq!(opens(&mut desk, HERE, PLAIN), PASS, "{state:?}: where it is down itself");
        assert_eq!(opens(&mut desk, 1, PLAIN), PASS, "{state:?}: another book there");
    }
}

#[test]
fn what_was_never_ordered_at_the_venue_that_is_down_is_not_rerouted() {
    let mut never = desk();
    connect(&mut never, 1, ConnectionState::Down);
    assert_eq!(opens(&mut never, THERE, PLAIN), PASS);
    // An order is enough, whoever's it was; without an underlying the instrument stands for itself.
    let mut ordered = desk();
    assert_eq!(opens(&mut ordered, 1, PLAIN), PASS);
    connect(&mut ordered, 1, ConnectionState::Down);
    assert_eq!((opens(&mut ordered, THERE, PLAIN), opens(&mut ordered, THERE, PERP)), (REROUTE, PASS));
}

#[test]
fn what_only_reduces_elsewhere_passes_and_no_lot_more() {
    for (qty, passes) in [(-4, true), (-5, true), (-6, false)] {
        let mut desk = desk();
        desk.fill(HERE, PLAIN, 5, 100, 0);
        desk.fill(THERE, PLAIN, 5, 100, 0);
        connect(&mut desk, 1, ConnectionState::Down);
        let record = desk.ask_limit(THERE, PLAIN, 1, qty, 100);
        assert_eq!(record.reason, (!passes).then_some(Reason::Reroute), "{qty}");
    }
    let mut desk = desk();
    desk.fill(HERE, PLAIN, 5, 100, 0);
    desk.ask_limit(THERE, PLAIN, 1, 5, 100);
    connect(&mut desk, 1, ConnectionState::Down);
    for (qty, reason) in [(4, None), (5, None), (6, Some(Reason::Reroute))] {
        let record = desk.ask(THERE, PLAIN, Flags::empty(), order_modify(1, qty, 100));
        assert_eq!(record.reason, reason, "a live order becomes {qty}");
    }
}

#[test]
fn it_lasts_until_every_source_is_up_and_a_snapshot_begun_later_has_matched() {
    let mut desk = desk();
    desk.fill(HERE, PLAIN, 5, 100, 0);
    connect(&mut desk, 1, ConnectionState::Down);
    connect(&mut desk, 2, ConnectionState::Retrying);
    desk.wait(ms(10));
    begin(&mut desk, HERE);
    connect(&mut desk, 1, ConnectionState::Up);
    end(&mut desk, HERE, 5);
    desk.wait(ms(10));
    snapshot(&mut desk, 5);
    assert_eq!(opens(&mut desk, THERE, PLAIN), REROUTE, "one source is down still");
    begin(&mut desk, HERE);
    connect(&mut desk, 2, ConnectionState::Up);
    desk.wait(Nanos(1));
    end(&mut desk, HERE, 5);
    assert_eq!(opens(&mut desk, THERE, PLAIN), REROUTE, "the snapshot was begun before");
    desk.wait(Nanos(1));
    snapshot(&mut desk, 6);
    assert_eq!(opens(&mut desk, THERE, PLAIN), REROUTE, "it is not what the books say");
    desk.wait(Nanos(1));
    snapshot(&mut desk, 5);
    assert_eq!(opens(&mut desk, THERE, PLAIN), PASS);

    // Of its own lane the position tells what was first, in the very instant too; of another lane only the time, which is
    // known to the second.
    for (book, later, expected) in [(HERE, 0, PASS), (1, 0, REROUTE), (1, 1_000_000_000, PASS)] {
        desk.wait(ms(1));
        desk.mark(0, PLAIN, 100);
        connect(&mut desk, 1, ConnectionState::Down);
        connect(&mut desk, 1, ConnectionState::Up);
        desk.wait(Nanos(later));
        desk.mark(1, PERP, 100);
        begin(&mut desk, book);
        end(&mut desk, book, 5);
        assert_eq!(opens(&mut desk, THERE, PLAIN), expected, "{later} ns later by book {book}");
    }
}

#[test]
fn a_reconnected_account_is_asked_for_a_snapshot_once() {
    let mut desk = desk();
    connect(&mut desk, 1, ConnectionState::Down);
    connect(&mut desk, 2, ConnectionState::Down);
    connect(&mut desk, 1, ConnectionState::Up);
    assert_eq!(desk.directives.len(), 0);
    connect(&mut desk, 2, ConnectionState::Up);
    connect(&mut desk, 2, ConnectionState::Up);
    let tasks: Vec<_> = desk.directives.iter().map(|told| told.directive.task).collect();
    assert_eq!(tasks, [Task::Snapshot { what: 7 }]);
}

fn exit(desk: &mut Desk, flags: Flags, qty: i64) -> VerdictRecord {
    let order = desk.fresh_id();
    desk.ask(HERE, PLAIN, Flags::SELL | flags, order_with(Intent::Exit, 0, order, qty, 100))
}

#[test]
fn with_a_stale_order_stream_only_venue_enforced_exits_are_verified() {
    for qty in [9, 10, 11] {
        let mut desk = desk();
        desk.fill(HERE, PLAIN, 10, 100, 0);
        let fresh = if qty > 10 { Verdict::Deny } else { Verdict::PassExit };
        assert_eq!(exit(&mut desk, VENUE, qty).verdict, fresh);
        connect(&mut desk, 1, ConnectionState::Down);
        let record = exit(&mut desk, Flags::empty(), qty);
        assert_eq!((record.verdict, record.reason), (Verdict::ExitUnverified, Some(Reason::ExitUnverified)));
        assert_eq!(exit(&mut desk, VENUE, qty).verdict, Verdict::PassExit, "the venue knows what is held");
        connect(&mut desk, 1, ConnectionState::Up);
        assert_eq!(
            exit(&mut desk, Flags::empty(), qty).verdict,
            Verdict::ExitUnverified,
            "nothing is proved yet"
        );
        desk.wait(Nanos(1));
        snapshot(&mut desk, 10);
        assert_eq!(exit(&mut desk, Flags::empty(), qty).verdict, fresh, "{qty}");
    }
}

#[test]
fn the_stream_of_another_account_and_market_data_make_no_exit_unverified() {
    let mut desk = desk();
    desk.fill(HERE, PLAIN, 10, 100, 0);
    tell(&mut desk, THERE, None, 1, ConnectionState::Down);
    tell(&mut desk, HERE, Some(PLAIN), 1, ConnectionState::Down);
    assert_eq!(desk.engine.counters().unhandled, 1);
    assert_eq!(exit(&mut desk, Flags::empty(), 10).verdict, Verdict::PassExit);
}

#[test]
fn what_a_client_said_of_its_connections_ends_with_it_and_is_proved_by_the_next() {
    let mut desk = desk();
    desk.fill(HERE, PLAIN, 10, 100, 0);
    connect(&mut desk, 1, ConnectionState::Down);
    desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 0, generation: 1 });
    desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 2 });
    assert_eq!(exit(&mut desk, Flags::empty(), 10).verdict, Verdict::ExitUnverified);
    desk.wait(Nanos(1));
    snapshot(&mut desk, 10);
    assert_eq!(exit(&mut desk, Flags::empty(), 10).verdict, Verdict::PassExit);
}

/// Long 10 of 1 000 with a 15 % guard that directs `actions`; the mark falls to 80 while the stream is down.
fn killed(actions: Actions) -> Desk {
    let mut desk = desk_with(|limits| {
        limits.drawdowns = vec![DrawdownLimits { actions, untrusted_t: ms(100), ..drawdown("kill") }];
    });
    desk.fill(HERE, PLAIN, 10, 100, 0);
    connect(&mut desk, 1, ConnectionState::Down);
    desk.mark(HERE, PLAIN, 80);
    desk.wait(ms(100));
    assert_eq!(desk.state(HERE), TradingState::Halted, "an untrusted breach of that length latches");
    desk
}

fn told(desk: &mut Desk) -> Vec<Task> {
    std::mem::take(&mut desk.directives).iter().map(|told| told.directive.task).collect()
}

#[test]
fn flatten_waits_for_what_is_held_and_protection_goes_with_it() {
    let scope = Scope::Book(HERE);
    let flatten = |qty| Task::Flatten { scope: Scope::Instrument(0, PLAIN), leg: Leg::Net, qty };
    let (all, some) = (Task::CancelAll { scope }, Task::CancelIncreasing { scope });
    for (actions, at_once, later) in [
        (Actions::FLATTEN, vec![], vec![]),
        (Actions::FLATTEN | Actions::CANCEL_ALL, vec![some], vec![all]),
        (Actions::FLATTEN | Actions::CANCEL_INCREASING, vec![some], vec![]),
    ] {
        let mut desk = killed(actions);
        let snapshot = Task::Snapshot { what: 7 };
        assert_eq!(told(&mut desk), [vec![snapshot], at_once].concat(), "{actions:?}");
        // Three lots were closed meanwhile, and are told now.
        connect(&mut desk, 1, ConnectionState::Up);
        desk.fill(HERE, PLAIN, -3, 80, 0);
        told(&mut desk);
        desk.wait(Nanos(1));
        self::snapshot(&mut desk, 7);
        let flattened = told(&mut desk);
        assert_eq!(flattened.iter().filter(|task| **task != some).copied().collect::<Vec<_>>(), {
            [later, vec![flatten(-7)]].concat()
        });
        desk.wait(Nanos(1));
        self::snapshot(&mut desk, 7);
        assert_eq!(told(&mut desk), [], "once");
    }
}

#[test]
fn flatten_waits_while_the_venue_contradicts_the_position() {
    let mut desk = desk_with(|limits| {
        limits.drawdowns =
            vec![DrawdownLimits { actions: Actions::FLATTEN, untrusted_t: ms(100), ..drawdown("kill") }];
    });
    desk.fill(HERE, PLAIN, 10, 100, 0);
    snapshot(&mut desk, 9);
    desk.mark(HERE, PLAIN, 80);
    desk.wait(ms(100));
    assert_eq!(desk.state(HERE), TradingState::Halted);
    let flattens =
        |desk: &mut Desk| told(desk).iter().filter(|task| matches!(task, Task::Flatten { .. })).count();
    assert_eq!(flattens(&mut desk), 0);
    snapshot(&mut desk, 10);
    assert_eq!(flattens(&mut desk), 1);
}

#[test]
fn whoever_resets_the_guard_in_the_meantime_keeps_what_is_held() {
    for reset in [false, true] {
        let mut desk = desk_with(|limits| {
            let (window, actions) = (Nanos::from_secs(60), Actions::FLATTEN);
            limits.accounts[0].auth = Some(CountLimits { count: 1, window, actions, repeated: actions });
        });
        desk.fill(HERE, PLAIN, 10, 100, 0);
        connect(&mut desk, 1, ConnectionState::Down);
        desk.order(HERE, PLAIN, 1, 1, 100);
        desk.reject(HERE, PLAIN, 1, RejectClass::Auth, OrderAction::New);
        assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Halted);
        if reset {
            let nonce = desk.nonce(Scope::Account(0), guard::AUTH);
            let reply = desk.command(CommandVerb::Reset, Scope::Account(0), guard::AUTH, nonce, true);
            assert_eq!(reply.reason, None);
        }
        told(&mut desk);
        recover(&mut desk, 10);
        let flattens = told(&mut desk).iter().filter(|task| matches!(task, Task::Flatten { .. })).count();
        assert_eq!(flattens, usize::from(!reset));
    }
}

#[test]
fn more_sources_than_there_is_room_for_halt_the_account() {
    for (count, halts) in [(255, false), (256, false), (257, true)] {
        let mut desk = desk();
        for source in 0..count {
            connect(&mut desk, source, ConnectionState::Down);
        }
        let reasons: Vec<_> = desk.engine.cause_rows().map(|row| (row.scope, row.reason)).collect();
        let full = (Some(Scope::Account(0)), Some(Reason::Capacity));
        assert_eq!(reasons, if halts { vec![full] } else { vec![] }, "{count}");
    }
}
