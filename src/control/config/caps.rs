//! COLD: limits that a book, a strategy, an account and `[firm]` may each have.

use super::clocks::Clocks;
use super::market::AccountRow;
use super::problems::Fault;
use super::trading::Trading;
use super::value;
use super::walk::Section;
use crate::engine::limits::ScopeLimits;
use crate::model::{Money, Scope};

/// The limits in a section of any of the four.
pub(super) fn read(section: &Section<'_, '_>) -> ScopeLimits {
    let money = || value::unless("unlimited", value::money(Money(1)..=value::MONEY_MAX));
    let count = || value::unless("unlimited", value::integer(1..=u32::MAX));
    ScopeLimits {
        gross: section.or("max_gross", None, money()),
        net: section.or("max_net", None, money()),
        orders_per_day: section.or("max_orders_per_day", None, count()),
        cancels_per_day: section.or("max_cancels_per_day", None, count()),
        max_executions: section.or("max_executions", None, count()),
        no_self_cross: false,
        clock: 0,
    }
}

/// The counts of a day begin anew with the sessions of their accounts; those of the firm at midnight UTC.
pub(super) fn set_clocks(accounts: &mut [AccountRow<'_, '_>], trading: &mut Trading, clocks: &Clocks) {
    let of = |scope, trading: &Trading| clocks.of_scope(Some(scope), trading);
    for (index, (_, limits)) in accounts.iter_mut().enumerate() {
        if let Some(limits) = limits {
            limits.caps.clock = of(Scope::Account(index as u16), trading);
        }
    }
    let books: Vec<u16> =
        (0..trading.books.len()).map(|book| of(Scope::Book(book as u16), trading)).collect();
    let strategies: Vec<u16> =
        (0..trading.strategies.len()).map(|index| of(Scope::Strategy(index as u16), trading)).collect();
    for (book, clock) in trading.books.iter_mut().zip(books) {
        book.iter_mut().for_each(|limits| limits.caps.clock = clock);
    }
    for (strategy, clock) in trading.strategies.iter_mut().zip(strategies) {
        strategy.iter_mut().for_each(|limits| limits.caps.clock = clock);
    }
}

/// The same of an account or a strategy, whose orders may also be kept from meeting each other.
pub(super) fn read_with_orders(section: &Section<'_, '_>) -> ScopeLimits {
    let words = value::word(&[("allow", false), ("deny", true)]);
    ScopeLimits { no_self_cross: section.or("self_cross", false, words), ..read(section) }
}

/// The limits of everything together.
pub(super) fn firm(section: &Section<'_, '_>, accounts: &[AccountRow<'_, '_>]) -> ScopeLimits {
    let caps = read(section);
    let mut currencies =
        accounts.iter().filter_map(|(_, limits)| limits.as_ref()).map(|limits| limits.currency);
    let first = currencies.next();
    one_currency(section, &caps, currencies.all(|currency| Some(currency) == first));
    caps
}

/// A strategy's books may be on accounts of several currencies, whose exposure nobody can add up.
pub(super) fn of_strategy(
    section: &Section<'_, '_>,
    strategy: u16,
    caps: &ScopeLimits,
    trading: &Trading,
    accounts: &[AccountRow<'_, '_>],
) {
    let own = trading.pairs.iter().flatten().filter(|(owner, _)| *owner == strategy);
    let limits = own.filter_map(|(_, account)| accounts.get(usize::from(*account))?.1.as_ref());
    let mut currencies = limits.map(|limits| limits.currency);
    let first = currencies.next();
    one_currency(section, caps, currencies.all(|currency| Some(currency) == first));
}

fn one_currency(section: &Section<'_, '_>, caps: &ScopeLimits, is_one: bool) {
    let rows = [("max_gross", caps.gross), ("max_net", caps.net)];
    for (key, _) in rows.into_iter().filter(|(_, limit)| limit.is_some() && !is_one) {
        let remedy = "limit its accounts or books instead: this version has no conversion rates";
        section.report(key, Fault::Conflict { with: "its accounts: they have several currencies", remedy });
    }
}

/// Notes in `[firm]` what no scope limits.
pub(super) fn note_unlimited(firm: &Section<'_, '_>, all: &[ScopeLimits]) {
    type IsLimited = fn(&ScopeLimits) -> bool;
    let rows: [(&str, IsLimited); 5] = [
        ("max_gross", |caps| caps.gross.is_some()),
        ("max_net", |caps| caps.net.is_some()),
        ("max_orders_per_day", |caps| caps.orders_per_day.is_some()),
        ("max_cancels_per_day", |caps| caps.cancels_per_day.is_some()),
        ("max_executions", |caps| caps.max_executions.is_some()),
    ];
    for (key, limits) in rows {
        if !all.iter().any(limits) {
            firm.note(key, "unlimited, here and in every account, strategy and book");
        }
    }
    if !all.iter().any(|caps| caps.no_self_cross) {
        firm.note_here(
            "no account and no strategy has self_cross = \"deny\": its orders may trade with each other",
        );
    }
}

#[cfg(test)]
mod tests;
