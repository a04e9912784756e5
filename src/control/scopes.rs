//! COLD: scopes by name: `account:main`, `book:mm1/main`. The engine knows numbers, people know names.

use crate::engine::Limits;
use crate::model::Scope;

/// Why a text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Not of the form of any scope.
    #[error("a scope is firm, account:NAME, strategy:NAME, book:STRATEGY/ACCOUNT or instrument:ACCOUNT/NAME")]
    Form,
    /// Nothing of that name is configured.
    #[error("no {kind} is called {name:?}")]
    Unknown {
        /// `account`, `strategy`, `book` or `instrument`.
        kind: &'static str,
        /// As it was typed.
        name: String,
    },
}

/// The scope spelled by `text`.
///
/// # Errors
/// [`ScopeError`].
pub fn parse_scope(limits: &Limits, text: &str) -> Result<Scope, ScopeError> {
    if text == "firm" {
        return Ok(Scope::Firm);
    }
    let (kind, name) = text.split_once(':').ok_or(ScopeError::Form)?;
    match kind {
        "account" => account(limits, name).map(Scope::Account),
        "strategy" => strategy(limits, name).map(Scope::Strategy),
        "book" => {
            let (of, on) = name.split_once('/').ok_or(ScopeError::Form)?;
            let book = limits.book(strategy(limits, of)?, account(limits, on)?);
            book.map(Scope::Book).ok_or_else(|| unknown("book", name))
        }
        "instrument" => {
            let (on, of) = name.split_once('/').ok_or(ScopeError::Form)?;
            let instrument = index_of(&limits.instruments, |row| row.name.as_str() == of);
            let instrument = instrument.ok_or_else(|| unknown("instrument", of))?;
            Ok(Scope::Instrument(account(limits, on)?, instrument))
        }
        _ => Err(ScopeError::Form),
    }
}

/// The scope as [`parse_scope`] reads it; numbers stand in for names that are not configured.
#[must_use]
pub fn scope_text(limits: &Limits, scope: Scope) -> String {
    let named = match scope {
        Scope::Firm => Some("firm".to_owned()),
        Scope::Account(account) => account_name(limits, account).map(|name| format!("account:{name}")),
        Scope::Strategy(strategy) => strategy_name(limits, strategy).map(|name| format!("strategy:{name}")),
        Scope::Book(book) => book_name(limits, book).map(|name| format!("book:{name}")),
        Scope::Instrument(account, instrument) => account_name(limits, account)
            .zip(limits.instruments.get(usize::from(instrument)))
            .map(|(account, instrument)| format!("instrument:{account}/{}", instrument.name)),
    };
    named.unwrap_or_else(|| scope.to_string())
}

/// `STRATEGY/ACCOUNT`.
#[must_use]
pub fn book_name(limits: &Limits, book: u16) -> Option<String> {
    let book = limits.books.get(usize::from(book))?;
    Some(format!("{}/{}", strategy_name(limits, book.strategy)?, account_name(limits, book.account)?))
}

/// The name of an account.
#[must_use]
pub fn account_name(limits: &Limits, account: u16) -> Option<&str> {
    limits.accounts.get(usize::from(account)).map(|row| row.name.as_str())
}

/// The name of a strategy.
#[must_use]
pub fn strategy_name(limits: &Limits, strategy: u16) -> Option<&str> {
    limits.strategies.get(usize::from(strategy)).map(|row| row.name.as_str())
}

fn account(limits: &Limits, name: &str) -> Result<u16, ScopeError> {
    index_of(&limits.accounts, |row| row.name.as_str() == name).ok_or_else(|| unknown("account", name))
}

fn strategy(limits: &Limits, name: &str) -> Result<u16, ScopeError> {
    index_of(&limits.strategies, |row| row.name.as_str() == name).ok_or_else(|| unknown("strategy", name))
}

fn index_of<T>(rows: &[T], is_it: impl Fn(&T) -> bool) -> Option<u16> {
    rows.iter().position(is_it).and_then(|index| u16::try_from(index).ok())
}

fn unknown(kind: &'static str, name: &str) -> ScopeError {
    ScopeError::Unknown { kind, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config;

    #[test]
    fn every_scope_is_read_as_it_is_written() {
        let text = include_str!("../../examples/tripline.toml");
        let limits = config::parse(text, "tripline.toml").unwrap().limits;
        for text in ["firm", "account:main", "strategy:arb", "book:arb/main", "instrument:main/ETH-PERP"] {
            let scope = parse_scope(&limits, text).unwrap();
            assert_eq!(scope_text(&limits, scope), text);
        }
        for text in
            ["", "main", "acount:main", "account:mine", "book:arb", "book:main/arb", "instrument:main"]
        {
            assert!(parse_scope(&limits, text).is_err(), "{text}");
        }
        assert_eq!(scope_text(&limits, Scope::Book(9)), "book:#9");
    }
}
