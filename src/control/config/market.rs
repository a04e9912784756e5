//! COLD: accounts, instruments and the currencies that join them.
//!
//! Profit in another currency than its account's needs a `[[rate]]` that joins the two directly. Instruments are shared by
//! all accounts; an instrument therefore has to suit every account that has a book.

use super::problems::{Fault, nearest};
use super::walk::{Section, Value};
use super::{breakers, buckets, caps, guards, trading, value, venues};
use crate::engine::limits::{
    AccountLimits, Currency, DriftLimits, InstrumentKind, InstrumentLimits, RateLimits,
};
use crate::model::{Bps, Handle, Lots, Money, Name, Nanos, Scope, Ticks};

/// Names of one kind of thing, by index. A row whose name is wrong keeps its index.
pub(super) struct Directory {
    kind: &'static str,
    names: Vec<Option<Name>>,
}

impl Directory {
    /// Collects the names and reports those said twice.
    pub(super) fn read(kind: &'static str, sections: &[Section<'_, '_>]) -> Self {
        let mut names: Vec<Option<Name>> = Vec::new();
        for section in sections {
            let name = section.required("name", "give it a name", value::name);
            let first = name.and_then(|name| names.iter().position(|&other| other == Some(name)));
            if let Some(first) = first {
                section.report("name", Fault::Duplicate { first_line: sections[first].line() });
            }
            names.push(name);
        }
        Self { kind, names }
    }

    /// The index of a name.
    pub(super) fn find(&self, text: &str) -> Result<u16, Fault> {
        let found = self.names.iter().position(|name| name.is_some_and(|name| name.as_str() == text));
        let known = || self.names.iter().flatten().map(Name::as_str);
        found.and_then(|index| u16::try_from(index).ok()).ok_or_else(|| Fault::UnknownReference {
            kind: self.kind,
            nearest: nearest(text, known()),
            known: known().collect::<Vec<_>>().join(", "),
        })
    }

    /// The name at an index, for messages.
    pub(super) fn name(&self, index: u16) -> Option<Name> {
        self.names.get(usize::from(index)).copied().flatten()
    }
}

/// Currency numbers, by order of first appearance in the file, from 1.
pub(super) struct Currencies(Vec<Name>);

impl Currencies {
    pub(super) fn read(
        accounts: &[Section<'_, '_>],
        instruments: &[Section<'_, '_>],
        rates: &[Section<'_, '_>],
    ) -> Self {
        let mut seen: Vec<(usize, Name)> = Vec::new();
        let mut collect = |section: &Section<'_, '_>, key| {
            // Problems are reported when the key is read for its own sake.
            let code = section.peek(key, |value| value::name(value).ok());
            seen.extend(code.map(|code| (section.offset(key), code)));
        };
        accounts.iter().for_each(|account| collect(account, "currency"));
        for instrument in instruments {
            collect(instrument, "settlement");
            collect(instrument, "base");
        }
        for rate in rates {
            collect(rate, "base");
            collect(rate, "quote");
        }
        seen.sort_unstable();
        let mut codes = Vec::new();
        for (_, code) in seen {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        Self(codes)
    }

    /// Parses a currency code.
    pub(super) fn parse(&self, value: &Value<'_>) -> Result<Currency, Fault> {
        let code = value::name(value)?;
        let index = self.0.iter().position(|&other| other == code);
        let id = index.and_then(|index| u16::try_from(index + 1).ok());
        id.map(|id| Currency { id, code }).ok_or(Fault::TooMany { allowed: usize::from(u16::MAX) })
    }
}

/// Reports kinds of things of which there is none, or more than handles can name.
pub(super) fn none_is_a_problem(
    root: &Section<'_, '_>,
    accounts: &[Section<'_, '_>],
    instruments: &[Section<'_, '_>],
    strategies: &[Section<'_, '_>],
) {
    let kinds = [
        ("account", accounts, "add an [[account]]", usize::from(Handle::MAX_ACCOUNTS)),
        ("instrument", instruments, "add an [[instrument]]", usize::from(Handle::MAX_INSTRUMENTS)),
        ("strategy", strategies, "add a [[strategy]]", trading::MAX_STRATEGIES),
    ];
    for (key, rows, remedy, allowed) in kinds {
        if rows.is_empty() && !root.has(key) {
            root.report(key, Fault::Missing { remedy });
        }
        if let Some(extra) = rows.get(allowed) {
            extra.report_here(Fault::TooMany { allowed });
        }
    }
}

/// An account's place in the file beside what was read there.
pub(super) type AccountRow<'w, 't> = (Section<'w, 't>, Option<AccountLimits>);

pub(super) fn accounts<'w, 't>(
    sections: Vec<Section<'w, 't>>,
    currencies: &Currencies,
) -> Vec<AccountRow<'w, 't>> {
    let mut rows = Vec::new();
    for section in sections {
        let name = section.peek("name", |value| value::name(value).ok());
        let venue = section.required("venue", "name the venue, as in venue = \"binance\"", value::name);
        let remedy = "name the accounting currency, as in currency = \"USDT\"";
        let currency = section.required("currency", remedy, |value| currencies.parse(value));
        let answers = value::duration(Nanos::from_millis(10)..=Nanos::from_secs(600));
        let ack_timeout = section.or("ack_timeout", Nanos::from_secs(5), answers);
        let breaker = breakers::breaker(&section);
        let (auth, liquidation) = breakers::counts(&section);
        let venue_codes = venues::codes(&section, venue);
        let cash_tolerance = Bps(section.or("cash_tolerance_bps", 1, value::integer(0..=1_000)));
        let arms = value::word(&[("at_start", false), ("reconciled", true)]);
        let arms_reconciled = section.or("arming", false, arms);
        let caps = caps::read_with_orders(&section);
        let limits = match (name, venue, currency) {
            (Some(name), Some(venue), Some(currency)) => Some(AccountLimits {
                name,
                venue,
                currency,
                ack_timeout,
                breaker,
                auth,
                liquidation,
                venue_codes,
                cash_tolerance,
                arms_reconciled,
                caps,
            }),
            _ => None,
        };
        section.unknown_keys();
        rows.push((section, limits));
    }
    rows
}

pub(super) fn instruments(
    sections: Vec<Section<'_, '_>>,
    currencies: &Currencies,
    accounts: &[AccountRow<'_, '_>],
    rates: &[Option<RateLimits>],
    strategies: &Directory,
) -> Vec<Option<InstrumentLimits>> {
    let mut rows = Vec::new();
    for section in sections {
        let limits = instrument(&section, currencies, strategies);
        if let Some(limits) = &limits {
            suits_every_account(&section, limits, accounts, rates);
        }
        section.finish();
        rows.push(limits);
    }
    rows
}

fn instrument(
    section: &Section<'_, '_>,
    currencies: &Currencies,
    strategies: &Directory,
) -> Option<InstrumentLimits> {
    let kinds = value::word(&[
        ("linear", InstrumentKind::Linear),
        ("inverse", InstrumentKind::Inverse),
        ("spot", InstrumentKind::Spot),
        // Its rate is a key of its own.
        ("quanto", InstrumentKind::Quanto { rate_e9: 0 }),
    ]);
    let name = section.peek("name", |value| value::name(value).ok());
    let kind =
        section.required("kind", "write kind = \"linear\", \"inverse\", \"spot\" or \"quanto\"", kinds);
    let remedy = "decimal places of a price unit, as in price_decimals = 2";
    let price_decimals = section.required("price_decimals", remedy, value::integer(0..=9));
    let remedy = "decimal places of a quantity unit, as in qty_decimals = 3";
    let qty_decimals = section.required("qty_decimals", remedy, value::integer(0..=9));
    let multiplier_e9 = section.or("multiplier", 1_000_000_000, value::units(9, 1..=i64::MAX));
    let remedy = "name the currency profit arises in: quote for linear and spot, base for inverse";
    let settlement = section.required("settlement", remedy, |value| currencies.parse(value));
    let base = section.optional("base", |value| currencies.parse(value));
    base_is_for_spot(section, kind);
    let kind = with_fixed_rate(section, kind);
    let tick = section.or("tick", 1, value::units(price_decimals.unwrap_or(9), 1..=i64::MAX));
    let lot = section.or("lot", 1, value::units(qty_decimals.unwrap_or(9), 1..=i64::MAX));
    let min_qty = section.or("min_qty", lot, value::units(qty_decimals.unwrap_or(9), lot..=i64::MAX));
    let (min_notional, collar) = (min_notional(section), collar(section));
    let overfill = section.or("overfill", 0, value::units(qty_decimals.unwrap_or(9), 0..=i64::MAX));
    let collar_accumulated = collar_accumulated(section, collar);
    let restricted = restricted(section);
    let allow_negative = section.or("allow_negative", false, value::boolean);
    let band = band(section);
    let ages = value::duration(Nanos::from_millis(1)..=Nanos::from_secs(86_400));
    let mark_age = section.or("mark_age", Nanos::from_secs(5), ages);
    let differences = value::units(qty_decimals.unwrap_or(9), 0..=i64::MAX);
    let position_tolerance = Lots(section.or("position_tolerance", 0, differences));
    let initial_margin = initial_margin(section, kind);
    let application_heartbeat = application_heartbeat(section);
    let mark_sources = mark_sources(section, strategies);
    let underlying = section.optional("underlying", value::name);
    Some(InstrumentLimits {
        name: name?,
        kind: kind?,
        price_decimals: price_decimals?,
        qty_decimals: qty_decimals?,
        multiplier_e9,
        settlement: settlement?,
        base,
        tick: Ticks(tick),
        lot: Lots(lot),
        min_qty: Lots(min_qty),
        min_notional,
        collar,
        overfill: Lots(overfill),
        collar_accumulated,
        restricted,
        allow_negative,
        band,
        mark_age,
        mark_sources,
        position_tolerance,
        initial_margin,
        underlying,
        application_heartbeat,
        hedge: hedge(section, kind),
    })
}

/// Whether what is held long and what is held short are apart, which only a contract can be.
fn hedge(section: &Section<'_, '_>, kind: Option<InstrumentKind>) -> bool {
    let hedge = section.or("hedge", false, value::boolean);
    if hedge && kind == Some(InstrumentKind::Spot) {
        let remedy = "remove hedge: a balance has no legs, only a contract is held long and short at once";
        section.report("hedge", Fault::Conflict { with: "kind = \"spot\"", remedy });
    }
    hedge
}

/// One strategy or a list of them, the preferred one first.
fn mark_sources(section: &Section<'_, '_>, strategies: &Directory) -> Vec<u16> {
    let source = |value: &Value<'_>| strategies.find(&value::text(value)?);
    let sources = |value: &Value<'_>| match value.as_str() {
        Some(_) => source(value).map(|source| vec![source]),
        None => match value::list(source)(value)? {
            none if none.is_empty() => Err(Fault::OutOfRange { allowed: "one strategy or more".to_owned() }),
            some => Ok(some),
        },
    };
    if !section.has("mark_source") {
        section.note("mark_source", "marks count from the first strategy that publishes one");
    }
    section.optional("mark_source", sources).unwrap_or_default()
}

/// Zero for none: every notional is large enough.
fn min_notional(section: &Section<'_, '_>) -> Money {
    let amount = value::unless("none", value::money(Money(1)..=value::MONEY_MAX));
    let smallest = section.or("min_notional", None, amount);
    if smallest.is_none() {
        section.note("min_notional", "none: no order is too small in money");
    }
    smallest.unwrap_or(Money::ZERO)
}

fn collar(section: &Section<'_, '_>) -> Option<Bps> {
    let collar = section.or("collar_bps", Some(500), value::unless("none", value::integer(1..=10_000)));
    if collar.is_none() {
        section.note("collar_bps", "no collar: an order may be priced any distance from the mark");
    }
    collar.map(Bps)
}

/// On by default, unless even a single order may be priced any distance from the mark.
fn collar_accumulated(section: &Section<'_, '_>, collar: Option<Bps>) -> Option<DriftLimits> {
    let default = collar.map(|_| 1_000);
    let limit = value::unless("none", value::integer(1..=10_000));
    let limit = section.or("collar_accumulated_bps", default, limit);
    let windows = value::duration(Nanos::from_secs(1)..=Nanos::from_secs(86_400));
    let window = section.or("collar_window", Nanos::from_secs(60), windows);
    if limit.is_none() && section.has("collar_accumulated_bps") {
        section.note("collar_accumulated_bps", "off: orders may follow a market any distance");
    }
    limit.map(|limit| DriftLimits { limit: Bps(limit), window })
}

fn restricted(section: &Section<'_, '_>) -> bool {
    let restricted = section.or("restricted", false, value::boolean);
    if restricted {
        section.note("restricted", "nothing may be opened in it; what is held may be closed");
    }
    restricted
}

fn band(section: &Section<'_, '_>) -> Option<Bps> {
    let band = section.or("band_bps", Some(300), value::unless("none", value::integer(1..=10_000)));
    if band.is_none() {
        section.note("band_bps", "no price band: every jump of the mark is believed");
    }
    band.map(Bps)
}

fn application_heartbeat(section: &Section<'_, '_>) -> Option<Nanos> {
    let beats = value::unless("off", value::duration(Nanos::from_millis(10)..=Nanos::from_secs(3_600)));
    let longest = section.or("application_heartbeat", None, beats);
    if longest.is_none() {
        section
            .note("application_heartbeat", "off: nobody has to prove that what stands behind it still works");
    }
    longest
}

/// All of the notional unless it is told: no leverage is assumed that nobody has claimed.
fn initial_margin(section: &Section<'_, '_>, kind: Option<InstrumentKind>) -> Bps {
    if kind == Some(InstrumentKind::Spot) && section.has("initial_margin_bps") {
        let remedy = "remove initial_margin_bps: spot is paid for in full";
        section.report("initial_margin_bps", Fault::Conflict { with: "kind", remedy });
    }
    Bps(section.or("initial_margin_bps", Bps::WHOLE.0, value::integer(0..=Bps::WHOLE.0)))
}

fn base_is_for_spot(section: &Section<'_, '_>, kind: Option<InstrumentKind>) {
    match kind {
        Some(InstrumentKind::Spot) if !section.has("base") => {
            section.report("base", Fault::Missing { remedy: "name the currency a spot fill delivers" });
        }
        Some(_) if kind != Some(InstrumentKind::Spot) && section.has("base") => {
            let remedy = "remove base: only spot delivers it";
            section.report("base", Fault::Conflict { with: "kind", remedy });
        }
        _ => {}
    }
}

/// A quanto with the rate that its contract fixes.
fn with_fixed_rate(section: &Section<'_, '_>, kind: Option<InstrumentKind>) -> Option<InstrumentKind> {
    if let Some(InstrumentKind::Quanto { .. }) = kind {
        let remedy =
            "what a unit of the price pays in the settlement currency, as in fixed_rate = \"0.000001\"";
        let rate = section.required("fixed_rate", remedy, value::units(9, 1..=i64::MAX));
        return Some(InstrumentKind::Quanto { rate_e9: rate? });
    }
    if section.has("fixed_rate") {
        let remedy = "remove fixed_rate: only a quanto has one";
        section.report("fixed_rate", Fault::Conflict { with: "kind", remedy });
    }
    kind
}

/// Profit in a foreign currency could not be added to the account's equity.
fn suits_every_account(
    section: &Section<'_, '_>,
    instrument: &InstrumentLimits,
    accounts: &[AccountRow<'_, '_>],
    rates: &[Option<RateLimits>],
) {
    // A rate that could not be read may have been the one that is missed.
    let unread = rates.iter().any(Option::is_none);
    let joins =
        |rate: &RateLimits, a, b| (rate.base, rate.quote) == (a, b) || (rate.base, rate.quote) == (b, a);
    for account in accounts.iter().filter_map(|(_, limits)| limits.as_ref()) {
        let (own, earned) = (account.currency, instrument.settlement);
        let converts = rates.iter().flatten().any(|rate| joins(rate, own, earned));
        if own != earned && !converts && !unread {
            let accounting = account.currency.code.to_string();
            section.report(
                "settlement",
                Fault::CurrencyMismatch { account: account.name.to_string(), accounting },
            );
        }
    }
}

/// Reports accounts that nothing trades and accounts that no guard of their own watches; notes what nothing paces
/// and whose orders nobody else could cancel.
pub(super) fn each_account_is_used(
    accounts: &[AccountRow<'_, '_>],
    trading: &trading::Trading,
    drawdowns: &[guards::GuardRow],
    buckets: &[buckets::BucketRow],
    venues: &venues::Venues,
) {
    for (index, (section, limits)) in accounts.iter().enumerate() {
        let index = index as u16;
        if !trading.pairs.iter().any(|pair| pair.is_some_and(|(_, account)| account == index)) {
            section.report_here(Fault::NoBook { remedy: "add a [[strategy.book]] with account = its name" });
        }
        if !drawdowns.iter().any(|(scope, _)| *scope == Some(Scope::Account(index))) {
            section.report_here(Fault::Unguarded);
        }
        let venue = limits.as_ref().and_then(|limits| venues.find(limits.venue.as_str()).ok());
        if !buckets::paces(buckets, index, venue) {
            section.note_here("no rate bucket counts its orders: only the venue limits how many are sent");
        }
        if let Some(orphans) = trading.orphans(index) {
            section.note_here(orphans);
        }
    }
}
