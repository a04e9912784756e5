//! Units of price, quantity, money, ratio and time. All integers; every operation that can overflow says so.

use core::fmt;

/// A price in the instrument's price units: `10^-price_decimals` of the quote currency. May be zero or negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Ticks(pub i64);

/// A quantity in the instrument's lot units: `10^-qty_decimals` of the base or contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Lots(pub i64);

/// An amount of a currency in units of 1e-9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Money(pub i128);

/// A ratio in basis points: 10 000 is the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Bps(pub u32);

/// Nanoseconds: an instant on the engine's monotonic clock, or a duration where the name says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Nanos(pub u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Units of 1e-9 in one unit of a currency.
    pub const SCALE: i128 = 1_000_000_000;

    /// The sum, or `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` on overflow.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }
}

impl fmt::Display for Money {
    /// Decimal rendering without trailing zeros, for people and reports: `-0.025454546`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let scale = Self::SCALE.unsigned_abs();
        let (whole, fraction) = (magnitude / scale, magnitude % scale);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl Bps {
    /// 100 %.
    pub const WHOLE: Self = Self(10_000);
}

impl fmt::Display for Bps {
    /// Percent with two decimals: 1500 reads `15.00 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

impl Nanos {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);
    /// An instant that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// Whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The instant `duration` later, at most [`Nanos::NEVER`].
    #[must_use]
    pub const fn after(self, duration: Self) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_prints_as_a_person_writes_it() {
        for (amount, text) in [
            (0, "0"),
            (1_746_250_000_000, "1746.25"),
            (-25_454_546, "-0.025454546"),
            (1, "0.000000001"),
            (i128::MIN, "-170141183460469231731687303715.884105728"),
        ] {
            assert_eq!(Money(amount).to_string(), text);
        }
    }

    #[test]
    fn basis_points_print_as_percent() {
        assert_eq!(Bps(1503).to_string(), "15.03 %");
        assert_eq!(Bps(5).to_string(), "0.05 %");
    }

    #[test]
    fn time_never_wraps() {
        assert_eq!(Nanos::NEVER.after(Nanos(1)), Nanos::NEVER);
        assert_eq!(Nanos(5).since(Nanos(6)), Nanos::ZERO);
    }
}
