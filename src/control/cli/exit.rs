//! COLD: exit codes. Scripts depend on them; numbers are never reused.

use crate::model::TradingState;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or already so.
    Ok = 0,
    /// Failed for a reason that has no code of its own.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// `status --exit-code`: something is reduce-only.
    ReduceOnly = 3,
    /// `status --exit-code`: something is halted.
    Halted = 4,
    /// No answer in time.
    TimedOut = 5,
    /// No sidecar answers on its socket.
    Unreachable = 6,
    /// The sidecar answers, but its loop does not turn.
    Stale = 7,
    /// The state is not the one the command was meant for.
    Conflict = 8,
    /// This user may not.
    Permission = 9,
    /// The configuration has problems.
    Configuration = 10,
    /// The other side speaks another version.
    Version = 11,
}

impl ExitCode {
    /// What `status --exit-code` returns for a state.
    #[must_use]
    pub const fn of_state(state: TradingState) -> Self {
        match state {
            TradingState::Halted => Self::Halted,
            TradingState::ReduceOnly => Self::ReduceOnly,
            TradingState::Active => Self::Ok,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
