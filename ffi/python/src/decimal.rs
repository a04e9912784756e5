//! Decimal text to integer units, exactly. What does not fit is an error, never a rounding.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyString};

/// What a number must lie on: so many decimals, and a multiple of the step in those units.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) decimals: u32,
    pub(crate) step: i64,
    pub(crate) step_name: &'static str,
}

/// Why a text is no number of units.
#[derive(Debug, PartialEq)]
enum Fault {
    NotANumber,
    TooFine,
    TooLarge,
}

/// The units of `value`, which is text, a Decimal or an int.
pub(crate) fn units(value: &Bound<'_, PyAny>, field: &str, grid: &Grid) -> PyResult<i64> {
    let text = text_of(value, field)?;
    let Grid { decimals, step, step_name } = grid;
    let units = scaled(&text, *decimals).map_err(|fault| match fault {
        Fault::NotANumber => PyValueError::new_err(format!("{field} {text} is not a finite decimal number")),
        Fault::TooFine => PyValueError::new_err(format!("{field} {text} has more than {decimals} decimals")),
        Fault::TooLarge => {
            PyOverflowError::new_err(format!("{field} {text} does not fit into 64 bits of units"))
        }
    })?;
    match units.checked_rem(*step) {
        Some(0) => Ok(units),
        _ => Err(PyValueError::new_err(format!(
            "{field} {text} is not a multiple of the {step_name}, {step} units"
        ))),
    }
}

fn text_of(value: &Bound<'_, PyAny>, field: &str) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_cow()?.trim().to_owned());
    }
    if value.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err(format!(
            "{field} must be text, Decimal or int, not float: a float has lost the decimal it was meant to be. \
             Remedy: keep the text that the venue sent"
        )));
    }
    let decimal = value.py().import("decimal")?.getattr("Decimal")?;
    if value.is_exact_instance_of::<PyInt>() || value.is_instance(&decimal)? {
        return Ok(value.str()?.to_cow()?.into_owned());
    }
    Err(PyTypeError::new_err(format!(
        "{field} must be text, Decimal or int, not {}",
        value.get_type().name()?
    )))
}

/// `[+-]digits[.digits][e[+-]digits]` times 10^decimals.
fn scaled(text: &str, decimals: u32) -> Result<i64, Fault> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_none| Fault::NotANumber)?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0
        || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return Err(Fault::NotANumber);
    }
    let mut value: i128 = 0;
    // Zeros at the end do not make a number finer than it is.
    let fraction = fraction.trim_end_matches('0');
    for digit in whole.bytes().chain(fraction.bytes()) {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit - b'0')));
        value = next.ok_or(Fault::TooLarge)?;
    }
    let shift = i64::from(decimals) + i64::from(exponent) - fraction.len() as i64;
    let scale = u32::try_from(shift.unsigned_abs()).ok().and_then(|digits| 10_i128.checked_pow(digits));
    let units = match scale {
        _ if value == 0 => 0,
        Some(scale) if shift < 0 && value % scale == 0 => value / scale,
        _ if shift < 0 => return Err(Fault::TooFine),
        Some(scale) => value.checked_mul(scale).ok_or(Fault::TooLarge)?,
        None => return Err(Fault::TooLarge),
    };
    i64::try_from(if negative { -units } else { units }).map_err(|_more_than_64_bits| Fault::TooLarge)
}
