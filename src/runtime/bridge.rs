//! The cold thread of the core, and the two rtrb queues between it and the loop. The one door to rtrb.
//!
//! ```text
//! keeper --Open, Close, Shutdown--> cold thread --ToLoop--> loop
//!        <-Ready, Opened, Closed--              <-FromLoop--
//! ```
//! It maps what a new lane needs, so that the loop makes no system call, and unmaps it when the loop has let go.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use super::answers::Answers;
use super::pin;
use crate::model::event::LivenessSign;
use crate::shm::client::OPERATOR;
use crate::shm::gate::GatePage;
use crate::shm::lane::Lane;
use crate::shm::outstanding::Outstanding;
use crate::shm::ring::Slots;
use crate::shm::segment::{Access, Segment};
use crate::shm::shared::{OPERATOR_LANE, OpenLane, Shared};
use crate::shm::socket::{Received, Socket};
use crate::wire::layout::{Geometry, LANE_MAGIC, RETURN_MAGIC};
use crate::wire::link::Link;

/// A lane as the loop receives it: mapped, touched, and boxed so that moving it allocates nothing.
#[derive(Debug)]
pub(super) struct MappedLane {
    pub(super) number: u16,
    pub(super) strategy: u16,
    pub(super) generation: u64,
    pub(super) lane: Lane,
    pub(super) answers: Answers,
}

impl MappedLane {
    /// The operator's, which makes no requests.
    pub(super) fn operators(shared: &Shared) -> Self {
        let others = shared.geometry.other_answers();
        let answers = Answers::resume(shared.operator_returns.clone(), Outstanding::new(0), others);
        let (number, strategy, generation) = (OPERATOR_LANE, OPERATOR, 0);
        Self { number, strategy, generation, lane: shared.operator.clone(), answers }
    }

    /// One that the keeper mapped for a core before this one.
    pub(super) fn inherited(open: OpenLane, geometry: &Geometry) -> Self {
        let OpenLane { number, strategy, generation, lane, returns, .. } = open;
        Self {
            number,
            strategy,
            generation,
            lane: Lane::new(lane, geometry.lane_slots),
            answers: Answers::resume(
                Slots::new(returns, geometry.return_slots),
                Outstanding::new(geometry.open_requests()),
                geometry.other_answers(),
            ),
        }
    }
}

/// What the loop is told.
#[derive(Debug)]
pub(super) enum ToLoop {
    Open(Box<MappedLane>),
    Close { lane: u16, sign: LivenessSign },
    Shutdown,
}

/// What the loop tells.
#[derive(Debug)]
pub(super) enum FromLoop {
    Ready {
        lease_ns: u64,
    },
    Opened {
        lane: u16,
    },
    Closed(Box<MappedLane>),
    /// There is no such lane to close.
    NotHere {
        lane: u16,
    },
    /// The lane never made it into the loop's table.
    Refused(Box<MappedLane>),
}

/// The loop's end.
#[derive(Debug)]
pub(super) struct LoopEnd {
    pub(super) orders: Consumer<ToLoop>,
    pub(super) news: Producer<FromLoop>,
}

/// Starts the cold thread. Call before the loop is pinned; `off` is the processor the loop will have.
pub(super) fn start(
    link: Socket,
    gate: GatePage,
    geometry: Geometry,
    off: Option<usize>,
) -> io::Result<LoopEnd> {
    let room = usize::from(geometry.lanes).saturating_mul(4).max(64);
    let (order_in, order_out) = RingBuffer::new(room);
    let (news_in, news_out) = RingBuffer::new(room);
    let thread = ColdThread { link, gate, geometry, orders: order_in, news: news_out, awaited: 1 };
    std::thread::Builder::new().name("tripline-cold".into()).spawn(move || {
        if let Some(cpu) = off {
            pin::keep_off(cpu);
        }
        thread.run();
    })?;
    Ok(LoopEnd { orders: order_out, news: news_in })
}

struct ColdThread {
    link: Socket,
    /// Written only once the keeper is gone.
    gate: GatePage,
    geometry: Geometry,
    orders: Producer<ToLoop>,
    news: Consumer<FromLoop>,
    /// Answers the loop still owes; `Ready` is the first.
    awaited: u32,
}

/// How long a look at the socket blocks while the loop owes an answer: the longest that answer then waits.
const SHORT_LOOK: Duration = Duration::from_millis(1);
/// How long it blocks otherwise.
const LONG_LOOK: Duration = Duration::from_millis(100);

impl ColdThread {
    fn run(mut self) {
        loop {
            while let Ok(news) = self.news.pop() {
                self.awaited = self.awaited.saturating_sub(1);
                self.pass_on(news);
            }
            let look = if self.awaited == 0 { LONG_LOOK } else { SHORT_LOOK };
            if let Err(error) = self.link.set_timeout(look) {
                tracing::error!(event = "link", %error, "the keeper's socket cannot be used");
                return self.give_up();
            }
            match self.link.receive() {
                Ok(Received::Packet(packet, fds)) => {
                    if let Some(message) = Link::from_packet(&packet) {
                        self.carry_out(message, fds);
                    }
                }
                Ok(Received::Nothing | Received::Odd { .. }) => {}
                // The keeper is gone, and the kernel is about to end this process too. What can be halted before
                // that need not wait for the lease: the loop stores no word unless something changes.
                Ok(Received::Closed) | Err(_) => return self.give_up(),
            }
        }
    }

    /// A loop that nobody can tell of a client's death must not go on.
    fn give_up(&mut self) {
        self.gate.close();
        self.hand_over(ToLoop::Shutdown);
    }

    fn pass_on(&self, news: FromLoop) {
        let message = match news {
            FromLoop::Ready { lease_ns } => Link::Ready { lease_ns },
            FromLoop::NotHere { lane } => Link::Closed { lane },
            FromLoop::Opened { lane } => Link::Opened { lane },
            FromLoop::Closed(lane) => Link::Closed { lane: lane.number },
            FromLoop::Refused(lane) => Link::NoRoom { lane: lane.number },
        };
        if let Err(error) = self.link.send(&message.to_packet(), &[]) {
            tracing::error!(event = "link", %error, "the keeper does not listen");
        }
    }

    fn carry_out(&mut self, message: Link, fds: Vec<OwnedFd>) {
        let order = match message {
            Link::Open { lane, strategy, generation } => {
                match map_lane(&self.geometry, lane, strategy, generation, fds) {
                    Ok(mapped) => ToLoop::Open(Box::new(mapped)),
                    Err(error) => {
                        tracing::error!(event = "lane", lane, %error, "a lane could not be mapped");
                        let _keeper_gone = self.link.send(&Link::NoRoom { lane }.to_packet(), &[]);
                        return;
                    }
                }
            }
            Link::Close { lane, sign } => ToLoop::Close { lane, sign },
            Link::Shutdown => ToLoop::Shutdown,
            _ => return,
        };
        self.awaited = self.awaited.saturating_add(1);
        self.hand_over(order);
    }

    /// The queue has room for every lane several times over; when the loop stands still, this thread waits for it.
    fn hand_over(&mut self, mut order: ToLoop) {
        while let Err(rtrb::PushError::Full(back)) = self.orders.push(order) {
            order = back;
            pin::sleep(1_000_000);
        }
    }
}

fn map_lane(
    geometry: &Geometry,
    number: u16,
    strategy: u16,
    generation: u64,
    fds: Vec<OwnedFd>,
) -> io::Result<MappedLane> {
    let Ok([lane, returns]) = <[OwnedFd; 2]>::try_from(fds) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let open = |fd, name, bytes, magic| {
        Segment::open(fd, name, bytes, magic, Access::ReadWrite).map(Arc::new).map_err(io::Error::other)
    };
    let lane = open(lane, "lane", geometry.lane_bytes(), LANE_MAGIC)?;
    let returns = open(returns, "return ring", geometry.return_bytes(), RETURN_MAGIC)?;
    // Best effort: whether memory can be locked at all is marked at boot.
    let _unlocked = lane.lock().and_then(|()| returns.lock());
    Ok(MappedLane {
        number,
        strategy,
        generation,
        lane: Lane::new(lane, geometry.lane_slots),
        answers: Answers::new(
            Slots::new(returns, geometry.return_slots),
            Outstanding::new(geometry.open_requests()),
            geometry.other_answers(),
        ),
    })
}
