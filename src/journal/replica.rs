//! An engine fed from a journal, and what of the lanes a journal tells: which are open, how far they are consumed, which
//! requests still wait for their verdict.
//!
//! Entries are inputs or outcomes. An input is applied; what the engine then decides must be what the outcome entries
//! behind it say, in the same order: transitions, verdicts, directives. The journal may end before it has said all of it.

use std::collections::VecDeque;

use super::log::FIRST;
use super::record::{Stamp, chained};
use crate::engine::{Engine, LaneDirective, LaneVerdict, Outcome, Source};
use crate::model::{Event, Flags, Handle, Message, Nanos};
use crate::shm::shared::OPERATOR_LANE;
use crate::wire::answer::{Answer, DIRECTIVE_KIND, VERDICT_KIND};
use crate::wire::record::{Words, decode, encode};

/// Kind of a TRANSITION entry.
const TRANSITION_KIND: u8 = 135;

/// An outcome as an entry: the lane it is for, and its words but the first and the last.
pub type Recorded = (Option<u16>, [u64; 6]);

/// One lane, as far as a journal tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// Its strategy and generation, while it is open.
    pub open: Option<(u16, u64)>,
    /// The position of its next record.
    pub position: u64,
    /// Positions of requests without a final verdict, oldest first, and whether their QUEUED was decided.
    pub requests: VecDeque<(u64, bool)>,
}

/// Why a journal cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Divergence {
    /// The words of an entry are no record.
    #[error("entry {sequence} holds no record")]
    Undecodable {
        /// Its sequence.
        sequence: u64,
    },
    /// An input came from where no lane was open.
    #[error("entry {sequence} comes from lane {lane}, which is not open")]
    UnknownLane {
        /// Its sequence.
        sequence: u64,
        /// The lane.
        lane: u16,
    },
    /// A CHECK holds another digest: decisions differ that left no entry of their own.
    #[error("the digest recorded at entry {sequence} is not that of what its inputs lead to")]
    Chain {
        /// Its sequence.
        sequence: u64,
    },
    /// What was decided then is not what is decided now.
    #[error("the outcome recorded at entry {sequence} is not the one that its input leads to")]
    Outcome {
        /// Its sequence.
        sequence: u64,
    },
}

/// An engine and the lanes it was fed from.
#[derive(Debug)]
pub struct Replica {
    engine: Engine,
    lanes: Vec<LaneState>,
    first_position: u64,
    next: u64,
    now: Nanos,
    /// What the last input led to, as far as the journal has not said it yet.
    expected: VecDeque<Recorded>,
    chain: u64,
    transitions: u64,
}

impl Replica {
    /// An engine that has seen nothing yet, at the time it was made.
    #[must_use]
    pub fn new(engine: Engine, now: Nanos) -> Self {
        let first_position = u64::from(engine.limits().capacity.lane_slots);
        let unused = LaneState { position: first_position, ..LaneState::default() };
        let lanes = vec![unused; usize::from(engine.limits().capacity.lanes)];
        Self::from_parts(engine, lanes, FIRST, now, (0, 0))
    }

    /// The parts of a snapshot put together.
    pub(super) fn from_parts(
        engine: Engine,
        lanes: Vec<LaneState>,
        next: u64,
        now: Nanos,
        (chain, transitions): (u64, u64),
    ) -> Self {
        let first_position = u64::from(engine.limits().capacity.lane_slots);
        Self { engine, lanes, first_position, next, now, expected: VecDeque::new(), chain, transitions }
    }

    /// The same, where the operator's lane is in use already.
    #[must_use]
    pub fn with_operator_at(mut self, position: u64) -> Self {
        if let Some(operator) = self.lanes.get_mut(usize::from(OPERATOR_LANE)) {
            operator.position = position;
        }
        self
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, to go on with.
    #[must_use]
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// The lanes, by number.
    #[must_use]
    pub fn lanes(&self) -> &[LaneState] {
        &self.lanes
    }

    /// The sequence of the next entry.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The time of the last entry.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// A digest of every entry and every change of a word until now, each mixed into the one before.
    #[must_use]
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Causes that began or ended until now.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// What was decided but is not in the journal yet, in the order in which it belongs there.
    #[must_use]
    pub fn unrecorded(&self) -> &VecDeque<Recorded> {
        &self.expected
    }

    /// Whether nothing is missing behind the last input, so that a snapshot taken now is one of a whole turn.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.expected.is_empty()
    }

    /// Takes the next entry in.
    ///
    /// # Errors
    /// [`Divergence`] says why it cannot be what a core with these limits wrote. The replica must not be used then.
    pub fn step(&mut self, stamp: &Stamp, words: &Words) -> Result<(), Divergence> {
        self.step_seen(stamp, words, |_, _, _, _| ())
    }

    /// The same; `seen` is told of each input when it was applied: time, source, record and the engine behind it.
    ///
    /// # Errors
    /// As [`Replica::step`].
    pub fn step_seen(
        &mut self,
        stamp: &Stamp,
        words: &Words,
        seen: impl FnMut(Nanos, Source, &Message, &Engine),
    ) -> Result<(), Divergence> {
        let sequence = stamp.sequence;
        self.now = self.now.after(stamp.dt);
        self.next = sequence.wrapping_add(1);
        let before = self.chain;
        self.chain = chained(before, words[7]);
        let kind = words[1] as u8;
        if matches!(kind, TRANSITION_KIND | VERDICT_KIND | DIRECTIVE_KIND) {
            let said: Recorded = (stamp.lane, body(words));
            let decided = self.expected.pop_front();
            return if decided == Some(said) { Ok(()) } else { Err(Divergence::Outcome { sequence }) };
        }
        if !self.expected.is_empty() {
            return Err(Divergence::Outcome { sequence });
        }
        let message = decode(words).map_err(|_| Divergence::Undecodable { sequence })?;
        match message.event {
            Event::Tick { now } => self.now = self.now.max(now),
            Event::Check { chain } if chain != before => return Err(Divergence::Chain { sequence }),
            Event::Check { .. } => {}
            _ => self.apply(stamp, &message, seen)?,
        }
        Ok(())
    }

    fn apply(
        &mut self,
        stamp: &Stamp,
        message: &Message,
        mut seen: impl FnMut(Nanos, Source, &Message, &Engine),
    ) -> Result<(), Divergence> {
        let source = self.consume(stamp, message)?;
        self.engine.apply(self.now, source, message);
        seen(self.now, source, message, &self.engine);
        let Self { engine, lanes, expected, chain, .. } = self;
        note_verdicts(lanes, engine.outcome().verdicts());
        self.transitions = self.transitions.wrapping_add(engine.outcome().transitions().len() as u64);
        record_outcome(engine.outcome(), |lane, words| expected.push_back((lane, body(&words))));
        for change in engine.outcome().changes() {
            *chain = chained(*chain, change.new.to_raw());
        }
        Ok(())
    }

    /// Where the record came from; its lane's position is then consumed.
    fn consume(&mut self, stamp: &Stamp, message: &Message) -> Result<Source, Divergence> {
        if let Event::Lane { lane, strategy, open, generation } = message.event
            && let Some(state) = self.lanes.get_mut(usize::from(lane))
        {
            *state = LaneState { position: self.first_position, ..LaneState::default() };
            state.open = (open != 0).then_some((strategy, generation));
        }
        if let Event::Recovered { fresh: 1, .. } = message.event
            && let Some(operator) = self.lanes.get_mut(usize::from(OPERATOR_LANE))
        {
            operator.position = self.first_position;
        }
        let Some(lane) = stamp.lane else { return Ok(Source::Sidecar) };
        let unknown = Divergence::UnknownLane { sequence: stamp.sequence, lane };
        let state = self.lanes.get_mut(usize::from(lane)).ok_or(unknown)?;
        let position = state.position;
        state.position = position.wrapping_add(1);
        match message.event {
            Event::RejectedRecord { .. } | Event::Roll { .. } => return Ok(Source::Sidecar),
            _ if lane == OPERATOR_LANE => return Ok(Source::Operator),
            _ => {}
        }
        let (strategy, _) = state.open.ok_or(unknown)?;
        if message.is_request() {
            state.requests.push_back((position, false));
        }
        Ok(Source::Lane { lane, strategy, position })
    }
}

/// Requests that were answered, for good or for now.
fn note_verdicts(lanes: &mut [LaneState], verdicts: &[LaneVerdict]) {
    for verdict in verdicts {
        let Some(state) = lanes.get_mut(usize::from(verdict.lane)) else { continue };
        if let Some(at) = state.requests.iter().position(|&(position, _)| position == verdict.position) {
            if verdict.record.verdict.is_final() {
                state.requests.remove(at);
            } else if let Some(request) = state.requests.get_mut(at) {
                request.1 = true;
            }
        }
    }
}

fn body(words: &Words) -> [u64; 6] {
    let [_, header, a, b, c, d, e, _] = *words;
    [header, a, b, c, d, e]
}

/// Calls `entry` with the words of everything that was decided, in the order in which it is recorded.
pub fn record_outcome(outcome: &Outcome, mut entry: impl FnMut(Option<u16>, Words)) {
    for transition in outcome.transitions() {
        let event = Event::Transition {
            scope: transition.scope,
            reason: transition.reason,
            guard: transition.guard,
            old_state: transition.old_state,
            new_state: transition.new_state,
            epoch: transition.epoch,
            measured: transition.measured,
            limit: transition.limit,
            latch: transition.latch,
        };
        entry(None, encode(&Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event }));
    }
    for verdict in outcome.verdicts() {
        let LaneVerdict { lane, position, handle, epoch, record } = *verdict;
        entry(Some(lane), Answer::Verdict { record, position, epoch: epoch as u16, handle }.to_words());
    }
    for directive in outcome.directives() {
        let LaneDirective { lane, handle, directive } = *directive;
        entry(Some(lane), Answer::Directive { handle, directive }.to_words());
    }
}
