//! COLD: which column holds what. The accepted layouts are one table; a file is matched by its header, else by shape.

use std::fmt;

/// One accepted layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) name: &'static str,
    /// Columns in the order of a file without a header.
    columns: &'static [&'static str],
    /// Columns at the end that older files lack.
    optional: usize,
    time: &'static str,
    /// Every price column; the last one is the price of the point.
    prices: &'static [&'static str],
}

/// Where to look in each row of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) layout: &'static Layout,
    pub(super) time: Column,
    pub(super) prices: Vec<Column>,
    /// Cells every row must have.
    pub(super) count: usize,
}

/// One column: its index and what the layout calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) name: &'static str,
}

pub(super) static LAYOUTS: [Layout; 5] = [
    Layout {
        name: "bars",
        columns: &["timestamp", "open", "high", "low", "close", "volume"],
        optional: 0,
        time: "timestamp",
        prices: &["open", "high", "low", "close"],
    },
    Layout {
        name: "Binance kline",
        columns: &[
            "open_time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "close_time",
            "quote_volume",
            "count",
            "taker_buy_volume",
            "taker_buy_quote_volume",
            "ignore",
        ],
        optional: 0,
        time: "open_time",
        prices: &["open", "high", "low", "close"],
    },
    Layout {
        name: "Binance spot trades",
        columns: &["trade_id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"],
        optional: 0,
        time: "time",
        prices: &["price"],
    },
    Layout {
        name: "Binance futures trades",
        columns: &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"],
        optional: 0,
        time: "time",
        prices: &["price"],
    },
    Layout {
        name: "Binance aggTrades",
        columns: &[
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
            "is_best_match",
        ],
        optional: 1,
        time: "transact_time",
        prices: &["price"],
    },
];

/// The accepted layouts, for an error message: one indented line each.
pub(super) struct Accepted;

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layout in &LAYOUTS {
            let required = layout.columns.len() - layout.optional;
            write!(f, "\n  {}: {}", layout.name, layout.columns[..required].join(","))?;
            for optional in &layout.columns[required..] {
                write!(f, "[,{optional}]")?;
            }
        }
        Ok(())
    }
}

impl Layout {
    /// The layout's columns at the places `place` gives them.
    fn columns_at(&'static self, count: usize, place: impl Fn(&str) -> Option<usize>) -> Option<Columns> {
        let column = |name: &'static str| Some(Column { index: place(name)?, name });
        let prices = self.prices.iter().map(|name| column(name)).collect::<Option<_>>()?;
        Some(Columns { layout: self, time: column(self.time)?, prices, count })
    }

    fn takes_count(&self, count: usize) -> bool {
        (self.columns.len() - self.optional..=self.columns.len()).contains(&count)
    }

    /// Whether a row without a header can be of this layout. Counts overlap between layouts; what tells them apart
    /// is which cells are booleans.
    fn fits(&self, cells: &[&str]) -> bool {
        let is_flag = |cell: &str| cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false");
        self.takes_count(cells.len())
            && self.columns.iter().zip(cells).all(|(name, cell)| name.starts_with("is_") == is_flag(cell))
    }
}

/// Whether the first row names columns instead of holding values.
pub(super) fn is_header(cells: &[&str]) -> bool {
    let known =
        |cell: &str| LAYOUTS.iter().any(|l| l.columns.iter().any(|name| cell.eq_ignore_ascii_case(name)));
    cells.iter().any(|cell| known(cell))
}

/// The layout that a header names. Columns may stand in any order and others may stand between them.
pub(super) fn from_header(cells: &[&str]) -> Option<Columns> {
    let place = |name: &str| cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    LAYOUTS.iter().find_map(|layout| {
        // `time` and `price` alone are in two layouts; the first column, the identity of a row, decides.
        place(layout.columns[0])?;
        layout.columns_at(cells.len(), place)
    })
}

/// The layout that a row of values has the shape of.
pub(super) fn from_shape(cells: &[&str]) -> Option<Columns> {
    let layout = LAYOUTS.iter().find(|layout| layout.fits(cells))?;
    layout.columns_at(cells.len(), |name| layout.columns.iter().position(|column| *column == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_found_by_its_header_and_by_its_shape() {
        for layout in &LAYOUTS {
            for count in layout.columns.len() - layout.optional..=layout.columns.len() {
                let header = &layout.columns[..count];
                let row: Vec<&str> =
                    header.iter().map(|name| if name.starts_with("is_") { "True" } else { "1" }).collect();
                assert!(is_header(header) && !is_header(&row));
                let (by_header, by_shape) = (from_header(header), from_shape(&row));
                assert_eq!(by_header.as_ref().map(|c| c.layout.name), Some(layout.name));
                assert_eq!(by_header, by_shape);
            }
        }
    }

    #[test]
    fn a_header_may_reorder_and_add_columns() {
        let columns = from_header(&["Close", "symbol", "open", "low", "high", "Timestamp"]).unwrap();
        assert_eq!(columns.layout.name, "bars");
        assert_eq!(columns.time, Column { index: 5, name: "timestamp" });
        assert_eq!(columns.prices.last(), Some(&Column { index: 0, name: "close" }));
    }

    #[test]
    fn other_shapes_are_no_layout() {
        assert_eq!(from_shape(&["1", "2"]), None);
        assert_eq!(from_shape(&["1", "2", "3", "4", "true", "false"]), None);
        assert_eq!(from_header(&["timestamp", "price"]), None);
    }
}
