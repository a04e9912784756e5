//! A lane: the ring a client publishes events in, and the four words it keeps beside it.
//!
//! Every word of a lane is the client's to write, so the sidecar believes none of them: the cursor is clamped, the
//! heartbeat must advance, the epoch is for reports, and `lost` can only make things stricter.

use std::sync::Arc;

use super::ring::Slots;
use super::segment::Segment;
use crate::sync::{AtomicU64, Ordering};
use crate::wire::layout::{
    ABI_VERSION, LANE_BEAT_AT, LANE_CURSOR_AT, LANE_EPOCH_AT, LANE_LOST_AT, LANE_MAGIC, LAYOUT_HASH,
    RETURN_MAGIC,
};

/// The words of a lane, at either end.
#[derive(Clone, Debug)]
pub struct Lane {
    segment: Arc<Segment>,
    slots: u32,
}

impl Lane {
    /// Formats a new lane: header and first stamps.
    pub fn format(segment: Arc<Segment>, slots: u32) -> Self {
        super::write_header(&segment, LANE_MAGIC, ABI_VERSION, LAYOUT_HASH);
        let lane = Self { segment, slots };
        lane.slots().format();
        lane
    }

    /// A lane that was formatted by someone else.
    #[must_use]
    pub fn new(segment: Arc<Segment>, slots: u32) -> Self {
        Self { segment, slots }
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The event slots.
    #[must_use]
    pub fn slots(&self) -> Slots {
        Slots::new(Arc::clone(&self.segment), self.slots)
    }

    /// How far the client says it has read its return ring.
    #[must_use]
    pub fn cursor(&self) -> &AtomicU64 {
        self.segment.word(LANE_CURSOR_AT)
    }

    /// Client: the last halt epoch it saw.
    #[inline]
    pub fn echo_epoch(&self, epoch: u32) {
        // Relaxed: a single word for reports; nothing is published by it.
        self.segment.word(LANE_EPOCH_AT).store(u64::from(epoch), Ordering::Relaxed);
    }

    /// The last halt epoch the client echoed.
    #[must_use]
    pub fn echoed_epoch(&self) -> u32 {
        // Relaxed: see `echo_epoch`.
        self.segment.word(LANE_EPOCH_AT).load(Ordering::Relaxed) as u32
    }

    /// Client: one more sign of life.
    #[inline]
    pub fn beat(&self) {
        let word = self.segment.word(LANE_BEAT_AT);
        // Relaxed: the value only has to change; nothing is published by it. The client is its only writer.
        word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The heartbeat counter.
    #[must_use]
    #[inline]
    pub fn beats(&self) -> u64 {
        // Relaxed: see `beat`.
        self.segment.word(LANE_BEAT_AT).load(Ordering::Relaxed)
    }

    /// Client: an event could not be published; the sidecar's picture of this strategy is wrong from here on.
    pub fn declare_lost(&self) {
        // Relaxed: a sticky flag of its own; nothing is published by it.
        self.segment.word(LANE_LOST_AT).store(1, Ordering::Relaxed);
    }

    /// Whether the client declared events lost.
    #[must_use]
    #[inline]
    pub fn lost(&self) -> bool {
        // Relaxed: see `declare_lost`.
        self.segment.word(LANE_LOST_AT).load(Ordering::Relaxed) != 0
    }
}

/// Formats a new return ring.
pub fn format_return_ring(segment: Arc<Segment>, slots: u32) -> Slots {
    super::write_header(&segment, RETURN_MAGIC, ABI_VERSION, LAYOUT_HASH);
    let slots = Slots::new(segment, slots);
    slots.format();
    slots
}
