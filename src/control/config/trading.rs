//! COLD: strategies and their books, the limits a person must have decided on.

use super::market::{AccountRow, Directory};
use super::problems::Fault;
use super::walk::{Section, Value};
use super::{breakers, caps, sidecar, system, value};
use crate::engine::limits::{BookLimits, InstrumentLimits, StrategyLimits};
use crate::model::{Bps, Lots, Money, Nanos};

/// More strategies than lanes could never all attach.
pub(super) const MAX_STRATEGIES: usize = 255;
/// Keeps a book's index and its gate word small.
const MAX_BOOKS: usize = 4_096;

const UNLESS_UNLIMITED: &str = "set it, or write \"unlimited\" out";

/// What a decimal quantity in a book counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QuantityUnit {
    /// Every instrument has these `qty_decimals`.
    Decimals(u8),
    /// Instruments differ: only lots are exact.
    Mixed,
    /// An instrument is wrong and was reported; anything that is a decimal passes.
    Unknown,
}

impl QuantityUnit {
    pub(super) fn of(instruments: &[Option<InstrumentLimits>]) -> Self {
        let mut decimals = instruments.iter().map(|row| row.as_ref().map(|limits| limits.qty_decimals));
        let Some(Some(first)) = decimals.next() else { return Self::Unknown };
        let mut unit = Self::Decimals(first);
        for other in decimals {
            match other {
                Some(same) if same == first => {}
                Some(_) => unit = Self::Mixed,
                None => return Self::Unknown,
            }
        }
        unit
    }

    /// Parses a quantity: a decimal, or a number of lot units as in `"1500 lots"`.
    fn parse(self, value: &Value<'_>) -> Result<Lots, Fault> {
        let lots = value.as_str().and_then(|typed| typed.trim().strip_suffix("lots"));
        if let Some(count) = lots {
            return value::units_of(count, 0, &(1..=i64::MAX)).map(Lots);
        }
        match self {
            Self::Decimals(decimals) => value::units(decimals, 1..=i64::MAX)(value).map(Lots),
            Self::Mixed => Err(Fault::AmbiguousQuantity),
            Self::Unknown => value::money(Money(1)..=value::MONEY_MAX)(value).map(|_| Lots(1)),
        }
    }
}

/// Strategies and books as read; a row with a problem is `None` and keeps its index.
#[derive(Default)]
pub(super) struct Trading {
    pub(super) strategies: Vec<Option<StrategyLimits>>,
    pub(super) books: Vec<Option<BookLimits>>,
    /// Strategy and account of each book, also where another key of it is wrong.
    pub(super) pairs: Vec<Option<(u16, u16)>>,
}

impl Trading {
    /// The strategies that execute for an account; `None` where one of them could not be read.
    pub(super) fn executors(&self, account: u16) -> Option<Vec<u16>> {
        let mut executors = Vec::new();
        for (index, strategy) in self.strategies.iter().enumerate() {
            if strategy.as_ref()?.executes.contains(&account) {
                executors.push(index as u16);
            }
        }
        Some(executors)
    }

    /// An executor sends its orders as any other strategy does, through a book of its own on the account.
    fn executes_where_it_trades(&self, section: &Section<'_, '_>, strategy: u16, read: &StrategyLimits) {
        let own = || self.pairs.iter().filter(|pair| pair.is_none_or(|(owner, _)| owner == strategy));
        let is_there = |account: u16| own().any(|pair| pair.is_none_or(|(_, on)| on == account));
        if !read.executes.iter().all(|&account| is_there(account)) {
            let remedy = "give it a [[strategy.book]] on that account: without one it can send nothing there";
            section.report("executes", Fault::Conflict { with: "the books of this strategy", remedy });
        }
    }

    /// What to say of the books of an account for which nobody but their owner executes, if there are any.
    pub(super) fn orphans(&self, account: u16) -> Option<String> {
        let executors = self.executors(account)?;
        let owners = self.pairs.iter().flatten().filter(|(_, on)| *on == account).map(|&(owner, _)| owner);
        let alone = owners.filter(|owner| executors.iter().all(|executor| executor == owner));
        let names = alone.filter_map(|owner| Some(self.strategies.get(usize::from(owner))?.as_ref()?.name));
        let names: Vec<String> = names.map(|name| name.to_string()).collect();
        (!names.is_empty()).then(|| {
            let names = names.join(", ");
            format!("no other strategy executes for it: when {names} is dead, nobody is asked to cancel its orders")
        })
    }
}

pub(super) fn strategies(
    sections: Vec<Section<'_, '_>>,
    accounts: &Directory,
    account_rows: &[AccountRow<'_, '_>],
    quantity: QuantityUnit,
) -> Trading {
    let own_user = system::own_user_id();
    let mut trading = Trading::default();
    for (index, section) in sections.into_iter().enumerate() {
        let books = section.tables("book", "account");
        if books.is_empty() && !section.has("book") {
            section.report_here(Fault::NoBook { remedy: "add a [[strategy.book]] below it" });
        }
        let strategy = index as u16;
        for book in books {
            add_book(&mut trading, book, strategy, accounts, quantity);
        }
        let read = read_strategy(&section, accounts, own_user);
        if let Some(read) = &read {
            trading.executes_where_it_trades(&section, strategy, read);
            caps::of_strategy(&section, strategy, &read.caps, &trading, account_rows);
        }
        trading.strategies.push(read);
        section.finish();
    }
    trading
}

fn read_strategy(
    section: &Section<'_, '_>,
    accounts: &Directory,
    own_user: Option<u32>,
) -> Option<StrategyLimits> {
    let name = section.peek("name", |value| value::name(value).ok());
    let uid = match own_user {
        Some(own) => {
            if !section.has("uid") {
                section.note("uid", format!("the user who loads this, {own}, may attach as it"));
            }
            Some(section.or("uid", own, user))
        }
        None => section.required("uid", "the user of this process is unknown, name one", user),
    };
    let heartbeats = value::duration(Nanos::from_millis(10)..=Nanos::from_secs(3_600));
    let heartbeat = section.or("heartbeat", Nanos::from_secs(1), heartbeats);
    let recoveries = value::duration(Nanos::ZERO..=Nanos::from_secs(3_600));
    let recover_for = section.or("recover_for", Nanos::from_secs(5), recoveries);
    let executes = value::list(|value| accounts.find(&value::text(value)?));
    let executes = section.or("executes", Vec::new(), executes);
    let duplicates = breakers::duplicates(section);
    let caps = caps::read_with_orders(section);
    Some(StrategyLimits { name: name?, uid: uid?, heartbeat, recover_for, executes, duplicates, caps })
}

pub(super) fn user(value: &Value<'_>) -> Result<u32, Fault> {
    sidecar::id_or_name(value, "user", system::user_id)
}

fn add_book(
    trading: &mut Trading,
    section: Section<'_, '_>,
    strategy: u16,
    accounts: &Directory,
    quantity: QuantityUnit,
) {
    let remedy = "name the account this book trades on";
    let account = section.required("account", remedy, |value| accounts.find(&value::text(value)?));
    let pair = account.map(|account| (strategy, account));
    if pair.is_some() && trading.pairs.contains(&pair) {
        section.report("account", Fault::Conflict { with: "another book", remedy: "one book per account" });
    }
    let read = read_book(&section, pair, quantity);
    let is_second = |read: &BookLimits| {
        let others = trading.books.iter().flatten();
        read.opens_at_venue && others.into_iter().any(|it| it.opens_at_venue && it.account == read.account)
    };
    if read.as_ref().is_some_and(is_second) {
        let remedy =
            "write what this one opens with as a number: the rest of the venue's cash is the other's";
        section.report("capital", Fault::Conflict { with: "another book of the account", remedy });
    }
    if trading.books.len() == MAX_BOOKS {
        section.report_here(Fault::TooMany { allowed: MAX_BOOKS });
    }
    trading.books.push(read);
    trading.pairs.push(pair);
    section.finish();
}

fn read_book(
    section: &Section<'_, '_>,
    pair: Option<(u16, u16)>,
    quantity: QuantityUnit,
) -> Option<BookLimits> {
    let remedy = "opening cash in the account's currency, as in capital = \"100000\", or \"venue\" for what the venue tells";
    let cash = value::unless("venue", value::money(Money::ZERO..=value::MONEY_MAX));
    let capital = section.required("capital", remedy, cash);
    let opens_at_venue = capital == Some(None);
    let lots = || value::unless("unlimited", |value| quantity.parse(value));
    let notional = value::unless("unlimited", value::money(Money(1)..=value::MONEY_MAX));
    let max_position = section.required("max_position", UNLESS_UNLIMITED, lots());
    let max_order_qty = section.required("max_order_qty", UNLESS_UNLIMITED, lots());
    let max_order_notional = section.required("max_order_notional", UNLESS_UNLIMITED, notional);
    let unlimited = [
        ("max_position", max_position == Some(None)),
        ("max_order_qty", max_order_qty == Some(None)),
        ("max_order_notional", max_order_notional == Some(None)),
    ];
    for (key, _) in unlimited.iter().filter(|(_, is_unlimited)| *is_unlimited) {
        section.note(key, "unlimited");
    }
    let unknown_fee = section.or("unknown_fee_bps", 10, value::integer(0..=10_000));
    let orders = value::unless("unlimited", value::integer(1..=16_777_216));
    let max_open_orders = section.or("max_open_orders", None, orders);
    if max_open_orders.is_none() {
        section.note("max_open_orders", "unlimited");
    }
    let fills = value::word(&[("book", false), ("halt", true)]);
    let halts_unknown_fills = section.or("unknown_fills", false, fills);
    if !halts_unknown_fills {
        section
            .note("unknown_fills", "executions of orders that nobody announced are booked, and halt nothing");
    }
    let breaker = breakers::breaker(section);
    let published = published(section);
    opens_once(section, opens_at_venue, published.is_some());
    let caps = caps::read(section);
    let (strategy, account) = pair?;
    Some(BookLimits {
        strategy,
        account,
        capital: capital?.unwrap_or(Money::ZERO),
        opens_at_venue,
        halts_unknown_fills,
        max_position: max_position?,
        max_order_qty: max_order_qty?,
        max_order_notional: max_order_notional?,
        unknown_fee: Bps(unknown_fee),
        max_open_orders,
        published,
        breaker,
        caps,
    })
}

/// What a venue tells of an account is the cash of one book, and one whose equity is not told another way.
fn opens_once(section: &Section<'_, '_>, opens_at_venue: bool, is_published: bool) {
    if !opens_at_venue {
        return;
    }
    section
        .note("capital", "opening cash is what the venue tells first: UNARMED, and so halted, until it does");
    if is_published {
        let remedy = "write its capital as a number, or remove equity_source";
        section.report("capital", Fault::Conflict { with: "equity_source = \"published\"", remedy });
    }
}

/// How old published equity may be, where the book has that.
fn published(section: &Section<'_, '_>) -> Option<Nanos> {
    let sources = value::word(&[("fills", false), ("published", true)]);
    let is_published = section.or("equity_source", false, sources);
    let ages = value::duration(Nanos::from_millis(10)..=Nanos::from_secs(86_400));
    let age = section.or("equity_age", Nanos::from_secs(5), ages);
    if is_published {
        section
            .note("equity_source", "its strategy says what its equity is: nobody checks that against fills");
    } else if section.has("equity_age") {
        let remedy = "write equity_source = \"published\", or remove equity_age";
        section.report("equity_age", Fault::Conflict { with: "equity_source = \"fills\"", remedy });
    }
    is_published.then_some(age)
}
