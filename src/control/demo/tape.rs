//! COLD: a price tape: the points a demonstration is played from.

/// Prices in the order they happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    /// Where the prices come from: the path of the file, or what the built-in path is called.
    pub label: String,
    /// Whether the prices are made up. Whoever shows the tape says so.
    pub synthetic: bool,
    /// Decimals of every price: the fewest that represent all of them exactly, 0–9.
    pub price_decimals: u8,
    /// Never empty; times never decrease.
    pub points: Vec<Point>,
}

/// One price: a bar's close or a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Data time: nanoseconds since the Unix epoch, as the source gives it.
    pub at_utc_ns: i64,
    /// Price in units of `10^-price_decimals`. Positive.
    pub px: i64,
}
