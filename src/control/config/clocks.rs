//! COLD: session clocks: the times at which the sessions of accounts and guards begin.

use std::cell::RefCell;

use super::problems::{Fault, nearest};
use super::trading::Trading;
use super::value;
use super::walk::{Section, Value};
use crate::control::clock::session::{NoClock, SessionClock};
use crate::model::Scope;

/// Every clock by its number. The first is midnight UTC, which is what nobody has to write.
pub(super) struct Clocks {
    list: RefCell<Vec<SessionClock>>,
    of_account: Vec<u16>,
}

impl Clocks {
    /// The clocks of the accounts.
    pub(super) fn read(accounts: &[Section<'_, '_>]) -> Self {
        let mut clocks = Self { list: RefCell::new(vec![SessionClock::default()]), of_account: Vec::new() };
        for account in accounts {
            let clock = clocks.number(account, 0);
            clocks.of_account.push(clock);
        }
        clocks
    }

    /// The clock a table names, else this one.
    pub(super) fn number(&self, section: &Section<'_, '_>, default: u16) -> u16 {
        let Some(clock) = section.optional("session", parse) else { return default };
        let mut list = self.list.borrow_mut();
        let known = list.iter().position(|known| *known == clock);
        let number = known.unwrap_or_else(|| {
            list.push(clock);
            list.len() - 1
        });
        // Fewer than accounts and guards together.
        u16::try_from(number).unwrap_or(default)
    }

    /// The clock of what a guard watches: that of its accounts, where they have the same.
    pub(super) fn of_scope(&self, scope: Option<Scope>, trading: &Trading) -> u16 {
        let of = |account: u16| self.of_account.get(usize::from(account)).copied().unwrap_or(0);
        match scope {
            Some(Scope::Account(account)) => of(account),
            Some(Scope::Book(book)) => {
                trading.pairs.get(usize::from(book)).copied().flatten().map_or(0, |(_, account)| of(account))
            }
            Some(Scope::Strategy(strategy)) => {
                let own = trading.pairs.iter().flatten().filter(|(owner, _)| *owner == strategy);
                let mut clocks = own.map(|&(_, account)| of(account));
                let first = clocks.next().unwrap_or(0);
                if clocks.all(|clock| clock == first) { first } else { 0 }
            }
            _ => 0,
        }
    }

    pub(super) fn into_list(self) -> Vec<SessionClock> {
        self.list.into_inner()
    }
}

fn parse(value: &Value<'_>) -> Result<SessionClock, Fault> {
    let text = value::text(value)?;
    SessionClock::parse(&text).map_err(|why| Fault::BadSession {
        nearest: match (why, text.split_once(' ')) {
            (NoClock::Zone, Some((_, zone))) => {
                let zones = SessionClock::zones();
                nearest(zone, zones.iter().map(String::as_str))
            }
            _ => None,
        },
    })
}
