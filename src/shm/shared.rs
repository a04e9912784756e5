//! The segments that live as long as the sidecar: made and mapped before the fork, sealed after it.

use std::io;
use std::sync::Arc;

use super::directory::Directory;
use super::gate::GatePage;
use super::lane::{Lane, format_return_ring};
use super::positions::Positions;
use super::ring::Slots;
use super::segment::Segment;
use super::stats::stats_bytes;
use crate::model::event::LivenessSign;
use crate::wire::layout::Geometry;

/// The lane of the operator's commands: control's, never handed to a client.
pub const OPERATOR_LANE: u16 = 0;

/// Everything the processes of one sidecar share from the start. Cloning shares the same memory.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Sizes of everything.
    pub geometry: Geometry,
    /// Halt words and leases.
    pub gate: GatePage,
    /// Consumed positions.
    pub positions: Positions,
    /// Counters and rows, to be formatted by their writer.
    pub stats: Arc<Segment>,
    /// Names.
    pub directory: Directory,
    /// The operator's lane.
    pub operator: Lane,
    /// The operator's return ring.
    pub operator_returns: Slots,
    /// The segment of that ring.
    pub operator_returns_segment: Arc<Segment>,
}

/// A lane that a client has, as a core that takes over finds it.
#[derive(Clone, Debug)]
pub struct OpenLane {
    /// Lane number.
    pub number: u16,
    /// Its strategy.
    pub strategy: u16,
    /// Clients this lane number has served.
    pub generation: u64,
    /// The lane.
    pub lane: Arc<Segment>,
    /// Its return ring.
    pub returns: Arc<Segment>,
    /// Its client is gone, this way.
    pub closing: Option<LivenessSign>,
}

impl Shared {
    /// Makes, allocates and maps all of it; every gate word is HALTED and no lease runs.
    ///
    /// # Errors
    /// What the kernel said, usually that memory is short.
    pub fn create(geometry: Geometry, fill_directory: impl FnOnce(&Directory)) -> io::Result<Self> {
        let make = |name, bytes| Segment::create(name, bytes).map(Arc::new);
        let directory = Directory::new(make("tripline-directory", geometry.directory_bytes())?, geometry);
        directory.format();
        fill_directory(&directory);
        let positions = make("tripline-positions", geometry.positions_bytes())?;
        let positions = Positions::format(positions, geometry);
        let operator = Lane::format(make("tripline-operator", geometry.lane_bytes())?, geometry.lane_slots);
        positions.publish(OPERATOR_LANE, operator.slots().first_position());
        let returns = make("tripline-answers", geometry.return_bytes())?;
        Ok(Self {
            geometry,
            gate: GatePage::format(make("tripline-gate", geometry.gate_bytes())?, geometry),
            positions,
            stats: make("tripline-stats", stats_bytes(&geometry))?,
            directory,
            operator,
            operator_returns: format_return_ring(Arc::clone(&returns), geometry.return_slots),
            operator_returns_segment: returns,
        })
    }

    fn withheld(&self) -> [&Arc<Segment>; 5] {
        [
            self.gate.segment(),
            self.positions.segment(),
            &self.stats,
            self.directory.segment(),
            &self.operator_returns_segment,
        ]
    }

    /// Lets the next child inherit every mapping again: a core that takes over writes what is sealed by now.
    ///
    /// # Errors
    /// What madvise said.
    pub fn share_with_children(&self) -> io::Result<()> {
        self.withheld().into_iter().try_for_each(|segment| segment.share_with_children())
    }

    /// Leaves the mappings out of every process forked from now on, all but the operator's lane: what control may read
    /// it maps again from the descriptors, and the seals let it map that for reading only.
    ///
    /// # Errors
    /// What madvise said.
    pub fn keep_from_children(&self) -> io::Result<()> {
        self.withheld().into_iter().try_for_each(|segment| segment.keep_from_children())
    }

    /// Seals every page that clients are to read, once the core has its mappings.
    ///
    /// # Errors
    /// What fcntl said: without seals nothing may be handed out.
    pub fn seal(&self) -> io::Result<()> {
        for segment in [self.gate.segment(), self.positions.segment(), &self.stats, self.directory.segment()]
        {
            segment.seal_against_writing()?;
        }
        Ok(())
    }
}
