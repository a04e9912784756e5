//! COLD: decimal text to exact integers; the one door to rust_decimal.
//!
//! A price of `0.1` has no binary float, so nothing here passes through one. Text that needs more places than the
//! unit has is refused, never rounded: a limit that was typed is a limit that is kept.

use rust_decimal::Decimal;

use crate::model::Money;

/// Why a text is not a number in the wanted unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not a plain decimal number.
    #[error("is not a decimal number")]
    NotADecimal,
    /// More decimal places than the unit has.
    #[error("has {found} decimal places, the unit has {allowed}")]
    TooPrecise {
        /// Places written.
        found: u32,
        /// Places the unit has.
        allowed: u32,
    },
    /// Does not fit the integer behind the unit.
    #[error("is too large for its unit")]
    TooLarge,
}

/// `text` in units of `10^-decimals`: `"1.5"` with 3 decimals is 1500.
///
/// # Errors
/// [`DecimalError`]; rounding is one of them.
pub fn parse_scaled(text: &str, decimals: u32) -> Result<i128, DecimalError> {
    let plain = text.trim().replace('_', "");
    let decimal = Decimal::from_str_exact(&plain).map_err(|_| DecimalError::NotADecimal)?.normalize();
    let found = decimal.scale();
    if found > decimals {
        return Err(DecimalError::TooPrecise { found, allowed: decimals });
    }
    let factor = 10_i128.checked_pow(decimals - found).ok_or(DecimalError::TooLarge)?;
    decimal.mantissa().checked_mul(factor).ok_or(DecimalError::TooLarge)
}

/// `text` as an integer number of units of `10^-decimals`, for [`crate::model::Lots`] and [`crate::model::Ticks`].
///
/// # Errors
/// As [`parse_scaled`].
pub fn parse_units(text: &str, decimals: u8) -> Result<i64, DecimalError> {
    i64::try_from(parse_scaled(text, u32::from(decimals))?).map_err(|_| DecimalError::TooLarge)
}

/// `text` as an amount of a currency.
///
/// # Errors
/// As [`parse_scaled`].
pub fn parse_money(text: &str) -> Result<Money, DecimalError> {
    parse_scaled(text, 9).map(Money)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_exact_units_or_nothing() {
        for (text, decimals, units) in [
            ("1.5", 3, Ok(1500)),
            ("-0.1", 1, Ok(-1)),
            ("1_000.10", 1, Ok(10_001)),
            ("0.0001", 3, Err(DecimalError::TooPrecise { found: 4, allowed: 3 })),
            ("1e3", 0, Err(DecimalError::NotADecimal)),
            ("", 0, Err(DecimalError::NotADecimal)),
            ("nan", 0, Err(DecimalError::NotADecimal)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("9223372036854775808", 0, Err(DecimalError::TooLarge)),
        ] {
            assert_eq!(parse_units(text, decimals), units, "{text}");
        }
    }

    #[test]
    fn the_largest_decimal_is_still_money() {
        assert_eq!(
            parse_money("79228162514264337593543950335").unwrap().0,
            79228162514264337593543950335 * Money::SCALE
        );
        assert_eq!(parse_money("0.0000000001"), Err(DecimalError::TooPrecise { found: 10, allowed: 9 }));
    }
}
