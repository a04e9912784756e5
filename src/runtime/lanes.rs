//! HOT: the lanes the loop drains, and what it privately knows of each.
//!
//! A lane's client can write every word of it, so nothing here is believed: the consumer's position is ours, a stamp
//! that cannot be ends the reading, the client's cursor into its return ring is clamped by the ring, and an epoch it
//! echoes counts only if there is one.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use super::answers::Answers;
use super::bridge::MappedLane;
use crate::journal::replica::LaneState;
use crate::model::Nanos;
use crate::model::event::LivenessSign;
use crate::shm::client::OPERATOR;
use crate::shm::ring::Consumer;
use crate::sync::AtomicU64;
use crate::wire::stats::LaneRow;

/// One lane in the loop.
#[derive(Debug)]
pub(super) struct ActiveLane {
    pub(super) mapped: Box<MappedLane>,
    pub(super) events: Consumer,
    /// The position the client was last told.
    pub(super) published: u64,
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
    /// The newest halt epoch the client has echoed.
    pub(super) acked_epoch: u32,
}

impl ActiveLane {
    pub(super) fn new(mapped: Box<MappedLane>, now: Nanos) -> Self {
        let events = Consumer::new(mapped.lane.slots());
        Self {
            kept_up_position: events.position(),
            published: events.position(),
            events,
            kept_up_at: now,
            reported: None,
            quarantined: false,
            closing: None,
            beats: mapped.lane.beats(),
            beat_at: now,
            acked_epoch: 0,
            mapped,
        }
    }

    /// The lane of a core that died, where the journal says it was left.
    pub(super) fn resume(mapped: Box<MappedLane>, state: &LaneState, now: Nanos) -> Self {
        let events = Consumer::resume(mapped.lane.slots(), state.position);
        let mut mapped = mapped;
        mapped.answers.owe(&state.requests);
        Self {
            kept_up_position: events.position(),
            published: events.position(),
            events,
            acked_epoch: mapped.lane.echoed_epoch(),
            ..Self::new(mapped, now)
        }
    }

    pub(super) fn is_operators(&self) -> bool {
        self.mapped.strategy == OPERATOR
    }

    /// Its return ring, and the client's cursor into it.
    pub(super) fn answers(&mut self) -> (&mut Answers, &AtomicU64) {
        let MappedLane { lane, answers, .. } = &mut *self.mapped;
        (answers, lane.cursor())
    }

    /// Whether the request at `position` may be applied; its verdict's slots are then reserved.
    pub(super) fn admits(&mut self, position: u64) -> bool {
        let (answers, cursor) = self.answers();
        answers.admit(position, cursor)
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

    /// The halt epoch that the client has echoed, once for each that is newer than the last. What the word says is
    /// believed only as far as there are epochs, `current` the newest.
    pub(super) fn newly_acked(&mut self, current: u32) -> Option<u32> {
        let echoed = self.mapped.lane.echoed_epoch();
        let is_new = echoed > self.acked_epoch && echoed <= current;
        if is_new {
            self.acked_epoch = echoed;
        }
        is_new.then_some(echoed)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::shm::shared::Shared;
    use crate::wire::layout::Geometry;

    #[test]
    fn an_epoch_counts_as_echoed_once_and_only_if_there_is_one() {
        let geometry = Geometry { lane_slots: 16, return_slots: 16, ..Geometry::default() };
        let shared = Shared::create(geometry, |_| {}).unwrap();
        let (lane, mapped) = (shared.operator.clone(), MappedLane::operators(&shared));
        let mut active = ActiveLane::new(Box::new(mapped), Nanos::ZERO);
        for (echoed, current, acked) in [
            (0, 1, None),
            (1, 1, Some(1)),
            (1, 1, None),
            (1, 5, None),
            (6, 5, None),
            (u32::MAX, 5, None),
            (4, 5, Some(4)),
            (3, 5, None),
            (5, 5, Some(5)),
        ] {
            lane.echo_epoch(echoed);
            assert_eq!(active.newly_acked(current), acked, "{echoed} of {current}");
        }
    }
}
