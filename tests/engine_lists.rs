//! Lists of orders: all or nothing, each member judged beside those before it, every member answered.

mod support;

use support::desk::*;
use support::seed::Seed;
use tripline::engine::limits::{
    ActionCosts, BucketKind, BucketLimits, BucketScope, DuplicateLimits, ScopeLimits, VenueId,
};
use tripline::engine::{Exposure, Limits, guard};
use tripline::model::event::{CommandVerb, Intent, ListMode, OrderAttrs, OrderType};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Lots, Mode, Money, Nanos, Reason, Scope, Ticks, TradingState};

const BOOK: Scope = Scope::Book(0);

/// A member as its owner sends it: flags beside PERMIT, and what continues it.
#[derive(Clone, Copy, Debug)]
struct Member {
    flags: Flags,
    event: Event,
    rest: Option<Event>,
}

type Answer = (Verdict, Option<Reason>, i64, i64);

const PASS: Answer = (Verdict::Pass, None, 0, 0);

fn denied(reason: Reason, measured: i64, limit: i64) -> Answer {
    (Verdict::Deny, Some(reason), measured, limit)
}

/// For what the member with this number has done.
fn for_the_list(measured: i64, limit: i64) -> Answer {
    denied(Reason::ListMember, measured, limit)
}

fn told(record: VerdictRecord) -> Answer {
    match record.verdict {
        Verdict::Deny => (Verdict::Deny, record.reason, record.measured, record.limit),
        other => (other, record.reason, 0, 0),
    }
}

fn open(order: u64, qty: i64) -> Member {
    Member { flags: side(qty), event: order_new(order, qty, 100), rest: None }
}

fn with(intent: Intent, group: u32, order: u64, qty: i64, px: i64) -> Member {
    Member { flags: side(qty), event: order_with(intent, group, order, qty, px), rest: None }
}

fn child(parent: u64, leg: u16, order: u64, qty: i64, px: i64) -> Member {
    let mut event = order_with(Intent::Protect, 7, order, qty, px);
    if let Event::OrderNew { leg: own, .. } = &mut event {
        *own = leg;
    }
    let rest =
        Event::OrderExt { order: id(order), trigger_px: Ticks(0), expiry_utc_ns: 0, quote_cost: 0, parent };
    Member { flags: side(qty), event, rest: Some(rest) }
}

fn announce(desk: &mut Desk, list: u64, count: u32) {
    let event = Event::OrderList { list: id(list), count, mode: ListMode::Batch };
    desk.say(0, PLAIN, Flags::empty(), event);
}

/// Sends one request, as one of a list of `count`; 0 for one that is of none. What the call answered.
fn send(desk: &mut Desk, member: &Member, count: u16) -> Vec<VerdictRecord> {
    let before = desk.verdicts.len();
    let Member { flags, mut event, rest } = *member;
    if let Event::OrderNew { list_count, .. } = &mut event {
        *list_count = count;
    }
    let more = if rest.is_some() { Flags::MORE } else { Flags::empty() };
    desk.say(0, PLAIN, flags | Flags::PERMIT | more, event);
    if let Some(rest) = rest {
        desk.say(0, PLAIN, flags | Flags::PERMIT, rest);
    }
    desk.verdicts[before..].iter().map(|verdict| verdict.record).collect()
}

/// Sends a whole list. Nothing is answered before the last member, and then every one of them, in order.
fn ask(desk: &mut Desk, members: &[Member]) -> Vec<VerdictRecord> {
    announce(desk, 900, members.len() as u32);
    let (last, others) = members.split_last().expect("a list has members");
    for member in others {
        assert_eq!(send(desk, member, members.len() as u16), [], "answered before it is whole");
    }
    let answers = send(desk, last, members.len() as u16);
    let ids: Vec<_> = members.iter().map(order_of).collect();
    assert_eq!(answers.iter().map(|answer| answer.order).collect::<Vec<_>>(), ids, "each once, in order");
    answers
}

fn order_of(member: &Member) -> u64 {
    let Event::OrderNew { order, .. } = member.event else { unreachable!("members are orders") };
    order.get()
}

fn answers(desk: &mut Desk, members: &[Member]) -> Vec<Answer> {
    ask(desk, members).into_iter().map(told).collect()
}

fn desk(change: impl Fn(&mut Limits)) -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    change(&mut limits);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

/// What a list may have left behind.
fn traces(desk: &Desk) -> (Exposure, (u32, u32), Vec<u64>, u64, usize) {
    let used = desk.engine.bucket_rows().map(|row| row.used).collect();
    let counters = desk.engine.counters();
    (
        desk.engine.exposure(0, PLAIN),
        desk.engine.sent_today(BOOK),
        used,
        counters.passed + counters.queued,
        desk.engine.cause_count(),
    )
}

fn bucket(limit: u32) -> BucketLimits {
    BucketLimits {
        id: 1,
        name: name("bucket"),
        scope: BucketScope::Venue(0 as VenueId),
        kind: BucketKind::SlidingLog { limit, window: Nanos::from_secs(1) },
        costs: ActionCosts::default(),
        jitter: Nanos::ZERO,
        start_pct: 0,
    }
}

/// Every limit that members use up together: the list that fits exactly, and the one that is one too much.
#[test]
fn a_list_is_held_to_every_limit_as_a_whole() {
    type Change = fn(&mut Limits);
    let cases: [(&str, Change, [i64; 3], Answer); 6] = [
        ("position", |limits| limits.books[0].max_position = Some(Lots(10)), [4, 3, 3], {
            denied(Reason::MaxPosition, 11, 10)
        }),
        ("open orders", |limits| limits.books[0].max_open_orders = Some(3), [1, 1, 1], {
            denied(Reason::OpenOrders, 4, 3)
        }),
        ("orders a day", |limits| limits.firm.orders_per_day = Some(3), [1, 1, 1], {
            denied(Reason::DailyCount, 4, 3)
        }),
        ("gross", |limits| limits.accounts[0].caps = gross(1_000), [4, 3, 3], {
            denied(Reason::Gross, 1_100_000_000, 1_000_000_000)
        }),
        ("rate", |limits| limits.buckets = vec![bucket(3)], [1, 1, 1], { denied(Reason::BucketFull, 0, 0) }),
        ("fingerprints", |limits| limits.strategies[0].duplicates = Some(repeats(4)), [1, 1, 1], {
            denied(Reason::DuplicateFingerprint, 4, 4)
        }),
    ];
    for (what, change, sizes, reason) in cases {
        let fits = [open(1, sizes[0]), open(2, sizes[1]), open(3, sizes[2])];
        let mut below = desk(change);
        assert_eq!(answers(&mut below, &fits[..2]), [PASS, PASS], "{what}: one below");
        let mut at = desk(change);
        assert_eq!(answers(&mut at, &fits), [PASS, PASS, PASS], "{what}: at the limit");

        let mut beyond = desk(change);
        let one_more = [fits[0], fits[1], fits[2], open(4, 1)];
        let before = traces(&beyond);
        let because = for_the_list(4, 4);
        assert_eq!(answers(&mut beyond, &one_more), [because, because, because, reason], "{what}: beyond");
        assert_eq!(traces(&beyond), before, "{what}: nothing of it is left behind");
        if what != "fingerprints" {
            assert_eq!(
                answers(&mut beyond, &fits),
                [PASS, PASS, PASS],
                "{what}: its ids and its room are free"
            );
        }
    }
}

fn gross(most: i128) -> ScopeLimits {
    ScopeLimits { gross: Some(Money(most * E9)), ..ScopeLimits::default() }
}

fn repeats(deny: u8) -> DuplicateLimits {
    DuplicateLimits { deny, trip: 32, ..DuplicateLimits::default() }
}

#[test]
fn what_is_free_is_spent_by_all_members_together_and_given_back_where_one_is_denied() {
    for (third, passes) in [(2, true), (3, true), (4, false)] {
        let mut desk = desk(|_| {});
        let available = 1_000_000_000;
        let margin =
            Event::Margin { initial: 0, maintenance: 0, available, ccy: 0, ratio: Bps(0), t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), margin);
        let given = answers(&mut desk, &[open(1, 4), open(2, 3), open(3, third)]);
        let because = for_the_list(3, 3);
        let reason = denied(Reason::Margin, 400_000_000, 300_000_000);
        assert_eq!(given, if passes { [PASS; 3] } else { [because, because, reason] }, "{third}");
        // What is left: nothing of 1 000, or all of it.
        let left = if passes { 10 - 7 - third } else { 10 };
        for (qty, verdict) in [(left + 1, Verdict::Deny), (left, Verdict::Pass)] {
            if qty > 0 {
                assert_eq!(desk.ask_limit(0, PLAIN, 9, qty, 100).verdict, verdict, "{third} {qty}");
            }
        }
    }
}

#[test]
fn whichever_member_fails_all_are_denied_and_the_others_are_told_which_it_was() {
    for (at, number) in [(0, 1), (1, 2), (2, 3)] {
        let mut desk = desk(|limits| limits.books[0].max_order_qty = Some(Lots(9)));
        let mut members = [open(1, 9), open(2, 9), open(3, 9)];
        members[at] = open(at as u64 + 1, 10);
        let mut expected = [for_the_list(number, 3); 3];
        expected[at] = denied(Reason::MaxQty, 10, 9);
        assert_eq!(answers(&mut desk, &members), expected);
        assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
        let counters = desk.engine.counters();
        assert_eq!((counters.requests, counters.denied, counters.passed), (3, 3, 0));
    }
}

#[test]
fn an_entry_and_its_protection_are_one_list() {
    let bracket = [open(1, 10), child(1, 1, 2, -10, 95), child(1, 2, 3, -10, 120)];
    let mut whole = desk(|_| {});
    assert_eq!(answers(&mut whole, &bracket), [PASS, PASS, PASS]);
    assert_eq!(whole.engine.exposure(0, PLAIN), Exposure { buys: 10, sells: 0, open_orders: 3 });

    let too_large = [open(1, 10), child(1, 1, 2, -10, 95), child(1, 2, 3, -11, 120)];
    let mut torn = desk(|_| {});
    let because = for_the_list(3, 3);
    let reason = denied(Reason::ReduceOnlySize, 11, 10);
    assert_eq!(answers(&mut torn, &too_large), [because, because, reason]);
    assert_eq!(torn.engine.exposure(0, PLAIN), Exposure::default());

    let mut unled = desk(|_| {});
    let reason = denied(Reason::ReduceOnlySize, 10, 0);
    assert_eq!(answers(&mut unled, &bracket[1..]), [reason, for_the_list(1, 2)], "without its entry");
}

#[test]
fn members_of_a_list_may_not_meet_each_other_or_share_an_id() {
    let mut desk = desk(|limits| {
        limits.accounts[0].caps = ScopeLimits { no_self_cross: true, ..ScopeLimits::default() };
    });
    assert_eq!(answers(&mut desk, &[open(1, 1), open(1, 2)]), {
        [for_the_list(2, 2), denied(Reason::DuplicateId, 0, 0)]
    });
    assert_eq!(answers(&mut desk, &[open(1, 1), open(2, -1)]), {
        [for_the_list(2, 2), denied(Reason::SelfCross, 100, 100)]
    });
    assert_eq!(answers(&mut desk, &[open(1, 1), with(Intent::Open, 0, 2, -1, 101)]), [PASS, PASS]);
}

#[test]
fn a_list_never_waits() {
    let narrow = |limits: &mut Limits| limits.buckets = vec![bucket(3)];
    let mut full = desk(narrow);
    assert_eq!(full.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass);
    let verdicts = ask(&mut full, &[open(2, 1), open(3, 1), open(4, 1)]);
    let because = for_the_list(3, 3);
    assert_eq!(verdicts.iter().map(|&v| told(v)).collect::<Vec<_>>(), {
        [because, because, denied(Reason::BucketFull, 0, 0)]
    });
    assert_eq!(verdicts[2].extra, Nanos::from_secs(1).0, "so long is to be waited");
    assert_eq!(full.engine.queue_rows().map(|row| row.depth).sum::<u64>(), 0);
    full.wait(Nanos::from_secs(1));
    assert_eq!(answers(&mut full, &[open(2, 1), open(3, 1), open(4, 1)]), [PASS, PASS, PASS]);

    // Nor does it overtake what waits.
    assert_eq!(full.ask_limit(0, PLAIN, 5, 1, 100).verdict, Verdict::Queued);
    let behind = answers(&mut full, &[open(6, 1)]);
    assert_eq!(behind, [denied(Reason::BucketFull, 0, 0)]);
}

#[test]
fn an_exit_in_a_list_is_answered_at_once_and_for_itself() {
    let exit = |order, qty| with(Intent::Exit, 0, order, qty, 100);
    for (qty, own, list) in
        [(-9, Verdict::PassExit, None), (-10, Verdict::PassExit, None), (-11, Verdict::Deny, Some(1))]
    {
        let mut desk = desk(|_| {});
        desk.fill(0, PLAIN, 10, 100, 0);
        announce(&mut desk, 900, 2);
        let at_once = send(&mut desk, &exit(1, qty), 2);
        assert_eq!(at_once.iter().map(|record| record.verdict).collect::<Vec<_>>(), [own], "{qty}");
        let rest: Vec<_> = send(&mut desk, &open(2, 1), 2).into_iter().map(told).collect();
        assert_eq!(rest, [list.map_or(PASS, |number| for_the_list(number, 2))], "{qty}");
    }
    // No other member is in its way, and no halt.
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    announce(&mut desk, 900, 2);
    let entry: Vec<_> = send(&mut desk, &open(2, 1), 2);
    assert_eq!(entry, []);
    let both = send(&mut desk, &exit(1, -10), 2);
    assert_eq!(both.iter().map(|record| (record.order, record.verdict)).collect::<Vec<_>>(), {
        [(1, Verdict::PassExit), (2, Verdict::Deny)]
    });
    assert_eq!(both[1].reason, Some(Reason::Operator));
}

#[test]
fn what_only_reduces_passes_in_a_list_and_what_opens_takes_it_along() {
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
    let stops = |third| [open(1, -5), open(2, -4), open(3, third)];
    for (third, passes) in [(-2, false), (-1, true)] {
        let reason = denied(Reason::ReduceOnlySize, 2, 1);
        let because = for_the_list(3, 3);
        let expected = if passes { [PASS; 3] } else { [because, because, reason] };
        assert_eq!(answers(&mut desk, &stops(third)), expected, "{third}");
    }
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
}

#[test]
fn a_list_that_is_torn_is_denied_as_far_as_it_came() {
    let intruders: [(&str, Flags, Event); 6] = [
        ("a mark", Flags::empty(), mark(100)),
        ("a cancel", Flags::PERMIT, Event::OrderCancel { order: id(77), attrs: attrs() }),
        ("a request of no list", Flags::PERMIT, order_new(77, 1, 100)),
        ("an order that does not ask", Flags::empty(), order_new(77, 1, 100)),
        ("a modification", Flags::PERMIT, order_modify(77, 1, 100)),
        ("another list", Flags::empty(), Event::OrderList { list: id(9), count: 2, mode: ListMode::Oco }),
    ];
    for (what, flags, event) in intruders {
        let mut desk = desk(|_| {});
        announce(&mut desk, 900, 3);
        assert_eq!(send(&mut desk, &open(1, 1), 3), []);
        assert_eq!(send(&mut desk, &open(2, 1), 3), []);
        desk.say(0, PLAIN, flags, event);
        let given: Vec<_> =
            desk.verdicts.iter().map(|given| (given.record.order, told(given.record))).collect();
        assert_eq!(given[..2], [(1, for_the_list(2, 3)), (2, for_the_list(2, 3))], "{what}");
        // What comes too late belongs to no list any more.
        assert_eq!(send(&mut desk, &open(3, 1), 3).into_iter().map(told).collect::<Vec<_>>(), {
            [for_the_list(0, 3)]
        });
        assert_eq!(desk.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass, "{what}: its id is free");
    }
}

fn mark(px: i64) -> Event {
    Event::Mark { mark: Some(Ticks(px)), index: None, last: None, underlying: None, sequence: 99 }
}

#[test]
fn a_member_of_no_list_is_denied_unless_it_is_an_exit() {
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 10, 100, 0);
    let alone = send(&mut desk, &open(1, 1), 2);
    assert_eq!(alone.into_iter().map(told).collect::<Vec<_>>(), [for_the_list(0, 2)]);
    let exit = send(&mut desk, &with(Intent::Exit, 0, 2, -10, 100), 2);
    assert_eq!(exit[0].verdict, Verdict::PassExit);
    // An empty list opens nothing.
    announce(&mut desk, 900, 0);
    assert_eq!(desk.ask_limit(0, PLAIN, 3, 1, 100).verdict, Verdict::Pass);
}

#[test]
fn a_list_has_sixteen_members_at_most() {
    for (count, passes) in [(15, true), (16, true), (17, false)] {
        let mut desk = desk(|_| {});
        announce(&mut desk, 900, count);
        let mut given = Vec::new();
        for order in 1..=u64::from(count) {
            given.extend(send(&mut desk, &open(order, 1), count as u16));
        }
        let expected = if passes { PASS } else { for_the_list(17, 16) };
        assert_eq!(given.len(), count as usize, "every one is answered");
        assert!(given.iter().all(|&record| told(record) == expected), "{count}: {given:?}");
        assert_eq!(desk.engine.exposure(0, PLAIN).buys, if passes { i64::from(count) } else { 0 });
    }
}

#[test]
fn a_list_of_a_lane_that_closes_is_forgotten() {
    let mut desk = desk(|_| {});
    announce(&mut desk, 900, 2);
    assert_eq!(send(&mut desk, &open(1, 1), 2), []);
    desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 0, generation: 1 });
    desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 2 });
    assert_eq!((desk.verdicts.len(), desk.engine.counters().dropped), (0, 1));
    let late: Vec<_> = send(&mut desk, &open(2, 1), 2).into_iter().map(told).collect();
    assert_eq!(late, [for_the_list(0, 2)], "the next client has opened none");
}

#[test]
fn a_simulated_list_reserves_nothing() {
    let mut paper = desk(|limits| {
        limits.mode = Mode::Paper;
        limits.books[0].max_position = Some(Lots(10));
    });
    let before = traces(&paper).0;
    let verdicts: Vec<_> = ask(&mut paper, &[open(1, 5), open(2, 5)]).iter().map(|v| v.verdict).collect();
    assert_eq!((verdicts, traces(&paper).0), (vec![Verdict::Paper; 2], before));
    let beyond: Vec<_> = ask(&mut paper, &[open(1, 5), open(2, 6)]).into_iter().map(told).collect();
    assert_eq!(beyond, [for_the_list(2, 2), denied(Reason::MaxPosition, 11, 10)]);

    // By flags, all of them.
    let mut live = desk(|_| {});
    let simulated = |order| {
        let mut member = open(order, 5);
        member.flags |= Flags::PAPER;
        member
    };
    let all = [simulated(1), simulated(2)];
    let verdicts: Vec<_> = ask(&mut live, &all).iter().map(|v| v.verdict).collect();
    assert_eq!((verdicts, live.engine.exposure(0, PLAIN)), (vec![Verdict::Paper; 2], Exposure::default()));
    // One that is simulated covers no other, and tears the list.
    let (before, torn) = (traces(&live).0, for_the_list(1, 2));
    let verdicts: Vec<_> = ask(&mut live, &[simulated(3), open(4, 5)]).into_iter().map(told).collect();
    assert_eq!((verdicts, traces(&live).0), (vec![torn, torn], before));
    let torn = for_the_list(2, 2);
    let verdicts: Vec<_> = ask(&mut live, &[open(5, 5), simulated(6)]).into_iter().map(told).collect();
    assert_eq!((verdicts, traces(&live).0), (vec![torn, torn], before));
}

#[test]
fn the_books_of_two_accounts_are_one_list() {
    let mut desk = desk(|limits| {
        limits.strategies[0].caps = ScopeLimits { orders_per_day: Some(1), ..ScopeLimits::default() };
    });
    announce(&mut desk, 900, 2);
    assert_eq!(send(&mut desk, &open(1, 1), 2), []);
    let before = desk.verdicts.len();
    let mut event = order_new(2, 1, 100);
    if let Event::OrderNew { list_count, .. } = &mut event {
        *list_count = 2;
    }
    // Book 2 is the same strategy's on another account.
    let handle = tripline::model::Handle::new(0, 1, Some(INVERSE));
    let position = desk.position;
    let source = tripline::engine::Source::Lane { lane: 0, strategy: 0, position };
    desk.apply(source, &tripline::model::Message { flags: Flags::PERMIT, epoch: 0, handle, event });
    let given: Vec<_> = desk.verdicts[before..].iter().map(|given| told(given.record)).collect();
    assert_eq!(given, [for_the_list(2, 2), denied(Reason::DailyCount, 2, 1)]);
    assert_eq!(desk.engine.sent_today(Scope::Strategy(0)), (0, 0));
}

#[test]
fn a_list_does_not_probe_a_breaker() {
    use tripline::engine::limits::{BreakerLimits, HalfOpenLimits};
    use tripline::model::event::{OrderAction, RejectClass};
    let half_open = HalfOpenLimits { probes: 5, ..HalfOpenLimits::default() };
    let mut desk = desk(|limits| {
        limits.books[0].breaker =
            Some(BreakerLimits { half_open: Some(half_open), ..BreakerLimits::default() });
    });
    for order in 1..=10 {
        desk.order(0, PLAIN, order, 1, 100);
        desk.reject(0, PLAIN, order, RejectClass::Invalid, OrderAction::New);
    }
    desk.wait(Nanos::from_secs(900));
    let resumed = desk.command(CommandVerb::Resume, BOOK, guard::ERROR_RATE, 0, false);
    assert_eq!(resumed.reason, None);
    let list = answers(&mut desk, &[open(21, 1), open(22, 1)]);
    assert_eq!(list, [denied(Reason::HalfOpenSpent, 0, 0), for_the_list(1, 2)]);
    assert_eq!(desk.ask_limit(0, PLAIN, 23, 1, 100).verdict, Verdict::Pass, "one order by itself may");
}

/// What a desk was told so far, to be told again.
type Told = Vec<(Flags, Event)>;

fn narrow(limits: &mut Limits) {
    limits.books[0].max_position = Some(Lots(25));
    limits.books[0].max_order_qty = Some(Lots(8));
    limits.books[0].max_open_orders = Some(9);
    limits.firm = ScopeLimits { orders_per_day: Some(40), ..ScopeLimits::default() };
    limits.buckets = vec![bucket(12)];
    limits.accounts[0].caps = ScopeLimits { no_self_cross: true, ..gross(3_000) };
}

fn told_again(history: &Told) -> Desk {
    let mut desk = desk(narrow);
    for &(flags, event) in history {
        desk.say(0, PLAIN, flags, event);
    }
    desk
}

fn random_member(seed: &mut Seed, order: u64, first: u64) -> Member {
    let qty = seed.below(9) as i64 + 1;
    let qty = if seed.below(3) == 0 { -qty } else { qty };
    let px = 96 + seed.below(9) as i64;
    match seed.below(5) {
        0 if order != first => child(first, order as u16, order, -qty.abs(), px),
        1 => with(Intent::Reduce, 0, order, qty, px),
        _ => with(Intent::Open, 0, order, qty, px),
    }
}

/// The oracle sends the same orders one by one to a desk of the same history: a list passes where all of them do, and
/// then leaves what they leave; where one does not, it is the one that fails there first, for the same reason.
#[test]
fn a_list_is_answered_as_its_orders_would_be_one_after_the_other() {
    let mut seed = Seed::new("engine_lists a_list_is_answered_as_its_orders_would_be_one_after_the_other");
    let (mut passed, mut failed) = (0, 0);
    for _ in 0..30 {
        let mut history = Told::new();
        let mut next = 1;
        for _ in 0..12 {
            let count = seed.below(4) + 1;
            let members: Vec<_> = (0..count).map(|at| random_member(&mut seed, next + at, next)).collect();
            let (mut list, mut singles) = (told_again(&history), told_again(&history));
            let alone: Vec<_> = members.iter().map(|member| told(send(&mut singles, member, 0)[0])).collect();
            let culprit = alone.iter().position(|answer| answer.0 != Verdict::Pass);
            let given = answers(&mut list, &members);
            match culprit {
                None => {
                    passed += 1;
                    assert!(given.iter().all(|&answer| answer == PASS), "{members:?}: {given:?}");
                    let ((a, b, c, _, e), (f, g, h, _, i)) = (traces(&list), traces(&singles));
                    assert_eq!((a, b, c, e), (f, g, h, i), "{members:?}");
                }
                Some(at) => {
                    failed += 1;
                    let (number, count) = (at as i64 + 1, count as i64);
                    for (position, answer) in given.iter().enumerate() {
                        let queued = alone[at].0 == Verdict::Queued;
                        let own = if queued { denied(Reason::BucketFull, 0, 0) } else { alone[at] };
                        let expected = if position == at { own } else { for_the_list(number, count) };
                        assert_eq!(*answer, expected, "{members:?}: alone {alone:?}");
                    }
                    assert_eq!(traces(&list), traces(&told_again(&history)), "{members:?}");
                }
            }
            // Now and then what has passed stays, and some of it fills.
            if culprit.is_none() {
                for member in &members {
                    let more = if member.rest.is_some() { Flags::MORE } else { Flags::empty() };
                    history.push((member.flags | Flags::PERMIT | more, member.event));
                    history.extend(member.rest.map(|rest| (member.flags | Flags::PERMIT, rest)));
                    if seed.below(2) == 0 {
                        let Event::OrderNew { order, px, qty, .. } = member.event else { unreachable!() };
                        let (order, exec) = (order.get(), order.get());
                        history.push((member.flags, Event::Fill { order, exec, px, qty, fee: 0 }));
                    }
                }
            }
            next += count;
        }
    }
    assert!(passed > 25 && failed > 25, "{passed} passed, {failed} failed");
}

#[test]
fn a_market_order_in_a_list_needs_its_mark() {
    let market = OrderAttrs { order_type: OrderType::Market, ..attrs() };
    let mut member = open(2, 1);
    if let Event::OrderNew { attrs, px, .. } = &mut member.event {
        (*attrs, *px) = (market, Ticks(0));
    }
    let mut unmarked = Desk::new(limits(1_000_000 * E9, vec![]));
    assert_eq!(answers(&mut unmarked, &[open(1, 1), member]), {
        [for_the_list(2, 2), denied(Reason::NoMark, 0, 0)]
    });
}
