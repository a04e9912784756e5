//! The client's half of the attach exchange: a ladder of named steps, each with a deadline and a named failure.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::monotonic;
use super::segment::{Access, OpenError, Segment};
use super::socket::{Received, Socket};
use super::stats::stats_bytes;
use crate::model::Name;
use crate::wire::hello::{self, GRANT_DESCRIPTORS, Grant, Packet, Refusal, Reply, clocks_agree};
use crate::wire::layout::{
    DIRECTORY_MAGIC, GATE_MAGIC, LANE_MAGIC, POSITIONS_MAGIC, RETURN_MAGIC, STATS_MAGIC,
};

/// How long each step of the exchange may take. The keeper gives a silent client 100 ms; a client gives the keeper
/// longer, because the keeper answers only after the core has mapped the new lane.
const STEP: Duration = Duration::from_secs(5);

/// Says where the sidecar keeps its sockets, to the libraries as to the commands.
const RUNTIME_DIR_VARIABLE: &str = "TRIPLINE_RUNTIME_DIR";
/// Where a sidecar keeps its sockets unless told otherwise.
const DEFAULT_RUNTIME_DIR: &str = "/run/tripline";

/// The attach socket of the sidecar in `runtime_dir`; without one, where the environment or the default says.
#[must_use]
pub fn attach_socket(runtime_dir: Option<&Path>) -> PathBuf {
    let told = || std::env::var_os(RUNTIME_DIR_VARIABLE).map(PathBuf::from);
    let dir = runtime_dir.map(Path::to_path_buf).or_else(told);
    dir.unwrap_or_else(|| DEFAULT_RUNTIME_DIR.into()).join("attach.sock")
}

/// Why an attach failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Nobody listens there.
    #[error("cannot reach a sidecar at {path}: {error}")]
    Unreachable {
        /// The socket's path.
        path: String,
        /// What the kernel said.
        error: io::Error,
    },
    /// The keeper said no.
    #[error("the sidecar refused: {0}")]
    Refused(Refusal),
    /// The sidecar's clock is not ours.
    #[error(
        "the sidecar's monotonic clock is not this process's: one of them runs in another time namespace"
    )]
    ClockSkew,
    /// The keeper went away or fell silent.
    #[error("the sidecar did not finish the attach exchange")]
    Silent,
    /// The keeper sent something that is no reply.
    #[error("the sidecar's reply is not part of the attach exchange")]
    Protocol,
    /// A segment was not what it must be.
    #[error(transparent)]
    Segment(#[from] OpenError),
    /// The kernel refused something on our side.
    #[error("attach: {0}")]
    Os(#[from] io::Error),
}

/// The segments of an attached client, in the order in which their descriptors travel.
#[derive(Debug)]
pub struct Segments {
    /// Halt words and leases.
    pub gate: Arc<Segment>,
    /// Consumed positions.
    pub positions: Arc<Segment>,
    /// Counters and rows.
    pub stats: Arc<Segment>,
    /// Names.
    pub directory: Arc<Segment>,
    /// This client's lane.
    pub lane: Arc<Segment>,
    /// This client's return ring.
    pub returns: Arc<Segment>,
}

/// Connects to `path` and goes through the exchange as `strategy`.
///
/// # Errors
/// [`AttachError`] names the step and the cause.
pub fn attach(path: &Path, strategy: Name) -> Result<(Socket, Grant, Segments), AttachError> {
    let unreachable = |error| AttachError::Unreachable { path: path.display().to_string(), error };
    let socket = Socket::connect(path).map_err(unreachable)?;
    socket.set_timeout(STEP)?;
    let sent = monotonic();
    // A keeper that refuses at once may close before our hello is on its way: its packet tells why.
    let hello_sent = socket.send(&hello::hello(strategy), &[]);
    let (packet, _) = reply(&socket, hello_sent)?;
    match Reply::from_packet(&packet) {
        Some(Reply::Challenge { clock_ns }) if clocks_agree(sent.0, clock_ns, monotonic().0) => {}
        Some(Reply::Challenge { .. }) => return Err(AttachError::ClockSkew),
        Some(Reply::Refused(refusal)) => return Err(AttachError::Refused(refusal)),
        _ => return Err(AttachError::Protocol),
    }
    let answer_sent = socket.send(&hello::answer(monotonic().0), &[]);
    let (packet, fds) = reply(&socket, answer_sent)?;
    let grant = match Reply::from_packet(&packet) {
        Some(Reply::Granted(grant)) => grant,
        Some(Reply::Refused(refusal)) => return Err(AttachError::Refused(refusal)),
        _ => return Err(AttachError::Protocol),
    };
    let segments = open_segments(&grant, fds)?;
    Ok((socket, grant, segments))
}

/// The keeper's next packet. A signal ends a wait early, and a socket with a timeout is never restarted, so the wait
/// is taken up again until its time is over: a strategy may well have timers.
fn reply(socket: &Socket, sent: io::Result<()>) -> Result<(Box<Packet>, Vec<OwnedFd>), AttachError> {
    let begun = Instant::now();
    loop {
        match socket.receive()? {
            Received::Packet(packet, fds) => return Ok((packet, fds)),
            Received::Nothing if begun.elapsed() < STEP => {}
            Received::Closed | Received::Nothing => {
                return Err(sent.err().map_or(AttachError::Silent, AttachError::Os));
            }
            Received::Odd { .. } => return Err(AttachError::Protocol),
        }
    }
}

fn open_segments(grant: &Grant, fds: Vec<OwnedFd>) -> Result<Segments, AttachError> {
    let geometry = &grant.geometry;
    let Ok([gate, positions, stats, directory, lane, returns]) =
        <[OwnedFd; GRANT_DESCRIPTORS]>::try_from(fds)
    else {
        return Err(AttachError::Protocol);
    };
    let open = |fd, name, bytes, magic, access| Segment::open(fd, name, bytes, magic, access).map(Arc::new);
    let read = Access::ReadOnly;
    Ok(Segments {
        gate: open(gate, "gate page", geometry.gate_bytes(), GATE_MAGIC, read)?,
        positions: open(positions, "positions page", geometry.positions_bytes(), POSITIONS_MAGIC, read)?,
        stats: open(stats, "stats page", stats_bytes(geometry), STATS_MAGIC, read)?,
        directory: open(directory, "directory", geometry.directory_bytes(), DIRECTORY_MAGIC, read)?,
        lane: open(lane, "lane", geometry.lane_bytes(), LANE_MAGIC, Access::ReadWrite)?,
        returns: open(returns, "return ring", geometry.return_bytes(), RETURN_MAGIC, read)?,
    })
}
