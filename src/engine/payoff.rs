//! HOT: how one instrument turns quantity and price into money.
//!
//! `worth(q, px)` is the signed value of holding `q` at `px`, floored. With multiplier m:
//!
//! | kind | worth | unit |
//! |---|---|---|
//! | linear, spot | `q * px * m` | 1e-9 of the quote currency |
//! | quanto | `q * px * m * rate` | 1e-9 of the settlement currency |
//! | inverse | `-q * m / px` | 1e-18 of the base currency |
//!
//! Buying n at p leaves the cash `worth(-n, p)`, selling it `worth(n, p)`: one function serves the cash leg of a
//! fill and the mark of a position, and both are floored, so equity is never rounded up.
//! The decimal scales and the multiplier are folded into one reduced fraction at start; where the denominator is 1
//! (most instruments) a valuation has no division.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::exact::{FINE, ceil_div, floor_div, product};
use super::limits::{InstrumentKind, InstrumentLimits};
use crate::model::{Lots, Ticks};

/// The payoff of one instrument.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Payoff {
    /// Money per lot and price unit (linear), or per lot at a price of one unit (inverse), as a reduced fraction.
    numerator: i128,
    denominator: i128,
    inverse: bool,
    allow_negative: bool,
    /// 1e-9 of the base currency in one lot, for a spot fee paid in base.
    lot_e9: i128,
}

impl Payoff {
    pub(super) fn new(limits: &InstrumentLimits) -> Self {
        let inverse = limits.kind == InstrumentKind::Inverse;
        let ten = |power: u8| 10_i128.saturating_pow(u32::from(power));
        let multiplier = i128::from(limits.multiplier_e9);
        // Linear, in 1e-9: n/10^qd * p/10^pd * m/1e9 * 1e9. Inverse, in 1e-18: n/10^qd * m/1e9 / (p/10^pd) * 1e18.
        let (numerator, denominator) = if inverse {
            let up = ten(limits.price_decimals).saturating_mul(FINE);
            (multiplier.saturating_mul(up), ten(limits.qty_decimals))
        } else {
            let units = ten(limits.price_decimals).saturating_mul(ten(limits.qty_decimals));
            match limits.kind {
                // The rate is another multiplier of 1e-9: both fit 63 bits, so the product fits.
                InstrumentKind::Quanto { rate_e9 } => {
                    (multiplier.saturating_mul(i128::from(rate_e9)), units.saturating_mul(FINE))
                }
                _ => (multiplier, units),
            }
        };
        let common = greatest_common_divisor(numerator, denominator);
        Self {
            numerator: numerator.checked_div(common).unwrap_or(numerator),
            denominator: denominator.checked_div(common).unwrap_or(denominator),
            inverse,
            allow_negative: limits.allow_negative && !inverse,
            lot_e9: ten(9_u8.saturating_sub(limits.qty_decimals)),
        }
    }

    /// That of a conversion rate, which multiplies and divides: like an inverse price it must be positive.
    pub(super) const fn of_rate() -> Self {
        Self { numerator: 1, denominator: 1, inverse: true, allow_negative: false, lot_e9: 1 }
    }

    /// Whether money of this instrument is kept in 1e-18 of the base currency.
    pub(super) const fn is_inverse(&self) -> bool {
        self.inverse
    }

    /// Money per lot and price unit, as a fraction; of an inverse instrument per lot at a price of one unit.
    pub(super) const fn per_lot_and_price(&self) -> (i128, i128) {
        (self.numerator, self.denominator)
    }

    /// Whether `px` can be real here.
    pub(super) const fn accepts(&self, px: Ticks) -> bool {
        px.0 > 0 || self.allow_negative
    }

    /// Whether a position can be settled at `px`: nothing is a price for what expires worthless.
    pub(super) const fn settles_at(&self, px: Ticks) -> bool {
        self.accepts(px) || (px.0 == 0 && !self.inverse)
    }

    /// Signed value of holding `q` at `px`, floored.
    pub(super) fn worth(&self, q: i64, px: i64) -> Option<i128> {
        let (q, px) = (i128::from(q), i128::from(px));
        if self.inverse {
            let divisor = product(self.denominator, px)?;
            return floor_div(product(q.checked_neg()?, self.numerator)?, divisor);
        }
        floor_div(product(product(q, px)?, self.numerator)?, self.denominator)
    }

    /// Notional of `qty` at `px` in 1e-9 of the settlement currency, rounded up. A negative price is as large as its size.
    pub(super) fn notional(&self, qty: Lots, px: Ticks) -> Option<i128> {
        let worth = if self.inverse {
            self.worth(qty.0, px.0)?
        } else {
            self.worth(qty.0.checked_neg()?, px.0.checked_abs()?)?
        };
        self.settled(worth.checked_neg()?.checked_abs()?)
    }

    /// The same, rounded down.
    pub(super) fn notional_down(&self, qty: Lots, px: Ticks) -> Option<i128> {
        if self.inverse {
            return floor_div(self.worth(qty.0.checked_neg()?, px.0)?, FINE);
        }
        self.worth(qty.0, px.0.checked_abs()?)
    }

    /// Money of this instrument in 1e-9, rounded up.
    pub(super) fn settled(&self, amount: i128) -> Option<i128> {
        if self.inverse { ceil_div(amount, FINE) } else { Some(amount) }
    }

    /// What so many lots deliver of the base currency, in 1e-9.
    pub(super) fn delivered(&self, lots: i64) -> i128 {
        i128::from(lots).saturating_mul(self.lot_e9)
    }

    /// Lots that a fee of `fee_e9` in the base currency debits, rounded up.
    pub(super) fn debit(&self, fee_e9: i64) -> Option<i64> {
        i64::try_from(ceil_div(i128::from(fee_e9), self.lot_e9)?).ok()
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a.saturating_abs().max(1)
}

#[cfg(test)]
mod tests;
