//! What the engine is set up with: every rule on, nothing near its limit.

use tripline::engine::Limits;
use tripline::engine::limits::{
    ActionCosts, Actions, Anchor, Basis, BreakerLimits, BucketKind, BucketLimits, BucketScope, CountLimits,
    Currency, DrawdownLimits, DriftLimits, DuplicateLimits, RateLimits, ScopeLimits,
};
use tripline::model::{Bps, Lots, Money, Nanos, Scope, Ticks};

use crate::desk::{BTC, E9, PLAIN, USD, drawdown, limits, ms, name};

/// How large the desk is, and who holds what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) strategies: u16,
    pub(crate) instruments: u16,
    /// Books that hold each instrument which is marked.
    pub(crate) holders: u16,
    /// Instruments that marks are about, one after the other.
    pub(crate) marked: u16,
}

pub(crate) const ALONE: Scene =
    Scene { name: "1 strategy, 4 instruments", strategies: 1, instruments: 4, holders: 1, marked: 1 };
const MANY: Scene = Scene {
    name: "64 strategies, 4096 instruments",
    strategies: 64,
    instruments: 4_096,
    holders: 1,
    marked: 1,
};

/// How the cost grows: with what there is, and with what is held.
pub(crate) const GROWTH: [Scene; 6] = [
    Scene { name: "64 strategies, 4 instruments", instruments: 4, ..MANY },
    MANY,
    Scene { name: "64 strategies, 4096 instruments, all marked", marked: 4_096, ..MANY },
    Scene { name: "64 strategies, 4096 instruments, 4 holders", holders: 4, ..MANY },
    Scene { name: "64 strategies, 4096 instruments, 16 holders", holders: 16, ..MANY },
    Scene { name: "64 strategies, 4096 instruments, 64 holders", holders: 64, ..MANY },
];

/// More than anything here gets to.
const PLENTY: Money = Money(1_000_000_000_000_000 * E9);

impl Scene {
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = limits(100_000_000 * E9, Vec::new());
        let (book, strategy) = (limits.books[0].clone(), limits.strategies[0].clone());
        let instrument = limits.instruments[usize::from(PLAIN)].clone();
        limits.accounts.truncate(1);
        limits.instruments = vec![instrument; usize::from(self.instruments)];
        limits.strategies = vec![strategy; usize::from(self.strategies)];
        limits.books = vec![book; usize::from(self.strategies)];
        for (number, book) in (0..).zip(&mut limits.books) {
            book.strategy = number;
        }
        limits.capacity.lanes = self.strategies;
        limits.capacity.positions = 65_536;
        limits.capacity.orders = 65_536;
        limits.capacity.executions = 262_144;
        let currency = |id| Currency { id, code: name("CCY") };
        let (base, quote, age) = (currency(BTC), currency(USD), Nanos::from_secs(1_000_000));
        limits.rates =
            vec![RateLimits { base, quote, haircut: Bps(50), age, band: Some(Bps(2_000)), source: None }];
        limits.drawdowns = guards(self.strategies);
        limit_orders(&mut limits);
        limits
    }
}

/// Three guards on each book, two on each strategy and on the account: of every anchor and basis but margin, which needs
/// to be told.
fn guards(strategies: u16) -> Vec<DrawdownLimits> {
    let guard =
        |text, scope, anchor| DrawdownLimits { scope, anchor, peak_n: 3, confirm_k: 3, ..drawdown(text) };
    let mut guards = Vec::new();
    for number in 0..strategies {
        let (book, strategy) = (Scope::Book(number), Scope::Strategy(number));
        guards.push(DrawdownLimits {
            jump: Some(Bps(5_000)),
            limit_abs: Some(PLENTY),
            scale: Some(Bps(2_000)),
            ..guard("trailing", book, Anchor::Trailing)
        });
        guards.push(guard("session", book, Anchor::Session));
        guards.push(guard("rolling", book, Anchor::Rolling(Nanos::from_secs(3_600))));
        guards.push(guard("trailing", strategy, Anchor::Trailing));
        guards
            .push(DrawdownLimits { basis: Basis::Realised, ..guard("realised", strategy, Anchor::Trailing) });
    }
    guards.push(guard("trailing", Scope::Account(0), Anchor::Trailing));
    guards.push(guard("session", Scope::Account(0), Anchor::Session));
    guards
}

fn caps() -> ScopeLimits {
    ScopeLimits {
        gross: Some(PLENTY),
        net: Some(PLENTY),
        orders_per_day: Some(1_000_000_000),
        max_executions: Some(1_000_000_000),
        ..ScopeLimits::default()
    }
}

fn limit_orders(limits: &mut Limits) {
    limits.firm = caps();
    for instrument in &mut limits.instruments {
        instrument.tick = Ticks(1);
        instrument.min_notional = Money(E9);
        (instrument.collar, instrument.band) = (Some(Bps(1_000)), Some(Bps(2_000)));
        instrument.collar_accumulated = Some(DriftLimits { limit: Bps(5_000), window: ms(1_000) });
        instrument.mark_age = Nanos::from_secs(1_000_000);
    }
    for strategy in &mut limits.strategies {
        strategy.duplicates = Some(DuplicateLimits::default());
        strategy.caps = caps();
    }
    for book in &mut limits.books {
        (book.max_position, book.max_order_qty) = (Some(Lots(1_000_000)), Some(Lots(1_000)));
        (book.max_order_notional, book.max_open_orders) = (Some(PLENTY), Some(1_000));
        (book.breaker, book.caps) = (Some(BreakerLimits::default()), caps());
    }
    let counts = |count| {
        let (actions, repeated) = (Actions::empty(), Actions::empty());
        Some(CountLimits { count, window: Nanos::from_secs(60), actions, repeated })
    };
    for account in &mut limits.accounts {
        (account.breaker, account.caps) = (Some(BreakerLimits::default()), caps());
        account.caps.no_self_cross = true;
        (account.auth, account.liquidation) = (counts(3), counts(2));
    }
    let bucket = |id, scope, kind| BucketLimits {
        id,
        name: name("bucket"),
        scope,
        kind,
        costs: ActionCosts::default(),
        jitter: ms(1),
        start_pct: 0,
    };
    let window = ms(100);
    let aligned =
        BucketKind::FixedAligned { limit: BucketKind::MAX_UNITS, window, offset: ms(7), margin: Bps(500) };
    limits.buckets = vec![
        bucket(1, BucketScope::Venue(0), aligned),
        bucket(2, BucketScope::Account(0), BucketKind::Gcra { interval: Nanos(10), burst: 1_000 }),
        bucket(3, BucketScope::Strategy(0), BucketKind::SlidingLog { limit: BucketKind::MAX_UNITS, window }),
    ];
}
