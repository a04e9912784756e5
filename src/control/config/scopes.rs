//! COLD: scopes by name, as guards and buckets write them, while the limits are still being read.

use super::market::Directory;
use super::problems::Fault;
use super::value;
use super::venues::Venues;
use super::walk::Value;
use crate::engine::limits::BucketScope;
use crate::model::Scope;

const GUARDED: &str = "\"account:NAME\", \"strategy:NAME\", \"book:STRATEGY/ACCOUNT\"";
const CHARGED: &str = "\"venue:NAME\", \"account:NAME\", \"strategy:NAME\", \"book:STRATEGY/ACCOUNT\", \
                       \"instrument:ACCOUNT/NAME\"";

/// Where scopes are looked up.
pub(super) struct Scopes<'a> {
    pub(super) accounts: &'a Directory,
    pub(super) instruments: &'a Directory,
    pub(super) strategies: &'a Directory,
    pub(super) books: &'a [Option<(u16, u16)>],
    pub(super) venues: &'a Venues,
}

impl Scopes<'_> {
    /// What a drawdown guard watches.
    pub(super) fn guarded(&self, value: &Value<'_>) -> Result<Scope, Fault> {
        let text = value::text(value)?;
        match text.split_once(':') {
            Some(("account", name)) => self.accounts.find(name).map(Scope::Account),
            Some(("strategy", name)) => self.strategies.find(name).map(Scope::Strategy),
            Some(("book", pair)) => self.book(pair, GUARDED).map(Scope::Book),
            _ => Err(Fault::BadScope { forms: GUARDED }),
        }
    }

    /// Whose actions are charged to a bucket.
    pub(super) fn charged(&self, value: &Value<'_>) -> Result<BucketScope, Fault> {
        const FORMS: Fault = Fault::BadScope { forms: CHARGED };
        let text = value::text(value)?;
        match text.split_once(':') {
            Some(("venue", name)) => self.venues.find(name).map(BucketScope::Venue),
            Some(("account", name)) => self.accounts.find(name).map(BucketScope::Account),
            Some(("strategy", name)) => self.strategies.find(name).map(BucketScope::Strategy),
            Some(("book", pair)) => self.book(pair, CHARGED).map(BucketScope::Book),
            Some(("instrument", pair)) => {
                let (account, instrument) = pair.split_once('/').ok_or(FORMS)?;
                let account = self.accounts.find(account)?;
                Ok(BucketScope::Instrument(account, self.instruments.find(instrument)?))
            }
            _ => Err(FORMS),
        }
    }

    fn book(&self, pair: &str, forms: &'static str) -> Result<u16, Fault> {
        let (strategy, account) = pair.split_once('/').ok_or(Fault::BadScope { forms })?;
        let wanted = Some((self.strategies.find(strategy)?, self.accounts.find(account)?));
        let found = self.books.iter().position(|&book| book == wanted);
        found.and_then(|index| u16::try_from(index).ok()).ok_or_else(|| Fault::UnknownReference {
            kind: "book",
            nearest: None,
            known: self.known_books().join(", "),
        })
    }

    fn known_books(&self) -> Vec<String> {
        let named = self.books.iter().flatten().map(|&(strategy, account)| {
            Some(format!("book:{}/{}", self.strategies.name(strategy)?, self.accounts.name(account)?))
        });
        named.flatten().collect()
    }
}
