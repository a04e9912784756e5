#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::verdict::{Directive, StateNotice, Task, Verdict, VerdictRecord};
use crate::model::{Handle, Mode, Nanos, Reason, Scope, TradingState};
use crate::shm::lane::format_return_ring;
use crate::shm::ring::{Consumer, Taken};
use crate::shm::segment::Segment;
use crate::sync::Ordering;
use crate::wire::layout::Geometry;

/// A return ring with both ends; the client's cursor is a word of its own.
struct Ends {
    answers: Answers,
    slots: Slots,
    reader: Consumer,
    cursor: AtomicU64,
    geometry: Geometry,
}

impl Ends {
    fn new(return_slots: u32) -> Self {
        let geometry = Geometry { return_slots, ..Geometry::default() };
        let segment = Arc::new(Segment::create("returns", geometry.return_bytes()).unwrap());
        let slots = format_return_ring(segment, return_slots);
        let requests = Outstanding::new(geometry.open_requests());
        Self {
            reader: Consumer::new(slots.clone()),
            cursor: AtomicU64::new(slots.first_position()),
            slots: slots.clone(),
            answers: Answers::new(slots, requests, geometry.other_answers()),
            geometry,
        }
    }

    fn admit(&mut self, position: u64) -> bool {
        self.answers.admit(position, &self.cursor)
    }

    fn verdict(&mut self, position: u64, verdict: Verdict) {
        self.answers.verdict(&lane_verdict(position, verdict), &self.cursor);
    }

    fn directive(&mut self, id: u64) {
        let directive = Directive {
            id,
            reason: Reason::Drawdown,
            epoch: 3,
            task: Task::CancelAll { scope: Scope::Book(0) },
            deadline: Nanos(9),
        };
        let directive = LaneDirective { lane: 1, handle: Handle(5), directive };
        self.answers.directive(&directive, &self.cursor);
    }

    fn notice(&mut self, id: u64) {
        let notice = StateNotice {
            scope: Scope::Firm,
            state: TradingState::Halted,
            mode: Mode::Live,
            reason: Reason::Operator,
            epoch: 3,
            causes: 1,
        };
        self.answers.notice(Answer::State { id, notice }.to_words(), &self.cursor);
    }

    /// What the client finds next, its cursor left where it is.
    fn look(&mut self) -> Option<Answer> {
        match self.reader.take() {
            Taken::Empty => None,
            Taken::Record(words) => {
                self.reader.advance();
                Some(Answer::from_words(&words).expect("an answer"))
            }
            Taken::Corrupt { stamp } => panic!("stamp {stamp}"),
        }
    }

    /// The client reads one answer.
    fn read(&mut self) -> Option<Answer> {
        let answer = self.look();
        self.cursor.store(self.reader.position(), Ordering::Release);
        answer
    }

    /// What the client finds in all, in short: verdicts by position, directives and notices by id.
    fn drain(&mut self) -> Vec<(char, u64)> {
        std::iter::from_fn(|| self.read()).map(|answer| short(&answer)).collect()
    }
}

fn lane_verdict(position: u64, verdict: Verdict) -> LaneVerdict {
    let record = VerdictRecord {
        order: position,
        verdict,
        action: 0,
        reason: None,
        guard: 0,
        scope_kind: 0,
        measured: 1,
        limit: 0,
        extra: 0,
    };
    LaneVerdict { lane: 1, position, handle: Handle(7), epoch: 0x2_0003, record }
}

fn short(answer: &Answer) -> (char, u64) {
    match *answer {
        Answer::Verdict { record, position, .. } if record.verdict.is_final() => ('v', position),
        Answer::Verdict { position, .. } => ('q', position),
        Answer::Directive { directive, .. } => ('d', directive.id),
        Answer::State { id, .. } => ('s', id),
    }
}

#[test]
fn a_verdict_carries_position_handle_and_the_low_bits_of_its_epoch() {
    let mut ends = Ends::new(16);
    assert!(ends.admit(40));
    ends.verdict(40, Verdict::Pass);
    let lane_verdict = lane_verdict(40, Verdict::Pass);
    let expected = Answer::Verdict { record: lane_verdict.record, position: 40, epoch: 3, handle: Handle(7) };
    assert_eq!(ends.read(), Some(expected));
}

#[test]
fn a_ring_admits_as_many_requests_as_a_client_may_have_open_and_not_one_more() {
    for slots in [8, 16, 64, 1_024] {
        let mut ends = Ends::new(slots);
        let bound = u64::from(ends.geometry.open_requests());
        for position in 0..bound {
            assert!(ends.admit(position), "{slots} slots, request {position} of {bound}");
        }
        assert!(!ends.admit(bound), "{slots} slots");
    }
}

#[test]
fn a_reader_that_stands_still_loses_no_verdict() {
    let mut ends = Ends::new(16);
    for id in 0..50 {
        ends.notice(id);
        ends.directive(id);
    }
    let admitted: Vec<u64> = (0..100).filter(|&position| ends.admit(position)).collect();
    assert_eq!(admitted.len(), 6, "the notices took no slot of theirs");
    for &position in &admitted {
        ends.verdict(position, Verdict::Queued);
        ends.notice(100 + position);
    }
    for &position in &admitted {
        ends.verdict(position, Verdict::Released);
    }
    let found = ends.drain();
    let verdicts: Vec<u64> = found.iter().filter(|(kind, _)| *kind == 'v').map(|&(_, at)| at).collect();
    assert_eq!(verdicts, admitted);
    assert_eq!(found.iter().filter(|(kind, _)| *kind == 'q').count(), admitted.len());
    assert_eq!(found.len(), 16, "every slot was used: {found:?}");
}

#[test]
fn a_wild_cursor_frees_nothing_and_costs_no_verdict() {
    for wild in [0, 15, 17 + 16, u64::MAX, 0x9e37_79b9_7f4a_7c15] {
        let mut ends = Ends::new(16);
        ends.cursor.store(wild, Ordering::Relaxed);
        let admitted: Vec<u64> = (0..100).filter(|&position| ends.admit(position)).collect();
        assert_eq!(admitted.len(), 6, "cursor {wild}");
        for id in 0..50 {
            ends.notice(id);
            ends.directive(id);
        }
        for &position in &admitted {
            ends.verdict(position, Verdict::Queued);
            ends.verdict(position, Verdict::Released);
        }
        assert!(!ends.admit(100), "nothing was read: cursor {wild}");
        let found: Vec<_> = std::iter::from_fn(|| ends.look()).map(|answer| short(&answer)).collect();
        let verdicts: Vec<u64> = found.iter().filter(|(kind, _)| *kind == 'v').map(|&(_, at)| at).collect();
        assert_eq!((verdicts, found.len()), (admitted, 16), "cursor {wild}");
        ends.cursor.store(ends.reader.position(), Ordering::Relaxed);
        assert!(ends.admit(100), "once the cursor can be believed: {wild}");
    }
}

#[test]
fn a_cursor_that_lies_after_a_takeover_delays_verdicts_but_costs_none() {
    for wild in [0, 1, 15, u64::MAX, 0x9e37_79b9_7f4a_7c15] {
        let mut ends = Ends::new(16);
        for position in 0..30 {
            assert!(ends.admit(position));
            ends.verdict(position, Verdict::Pass);
            assert_eq!(ends.drain(), [('v', position)]);
        }
        // Requests 40 and 41 are open, 39 was decided last; the dead core told none of it but 30's.
        for position in [30, 39, 40, 41] {
            assert!(ends.admit(position));
        }
        ends.verdict(30, Verdict::Pass);
        let requests = Outstanding::new(ends.geometry.open_requests());
        ends.answers = Answers::resume(ends.slots.clone(), requests, ends.geometry.other_answers());
        ends.answers.owe(&VecDeque::from([(40, true), (41, false)]));
        ends.cursor.store(wild, Ordering::Relaxed);
        ends.answers.verdict_again(&lane_verdict(39, Verdict::Pass), &ends.cursor);
        ends.verdict(40, Verdict::Released);
        ends.verdict(41, Verdict::Queued);
        ends.notice(1);
        assert!(!ends.admit(42), "cursor {wild}: nothing can be promised");
        assert_eq!(ends.answers.spoken_for(), 4, "three verdicts wait, one is still owed");
        ends.answers.retry(&ends.cursor);
        assert_eq!(ends.look().map(|answer| short(&answer)), Some(('v', 30)), "cursor {wild}");
        assert_eq!(ends.look(), None, "cursor {wild}");
        ends.cursor.store(ends.reader.position(), Ordering::Relaxed);
        ends.answers.retry(&ends.cursor);
        ends.verdict(41, Verdict::Released);
        assert_eq!(ends.drain(), [('v', 39), ('v', 40), ('q', 41), ('s', 1), ('v', 41)], "cursor {wild}");
        assert_eq!(ends.answers.spoken_for(), 0);
    }
}

#[test]
fn a_verdict_that_nobody_is_owed_is_dropped() {
    let mut ends = Ends::new(16);
    assert!(ends.admit(20));
    ends.verdict(19, Verdict::Pass);
    ends.verdict(20, Verdict::Queued);
    ends.verdict(20, Verdict::Queued);
    ends.verdict(20, Verdict::Dropped);
    ends.verdict(20, Verdict::Pass);
    ends.verdict(20, Verdict::Queued);
    assert_eq!(ends.drain(), [('q', 20), ('v', 20)]);
    assert_eq!(ends.answers.reserved, 0);
}

#[test]
fn directives_wait_in_order_as_many_as_one_decision_issues_and_only_the_newest_notice_does() {
    let mut ends = Ends::new(16);
    for id in 0..4 {
        ends.notice(id);
    }
    // The last one is the engine's to repeat.
    let issued = 10..10 + WAITING as u64 + 1;
    for id in issued.clone() {
        ends.directive(id);
    }
    ends.notice(4);
    ends.notice(5);
    assert_eq!(ends.drain(), [('s', 0), ('s', 1), ('s', 2), ('s', 3)]);
    let mut found = Vec::new();
    for _ in 0..WAITING {
        ends.answers.retry(&ends.cursor);
        let read = ends.drain();
        assert!(read.len() <= 4, "others keep to their quarter");
        found.extend(read);
    }
    let expected = issued.take(WAITING).map(|id| ('d', id)).chain([('s', 5)]);
    assert_eq!(found, expected.collect::<Vec<_>>());
    ends.answers.retry(&ends.cursor);
    assert_eq!(ends.drain(), []);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Request,
    Queue(u8),
    Decide(u8),
    Notice,
    Directive,
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Request),
        1 => any::<u8>().prop_map(Step::Queue),
        2 => any::<u8>().prop_map(Step::Decide),
        1 => Just(Step::Notice),
        1 => Just(Step::Directive),
        3 => Just(Step::Read),
    ]
}

fn any_cursor() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), 0_u64..200, any::<u64>()]
}

proptest! {
    /// Whatever a client writes into its cursor, lies that could be true among it: what is reserved finds its slot, and
    /// the verdict of every admitted request is pushed.
    #[test]
    fn no_cursor_takes_a_reserved_slot_away(
        steps in prop::collection::vec((step(), any_cursor()), 0..600),
    ) {
        let mut ends = Ends::new(16);
        let (mut next, mut open) = (1_000_u64, Vec::new());
        for (step, cursor) in steps {
            ends.cursor.store(cursor, Ordering::Relaxed);
            match step {
                Step::Request => {
                    if ends.admit(next) {
                        open.push(next);
                    }
                    next += 1;
                }
                Step::Decide(pick) if !open.is_empty() => {
                    let before = ends.answers.ring.position();
                    ends.verdict(open.remove(usize::from(pick) % open.len()), Verdict::Pass);
                    prop_assert_eq!(ends.answers.ring.position(), before + 1);
                }
                Step::Notice => ends.notice(next),
                Step::Directive => ends.directive(next),
                _ => ends.answers.retry(&ends.cursor),
            }
            let ring = &ends.answers.ring;
            prop_assert!(ring.position() - ring.consumed() + ends.answers.reserved <= 16);
            prop_assert_eq!(ends.answers.reserved, 2 * open.len() as u64);
        }
    }

    /// The client counts a request from its publication until it reads the final verdict, and keeps to the bound; the
    /// sidecar then admits every one, whatever else is under way, and each is answered in the order of the verdicts.
    #[test]
    fn a_client_that_counts_its_requests_is_never_refused(
        slots in prop::sample::select(vec![8_u32, 16, 32, 64]),
        steps in prop::collection::vec(step(), 0..600),
    ) {
        let mut ends = Ends::new(slots);
        let bound = ends.geometry.open_requests() as usize;
        let (mut next, mut open, mut counted) = (1_000_u64, Vec::new(), 0_usize);
        let mut due = VecDeque::new();
        for step in steps {
            match step {
                Step::Request if counted < bound => {
                    prop_assert!(ends.admit(next), "request {} refused with {} of {} open", next, counted, bound);
                    open.push((next, false));
                    counted += 1;
                    next += 1;
                }
                Step::Queue(pick) if !open.is_empty() => {
                    let at = usize::from(pick) % open.len();
                    let (position, queued) = open[at];
                    ends.verdict(position, Verdict::Queued);
                    if !queued {
                        due.push_back(('q', position));
                    }
                    open[at].1 = true;
                }
                Step::Decide(pick) if !open.is_empty() => {
                    let (position, _) = open.remove(usize::from(pick) % open.len());
                    ends.verdict(position, Verdict::Pass);
                    due.push_back(('v', position));
                }
                Step::Notice => ends.notice(next),
                Step::Directive => ends.directive(next),
                Step::Read => {
                    ends.answers.retry(&ends.cursor);
                    if let Some(found) = ends.read().map(|answer| short(&answer)) {
                        if matches!(found.0, 'q' | 'v') {
                            prop_assert_eq!(due.pop_front(), Some(found));
                        }
                        counted -= usize::from(found.0 == 'v');
                    }
                }
                Step::Request | Step::Queue(_) | Step::Decide(_) => {}
            }
            let reserved: u64 = open.iter().map(|&(_, queued)| 2 - u64::from(queued)).sum();
            prop_assert_eq!(ends.answers.reserved, reserved);
        }
        let rest: VecDeque<_> = ends.drain().into_iter().filter(|found| matches!(found.0, 'q' | 'v')).collect();
        prop_assert_eq!(rest, due);
    }
}
