//! HOT: the breaker on failed orders, and the guards on authentication and liquidation errors.
//!
//! **What is measured.** An attempt is a new order or a modification that was sent; its outcome is an acknowledgement
//! or an error, and each attempt has one. An acknowledgement counts in the breaker of the book and in that of the
//! account. An invalid order and missing funds are the strategy's own errors and count in the book's only; what the
//! venue's risk checks, infrastructure, a time-out or a repeated id bring counts in the account's only, since it
//! would have hit any strategy. Rejects for rate count nowhere: they make us slower, not wrong. Our own denials,
//! requests dropped from a queue and refused cancels are not attempts, and nobody reports them here.
//!
//! **When it opens.** An error, and nothing else, makes a breaker look: successes that grow old, or time that passes,
//! never open it. It opens, in this order, at `>=` `consecutive` errors in a row (CONSECUTIVE); else (ERROR_RATE) by
//! its rule:
//!
//! | rule | windows | opens at |
//! |---|---|---|
//! | significant | the last 20, 100 and 400 outcomes, and the last 60 s | errors `>=` K\[outcomes\] |
//! | literal | the last `window` outcomes, from `min` on | errors `* 10_000 >` outcomes `* limit` |
//!
//! A window with fewer than `smallest_window` outcomes does not count. K\[n\] is explained in `significance`; a minute
//! with more outcomes than its table has entries is held to the table's last share, which needs stronger evidence
//! than its own K. `measured` of the transition are the errors in the window (or in a row), `limit` how many would
//! have been tolerated.
//!
//! **Open** is REDUCE_ONLY on the book or the account, guard `error-rate`: new risk is suspended; reducing, exits and
//! cancels are not. Class COOLDOWN: `cooldown`, doubled for each other opening within 24 h, at most `cooldown_cap`;
//! going back is an operator's command. The third opening within 4 h is STICKY. Windows of openings are half-open,
//! and closing does not forget openings. While it is open outcomes go on being counted, for whoever looks, and
//! judged by nobody: it is neither opened again nor extended by what was sent before or reduces since.
//!
//! Where the configuration lets it try first (`half_open`), where it only tells (`metrics_only`), and where an operator
//! forces it open: see `probes`.
//!
//! **Closing** empties the windows and starts a generation. An attempt belongs to the generation in which it was
//! announced; an outcome of an older one is ignored, whatever it is, so that the tail of a burst does not open
//! again what a person has just closed.
//!
//! **Authentication and liquidation errors** are guards of their own on the account: HALTED, STICKY, at `>=` so many
//! within a window of exact times, (now − W, now]. They do not count in a breaker; where the guard is off they count
//! nowhere. They have no generations: a credential that is refused is refused, whenever the order was announced. A
//! trip and a reset forget those counted. `measured` and `limit` are as above. A trip directs the guard's `actions`; so
//! many again within 24 h of a trip, in the halt or after its reset, direct those of a repeated one, and are told by
//! the directives alone, since the halt is there already.
//!
//! First start: nothing counted, generation 0, closed. Does not catch: a venue that acknowledges and never fills,
//! errors spread thinly below the limit, and what happens to orders whose client reports nothing.
//! Deliberately absent: turning signals off and going to paper, which a runbook's *abort* ends with.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod breaker;
mod probes;
mod recent;
mod significance;
mod windows;

use breaker::{Breaker, Excess, Phase};
use recent::Recent;
use significance::Significance;

use super::Engine;
use super::exact::bump;
use super::gates::{Gates, Hold, guard};
use super::integrity::sticky;
use super::limits::{Actions, BreakerLimits, BreakerRule, CountLimits, Limits};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::event::RejectClass;
use crate::model::scope::{AccountId, BookId};
use crate::model::{Latch, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::{BreakerRow, BreakerState};

/// A trip within so long of another is a repeated one.
const REPEATS_WITHIN: Nanos = Nanos::from_secs(24 * 3_600);

/// How an attempt to place or modify an order came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Ack,
    Error(RejectClass),
}

/// The generations of the breakers an attempt belongs to, taken when it was announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Generations {
    pub(super) book: u32,
    pub(super) account: u32,
    /// Whether it took a credit of the half-open one.
    pub(super) book_probe: bool,
    pub(super) account_probe: bool,
}

/// Errors of which a few within a time are too many.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Counted {
    limits: CountLimits,
    recent: Recent,
    trips: Recent,
}

/// The breakers of all books and accounts.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct ErrorRates {
    /// One for each limit that a breaker with the significant rule has.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    significances: Vec<Significance>,
    books: Vec<Option<Breaker>>,
    accounts: Vec<Option<Breaker>>,
    auth: Vec<Option<Counted>>,
    liquidation: Vec<Option<Counted>>,
}

#[cfg(feature = "sidecar")]
impl Fit for ErrorRates {
    fn fit(&mut self, fresh: Self) -> bool {
        self.significances = fresh.significances;
        is_as_long(&self.books, &fresh.books)
            && is_as_long(&self.accounts, &fresh.accounts)
            && is_as_long(&self.auth, &fresh.auth)
            && is_as_long(&self.liquidation, &fresh.liquidation)
    }
}

impl ErrorRates {
    pub(super) fn new(limits: &Limits) -> Self {
        let books = limits.books.iter().map(|book| book.breaker);
        let accounts = limits.accounts.iter().map(|account| account.breaker);
        let counted = |limits: Option<CountLimits>| {
            limits.map(|limits| Counted { limits, recent: Recent::new(), trips: Recent::new() })
        };
        Self {
            significances: significances(books.clone().chain(accounts.clone()).flatten()),
            books: books.map(|limits| limits.map(Breaker::new)).collect(),
            accounts: accounts.map(|limits| limits.map(Breaker::new)).collect(),
            auth: limits.accounts.iter().map(|account| counted(account.auth)).collect(),
            liquidation: limits.accounts.iter().map(|account| counted(account.liquidation)).collect(),
        }
    }

    /// What an attempt announced now has to remember.
    pub(super) fn generations(&self, book: BookId, account: AccountId) -> Generations {
        let of = |breaker: Option<&Breaker>| breaker.map_or(0, |breaker| breaker.generation);
        Generations {
            book: of(self.breaker(Scope::Book(book))),
            account: of(self.breaker(Scope::Account(account))),
            ..Generations::default()
        }
    }

    pub(super) fn rows<'a>(&'a self, gates: &'a Gates) -> impl Iterator<Item = BreakerRow> + 'a {
        let books = (0..self.books.len() as u16).map(Scope::Book);
        let accounts = (0..self.accounts.len() as u16).map(Scope::Account);
        accounts.chain(books).filter_map(move |scope| {
            let breaker = self.breaker(scope)?;
            let cause = gates.cause(scope, guard::ERROR_RATE);
            let state = match (breaker.phase, cause) {
                (_, Some(cause)) if cause.reason == Reason::Operator => BreakerState::ForcedOpen,
                _ if breaker.limits().metrics_only => BreakerState::MetricsOnly,
                (Phase::Probing(_), _) => BreakerState::HalfOpen,
                (_, Some(_)) => BreakerState::Open,
                (_, None) => BreakerState::Closed,
            };
            let cooling = cause.filter(|cause| cause.latch == Latch::Cooldown);
            Some(BreakerRow {
                scope: Some(scope),
                state,
                open: cause.is_some_and(|cause| cause.state < TradingState::Active),
                until: cooling.map_or(Nanos::ZERO, |cause| cause.until),
                generation: u64::from(breaker.generation),
                openings: breaker.opened,
                outcomes: breaker.outcomes,
                errors: breaker.errors,
                consecutive: u64::from(breaker.consecutive()),
            })
        })
    }

    fn breaker(&self, scope: Scope) -> Option<&Breaker> {
        match scope {
            Scope::Book(book) => self.books.get(usize::from(book))?.as_ref(),
            Scope::Account(account) => self.accounts.get(usize::from(account))?.as_ref(),
            Scope::Firm | Scope::Strategy(_) | Scope::Instrument(..) => None,
        }
    }

    fn breaker_mut(&mut self, scope: Scope) -> Option<&mut Breaker> {
        match scope {
            Scope::Book(book) => self.books.get_mut(usize::from(book))?.as_mut(),
            Scope::Account(account) => self.accounts.get_mut(usize::from(account))?.as_mut(),
            Scope::Firm | Scope::Strategy(_) | Scope::Instrument(..) => None,
        }
    }

    /// When the next phase of a breaker ends by itself.
    pub(super) fn next_phase(&self) -> Nanos {
        let breakers = self.books.iter().chain(&self.accounts).flatten();
        breakers.map(Breaker::phase_ends).min().unwrap_or(Nanos::NEVER)
    }

    fn counted(&mut self, account: AccountId, guard: u16) -> Option<&mut Counted> {
        let counted = if guard == guard::AUTH { &mut self.auth } else { &mut self.liquidation };
        counted.get_mut(usize::from(account))?.as_mut()
    }
}

impl Engine {
    /// Counts how an attempt came out, and opens what that opens. Once for each attempt.
    pub(super) fn note_attempt(&mut self, book: BookId, attempt: Attempt, of: Generations) {
        let account = self.limits.books[usize::from(book)].account;
        let class = match attempt {
            Attempt::Ack => {
                self.note_outcome(Scope::Book(book), of.book, false);
                self.note_outcome(Scope::Account(account), of.account, false);
                return self.note_probes(book, account, of);
            }
            Attempt::Error(class) => class,
        };
        match class {
            RejectClass::Invalid | RejectClass::Funds => {
                self.note_outcome(Scope::Book(book), of.book, true);
                self.return_probe(Scope::Account(account), of.account, of.account_probe);
            }
            RejectClass::VenueRisk
            | RejectClass::Infrastructure
            | RejectClass::Timeout
            | RejectClass::DuplicateId
            | RejectClass::Unmapped => {
                self.note_outcome(Scope::Account(account), of.account, true);
                self.return_probe(Scope::Book(book), of.book, of.book_probe);
            }
            RejectClass::Auth => {
                self.return_probes(book, of);
                self.note_counted(account, guard::AUTH, Reason::Auth);
            }
            RejectClass::Liquidation => {
                self.return_probes(book, of);
                self.note_counted(account, guard::LIQUIDATION, Reason::Liquidation);
            }
            RejectClass::Rate => self.return_probes(book, of),
        }
    }

    fn note_probes(&mut self, book: BookId, account: AccountId, of: Generations) {
        for (scope, generation, is_probe) in [
            (Scope::Book(book), of.book, of.book_probe),
            (Scope::Account(account), of.account, of.account_probe),
        ] {
            let current =
                self.error_rates.breaker(scope).is_some_and(|breaker| breaker.generation == generation);
            if is_probe && current {
                self.pass_probe(scope);
            }
        }
    }

    /// The class of a reject: what the client says, else what the venue's code means.
    pub(super) fn class_of_reject(
        &mut self,
        account: AccountId,
        class: RejectClass,
        code: i32,
    ) -> RejectClass {
        if class != RejectClass::Unmapped {
            return class;
        }
        let codes = self.limits.accounts.get(usize::from(account)).map(|account| &account.venue_codes);
        let known =
            codes.and_then(|codes| codes.class_of(code)).filter(|&class| class != RejectClass::Unmapped);
        known.unwrap_or_else(|| {
            bump(&mut self.counters.unmapped_rejects);
            RejectClass::Infrastructure
        })
    }

    /// An operator has ended the cause of `guard`: a breaker closes, and what led to it is forgotten. Other guards
    /// have nothing here.
    pub(super) fn forget_errors(&mut self, scope: Scope, guard: u16) {
        match (guard, scope) {
            (guard::ERROR_RATE, _) => {
                if let Some(breaker) = self.error_rates.breaker_mut(scope) {
                    breaker.close();
                }
            }
            (guard::AUTH | guard::LIQUIDATION, Scope::Account(account)) => {
                if let Some(counted) = self.error_rates.counted(account, guard) {
                    counted.recent = Recent::new();
                }
            }
            _ => {}
        }
    }

    fn note_outcome(&mut self, scope: Scope, generation: u32, error: bool) {
        let now = self.now;
        let Some(breaker) = self.error_rates.breaker_mut(scope) else { return };
        if breaker.generation != generation {
            return;
        }
        breaker.count(error, now);
        if let (true, Phase::Probing(_)) = (error, breaker.phase) {
            let excess = Excess { reason: Reason::ErrorRate, errors: 1, tolerated: 0 };
            return self.open_breaker(scope, excess);
        }
        if error && !self.gates.holds(scope, guard::ERROR_RATE) {
            self.judge_breaker(scope);
        }
    }

    fn judge_breaker(&mut self, scope: Scope) {
        let Some(breaker) = self.error_rates.breaker(scope) else { return };
        let Some(excess) = breaker.judge(&self.error_rates.significances, self.now) else { return };
        self.open_breaker(scope, excess);
    }

    fn note_counted(&mut self, account: AccountId, guard: u16, reason: Reason) {
        let now = self.now;
        let scope = Scope::Account(account);
        let Some(counted) = self.error_rates.counted(account, guard) else { return };
        counted.recent.push(now);
        let (errors, count) =
            (counted.recent.within(counted.limits.window, now), u32::from(counted.limits.count));
        if errors < count {
            return;
        }
        counted.recent = Recent::new();
        counted.trips.push(now);
        let repeats = counted.trips.within(REPEATS_WITHIN, now) > 1;
        let actions = if repeats { counted.limits.repeated } else { counted.limits.actions };
        self.gates.begin(Hold {
            measured: i64::from(errors),
            limit: i64::from(count.saturating_sub(1)),
            ..sticky(scope, guard, reason)
        });
        if actions != Actions::empty() {
            self.direct(scope, actions, reason);
        }
    }
}

/// A table for each limit, once.
fn significances(breakers: impl Iterator<Item = BreakerLimits>) -> Vec<Significance> {
    let mut tables: Vec<Significance> = Vec::new();
    for limits in breakers.filter(|limits| limits.rule == BreakerRule::Significant) {
        if tables.iter().all(|table| table.limit() != limits.limit) {
            tables.push(Significance::new(limits.limit));
        }
    }
    tables
}
