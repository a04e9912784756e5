//! HOT: the one place where a record becomes history: the linearisation point of every input.
//!
//! Order around it, for each record: words that tighten may be stored before it, since a core that dies in between
//! leaves a gate closed too early and the record unread, and neither lets an order through; verdicts, words that
//! loosen and the lane's position come after it. What was decided is recorded behind its input and before it is told.
//! Without room in the hot log nothing is taken in and no lease is renewed.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use crate::engine::Outcome;
use crate::journal::log::Writer;
use crate::journal::replica::record_outcome;
use crate::model::{Event, Message, Nanos, Reason};
use crate::wire::record::encode;

/// Part of the log that is kept free for what one turn decides by itself: one eighth.
const RESERVE_SHIFT: u32 = 3;

/// History, and how much of it there is.
#[derive(Debug)]
pub(super) struct Commit {
    writer: Option<Writer>,
    inputs: u64,
}

impl Commit {
    /// Goes on with a history of so many inputs; without a writer nothing is kept.
    pub(super) fn new(writer: Option<Writer>, inputs: u64) -> Self {
        Self { writer, inputs }
    }

    /// Makes an input part of history, from a lane or the sidecar's own.
    #[inline]
    pub(super) fn input(&mut self, now: Nanos, lane: Option<u16>, message: &Message) {
        self.inputs = self.inputs.wrapping_add(1);
        if cfg!(tripline_mutant = "unjournaled_timer") && matches!(message.event, Event::Timer { .. }) {
            return;
        }
        if let Some(writer) = &mut self.writer {
            writer.append(now, lane, &encode(message));
        }
    }

    /// Records what the input led to.
    #[inline]
    pub(super) fn outcome(&mut self, now: Nanos, outcome: &Outcome) {
        if let Some(writer) = &mut self.writer {
            outcome.changes().iter().for_each(|change| writer.fold(change.new.to_raw()));
            record_outcome(outcome, |lane, words| writer.append(now, lane, &words));
        }
    }

    /// Leaves a digest in the journal by which replay can see that it came to the same.
    pub(super) fn check(&mut self, now: Nanos) {
        if let Some(writer) = &mut self.writer {
            writer.check(now);
        }
    }

    /// Whether another input may be taken in.
    #[inline]
    pub(super) fn has_room(&mut self) -> bool {
        self.writer.as_mut().is_none_or(|writer| {
            let reserve = writer.log().capacity() >> RESERVE_SHIFT;
            writer.has_room(reserve)
        })
    }

    /// The entry from which on nobody can follow the journal, or archive it, and why.
    pub(super) fn trouble(&self) -> Option<(u64, Reason)> {
        self.writer.as_ref().and_then(|writer| writer.log().trouble())
    }

    /// Entries that are not archived yet, and how long the oldest has been waiting.
    pub(super) fn archive_lag(&self) -> (u64, Nanos) {
        let told = self.writer.as_ref().and_then(|writer| Some((writer.next(), writer.log().archive_lag()?)));
        told.map_or((0, Nanos::ZERO), |(next, (archived, age))| (next.saturating_sub(archived), age))
    }

    /// Inputs so far.
    pub(super) fn inputs(&self) -> u64 {
        self.inputs
    }
}
