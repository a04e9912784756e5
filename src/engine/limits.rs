//! HOT: the validated limits: everything the engine decides by, checked once before it starts.
//!
//! Configuration parses into this; the engine never re-checks it. Indices (accounts, books, …) are positions in the
//! vectors below and never change while the engine lives.

/// Leaves with a text where something does not hold.
macro_rules! require {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}

mod capacity;
mod caps;
mod drawdowns;
mod orders;

pub use capacity::Capacity;
pub use caps::{DriftLimits, ScopeLimits};
pub use drawdowns::{Anchor, Basis, DrawdownLimits};
pub use orders::{
    ActionCosts, Actions, BreakerLimits, BreakerRule, BucketKind, BucketLimits, BucketScope, CountLimits,
    DirectiveLimits, DropMode, DuplicateLimits, HalfOpenLimits, VenueCodes, VenueId, VenueLimits,
};

use crate::model::{Bps, Handle, Latch, Lots, Mode, Money, Name, Nanos, Scope, Ticks};

/// Everything the engine is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// Name of this sidecar, the `instance` label.
    pub instance: Name,
    /// Mode every scope starts in.
    pub mode: Mode,
    /// What everything together may add up to.
    pub firm: ScopeLimits,
    /// Trading accounts.
    pub accounts: Vec<AccountLimits>,
    /// Instruments, shared by all accounts.
    pub instruments: Vec<InstrumentLimits>,
    /// What one currency is worth in another. At most [`Limits::MAX_RATES`].
    pub rates: Vec<RateLimits>,
    /// Strategies.
    pub strategies: Vec<StrategyLimits>,
    /// Books: one strategy on one account each.
    pub books: Vec<BookLimits>,
    /// Drawdown guards.
    pub drawdowns: Vec<DrawdownLimits>,
    /// Venues that accounts name, each with its queue. At most [`Limits::MAX_VENUES`].
    pub venues: Vec<VenueLimits>,
    /// Rate buckets. At most [`Limits::MAX_BUCKETS`].
    pub buckets: Vec<BucketLimits>,
    /// How long a permission may be used after it was given.
    pub permit_validity: Nanos,
    /// How directives are followed up.
    pub directives: DirectiveLimits,
    /// Who may reset a drawdown that has lost much.
    pub approval: ApprovalLimits,
    /// Clocks that say when a session begins.
    pub clocks: u16,
    /// Table sizes.
    pub capacity: Capacity,
}

/// Who has to agree before a drawdown that has lost much is reset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct ApprovalLimits {
    /// Users of whom two have to; with fewer than two here one person may reset anything.
    pub approvers: Vec<u32>,
    /// From this loss of the peak on.
    pub loss: Bps,
}

impl Default for ApprovalLimits {
    fn default() -> Self {
        Self { approvers: Vec::new(), loss: Bps(200) }
    }
}

/// One account at one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct AccountLimits {
    /// Unique among accounts.
    pub name: Name,
    /// The venue the account is at; fills are identified per venue.
    pub venue: Name,
    /// Accounting currency: equity, peaks and limits are in it.
    pub currency: Currency,
    /// An order that no venue answered for this long counts as timed out; its exposure stays.
    pub ack_timeout: Nanos,
    /// Breaker on the errors of infrastructure and venue; `None` is off.
    pub breaker: Option<BreakerLimits>,
    /// Authentication errors that halt the account; `None` is off.
    pub auth: Option<CountLimits>,
    /// Liquidation errors that halt the account; `None` is off.
    pub liquidation: Option<CountLimits>,
    /// What the venue's reject codes mean.
    pub venue_codes: VenueCodes,
    /// By how much of it a balance of the venue may differ from the books' cash.
    pub cash_tolerance: Bps,
    /// Whether it is halted until snapshots of the venue have matched; a book that opens at the venue's word waits in any
    /// case.
    pub arms_reconciled: bool,
    /// What its books may add up to.
    pub caps: ScopeLimits,
}

/// A currency: an index that travels in events and the letters it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Currency {
    /// The number in `ccy` fields of events; 0 there means the settlement currency.
    pub id: u16,
    /// `USD`, `USDT`, `BTC`.
    pub code: Name,
}

/// A pair of currencies that converts one into the other, either way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct RateLimits {
    /// What a rate is the price of.
    pub base: Currency,
    /// What that price is in.
    pub quote: Currency,
    /// What assets are worth less and debts cost more than the rate says. Below 10 000.
    pub haircut: Bps,
    /// An older rate is stale.
    pub age: Nanos,
    /// A rate that jumps by more than this is suspect; `None` accepts every jump.
    pub band: Option<Bps>,
    /// The strategy whose rates count; `None` takes the first that publishes one.
    pub source: Option<u16>,
}

/// How a position turns prices into money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum InstrumentKind {
    /// Profit in the quote currency: `q * m * price`.
    Linear,
    /// Profit in the base currency: `q * m / price`.
    Inverse,
    /// Base and quote balances change hands.
    Spot,
    /// Profit in the settlement currency at a rate fixed by the contract: `q * m * price * rate`.
    Quanto {
        /// Settlement currency per unit of the quote currency, in 1e-9. Positive.
        rate_e9: i64,
    },
}

/// One instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct InstrumentLimits {
    /// Unique among instruments.
    pub name: Name,
    /// Payoff.
    pub kind: InstrumentKind,
    /// Decimal places of a price unit: one [`Ticks`] is `10^-price_decimals`. 0–9.
    pub price_decimals: u8,
    /// Decimal places of a quantity unit: one [`Lots`] is `10^-qty_decimals`. 0–9.
    pub qty_decimals: u8,
    /// Contract multiplier in 1e-9: 1 000 000 000 is 1. Positive.
    pub multiplier_e9: i64,
    /// The currency profit arises in: quote for linear and spot, base for inverse, any for quanto.
    pub settlement: Currency,
    /// Spot only: the currency of the base balance, so that a fee paid in it debits the position.
    pub base: Option<Currency>,
    /// Price increment, a check. Positive.
    pub tick: Ticks,
    /// Share of its notional that what opens needs as margin; all of it for spot. At most the whole.
    pub initial_margin: Bps,
    /// Quantity increment, a check. Positive.
    pub lot: Lots,
    /// Smallest quantity of an order, a check.
    pub min_qty: Lots,
    /// Smallest notional of an order in the settlement currency, a check; 0 for none.
    pub min_notional: Money,
    /// An order priced further from the mark than this is denied; `None` is off.
    pub collar: Option<Bps>,
    /// An order may fill so much beyond its quantity before its instrument halts on the account.
    pub overfill: Lots,
    /// An order priced further from any mark of a window than this is denied; `None` is off.
    pub collar_accumulated: Option<DriftLimits>,
    /// Whether nothing may be opened in it.
    pub restricted: bool,
    /// Whether zero and negative prices are real here.
    pub allow_negative: bool,
    /// A mark that jumps by more than this is suspect; `None` accepts every jump.
    pub band: Option<Bps>,
    /// A mark older than this is stale.
    pub mark_age: Nanos,
    /// The strategies whose marks count, the preferred one first; where there are none the first that publishes one,
    /// and then any.
    pub mark_sources: Vec<u16>,
    /// Nobody who may mark it may be silent for longer, by HEARTBEATs of class APPLICATION for it; `None` is off.
    pub application_heartbeat: Option<Nanos>,
    /// By how much a position of the venue may differ from the books'.
    pub position_tolerance: Lots,
    /// What it is a price of: instruments with the same are not traded at another venue in the place of one that is down.
    pub underlying: Option<Name>,
    /// Whether its longs and shorts are positions apart. Not spot.
    pub hedge: bool,
}

/// One strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct StrategyLimits {
    /// Unique among strategies.
    pub name: Name,
    /// User that may attach as this strategy.
    pub uid: u32,
    /// A client silent for longer is stale.
    pub heartbeat: Nanos,
    /// A stale client must beat for this long before its cause clears.
    pub recover_for: Nanos,
    /// Accounts whose directives it carries out when the owner of a book does not.
    pub executes: Vec<u16>,
    /// When equal orders are denied; `None` is off, as for a market maker.
    pub duplicates: Option<DuplicateLimits>,
    /// What its books may add up to.
    pub caps: ScopeLimits,
}

/// One strategy on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct BookLimits {
    /// Index of the strategy.
    pub strategy: u16,
    /// Index of the account.
    pub account: u16,
    /// Opening cash, in the account's currency.
    pub capital: Money,
    /// Opening cash is what the venue tells first, less what the account's other books have. At most one of an account,
    /// with a capital of 0 and no published equity.
    pub opens_at_venue: bool,
    /// Largest absolute position per instrument; `None` only where "unlimited" was written out.
    pub max_position: Option<Lots>,
    /// Largest order quantity; `None` only where "unlimited" was written out.
    pub max_order_qty: Option<Lots>,
    /// Largest order notional in the account's currency; `None` only where "unlimited" was written out.
    pub max_order_notional: Option<Money>,
    /// Worst configured fee rate, charged on the notional of a fill whose fee is unknown.
    pub unknown_fee: Bps,
    /// Orders that may live at once; `None` is unlimited.
    pub max_open_orders: Option<u32>,
    /// Its equity is what its strategy publishes, stale when older than this; `None` reckons it from fills and marks.
    pub published: Option<Nanos>,
    /// Whether an execution of an order that nobody announced halts its instrument on the account.
    pub halts_unknown_fills: bool,
    /// Breaker on the strategy's own errors, invalid orders and missing funds; `None` is off.
    pub breaker: Option<BreakerLimits>,
    /// What its positions may add up to.
    pub caps: ScopeLimits,
}

impl Limits {
    /// Conversion rates one sidecar follows.
    pub const MAX_RATES: usize = 64;
    /// Venues one sidecar knows.
    pub const MAX_VENUES: usize = 16;
    /// Rate buckets one sidecar counts in.
    pub const MAX_BUCKETS: usize = 64;

    /// Panics where the limits contradict themselves.
    pub(super) fn assert_consistent(&self) {
        let checked = self.check();
        assert!(checked.is_ok(), "{}", checked.err().unwrap_or_default());
    }

    /// Where the limits contradict themselves, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        self.capacity.check()?;
        let (accounts, strategies) = (self.accounts.len(), self.strategies.len());
        require!(accounts <= usize::from(Handle::MAX_ACCOUNTS), "too many accounts for a handle");
        require!(
            self.instruments.len() <= usize::from(Handle::MAX_INSTRUMENTS),
            "too many instruments for a handle"
        );
        let capitals = self.books.iter().map(|book| book.capital.0.unsigned_abs());
        let sum = capitals.fold(0_u128, u128::saturating_add);
        require!(i128::try_from(sum).is_ok(), "the sum of the books' capital does not fit an i128");
        for instrument in &self.instruments {
            require!(instrument.multiplier_e9 > 0, "{}: the multiplier is not positive", instrument.name);
            require!(
                instrument.price_decimals <= 9 && instrument.qty_decimals <= 9,
                "{}: decimals",
                instrument.name
            );
            require!(instrument.overfill.0 >= 0, "{}: overfill", instrument.name);
            require!(instrument.initial_margin <= Bps::WHOLE, "{}: initial margin", instrument.name);
            if let InstrumentKind::Quanto { rate_e9 } = instrument.kind {
                require!(rate_e9 > 0, "{}: the fixed rate is not positive", instrument.name);
            }
            let exist = instrument.mark_sources.iter().all(|&source| usize::from(source) < strategies);
            require!(exist, "{}: source", instrument.name);
        }
        self.check_rates()?;
        self.check_caps()?;
        self.check_legs()?;
        for book in &self.books {
            require!(usize::from(book.account) < accounts, "a book names account #{}", book.account);
            require!(usize::from(book.strategy) < strategies, "a book names strategy #{}", book.strategy);
            let others =
                self.books.iter().filter(|other| other.opens_at_venue && other.account == book.account);
            let opens = !book.opens_at_venue
                || (book.capital == Money::ZERO && book.published.is_none() && others.count() == 1);
            require!(opens, "account #{}: what the venue tells opens one book", book.account);
        }
        self.check_drawdowns()?;
        self.check_orders()
    }

    /// The book of an account that opens with what the venue tells.
    #[must_use]
    pub fn opens_at_venue(&self, account: u16) -> Option<u16> {
        let found = self.books.iter().position(|book| book.account == account && book.opens_at_venue)?;
        u16::try_from(found).ok()
    }

    fn check_drawdowns(&self) -> Result<(), String> {
        let (accounts, strategies) = (self.accounts.len(), self.strategies.len());
        for guard in &self.drawdowns {
            let exists = match guard.scope {
                Scope::Account(account) => usize::from(account) < accounts,
                Scope::Strategy(strategy) => usize::from(strategy) < strategies,
                Scope::Book(book) => usize::from(book) < self.books.len(),
                Scope::Firm | Scope::Instrument(..) => false,
            };
            require!(exists, "{}: no drawdown is measured on {}", guard.name, guard.scope);
            let lies_in = |book: u16, of: &BookLimits| match guard.scope {
                Scope::Account(account) => of.account == account,
                Scope::Strategy(strategy) => of.strategy == strategy,
                Scope::Book(only) => only == book,
                Scope::Firm | Scope::Instrument(..) => false,
            };
            let published =
                (0..).zip(&self.books).any(|(book, of)| of.published.is_some() && lies_in(book, of));
            let fits = guard.basis == Basis::Equity || !published;
            require!(fits, "{}: of published equity nobody knows what is realised", guard.name);
            require!(guard.limit.is_some() || guard.limit_abs.is_some(), "{}: no limit", guard.name);
            require!((1..=8).contains(&guard.peak_n), "{}: peak_n is 1 to 8", guard.name);
            require!(guard.confirm_k >= 1, "{}: confirm_k is at least 1", guard.name);
            require!(guard.anchor != Anchor::Rolling(Nanos::ZERO), "{}: a window of nothing", guard.name);
            let scales = guard.scale.is_none_or(|scale| scale < Bps::WHOLE && guard.warn_pct < 100);
            require!(scales, "{}: a band begins at a warning below the limit", guard.name);
            let by_margin = guard.basis == Basis::Margin;
            require!(
                !by_margin || matches!(guard.scope, Scope::Book(_)),
                "{}: margin is a book's",
                guard.name
            );
            require!(!by_margin || guard.anchor == Anchor::Static, "{}: margin takes no anchor", guard.name);
            require!(!by_margin || guard.limit_abs.is_none(), "{}: a share of margin only", guard.name);
            require!(guard.clock < self.clocks, "{}: no such session clock", guard.name);
            require!(guard.latch >= Latch::Session, "{}: a drawdown latches", guard.name);
            require!(
                !guard.actions.strips(),
                "{}: to cancel every order leaves positions without protection",
                guard.name
            );
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), String> {
        require!(self.rates.len() <= Self::MAX_RATES, "too many conversion rates");
        for (index, rate) in self.rates.iter().enumerate() {
            let pair = format!("{}/{}", rate.base.code, rate.quote.code);
            let ids = (rate.base.id, rate.quote.id);
            require!(ids.0 != 0 && ids.1 != 0 && ids.0 != ids.1, "{pair}: two currencies make a pair");
            let mut earlier = self.rates.iter().take(index).map(|rate| (rate.base.id, rate.quote.id));
            require!(!earlier.any(|pair| pair == ids || pair == (ids.1, ids.0)), "{pair}: twice");
            require!(rate.haircut < Bps::WHOLE, "{pair}: the haircut leaves nothing");
            let source = rate.source.map_or(0, usize::from);
            require!(rate.source.is_none() || source < self.strategies.len(), "{pair}: source");
        }
        Ok(())
    }

    fn check_orders(&self) -> Result<(), String> {
        require!(self.venues.len() <= Self::MAX_VENUES, "too many venues");
        require!(self.buckets.len() <= Self::MAX_BUCKETS, "too many buckets");
        for venue in &self.venues {
            require!(venue.queue_capacity <= VenueLimits::MAX_WAITING, "{}: queue_capacity", venue.name);
        }
        for account in &self.accounts {
            require!(self.venue(&account.venue).is_some(), "{}: its venue is not listed", account.name);
            for counts in [account.auth, account.liquidation].into_iter().flatten() {
                require!((1..=32).contains(&counts.count), "{}: a count is 1 to 32", account.name);
                for actions in [counts.actions, counts.repeated] {
                    require!(!actions.strips(), "{}: to cancel every order strips positions", account.name);
                }
            }
        }
        let accounts = self.accounts.iter().filter_map(|account| account.breaker);
        for breaker in accounts.chain(self.books.iter().filter_map(|book| book.breaker)) {
            breaker.check()?;
        }
        for strategy in &self.strategies {
            for &account in &strategy.executes {
                require!(usize::from(account) < self.accounts.len(), "{}: executes", strategy.name);
            }
            if let Some(duplicates) = strategy.duplicates {
                let counts = duplicates.deny >= 1 && (duplicates.deny..=32).contains(&duplicates.trip);
                require!(counts, "{}: deny 1, trip 32 at most, deny first", strategy.name);
            }
        }
        for bucket in &self.buckets {
            let exists = match bucket.scope {
                BucketScope::Venue(venue) => usize::from(venue) < self.venues.len(),
                BucketScope::Account(account) => usize::from(account) < self.accounts.len(),
                BucketScope::Strategy(strategy) => usize::from(strategy) < self.strategies.len(),
                BucketScope::Book(book) => usize::from(book) < self.books.len(),
                BucketScope::Instrument(account, instrument) => {
                    usize::from(account) < self.accounts.len()
                        && usize::from(instrument) < self.instruments.len()
                }
            };
            require!(exists, "{}: nobody is charged to it", bucket.name);
            let positive = match bucket.kind {
                BucketKind::SlidingLog { limit, window } => {
                    limit > 0 && limit <= BucketKind::MAX_UNITS && window.0 > 0
                }
                BucketKind::Gcra { interval, burst } => {
                    let credits = (1..=BucketKind::MAX_UNITS).contains(&burst);
                    credits && interval > Nanos::ZERO && interval <= BucketKind::MAX_INTERVAL
                }
                BucketKind::FixedAligned { limit, window, margin, .. } => {
                    limit > 0 && window.0 > 0 && margin.0 < 10_000
                }
            };
            require!(positive && bucket.start_pct <= 100, "{}: limit, window or start", bucket.name);
        }
        Ok(())
    }

    /// The venue of this name.
    #[must_use]
    pub fn venue(&self, name: &Name) -> Option<VenueId> {
        let found = self.venues.iter().position(|venue| venue.name == *name)?;
        VenueId::try_from(found).ok()
    }

    /// The book of `strategy` on `account`.
    #[must_use]
    pub fn book(&self, strategy: u16, account: u16) -> Option<u16> {
        let found = self.books.iter().position(|b| b.strategy == strategy && b.account == account)?;
        u16::try_from(found).ok()
    }
}
