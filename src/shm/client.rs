//! The client half: attach, gate, publish, poll. What `libtripline` wraps for C, and the operator's lane uses too.
//!
//! A handle belongs to the thread that opened it: its ring has one producer, and two threads publishing would
//! overwrite each other's slots. Calls from another thread fail with [`ClientError::Thread`]; [`Client::rebind`]
//! moves a handle on purpose. Open one handle per thread instead where several publish.
//!
//! No call here blocks, except [`Client::attach`], [`Client::wait`] and [`Client::permit`]. None allocates after attach.

mod permit;
mod recheck;
mod requests;

use std::path::Path;
use std::sync::Arc;

use super::attach::{AttachError, Segments, attach};
use super::clock::monotonic;
use super::directory::{Directory, InstrumentEntry};
use super::gate::{Gate, GateOffsets};
use super::lane::Lane;
use super::positions::Positions;
use super::ring::{Consumer, Producer, Slots};
use super::segment::Segment;
use super::socket::Socket;
use super::stats::StatsReader;
use super::view::{View, ViewPage, latched};
use crate::model::event::FIRST_SIDECAR_KIND;
use crate::model::{Event, Flags, Handle, Message, Name};
use crate::sync::Ordering;
use crate::wire::hello::{Grant, goodbye};
use crate::wire::record::{DecodeError, Words, decode, encode};
use requests::Requests;

/// Strategy number of the operator's lane, which belongs to no strategy.
pub const OPERATOR: u16 = u16::MAX;

/// Why a call on a handle failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Called from a thread that does not own the handle.
    #[error("this handle belongs to another thread: rebind it, or open one handle per thread")]
    Thread,
    /// The handle was inherited through fork, or is detached.
    #[error("this handle came through fork, or is detached: attach in this process")]
    Closed,
    /// The lane is full. The event was not published, the strategy is halted.
    #[error(
        "the lane is full: the event is lost, the strategy halted until it attaches again and an operator resets it"
    )]
    Full,
    /// An earlier event was lost, so that later ones would be misread.
    #[error(
        "an earlier event was lost: the strategy is halted until it attaches again and an operator resets it"
    )]
    Lost,
    /// The sidecar no longer reads this lane: it took the client for dead, or found the lane corrupt.
    #[error("the sidecar has closed this lane: attach again")]
    LaneClosed,
    /// The event means nothing.
    #[error("not an event: {0}")]
    Invalid(DecodeError),
    /// The event is one that only the sidecar writes, or one this version does not act on.
    #[error("events of kind {0} with these flags cannot be published by a strategy in this version")]
    Unsupported(u8),
    /// No such account, or the strategy has no book on it.
    #[error("no such account, or the strategy has no book on it")]
    UnknownAccount,
    /// No such instrument.
    #[error("no such instrument")]
    UnknownInstrument,
    /// The return ring holds something that is no answer.
    #[error("the return ring holds something that is no answer")]
    Corrupt,
    /// There is no room for another verdict, or none in the lane. Nothing was published and nothing is lost.
    #[error("no room for another verdict: poll first; nothing was published")]
    Busy,
    /// No request at this position waits for a verdict: it never was one, or its verdict was handed out.
    #[error("no request at this position waits for a verdict")]
    NotRequested,
    /// No final verdict came in time. The request stays outstanding.
    #[error("no final verdict in time; the request at lane position {position} stays outstanding")]
    TimedOut {
        /// The request.
        position: u64,
    },
}

/// What an order is gated and published under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Names account and instrument in events.
    pub handle: Handle,
    /// Where its words sit in the gate page.
    pub offsets: GateOffsets,
}

/// An attached client.
#[derive(Debug)]
pub struct Client {
    page: ViewPage,
    grant: Grant,
    lane: Lane,
    producer: Producer,
    positions: Positions,
    returns: Consumer,
    directory: Directory,
    stats: StatsReader,
    requests: Requests,
    /// Offset of this strategy's word by account; 0 where it has no book.
    books: Box<[u32]>,
    // Kept for what they map or hold open.
    gate: Arc<Segment>,
    socket: Option<Socket>,
}

impl Client {
    /// Attaches to the sidecar whose attach socket is at `path`, as `strategy`. Blocks for as long as the exchange
    /// takes, a few seconds at most.
    ///
    /// # Errors
    /// [`AttachError`] names the step and the cause.
    pub fn attach(path: &Path, strategy: Name) -> Result<Self, AttachError> {
        let (socket, grant, segments) = attach(path, strategy)?;
        Ok(Self::new(grant, segments, Some(socket))?)
    }

    /// A client on segments that are already mapped: the operator's lane.
    ///
    /// # Errors
    /// What mmap said of the handle's own page.
    pub fn new(grant: Grant, segments: Segments, socket: Option<Socket>) -> std::io::Result<Self> {
        let geometry = grant.geometry;
        let page = ViewPage::new()?;
        let lane = Lane::new(segments.lane, geometry.lane_slots);
        let positions = Positions::new(segments.positions, geometry);
        // SYNC(slot-consumed): everything before it was consumed; for a fresh lane this is the first position.
        let consumed = positions.consumed(grant.lane).load(Ordering::Acquire);
        let returns = Slots::new(segments.returns, geometry.return_slots);
        // Relaxed: our own word.
        let cursor = lane.cursor().load(Ordering::Relaxed);
        let view = page.view();
        // Relaxed, all three: read by this thread's gate calls only.
        view.gate_bytes.store(geometry.gate_bytes() as u64, Ordering::Relaxed);
        view.lease_ns.store(grant.lease_ns, Ordering::Relaxed); // Relaxed: see above.
        view.gate.store(segments.gate.base() as u64, Ordering::Relaxed); // Relaxed: see above.
        view.own();
        let directory = Directory::new(segments.directory, geometry);
        let book_at = |account| {
            directory.find_book(grant.strategy, account).map_or(0, |book| geometry.book_at(book) as u32)
        };
        Ok(Self {
            requests: Requests::new(&geometry),
            books: (0..geometry.accounts).map(book_at).collect(),
            page,
            grant,
            producer: Producer::resume(lane.slots(), consumed),
            returns: Consumer::resume(returns, cursor),
            lane,
            positions,
            directory,
            stats: StatsReader::new(segments.stats, &geometry),
            gate: segments.gate,
            socket,
        })
    }

    /// The view that a forked child reads as zeros.
    #[must_use]
    pub fn page(&self) -> &ViewPage {
        &self.page
    }

    /// The lane, for tests that spoil it.
    #[doc(hidden)]
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Closes the socket without a goodbye, as a process does that closes every descriptor it finds: the sidecar takes
    /// the client for dead.
    pub fn hang_up(&mut self) {
        self.socket = None;
    }

    /// The lane this client got.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The sidecar's counters and rows.
    #[must_use]
    pub fn stats(&self) -> &StatsReader {
        &self.stats
    }

    /// Makes the calling thread the owner. The previous owner must not be inside a call.
    pub fn rebind(&mut self) {
        self.page.view().own();
    }

    /// The target of orders on `account` and, unless account level, `instrument`.
    ///
    /// # Errors
    /// [`ClientError::UnknownAccount`] or [`ClientError::UnknownInstrument`].
    pub fn look_up(&self, account: Name, instrument: Option<Name>) -> Result<Target, ClientError> {
        let account = self.directory.find_account(account).ok_or(ClientError::UnknownAccount)?;
        let instrument = match instrument {
            Some(name) => Some(self.directory.find_instrument(name).ok_or(ClientError::UnknownInstrument)?),
            None => None,
        };
        let handle = Handle::new(self.grant.lane, account, instrument);
        Ok(Target { handle, offsets: self.offsets(handle)? })
    }

    /// Where the words of a handle of this client sit.
    fn offsets(&self, handle: Handle) -> Result<GateOffsets, ClientError> {
        let geometry = &self.grant.geometry;
        let ours = handle.lane_tag() == self.grant.lane as u8;
        let account = handle.account().filter(|_| ours).ok_or(ClientError::UnknownAccount)?;
        let book = self.books.get(usize::from(account)).copied().filter(|&at| at != 0);
        let instrument = match handle.instrument() {
            Some(index) if index >= geometry.instruments => return Err(ClientError::UnknownInstrument),
            Some(index) => geometry.instrument_at(account, index) as u32,
            None => 0,
        };
        Ok(GateOffsets {
            account: geometry.account_at(account) as u32,
            book: book.ok_or(ClientError::UnknownAccount)?,
            instrument,
        })
    }

    /// What the directory says of an instrument.
    #[must_use]
    pub fn instrument(&self, target: &Target) -> Option<InstrumentEntry> {
        self.directory.instrument(target.handle.instrument()?)
    }

    /// Whether the next order on `target` may go out.
    #[must_use]
    #[inline]
    pub fn gate(&self, target: &Target) -> Gate {
        self.page.view().gate(target.offsets, monotonic)
    }

    /// True only when orders may go to the venue.
    #[must_use]
    #[inline]
    pub fn may_send(&self, target: &Target) -> bool {
        self.gate(target) == Gate::Pass
    }

    /// Publishes an event and returns its lane position. Requests go through [`Client::request`].
    ///
    /// # Errors
    /// [`ClientError`]; nothing was published. After [`ClientError::Full`] this client's gate stays closed for good,
    /// and the strategy's until an operator resets the GAP.
    pub fn publish(&mut self, handle: Handle, flags: Flags, event: Event) -> Result<u64, ClientError> {
        let message = Message { flags, epoch: 0, handle, event };
        self.publish_words(&encode(&message))
    }

    /// Publishes the words of a record; the epoch this client has seen is filled in.
    ///
    /// # Errors
    /// As [`Client::publish`].
    #[inline]
    pub fn publish_words(&mut self, words: &Words) -> Result<u64, ClientError> {
        self.check_thread()?;
        let message = decode(words).map_err(ClientError::Invalid)?;
        let kind = message.event.kind();
        let foreign = kind >= FIRST_SIDECAR_KIND && self.grant.strategy != OPERATOR;
        if foreign || message.is_request() || is_list_request(&message) {
            return Err(ClientError::Unsupported(kind));
        }
        self.check_whole()?;
        self.check_lane()?;
        self.push(words)
    }

    /// Puts a record into the lane; the epoch this client has seen is filled in.
    fn push(&mut self, words: &Words) -> Result<u64, ClientError> {
        let view = self.page.view();
        // Relaxed: stored by this thread's gate calls.
        let epoch = view.seen_epoch.load(Ordering::Relaxed) as u32;
        let mut stamped = *words;
        stamped[1] = stamped[1] & !0xffff_0000 | u64::from(epoch as u16) << 16;
        let consumed = self.positions.consumed(self.grant.lane);
        match self.producer.push(&stamped, consumed) {
            Ok(position) => Ok(position),
            Err(_full) => {
                self.lane.declare_lost();
                // Relaxed: a flag of this process.
                view.latched.fetch_or(latched::LOST, Ordering::Relaxed);
                Err(ClientError::Full)
            }
        }
    }

    /// Events that can be published now without [`ClientError::Full`].
    ///
    /// # Errors
    /// [`ClientError::Thread`].
    pub fn free_slots(&mut self) -> Result<u64, ClientError> {
        self.check_thread()?;
        Ok(self.producer.free(self.positions.consumed(self.grant.lane)))
    }

    /// The position the next event gets, and the position up to which the sidecar has applied events: once the
    /// second has passed an event, the gate shows whatever that event changed.
    #[must_use]
    #[inline]
    pub fn positions(&self) -> (u64, u64) {
        // SYNC(slot-consumed): the words an event changed were stored before the position passed it.
        let consumed = self.positions.consumed(self.grant.lane).load(Ordering::Acquire);
        (self.producer.position(), consumed)
    }

    /// A sign of life. Any published event is one too.
    ///
    /// # Errors
    /// [`ClientError::Thread`], [`ClientError::Closed`] or [`ClientError::LaneClosed`].
    #[inline]
    pub fn heartbeat(&mut self) -> Result<(), ClientError> {
        self.check_thread()?;
        self.check_lane()?;
        self.lane.beat();
        // Relaxed: stored by this thread's gate calls.
        self.lane.echo_epoch(self.page.view().seen_epoch.load(Ordering::Relaxed) as u32);
        Ok(())
    }

    /// After a lost event later ones would be misread.
    #[inline]
    fn check_whole(&self) -> Result<(), ClientError> {
        // Relaxed: a flag of this process.
        match self.page.view().latched.load(Ordering::Relaxed) & latched::LOST {
            0 => Ok(()),
            _ => Err(ClientError::Lost),
        }
    }

    /// A lane that nobody reads swallows events, so this handle's gate closes for good.
    #[inline]
    fn check_lane(&self) -> Result<(), ClientError> {
        if self.positions.listens(self.grant.lane, self.grant.generation) {
            return Ok(());
        }
        // Relaxed: a flag of this process.
        self.page.view().latched.fetch_or(latched::LOST, Ordering::Relaxed);
        Err(ClientError::LaneClosed)
    }

    fn check_thread(&self) -> Result<(), ClientError> {
        let view = self.page.view();
        match (view.is_open(), view.is_owned_here()) {
            (false, _) => Err(ClientError::Closed),
            (true, false) => Err(ClientError::Thread),
            (true, true) => Ok(()),
        }
    }
}

/// A list has no verdict of its own: its members are the requests.
const fn is_list_request(message: &Message) -> bool {
    matches!(message.event, Event::OrderList { .. }) && message.flags.contains(Flags::PERMIT)
}

impl Drop for Client {
    /// Says goodbye, so that a detach is not taken for a death, and closes the gate before the pages go away. In a
    /// forked child it does neither: the lane is the parent's.
    fn drop(&mut self) {
        let view: &View = self.page.view();
        if let (true, Some(socket)) = (view.is_open(), &self.socket) {
            let _gone_already = socket.send(&goodbye(), &[]);
        }
        // Relaxed: detach and gate are calls of one thread.
        view.gate.store(0, Ordering::Relaxed);
        // Relaxed: see above.
        view.client.store(0, Ordering::Relaxed);
        debug_assert!(!self.gate.is_empty());
    }
}
