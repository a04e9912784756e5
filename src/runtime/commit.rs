//! HOT: the one place where a record becomes history: the linearisation point of every input.
//!
//! Order around it, for each record: words that tighten may be stored before it, since a core that dies in between
//! leaves a gate closed too early and the record unread, and neither lets an order through; verdicts, words that
//! loosen and the lane's position come after it. This version keeps no journal, so committing counts; a dead core
//! leaves every gate HALTED instead of being recovered.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use crate::model::Message;

/// History: how much of it there is.
#[derive(Debug, Default)]
pub(super) struct Commit {
    sequence: u64,
}

impl Commit {
    /// Makes an input part of history.
    #[inline]
    pub(super) fn append(&mut self, _record: &Message) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Records so far.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }
}
