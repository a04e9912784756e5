//! The part of a position that is traded: hedge mode keeps what is held long and what is held short apart.

use super::{Event, Flags, Message};

/// A leg of a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Leg {
    /// All there is: longs and shorts are set off.
    #[default]
    Net = 0,
    /// What is held long. Buys open it, sells close it, and it is never below zero.
    Long = 1,
    /// What is held short. Sells open it, buys close it, and it is never above zero.
    Short = 2,
}

impl Leg {
    /// The only leg outside of hedge mode.
    pub const WHOLE: [Self; 1] = [Self::Net];
    /// Every leg there is.
    pub const ALL: [Self; 3] = [Self::Net, Self::Long, Self::Short];
    /// The legs of an instrument in hedge mode.
    pub const HEDGED: [Self; 2] = [Self::Long, Self::Short];

    /// The leg that flags name. Both at once no decoder lets through.
    #[must_use]
    pub const fn of(flags: Flags) -> Self {
        if flags.contains(Flags::LEG_LONG) {
            Self::Long
        } else if flags.contains(Flags::LEG_SHORT) {
            Self::Short
        } else {
            Self::Net
        }
    }

    /// The flags that name it.
    #[must_use]
    pub const fn flags(self) -> Flags {
        match self {
            Self::Net => Flags::empty(),
            Self::Long => Flags::LEG_LONG,
            Self::Short => Flags::LEG_SHORT,
        }
    }

    /// The leg of a number; `None` for one that no leg has.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Net),
            1 => Some(Self::Long),
            2 => Some(Self::Short),
            _ => None,
        }
    }

    /// Whether it can be `q` at all.
    #[must_use]
    pub const fn holds(self, q: i64) -> bool {
        match self {
            Self::Net => true,
            Self::Long => q >= 0,
            Self::Short => q <= 0,
        }
    }

    /// Whether trades on this side can only close it, whatever is held.
    #[must_use]
    pub const fn is_closed_by(self, sells: bool) -> bool {
        match self {
            Self::Net => false,
            Self::Long => sells,
            Self::Short => !sells,
        }
    }

    /// Whether a trade on this side makes `q` of it smaller.
    #[must_use]
    pub const fn is_reduced(self, q: i64, sells: bool) -> bool {
        let is_opposite = if sells { q > 0 } else { q < 0 };
        is_opposite && self.holds(q)
    }
}

impl Message {
    /// The leg it names; none in a kind whose flags say which prices are there.
    #[must_use]
    pub const fn leg(&self) -> Leg {
        match self.event {
            Event::Mark { .. } | Event::Book { .. } => Leg::Net,
            _ => Leg::of(self.flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_is_what_its_flags_and_its_number_say() {
        for (number, leg) in [(0, Leg::Net), (1, Leg::Long), (2, Leg::Short)] {
            assert_eq!(Leg::from_u8(number), Some(leg));
            assert_eq!(leg as u8, number);
            assert_eq!(Leg::of(leg.flags() | Flags::SELL), leg);
        }
        assert_eq!(Leg::from_u8(3), None);
    }

    #[test]
    fn a_leg_has_one_sign_and_is_reduced_from_one_side() {
        for (leg, q, holds, by_sell, by_buy) in [
            (Leg::Net, -1, true, false, true),
            (Leg::Net, 0, true, false, false),
            (Leg::Net, 1, true, true, false),
            (Leg::Long, -1, false, false, false),
            (Leg::Long, 0, true, false, false),
            (Leg::Long, 1, true, true, false),
            (Leg::Short, -1, true, false, true),
            (Leg::Short, 0, true, false, false),
            (Leg::Short, 1, false, false, false),
        ] {
            assert_eq!(leg.holds(q), holds, "{leg:?} {q}");
            assert_eq!(leg.is_reduced(q, true), by_sell, "{leg:?} {q}, a sell");
            assert_eq!(leg.is_reduced(q, false), by_buy, "{leg:?} {q}, a buy");
        }
    }
}
