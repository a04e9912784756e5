use super::*;
use crate::engine::limits::Currency;
use crate::model::{Bps, Money, Name, Nanos};

fn instrument(
    kind: InstrumentKind,
    price_decimals: u8,
    qty_decimals: u8,
    multiplier_e9: i64,
) -> InstrumentLimits {
    InstrumentLimits {
        name: Name::default(),
        kind,
        price_decimals,
        qty_decimals,
        multiplier_e9,
        settlement: Currency { id: 1, code: Name::default() },
        base: None,
        tick: Ticks(1),
        lot: Lots(1),
        min_qty: Lots(1),
        min_notional: Money(0),
        collar: None,
        overfill: Lots(0),
        collar_accumulated: None,
        restricted: false,
        underlying: None,
        allow_negative: false,
        band: None,
        mark_age: Nanos::from_secs(5),
        mark_sources: vec![],
        position_tolerance: Lots(0),
        initial_margin: Bps::WHOLE,
        application_heartbeat: None,
        hedge: false,
    }
}

#[test]
fn linear_worth_is_exact_where_it_fits_a_billionth_and_floored_where_not() {
    let whole = Payoff::new(&instrument(InstrumentKind::Linear, 2, 3, 1_000_000_000));
    assert_eq!(whole.worth(1_500, 10_025), Some(150_375_000_000));
    let fine = Payoff::new(&instrument(InstrumentKind::Linear, 9, 9, 1_000_000_000));
    assert_eq!(fine.worth(1, 1), Some(0));
    assert_eq!(fine.worth(-1, 1), Some(-1));
}

#[test]
fn inverse_worth_falls_with_size_and_rises_with_price() {
    let payoff = Payoff::new(&instrument(InstrumentKind::Inverse, 0, 0, 100_000_000_000));
    assert_eq!(payoff.worth(-10, 50_000), Some(20_000_000_000_000_000));
    assert_eq!(payoff.worth(25, 55_000), Some(-45_454_545_454_545_455));
    assert_eq!(payoff.worth(1, 0), None);
    assert_eq!(payoff.worth(1, -5), None);
}

#[test]
fn notional_rounds_up() {
    let payoff = Payoff::new(&instrument(InstrumentKind::Inverse, 0, 0, 100_000_000_000));
    assert_eq!(payoff.notional(Lots(25), Ticks(55_000)), Some(45_454_546));
    let linear = Payoff::new(&instrument(InstrumentKind::Linear, 9, 9, 1_000_000_000));
    assert_eq!(linear.notional(Lots(1), Ticks(1)), Some(1));
}

#[test]
fn a_negative_price_is_as_large_as_its_size_and_down_is_below_up() {
    let linear = Payoff::new(&InstrumentLimits {
        allow_negative: true,
        ..instrument(InstrumentKind::Linear, 9, 9, 1_000_000_000)
    });
    let inverse = Payoff::new(&instrument(InstrumentKind::Inverse, 0, 0, 100_000_000_000));
    for (payoff, qty, px, up, down) in [
        (&linear, 1, -1, 1, 0),
        (&linear, 1_000_000_000, -7, 7, 7),
        (&linear, 1_000_000_000, 7, 7, 7),
        (&linear, 5, 0, 0, 0),
        (&inverse, 25, 55_000, 45_454_546, 45_454_545),
        (&inverse, 25, 50_000, 50_000_000, 50_000_000),
    ] {
        assert_eq!(payoff.notional(Lots(qty), Ticks(px)), Some(up), "{qty} at {px}");
        assert_eq!(payoff.notional_down(Lots(qty), Ticks(px)), Some(down), "{qty} at {px}");
    }
}

#[test]
fn a_base_fee_debits_whole_lots_rounded_up() {
    let payoff = Payoff::new(&instrument(InstrumentKind::Spot, 2, 3, 1_000_000_000));
    for (fee, lots) in [(1_000_000, 1), (1_000_001, 2), (0, 0), (-1_000_001, -1)] {
        assert_eq!(payoff.debit(fee), Some(lots), "{fee}");
    }
}

#[test]
fn extremes_are_none_not_panics() {
    for kind in [InstrumentKind::Linear, InstrumentKind::Inverse, InstrumentKind::Spot] {
        let payoff = Payoff::new(&instrument(kind, 9, 0, i64::MAX));
        for q in [i64::MIN, -1, 0, 1, i64::MAX] {
            for px in [i64::MIN, -1, 0, 1, i64::MAX] {
                let _ = payoff.worth(q, px);
                let _ = payoff.notional(Lots(q), Ticks(px));
                let _ = payoff.debit(q);
            }
        }
    }
}

#[test]
fn a_quanto_pays_at_its_fixed_rate_and_floors() {
    // 0.000001 bitcoin per dollar of the price: the contract of a well-known ether future.
    let rate = |rate_e9| Payoff::new(&instrument(InstrumentKind::Quanto { rate_e9 }, 2, 0, 1_000_000_000));
    let payoff = rate(1_000);
    for (q, px, worth) in [(1, 300_000, 3_000_000), (-1, 300_000, -3_000_000), (10, 1, 100), (0, 5, 0)] {
        assert_eq!(payoff.worth(q, px), Some(worth), "{q} at {px}");
    }
    assert_eq!((rate(1).worth(1, 99), rate(1).worth(-1, 99)), (Some(0), Some(-1)));
    assert_eq!(rate(1_000_000_000).worth(7, 125), Some(8_750_000_000), "at one it is linear");
    assert_eq!(rate(1_000).notional(Lots(3), Ticks(300_000)), Some(9_000_000));
    assert!(!payoff.is_inverse());
    let extreme = InstrumentLimits {
        multiplier_e9: i64::MAX,
        ..instrument(InstrumentKind::Quanto { rate_e9: i64::MAX }, 0, 0, 1)
    };
    assert_eq!(Payoff::new(&extreme).worth(i64::MAX, i64::MAX), None);
    assert!(Payoff::new(&extreme).worth(1, 1).is_some());
}
