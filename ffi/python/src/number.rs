//! Integers that come from Python. Whatever is wrong with one names its field, and a float names its remedy.

use std::fmt::Display;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};
use tripline::model::event::OrderId;

/// A Rust integer that Python's can become.
pub(crate) trait Whole: Display + Sized + for<'a, 'py> FromPyObject<'a, 'py> {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! whole {
    ($($int:ty)+) => {
        $(impl Whole for $int {
            const MIN: Self = <$int>::MIN;
            const MAX: Self = <$int>::MAX;
        })+
    };
}
whole!(u8 u16 u32 u64 u128 i32 i64 i128);

/// The integer in `value`, which the caller passed as `field`.
pub(crate) fn whole<T: Whole>(value: &Bound<'_, PyAny>, field: &str) -> PyResult<T> {
    if let Ok(int) = value.cast::<PyInt>()
        && !value.is_instance_of::<PyBool>()
    {
        return in_range(int, field);
    }
    if value.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err(format!(
            "{field} must be an int, not float: a float cannot hold every price. \
             Remedy: instrument.price(\"46377.5\") or instrument.qty(\"0.01\") make units from text or Decimal"
        )));
    }
    // The integers of other libraries say that they are one.
    if let Ok(index) = value.call_method0("__index__")
        && !value.is_instance_of::<PyBool>()
        && let Ok(int) = index.cast::<PyInt>()
    {
        return in_range(int, field);
    }
    Err(PyTypeError::new_err(format!("{field} must be an int, not {}", value.get_type().name()?)))
}

fn in_range<T: Whole>(int: &Bound<'_, PyInt>, field: &str) -> PyResult<T> {
    int.extract::<T>().map_err(|_too_large| {
        PyOverflowError::new_err(format!("{field} must be from {} to {}, not {int}", T::MIN, T::MAX))
    })
}

/// An integer that may be left out.
pub(crate) fn whole_or<T: Whole>(value: Option<&Bound<'_, PyAny>>, field: &str, otherwise: T) -> PyResult<T> {
    value.map_or(Ok(otherwise), |value| whole(value, field))
}

/// An id, which is never 0.
pub(crate) fn id(value: &Bound<'_, PyAny>, field: &str) -> PyResult<OrderId> {
    OrderId::new(whole(value, field)?).ok_or_else(|| PyValueError::new_err(format!("{field} must not be 0")))
}

/// True or false; what is neither, an int too, is an error.
pub(crate) fn flag(value: &Bound<'_, PyAny>, field: &str) -> PyResult<bool> {
    value
        .cast::<PyBool>()
        .map(|value| value.is_true())
        .map_err(|_other| PyTypeError::new_err(format!("{field} must be True or False")))
}
