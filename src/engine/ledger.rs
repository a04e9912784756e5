//! HOT: the ledger: cash, positions and what they are worth, per book, account and strategy.
//!
//! With signed position q, fill side s (+1 buy, −1 sell), price p, size n, multiplier m and fee f (a cost is
//! positive): `cash −= s*n*p*m + f; q += s*n; equity = cash + q*mark*m`. Inverse: `base += s*n*m/p;
//! equity = base − q*m/mark`. Every cash leg and every valuation is floored, so sums do not depend on the order of
//! fills and equity is never rounded up. Units: 1e-9 of the account's currency; inverse positions are summed in
//! 1e-18 of it and floored once per book. A spot fee in the base currency debits the position.
//!
//! Realised and unrealised profit are a split of the same cash by average cost: opening adds the cash spent to
//! `cost`, reducing by n of |q| keeps `floor(cost*(|q|−n)/|q|)`, a flip opens the remainder at its share of the
//! leg. `realised = cash legs + cost`, `unrealised = worth − cost`, therefore exactly, at every mark:
//! `realised + unrealised − fees + funding + capital + flows = equity`.
//!
//! Accounts and strategies are sums of the floored equities of their books. A mark costs one walk over the holders
//! of its instrument. Does not catch: trades nobody reported (reconciliation is not part of this version).

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::exact::{FINE, floor_div, floor_mul_div};
use super::limits::Limits;
use super::marks::{MAX_DEPTHS, Quote};
use super::payoff::Payoff;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use super::table::{Key, Table, mix};
use crate::model::Scope;

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
    /// Not zero.
    pub(super) open: u32,
    /// Valued by a mark that is stale or contradicted, or by none.
    pub(super) untrusted: u32,
    /// Valued by no mark at all.
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

/// Money of one scale.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Purse {
    /// Sum of the cash legs of trades.
    legs: i128,
    /// Average-cost basis of the open positions.
    cost: i128,
    /// Worth of the open positions.
    value: Value,
}

/// One strategy on one account.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Book {
    pub(super) account: u16,
    pub(super) strategy: u16,
    capital: i128,
    flows: i128,
    pub(super) fees: i128,
    funding: i128,
    /// Linear and spot in 1e-9, inverse in 1e-18.
    purses: [Purse; 2],
    open: Standing,
    /// Something is missing from it, so no reading of it is trusted.
    pub(super) unsound: bool,
    /// Positions beyond their limit.
    pub(super) over: u32,
    totals: Totals,
}

/// One instrument held by one book.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Position {
    pub(super) book: u16,
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

/// A change of one position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trade {
    /// Signed.
    pub(super) qty: i64,
    /// Cash received, in the scale of the instrument.
    pub(super) leg: i128,
    /// Fee in 1e-9 of the settlement currency.
    pub(super) fee: i128,
    /// Fee in lots of the base currency.
    pub(super) debit: i64,
    /// The change of cost to make; `None` lets average cost decide.
    pub(super) cost: Option<i128>,
}

/// Cash that does not come from a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cash {
    /// Funding, interest: profit or loss.
    Income,
    /// Deposits, withdrawals, transfers: neither.
    Capital,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct PositionKey {
    book: u16,
    instrument: u16,
}

impl Key for PositionKey {
    fn digest(&self) -> u64 {
        mix(u64::from(self.book) << 16 | u64::from(self.instrument))
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
    #[cfg_attr(feature = "sidecar", serde(skip))]
    depths: usize,
}

#[cfg(feature = "sidecar")]
impl Fit for Ledger {
    fn fit(&mut self, fresh: Self) -> bool {
        self.depths = fresh.depths;
        let same =
            |read: &Book, fresh: &Book| (read.account, read.strategy) == (fresh.account, fresh.strategy);
        is_as_long(&self.books, &fresh.books)
            && self.books.iter().zip(&fresh.books).all(|(read, fresh)| same(read, fresh))
            && is_as_long(&self.accounts, &fresh.accounts)
            && is_as_long(&self.strategies, &fresh.strategies)
            && is_as_long(&self.holders, &fresh.holders)
            && self.positions.fit(fresh.positions)
            && self.points_inside()
    }
}

#[cfg(feature = "sidecar")]
impl Ledger {
    /// Positions so far: indices are below that.
    pub(super) fn entries(&self) -> usize {
        self.positions.entries()
    }

    fn points_inside(&self) -> bool {
        let exists = |index: u32| index == END || (index as usize) < self.entries();
        let fits = |_: &PositionKey, position: &Position| {
            usize::from(position.book) < self.books.len() && exists(position.next)
        };
        self.holders.iter().all(|&index| exists(index)) && self.positions.all(fits)
    }
}

impl Ledger {
    pub(super) fn new(limits: &Limits, depths: usize) -> Self {
        let mut ledger = Self {
            books: vec![Book::default(); limits.books.len()],
            accounts: vec![Totals::default(); limits.accounts.len()],
            strategies: vec![Totals::default(); limits.strategies.len()],
            positions: Table::new(limits.capacity.positions),
            holders: vec![END; limits.instruments.len()],
            depths,
        };
        for (index, book) in limits.books.iter().enumerate() {
            let (account, strategy) = (book.account, book.strategy);
            ledger.books[index] = Book { account, strategy, ..Book::default() };
            let settled = ledger.settle(index, Book { capital: book.capital.0, ..ledger.books[index] });
            assert!(settled.is_some(), "the sum of the books' capital does not fit an i128");
        }
        ledger
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

    pub(super) fn find(&self, book: u16, instrument: u16) -> Option<u32> {
        self.positions.find(&PositionKey { book, instrument })
    }

    /// The position of `book` in `instrument`, opened at zero if need be; `None` when the table is full.
    pub(super) fn open(&mut self, book: u16, instrument: u16) -> Option<u32> {
        let key = PositionKey { book, instrument };
        if let Some(found) = self.positions.find(&key) {
            return Some(found);
        }
        let position = Position {
            book,
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
        let mut book = self.books[usize::from(old.book)];
        book.fees = book.fees.checked_add(trade.fee)?;
        self.replace(index, old, new, book, payoff, quote)?;
        new.cost.checked_sub(old.cost)
    }

    /// Values a position anew.
    pub(super) fn reprice(&mut self, index: u32, payoff: &Payoff, quote: &Quote) -> Option<()> {
        let old = *self.positions.get(index);
        if old.q == 0 {
            return Some(());
        }
        let book = self.books[usize::from(old.book)];
        self.replace(index, old, old, book, payoff, quote)
    }

    /// Books cash.
    pub(super) fn cash(&mut self, book: u16, kind: Cash, amount: i128) -> Option<()> {
        let index = usize::from(book);
        let mut next = self.books[index];
        match kind {
            Cash::Income => next.funding = next.funding.checked_add(amount)?,
            Cash::Capital => next.flows = next.flows.checked_add(amount)?,
        }
        self.settle(index, next)
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
        let book = self.book(book);
        book.totals.profit.checked_sub(book.funding)?.checked_add(book.fees)
    }

    fn replace(
        &mut self,
        index: u32,
        old: Position,
        new: Position,
        book: Book,
        payoff: &Payoff,
        quote: &Quote,
    ) -> Option<()> {
        let (mut new, mut book) = (new, book);
        (new.value, new.standing) = valued(new.q, payoff, quote, self.depths)?;
        let purse = &mut book.purses[usize::from(payoff.is_inverse())];
        purse.legs = purse.legs.checked_add(new.legs.checked_sub(old.legs)?)?;
        purse.cost = purse.cost.checked_add(new.cost.checked_sub(old.cost)?)?;
        purse.value.shift(&old.value, &new.value, self.depths)?;
        book.open.shift(old.standing, new.standing);
        self.settle(usize::from(old.book), book)?;
        *self.positions.get_mut(index) = new;
        Some(())
    }

    /// Replaces a book and carries the difference into its account and strategy; all or nothing.
    fn settle(&mut self, index: usize, book: Book) -> Option<()> {
        let mut book = book;
        let old = self.books[index].totals;
        book.totals = book.sum(self.depths)?;
        let (account, strategy) = (usize::from(book.account), usize::from(book.strategy));
        let (mut of_account, mut of_strategy) = (self.accounts[account], self.strategies[strategy]);
        of_account.shift(&old, &book.totals, self.depths)?;
        of_strategy.shift(&old, &book.totals, self.depths)?;
        self.accounts[account] = of_account;
        self.strategies[strategy] = of_strategy;
        self.books[index] = book;
        Some(())
    }
}

impl Book {
    fn sum(&self, depths: usize) -> Option<Totals> {
        let [coarse, fine] = &self.purses;
        let capital = self.capital.checked_add(self.flows)?;
        let cash = capital.checked_add(self.funding)?.checked_sub(self.fees)?;
        let total = |coarse_part: i128, fine_part: i128| {
            let legs = floor_div(fine.legs.checked_add(fine_part)?, FINE)?;
            cash.checked_add(coarse.legs)?.checked_add(coarse_part)?.checked_add(legs)
        };
        let mut equity = Value {
            good: total(coarse.value.good, fine.value.good)?,
            worst: total(coarse.value.worst, fine.value.worst)?,
            spike: [0; MAX_DEPTHS],
        };
        for depth in 0..depths {
            equity.spike[depth] = total(coarse.value.spike[depth], fine.value.spike[depth])?;
        }
        let realised = total(coarse.cost, fine.cost)?;
        let mut standing = self.open;
        standing.unsound = u32::from(self.unsound);
        Some(Totals { equity, realised, profit: realised.checked_sub(capital)?, standing })
    }
}

/// Cost after a trade, by average cost, rounded so that realised profit is not rounded up.
fn average_cost(old: &Position, trade: &Trade) -> Option<i128> {
    if trade.qty == 0 {
        return Some(old.cost);
    }
    if old.q.signum() != trade.qty.signum().checked_neg()? {
        return old.cost.checked_sub(trade.leg);
    }
    let (held, traded) = (i128::from(old.q).abs(), i128::from(trade.qty).abs());
    if traded <= held {
        return floor_mul_div(old.cost, held.checked_sub(traded)?, held);
    }
    floor_mul_div(trade.leg.checked_neg()?, traded.checked_sub(held)?, traded)
}

fn valued(q: i64, payoff: &Payoff, quote: &Quote, depths: usize) -> Option<(Value, Standing)> {
    let mut value = Value::default();
    if q == 0 {
        return Some((value, Standing::default()));
    }
    let standing = Standing {
        open: 1,
        untrusted: u32::from(!quote.trusted),
        absent: u32::from(quote.good.is_none()),
        held: u32::from(quote.held),
        unsound: 0,
    };
    let Some(good) = quote.good else { return Some((value, standing)) };
    // A suspect mark counts only where it is worse; worth rises with price for q > 0 and falls for q < 0.
    let against = |px: i64| if q > 0 { px.min(good) } else { px.max(good) };
    let worst = quote.suspect.map_or(good, against);
    value.good = payoff.worth(q, good)?;
    value.worst = if worst == good { value.good } else { payoff.worth(q, worst)? };
    for depth in 0..depths {
        let px = if q > 0 { quote.low[depth] } else { quote.high[depth] };
        value.spike[depth] = if px == good { value.good } else { payoff.worth(q, px)? };
    }
    Some((value, standing))
}
