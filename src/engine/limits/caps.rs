//! HOT: limits that a book, a strategy, an account and the firm may each have. All that apply hold, so the strictest
//! wins.

use super::{InstrumentKind, Limits};
use crate::model::{Bps, Handle, Money, Nanos, Scope};

/// What a scope may add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct ScopeLimits {
    /// Largest sum of what its positions may become, each in money whatever its side; `None` is unlimited.
    pub gross: Option<Money>,
    /// Largest that they may become together on one side, long and short set off; `None` is unlimited.
    pub net: Option<Money>,
    /// The clock of its sessions, below [`Limits::clocks`].
    pub clock: u16,
    /// New orders in a session; `None` is unlimited.
    pub orders_per_day: Option<u32>,
    /// Cancels in a session. None is refused: new orders are, once they are spent. `None` is unlimited.
    pub cancels_per_day: Option<u32>,
    /// Executions after which a person must enable it again; `None` is unlimited.
    pub max_executions: Option<u32>,
    /// Whether its orders may not meet each other. Of a strategy or an account; a book's and the firm's are not looked at.
    pub no_self_cross: bool,
}

/// How far prices may move within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct DriftLimits {
    /// From any good mark within the window.
    pub limit: Bps,
    /// How long a mark counts.
    pub window: Nanos,
}

impl ScopeLimits {
    /// Whether it limits exposure at all.
    #[must_use]
    pub const fn limits_exposure(&self) -> bool {
        self.gross.is_some() || self.net.is_some()
    }
}

impl Limits {
    /// What a scope may add up to; nothing is limited for one that has no such limits.
    #[must_use]
    pub fn caps(&self, scope: Scope) -> ScopeLimits {
        self.caps_of(scope).copied().unwrap_or_default()
    }

    /// The same in its place; none of a scope that has none.
    pub(in crate::engine) fn caps_of(&self, scope: Scope) -> Option<&ScopeLimits> {
        match scope {
            Scope::Firm => Some(&self.firm),
            Scope::Account(account) => self.accounts.get(usize::from(account)).map(|limits| &limits.caps),
            Scope::Strategy(strategy) => {
                self.strategies.get(usize::from(strategy)).map(|limits| &limits.caps)
            }
            Scope::Book(book) => self.books.get(usize::from(book)).map(|limits| &limits.caps),
            Scope::Instrument(..) => None,
        }
    }

    /// Every scope that has such limits.
    pub(in crate::engine) fn capped(&self) -> impl Iterator<Item = (Scope, ScopeLimits)> + '_ {
        let accounts = (0..self.accounts.len()).map(|account| Scope::Account(account as u16));
        let strategies = (0..self.strategies.len()).map(|strategy| Scope::Strategy(strategy as u16));
        let books = (0..self.books.len()).map(|book| Scope::Book(book as u16));
        let scopes = core::iter::once(Scope::Firm).chain(accounts).chain(strategies).chain(books);
        scopes.map(|scope| (scope, self.caps(scope)))
    }

    /// Where these limits contradict themselves, in words. Sums of different currencies would mean nothing.
    pub(super) fn check_caps(&self) -> Result<(), String> {
        for (scope, caps) in self.capped() {
            let counts = [caps.orders_per_day, caps.cancels_per_day, caps.max_executions];
            require!(!counts.contains(&Some(0)), "{scope}: a count of 0 permits nothing");
            require!(caps.clock < self.clocks, "{scope}: no such session clock");
        }
        for (scope, caps) in self.capped().filter(|(_, caps)| caps.limits_exposure()) {
            let within = |book: &&super::BookLimits| match scope {
                Scope::Firm => true,
                Scope::Account(account) => book.account == account,
                Scope::Strategy(strategy) => book.strategy == strategy,
                Scope::Book(_) | Scope::Instrument(..) => false,
            };
            let accounts = self.books.iter().filter(within).map(|book| usize::from(book.account));
            let mut currencies = accounts.map(|account| self.accounts[account].currency.id);
            let first = currencies.next();
            require!(
                currencies.all(|currency| Some(currency) == first),
                "{scope}: exposure is limited in one currency, and its accounts have several"
            );
            let positive = [caps.gross, caps.net].into_iter().flatten().all(|limit| limit.0 >= 0);
            require!(positive, "{scope}: an exposure limit is negative");
        }
        Ok(())
    }

    /// Where legs contradict the rest, in words.
    pub(super) fn check_legs(&self) -> Result<(), String> {
        let hedged = self.instruments.iter().filter(|instrument| instrument.hedge);
        for instrument in hedged.clone() {
            require!(instrument.kind != InstrumentKind::Spot, "{}: a balance has no legs", instrument.name);
        }
        let positions = self.instruments.len().saturating_add(hedged.count());
        require!(positions <= usize::from(Handle::MAX_INSTRUMENTS), "too many legs to tell apart");
        Ok(())
    }
}
