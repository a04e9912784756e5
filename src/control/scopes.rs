//! COLD: scopes by name: `account:main`, `book:mm1/main`. The engine knows numbers, people know names.

use crate::control::config::nearest;
use crate::engine::Limits;
use crate::model::Scope;

/// Why a text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Not of the form of any scope.
    #[error(
        "a scope is firm, account:NAME, strategy:NAME, book:STRATEGY/ACCOUNT or instrument:ACCOUNT/NAME{}",
        did_you_mean(.nearest)
    )]
    Form {
        /// A scope that was perhaps meant.
        nearest: Option<String>,
    },
    /// Nothing of that name is configured.
    #[error("no {kind} is called {name:?}{}", did_you_mean(.nearest))]
    Unknown {
        /// `account`, `strategy`, `book` or `instrument`.
        kind: &'static str,
        /// As it was typed.
        name: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
}

/// `, did you mean `main`?` as it stands behind a message; nothing where nothing is near.
pub(super) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!(", did you mean `{name}`?"))
}

/// The scope spelled by `text`.
///
/// # Errors
/// [`ScopeError`].
pub fn parse_scope(limits: &Limits, text: &str) -> Result<Scope, ScopeError> {
    if text == "firm" {
        return Ok(Scope::Firm);
    }
    let malformed =
        || ScopeError::Form { nearest: nearest(text, every_scope(limits).iter().map(String::as_str)) };
    let (kind, name) = text.split_once(':').ok_or_else(malformed)?;
    match kind {
        "account" => account(limits, name).map(Scope::Account),
        "strategy" => strategy(limits, name).map(Scope::Strategy),
        "book" => {
            let (of, on) = name.split_once('/').ok_or_else(malformed)?;
            let book = limits.book(strategy(limits, of)?, account(limits, on)?);
            let names = (0..limits.books.len() as u16).filter_map(|book| book_name(limits, book));
            book.map(Scope::Book).ok_or_else(|| unknown("book", name, names.collect()))
        }
        "instrument" => {
            let (on, of) = name.split_once('/').ok_or_else(malformed)?;
            let instrument = index_of(&limits.instruments, |row| row.name.as_str() == of);
            let names = || limits.instruments.iter().map(|row| row.name.to_string()).collect();
            let instrument = instrument.ok_or_else(|| unknown("instrument", of, names()))?;
            Ok(Scope::Instrument(account(limits, on)?, instrument))
        }
        _ => Err(malformed()),
    }
}

/// Every scope by name.
fn every_scope(limits: &Limits) -> Vec<String> {
    let all = |count: usize, scope: fn(u16) -> Scope| {
        (0..count as u16).map(move |index| scope_text(limits, scope(index)))
    };
    let accounts = limits.accounts.len();
    let instruments = (0..accounts as u16).flat_map(|account| {
        let of = move |index| scope_text(limits, Scope::Instrument(account, index));
        (0..limits.instruments.len() as u16).map(of)
    });
    let firm = std::iter::once("firm".to_owned());
    firm.chain(all(accounts, Scope::Account))
        .chain(all(limits.strategies.len(), Scope::Strategy))
        .chain(all(limits.books.len(), Scope::Book))
        .chain(instruments)
        .collect()
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
    let names = || limits.accounts.iter().map(|row| row.name.to_string()).collect();
    index_of(&limits.accounts, |row| row.name.as_str() == name)
        .ok_or_else(|| unknown("account", name, names()))
}

fn strategy(limits: &Limits, name: &str) -> Result<u16, ScopeError> {
    let names = || limits.strategies.iter().map(|row| row.name.to_string()).collect();
    index_of(&limits.strategies, |row| row.name.as_str() == name)
        .ok_or_else(|| unknown("strategy", name, names()))
}

fn index_of<T>(rows: &[T], is_it: impl Fn(&T) -> bool) -> Option<u16> {
    rows.iter().position(is_it).and_then(|index| u16::try_from(index).ok())
}

fn unknown(kind: &'static str, name: &str, names: Vec<String>) -> ScopeError {
    let nearest = nearest(name, names.iter().map(String::as_str));
    ScopeError::Unknown { kind, name: name.to_owned(), nearest }
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

    #[test]
    fn a_slip_of_the_fingers_is_told_what_was_perhaps_meant() {
        let text = include_str!("../../examples/tripline.toml");
        let limits = config::parse(text, "tripline.toml").unwrap().limits;
        for (typed, meant) in [
            ("account:man", Some("`main`")),
            ("acount:main", Some("`account:main`")),
            ("strategy:mn1", Some("`mm1`")),
            ("strategy:nobody-at-all", None),
            ("book:arb/mian", Some("`main`")),
            ("instrument:main/BTC-PREP", Some("`BTC-PERP`")),
            ("frm", Some("`firm`")),
            ("everything", None),
        ] {
            let error = parse_scope(&limits, typed).unwrap_err().to_string();
            let suggested = error.split_once("did you mean ").map(|(_, rest)| rest.trim_end_matches('?'));
            assert_eq!(suggested, meant, "{typed}: {error}");
        }
    }
}
