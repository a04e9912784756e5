//! HOT: the duty cycle: one thread, pinned, that turns until it is told to stop.
//!
//! ```text
//! t0 = engine clock, r0 = CLOCK_MONOTONIC when a lease is due, both before draining
//! own stall, timers due <= t0, messages of the cold thread     each a record with its own time
//! for each open lane, at most 16 records: take -> decode -> apply -> words that tighten -> commit -> the rest
//! deadline = r0 + 3/4 T_lease, when due                         only this loop renews it
//! housekeeping, when due and no record waits
//! ```
//! The lease is stamped from a time read before draining, so that it never vouches for longer than the loop has
//! turned; a lane that is not drained in time loses its strategy's permission instead (LAG).

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use super::answers::Answers;
use super::bridge::{FromLoop, LoopEnd, MappedLane, ToLoop};
use super::clock::EngineClock;
use super::commit::Commit;
use super::housekeeping::Housekeeping;
use super::idle::Idle;
use super::lanes::ActiveLane;
use crate::engine::{Engine, Outcome, Source, WordId};
use crate::model::event::LivenessSign;
use crate::model::verdict::{StateNotice, VerdictRecord};
use crate::model::{Event, Flags, HaltWord, Handle, Message, Nanos, Scope};
use crate::shm::clock::monotonic;
use crate::shm::gate::GatePage;
use crate::shm::positions::Positions;
use crate::shm::ring::Taken;
use crate::sync::AtomicU64;
use crate::wire::answer::Answer;
use crate::wire::record::{Words, decode};

/// Nanoseconds a record may take before the rest of a long turn counts as a stall; several times the usual.
const WORK_PER_RECORD: u64 = 10_000;
/// Records taken from one lane before the next lane has its turn.
const BATCH: usize = 16;
/// How long housekeeping gives way to records that keep coming.
const GIVE_WAY: Nanos = Nanos(1_000_000);
/// Code of a REJECTED_RECORD for a stamp no producer can have stored; decode errors have their own.
const CORRUPT_STAMP: u16 = 100;
/// Code of a REJECTED_RECORD for a kind that only the sidecar writes.
const FOREIGN_KIND: u16 = 101;
/// Code of a REJECTED_RECORD for a request whose verdict would find no slot; an honest client never publishes one.
const NO_VERDICT_SLOT: u16 = 102;

/// Everything the loop owns.
pub(super) struct Duty {
    pub(super) clock: EngineClock,
    pub(super) engine: Engine,
    pub(super) gate: GatePage,
    pub(super) positions: Positions,
    pub(super) lanes: Vec<Option<ActiveLane>>,
    /// Numbers of the lanes that are open, ascending, so that a turn does not look at the others.
    pub(super) open: Vec<u16>,
    pub(super) commit: Commit,
    pub(super) idle: Idle,
    pub(super) bridge: LoopEnd,
    pub(super) house: Housekeeping,
    pub(super) lease: Nanos,
    pub(super) lease_due: Nanos,
    pub(super) last_turn: Nanos,
    /// Records taken in the last turn.
    pub(super) drained: u64,
    /// While a core takes over: words as the dead one left them for which the journal has no reason yet.
    pub(super) unexplained: Vec<(Scope, HaltWord)>,
    pub(super) shutdown: bool,
}

impl Duty {
    /// Turns until shutdown; the last turn halts every word.
    pub(super) fn run(&mut self) {
        let now = self.clock.now();
        if self.commit.has_room() {
            self.gate.renew(self.deadline(monotonic()));
        }
        self.last_turn = now;
        // What a core that takes over did until now kept every lane waiting.
        self.lanes.iter_mut().flatten().for_each(|lane| lane.kept_up_at = now);
        self.tell(FromLoop::Ready { lease_ns: self.lease.0 });
        while !self.shutdown {
            let worked = self.turn();
            let now = self.last_turn;
            let until = self.lease_due.min(self.engine.next_deadline()).min(self.house.due());
            self.idle.after_turn(worked, now, until);
        }
        self.gate.close();
    }

    fn turn(&mut self) -> bool {
        let t0 = self.clock.now();
        let r0 = (t0 >= self.lease_due).then(monotonic);
        self.house.turned();
        // Without room in the journal nothing is taken in, and the lease runs out.
        if !self.commit.has_room() {
            self.shutdown |= matches!(self.bridge.orders.peek(), Ok(ToLoop::Shutdown));
            return false;
        }
        self.note_own_stall(t0);
        self.run_timers(t0);
        self.hear_cold_thread(t0);
        let mut worked = false;
        let mut at = 0_usize;
        while let Some(&lane) = self.open.get(at) {
            worked |= self.drain(usize::from(lane), t0);
            // A lane that was let go has left the list, and the next one has taken its place.
            if self.open.get(at) == Some(&lane) {
                at = at.wrapping_add(1);
            }
        }
        if let Some(r0) = r0 {
            self.gate.renew(self.deadline(r0));
            self.lease_due = t0.after(Nanos(self.lease.0 >> 4));
        }
        // A copy-out takes microseconds: the record behind one that tripped must not wait for it.
        let due = self.house.due();
        if t0 >= due && (!worked || t0.since(due) >= GIVE_WAY) {
            self.keep_house(t0);
        }
        worked
    }

    /// Three quarters of a lease ahead. The last quarter is for the kernel: a keeper that is killed takes the core with
    /// it only once its memory is gone, and the core renews until then.
    fn deadline(&self, r0: Nanos) -> Nanos {
        r0.after(Nanos(self.lease.0.saturating_sub(self.lease.0 >> 2)))
    }

    /// A stall of our own is not evidence about anybody else: it becomes a record, and deadlines move by it.
    fn note_own_stall(&mut self, t0: Nanos) {
        // What the last turn worked on is no stall: a loop that cannot keep up must be seen as just that.
        let work = Nanos(self.drained.saturating_mul(WORK_PER_RECORD));
        let gap = Nanos(t0.since(self.last_turn).0.saturating_sub(work.0));
        self.last_turn = t0;
        self.drained = 0;
        if gap.0 > self.lease.0 >> 2 {
            self.house.stalled(gap);
            for lane in self.lanes.iter_mut().flatten() {
                lane.kept_up_at = lane.kept_up_at.after(gap);
            }
            self.apply_own(t0, Event::Stall { duration: gap });
        }
    }

    fn run_timers(&mut self, t0: Nanos) {
        let due = self.engine.next_deadline();
        if due <= t0 {
            self.apply_own(t0, Event::Timer { due: t0 });
        }
    }

    fn hear_cold_thread(&mut self, t0: Nanos) {
        while let Ok(order) = self.bridge.orders.pop() {
            match order {
                ToLoop::Open(mapped) => self.open_lane(mapped, t0),
                ToLoop::Close { lane, sign } => self.close_lane(lane, sign, t0),
                ToLoop::Shutdown => self.shutdown = true,
            }
        }
    }

    pub(super) fn open_lane(&mut self, mapped: Box<MappedLane>, t0: Nanos) {
        let (lane, strategy, generation) = (mapped.number, mapped.strategy, mapped.generation);
        if self.has_lane(lane) || usize::from(lane) >= self.lanes.len() {
            return self.tell(FromLoop::Refused(mapped));
        }
        self.resume_lane(ActiveLane::new(mapped, t0));
        self.apply_own(t0, Event::Lane { lane, strategy, open: 1, generation });
        self.tell(FromLoop::Opened { lane });
    }

    /// Puts a lane into the loop, at the position where its reading goes on.
    pub(super) fn resume_lane(&mut self, active: ActiveLane) {
        let lane = active.mapped.number;
        let Some(place) = self.lanes.get_mut(usize::from(lane)) else { return };
        self.positions.publish(lane, active.events.position());
        self.positions.listen(lane, active.mapped.generation);
        *place = Some(active);
        let at = self.open.partition_point(|&open| open < lane);
        self.open.insert(at, lane);
    }

    pub(super) fn has_lane(&self, lane: u16) -> bool {
        self.lanes.get(usize::from(lane)).is_some_and(Option::is_some)
    }

    /// The halt comes first; what the client still left in its lane is applied in the turns that follow.
    pub(super) fn close_lane(&mut self, lane: u16, sign: LivenessSign, t0: Nanos) {
        let Some(Some(active)) = self.lanes.get_mut(usize::from(lane)) else {
            return self.tell(FromLoop::NotHere { lane });
        };
        active.closing = Some(sign);
        let strategy = active.mapped.strategy;
        self.positions.listen(lane, 0);
        if sign != LivenessSign::Alive {
            self.apply_own(t0, Event::Liveness { lane, strategy, sign, beat: 0 });
        }
    }

    pub(super) fn tell(&mut self, news: FromLoop) {
        // The queue holds an answer for every lane several times over; one that does not fit was never asked for.
        let _no_room = self.bridge.news.push(news);
    }

    /// Takes at most one batch from a lane.
    fn drain(&mut self, index: usize, t0: Nanos) -> bool {
        let mut worked = false;
        for _ in 0..BATCH {
            if !self.commit.has_room() {
                return worked;
            }
            let Some(Some(lane)) = self.lanes.get_mut(index) else { return worked };
            if lane.quarantined {
                self.let_go_if_closing(index, t0);
                return worked;
            }
            match lane.events.take() {
                Taken::Record(words) => self.consume(index, &words, t0),
                Taken::Empty => {
                    lane.note_progress(true, t0);
                    let closing = lane.closing.is_some();
                    self.publish_position(index);
                    if closing {
                        self.let_go_if_closing(index, t0);
                    }
                    return worked;
                }
                Taken::Corrupt { stamp } => {
                    lane.quarantined = true;
                    self.positions.listen(lane.mapped.number, 0);
                    self.reject(index, None, CORRUPT_STAMP, stamp, t0);
                    return true;
                }
            }
            worked = true;
        }
        self.publish_position(index);
        worked
    }

    /// One record: decode, decide, commit, move on. A record that is none consumes its position and halts.
    fn consume(&mut self, index: usize, words: &Words, t0: Nanos) {
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return };
        let number = lane.mapped.number;
        let strategy = lane.mapped.strategy;
        let operators = lane.is_operators();
        let header = words[1];
        let position = lane.events.position();
        let source = match decode(words) {
            Err(error) => Err(error.code()),
            Ok(message) if operators => match message.event {
                Event::Command { .. } | Event::ExternalFill { .. } | Event::FlowExpect { .. } => {
                    Ok((Source::Operator, message))
                }
                Event::Roll { .. } => Ok((Source::Sidecar, message)),
                _ => Err(FOREIGN_KIND),
            },
            Ok(message) if message.event.kind() >= crate::model::event::FIRST_SIDECAR_KIND => {
                Err(FOREIGN_KIND)
            }
            Ok(message) if message.is_request() && !lane.admits(position) => Err(NO_VERDICT_SLOT),
            Ok(message) => Ok((Source::Lane { lane: number, strategy, position }, message)),
        };
        if cfg!(tripline_mutant = "position_before_commit") {
            self.positions.publish(number, position.wrapping_add(1));
        }
        match source {
            Ok((source, message)) => self.apply(t0, Some(number), source, &message),
            Err(code) => self.reject(index, Some(number), code, header, t0),
        }
        self.drained = self.drained.wrapping_add(1);
        if let Some(Some(lane)) = self.lanes.get_mut(index) {
            lane.events.advance();
            lane.note_progress(false, t0);
        }
    }

    /// `consumed` is the lane whose position the record takes up, if it does.
    fn reject(&mut self, index: usize, consumed: Option<u16>, code: u16, header: u64, t0: Nanos) {
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return };
        let (number, position) = (lane.mapped.number, lane.events.position());
        self.house.rejected();
        let event = Event::RejectedRecord { lane: number, code, position, header };
        self.apply(t0, consumed, Source::Sidecar, &own(event));
    }

    /// Only a position that moved: a store per turn would take the line from a client that watches it.
    fn publish_position(&mut self, index: usize) {
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return };
        let position = lane.events.position();
        if lane.published != position {
            lane.published = position;
            self.positions.publish(lane.mapped.number, position);
        }
    }

    /// A closing lane is given back once it is empty, so that a dead client's last events still count.
    fn let_go_if_closing(&mut self, index: usize, t0: Nanos) {
        let Some(place) = self.lanes.get_mut(index) else { return };
        if place.as_ref().is_none_or(|lane| lane.closing.is_none()) {
            return;
        }
        if let Some(lane) = place.take() {
            let MappedLane { number, strategy, generation, .. } = *lane.mapped;
            self.open.retain(|&open| open != number);
            // A client may say goodbye right after an event that found no room: what it lost stays lost.
            if lane.mapped.lane.lost() && lane.reported != Some(LivenessSign::Lost) {
                let sign = LivenessSign::Lost;
                self.apply_own(t0, Event::Liveness { lane: number, strategy, sign, beat: 0 });
            }
            self.apply_own(t0, Event::Lane { lane: number, strategy, open: 0, generation });
            self.tell(FromLoop::Closed(lane.mapped));
        }
    }

    /// Applies an input of the sidecar's own.
    pub(super) fn apply_own(&mut self, now: Nanos, event: Event) {
        self.apply(now, None, Source::Sidecar, &own(event));
    }

    /// Decide, tighten, commit, then everything else: loosen, then verdicts, directives and notices.
    fn apply(&mut self, now: Nanos, lane: Option<u16>, source: Source, message: &Message) {
        let outcome = self.engine.apply(now, source, message);
        for change in outcome.changes().iter().filter(|change| change.old.tightens_to(change.new)) {
            self.gate.store(scope_of(change.id), change.new);
        }
        if cfg!(tripline_mutant = "verdict_before_commit") {
            self.deliver();
        }
        self.commit.input(now, lane, message);
        let outcome = self.engine.outcome();
        self.commit.outcome(now, outcome);
        if !self.unexplained.is_empty() {
            explain(&mut self.unexplained, outcome);
        }
        for change in outcome.changes().iter().filter(|change| !change.old.tightens_to(change.new)) {
            self.gate.store(scope_of(change.id), change.new);
        }
        self.deliver();
        let outcome = self.engine.outcome();
        if !outcome.transitions().is_empty() {
            let decided = self.clock.now();
            self.announce(now, decided);
        }
    }

    /// Sends what the last call decided to the lanes it is for; a lane that is gone gets nothing.
    fn deliver(&mut self) {
        let Self { engine, lanes, .. } = self;
        let outcome = engine.outcome();
        if let (Some(record), Some(Some(lane))) = (outcome.reply(), lanes.first_mut()) {
            let position = lane.events.position();
            let answer = Answer::Verdict { record, position, epoch: 0, handle: Handle::default() };
            let (answers, cursor) = lane.answers();
            answers.notice(answer.to_words(), cursor);
        }
        for verdict in outcome.verdicts() {
            if let Some(lane) = strategys(lanes, verdict.lane) {
                let (answers, cursor) = lane.answers();
                answers.verdict(verdict, cursor);
            }
        }
        for directive in outcome.directives() {
            if let Some(lane) = strategys(lanes, directive.lane) {
                let (answers, cursor) = lane.answers();
                answers.directive(directive, cursor);
            }
        }
    }

    /// Lets the return ring of a lane that is open have an answer a dead core may not have sent.
    pub(super) fn redeliver(&mut self, lane: u16, send: impl FnOnce(&mut Answers, &AtomicU64)) {
        if let Some(lane) = strategys(&mut self.lanes, lane) {
            let (answers, cursor) = lane.answers();
            send(answers, cursor);
        }
    }

    /// Answers the operator's last command, if the dead core did not.
    pub(super) fn reply_again(&mut self, record: VerdictRecord) {
        if let Some(Some(lane)) = self.lanes.first_mut() {
            let position = lane.events.position().wrapping_sub(1);
            let answer = Answer::Verdict { record, position, epoch: 0, handle: Handle::default() };
            let (answers, cursor) = lane.answers();
            let words = answer.to_words();
            if !answers.has_sent(&words) {
                answers.notice(words, cursor);
            }
        }
    }

    /// Applies what is due, and what every client had published by now.
    pub(super) fn drain_what_waits(&mut self, t0: Nanos) {
        self.run_timers(t0);
        for lane in self.open.clone() {
            let waiting = self.lanes.get(usize::from(lane)).and_then(Option::as_ref);
            let mut left = waiting.map_or(0, |lane| lane.events.waiting());
            while left > 0 && self.drain(usize::from(lane), t0) {
                left = left.saturating_sub(BATCH as u64);
            }
        }
    }

    /// Tells the stats page and every lane a transition concerns.
    fn announce(&mut self, now: Nanos, decided: Nanos) {
        let Self { engine, lanes, house, .. } = self;
        for transition in engine.outcome().transitions() {
            let id = house.note_transition(transition, decided.since(now));
            let scope = transition.scope;
            let word = word_of(engine, scope);
            let notice = StateNotice {
                scope,
                state: transition.new_state,
                mode: word.mode,
                reason: transition.reason,
                epoch: transition.epoch,
                causes: engine.cause_bits(scope),
            };
            let words = Answer::State { id, notice }.to_words();
            for lane in lanes.iter_mut().flatten() {
                if !lane.is_operators() && concerns(engine, scope, lane.mapped.strategy) {
                    let (answers, cursor) = lane.answers();
                    answers.notice(words, cursor);
                }
            }
        }
    }
}

/// Leaves the words that are still tighter than anything recorded.
fn explain(unexplained: &mut Vec<(Scope, HaltWord)>, outcome: &Outcome) {
    for change in outcome.changes() {
        unexplained.retain(|(scope, left)| *scope != scope_of(change.id) || change.new.state > left.state);
    }
}

/// A record of the sidecar's own.
fn own(event: Event) -> Message {
    Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event }
}

/// A lane, if it is open and a strategy's.
fn strategys(lanes: &mut [Option<ActiveLane>], number: u16) -> Option<&mut ActiveLane> {
    lanes.get_mut(usize::from(number)).and_then(Option::as_mut).filter(|lane| !lane.is_operators())
}

pub(super) fn scope_of(id: WordId) -> Scope {
    match id {
        WordId::Account(account) => Scope::Account(account),
        WordId::Book(book) => Scope::Book(book),
        WordId::Instrument(account, instrument) => Scope::Instrument(account, instrument),
    }
}

/// The word a scope's own mode can be read from.
fn word_of(engine: &Engine, scope: Scope) -> HaltWord {
    match scope {
        Scope::Account(account) => engine.word(WordId::Account(account)),
        Scope::Book(book) => engine.word(WordId::Book(book)),
        Scope::Instrument(account, instrument) => engine.word(WordId::Instrument(account, instrument)),
        Scope::Firm | Scope::Strategy(_) => HaltWord { mode: engine.mode(scope), ..HaltWord::default() },
    }
}

/// Whether a change of `scope` matters to `strategy`.
fn concerns(engine: &Engine, scope: Scope, strategy: u16) -> bool {
    let books = &engine.limits().books;
    match scope {
        Scope::Firm => true,
        Scope::Strategy(changed) => changed == strategy,
        Scope::Book(book) => books.get(usize::from(book)).is_some_and(|b| b.strategy == strategy),
        Scope::Account(account) | Scope::Instrument(account, _) => {
            books.iter().any(|b| b.strategy == strategy && b.account == account)
        }
    }
}
