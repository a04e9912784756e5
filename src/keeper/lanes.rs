//! The table of lanes: made fresh for each client, shown to the core, sealed, handed out, punched when done.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::standby::Inherited;
use super::stored::LaneId;
use crate::model::event::LivenessSign;
use crate::shm::clock::monotonic;
use crate::shm::lane::{Lane, format_return_ring};
use crate::shm::segment::{Access, OpenError, Segment};
use crate::shm::shared::{OPERATOR_LANE, OpenLane, Shared};
use crate::shm::socket::{Listener, Socket};
use crate::wire::hello::{Grant, Refusal};
use crate::wire::layout::{Geometry, LANE_MAGIC};
use crate::wire::link::Link;

#[derive(Debug)]
enum State {
    Free,
    /// Shown to the core, or granted.
    Used {
        strategy: u16,
        lane: Arc<Segment>,
        returns: Arc<Segment>,
    },
    /// The core still reads what the client left.
    Closing {
        strategy: u16,
        lane: Arc<Segment>,
        returns: Arc<Segment>,
        sign: LivenessSign,
    },
}

/// Why a lane that was stored is dropped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// There is no lane of this number to be had.
    #[error("its number or generation cannot be")]
    Number,
    /// It is not what this keeper would have made.
    #[error("{0}")]
    Segment(#[from] OpenError),
    /// Memory.
    #[error("{0}")]
    Memory(#[from] io::Error),
}

#[derive(Debug)]
struct Entry {
    state: State,
    generation: u64,
}

#[derive(Debug)]
pub(super) struct Lanes {
    geometry: Geometry,
    entries: Vec<Entry>,
    /// Generations of this keeper are beyond it, those of keepers before it are not: nobody grants a lane every microsecond.
    base: u64,
    /// A descriptor to give up when there are no more: without it a full table could not even refuse.
    reserve: Option<File>,
}

impl Lanes {
    pub(super) fn new(geometry: Geometry) -> Self {
        let base = monotonic().0 / 1_000;
        let entries = (0..geometry.lanes).map(|_| Entry { state: State::Free, generation: base }).collect();
        Self { geometry, entries, base, reserve: File::open("/dev/null").ok() }
    }

    /// Takes a lane of a keeper that died. Its client is gone, and its verdicts are for nobody.
    pub(super) fn adopt(&mut self, id: LaneId, fd: OwnedFd) -> Result<(), Unusable> {
        let entry = self.entries.get(usize::from(id.number)).filter(|_| id.number != OPERATOR_LANE);
        let is_free = entry.is_some_and(|entry| matches!(entry.state, State::Free));
        if !is_free || id.generation > self.base {
            return Err(Unusable::Number);
        }
        let open = Segment::open(fd, "lane", self.geometry.lane_bytes(), LANE_MAGIC, Access::ReadWrite);
        let lane = Arc::new(open?);
        let (_, returns) = self.make()?;
        let LaneId { generation, number, strategy } = id;
        let state = State::Closing { strategy, lane, returns, sign: LivenessSign::HangUp };
        self.entries[usize::from(number)] = Entry { state, generation };
        Ok(())
    }

    /// Which lane has this number now, and its descriptor.
    pub(super) fn id(&self, lane: u16) -> Option<(LaneId, BorrowedFd<'_>)> {
        let entry = self.entries.get(usize::from(lane))?;
        let (State::Used { strategy, lane: segment, .. } | State::Closing { strategy, lane: segment, .. }) =
            &entry.state
        else {
            return None;
        };
        let id = LaneId { generation: entry.generation, number: lane, strategy: *strategy };
        Some((id, segment.fd()))
    }

    /// Makes a lane for `strategy` and shows it to the core.
    pub(super) fn open(&mut self, core: &Socket, strategy: u16) -> Result<u16, Refusal> {
        let index = self
            .entries
            .iter()
            .enumerate()
            .position(|(index, entry)| {
                index != usize::from(OPERATOR_LANE) && matches!(entry.state, State::Free)
            })
            .ok_or(Refusal::LanesFull)?;
        let (lane, returns) = self.make().map_err(|error| {
            tracing::warn!(event = "lane", %error, "a lane could not be made");
            Refusal::NoRoom
        })?;
        let number = index as u16;
        let entry = &mut self.entries[index];
        let generation = entry.generation.max(self.base) + 1;
        let open = Link::Open { lane: number, strategy, generation };
        core.send(&open.to_packet(), &[lane.fd(), returns.fd()]).map_err(|_| Refusal::CoreSilent)?;
        *entry = Entry { state: State::Used { strategy, lane, returns }, generation };
        Ok(number)
    }

    fn make(&self) -> io::Result<(Arc<Segment>, Arc<Segment>)> {
        let lane = Arc::new(Segment::create("tripline-lane", self.geometry.lane_bytes())?);
        Lane::format(Arc::clone(&lane), self.geometry.lane_slots);
        let returns = Arc::new(Segment::create("tripline-return", self.geometry.return_bytes())?);
        format_return_ring(Arc::clone(&returns), self.geometry.return_slots);
        lane.keep_from_children()?;
        returns.keep_from_children()?;
        Ok((lane, returns))
    }

    /// The descriptors of every lane in use.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.entries
            .iter()
            .flat_map(|entry| match &entry.state {
                State::Used { lane, returns, .. } | State::Closing { lane, returns, .. } => {
                    [Some(lane.fd()), Some(returns.fd())]
                }
                State::Free => [None, None],
            })
            .flatten()
    }

    /// Seals a lane that the core has mapped, and what its client is to be told and given.
    pub(super) fn grant<'a>(
        &'a self,
        lane: u16,
        lease_ns: u64,
        shared: &'a Shared,
    ) -> io::Result<(Grant, [BorrowedFd<'a>; 6])> {
        let entry = self.entries.get(usize::from(lane)).ok_or(io::ErrorKind::NotFound)?;
        let State::Used { strategy, lane: segment, returns } = &entry.state else {
            return Err(io::ErrorKind::NotFound.into());
        };
        segment.seal_for_writing()?;
        returns.seal_against_writing()?;
        let grant = Grant {
            lane,
            strategy: *strategy,
            generation: entry.generation,
            geometry: self.geometry,
            lease_ns,
        };
        let fds = [
            shared.gate.segment().fd(),
            shared.positions.segment().fd(),
            shared.stats.fd(),
            shared.directory.segment().fd(),
            segment.fd(),
            returns.fd(),
        ];
        Ok((grant, fds))
    }

    /// The client is gone; the core is about to drain the lane.
    /// True unless it was closing already, or nobody's.
    pub(super) fn closing(&mut self, lane: u16, sign: LivenessSign) -> bool {
        let Some(entry) = self.entries.get_mut(usize::from(lane)) else { return false };
        let State::Used { strategy, lane, returns } = &entry.state else { return false };
        let (strategy, lane, returns) = (*strategy, Arc::clone(lane), Arc::clone(returns));
        entry.state = State::Closing { strategy, lane, returns, sign };
        true
    }

    /// The numbers of lanes in use.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u16> + '_ {
        self.open_lanes().into_iter().map(|lane| lane.number)
    }

    /// Every lane in use, for a core that takes over.
    pub(super) fn open_lanes(&self) -> Vec<OpenLane> {
        let entries = (0..).zip(&self.entries);
        let lanes = entries.filter_map(|(number, entry)| {
            let (strategy, lane, returns, closing) = match &entry.state {
                State::Used { strategy, lane, returns } => (*strategy, lane, returns, None),
                State::Closing { strategy, lane, returns, sign } => (*strategy, lane, returns, Some(*sign)),
                State::Free => return None,
            };
            let (lane, returns) = (Arc::clone(lane), Arc::clone(returns));
            Some(OpenLane { number, strategy, generation: entry.generation, lane, returns, closing })
        });
        lanes.collect()
    }

    /// Which lanes are in use, for whoever inherits them and must see that they are still the same.
    pub(super) fn inherited(&self) -> Vec<Inherited> {
        let entries = (0..).zip(&self.entries).filter(|(_, entry)| !matches!(entry.state, State::Free));
        let is_closing = |entry: &Entry| matches!(entry.state, State::Closing { .. });
        entries.map(|(number, entry)| (number, entry.generation, is_closing(entry))).collect()
    }

    /// Lets the next child inherit the mappings of every lane.
    pub(super) fn share_with_children(&self) -> io::Result<()> {
        self.segments().try_for_each(|segment| segment.share_with_children())
    }

    /// Withholds them again.
    pub(super) fn keep_from_children(&self) -> io::Result<()> {
        self.segments().try_for_each(|segment| segment.keep_from_children())
    }

    fn segments(&self) -> impl Iterator<Item = Arc<Segment>> {
        self.open_lanes().into_iter().flat_map(|open| [open.lane, open.returns])
    }

    /// The core has let go of the lane. Its memory goes back at once, whoever still maps it.
    pub(super) fn free(&mut self, lane: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(lane)) {
            match std::mem::replace(&mut entry.state, State::Free) {
                State::Closing { lane, .. } | State::Used { lane, .. } => lane.punch(),
                State::Free => {}
            }
        }
    }

    /// Out of descriptors: gives one up for a moment, so that the waiting connection is closed instead of spinning
    /// the keeper.
    pub(super) fn shed_reserve(&mut self, listener: &Listener) {
        self.reserve = None;
        drop(listener.accept());
        self.reserve = File::open("/dev/null").ok();
    }
}
