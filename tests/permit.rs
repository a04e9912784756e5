//! Permit mode between real processes: a request goes through shared memory to a real core and its verdict comes back.

mod support;

use support::sidecar::{Attached, Setup, Sidecar};
use support::{process, wait_for};
use tripline::model::event::{
    DoneStatus, Initiator, Intent, ListMode, OrderAttrs, OrderId, OrderType, TimeInForce,
};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Nanos, Reason, Ticks};
use tripline::shm::client::ClientError;
use tripline::shm::gate::Gate;
use tripline::wire::answer::Answer;

const PATIENCE: Nanos = Nanos::from_secs(10);

/// The same order again and again is what these tests send.
fn setup() -> Setup {
    Setup { keys: "duplicates = \"off\"", ..Setup::default() }
}

fn id(order: u64) -> OrderId {
    OrderId::new(order).expect("not zero")
}

fn order(order: u64, qty: i64, intent: Intent) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(100),
        qty: Lots(qty),
        attrs: OrderAttrs { order_type: OrderType::Limit, tif: TimeInForce::Gtc, intent, directive: 0 },
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

fn record(answer: Answer) -> VerdictRecord {
    match answer {
        Answer::Verdict { record, .. } => record,
        other => panic!("no verdict: {other:?}"),
    }
}

/// Asks and waits; the final verdict.
fn permit(attached: &mut Attached, flags: Flags, event: Event) -> VerdictRecord {
    let answer = attached.client.permit(attached.target.handle, flags, event, PATIENCE);
    record(answer.expect("a live sidecar answers"))
}

fn tell(attached: &mut Attached, flags: Flags, event: Event) {
    attached.client.publish(attached.target.handle, flags, event).expect("room in the lane");
}

fn fill(attached: &mut Attached, order: u64, qty: i64) {
    let event = Event::Fill { order, exec: order, px: Ticks(100), qty: Lots(qty), fee: 0 };
    tell(attached, Flags::empty(), event);
}

#[test]
fn a_request_is_answered_and_what_is_permitted_is_reserved() {
    let sidecar = Sidecar::start(&setup());
    let mut one = sidecar.attach_and_pass("one");
    let verdict = permit(&mut one, Flags::empty(), order(1, 5, Intent::Open));
    assert_eq!((verdict.verdict, verdict.reason, verdict.order), (Verdict::Pass, None, 1));
    let again = permit(&mut one, Flags::empty(), order(1, 5, Intent::Open));
    assert_eq!((again.verdict, again.reason), (Verdict::Deny, Some(Reason::DuplicateId)));
    fill(&mut one, 1, 5);
    assert!(sidecar.tripline(&["halt", "firm", "--reason", "a test"]).status.success());
    wait_for("the gate closes", || (one.gate() == Gate::Halted).then_some(()));
    let denied = permit(&mut one, Flags::empty(), order(2, 1, Intent::Open));
    assert_eq!((denied.verdict, denied.reason), (Verdict::Deny, Some(Reason::Operator)));
    let cancel = Event::OrderCancel { order: id(1), attrs: attrs() };
    assert_eq!(permit(&mut one, Flags::empty(), cancel).verdict, Verdict::Pass);
    let too_much = permit(&mut one, Flags::SELL, order(3, 6, Intent::Exit));
    assert_eq!((too_much.verdict, too_much.reason), (Verdict::Deny, Some(Reason::ExitSize)));
    let exit = permit(&mut one, Flags::SELL, order(4, 5, Intent::Exit));
    assert_eq!((exit.verdict, exit.extra), (Verdict::PassExit, 0));
}

fn attrs() -> OrderAttrs {
    OrderAttrs { order_type: OrderType::Limit, tif: TimeInForce::Gtc, intent: Intent::Open, directive: 0 }
}

#[test]
fn a_dead_core_denies_what_opens_and_leaves_exits_to_the_venue() {
    let sidecar = Sidecar::start(&setup());
    let mut one = sidecar.attach_and_pass("one");
    let core = sidecar.core();
    // So that no other core takes over meanwhile.
    process::signal(sidecar.keeper(), libc::SIGSTOP);
    process::signal(core, libc::SIGKILL);
    wait_for("the gate closes", || (one.gate() == Gate::Halted).then_some(()));
    let mut ask = |flags, event| one.client.permit(one.target.handle, flags, event, PATIENCE).map(record);
    let verdict = ask(Flags::empty(), order(1, 5, Intent::Open)).expect("the library answers");
    assert_eq!((verdict.verdict, verdict.reason), (Verdict::Dropped, Some(Reason::LeaseExpired)));
    let verdict = ask(Flags::SELL, order(2, 5, Intent::Exit)).expect("the library answers");
    assert_eq!(verdict.verdict, Verdict::ExitUnverified);
    let cancel = Event::OrderCancel { order: id(2), attrs: attrs() };
    assert_eq!(ask(Flags::empty(), cancel).expect("the library answers").verdict, Verdict::Pass);
    process::signal(sidecar.keeper(), libc::SIGCONT);
    one.await_pass(&sidecar);
    let verdict = permit(&mut one, Flags::empty(), order(3, 5, Intent::Open));
    assert_eq!((verdict.verdict, verdict.order), (Verdict::Pass, 3), "the next core");
}

/// Requests a member of a list of so many; its lane position.
fn request_member(attached: &mut Attached, number: u64, count: u16) -> u64 {
    let mut event = order(number, 5, Intent::Open);
    if let Event::OrderNew { list_count, .. } = &mut event {
        *list_count = count;
    }
    attached.client.request(attached.target.handle, Flags::empty(), event).expect("room for a verdict")
}

fn await_verdict(attached: &mut Attached, position: u64) -> (u64, Verdict, Option<Reason>) {
    let answer = attached.client.wait(position, PATIENCE).expect("it may wait");
    let verdict = record(answer.expect("every member is answered"));
    (verdict.order, verdict.verdict, verdict.reason)
}

#[test]
fn a_list_is_answered_as_a_whole_though_the_core_died_in_the_middle_of_it() {
    let sidecar = Sidecar::start(&setup());
    let mut one = sidecar.attach_and_pass("one");
    let open = |list| Event::OrderList { list: id(list), count: 3, mode: ListMode::Batch };
    tell(&mut one, Flags::empty(), open(1));
    let (first, second) = (request_member(&mut one, 1, 3), request_member(&mut one, 2, 3));
    wait_for("both are taken", || (one.client.positions().1 > second).then_some(()));
    assert_eq!(one.client.poll(), Ok(None), "nothing is answered before the list is whole");
    let core = sidecar.core();
    process::signal(core, libc::SIGKILL);
    wait_for("another core", || (sidecar.core() != core).then_some(()));
    one.await_pass(&sidecar);
    let third = request_member(&mut one, 3, 3);
    let passed = [first, second, third].map(|position| await_verdict(&mut one, position));
    assert_eq!(passed, [1, 2, 3].map(|number| (number, Verdict::Pass, None)));

    // Of the next the last has an id that is taken: none of it passes.
    tell(&mut one, Flags::empty(), open(2));
    let asked = [4, 5, 1].map(|number| request_member(&mut one, number, 3));
    let denied = asked.map(|position| await_verdict(&mut one, position));
    let (list, id) = (Some(Reason::ListMember), Some(Reason::DuplicateId));
    assert_eq!(denied, [(4, Verdict::Deny, list), (5, Verdict::Deny, list), (1, Verdict::Deny, id)]);
    assert_eq!(sidecar.status().causes, []);
}

#[test]
fn a_core_that_stands_still_answers_nothing_and_nothing_is_permitted() {
    let sidecar = Sidecar::start(&setup());
    let mut one = sidecar.attach_and_pass("one");
    process::signal(sidecar.core(), libc::SIGSTOP);
    let asked = one.client.request(one.target.handle, Flags::empty(), order(1, 5, Intent::Open));
    let position = asked.expect("the lane has room");
    let verdict = record(one.client.wait(position, PATIENCE).expect("it may wait").expect("a verdict"));
    assert_eq!((verdict.verdict, verdict.reason), (Verdict::Dropped, Some(Reason::LeaseExpired)));
    process::signal(sidecar.core(), libc::SIGCONT);
    wait_for("the gate passes again", || (one.gate() == Gate::Pass).then_some(()));
    let verdict = permit(&mut one, Flags::empty(), order(2, 5, Intent::Open));
    assert_eq!((verdict.verdict, verdict.order), (Verdict::Pass, 2), "the late answer is nobody's");
    wait_for("the order that was not sent is given back", || {
        let stats = one.client.stats().read()?;
        (stats.looping.not_sent == 1).then_some(())
    });
    assert_eq!(sidecar.status().causes, []);
}

#[test]
fn a_client_that_asks_without_listening_is_told_so_and_loses_no_verdict() {
    let sidecar = Sidecar::start(&setup());
    let mut one = sidecar.attach_and_pass("one");
    let mut asked = Vec::new();
    for number in 1..=1_000 {
        match one.client.request(one.target.handle, Flags::empty(), order(number, 1, Intent::Open)) {
            Ok(position) => asked.push(position),
            Err(ClientError::Busy) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((10..1_000).contains(&asked.len()), "{} requests before it was told to listen", asked.len());
    let mut answered = Vec::new();
    wait_for("every verdict", || {
        while let Some(answer) = one.client.poll().expect("its own handle") {
            if let Answer::Verdict { position, record, .. } = answer {
                assert_eq!(
                    (record.verdict, record.reason),
                    (Verdict::Pass, None),
                    "{:?}",
                    sidecar.status().causes
                );
                answered.push(position);
            }
        }
        (answered.len() == asked.len()).then_some(())
    });
    assert_eq!(answered, asked);
    for number in 1..=asked.len() as u64 {
        let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
        let done = Event::OrderDone { order: id(number), status, initiator, cum_qty: Lots(0), t_venue: 0 };
        tell(&mut one, Flags::empty(), done);
        wait_for("the lane has room", || {
            (one.client.free_slots().expect("its own handle") > 0).then_some(())
        });
    }
    let more = permit(&mut one, Flags::empty(), order(2_000, 1, Intent::Open));
    assert_eq!(more.verdict, Verdict::Pass);
}
