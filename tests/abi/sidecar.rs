//! COLD: a stand-in for the sidecar: the real segments and attach exchange, but a test decides what is answered.
//!
//! It serves one client to its end, in a thread, so that C programs can be run as real processes before there is an
//! engine behind them. Tests of the real sidecar are elsewhere.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tripline::model::{HaltWord, Message, Mode, Name, Nanos, Scope, TradingState};
use tripline::shm::clock::monotonic;
use tripline::shm::directory::{Directory, InstrumentEntry};
use tripline::shm::lane::{Lane, format_return_ring};
use tripline::shm::ring::{Consumer, Producer, Taken};
use tripline::shm::segment::Segment;
use tripline::shm::shared::Shared;
use tripline::shm::socket::{Listener, Received, Socket};
use tripline::shm::stats::StatsWriter;
use tripline::sync::{AtomicU64, Ordering};
use tripline::wire::answer::Answer;
use tripline::wire::hello::{Grant, Refusal, Reply, is_goodbye, read_answer, read_hello};
use tripline::wire::layout::Geometry;
use tripline::wire::record::{Words, decode};

const GEOMETRY: Geometry = Geometry {
    accounts: 1,
    strategies: 1,
    books: 1,
    instruments: 1,
    lanes: 2,
    guards: 1,
    lane_slots: 16,
    return_slots: 16,
};
const LANE: u16 = 1;
const LEASE: Nanos = Nanos(3_600_000_000_000);

fn named(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn fill(directory: &Directory) {
    directory.set_strategy(0, named("mm1"));
    directory.set_account(0, named("main"));
    directory.set_book(0, 0, 0);
    let (name, kind) = (named("BTC-PERP"), 0);
    let (price_decimals, qty_decimals) = (1, 3);
    directory.set_instrument(
        0,
        InstrumentEntry {
            name,
            kind,
            price_decimals,
            qty_decimals,
            multiplier_e9: 1_000_000_000,
            tick: 5,
            lot: 10,
            currency: 1,
        },
    );
}

/// What a reaction can do.
pub(crate) struct Sidecar {
    shared: Shared,
    lane: Lane,
    returns: Producer,
    /// False: events stay where they are, as behind a sidecar that stands still.
    pub(crate) consumes: bool,
    /// Lane position of the event that is being reacted to.
    pub(crate) position: u64,
}

impl Sidecar {
    /// Stores the word of a scope.
    pub(crate) fn store(&self, scope: Scope, state: TradingState, mode: Mode, epoch: u32) {
        self.shared.gate.store(scope, HaltWord { state, mode, epoch });
    }

    /// Ends or renews the lease of every account.
    pub(crate) fn set_lease(&self, is_running: bool) {
        let deadline = if is_running { Nanos(monotonic().0 + LEASE.0 / 2) } else { Nanos::ZERO };
        self.shared.gate.renew(deadline);
    }

    pub(crate) fn answer(&mut self, answer: &Answer) {
        self.answer_words(&answer.to_words());
    }

    pub(crate) fn answer_words(&mut self, words: &Words) {
        self.returns.push(words, self.lane.cursor()).expect("room in the return ring");
    }

    fn open() -> (Self, Consumer, Arc<Segment>) {
        let shared = Shared::create(GEOMETRY, fill).expect("shared segments");
        let _writer = StatsWriter::format(Arc::clone(&shared.stats), &GEOMETRY);
        shared.seal().expect("seals");
        let make = |name, bytes| Arc::new(Segment::create(name, bytes).expect("a segment"));
        let lane = Lane::format(make("lane", GEOMETRY.lane_bytes()), GEOMETRY.lane_slots);
        let returns = make("returns", GEOMETRY.return_bytes());
        let slots = format_return_ring(Arc::clone(&returns), GEOMETRY.return_slots);
        lane.segment().seal_for_writing().expect("seals");
        returns.seal_against_writing().expect("seals");
        shared.positions.publish(LANE, lane.slots().first_position());
        shared.positions.listen(LANE, 1);
        let events = Consumer::new(lane.slots());
        let sidecar = Self { shared, lane, returns: Producer::new(slots), consumes: true, position: 0 };
        sidecar.set_lease(true);
        for scope in [Scope::Account(0), Scope::Book(0), Scope::Instrument(0, 0)] {
            sidecar.store(scope, TradingState::Active, Mode::Live, 1);
        }
        (sidecar, events, returns)
    }
}

/// What the stand-in saw of its client.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) events: Vec<Message>,
    pub(crate) left_in_order: bool,
    pub(crate) lost: bool,
    pub(crate) beats: u64,
}

/// What happens after an event, before the position passes it.
pub(crate) type Reaction = fn(&mut Sidecar, &Message);

/// A stand-in that waits for its client, or serves it.
pub(crate) struct StandIn {
    folder: PathBuf,
    gone: Arc<AtomicU64>,
    thread: Option<JoinHandle<Option<Seen>>>,
}

impl StandIn {
    /// Listens in a folder of its own. Not below target/: a socket's path has little more than 100 bytes.
    pub(crate) fn listen(test: &str, reaction: Reaction) -> Self {
        let folder = std::env::temp_dir().join(format!("tripline-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the socket");
        let listener = Listener::bind(&folder.join("attach.sock"), 0o600).expect("a socket");
        let gone = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&gone);
        let thread = Some(std::thread::spawn(move || serve(&listener, &told, reaction)));
        Self { folder, gone, thread }
    }

    pub(crate) fn runtime_dir(&self) -> &Path {
        &self.folder
    }

    /// What was seen of the client, which has ended. `None` when it never attached.
    pub(crate) fn finish(mut self) -> Option<Seen> {
        self.gone.store(1, Ordering::Release);
        self.thread.take().and_then(|thread| thread.join().expect("the stand-in did not panic"))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.gone.store(1, Ordering::Release);
        let _removed_elsewhere = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until `fd` can be read, a millisecond at most.
fn wait(fd: BorrowedFd<'_>) {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one live pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 1) };
}

/// Takes its time over an answer, as a keeper that waits for its core does.
fn hesitate() {
    // SAFETY: no descriptors, only a time.
    unsafe { libc::poll(std::ptr::null_mut(), 0, 20) };
}

fn serve(listener: &Listener, gone: &AtomicU64, reaction: Reaction) -> Option<Seen> {
    let (mut sidecar, mut events, returns) = Sidecar::open();
    while gone.load(Ordering::Acquire) == 0 {
        wait(listener.fd());
        if let Some(socket) = listener.accept().expect("accept")
            && welcome(&socket, &sidecar, &returns).is_some()
        {
            return Some(attend(&socket, gone, &mut sidecar, &mut events, reaction));
        }
    }
    None
}

/// The attach exchange; `None` when the client was refused or went away.
fn welcome(socket: &Socket, sidecar: &Sidecar, returns: &Segment) -> Option<()> {
    let hello = packet(socket)?;
    let refusal = match read_hello(&hello) {
        Ok(name) if name == named("mm1") => None,
        Ok(_) => Some(Refusal::UnknownStrategy),
        Err(refusal) => Some(refusal),
    };
    if let Some(refusal) = refusal {
        socket.send(&Reply::Refused(refusal).to_packet(), &[]).ok()?;
        return None;
    }
    hesitate();
    socket.send(&Reply::Challenge { clock_ns: monotonic().0 }.to_packet(), &[]).ok()?;
    let answer = packet(socket)?;
    read_answer(&answer).ok()?;
    hesitate();
    let grant = Grant { lane: LANE, strategy: 0, generation: 1, geometry: GEOMETRY, lease_ns: LEASE.0 };
    let shared = &sidecar.shared;
    let fds = [
        shared.gate.segment().fd(),
        shared.positions.segment().fd(),
        shared.stats.fd(),
        shared.directory.segment().fd(),
        sidecar.lane.segment().fd(),
        returns.fd(),
    ];
    socket.send(&Reply::Granted(grant).to_packet(), &fds).ok()
}

fn packet(socket: &Socket) -> Option<Box<[u64; 16]>> {
    loop {
        wait(socket.fd());
        match socket.receive().ok()? {
            Received::Packet(packet, _) => return Some(packet),
            Received::Nothing => {}
            Received::Closed | Received::Odd { .. } => return None,
        }
    }
}

/// Applies events until the client is gone and its lane is empty.
fn attend(
    socket: &Socket,
    gone: &AtomicU64,
    sidecar: &mut Sidecar,
    events: &mut Consumer,
    reaction: Reaction,
) -> Seen {
    let mut seen = Vec::new();
    let mut left_in_order = None;
    while left_in_order.is_none() {
        wait(socket.fd());
        left_in_order = match socket.receive() {
            Ok(Received::Packet(packet, _)) => Some(is_goodbye(&packet)),
            Ok(Received::Nothing) if gone.load(Ordering::Acquire) == 0 => None,
            _ => Some(false),
        };
        while sidecar.consumes
            && let Taken::Record(words) = events.take()
        {
            let message = decode(&words).expect("clients publish only what decodes");
            sidecar.position = events.position();
            reaction(sidecar, &message);
            seen.push(message);
            events.advance();
            sidecar.shared.positions.publish(LANE, events.position());
        }
    }
    Seen {
        events: seen,
        left_in_order: left_in_order.unwrap_or(false),
        lost: sidecar.lane.lost(),
        beats: sidecar.lane.beats(),
    }
}
