//! The trading state of a scope, the execution mode, and the 64-bit halt word a gate reads.

use core::fmt;

/// What a scope may do. Ordered by permission: the smaller one wins when scopes combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum TradingState {
    /// No order may open or increase risk; cancels and verified exits pass.
    #[default]
    Halted = 0,
    /// Only orders that reduce, and only by request.
    ReduceOnly = 1,
    /// Trading.
    Active = 2,
}

/// Where orders go. Orthogonal to [`TradingState`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Mode {
    /// Orders are simulated by the strategy.
    #[default]
    Paper = 0,
    /// Orders go to the venue.
    Live = 1,
}

/// How a cause goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Latch {
    /// Clears itself once its condition has been gone for `recover_for`.
    Auto = 0,
    /// Clears after a time, then waits for an operator's resume.
    Cooldown = 1,
    /// Clears at the session roll.
    Session = 2,
    /// Only an operator's reset clears it.
    Sticky = 3,
}

/// State, mode and epoch of one gate word, as one atomic 64-bit value.
///
/// ```text
///  63            32 31     16 15    8 7     0
/// +----------------+---------+-------+-------+
/// |     epoch      |    0    | mode  | state |
/// +----------------+---------+-------+-------+
/// ```
/// All zeros reads HALTED, and so does every bit pattern that is not exactly a known state and mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct HaltWord {
    /// Trading state.
    pub state: TradingState,
    /// Execution mode.
    pub mode: Mode,
    /// The global epoch of this word's last tightening or latch.
    pub epoch: u32,
}

impl TradingState {
    /// The state with this number.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Halted),
            1 => Some(Self::ReduceOnly),
            2 => Some(Self::Active),
            _ => None,
        }
    }

    /// The name used in output and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halted => "HALTED",
            Self::ReduceOnly => "REDUCE_ONLY",
            Self::Active => "ACTIVE",
        }
    }
}

impl fmt::Display for TradingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Mode {
    /// The mode with this number.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Paper),
            1 => Some(Self::Live),
            _ => None,
        }
    }

    /// The name used in output and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "PAPER",
            Self::Live => "LIVE",
        }
    }
}

impl Latch {
    /// The latch class with this number.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Auto),
            1 => Some(Self::Cooldown),
            2 => Some(Self::Session),
            3 => Some(Self::Sticky),
            _ => None,
        }
    }

    /// The name used in output and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cooldown => "cooldown",
            Self::Session => "session",
            Self::Sticky => "sticky",
        }
    }
}

impl HaltWord {
    /// The word as it stands in the gate page.
    #[must_use]
    pub const fn to_raw(self) -> u64 {
        (self.state as u64) | (self.mode as u64) << 8 | (self.epoch as u64) << 32
    }

    /// The meaning of a word read from a gate page; any unknown pattern is HALTED with the epoch it carries.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        let epoch = (raw >> 32) as u32;
        match (TradingState::from_u8(raw as u8), Mode::from_u8((raw >> 8) as u8), (raw >> 16) as u16) {
            (Some(state), Some(mode), 0) => Self { state, mode, epoch },
            _ => Self { state: TradingState::Halted, mode: Mode::Paper, epoch },
        }
    }

    /// Whether going from `self` to `next` takes permission away. Such a word may be stored before its record
    /// is committed; every other change follows the commit.
    #[must_use]
    pub fn tightens_to(self, next: Self) -> bool {
        next.state < self.state || next.mode < self.mode || next.epoch != self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_halted() {
        assert_eq!(HaltWord::from_raw(0), HaltWord::default());
        assert_eq!(HaltWord::from_raw(0).state, TradingState::Halted);
    }

    #[test]
    fn words_survive_the_page() {
        for state in [TradingState::Halted, TradingState::ReduceOnly, TradingState::Active] {
            for mode in [Mode::Paper, Mode::Live] {
                let word = HaltWord { state, mode, epoch: 0xfeed_beef };
                assert_eq!(HaltWord::from_raw(word.to_raw()), word);
            }
        }
    }

    #[test]
    fn every_unknown_pattern_is_halted() {
        let active = HaltWord { state: TradingState::Active, mode: Mode::Live, epoch: 7 }.to_raw();
        for bit in 0..32 {
            let flipped = HaltWord::from_raw(active ^ (1 << bit));
            let known = matches!(active ^ (1 << bit), raw if raw & 0xffff_ffff == 0x0002);
            assert!(flipped.state == TradingState::Halted || known, "bit {bit} reads {flipped:?}");
        }
    }
}
