//! Limits of two venues, three accounts and four books, for tests of buckets and queues.

use super::name;
use crate::engine::Limits;
use crate::engine::limits::{
    AccountLimits, BookLimits, BucketLimits, Capacity, Currency, DirectiveLimits, InstrumentKind,
    InstrumentLimits, ScopeLimits, StrategyLimits, VenueCodes, VenueLimits,
};
use crate::model::{Bps, Lots, Mode, Money, Nanos, Ticks};

fn account(text: &str, venue: &str) -> AccountLimits {
    AccountLimits {
        name: name(text),
        venue: name(venue),
        currency: Currency { id: 1, code: name("USD") },
        ack_timeout: Nanos::from_secs(5),
        breaker: None,
        auth: None,
        liquidation: None,
        venue_codes: VenueCodes::default(),
        cash_tolerance: Bps(1),
        arms_reconciled: false,
        caps: ScopeLimits::default(),
    }
}

fn instrument(text: &str) -> InstrumentLimits {
    InstrumentLimits {
        name: name(text),
        kind: InstrumentKind::Linear,
        price_decimals: 0,
        qty_decimals: 0,
        multiplier_e9: 1_000_000_000,
        settlement: Currency { id: 1, code: name("USD") },
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

fn book(strategy: u16, account: u16) -> BookLimits {
    BookLimits {
        strategy,
        account,
        capital: Money(0),
        max_position: None,
        max_order_qty: None,
        max_order_notional: None,
        unknown_fee: Bps(10),
        opens_at_venue: false,
        halts_unknown_fills: false,
        published: None,
        max_open_orders: None,
        breaker: None,
        caps: ScopeLimits::default(),
    }
}

/// Accounts 0 and 1 at venue 0, account 2 at venue 1. Books 0 = (0, 0), 1 = (1, 0), 2 = (0, 1), 3 = (1, 2) of
/// (strategy, account).
pub(in crate::engine) fn desk(buckets: Vec<BucketLimits>) -> Limits {
    let strategy = |text: &str| StrategyLimits {
        name: name(text),
        uid: 0,
        heartbeat: Nanos::from_secs(1),
        recover_for: Nanos::from_secs(5),
        executes: vec![],
        duplicates: None,
        caps: ScopeLimits::default(),
    };
    let limits = Limits {
        instance: name("test"),
        mode: Mode::Live,
        firm: ScopeLimits::default(),
        accounts: vec![account("main", "north"), account("spare", "north"), account("far", "south")],
        instruments: vec![instrument("A"), instrument("B")],
        rates: vec![],
        strategies: vec![strategy("one"), strategy("two")],
        books: vec![book(0, 0), book(1, 0), book(0, 1), book(1, 2)],
        drawdowns: vec![],
        venues: vec![VenueLimits::new(name("north")), VenueLimits::new(name("south"))],
        buckets,
        permit_validity: Nanos::from_millis(100),
        directives: DirectiveLimits::default(),
        approval: Default::default(),
        clocks: 1,
        capacity: Capacity {
            lanes: 1,
            lane_slots: 64,
            return_slots: 16,
            positions: 16,
            orders: 16,
            executions: 16,
        },
    };
    limits.assert_consistent();
    limits
}
