//! COLD: measured values and limits as a person reads them. The unit goes by the reason.

use crate::control::clock;
use crate::engine::limits::InstrumentLimits;
use crate::engine::{Limits, guard};
use crate::model::{Bps, Money, Nanos, Reason, Scope};
use crate::wire::stats::{CauseRow, TransitionRow};

/// What was measured, where, and what it was held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) scope: Option<Scope>,
    pub(crate) guard: u64,
    pub(crate) reason: Option<Reason>,
    pub(crate) measured: i64,
    pub(crate) limit: i64,
}

impl Reading {
    /// Of a cause that holds.
    pub(crate) const fn of_cause(row: &CauseRow) -> Self {
        let CauseRow { scope, guard, reason, measured, limit, .. } = *row;
        Self { scope, guard, reason, measured, limit }
    }

    /// Of a transition.
    pub(crate) const fn of_transition(row: &TransitionRow) -> Self {
        let TransitionRow { scope, guard, reason, measured, limit, .. } = *row;
        Self { scope, guard, reason, measured, limit }
    }
}

/// What the two numbers of a reading count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Events, orders, errors.
    Count,
    /// 1e-6 of a currency.
    Money,
    /// Basis points.
    Share,
    /// Nanoseconds.
    Time,
    /// Price units of the instrument.
    Price,
    /// Quantity units of the instrument.
    Quantity,
}

/// A reading in words: measured value, then limit.
pub(crate) fn readings(limits: &Limits, reading: &Reading) -> (String, String) {
    let unit = unit(limits, reading);
    let show = |value| text(limits, reading.scope, unit, value);
    (show(reading.measured), show(reading.limit))
}

fn unit(limits: &Limits, reading: &Reading) -> Unit {
    let Some(reason) = reading.reason else { return Unit::Count };
    match reason {
        Reason::DrawdownSoft | Reason::Drawdown | Reason::DrawdownUntrusted => {
            if is_share(limits, reading) {
                Unit::Share
            } else {
                Unit::Money
            }
        }
        Reason::Collar | Reason::CollarAccumulated => Unit::Share,
        Reason::MinNotional
        | Reason::MaxNotional
        | Reason::Gross
        | Reason::Net
        | Reason::Balance
        | Reason::Margin
        | Reason::PeakNonpositive
        | Reason::CashMismatch
        | Reason::Arithmetic => Unit::Money,
        Reason::Heartbeat | Reason::Stall | Reason::Lag | Reason::Expired => Unit::Time,
        Reason::Tick | Reason::MarkSuspect | Reason::MarkStale => Unit::Price,
        Reason::Lot
        | Reason::MinQty
        | Reason::MaxQty
        | Reason::MaxPosition
        | Reason::ReduceOnlySize
        | Reason::ExitSize
        | Reason::PositionMismatch
        | Reason::Overfill => Unit::Quantity,
        _ => Unit::Count,
    }
}

/// A drawdown guard measures by whichever of its two limits it was held against.
fn is_share(limits: &Limits, reading: &Reading) -> bool {
    let index = reading.guard.checked_sub(u64::from(guard::CONFIGURED)).map(|offset| offset / 2);
    let configured = index.and_then(|index| limits.drawdowns.get(usize::try_from(index).ok()?));
    configured.and_then(|guard| guard.limit).is_some_and(|Bps(bps)| i64::from(bps) == reading.limit)
}

fn text(limits: &Limits, scope: Option<Scope>, unit: Unit, value: i64) -> String {
    match unit {
        Unit::Count => value.to_string(),
        Unit::Money => Money(i128::from(value) * 1_000).to_string(),
        Unit::Share => {
            u32::try_from(value).map_or_else(|_| format!("{value} bps"), |bps| Bps(bps).to_string())
        }
        Unit::Time => clock::age_text(Nanos(u64::try_from(value).unwrap_or(0))),
        Unit::Price => in_units(limits, scope, value, "price units", |instrument| instrument.price_decimals),
        Unit::Quantity => in_units(limits, scope, value, "lots", |instrument| instrument.qty_decimals),
    }
}

/// As a decimal, where the scope is one instrument or all are alike; else as a number of units.
fn in_units(
    limits: &Limits,
    scope: Option<Scope>,
    value: i64,
    units: &str,
    decimals: impl Fn(&InstrumentLimits) -> u8,
) -> String {
    let mut all = limits.instruments.iter().map(&decimals);
    let found = match scope {
        Some(Scope::Instrument(_, instrument)) => {
            limits.instruments.get(usize::from(instrument)).map(&decimals)
        }
        _ => all.next().filter(|first| all.all(|other| other == *first)),
    };
    match found {
        Some(decimals) => Money(i128::from(value) * 10_i128.pow(u32::from(9 - decimals.min(9)))).to_string(),
        None => format!("{value} {units}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config;

    fn limits() -> Limits {
        config::parse(include_str!("../../../examples/tripline.toml"), "tripline.toml").unwrap().limits
    }

    #[test]
    fn every_reason_is_read_in_its_unit() {
        let (btc, eth, book) = (Scope::Instrument(0, 0), Scope::Instrument(0, 1), Scope::Book(0));
        let built_in = u64::from(guard::OPERATOR);
        for (reason, scope, guard, measured, limit, expected) in [
            (Reason::MaxNotional, book, built_in, 25_000_500_000, 25_000_000_000, ("25000.5", "25000")),
            (Reason::MinNotional, btc, built_in, 99_999_999, 100_000_000, ("99.999999", "100")),
            (Reason::MaxPosition, book, built_in, 2_001, 2_000, ("2.001", "2")),
            (Reason::ExitSize, eth, built_in, -5, 0, ("-0.005", "0")),
            (Reason::Tick, btc, built_in, 600_001, 10, ("60000.1", "1")),
            (Reason::Tick, eth, built_in, 600_001, 1, ("6000.01", "0.01")),
            // ETH and BTC have other price units, so a price without an instrument is a number of them.
            (Reason::MarkStale, book, built_in, 7, 0, ("7 price units", "0 price units")),
            (Reason::Collar, btc, built_in, 501, 500, ("5.01 %", "5.00 %")),
            (Reason::Heartbeat, book, built_in, 1_500_000_000, 1_000_000_000, ("1s", "1s")),
            (Reason::ErrorRate, book, built_in, 14, 13, ("14", "13")),
            (Reason::DuplicateFingerprint, book, built_in, 20, 20, ("20", "20")),
            (Reason::ReadyToResume, book, built_in, 14, 13, ("14", "13")),
            (Reason::Drawdown, Scope::Account(0), 64, 1_503, 1_500, ("15.03 %", "15.00 %")),
            (Reason::Drawdown, Scope::Book(1), 68, 6_000_000_001, 6_000_000_000, ("6000.000001", "6000")),
        ] {
            let reading = Reading { scope: Some(scope), guard, reason: Some(reason), measured, limit };
            let (measured, limit) = readings(&limits(), &reading);
            assert_eq!((measured.as_str(), limit.as_str()), expected, "{reason} on {scope}");
        }
    }

    #[test]
    fn quantities_over_unlike_instruments_are_lots() {
        let mut limits = limits();
        limits.instruments[1].qty_decimals = 2;
        let reading = |scope| Reading {
            scope: Some(scope),
            guard: 5,
            reason: Some(Reason::MaxPosition),
            measured: 250,
            limit: 200,
        };
        let lots = ("250 lots".to_owned(), "200 lots".to_owned());
        assert_eq!(readings(&limits, &reading(Scope::Book(0))), lots);
        assert_eq!(readings(&limits, &reading(Scope::Instrument(0, 1))), ("2.5".to_owned(), "2".to_owned()));
    }
}
