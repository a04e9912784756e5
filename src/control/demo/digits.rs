//! COLD: prices read from text digit by digit, so that the integer is the number that was written.

use std::fmt;

/// Most decimals a price may have: money is kept in units of 1e-9.
pub(super) const MAX_DECIMALS: u8 = 9;

/// A positive price, `units * 10^-decimals`, without trailing zeros in its decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) units: i64,
    pub(super) decimals: u8,
}

/// Why a text is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PriceFault {
    /// Not a decimal number: words, NaN, infinity, thousands separators.
    NotANumber,
    /// Below zero.
    Negative,
    /// Zero.
    Zero,
    /// More than nine decimals that are not zero.
    TooFine,
    /// Does not fit in 64 bits with the decimals the file needs.
    TooLarge,
}

impl fmt::Display for PriceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "is not a number; write digits with a decimal point, or remove the row",
            Self::Negative => "is negative; prices here must be above zero, remove the row",
            Self::Zero => "is zero; prices here must be above zero, remove the row",
            Self::TooFine => "has more than 9 decimals; round the price to 9",
            Self::TooLarge => {
                "is too large for 64 bits with the decimals this file needs; express it in a larger unit"
            }
        })
    }
}

/// Reads `46377.0`, `.5`, `1e-05`.
pub(super) fn price(text: &str) -> Result<Price, PriceFault> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = split_exponent(text).ok_or(PriceFault::NotANumber)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
    {
        return Err(PriceFault::NotANumber);
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Err(PriceFault::Zero);
    }
    if negative {
        return Err(PriceFault::Negative);
    }
    let dropped = (digits.len() - significant.len()) as i64;
    scaled(significant, fraction.len() as i64 - dropped - exponent)
}

/// Mantissa and exponent of scientific notation; exponent 0 in any other.
fn split_exponent(text: &str) -> Option<(&str, i64)> {
    match text.split_once(['e', 'E']) {
        None => Some((text, 0)),
        Some((mantissa, exponent)) => Some((mantissa, i64::from(exponent.parse::<i16>().ok()?))),
    }
}

/// `digits * 10^-scale`, where the last digit is not zero.
fn scaled(digits: &str, scale: i64) -> Result<Price, PriceFault> {
    if scale > i64::from(MAX_DECIMALS) {
        return Err(PriceFault::TooFine);
    }
    let units: i64 = digits.parse().map_err(|_| PriceFault::TooLarge)?;
    let decimals = u8::try_from(scale.max(0)).map_err(|_| PriceFault::TooFine)?;
    let zeros = u32::try_from(-scale.min(0)).map_err(|_| PriceFault::TooLarge)?;
    let units = 10_i64.checked_pow(zeros).and_then(|factor| units.checked_mul(factor));
    Ok(Price { units: units.ok_or(PriceFault::TooLarge)?, decimals })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_the_digits_that_were_written() {
        for (text, units, decimals) in [
            ("46377", 46_377, 0),
            ("46377.0", 46_377, 0),
            ("46377.50", 463_775, 1),
            ("0.000000001", 1, 9),
            ("0.0000000010000", 1, 9),
            (".5", 5, 1),
            ("5.", 5, 0),
            ("+7", 7, 0),
            (" 7 ", 7, 0),
            ("007.10", 71, 1),
            ("1e-05", 1, 5),
            ("4.6377E4", 46_377, 0),
            ("1.5e3", 1_500, 0),
            ("0.1", 1, 1),
            ("9007199254740993", 9_007_199_254_740_993, 0),
            ("9223372036854775807", i64::MAX, 0),
        ] {
            assert_eq!(price(text), Ok(Price { units, decimals }), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_price_says_why() {
        for (text, fault) in [
            ("", PriceFault::NotANumber),
            (".", PriceFault::NotANumber),
            ("NaN", PriceFault::NotANumber),
            ("inf", PriceFault::NotANumber),
            ("1,000", PriceFault::NotANumber),
            ("1.2.3", PriceFault::NotANumber),
            ("0x10", PriceFault::NotANumber),
            ("--1", PriceFault::NotANumber),
            ("1e", PriceFault::NotANumber),
            ("1e99999999999", PriceFault::NotANumber),
            ("-1", PriceFault::Negative),
            ("0", PriceFault::Zero),
            ("-0.0", PriceFault::Zero),
            ("0.0000000001", PriceFault::TooFine),
            ("1.0000000001", PriceFault::TooFine),
            ("1e-10", PriceFault::TooFine),
            ("9223372036854775808", PriceFault::TooLarge),
            ("1e19", PriceFault::TooLarge),
            ("1e300", PriceFault::TooLarge),
        ] {
            assert_eq!(price(text), Err(fault), "{text}");
        }
    }
}
