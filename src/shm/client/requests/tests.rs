#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::model::verdict::{Directive, StateNotice, Task, Verdict, VerdictRecord};
use crate::model::{Mode, Nanos, Reason, Scope, TradingState};

/// Room for six requests, each with QUEUED and final verdict, and four others.
const GEOMETRY: Geometry = Geometry {
    accounts: 1,
    strategies: 1,
    books: 1,
    instruments: 1,
    lanes: 2,
    guards: 1,
    lane_slots: 16,
    return_slots: 16,
};

fn verdict(position: u64, verdict: Verdict) -> Answer {
    let (action, reason, guard, scope_kind, measured, limit, extra) = (0, None, 0, 0, 0, 0, 0);
    let record =
        VerdictRecord { order: position, verdict, action, reason, guard, scope_kind, measured, limit, extra };
    Answer::Verdict { record, position, epoch: 0, handle: Handle(0) }
}

fn notice(id: u64) -> Answer {
    let (state, mode) = (TradingState::Halted, Mode::Live);
    let (scope, reason) = (Scope::Firm, Reason::Operator);
    Answer::State { id, notice: StateNotice { scope, state, mode, reason, epoch: 1, causes: 1 } }
}

fn directive(id: u64) -> Answer {
    let task = Task::CancelAll { scope: Scope::Book(0) };
    let directive = Directive { id, reason: Reason::Operator, epoch: 1, task, deadline: Nanos(1) };
    Answer::Directive { handle: Handle(0), directive }
}

/// A table in which the requests at these positions wait.
fn waiting(positions: &[u64]) -> Requests {
    let mut requests = Requests::new(&GEOMETRY);
    for &position in positions {
        let order = OrderId::new(position);
        let request = Request::new(order, OrderAction::New, false, Handle(0), GateOffsets::default(), [1; 3]);
        requests.insert(position, request);
    }
    requests
}

fn all_kept(requests: &mut Requests) -> Vec<Answer> {
    std::iter::from_fn(|| requests.next_kept()).collect()
}

#[test]
fn a_verdict_is_accepted_once_and_a_strangers_never() {
    let mut requests = waiting(&[20]);
    for (answer, accepted) in [
        (verdict(19, Verdict::Pass), false),
        (verdict(20, Verdict::Queued), true),
        (verdict(20, Verdict::Queued), false),
        (verdict(20, Verdict::Released), true),
        (verdict(20, Verdict::Released), false),
        (verdict(20, Verdict::Queued), false),
    ] {
        assert_eq!(requests.accept(&answer), accepted, "{answer:?}");
    }
    assert!(requests.settle(20).is_some() && requests.settle(20).is_none());
    assert!(!requests.accept(&verdict(20, Verdict::Pass)), "gone");
    assert!(requests.accept(&notice(1)) && requests.accept(&directive(1)));
}

#[test]
fn a_request_takes_its_room_until_its_verdict_is_handed_out() {
    let mut requests = waiting(&[16, 17, 18, 19, 20, 21]);
    assert!(!requests.has_room());
    assert!(requests.accept(&verdict(18, Verdict::Pass)));
    assert!(!requests.has_room(), "read, not handed out");
    assert!(requests.settle(18).is_some());
    assert!(requests.has_room());
}

#[test]
fn what_the_library_answered_takes_its_room_until_the_engines_verdict_came_and_was_dropped() {
    let mut requests = waiting(&[16, 17, 18, 19, 20, 21]);
    assert!(requests.answer(17).is_some());
    assert!(requests.awaited(17).is_none() && requests.awaited(18).is_some());
    assert!(!requests.accept(&verdict(17, Verdict::Queued)));
    assert!(!requests.has_room());
    assert!(!requests.accept(&verdict(17, Verdict::Pass)));
    assert!(requests.has_room());
}

#[test]
fn what_is_kept_comes_in_order_and_a_final_verdict_can_be_taken_out_of_it() {
    let mut requests = waiting(&[16, 17]);
    let kept = [
        notice(1),
        verdict(16, Verdict::Queued),
        verdict(17, Verdict::Deny),
        directive(2),
        verdict(16, Verdict::Released),
    ];
    for answer in kept {
        assert!(requests.accept(&answer));
        requests.keep(answer);
    }
    assert_eq!(requests.take_final(18), None);
    assert_eq!(requests.take_final(16), Some(kept[4]));
    assert!(requests.settle(16).is_some());
    assert_eq!(all_kept(&mut requests), [kept[0], kept[2], kept[3]], "its QUEUED is news no more");
}

#[test]
fn however_much_is_kept_verdicts_stay_and_the_oldest_notices_go_first() {
    let positions = [16, 17, 18, 19, 20, 21];
    let mut requests = waiting(&positions);
    requests.keep(directive(1));
    for id in 0..10 {
        requests.keep(notice(id));
    }
    for &position in &positions {
        for kind in [Verdict::Queued, Verdict::Released] {
            assert!(requests.accept(&verdict(position, kind)));
            requests.keep(verdict(position, kind));
        }
    }
    for id in 10..14 {
        requests.keep(notice(id));
    }
    let room = requests.kept.capacity();
    let kept = all_kept(&mut requests);
    assert_eq!(kept.len(), 16);
    assert!(room < 32, "nothing grew: room for {room}");
    assert_eq!(kept.first(), Some(&directive(1)));
    assert_eq!(kept.iter().filter(|kept| matches!(kept, Answer::Verdict { .. })).count(), 12);
    assert_eq!(kept[13..], [notice(11), notice(12), notice(13)]);
}

#[test]
fn where_only_directives_can_make_room_the_oldest_of_them_does() {
    let mut requests = waiting(&[]);
    for id in 0..17 {
        requests.keep(directive(id));
    }
    assert_eq!(all_kept(&mut requests), (1..17).map(directive).collect::<Vec<_>>());
}
