//! What the sidecar knows of an instrument, and units from decimal text.

use pyo3::prelude::*;
use tripline::shm::directory::InstrumentEntry;

use crate::decimal::{Grid, units};

/// An instrument as the sidecar is configured: the units that prices and quantities are counted in.
#[pyclass(frozen, eq, module = "tripline", from_py_object)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instrument {
    /// Its name.
    #[pyo3(get)]
    name: String,
    /// 0 linear, 1 inverse, 2 spot.
    #[pyo3(get)]
    kind: u64,
    /// A price unit is 10^-price_decimals.
    #[pyo3(get)]
    price_decimals: u32,
    /// A quantity unit is 10^-qty_decimals.
    #[pyo3(get)]
    qty_decimals: u32,
    /// Contract multiplier in 1e-9.
    #[pyo3(get)]
    multiplier_e9: i64,
    /// Price increment in price units.
    #[pyo3(get)]
    tick: i64,
    /// Quantity increment in quantity units.
    #[pyo3(get)]
    lot: i64,
}

impl From<InstrumentEntry> for Instrument {
    fn from(entry: InstrumentEntry) -> Self {
        let InstrumentEntry { name, kind, price_decimals, qty_decimals, multiplier_e9, tick, lot, .. } =
            entry;
        let name = name.as_str().to_owned();
        Self { name, kind, price_decimals, qty_decimals, multiplier_e9, tick, lot }
    }
}

impl Instrument {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

#[pymethods]
impl Instrument {
    /// Price units of a price written as text, Decimal or int. Raises ValueError for NaN, infinity, more decimals than
    /// the instrument has, and what is not a multiple of the tick; OverflowError beyond 64 bits; TypeError for a float.
    #[pyo3(signature = (value, /))]
    fn price(&self, value: &Bound<'_, PyAny>) -> PyResult<i64> {
        units(value, "price", &Grid { decimals: self.price_decimals, step: self.tick, step_name: "tick" })
    }

    /// Quantity units of a quantity written as text, Decimal or int. Raises as `price` does, with the lot for the tick.
    #[pyo3(signature = (value, /))]
    fn qty(&self, value: &Bound<'_, PyAny>) -> PyResult<i64> {
        units(value, "qty", &Grid { decimals: self.qty_decimals, step: self.lot, step_name: "lot" })
    }

    fn __repr__(&self) -> String {
        let Self { name, price_decimals, qty_decimals, tick, lot, .. } = self;
        format!(
            "<tripline.Instrument {name} price_decimals={price_decimals} qty_decimals={qty_decimals} tick={tick} lot={lot}>"
        )
    }
}
