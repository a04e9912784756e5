//! One connection on the attach socket, from hello to goodbye.
//!
//! ```text
//! accept -> Hello -> Clock -> Core -> Attached
//!            100 ms deadline  2 s     until goodbye, hang-up or death
//! ```

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::process;
use crate::model::Name;
use crate::model::event::LivenessSign;
use crate::shm::clock::monotonic;
use crate::shm::socket::{Received, Socket};
use crate::wire::hello::{Grant, Packet, Refusal, Reply, clocks_agree, is_goodbye, read_answer, read_hello};

const EXCHANGE: Duration = Duration::from_millis(100);
const CORE: Duration = Duration::from_secs(2);
/// Exchanges under way at once, altogether and by one user.
const MOST_EXCHANGES: usize = 32;
const MOST_BY_USER: usize = 16;

#[derive(Debug)]
enum Step {
    Hello,
    Clock { strategy: u16, sent_ns: u64 },
    Core { lane: u16 },
    Attached { lane: u16 },
}

#[derive(Debug)]
pub(super) struct Visitor {
    socket: Socket,
    pidfd: Option<OwnedFd>,
    uid: u32,
    step: Step,
    by: Instant,
}

/// What a visitor needs of the keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Nothing,
    Lane {
        strategy: u16,
    },
    /// It is to be forgotten; its lane, if it has one, is to be closed.
    Leave {
        lane: Option<u16>,
        sign: LivenessSign,
    },
}

const LEAVE: Wants = Wants::Leave { lane: None, sign: LivenessSign::Alive };

impl Visitor {
    /// Takes a connection in, unless too many are under way.
    pub(super) fn welcome(socket: Socket, others: &[Self]) -> Option<Self> {
        let uid = socket.peer().ok()?.uid;
        let pidfd = socket.peer_pidfd().ok();
        let visitor = Self { socket, pidfd, uid, step: Step::Hello, by: Instant::now() + EXCHANGE };
        let exchanging = || others.iter().filter(|other| other.deadline().is_some());
        let by_user = exchanging().filter(|other| other.uid == uid).count();
        if exchanging().count() >= MOST_EXCHANGES || by_user >= MOST_BY_USER {
            visitor.refuse(Refusal::Busy);
            return None;
        }
        Some(visitor)
    }

    /// When this visitor's patience ends; `None` once attached.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!matches!(self.step, Step::Attached { .. })).then_some(self.by)
    }

    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.socket.fd()).chain(self.pidfd.as_ref().map(AsFd::as_fd))
    }

    pub(super) fn waits_for(&self, wanted: u16) -> bool {
        matches!(self.step, Step::Core { lane } if lane == wanted)
    }

    /// Whether this lane was granted to it.
    pub(super) fn has(&self, wanted: u16) -> bool {
        matches!(self.step, Step::Attached { lane } if lane == wanted)
    }

    pub(super) fn wait_for_core(&mut self, lane: u16) {
        self.step = Step::Core { lane };
        self.by = Instant::now() + CORE;
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        tracing::info!(event = "attach_refused", uid = self.uid, reason = %refusal, "an attach was refused");
        // The visitor may be gone already; the refusal is a courtesy.
        let _ = self.socket.send(&Reply::Refused(refusal).to_packet(), &[]);
    }

    pub(super) fn grant(&mut self, grant: Grant, fds: &[BorrowedFd<'_>; 6]) -> io::Result<()> {
        self.socket.send(&Reply::Granted(grant).to_packet(), fds)?;
        tracing::info!(
            event = "attached",
            lane = grant.lane,
            strategy = grant.strategy,
            uid = self.uid,
            "a client attached"
        );
        self.step = Step::Attached { lane: grant.lane };
        Ok(())
    }

    fn lane(&self) -> Option<u16> {
        match self.step {
            Step::Core { lane } | Step::Attached { lane } => Some(lane),
            Step::Hello | Step::Clock { .. } => None,
        }
    }

    /// Reads what the visitor sent, and whether it still lives.
    pub(super) fn hear(&mut self, now: Instant, strategies: &[(Name, u32)]) -> Wants {
        let dead = self.pidfd.as_ref().is_some_and(|pidfd| process::is_readable(pidfd.as_fd()));
        let received = match self.socket.receive() {
            Ok(Received::Nothing) if dead => return self.leave(LivenessSign::ProcessExited),
            Ok(Received::Nothing) => return self.check_deadline(now),
            Ok(Received::Closed) | Err(_) if dead => return self.leave(LivenessSign::ProcessExited),
            Ok(Received::Closed) | Err(_) => return self.leave(LivenessSign::HangUp),
            Ok(received) => received,
        };
        let packet = match received {
            Received::Packet(packet, fds) if fds.is_empty() => packet,
            Received::Packet(..) | Received::Odd { descriptors: true, .. } => {
                return self.refuse_and_leave(Refusal::Descriptors);
            }
            Received::Odd { .. } => return self.refuse_and_leave(Refusal::Size),
            Received::Closed | Received::Nothing => return Wants::Nothing,
        };
        self.answer(&packet, strategies).unwrap_or_else(|refusal| self.refuse_and_leave(refusal))
    }

    fn answer(&mut self, packet: &Packet, strategies: &[(Name, u32)]) -> Result<Wants, Refusal> {
        match self.step {
            Step::Hello => {
                let name = read_hello(packet)?;
                let strategy = strategies
                    .iter()
                    .position(|(known, _)| *known == name)
                    .ok_or(Refusal::UnknownStrategy)?;
                if strategies[strategy].1 != self.uid {
                    return Err(Refusal::ForeignUid);
                }
                let sent_ns = monotonic().0;
                let challenge = Reply::Challenge { clock_ns: sent_ns }.to_packet();
                self.socket.send(&challenge, &[]).map_err(|_| Refusal::TimedOut)?;
                self.step = Step::Clock { strategy: strategy as u16, sent_ns };
                Ok(Wants::Nothing)
            }
            Step::Clock { strategy, sent_ns } => {
                let clock = read_answer(packet)?;
                if !clocks_agree(sent_ns, clock, monotonic().0) {
                    return Err(Refusal::ClockSkew);
                }
                Ok(Wants::Lane { strategy })
            }
            Step::Attached { .. } if is_goodbye(packet) => Ok(self.leave(LivenessSign::Alive)),
            Step::Attached { .. } | Step::Core { .. } => Err(Refusal::Malformed),
        }
    }

    fn check_deadline(&self, now: Instant) -> Wants {
        match self.step {
            Step::Hello | Step::Clock { .. } if now >= self.by => self.refuse_and_leave(Refusal::TimedOut),
            Step::Core { .. } if now >= self.by => self.refuse_and_leave(Refusal::CoreSilent),
            _ => Wants::Nothing,
        }
    }

    fn refuse_and_leave(&self, refusal: Refusal) -> Wants {
        self.refuse(refusal);
        match self.step {
            // A client that breaks the protocol is not one that left in order.
            Step::Attached { .. } => self.leave(LivenessSign::HangUp),
            _ => self.leave(LivenessSign::Alive),
        }
    }

    fn leave(&self, sign: LivenessSign) -> Wants {
        match self.lane() {
            None => LEAVE,
            // A client that dies before its grant has published nothing.
            Some(lane) if self.waits_for(lane) => {
                Wants::Leave { lane: Some(lane), sign: LivenessSign::Alive }
            }
            lane => Wants::Leave { lane, sign },
        }
    }
}
