//! HOT: which buckets an action is charged to, and what it costs there.
//!
//! Sets of buckets are bits of one word, worked out once from the limits: what a charge of a book always belongs to (its
//! venue, account, strategy and itself) is one look-up, and what its instrument adds is a search among the few
//! instruments that have a bucket of their own. An action that costs nothing in a bucket does not belong to it.

use super::Charge;
use crate::engine::limits::{BucketScope, Limits};
use crate::model::event::OrderAction;
use crate::model::scope::{AccountId, InstrumentId};

/// A set of buckets, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::engine) struct BucketSet(u64);

impl BucketSet {
    pub(in crate::engine) const EMPTY: Self = Self(0);

    pub(in crate::engine) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(in crate::engine) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(in crate::engine) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(in crate::engine) const fn one(bucket: usize) -> Self {
        Self(1 << (bucket & 63))
    }

    const fn has(self, bucket: usize) -> bool {
        self.meets(Self::one(bucket))
    }

    /// The members, ascending.
    pub(in crate::engine) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let lowest = left.trailing_zeros();
            // Clears the lowest bit; of 0 there is none.
            left &= left.checked_sub(1)?;
            Some(lowest as usize)
        })
    }
}

/// A set for each action.
type ByAction = [BucketSet; 3];

#[derive(Clone, Copy, Debug)]
struct Book {
    account: AccountId,
    sets: ByAction,
}

/// The buckets of every charge.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(Default))]
pub(in crate::engine) struct Membership {
    books: Vec<Book>,
    /// Ascending.
    instruments: Vec<((AccountId, InstrumentId), ByAction)>,
    /// The buckets somebody on the account is charged to.
    accounts: Vec<BucketSet>,
    /// Index of the venue of each account.
    venues: Vec<u16>,
    /// Those of a strategy or a book, which no venue counts.
    ours: BucketSet,
    costs: Vec<[u16; 3]>,
}

impl Membership {
    pub(super) fn new(limits: &Limits) -> Self {
        let of = |belongs: &dyn Fn(BucketScope) -> bool| sets(limits, belongs);
        let venues = limits
            .accounts
            .iter()
            .map(|account| limits.venue(&account.venue).unwrap_or_default())
            .collect::<Vec<_>>();
        let books = limits.books.iter().enumerate().map(|(index, book)| Book {
            account: book.account,
            sets: of(&|scope| match scope {
                BucketScope::Venue(venue) => venue == venues[usize::from(book.account)],
                BucketScope::Account(account) => account == book.account,
                BucketScope::Strategy(strategy) => strategy == book.strategy,
                BucketScope::Book(book) => usize::from(book) == index,
                BucketScope::Instrument(..) => false,
            }),
        });
        let mut keys: Vec<_> = limits
            .buckets
            .iter()
            .filter_map(|bucket| match bucket.scope {
                BucketScope::Instrument(account, instrument) => Some((account, instrument)),
                _ => None,
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let instruments = keys.into_iter().map(|key| {
            let own = of(&|scope| scope == BucketScope::Instrument(key.0, key.1));
            (key, own)
        });
        Self {
            books: books.collect(),
            instruments: instruments.collect(),
            accounts: (0..limits.accounts.len()).map(|account| charging(limits, &venues, account)).collect(),
            costs: limits
                .buckets
                .iter()
                .map(|bucket| [bucket.costs.new, bucket.costs.modify, bucket.costs.cancel])
                .collect(),
            venues,
            ours: ours(limits),
        }
    }

    pub(super) const fn ours(&self) -> BucketSet {
        self.ours
    }

    /// The buckets a charge belongs to.
    pub(in crate::engine) fn of(&self, charge: Charge) -> BucketSet {
        let book = &self.books[usize::from(charge.book)];
        let action = charge.action as usize;
        let Some(instrument) = charge.instrument else { return book.sets[action] };
        let key = (book.account, instrument);
        let found = self.instruments.binary_search_by_key(&key, |&(key, _)| key).ok();
        let own = found.and_then(|at| self.instruments.get(at)).map_or(BucketSet::EMPTY, |row| row.1[action]);
        book.sets[action].with(own)
    }

    /// What an action costs in a bucket.
    pub(super) fn cost(&self, bucket: usize, action: OrderAction) -> u32 {
        u32::from(self.costs[bucket][action as usize])
    }

    /// Whether anybody on `account` is charged to `bucket`.
    pub(super) fn charges(&self, bucket: usize, account: AccountId) -> bool {
        self.accounts[usize::from(account)].has(bucket)
    }

    pub(super) fn venue(&self, account: AccountId) -> usize {
        usize::from(self.venues[usize::from(account)])
    }

    pub(super) fn venue_of(&self, charge: Charge) -> usize {
        self.venue(self.books[usize::from(charge.book)].account)
    }
}

/// The buckets of a scope that `belongs` picks, for each action those where it costs something.
fn sets(limits: &Limits, belongs: &dyn Fn(BucketScope) -> bool) -> ByAction {
    [OrderAction::New, OrderAction::Modify, OrderAction::Cancel].map(|action| {
        let mut set = BucketSet::EMPTY;
        for (index, bucket) in limits.buckets.iter().enumerate() {
            let cost = match action {
                OrderAction::New => bucket.costs.new,
                OrderAction::Modify => bucket.costs.modify,
                OrderAction::Cancel => bucket.costs.cancel,
            };
            if cost > 0 && belongs(bucket.scope) {
                set = set.with(BucketSet::one(index));
            }
        }
        set
    })
}

fn ours(limits: &Limits) -> BucketSet {
    let buckets = limits.buckets.iter().enumerate();
    let own =
        buckets.filter(|(_, bucket)| matches!(bucket.scope, BucketScope::Strategy(_) | BucketScope::Book(_)));
    own.fold(BucketSet::EMPTY, |set, (index, _)| set.with(BucketSet::one(index)))
}

fn charging(limits: &Limits, venues: &[u16], account: usize) -> BucketSet {
    let trades = |strategy: u16| {
        let mut books = limits.books.iter();
        books.any(|book| book.strategy == strategy && usize::from(book.account) == account)
    };
    let mut set = BucketSet::EMPTY;
    for (index, bucket) in limits.buckets.iter().enumerate() {
        let charges = match bucket.scope {
            BucketScope::Venue(venue) => venue == venues[account],
            BucketScope::Account(own) | BucketScope::Instrument(own, _) => usize::from(own) == account,
            BucketScope::Strategy(strategy) => trades(strategy),
            BucketScope::Book(book) => usize::from(limits.books[usize::from(book)].account) == account,
        };
        if charges {
            set = set.with(BucketSet::one(index));
        }
    }
    set
}
