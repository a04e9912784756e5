//! The keeper: the tiny parent. It owns the attach socket, the segments and the processes, and nothing else.
//!
//! ```text
//!                keeper (1 thread, never spins)
//!      attach socket │ memfds │ lock │ signals
//!         fork ┌─────┼──────┐ fork
//!            core standby control
//! ```
//! It parses nothing but fixed-size packets. When the core dies it ends every lease and lets another one go on with the
//! same mappings, which knows from the journal what the dead one did: the standby, forked while the core still lived, or
//! one forked then. Clients do nothing, their gates read HALTED until its first lease. A core that dies again soon is
//! replaced later each time. When the keeper itself dies, its children die with it and the leases run out.

mod heritage;
mod lanes;
mod process;
mod standby;
mod stored;
mod successor;
mod supervisor;
mod visitor;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use heritage::Handover;
pub use process::{ask_to_end, end_with_parent};

use crate::model::Name;
use crate::model::event::LivenessSign;
use crate::shm::directory::Directory;
use crate::shm::shared::Shared;
use crate::shm::socket::{Listener, Received, Socket};
use crate::wire::layout::Geometry;
use crate::wire::link::Link;
use heritage::{Heritage, fork_core};
use lanes::Lanes;
use process::{Child, ChildExit, Signals};
use standby::Standby;
use successor::Successor;
use supervisor::Supervisor;
use visitor::{Visitor, Wants};

/// What the keeper must know.
#[derive(Debug)]
pub struct Options {
    /// The private directory of the sockets and the lock.
    pub runtime_dir: PathBuf,
    /// Group that may connect to the attach socket; `None` leaves the process's own.
    pub group: Option<u32>,
    /// Sizes of everything.
    pub geometry: Geometry,
    /// Name and user of each strategy, by index.
    pub strategies: Vec<(Name, u32)>,
    /// Whether a core that dies is replaced: there is a journal.
    pub replaces_core: bool,
    /// Whether the one that replaces it waits in another process beforehand.
    pub keeps_standby: bool,
}

/// Why a sidecar could not start, or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// The runtime directory cannot be used.
    #[error("runtime directory {dir}: {error}; create it for this user with mode 0750, or name another one")]
    RuntimeDir {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// Another sidecar holds the directory.
    #[error("another sidecar (process {holder}) runs in {dir}; stop it, or use another runtime directory")]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The process id in the lock file.
        holder: String,
    },
    /// The core ended by itself, and there is no journal by which another could go on.
    #[error("the core {0}; every gate reads HALTED, start the sidecar again and let the strategies attach")]
    CoreDied(ChildExit),
    /// The core did not get ready.
    #[error("the core was not ready within {0:?}")]
    NotReady(Duration),
    /// The kernel refused something.
    #[error("{what}: {error}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Between two tries to tell a core whose socket is full.
const RETRY_AFTER: Duration = Duration::from_millis(5);
/// Connections taken in before everybody else is heard again.
const WELCOME_AT_ONCE: usize = 64;
const CONTROL_BACKOFF: Duration = Duration::from_secs(1);

fn os(what: &'static str) -> impl FnOnce(io::Error) -> KeeperError {
    move |error| KeeperError::Os { what, error }
}

/// Runs a sidecar until it is told to stop. Must be called while the process has one thread.
///
/// `core` and `control` are what the forked children do; they return when told to end.
///
/// # Errors
/// [`KeeperError`] says why it did not start or had to end. Every gate is closed on every way out.
pub fn run(
    options: Options,
    fill_directory: impl FnOnce(&Directory),
    mut core: impl FnMut(Handover) -> io::Result<()>,
    mut control: impl FnMut(Shared) -> io::Result<()>,
) -> Result<(), KeeperError> {
    let _lock = process::claim_runtime_dir(&options.runtime_dir, options.group)?;
    let signals = Signals::new().map_err(os("signalfd"))?;
    let shared = Shared::create(options.geometry, fill_directory).map_err(os("shared segments"))?;
    let private = [signals.fd().as_raw_fd()];
    let supervisor = Supervisor::from_environment();
    let mut lanes = Lanes::new(options.geometry);
    stored::adopt(&mut lanes, &supervisor);
    lanes.share_with_children().map_err(os("madvise of the lanes"))?;
    let heritage = Heritage { lanes: lanes.open_lanes(), restarts: 0, is_standby: false };
    let (child, link) = fork_core(&mut core, &private, &shared, heritage)?;
    shared.seal().map_err(os("sealing the shared segments"))?;
    shared.keep_from_children().map_err(os("madvise of the shared segments"))?;
    lanes.keep_from_children().map_err(os("madvise of the lanes"))?;
    let mut keeper = Keeper {
        lanes,
        visitors: Vec::new(),
        listener: None,
        link,
        core: child,
        successor: Successor::default(),
        standby: None,
        standby_due: Instant::now(),
        supervisor,
        control: None,
        control_due: Instant::now(),
        unsaid: VecDeque::new(),
        ready_by: Some(Instant::now() + READY_WITHIN),
        stop_by: None,
        lease_ns: 0,
        signals,
        shared,
        options,
    };
    let outcome = keeper.keep(&mut core, &mut control);
    keeper.shared.gate.close();
    keeper.end_children();
    outcome
}

struct Keeper {
    options: Options,
    shared: Shared,
    signals: Signals,
    link: Socket,
    core: Child,
    successor: Successor,
    /// The next core, waiting; and when one may be started.
    standby: Option<Standby>,
    standby_due: Instant,
    supervisor: Supervisor,
    control: Option<Child>,
    /// When a control process that ended may be started again.
    control_due: Instant,
    /// What the core is still to be told.
    unsaid: VecDeque<Link>,
    /// Until the core is ready: when to give up.
    ready_by: Option<Instant>,
    /// Once told to stop: when to stop waiting.
    stop_by: Option<Instant>,
    lease_ns: u64,
    /// Listening only while the core is ready.
    listener: Option<Listener>,
    visitors: Vec<Visitor>,
    lanes: Lanes,
}

impl Keeper {
    fn keep(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
        control: &mut impl FnMut(Shared) -> io::Result<()>,
    ) -> Result<(), KeeperError> {
        loop {
            self.wait()?;
            while let Some(signal) = self.signals.next() {
                match signal {
                    libc::SIGTERM | libc::SIGINT => self.stop(),
                    _ => {}
                }
            }
            let now = Instant::now();
            if let Some(exit) = self.core.reap()
                && self.successor.due.is_none()
            {
                self.shared.gate.end_leases();
                if self.stop_by.is_some() {
                    return Ok(());
                }
                self.lose_core(exit, now)?;
            }
            if self.successor.due.is_some_and(|due| now >= due) {
                self.replace_core(core)?;
            }
            if self.stop_by.is_some_and(|by| now >= by) {
                return Ok(());
            }
            if self.ready_by.is_some_and(|by| now >= by) {
                return Err(KeeperError::NotReady(READY_WITHIN));
            }
            self.supervisor.feed(&self.shared.gate, now);
            process::reap_orphans(&self.children());
            self.say_all();
            self.hear_core()?;
            self.welcome();
            self.hear_visitors(now);
            self.tend_control(control, now)?;
            self.tend_standby(core, now)?;
        }
    }

    /// The processes whose ends are waited for one by one.
    fn children(&self) -> Vec<libc::pid_t> {
        let standby = self.standby.as_ref().and_then(Standby::pid);
        std::iter::once(&self.core).chain(&self.control).map(Child::pid).chain(standby).collect()
    }

    fn stop(&mut self) {
        tracing::info!(event = "stopping", "told to stop");
        self.supervisor.stopping();
        self.stop_by = Some(Instant::now() + STOP_WITHIN);
        self.listener = None;
        self.unsaid.push_back(Link::Shutdown);
        self.say_all();
    }

    /// Sleeps until a descriptor has something to say or a deadline comes.
    fn wait(&self) -> Result<(), KeeperError> {
        let now = Instant::now();
        let control_due = self.wants_control().then_some(self.control_due);
        let standby_due = self.wants_standby().then_some(self.standby_due);
        let deadlines = [
            self.ready_by,
            self.stop_by,
            control_due,
            standby_due,
            self.successor.due,
            self.supervisor.due(),
        ];
        let visitor_deadlines = self.visitors.iter().filter_map(Visitor::deadline);
        let retry = (!self.unsaid.is_empty()).then(|| now + RETRY_AFTER);
        let deadlines = deadlines.into_iter().chain([retry]);
        let next = deadlines.into_iter().flatten().chain(visitor_deadlines).min();
        let mut fds: Vec<BorrowedFd<'_>> = vec![self.signals.fd()];
        // The socket of a dead core has nothing more to say, all the time.
        fds.extend(self.successor.due.is_none().then(|| self.link.fd()));
        fds.extend(self.listener.as_ref().map(Listener::fd));
        fds.extend(self.standby.as_ref().filter(|standby| standby.is_nameless()).map(Standby::fd));
        for visitor in &self.visitors {
            fds.extend(visitor.fds());
        }
        let timeout = next.map(|at| at.saturating_duration_since(now));
        process::poll_readable(&fds, timeout).map_err(os("poll"))
    }

    /// Tells the core what it must know, in order; what its socket has no room for waits.
    fn say_all(&mut self) {
        while let Some(message) = self.unsaid.front() {
            if self.link.send(&message.to_packet(), &[]).is_err() {
                return;
            }
            self.unsaid.pop_front();
        }
    }

    fn hear_core(&mut self) -> Result<(), KeeperError> {
        loop {
            let packet = match self.link.receive() {
                Ok(Received::Packet(packet, _)) => packet,
                _ => return Ok(()),
            };
            match Link::from_packet(&packet) {
                Some(Link::Ready { lease_ns }) => self.open_doors(lease_ns)?,
                Some(Link::Opened { lane }) => self.grant(lane),
                Some(Link::NoRoom { lane }) => self.refuse_lane(lane),
                Some(Link::Closed { lane }) => {
                    // A core that knows nothing of a lane lets go of it while its client is still there.
                    self.visitors.retain(|visitor| !visitor.has(lane));
                    self.free_lane(lane);
                }
                _ => tracing::warn!(event = "link", "the core said something unknown"),
            }
        }
    }

    fn open_doors(&mut self, lease_ns: u64) -> Result<(), KeeperError> {
        (self.ready_by, self.lease_ns) = (None, lease_ns);
        if self.listener.is_some() {
            tracing::info!(event = "recovered", restarts = self.successor.restarts, "another core goes on");
            return Ok(());
        }
        let path = self.options.runtime_dir.join("attach.sock");
        let listener = Listener::bind(&path, 0o660).map_err(os("attach socket"))?;
        process::give_to_group(&path, self.options.group).map_err(os("group of the attach socket"))?;
        self.listener = Some(listener);
        self.supervisor.ready();
        tracing::info!(event = "ready", lease_ns, socket = %path.display(), "strategies may attach");
        Ok(())
    }

    fn welcome(&mut self) {
        for _ in 0..WELCOME_AT_ONCE {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok(Some(socket)) => {
                    if let Some(visitor) = Visitor::welcome(socket, &self.visitors) {
                        self.visitors.push(visitor);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(event = "accept", %error, "a connection could not be accepted");
                    self.lanes.shed_reserve(listener);
                    return;
                }
            }
        }
    }

    fn hear_visitors(&mut self, now: Instant) {
        let mut index = 0;
        while index < self.visitors.len() {
            let wants = self.visitors[index].hear(now, &self.options.strategies);
            let keep = match wants {
                Wants::Nothing => true,
                Wants::Lane { strategy } => self.open_lane(index, strategy),
                Wants::Leave { lane, sign } => {
                    self.close_lane(lane, sign);
                    false
                }
            };
            if keep {
                index += 1;
            } else {
                self.visitors.swap_remove(index);
            }
        }
    }

    /// Makes a lane for a visitor and shows it to the core; the grant follows when the core has mapped it.
    fn open_lane(&mut self, index: usize, strategy: u16) -> bool {
        let visitor = &mut self.visitors[index];
        match self.lanes.open(&self.link, strategy) {
            Ok(lane) => {
                visitor.wait_for_core(lane);
                true
            }
            Err(refusal) => {
                visitor.refuse(refusal);
                false
            }
        }
    }

    fn grant(&mut self, lane: u16) {
        // Before its client has it: from its first record on it can be taken back.
        if let Some((id, fd)) = self.lanes.id(lane) {
            self.supervisor.keep(&id.to_name(), fd);
        }
        let waiting = self.visitors.iter_mut().find(|visitor| visitor.waits_for(lane));
        let granted = waiting.is_some_and(|visitor| {
            self.lanes.grant(lane, self.lease_ns, &self.shared).is_ok_and(|(grant, fds)| {
                visitor
                    .grant(grant, &fds)
                    .inspect_err(|error| {
                        tracing::warn!(event = "grant", lane, %error, "a grant could not be delivered");
                    })
                    .is_ok()
            })
        });
        if !granted {
            self.visitors.retain(|visitor| !visitor.waits_for(lane));
            self.close_lane(Some(lane), LivenessSign::Alive);
        }
    }

    fn refuse_lane(&mut self, lane: u16) {
        if let Some(index) = self.visitors.iter().position(|visitor| visitor.waits_for(lane)) {
            self.visitors.swap_remove(index).refuse(crate::wire::hello::Refusal::NoRoom);
        }
        self.free_lane(lane);
    }

    fn free_lane(&mut self, lane: u16) {
        if let Some((id, _)) = self.lanes.id(lane) {
            self.supervisor.let_go(&id.to_name());
        }
        self.lanes.free(lane);
    }

    fn close_lane(&mut self, lane: Option<u16>, sign: LivenessSign) {
        // A lane closes once: a late word of it must not touch whoever has its number by then.
        if let Some(lane) = lane.filter(|&lane| self.lanes.closing(lane, sign)) {
            tracing::info!(event = "lane_closed", lane, sign = ?sign, "a client left");
            self.unsaid.push_back(Link::Close { lane, sign });
            self.say_all();
        }
    }

    /// Control is not on the safety path: when it ends it is started again, once a second at most.
    fn tend_control(
        &mut self,
        control: &mut impl FnMut(Shared) -> io::Result<()>,
        now: Instant,
    ) -> Result<(), KeeperError> {
        if let Some(exit) = self.control.as_mut().and_then(Child::reap) {
            if self.stop_by.is_none() {
                tracing::warn!(event = "control_ended", %exit, "control ended; it will be started again");
            }
            self.control = None;
            self.control_due = now + CONTROL_BACKOFF;
        }
        if self.wants_control() && now >= self.control_due {
            let shared = self.shared.clone();
            let private = self.private_fds();
            let role = || {
                process::close_inherited(&private);
                control(shared)
            };
            let child = process::shown_as(c"tripline-ctl", || Child::fork(role));
            self.control = Some(child.map_err(os("fork of control"))?);
            self.control_due = now + CONTROL_BACKOFF;
        }
        Ok(())
    }

    /// Whether control is to be started once it is due: from the moment strategies may attach, so that they can be
    /// halted.
    fn wants_control(&self) -> bool {
        self.control.is_none() && self.ready_by.is_none() && self.stop_by.is_none()
    }

    /// Descriptors that control has no business with: the core's socket, the visitors, the lanes. A copy of the
    /// core's socket would also keep the core from noticing that the keeper is gone.
    fn private_fds(&self) -> Vec<RawFd> {
        self.fds_of_no_core().into_iter().chain(self.lanes.fds().map(|fd| fd.as_raw_fd())).collect()
    }

    fn end_children(&mut self) {
        if let Some(standby) = self.standby.take() {
            standby.let_go();
        }
        self.core.end(libc::SIGKILL, Duration::ZERO);
        // The core may have renewed a lease between the first closing and its end.
        self.shared.gate.close();
        if let Some(control) = &mut self.control {
            control.end(libc::SIGTERM, STOP_WITHIN);
        }
        for socket in ["attach.sock", "admin.sock"] {
            remove_quietly(&self.options.runtime_dir.join(socket));
        }
    }
}

fn remove_quietly(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(event = "cleanup", path = %path.display(), %error, "a socket file is left behind");
    }
}

/// Raw descriptor numbers, for poll.
fn raw(fds: &[BorrowedFd<'_>]) -> Vec<libc::pollfd> {
    fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect()
}
