//! The positions page: how far the core has consumed each lane. A copy for producers; the core's own positions are
//! private, and what a client writes never moves them.

use std::sync::Arc;

use super::segment::Segment;
use crate::sync::{AtomicU64, Ordering};
use crate::wire::layout::{ABI_VERSION, Geometry, LAYOUT_HASH, POSITION_OPEN_AT, POSITIONS_MAGIC};

/// The page, at either end.
#[derive(Clone, Debug)]
pub struct Positions {
    segment: Arc<Segment>,
    geometry: Geometry,
}

impl Positions {
    /// Formats a new page.
    #[must_use]
    pub fn format(segment: Arc<Segment>, geometry: Geometry) -> Self {
        super::write_header(&segment, POSITIONS_MAGIC, ABI_VERSION, LAYOUT_HASH);
        Self { segment, geometry }
    }

    /// A page that was formatted by someone else.
    #[must_use]
    pub fn new(segment: Arc<Segment>, geometry: Geometry) -> Self {
        Self { segment, geometry }
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The word of `lane`, for its producer.
    #[must_use]
    #[inline]
    pub fn consumed(&self, lane: u16) -> &AtomicU64 {
        self.segment.word(self.geometry.position_at(lane))
    }

    /// Says that the client with this `generation` of `lane` is listened to; 0: nobody. On a line of its own, since a
    /// client reads it with every publish.
    pub fn listen(&self, lane: u16, generation: u64) {
        // Relaxed: a client that sees the old value publishes into a lane that is drained once more.
        self.listened(lane).store(generation, Ordering::Relaxed);
    }

    /// Whether events of this `generation` of `lane` are still read.
    #[must_use]
    #[inline]
    pub fn listens(&self, lane: u16, generation: u64) -> bool {
        // Relaxed: see `listen`.
        self.listened(lane).load(Ordering::Relaxed) == generation
    }

    #[inline]
    fn listened(&self, lane: u16) -> &AtomicU64 {
        self.segment.word(self.geometry.position_at(lane).wrapping_add(POSITION_OPEN_AT))
    }

    /// Publishes how far `lane` has been consumed: everything before `position` is committed.
    #[inline]
    pub fn publish(&self, lane: u16, position: u64) {
        // SYNC(slot-consumed): pairs with the acquire load in `Producer::free`; the slots before it were copied.
        self.consumed(lane).store(position, Ordering::Release);
    }
}
