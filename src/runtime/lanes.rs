//! HOT: the lanes the loop drains, and what it privately knows of each.
//!
//! A lane's client can write every word of it, so nothing here is believed: the consumer's position is ours, a stamp
//! that cannot be ends the reading, and the client's cursor into its return ring is clamped by the ring.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use super::bridge::MappedLane;
use crate::model::Nanos;
use crate::model::event::LivenessSign;
use crate::shm::client::OPERATOR;
use crate::shm::ring::{Consumer, Producer};
use crate::wire::record::Words;
use crate::wire::stats::LaneRow;

/// One lane in the loop.
#[derive(Debug)]
pub(super) struct ActiveLane {
    pub(super) mapped: Box<MappedLane>,
    pub(super) events: Consumer,
    pub(super) answers: Producer,
    /// The position the client was last told.
    pub(super) published: u64,
    /// A newest state notice that found no room, to be tried again.
    pub(super) unsent: Option<Words>,
    /// When the lane was last seen empty, or had advanced by its capacity.
    pub(super) kept_up_at: Nanos,
    pub(super) kept_up_position: u64,
    /// What is wrong with the lane and already told: behind, until it has kept up again, or lost, for good.
    pub(super) reported: Option<LivenessSign>,
    /// Nothing more is read from it.
    pub(super) quarantined: bool,
    /// Its client is gone: drain, then let go.
    pub(super) closing: Option<LivenessSign>,
    pub(super) beats: u64,
    pub(super) beat_at: Nanos,
}

impl ActiveLane {
    pub(super) fn new(mapped: Box<MappedLane>, now: Nanos) -> Self {
        let events = Consumer::new(mapped.lane.slots());
        Self {
            kept_up_position: events.position(),
            published: events.position(),
            events,
            answers: Producer::new(mapped.returns.clone()),
            unsent: None,
            kept_up_at: now,
            reported: None,
            quarantined: false,
            closing: None,
            beats: mapped.lane.beats(),
            beat_at: now,
            mapped,
        }
    }

    pub(super) fn is_operators(&self) -> bool {
        self.mapped.strategy == OPERATOR
    }

    /// Sends an answer, or keeps the newest for later. Verdicts go to the operator's lane only, one at a time.
    pub(super) fn answer(&mut self, words: Words) {
        self.unsent = match self.answers.push(&words, self.mapped.lane.cursor()) {
            Ok(_) => None,
            Err(_full) => Some(words),
        };
    }

    pub(super) fn retry_answer(&mut self) {
        if let Some(words) = self.unsent {
            self.answer(words);
        }
    }

    /// Notes that the lane was seen empty, or has advanced by its capacity since the last note.
    #[inline]
    pub(super) fn note_progress(&mut self, empty: bool, now: Nanos) {
        let advanced = self.events.position().wrapping_sub(self.kept_up_position);
        if empty || advanced >= self.events.capacity() {
            self.kept_up_at = now;
            self.kept_up_position = self.events.position();
        }
    }

    /// Whether the client's heartbeat word has changed.
    pub(super) fn has_beaten(&mut self, now: Nanos) -> bool {
        let beats = self.mapped.lane.beats();
        let changed = beats != self.beats;
        if changed {
            (self.beats, self.beat_at) = (beats, now);
        }
        changed
    }

    pub(super) fn row(&self) -> LaneRow {
        LaneRow {
            lane: u64::from(self.mapped.number),
            strategy: if self.is_operators() { u64::MAX } else { u64::from(self.mapped.strategy) },
            generation: self.mapped.generation,
            consumed: self.events.position().wrapping_sub(self.events.capacity()),
            depth: self.events.waiting(),
            lost: self.mapped.lane.lost(),
            last_beat: self.beat_at,
            echoed_epoch: u64::from(self.mapped.lane.echoed_epoch()),
        }
    }
}
