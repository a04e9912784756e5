//! HOT: money in currencies other than the account's, and what it is worth in that.
//!
//! A book has a wallet for each currency that a configured pair joins to its account's. What settles, is paid or comes
//! in that currency stays in it; the wallet's sum, assets and debts netted, is converted as [`Rates`] says and is part
//! of the book's equity. A wallet with nothing in it needs no rate. A flow counts as capital at its worth when it came
//! (one that came when no rate was known: as nothing),
//! realised profit at its worth now; the rest of what a currency's price does is unrealised, since it can take it back.
//!
//! A change of a position converts one wallet; a rate, all wallets that ever held money of its pair.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::till::{Sum, Till};
use super::{Book, END, Totals, Value};
use crate::engine::limits::Limits;
use crate::engine::marks::{Depths, MAX_DEPTHS};
use crate::engine::rates::{Rates, Route};
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::{Fit, is_as_long};
use crate::model::Nanos;

/// Where money of a book is: in its account's currency, or in the wallet of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::engine) struct TillId(u32);

impl TillId {
    /// The account's currency.
    pub(in crate::engine) const OWN: Self = Self(END);

    pub(super) const fn of_wallet(index: u32) -> Self {
        Self(index)
    }

    pub(super) const fn wallet(self) -> Option<usize> {
        if self.0 == END { None } else { Some(self.0 as usize) }
    }
}

impl Default for TillId {
    fn default() -> Self {
        Self::OWN
    }
}

/// Money of one book in one other currency.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Wallet {
    pub(super) book: u16,
    currency: u16,
    pub(super) route: Route,
    pub(super) till: Till,
    /// What it adds to the book, in the account's currency.
    pub(super) totals: Totals,
    /// Whether it is in the list of its rate.
    listed: bool,
    next: u32,
}

/// The wallets of all books, and the rates that convert them.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Wallets {
    pub(super) rates: Rates,
    wallets: Vec<Wallet>,
    /// First wallet per rate, of those that ever held money.
    heads: Vec<u32>,
    /// What the wallets of each book add up to.
    pub(super) sums: Vec<Totals>,
    /// The wallets of each book.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    of: Vec<(u32, u32)>,
}

#[cfg(feature = "sidecar")]
impl Fit for Wallets {
    fn fit(&mut self, fresh: Self) -> bool {
        self.of = fresh.of;
        let same = |read: &Wallet, fresh: &Wallet| {
            (read.book, read.currency, read.route) == (fresh.book, fresh.currency, fresh.route)
        };
        let exists = |index: u32| index == END || (index as usize) < fresh.wallets.len();
        self.rates.fit(fresh.rates)
            && is_as_long(&self.wallets, &fresh.wallets)
            && self.wallets.iter().zip(&fresh.wallets).all(|(read, fresh)| same(read, fresh))
            && self.wallets.iter().all(|wallet| exists(wallet.next))
            && is_as_long(&self.heads, &fresh.heads)
            && self.heads.iter().all(|&head| exists(head))
            && is_as_long(&self.sums, &fresh.sums)
    }
}

#[cfg(feature = "sidecar")]
impl Wallets {
    /// Whether a till belongs to a book.
    pub(super) fn is_of(&self, till: TillId, book: u16) -> bool {
        till.wallet().is_none_or(|index| self.wallets.get(index).is_some_and(|wallet| wallet.book == book))
    }
}

impl Wallets {
    pub(super) fn new(limits: &Limits, books: &[Book], depths: Depths, now: Nanos) -> Self {
        let rates = Rates::new(limits, depths, now);
        let (mut wallets, mut of) = (Vec::new(), Vec::new());
        for (index, book) in books.iter().enumerate() {
            let start = wallets.len() as u32;
            let own = limits.accounts[usize::from(book.account)].currency.id;
            for rate in &limits.rates {
                let (base, quote) = (rate.base.id, rate.quote.id);
                let other = if base == own { quote } else { base };
                let Some(route) = rates.route(other, own).filter(|_| base == own || quote == own) else {
                    continue;
                };
                wallets.push(Wallet {
                    book: index as u16,
                    currency: other,
                    route,
                    till: Till::default(),
                    totals: Totals::default(),
                    listed: false,
                    next: END,
                });
            }
            of.push((start, wallets.len() as u32));
        }
        Self { heads: vec![END; rates.len()], sums: vec![Totals::default(); books.len()], rates, wallets, of }
    }

    /// The wallet of a book in a currency, if any pair converts it.
    pub(super) fn find(&self, book: u16, currency: u16) -> Option<TillId> {
        let (start, end) = *self.of.get(usize::from(book))?;
        let wallets = self.wallets.get(start as usize..end as usize)?;
        let found = wallets.iter().position(|wallet| wallet.currency == currency)?;
        Some(TillId(start.saturating_add(u32::try_from(found).ok()?)))
    }

    pub(super) fn get(&self, index: usize) -> &Wallet {
        &self.wallets[index]
    }

    /// Puts a wallet in its place, and into the list of its rate.
    pub(super) fn replace(&mut self, index: usize, wallet: Wallet) {
        let mut wallet = wallet;
        if !wallet.listed {
            let head = &mut self.heads[usize::from(wallet.route.rate)];
            (wallet.listed, wallet.next) = (true, *head);
            *head = index as u32;
        }
        self.wallets[index] = wallet;
    }

    /// Puts back what a wallet and its book's sum were before something that did not fit after all.
    pub(super) fn restore(&mut self, index: usize, wallet: Wallet, sum: Totals) {
        let (listed, next) = (self.wallets[index].listed, self.wallets[index].next);
        self.sums[usize::from(wallet.book)] = sum;
        self.wallets[index] = Wallet { listed, next, ..wallet };
    }

    /// The first wallet that ever held money of a pair.
    pub(super) fn first(&self, rate: u16) -> Option<u32> {
        Some(*self.heads.get(usize::from(rate))?).filter(|&index| index != END)
    }

    /// The one after it.
    pub(super) fn after(&self, index: u32) -> Option<u32> {
        Some(self.wallets[index as usize].next).filter(|&next| next != END)
    }

    /// What a part of each wallet of a book adds up to in the account's currency; a part without a rate is worth 0.
    pub(super) fn add_up(&self, book: u16, part: impl Fn(&Till) -> Option<i128>) -> Option<i128> {
        let (start, end) = *self.of.get(usize::from(book))?;
        let mut sum = 0_i128;
        for wallet in self.wallets.get(start as usize..end as usize)? {
            if let Some(span) = self.rates.good(wallet.route) {
                sum = sum.checked_add(span.convert(part(&wallet.till)?)?)?;
            }
        }
        Some(sum)
    }

    /// What a till adds to its book.
    pub(super) fn convert(&self, till: &Till, route: Route, depths: usize) -> Option<Totals> {
        let sum = till.sum(depths)?;
        let mut standing = till.open;
        if sum == Sum::default() && standing.open == 0 {
            return Some(Totals::default());
        }
        standing.open = standing.open.saturating_add(1);
        let (Some(good), Some(worst)) = (self.rates.good(route), self.rates.worst(route)) else {
            standing.untrusted = standing.untrusted.saturating_add(1);
            standing.absent = standing.absent.saturating_add(1);
            return Some(Totals { standing, ..Totals::default() });
        };
        standing.untrusted = standing.untrusted.saturating_add(u32::from(!self.rates.is_trusted(route)));
        let worst = worst.convert(sum.equity.worst)?;
        let mut equity = Value { good: good.convert(sum.equity.good)?, worst, spike: [0; MAX_DEPTHS] };
        for depth in 0..depths {
            equity.spike[depth] = self.rates.spike(route, depth)?.convert(sum.equity.spike[depth])?;
        }
        Some(Totals { equity, realised: 0, profit: good.convert(sum.profit)?, standing })
    }
}
