//! HOT: exact integer arithmetic with the rounding of money.
//!
//! Everything rounds towards minus infinity unless a name says otherwise, so that a rounded term never makes our
//! equity look better than it is. `None` always means that the exact result does not fit; the caller halts with
//! cause ARITHMETIC. Deliberately absent: saturating and wrapping results, which would be wrong numbers.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

/// Units of 1e-18 in one unit of 1e-9: inverse positions are kept in the finer of the two.
pub(super) const FINE: i128 = 1_000_000_000;

/// `a * b`. Nearly always both fit 64 bits, and then the product fits: that saves most of what a checked one costs.
pub(super) fn product(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a).wrapping_mul(i128::from(b))),
        _ => a.checked_mul(b),
    }
}

/// `value / divisor`, rounded towards minus infinity. `divisor` must be positive.
pub(super) fn floor_div(value: i128, divisor: i128) -> Option<i128> {
    match divisor {
        1.. if value == 0 => Some(0),
        1 => Some(value),
        2.. => value.checked_div_euclid(divisor),
        _ => None,
    }
}

/// `value / divisor`, rounded towards plus infinity. `divisor` must be positive.
pub(super) fn ceil_div(value: i128, divisor: i128) -> Option<i128> {
    floor_div(value.checked_neg()?, divisor)?.checked_neg()
}

/// `a * b / divisor`, rounded towards minus infinity.
pub(super) fn floor_mul_div(a: i128, b: i128, divisor: i128) -> Option<i128> {
    floor_div(product(a, b)?, divisor)
}

/// `a * b / divisor`, rounded towards plus infinity.
pub(super) fn ceil_mul_div(a: i128, b: i128, divisor: i128) -> Option<i128> {
    ceil_div(product(a, b)?, divisor)
}

/// `a * b / divisor`, rounded towards minus infinity, where the product need not fit as long as `b * divisor` does.
/// `b` must not be negative, `divisor` must be positive.
pub(super) fn floor_scale(a: i128, b: i128, divisor: i128) -> Option<i128> {
    let whole = floor_div(a, divisor)?;
    // 0 <= rest < divisor, so floor(a*b/d) = whole*b + floor(rest*b/d).
    let rest = a.checked_rem_euclid(divisor)?;
    whole.checked_mul(b)?.checked_add(floor_mul_div(rest, b, divisor)?)
}

/// An amount of 1e-9 as 1e-6 for a report, at the ends of the range where it does not fit.
pub(super) fn micros(money: i128) -> i64 {
    let rounded = money.div_euclid(1_000);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// As [`micros`], rounded up: what is held against a largest value must not read smaller than it is.
pub(super) fn micros_up(money: i128) -> i64 {
    micros(money.saturating_add(999))
}

/// A magnitude as a report's `i64`, at the end of the range where it does not fit.
pub(super) fn report(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Adds one to a counter; a counter that is full stays full.
pub(super) fn bump(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_against_us_on_both_sides_of_zero() {
        for (value, divisor, floor, ceil) in
            [(7, 2, 3, 4), (-7, 2, -4, -3), (6, 2, 3, 3), (-6, 2, -3, -3), (0, 9, 0, 0), (-1, 1_000, -1, 0)]
        {
            assert_eq!(floor_div(value, divisor), Some(floor), "{value}/{divisor}");
            assert_eq!(ceil_div(value, divisor), Some(ceil), "{value}/{divisor}");
        }
    }

    #[test]
    fn a_product_that_does_not_fit_is_scaled_all_the_same() {
        for (a, b, divisor) in [(7, 3, 2), (-7, 3, 2), (-1, 1, 10), (0, 5, 3), (1_000, 999, 1_000)] {
            assert_eq!(floor_scale(a, b, divisor), floor_mul_div(a, b, divisor), "{a}*{b}/{divisor}");
        }
        assert_eq!(floor_scale(i128::MAX, 3, 3), Some(i128::MAX));
        assert_eq!(floor_scale(i128::MIN, 2, 2), Some(i128::MIN));
        assert_eq!(floor_scale(i128::MAX, 2, 1), None);
        assert_eq!(floor_scale(i128::MIN, 1, 3), i128::MIN.checked_div_euclid(3));
        assert_eq!(floor_scale(1, 1, 0), None);
    }

    #[test]
    fn a_product_is_that_of_the_checked_multiplication_at_the_ends_of_64_bits_and_of_128() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX].map(i128::from);
        let beyond = [i128::MIN, i128::from(i64::MIN) - 1, i128::from(i64::MAX) + 1, i128::MAX];
        let all: Vec<i128> = ends.into_iter().chain(beyond).collect();
        for &a in &all {
            for &b in &all {
                assert_eq!(product(a, b), a.checked_mul(b), "{a}*{b}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(floor_mul_div(i128::MAX, 2, 2), None);
        assert_eq!(floor_div(i128::MIN, 0), None);
        assert_eq!(floor_div(1, -1), None);
        assert_eq!(ceil_div(i128::MIN, 2), None);
        assert_eq!(micros(i128::MAX), i64::MAX);
        assert_eq!(micros(i128::MIN), i64::MIN);
    }
}
