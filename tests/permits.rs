//! Requests and their verdicts at the client's end, on real segments with the test itself in the sidecar's place.

#![allow(unsafe_code, reason = "an allocator, and fork")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use tripline::model::event::{DirectiveStatus, Intent, ListMode, OrderId, OrderType, TimeInForce};
use tripline::model::verdict::{Directive, StateNotice, Task, Verdict, VerdictRecord};
use tripline::model::{
    Event, Flags, HaltWord, Handle, Leg, Lots, Message, Mode, Name, Nanos, OrderAttrs, Reason, Scope, Ticks,
    TradingState,
};
use tripline::shm::attach::Segments;
use tripline::shm::client::{Client, ClientError, Target};
use tripline::shm::clock::monotonic;
use tripline::shm::directory::InstrumentEntry;
use tripline::shm::gate::Gate;
use tripline::shm::lane::{Lane, format_return_ring};
use tripline::shm::ring::{Consumer, Producer, Taken};
use tripline::shm::segment::Segment;
use tripline::shm::shared::Shared;
use tripline::shm::stats::StatsWriter;
use tripline::wire::answer::Answer;
use tripline::wire::hello::Grant;
use tripline::wire::layout::Geometry;
use tripline::wire::record::decode;

thread_local! {
    /// Allocations of this thread while it counts.
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

struct Counting;

// SAFETY: every call is passed to the system's allocator unchanged; counting touches only a thread-local cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTED.with(|counted| counted.set(counted.get().map(|count| count + 1)));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const GEOMETRY: Geometry = Geometry {
    accounts: 1,
    strategies: 1,
    books: 1,
    instruments: 2,
    lanes: 2,
    guards: 1,
    lane_slots: 64,
    return_slots: 32,
};
/// Requests that may be open on such a return ring.
const ROOM: u64 = 12;
const LANE: u16 = 1;
/// Longer than any test.
const LEASE: Nanos = Nanos(3_600_000_000_000);
const LONG: Nanos = Nanos(60_000_000_000);
/// Epoch of every word at the start.
const EPOCH: u32 = 70_000;

fn named(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn id(order: u64) -> OrderId {
    OrderId::new(order).expect("not zero")
}

/// The sidecar's ends of one client's segments.
struct Sidecar {
    shared: Shared,
    lane: Lane,
    events: Consumer,
    answers: Producer,
}

impl Sidecar {
    fn store(&self, scope: Scope, state: TradingState, epoch: u32) {
        self.shared.gate.store(scope, HaltWord { state, mode: Mode::Live, epoch });
    }

    fn renew(&self) {
        self.shared.gate.renew(Nanos(monotonic().0 + LEASE.0 / 2));
    }

    fn end_lease(&self) {
        self.shared.gate.renew(Nanos::ZERO);
    }

    fn answer(&mut self, answer: &Answer) {
        self.answers.push(&answer.to_words(), self.lane.cursor()).expect("room in the return ring");
    }

    /// Answers the request at `position`, in the epoch of the words at the start.
    fn decide(&mut self, position: u64, verdict: Verdict) {
        self.answer(&verdict_on(position, verdict, EPOCH as u16, monotonic().after(LONG)));
    }

    /// The next event of the client, if there is one.
    fn next(&mut self) -> Option<Message> {
        let Taken::Record(words) = self.events.take() else { return None };
        self.events.advance();
        self.shared.positions.publish(LANE, self.events.position());
        Some(decode(&words).expect("clients publish only what decodes"))
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).map(|message| message.event).collect()
    }
}

fn verdict_on(position: u64, verdict: Verdict, epoch: u16, until: Nanos) -> Answer {
    let record = VerdictRecord {
        order: position,
        verdict,
        action: 0,
        reason: None,
        guard: 0,
        scope_kind: 0,
        measured: until.0 as i64,
        limit: 0,
        extra: 4,
    };
    Answer::Verdict { record, position, epoch, handle: Handle(9) }
}

fn notice(number: u64, epoch: u32) -> Answer {
    let (state, mode, reason) = (TradingState::Halted, Mode::Live, Reason::Operator);
    Answer::State {
        id: number,
        notice: StateNotice { scope: Scope::Firm, state, mode, reason, epoch, causes: 1 },
    }
}

fn directive(number: u64) -> Answer {
    let task = Task::Flatten { scope: Scope::Instrument(0, 1), leg: Leg::Long, qty: -5 };
    let deadline = Nanos(77);
    let directive = Directive { id: number, reason: Reason::Drawdown, epoch: 3, task, deadline };
    Answer::Directive { handle: Handle(31), directive }
}

/// A client, what it trades, and its sidecar.
fn attached() -> (Client, Target, Sidecar) {
    let shared = Shared::create(GEOMETRY, |directory| {
        directory.set_strategy(0, named("mm1"));
        directory.set_account(0, named("main"));
        directory.set_book(0, 0, 0);
        for (number, name) in ["BTC", "ETH"].into_iter().enumerate() {
            let (name, kind, price_decimals, qty_decimals) = (named(name), 0, 0, 0);
            let (multiplier_e9, tick, lot, currency) = (1_000_000_000, 1, 1, 1);
            let entry = InstrumentEntry {
                name,
                kind,
                price_decimals,
                qty_decimals,
                multiplier_e9,
                tick,
                lot,
                currency,
            };
            directory.set_instrument(number as u16, entry);
        }
    })
    .expect("segments");
    let _writer = StatsWriter::format(Arc::clone(&shared.stats), &GEOMETRY);
    let make = |name, bytes| Arc::new(Segment::create(name, bytes).expect("a segment"));
    let lane = Lane::format(make("lane", GEOMETRY.lane_bytes()), GEOMETRY.lane_slots);
    let returns = make("returns", GEOMETRY.return_bytes());
    let slots = format_return_ring(Arc::clone(&returns), GEOMETRY.return_slots);
    shared.positions.publish(LANE, lane.slots().first_position());
    shared.positions.listen(LANE, 1);
    let segments = Segments {
        gate: Arc::clone(shared.gate.segment()),
        positions: Arc::clone(shared.positions.segment()),
        stats: Arc::clone(&shared.stats),
        directory: Arc::clone(shared.directory.segment()),
        lane: Arc::clone(lane.segment()),
        returns,
    };
    let grant = Grant { lane: LANE, strategy: 0, generation: 1, geometry: GEOMETRY, lease_ns: LEASE.0 };
    let client = Client::new(grant, segments, None).expect("a page");
    let events = Consumer::new(lane.slots());
    let sidecar = Sidecar { shared, lane, events, answers: Producer::new(slots) };
    for scope in [Scope::Account(0), Scope::Book(0), Scope::Instrument(0, 0), Scope::Instrument(0, 1)] {
        sidecar.store(scope, TradingState::Active, EPOCH);
    }
    sidecar.renew();
    let target = client.look_up(named("main"), Some(named("ETH"))).expect("a target");
    assert_eq!(client.gate(&target), Gate::Pass);
    (client, target, sidecar)
}

fn attrs(intent: Intent) -> OrderAttrs {
    OrderAttrs { order_type: OrderType::Limit, tif: TimeInForce::Gtc, intent, directive: 0 }
}

fn new(order: u64, intent: Intent) -> Event {
    let (px, qty) = (Ticks(100), Lots(2));
    Event::OrderNew { order: id(order), px, qty, attrs: attrs(intent), group: 0, leg: 0, list_count: 0 }
}

fn modify(order: u64, intent: Intent) -> Event {
    let (px, qty) = (Ticks(100), Lots(2));
    Event::OrderModify { order: id(order), px, qty, attrs: attrs(intent), new_order: 0 }
}

fn cancel(order: u64) -> Event {
    Event::OrderCancel { order: id(order), attrs: attrs(Intent::Open) }
}

fn cancel_all() -> Event {
    Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs(Intent::Open) }
}

fn not_sent(order: u64, action: u32, cause: Reason) -> Event {
    Event::NotSent { order: id(order), action, cause: cause as u32 }
}

/// Verdict, reason and position of an answer that is a verdict.
fn told(answer: Option<Answer>) -> (Verdict, Option<Reason>, u64) {
    match answer {
        Some(Answer::Verdict { record, position, .. }) => (record.verdict, record.reason, position),
        other => panic!("{other:?} is no verdict"),
    }
}

fn ask(client: &mut Client, target: &Target, event: Event) -> u64 {
    client.request(target.handle, Flags::empty(), event).expect("a request")
}

#[test]
fn a_request_travels_with_permit_and_its_position_is_the_verdicts() {
    let (mut client, target, mut sidecar) = attached();
    let actions = [new(5, Intent::Open), modify(5, Intent::Open), cancel(5), cancel_all()];
    for event in actions {
        let position = ask(&mut client, &target, event);
        let message = sidecar.next().expect("published");
        let (flags, epoch, handle) = (Flags::PERMIT, EPOCH as u16, target.handle);
        assert_eq!(message, Message { flags, epoch, handle, event });
        sidecar.decide(position, Verdict::Deny);
        assert_eq!(told(client.poll().expect("polled")), (Verdict::Deny, None, position));
    }
    assert_eq!(client.poll(), Ok(None));
}

#[test]
fn what_is_no_request_is_refused_and_a_request_is_not_published_unasked() {
    let (mut client, target, mut sidecar) = attached();
    let list = Event::OrderList { list: id(1), count: 2, mode: ListMode::Batch };
    let mark = Event::Mark { mark: None, index: None, last: None, underlying: None, sequence: 1 };
    for event in [list, mark, not_sent(5, 0, Reason::Operator), Event::Timer { due: Nanos(1) }] {
        let expected = Err(ClientError::Unsupported(event.kind()));
        assert_eq!(client.request(target.handle, Flags::empty(), event), expected);
        assert_eq!(client.permit(target.handle, Flags::empty(), event, LONG).map(|_| 0), expected);
    }
    for event in [new(5, Intent::Open), modify(5, Intent::Open), cancel(5), cancel_all(), list] {
        let expected = Err(ClientError::Unsupported(event.kind()));
        assert_eq!(client.publish(target.handle, Flags::PERMIT, event), expected);
    }
    let more = client.permit(target.handle, Flags::MORE, new(5, Intent::Open), LONG);
    assert_eq!(more, Err(ClientError::Unsupported(10)), "its rest could not follow");
    for (handle, expected) in [
        (Handle(0), ClientError::UnknownAccount),
        (Handle::new(2, 0, Some(1)), ClientError::UnknownAccount),
        (Handle::new(LANE, 1, Some(1)), ClientError::UnknownAccount),
        (Handle::new(LANE, 0, Some(2)), ClientError::UnknownInstrument),
    ] {
        assert_eq!(client.request(handle, Flags::empty(), cancel(5)), Err(expected), "{handle:?}");
    }
    assert_eq!(sidecar.next(), None);
    assert_eq!(client.wait(64, LONG), Err(ClientError::NotRequested));
}

#[test]
fn a_request_in_two_records_is_known_by_the_first() {
    let (mut client, target, mut sidecar) = attached();
    let position = client.request(target.handle, Flags::MORE, new(5, Intent::Open)).expect("a request");
    let rest =
        Event::OrderExt { order: id(5), trigger_px: Ticks(1), expiry_utc_ns: 0, quote_cost: 0, parent: 0 };
    assert_eq!(client.publish(target.handle, Flags::empty(), rest), Ok(position + 1));
    assert_eq!(sidecar.next().map(|message| message.flags), Some(Flags::PERMIT | Flags::MORE));
    sidecar.decide(position, Verdict::Pass);
    assert_eq!(told(client.wait(position, LONG).expect("waited")), (Verdict::Pass, None, position));
}

#[test]
fn repeats_and_verdicts_on_what_was_never_asked_are_dropped() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, new(5, Intent::Open));
    let verdicts = [
        (position + 1, Verdict::Pass),
        (position, Verdict::Queued),
        (position, Verdict::Queued),
        (position, Verdict::Released),
        (position, Verdict::Released),
        (position, Verdict::Queued),
    ];
    for (position, verdict) in verdicts {
        sidecar.decide(position, verdict);
    }
    assert_eq!(told(client.poll().expect("polled")).0, Verdict::Queued);
    assert_eq!(told(client.poll().expect("polled")).0, Verdict::Released);
    assert_eq!(client.poll(), Ok(None));
    assert_eq!(client.wait(position, LONG), Err(ClientError::NotRequested));
}

#[test]
fn a_verdict_that_the_gate_bears_out_no_more_is_dropped_and_taken_back() {
    /// What happens between the decision and the look at it.
    type Happening = fn(&mut Sidecar);
    let nothing: Happening = |_| {};
    let halt: Happening = |sidecar| sidecar.store(Scope::Instrument(0, 1), TradingState::Halted, EPOCH + 1);
    let elsewhere: Happening =
        |sidecar| sidecar.store(Scope::Instrument(0, 0), TradingState::Halted, EPOCH + 1);
    let wide: Happening = |sidecar| sidecar.store(Scope::Account(0), TradingState::ReduceOnly, EPOCH + 1);
    let book: Happening = |sidecar| sidecar.store(Scope::Book(0), TradingState::Active, EPOCH + 1);
    let silence: Happening = |sidecar| sidecar.end_lease();
    let (long, passed) = (monotonic().after(LONG), monotonic());
    let stale = Some(Reason::EpochStale);
    let (lease, late) = (Some(Reason::LeaseExpired), Some(Reason::Expired));
    let (new, modify, cancel) = (new(5, Intent::Open), modify(5, Intent::Open), cancel(5));
    let table = [
        ("nothing happens", new, Verdict::Pass, long, nothing, None),
        ("its instrument is halted", new, Verdict::Pass, long, halt, stale),
        ("its account is tightened", new, Verdict::Released, long, wide, stale),
        ("its book is halted and reset", modify, Verdict::Pass, long, book, stale),
        ("another instrument is halted", new, Verdict::Pass, long, elsewhere, None),
        ("the lease ends", new, Verdict::Pass, long, silence, lease),
        ("the lease ends", modify, Verdict::Released, long, silence, lease),
        ("its deadline passes", new, Verdict::Released, passed, nothing, late),
        ("its deadline passes", modify, Verdict::Pass, passed, nothing, late),
        ("an exit meets a halt", new, Verdict::PassExit, long, halt, None),
        ("an exit's deadline passes", new, Verdict::PassExit, passed, nothing, late),
        ("a cancel meets a halt", cancel, Verdict::Pass, passed, halt, None),
        ("a cancel's lease ends", cancel, Verdict::Pass, passed, silence, None),
        ("a denial stays what it is", new, Verdict::Deny, passed, silence, None),
        ("paper stays what it is", new, Verdict::Paper, passed, halt, None),
    ];
    for (case, event, verdict, until, happening, objection) in table {
        let (mut client, target, mut sidecar) = attached();
        let position = ask(&mut client, &target, event);
        assert_eq!(sidecar.events().len(), 1);
        let decided = verdict_on(position, verdict, EPOCH as u16, until);
        sidecar.answer(&decided);
        happening(&mut sidecar);
        let answer = client.poll().expect("polled");
        let Some(reason) = objection else {
            assert_eq!(answer, Some(decided), "{case}");
            assert_eq!(sidecar.events(), [], "{case}");
            continue;
        };
        assert_eq!(told(answer), (Verdict::Dropped, Some(reason), position), "{case}");
        let action = u32::from(matches!(event, Event::OrderModify { .. }));
        assert_eq!(sidecar.events(), [not_sent(5, action, reason)], "{case}");
        assert_eq!(client.poll(), Ok(None), "{case}");
    }
}

#[test]
fn an_exit_whose_lease_has_ended_is_left_to_the_venue_and_passes_every_halt_while_it_lasts() {
    for verdict in [Verdict::PassExit, Verdict::Released] {
        let (mut client, target, mut sidecar) = attached();
        let position = ask(&mut client, &target, new(5, Intent::Exit));
        sidecar.events();
        let decided = verdict_on(position, verdict, EPOCH as u16, monotonic().after(LONG));
        sidecar.answer(&decided);
        sidecar.store(Scope::Account(0), TradingState::Halted, EPOCH + 1);
        assert_eq!(client.poll(), Ok(Some(decided)), "{verdict:?}");
        let position = ask(&mut client, &target, new(6, Intent::Exit));
        sidecar.events();
        sidecar.answer(&verdict_on(position, verdict, EPOCH as u16, monotonic().after(LONG)));
        sidecar.end_lease();
        let unverified = (Verdict::ExitUnverified, Some(Reason::ExitUnverified), position);
        assert_eq!(told(client.poll().expect("polled")), unverified, "{verdict:?}");
        assert_eq!(sidecar.events(), [], "it may have been sent: only its strategy knows");
    }
}

#[test]
fn what_a_modification_says_of_its_order_does_not_make_it_an_exit() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, modify(5, Intent::Exit));
    sidecar.events();
    sidecar.answer(&verdict_on(position, Verdict::Released, EPOCH as u16, monotonic().after(LONG)));
    sidecar.store(Scope::Account(0), TradingState::Halted, EPOCH + 1);
    let dropped = (Verdict::Dropped, Some(Reason::EpochStale), position);
    assert_eq!(told(client.poll().expect("polled")), dropped);
}

#[test]
fn a_verdict_is_judged_when_it_is_handed_out_not_when_it_was_read() {
    let (mut client, target, mut sidecar) = attached();
    let first = ask(&mut client, &target, new(5, Intent::Open));
    let second = ask(&mut client, &target, new(6, Intent::Open));
    sidecar.decide(first, Verdict::Pass);
    sidecar.decide(second, Verdict::Pass);
    assert_eq!(told(client.wait(second, LONG).expect("waited")), (Verdict::Pass, None, second));
    sidecar.store(Scope::Book(0), TradingState::Halted, EPOCH + 1);
    sidecar.events();
    let dropped = (Verdict::Dropped, Some(Reason::EpochStale), first);
    assert_eq!(told(client.poll().expect("polled")), dropped);
    assert_eq!(sidecar.events(), [not_sent(5, 0, Reason::EpochStale)]);
}

#[test]
fn a_word_that_was_tightened_long_ago_is_not_newer_than_the_verdict() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, new(5, Intent::Open));
    // The epoch has moved on by 40 000 since, by halts of others; its low bits alone would look older.
    let epoch = (EPOCH + 40_000) as u16;
    sidecar.answer(&verdict_on(position, Verdict::Pass, epoch, monotonic().after(LONG)));
    assert_eq!(told(client.poll().expect("polled")).0, Verdict::Pass);
}

#[test]
fn requests_end_at_the_bound_without_any_loss_and_go_on_as_verdicts_are_read() {
    let (mut client, target, mut sidecar) = attached();
    let positions: Vec<u64> = (1..=ROOM).map(|order| ask(&mut client, &target, cancel(order))).collect();
    for _ in 0..3 {
        assert_eq!(client.request(target.handle, Flags::empty(), cancel(99)), Err(ClientError::Busy));
    }
    assert_eq!(sidecar.events().len() as u64, ROOM, "nothing was published");
    assert_eq!(client.gate(&target), Gate::Pass, "nothing was lost");
    sidecar.decide(positions[3], Verdict::Queued);
    assert!(client.poll().expect("polled").is_some());
    assert_eq!(client.request(target.handle, Flags::empty(), cancel(99)), Err(ClientError::Busy));
    sidecar.decide(positions[3], Verdict::Pass);
    assert!(client.poll().expect("polled").is_some());
    ask(&mut client, &target, cancel(99));
    assert_eq!(client.request(target.handle, Flags::empty(), cancel(100)), Err(ClientError::Busy));
}

#[test]
fn a_request_that_finds_the_lane_full_is_busy_and_loses_nothing() {
    let (mut client, target, mut sidecar) = attached();
    let deploy = Event::Deploy { id: 1 };
    for _ in 0..63 {
        client.publish(target.handle, Flags::empty(), deploy).expect("room");
    }
    let two = client.request(target.handle, Flags::MORE, new(5, Intent::Open));
    assert_eq!(two, Err(ClientError::Busy), "one slot is too few for two records");
    client.publish(target.handle, Flags::empty(), deploy).expect("room");
    assert_eq!(client.request(target.handle, Flags::empty(), cancel(5)), Err(ClientError::Busy));
    assert_eq!(client.gate(&target), Gate::Pass);
    assert!(!sidecar.lane.lost());
    assert_eq!(sidecar.events().len(), 64);
    ask(&mut client, &target, cancel(5));
}

#[test]
fn without_a_live_engine_a_wait_answers_at_once_and_the_engines_own_verdict_comes_to_nothing() {
    let lease = Some(Reason::LeaseExpired);
    let unverified = Some(Reason::ExitUnverified);
    for (event, verdict, reason, taken_back) in [
        (new(5, Intent::Open), Verdict::Dropped, lease, Some(0)),
        (new(5, Intent::Reduce), Verdict::Dropped, lease, Some(0)),
        (new(5, Intent::Protect), Verdict::Dropped, lease, Some(0)),
        (new(5, Intent::Exit), Verdict::ExitUnverified, unverified, None),
        (modify(5, Intent::Open), Verdict::Dropped, lease, Some(1)),
        (modify(5, Intent::Exit), Verdict::ExitUnverified, unverified, None),
        (cancel(5), Verdict::Pass, None, None),
        (cancel_all(), Verdict::Pass, None, None),
    ] {
        let (mut client, target, mut sidecar) = attached();
        sidecar.end_lease();
        let answer = client.permit(target.handle, Flags::empty(), event, Nanos::NEVER).expect("an answer");
        let position = sidecar.events.position();
        assert_eq!(told(Some(answer)), (verdict, reason, position), "{event:?}");
        let expected = taken_back.map(|action| not_sent(5, action, Reason::LeaseExpired));
        let published = std::iter::once(event).chain(expected).collect::<Vec<_>>();
        assert_eq!(sidecar.events(), published, "{event:?}");
        assert_eq!(client.wait(position, LONG), Err(ClientError::NotRequested), "resolved");
        sidecar.renew();
        sidecar.decide(position, Verdict::Queued);
        sidecar.decide(position, Verdict::Pass);
        assert_eq!(client.poll(), Ok(None), "{event:?}");
        assert_eq!(sidecar.events(), [], "{event:?}");
    }
}

#[test]
fn what_the_library_answered_stays_open_until_the_engines_verdict_was_dropped() {
    let (mut client, target, mut sidecar) = attached();
    sidecar.end_lease();
    for order in 1..=ROOM {
        let answer = client.permit(target.handle, Flags::empty(), cancel(order), LONG);
        assert_eq!(told(answer.ok()).0, Verdict::Pass);
    }
    assert_eq!(client.request(target.handle, Flags::empty(), cancel(99)), Err(ClientError::Busy));
    sidecar.decide(sidecar.events.position(), Verdict::Pass);
    assert_eq!(client.poll(), Ok(None));
    ask(&mut client, &target, cancel(99));
}

#[test]
fn a_lane_that_nobody_reads_any_more_ends_waits_like_a_dead_engine_but_only_behind_what_was_answered() {
    let (mut client, target, mut sidecar) = attached();
    let decided = ask(&mut client, &target, cancel(4));
    let exit = ask(&mut client, &target, new(5, Intent::Exit));
    let open = ask(&mut client, &target, new(6, Intent::Open));
    sidecar.decide(decided, Verdict::Deny);
    sidecar.shared.positions.listen(LANE, 0);
    assert_eq!(told(client.wait(decided, LONG).expect("waited")).0, Verdict::Deny);
    assert_eq!(told(client.wait(exit, LONG).expect("waited")).0, Verdict::ExitUnverified);
    assert_eq!(told(client.wait(open, LONG).expect("waited")).0, Verdict::Dropped);
    let asked = client.request(target.handle, Flags::empty(), cancel(7));
    assert_eq!(asked, Err(ClientError::Lost), "the handle's gate is closed for good");
    assert_eq!(sidecar.events().len(), 3, "nothing is published into a lane nobody reads");
}

#[test]
fn a_wait_returns_its_final_verdict_and_keeps_everything_else_in_order() {
    let (mut client, target, mut sidecar) = attached();
    let other = ask(&mut client, &target, cancel(4));
    let position = ask(&mut client, &target, new(5, Intent::Open));
    sidecar.answer(&notice(1, EPOCH));
    sidecar.decide(position, Verdict::Queued);
    sidecar.decide(other, Verdict::Queued);
    sidecar.answer(&directive(2));
    sidecar.decide(other, Verdict::Deny);
    sidecar.decide(position, Verdict::Released);
    sidecar.answer(&notice(3, EPOCH));
    assert_eq!(told(client.wait(position, LONG).expect("waited")).0, Verdict::Released);
    assert_eq!(client.poll(), Ok(Some(notice(1, EPOCH))), "its QUEUED is news no more");
    assert_eq!(told(client.poll().expect("polled")), (Verdict::Queued, None, other));
    assert_eq!(client.poll(), Ok(Some(directive(2))));
    assert_eq!(told(client.poll().expect("polled")), (Verdict::Deny, None, other));
    assert_eq!(client.poll(), Ok(Some(notice(3, EPOCH))));
    assert_eq!(client.poll(), Ok(None));
}

#[test]
fn a_wait_finds_what_another_wait_has_kept() {
    let (mut client, target, mut sidecar) = attached();
    let first = ask(&mut client, &target, cancel(4));
    let second = ask(&mut client, &target, cancel(5));
    sidecar.decide(first, Verdict::Queued);
    sidecar.decide(first, Verdict::Pass);
    sidecar.decide(second, Verdict::Pass);
    assert_eq!(told(client.wait(second, LONG).expect("waited")).2, second);
    assert_eq!(told(client.wait(first, Nanos::ZERO).expect("waited")), (Verdict::Pass, None, first));
    assert_eq!(client.poll(), Ok(None));
}

#[test]
fn a_wait_that_times_out_leaves_the_request_outstanding() {
    let (mut client, target, mut sidecar) = attached();
    let event = new(5, Intent::Open);
    let beats = sidecar.lane.beats();
    let begun = monotonic();
    let position = match client.permit(target.handle, Flags::empty(), event, Nanos::from_millis(3)) {
        Err(ClientError::TimedOut { position }) => position,
        other => panic!("{other:?}"),
    };
    assert!(monotonic().since(begun) >= Nanos::from_millis(3));
    assert!(sidecar.lane.beats() > beats, "waiting is a sign of life");
    sidecar.decide(position, Verdict::Queued);
    for timeout in [Nanos::ZERO, Nanos(1), Nanos::from_millis(1)] {
        assert_eq!(client.wait(position, timeout), Ok(None));
    }
    assert_eq!(told(client.poll().expect("polled")).0, Verdict::Queued, "a QUEUED stays for poll");
    sidecar.decide(position, Verdict::Released);
    assert_eq!(told(client.wait(position, Nanos::ZERO).expect("waited")).0, Verdict::Released);
}

#[test]
fn a_wait_ends_when_the_verdict_comes() {
    let (mut client, target, mut sidecar) = attached();
    let decided = std::thread::scope(|scope| {
        scope.spawn(|| {
            for verdict in [Verdict::Pass, Verdict::Deny, Verdict::Released] {
                while sidecar.next().is_none() {
                    std::thread::yield_now();
                }
                sidecar.decide(sidecar.events.position() - 1, verdict);
            }
        });
        [1, 2, 3].map(|order| {
            let answer = client.permit(target.handle, Flags::empty(), new(order, Intent::Open), LONG);
            told(answer.ok()).0
        })
    });
    assert_eq!(decided, [Verdict::Pass, Verdict::Deny, Verdict::Released]);
}

#[test]
fn a_directive_is_acknowledged_on_the_handle_it_came_with() {
    let (mut client, _, mut sidecar) = attached();
    sidecar.answer(&directive(8));
    let Ok(Some(Answer::Directive { handle, directive })) = client.poll() else { panic!("a directive") };
    client.acknowledge(handle, directive.id, DirectiveStatus::Working, Lots(-3)).expect("published");
    let message = sidecar.next().expect("an event");
    let event = Event::DirectiveAck {
        directive: 8,
        status: DirectiveStatus::Working,
        remaining: Lots(-3),
        detail: 0,
    };
    assert_eq!((message.handle, message.event), (Handle(31), event));
}

#[test]
fn a_notice_counts_as_seen_when_it_is_handed_out() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, cancel(5));
    sidecar.answer(&notice(1, EPOCH + 9));
    sidecar.decide(position, Verdict::Deny);
    client.wait(position, LONG).expect("waited");
    client.heartbeat().expect("a beat");
    assert_eq!(sidecar.lane.echoed_epoch(), EPOCH, "kept, not seen");
    client.poll().expect("polled");
    client.heartbeat().expect("a beat");
    assert_eq!(sidecar.lane.echoed_epoch(), EPOCH + 9);
}

#[test]
fn something_else_in_the_ring_ends_a_wait_with_an_error_and_the_request_stays() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, cancel(5));
    sidecar.answers.push(&[0, 200, 1, 2, 3, 4, 5, 6], sidecar.lane.cursor()).expect("room");
    sidecar.decide(position, Verdict::Pass);
    assert_eq!(client.wait(position, LONG), Err(ClientError::Corrupt));
    assert_eq!(told(client.wait(position, LONG).expect("waited")).0, Verdict::Pass);
}

#[test]
fn another_thread_can_neither_ask_nor_wait_until_it_rebinds() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, cancel(5));
    sidecar.decide(position, Verdict::Pass);
    let thread = std::thread::spawn(move || {
        let thread = ClientError::Thread;
        assert_eq!(client.request(target.handle, Flags::empty(), cancel(6)), Err(thread));
        assert_eq!(client.permit(target.handle, Flags::empty(), cancel(6), LONG), Err(thread));
        assert_eq!(client.wait(position, LONG), Err(thread));
        assert_eq!(client.acknowledge(target.handle, 1, DirectiveStatus::Done, Lots(0)), Err(thread));
        client.rebind();
        told(client.wait(position, LONG).expect("waited")).0
    });
    assert_eq!(thread.join().expect("no panic"), Verdict::Pass);
    assert_eq!(sidecar.events().len(), 1, "nothing was published by the wrong thread");
}

#[test]
fn a_forked_child_can_neither_ask_nor_wait_and_the_parent_does_not_notice() {
    let (mut client, target, mut sidecar) = attached();
    let position = ask(&mut client, &target, cancel(5));
    sidecar.decide(position, Verdict::Pass);
    // SAFETY: the child only calls the client, which must not work there, and leaves without unwinding.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let closed = ClientError::Closed;
        let refused = client.request(target.handle, Flags::empty(), cancel(6)) == Err(closed)
            && client.permit(target.handle, Flags::empty(), cancel(6), LONG) == Err(closed)
            && client.wait(position, LONG) == Err(closed)
            && client.poll() == Err(closed);
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!refused)) };
    }
    let mut status = -1;
    // SAFETY: our own child and a live status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's calls were refused");
    assert_eq!(told(client.wait(position, LONG).expect("waited")).0, Verdict::Pass);
    assert_eq!(sidecar.events().len(), 1);
}

#[test]
fn nothing_is_allocated_after_attach() {
    let (mut client, target, mut sidecar) = attached();
    COUNTED.set(Some(0));
    for round in 0..500 {
        let first = ask(&mut client, &target, new(2 * round + 1, Intent::Open));
        let second = ask(&mut client, &target, cancel(2 * round + 2));
        sidecar.answer(&notice(round, EPOCH));
        sidecar.decide(second, Verdict::Queued);
        sidecar.decide(second, Verdict::Pass);
        sidecar.answer(&directive(round));
        sidecar.answer(&verdict_on(first, Verdict::Pass, EPOCH as u16, Nanos(1)));
        assert!(client.wait(first, LONG).is_ok_and(|answer| answer.is_some()));
        while round % 7 == 0 && client.poll().is_ok_and(|answer| answer.is_some()) {}
        assert!(round % 7 == 0 || client.wait(second, LONG).is_ok());
        while sidecar.next().is_some() {}
    }
    let counted = COUNTED.take();
    assert_eq!(counted, Some(0), "allocations of 500 rounds of requests, waits and polls");
    COUNTED.set(Some(0));
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNTED.take(), Some(1), "the counting allocator counts");
}
