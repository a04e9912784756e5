//! What a cause can sit on, from one instrument of one account up to the whole firm.

use core::fmt;

/// Index of an account in the limits, from 0.
pub type AccountId = u16;
/// Index of a strategy in the limits, from 0.
pub type StrategyId = u16;
/// Index of a book (one strategy on one account) in the limits, from 0.
pub type BookId = u16;
/// Index of an instrument in the limits, from 0. On the wire instruments count from 1; 0 means account level.
pub type InstrumentId = u16;

/// The thing a cause, a guard or a command applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum Scope {
    /// Everything this sidecar guards.
    Firm,
    /// All books on one account.
    Account(AccountId),
    /// One strategy on all its accounts.
    Strategy(StrategyId),
    /// One strategy on one account.
    Book(BookId),
    /// One instrument on one account, for every strategy.
    Instrument(AccountId, InstrumentId),
}

impl Scope {
    /// Kind in the high 16 bits, first index in the next 16… packed so that two different scopes differ.
    ///
    /// ```text
    ///  47      32 31      16 15       0
    /// +----------+----------+----------+
    /// |   kind   |  first   |  second  |
    /// +----------+----------+----------+
    /// ```
    #[must_use]
    pub const fn to_raw(self) -> u64 {
        let (kind, first, second) = match self {
            Self::Firm => (0, 0, 0),
            Self::Account(account) => (1, account, 0),
            Self::Strategy(strategy) => (2, strategy, 0),
            Self::Book(book) => (3, book, 0),
            Self::Instrument(account, instrument) => (4, account, instrument),
        };
        (kind as u64) << 32 | (first as u64) << 16 | second as u64
    }

    /// The scope packed by [`Scope::to_raw`].
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        let (first, second) = ((raw >> 16) as u16, raw as u16);
        match (raw >> 32, first, second) {
            (0, 0, 0) => Some(Self::Firm),
            (1, account, 0) => Some(Self::Account(account)),
            (2, strategy, 0) => Some(Self::Strategy(strategy)),
            (3, book, 0) => Some(Self::Book(book)),
            (4, account, instrument) => Some(Self::Instrument(account, instrument)),
            _ => None,
        }
    }

    /// The word used before the colon when a scope is written out: `account:main`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Firm => "firm",
            Self::Account(_) => "account",
            Self::Strategy(_) => "strategy",
            Self::Book(_) => "book",
            Self::Instrument(..) => "instrument",
        }
    }
}

impl fmt::Display for Scope {
    /// Kind and indices, for diagnostics without a directory of names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firm => f.write_str("firm"),
            Self::Account(index) | Self::Strategy(index) | Self::Book(index) => {
                write!(f, "{}:#{index}", self.kind())
            }
            Self::Instrument(account, instrument) => write!(f, "instrument:#{account}/#{instrument}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_packing() {
        for scope in [
            Scope::Firm,
            Scope::Account(3),
            Scope::Strategy(u16::MAX),
            Scope::Book(0),
            Scope::Instrument(7, 4095),
        ] {
            assert_eq!(Scope::from_raw(scope.to_raw()), Some(scope));
        }
        assert_eq!(Scope::from_raw(5 << 32), None);
        assert_eq!(Scope::from_raw(1), None);
        assert_eq!(Scope::from_raw((1 << 32) | 1), None);
    }
}
