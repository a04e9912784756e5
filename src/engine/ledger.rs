//! HOT: the ledger: cash, positions and what they are worth, per book, account and strategy.
//!
//! With signed position q, fill side s (+1 buy, −1 sell), price p, size n, multiplier m and fee f (a cost is
//! positive): `cash −= s*n*p*m + f; q += s*n; equity = cash + q*mark*m`. Inverse: `base += s*n*m/p;
//! equity = base − q*m/mark`. Every cash leg and every valuation is floored, so sums do not depend on the order of
//! fills and equity is never rounded up. Units: 1e-9 of the currency a position settles in; inverse positions are
//! summed in 1e-18 of it and floored once per book and currency. A spot fee in the base currency debits the position.
//!
//! Realised and unrealised profit are a split of the same cash by average cost: opening adds the cash spent to
//! `cost`, reducing by n of |q| keeps `floor(cost*(|q|−n)/|q|)`, a flip opens the remainder at its share of the
//! leg. `realised = cash legs + cost`, `unrealised = worth − cost`, therefore exactly, at every mark:
//! `realised + unrealised − fees + funding + capital + flows = equity`.
//!
//! Accounts and strategies are sums of the floored equities of their books; each account has one more, HOUSE, for what
//! belongs to no strategy. A book may instead have the equity its strategy publishes ([`published`]). A mark costs one walk over the holders
//! of its instrument, a conversion rate one over the books with money in that currency ([`wallets`]). Does not catch:
//! trades nobody reported (`reconcile` does).

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod charges;
#[cfg(feature = "sidecar")]
mod fit;
mod published;
mod rates;
mod till;
mod trade;
mod wallets;
mod worth;

pub(super) use charges::Charge;
pub(super) use trade::{Cash, Trade};
pub(super) use wallets::TillId;

use published::Published;
use till::Till;
use wallets::{Wallet, Wallets};
use worth::{average_cost, valued};

use super::limits::Limits;
use super::marks::{Depths, MAX_DEPTHS, Quote};
use super::payoff::Payoff;
use super::table::{Key, Table, mix};
use crate::model::{Leg, Nanos, Scope};

/// End of a list of positions.
const END: u32 = u32::MAX;

/// Three ways to value the same positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Value {
    /// At the last good marks.
    pub(super) good: i128,
    /// At the worse of good and suspect marks.
    pub(super) worst: i128,
    /// At the least favourable of the last marks, per depth.
    pub(super) spike: [i128; MAX_DEPTHS],
}

impl Value {
    /// `self += new − old`
    fn shift(&mut self, old: &Self, new: &Self, depths: usize) -> Option<()> {
        self.good = self.good.checked_add(new.good.checked_sub(old.good)?)?;
        self.worst = self.worst.checked_add(new.worst.checked_sub(old.worst)?)?;
        for depth in 0..depths {
            let step = new.spike[depth].checked_sub(old.spike[depth])?;
            self.spike[depth] = self.spike[depth].checked_add(step)?;
        }
        Some(())
    }
}

/// How many open positions stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Standing {
    /// Not zero. Money in another currency counts as a position: its price may move.
    pub(super) open: u32,
    /// Valued by a mark or rate that is stale or contradicted, or by none.
    pub(super) untrusted: u32,
    /// Valued by no mark or rate at all.
    pub(super) absent: u32,
    /// Valued by a mark held from before the instrument closed.
    pub(super) held: u32,
    /// Books that miss something.
    pub(super) unsound: u32,
}

impl Standing {
    fn shift(&mut self, old: Self, new: Self) {
        let step = |now: u32, old: u32, new: u32| now.saturating_add(new).saturating_sub(old);
        self.open = step(self.open, old.open, new.open);
        self.untrusted = step(self.untrusted, old.untrusted, new.untrusted);
        self.absent = step(self.absent, old.absent, new.absent);
        self.held = step(self.held, old.held, new.held);
        self.unsound = step(self.unsound, old.unsound, new.unsound);
    }
}

/// What a guard reads of a scope.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Totals {
    /// Equity.
    pub(super) equity: Value,
    /// Capital, flows and all realised profit, fees and funding included.
    pub(super) realised: i128,
    /// Realised profit, fees and funding included, without capital and flows.
    pub(super) profit: i128,
    /// Trust.
    pub(super) standing: Standing,
}

impl Totals {
    fn shift(&mut self, old: &Self, new: &Self, depths: usize) -> Option<()> {
        self.equity.shift(&old.equity, &new.equity, depths)?;
        self.realised = self.realised.checked_add(new.realised.checked_sub(old.realised)?)?;
        self.profit = self.profit.checked_add(new.profit.checked_sub(old.profit)?)?;
        self.standing.shift(old.standing, new.standing);
        Some(())
    }
}

/// In the place of a strategy: the book HOUSE has none.
const NOBODY: u16 = u16::MAX;

/// One strategy on one account.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Book {
    pub(super) account: u16,
    pub(super) strategy: u16,
    /// Capital and flows, those of other currencies at what they were worth when they came.
    capital: i128,
    /// Money in the account's currency. That in others is in [`Wallets`].
    till: Till,
    /// Whether it ever had money in another currency.
    mixed: bool,
    /// What its strategy says its equity is, where that is asked for.
    published: Option<Published>,
    /// Something is missing from it, so no reading of it is trusted.
    pub(super) unsound: bool,
    /// Positions beyond their limit.
    pub(super) over: u32,
    totals: Totals,
}

/// One instrument, or one leg of it, held by one book.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Position {
    pub(super) book: u16,
    /// The currency it settles in.
    till: TillId,
    pub(super) q: i64,
    /// Whether it is beyond its limit.
    pub(super) over: bool,
    legs: i128,
    cost: i128,
    value: Value,
    standing: Standing,
    /// The next holder of the same instrument.
    next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct PositionKey {
    book: u16,
    instrument: u16,
    leg: Leg,
}

impl Key for PositionKey {
    fn digest(&self) -> u64 {
        mix((self.leg as u64) << 32 | u64::from(self.book) << 16 | u64::from(self.instrument))
    }
}

/// Books, positions and their sums.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Ledger {
    books: Vec<Book>,
    accounts: Vec<Totals>,
    strategies: Vec<Totals>,
    positions: Table<PositionKey, Position>,
    /// First holder per instrument.
    holders: Vec<u32>,
    wallets: Wallets,
    /// The currency each instrument settles in.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    settlement: Vec<u16>,
    /// The currency of each account.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    currencies: Vec<u16>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    depths: usize,
    /// Books from here on are HOUSE, one per account.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    houses_from: u16,
}

impl Ledger {
    pub(super) fn new(limits: &Limits, depths: Depths, now: Nanos) -> Self {
        let houses = (0..limits.accounts.len()).map(|account| (account as u16, NOBODY));
        let books = limits.books.iter().map(|book| (book.account, book.strategy)).chain(houses);
        let books = books.map(|(account, strategy)| Book { account, strategy, ..Book::default() });
        let books: Vec<Book> = books.collect();
        let mut ledger = Self {
            wallets: Wallets::new(limits, &books, depths, now),
            houses_from: limits.books.len() as u16,
            books,
            accounts: vec![Totals::default(); limits.accounts.len()],
            strategies: vec![Totals::default(); limits.strategies.len()],
            positions: Table::new(limits.capacity.positions),
            holders: vec![END; limits.instruments.len()],
            settlement: limits.instruments.iter().map(|instrument| instrument.settlement.id).collect(),
            currencies: limits.accounts.iter().map(|account| account.currency.id).collect(),
            depths: depths.used(),
        };
        for (index, book) in limits.books.iter().enumerate() {
            ledger.books[index].published = book.published.map(|_| Published::default());
            let opened = ledger.cash(index as u16, TillId::OWN, Cash::Capital, book.capital.0);
            assert!(opened.is_some(), "the sum of the books' capital does not fit an i128");
        }
        ledger
    }

    /// The book of what belongs to no strategy of an account.
    pub(super) fn house(&self, account: u16) -> u16 {
        self.houses_from.saturating_add(account)
    }

    /// Whether an account has, or had, more than its own currency, or a book whose money only its strategy knows.
    pub(super) fn has_other_money(&self, account: u16) -> bool {
        let books = self.books.iter().filter(|book| book.account == account);
        books.into_iter().any(|book| book.mixed || book.published.is_some())
    }

    pub(super) fn book(&self, book: u16) -> &Book {
        &self.books[usize::from(book)]
    }

    /// The reading of an account, a book or a strategy.
    pub(super) fn totals(&self, scope: Scope) -> Option<&Totals> {
        match scope {
            Scope::Account(account) => self.accounts.get(usize::from(account)),
            Scope::Strategy(strategy) => self.strategies.get(usize::from(strategy)),
            Scope::Book(book) => self.books.get(usize::from(book)).map(|book| &book.totals),
            Scope::Firm | Scope::Instrument(..) => None,
        }
    }

    pub(super) fn find(&self, book: u16, instrument: u16, leg: Leg) -> Option<u32> {
        self.positions.find(&PositionKey { book, instrument, leg })
    }

    /// The position of `book` in a leg of `instrument`, opened at zero if need be; `None` when the table is full.
    pub(super) fn open(&mut self, book: u16, instrument: u16, leg: Leg) -> Option<u32> {
        let key = PositionKey { book, instrument, leg };
        if let Some(found) = self.positions.find(&key) {
            return Some(found);
        }
        let position = Position {
            book,
            till: self.till(book, self.settlement[usize::from(instrument)])?,
            q: 0,
            over: false,
            legs: 0,
            cost: 0,
            value: Value::default(),
            standing: Standing::default(),
            next: self.holders[usize::from(instrument)],
        };
        let index = self.positions.insert(key, position)?;
        self.holders[usize::from(instrument)] = index;
        Some(index)
    }

    pub(super) fn position(&self, index: u32) -> &Position {
        self.positions.get(index)
    }

    /// What a position holds.
    pub(super) fn instrument(&self, index: u32) -> u16 {
        self.positions.key(index).instrument
    }

    pub(super) fn leg(&self, index: u32) -> Leg {
        self.positions.key(index).leg
    }

    /// The first holder of an instrument.
    pub(super) fn first_holder(&self, instrument: u16) -> Option<u32> {
        Some(self.holders[usize::from(instrument)]).filter(|&index| index != END)
    }

    /// The holder after this one.
    pub(super) fn next_holder(&self, index: u32) -> Option<u32> {
        Some(self.positions.get(index).next).filter(|&index| index != END)
    }

    /// Books a trade and values the position. Returns the change of cost. `None`: nothing was changed.
    pub(super) fn trade(
        &mut self,
        index: u32,
        trade: &Trade,
        payoff: &Payoff,
        quote: &Quote,
    ) -> Option<i128> {
        let old = *self.positions.get(index);
        let mut new = old;
        new.cost = match trade.cost {
            Some(change) => old.cost.checked_add(change)?,
            None => average_cost(&old, trade)?,
        };
        let traded = old.q.checked_add(trade.qty)?;
        new.q = traded.checked_sub(trade.debit)?;
        // A fee can take a position through zero: what it leaves on the other side has cost nothing.
        if new.q.signum() != traded.signum() || new.q == 0 {
            new.cost = 0;
        }
        new.legs = old.legs.checked_add(trade.leg)?;
        (new.value, new.standing) = valued(new.q, payoff, quote, self.depths)?;
        let change = new.cost.checked_sub(old.cost)?;
        let (inverse, depths) = (payoff.is_inverse(), self.depths);
        let steps = |till: &mut Till| {
            till.charge(trade.fee)?;
            till.shift(&old, &new, inverse, depths)
        };
        self.pay_all(old.book, &trade.charges, |ledger| ledger.alter(old.book, old.till, steps))?;
        *self.positions.get_mut(index) = new;
        Some(change)
    }

    /// Values a position anew.
    pub(super) fn reprice(&mut self, index: u32, payoff: &Payoff, quote: &Quote) -> Option<()> {
        let old = *self.positions.get(index);
        if old.q == 0 {
            return Some(());
        }
        let mut new = old;
        (new.value, new.standing) = valued(new.q, payoff, quote, self.depths)?;
        let (inverse, depths) = (payoff.is_inverse(), self.depths);
        self.alter(old.book, old.till, |till| till.shift(&old, &new, inverse, depths))?;
        *self.positions.get_mut(index) = new;
        Some(())
    }

    /// Books cash, and says what it is worth in the account's currency.
    pub(super) fn cash(&mut self, book: u16, till: TillId, kind: Cash, amount: i128) -> Option<i128> {
        let before = self.books[usize::from(book)].totals.equity.good;
        match kind {
            Cash::Income => self.alter(book, till, |till| {
                till.funding = till.funding.checked_add(amount)?;
                Some(())
            })?,
            Cash::Capital => self.add_capital(book, till, amount)?,
            Cash::Loan => {}
        }
        self.books[usize::from(book)].totals.equity.good.checked_sub(before)
    }

    /// Says whether a book can be trusted at all.
    pub(super) fn mark_unsound(&mut self, book: u16, unsound: bool) -> Option<()> {
        let index = usize::from(book);
        self.settle(index, Book { unsound, ..self.books[index] })
    }

    /// Notes whether a position is beyond its limit; returns how many of the book's are.
    pub(super) fn mark_over(&mut self, index: u32, over: bool) -> u32 {
        let position = self.positions.get_mut(index);
        let book = &mut self.books[usize::from(position.book)];
        match (position.over, over) {
            (false, true) => book.over = book.over.saturating_add(1),
            (true, false) => book.over = book.over.saturating_sub(1),
            _ => {}
        }
        position.over = over;
        book.over
    }

    /// Realised profit before fees and funding, in 1e-9, floored.
    pub(super) fn realised(&self, book: u16) -> Option<i128> {
        let (fees, funding) = (self.fees(book)?, self.funding(book)?);
        self.book(book).totals.profit.checked_sub(funding)?.checked_add(fees)
    }

    /// Fees paid, in 1e-9 of the account's currency; those in others at their worth now.
    pub(super) fn fees(&self, book: u16) -> Option<i128> {
        let others = self.wallets.add_up(book, |till| till.fees.checked_neg())?;
        self.book(book).till.fees.checked_sub(others)
    }

    /// Funding received, likewise.
    fn funding(&self, book: u16) -> Option<i128> {
        let others = self.wallets.add_up(book, |till| Some(till.funding))?;
        self.book(book).till.funding.checked_add(others)
    }

    /// Capital is counted at what it is worth when it comes, so that it is no profit.
    fn add_capital(&mut self, book: u16, till: TillId, amount: i128) -> Option<()> {
        let index = usize::from(book);
        let mut next = self.books[index];
        let Some(wallet) = till.wallet() else {
            next.till.cash = next.till.cash.checked_add(amount)?;
            next.add_capital(amount)?;
            return self.settle(index, next);
        };
        let old = *self.wallets.get(wallet);
        let mut new = old;
        new.till.cash = new.till.cash.checked_add(amount)?;
        new.totals = self.wallets.convert(&new.till, new.route, self.depths)?;
        let worth = new.totals.equity.good.checked_sub(old.totals.equity.good)?;
        next.add_capital(worth)?;
        self.settle_wallet(next, wallet, new)
    }

    /// Changes what is in one till of a book.
    fn alter(&mut self, book: u16, till: TillId, change: impl FnOnce(&mut Till) -> Option<()>) -> Option<()> {
        let index = usize::from(book);
        let mut next = self.books[index];
        let Some(wallet) = till.wallet() else {
            change(&mut next.till)?;
            return self.settle(index, next);
        };
        let mut new = *self.wallets.get(wallet);
        change(&mut new.till)?;
        new.totals = self.wallets.convert(&new.till, new.route, self.depths)?;
        self.settle_wallet(next, wallet, new)
    }

    /// Replaces a book and one of its wallets; all or nothing.
    fn settle_wallet(&mut self, book: Book, index: usize, wallet: Wallet) -> Option<()> {
        let owner = usize::from(wallet.book);
        let before = self.wallets.sums[owner];
        let mut sum = before;
        sum.shift(&self.wallets.get(index).totals, &wallet.totals, self.depths)?;
        self.wallets.sums[owner] = sum;
        let settled = self.settle(owner, Book { mixed: true, ..book });
        match settled {
            Some(()) => self.wallets.replace(index, wallet),
            None => self.wallets.sums[owner] = before,
        }
        settled
    }

    /// Replaces a book and carries the difference into its account and strategy; all or nothing.
    fn settle(&mut self, index: usize, book: Book) -> Option<()> {
        let mut book = book;
        let old = self.books[index].totals;
        book.totals = book.sum(self.depths)?;
        if book.mixed {
            book.totals.shift(&Totals::default(), &self.wallets.sums[index], self.depths)?;
        }
        book.totals.realised = book.capital.checked_add(book.totals.profit)?;
        if let Some(published) = book.published {
            book.totals = published.totals(book.capital, book.totals.standing.unsound);
        }
        let account = usize::from(book.account);
        let mut of_account = self.accounts[account];
        of_account.shift(&old, &book.totals, self.depths)?;
        // HOUSE has no strategy.
        if let Some(strategy) = self.strategies.get_mut(usize::from(book.strategy)) {
            let mut of_strategy = *strategy;
            of_strategy.shift(&old, &book.totals, self.depths)?;
            *strategy = of_strategy;
        }
        self.accounts[account] = of_account;
        self.books[index] = book;
        Some(())
    }
}

impl Book {
    fn add_capital(&mut self, worth: i128) -> Option<()> {
        self.capital = self.capital.checked_add(worth)?;
        self.published.as_mut().map_or(Some(()), |published| published.shift(worth))
    }

    /// Its money in the account's currency.
    fn sum(&self, depths: usize) -> Option<Totals> {
        let sum = self.till.sum(depths)?;
        let mut standing = self.till.open;
        standing.unsound = u32::from(self.unsound);
        Some(Totals { equity: sum.equity, realised: 0, profit: sum.profit, standing })
    }
}
