//! HOT: causes, the states they force, and the words a gate reads.
//!
//! A guard has one cause on each scope, and only its own to give and to take: what another guard holds, it cannot
//! lift. The state of a scope is the most severe of its causes; the state of a word the most severe of the scopes it
//! folds:
//!
//! ```text
//! account word     = firm + account
//! book word        = strategy + book (positions of the book sit on the book)
//! instrument word  = (account, instrument)
//! ```
//! Epoch: one global counter from 1, advanced when a scope tightens and whenever a cause latches, so that a second
//! latch shows on a word that is already halted. A word carries the epoch of its last tightening or latch;
//! loosening keeps it. Nonce: names one latch of one cause, so that a reset meant for an earlier halt is refused;
//! never 0, never repeated while the engine lives.
//! Edge triggered: a cause that already holds is not reported again, unless it gets worse: a lower state, or a
//! reason that says the books miss something where the old one did not.
//! Cool-down: a cause of class COOLDOWN holds until its time is over and then becomes READY_TO_RESUME, reported once;
//! it still holds, since going back to trading is a person's command. A time that is over is not taken back.
//! Mode: see `modes`.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod cause;
pub mod guard;
mod layout;
mod level;
mod modes;
mod rest;

pub(super) use cause::{Cause, Hold, Reading};
pub(super) use guard::{built_in_name, soft_name};

use cause::{UNLISTED, is_graver};
use layout::{BUILT_IN, Layout, ON_INSTRUMENT};
use level::Level;

use super::exact::bump;
use super::limits::Limits;
use super::outcome::{Outcome, Transition, WordChange, WordId};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room, is_as_long};
use super::table::mix;
use crate::model::{HaltWord, Latch, Mode, Name, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::CauseRow;

/// Directives one call may hand out: a first one for each position, and what is handed on.
pub(super) const DIRECTIVES: usize = 256;

/// Verdicts one call may give: a whole queue drained, a list, and the request itself.
fn verdicts(limits: &Limits) -> usize {
    let waiting = limits.venues.iter().map(|venue| venue.queue_capacity as usize).sum::<usize>();
    waiting.saturating_add(16).saturating_add(super::order_list::MEMBERS)
}

/// When a word last left ACTIVE.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Closed {
    pub(super) epoch: u32,
    pub(super) at: Nanos,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Word {
    word: HaltWord,
    /// The epoch with which it last left ACTIVE, and when.
    closed: Closed,
    /// Its index in this call's changes.
    change: u32,
}

/// Causes, levels and words of every scope.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Gates {
    #[cfg_attr(feature = "sidecar", serde(skip))]
    layout: Layout,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    names: Vec<Name>,
    causes: Vec<Cause>,
    held: Vec<u32>,
    levels: Vec<Level>,
    words: Vec<Word>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    book_strategy: Vec<u16>,
    epoch: u32,
    nonces: u64,
    at: Nanos,
    pub(super) mark: i64,
    pub(super) unreported: u64,
    pub(super) outcome: Outcome,
}

#[cfg(feature = "sidecar")]
impl Fit for Gates {
    fn fit(&mut self, fresh: Self) -> bool {
        (self.layout, self.names, self.book_strategy) = (fresh.layout, fresh.names, fresh.book_strategy);
        is_as_long(&self.causes, &fresh.causes)
            && is_as_long(&self.levels, &fresh.levels)
            && is_as_long(&self.words, &fresh.words)
            && into_room(&mut self.held, fresh.held)
            && self.outcome.fit(fresh.outcome)
            && self.points_inside()
    }
}

#[cfg(feature = "sidecar")]
impl Gates {
    /// Whether what holds is listed, once, and nothing else, and so with what changed.
    fn points_inside(&self) -> bool {
        let lists = |(at, &slot): (usize, &u32)| {
            self.causes.get(slot as usize).is_some_and(|cause| cause.listed as usize == at)
        };
        let listed = self.causes.iter().filter(|cause| cause.listed != UNLISTED).count();
        let changes = self.outcome.changes.len();
        self.held.iter().enumerate().all(lists)
            && listed == self.held.len()
            && self.words.iter().all(|word| word.change == UNLISTED || (word.change as usize) < changes)
    }
}

impl Gates {
    pub(super) fn new(limits: &Limits, now: Nanos) -> Self {
        let layout = Layout::new(limits);
        let shared = layout.shared();
        let cells = layout.accounts.saturating_mul(layout.instruments);
        let built_in = shared.saturating_mul(BUILT_IN);
        let configured = limits.drawdowns.len().saturating_mul(2);
        let causes =
            built_in.saturating_add(cells.saturating_mul(ON_INSTRUMENT.len())).saturating_add(configured);
        let word_count = layout.accounts.saturating_add(layout.books).saturating_add(cells);
        let fresh = HaltWord { state: TradingState::Active, mode: Mode::Live, epoch: 1 };
        let fresh = Word { word: fresh, closed: Closed { epoch: 1, at: now }, change: UNLISTED };
        let mut levels = vec![Level::new(Mode::Live); shared.saturating_add(cells)];
        levels[0].mode = limits.mode;
        let mut words = vec![fresh; word_count];
        words.iter_mut().take(layout.accounts).for_each(|account| account.word.mode = limits.mode);
        // Per call a configured or shared cause begins and ends a few times at most; an instrument's only once.
        let transitions = built_in.saturating_add(configured).saturating_mul(4).saturating_add(16);
        Self {
            layout,
            names: limits.drawdowns.iter().flat_map(|guard| [guard.name, soft_name(guard.name)]).collect(),
            causes: vec![Cause::idle(); causes],
            held: Vec::with_capacity(causes),
            levels,
            words,
            book_strategy: limits.books.iter().map(|book| book.strategy).collect(),
            epoch: 1,
            nonces: mix(now.0),
            at: now,
            mark: 0,
            unreported: 0,
            outcome: Outcome::new(word_count, transitions, verdicts(limits), DIRECTIVES),
        }
    }

    /// Starts a call: nothing has changed yet.
    pub(super) fn open_turn(&mut self, now: Nanos) {
        for change in &self.outcome.changes {
            if let Some(index) = self.layout.word(change.id) {
                self.words[index].change = UNLISTED;
            }
        }
        self.outcome.clear();
        self.at = now;
        self.mark = 0;
    }

    pub(super) const fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) const fn next_epoch(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
    }

    /// A word; HALTED for one that does not exist.
    pub(super) fn word(&self, id: WordId) -> HaltWord {
        self.layout.word(id).map_or(HaltWord::default(), |index| self.words[index].word)
    }

    /// When a word last left ACTIVE.
    pub(super) fn closed(&self, id: WordId) -> Closed {
        let always = Closed { epoch: self.epoch, at: Nanos::ZERO };
        self.layout.word(id).map_or(always, |index| self.words[index].closed)
    }

    pub(super) fn words(&self) -> impl Iterator<Item = (WordId, HaltWord)> + '_ {
        self.words.iter().enumerate().map(|(index, word)| (self.layout.word_id(index), word.word))
    }

    /// Whether the scope exists.
    pub(super) fn knows(&self, scope: Scope) -> bool {
        self.layout.ordinal(scope).is_some()
    }

    /// The cause a guard holds on a scope.
    pub(super) fn cause(&self, scope: Scope, guard: u16) -> Option<&Cause> {
        // Nothing holds anywhere nearly always.
        if self.held.is_empty() {
            return None;
        }
        self.layout.slot(scope, guard).map(|slot| &self.causes[slot]).filter(|cause| cause.listed != UNLISTED)
    }

    pub(super) fn holds(&self, scope: Scope, guard: u16) -> bool {
        self.cause(scope, guard).is_some()
    }

    pub(super) fn guard_name(&self, guard: u16) -> Name {
        if let Some(configured) = guard.checked_sub(guard::CONFIGURED) {
            return self.names.get(usize::from(configured)).copied().unwrap_or_default();
        }
        built_in_name(guard)
    }

    /// Begins a cause, or makes one that holds worse. `true` when something changed.
    pub(super) fn begin(&mut self, hold: Hold) -> bool {
        let (Some(slot), Some(ordinal)) =
            (self.layout.slot(hold.scope, hold.guard), self.layout.ordinal(hold.scope))
        else {
            return false;
        };
        let before = self.levels[ordinal].state();
        let cause = &mut self.causes[slot];
        if cause.listed == UNLISTED {
            self.list(slot);
        } else if hold.state < cause.state || is_graver(hold.reason, cause.reason) {
            let old = cause.state;
            self.levels[ordinal].lower(old);
        } else {
            // The same again, for longer: the time starts over, and what was over is not.
            if hold.latch == Latch::Cooldown && cause.latch == Latch::Cooldown && hold.until > cause.until {
                (cause.until, cause.reason) = (hold.until, hold.reason);
            }
            return false;
        }
        self.put(slot, ordinal, &hold, before);
        true
    }

    /// Begins a cause in the place of the one its guard holds, whatever that was.
    pub(super) fn exchange(&mut self, hold: Hold) {
        let (Some(slot), Some(ordinal)) =
            (self.layout.slot(hold.scope, hold.guard), self.layout.ordinal(hold.scope))
        else {
            return;
        };
        let (before, old) = (self.levels[ordinal].state(), self.causes[slot]);
        if old.listed == UNLISTED {
            self.list(slot)
        } else {
            self.levels[ordinal].lower(old.state)
        }
        self.put(slot, ordinal, &hold, before);
    }

    fn list(&mut self, slot: usize) {
        self.causes[slot].listed = u32::try_from(self.held.len()).unwrap_or(UNLISTED);
        self.held.push(slot as u32);
    }

    fn put(&mut self, slot: usize, ordinal: usize, hold: &Hold, before: TradingState) {
        self.levels[ordinal].raise(hold.state);
        let after = self.levels[ordinal].state();
        let latched = hold.latch != Latch::Auto;
        let tightened = after < before;
        if tightened || latched {
            self.epoch = self.epoch.saturating_add(1);
        }
        let nonce = if latched { self.next_nonce() } else { 0 };
        let cause = &mut self.causes[slot];
        *cause = Cause {
            reason: hold.reason,
            state: hold.state,
            latch: hold.latch,
            nonce,
            measured: hold.measured,
            limit: hold.limit,
            until: hold.until,
            scope: hold.scope,
            guard: hold.guard,
            since: self.at,
            epoch: self.epoch,
            listed: cause.listed,
        };
        self.report(hold, nonce, before, after, true);
        self.refresh(hold.scope, latched);
    }

    /// Ends the cause a guard holds. `true` when it held.
    pub(super) fn end(&mut self, scope: Scope, guard: u16, reading: Reading) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let (Some(slot), Some(ordinal)) = (self.layout.slot(scope, guard), self.layout.ordinal(scope)) else {
            return false;
        };
        let cause = self.causes[slot];
        if cause.listed == UNLISTED {
            return false;
        }
        let before = self.levels[ordinal].state();
        self.levels[ordinal].lower(cause.state);
        let after = self.levels[ordinal].state();
        self.held.swap_remove(cause.listed as usize);
        if let Some(&moved) = self.held.get(cause.listed as usize) {
            self.causes[moved as usize].listed = cause.listed;
        }
        self.causes[slot].listed = UNLISTED;
        let hold = Hold {
            scope,
            guard,
            reason: cause.reason,
            state: cause.state,
            latch: cause.latch,
            measured: cause.measured,
            limit: cause.limit,
            reading,
            until: cause.until,
        };
        self.report(&hold, cause.nonce, before, after, false);
        self.refresh(scope, false);
        true
    }

    /// Of the causes on these scopes one with the lowest state; of equals the one that has held longest.
    pub(super) fn gravest(&self, scopes: &[Scope]) -> Option<&Cause> {
        let held = self.held.iter().map(|&slot| &self.causes[slot as usize]);
        held.filter(|cause| scopes.contains(&cause.scope)).min_by_key(|cause| (cause.state, cause.since))
    }

    /// The held cause at a place in a list without order.
    pub(super) fn held(&self, index: usize) -> Option<&Cause> {
        self.causes.get(*self.held.get(index)? as usize)
    }

    /// When the next cool-down ends; [`Nanos::NEVER`] when none runs.
    pub(super) fn next_cooldown(&self) -> Nanos {
        let running = self.held.iter().map(|&slot| &self.causes[slot as usize]).filter(|cause| cause.cools());
        running.map(|cause| cause.until).min().unwrap_or(Nanos::NEVER)
    }

    /// Makes the causes whose cool-down is over READY_TO_RESUME.
    pub(super) fn ripen(&mut self, now: Nanos) {
        for index in 0..self.held.len() {
            let slot = self.held[index] as usize;
            let cause = self.causes[slot];
            if !cause.cools() || cause.until > now {
                continue;
            }
            self.causes[slot].reason = Reason::ReadyToResume;
            let state = self.state(cause.scope);
            let hold = Hold {
                scope: cause.scope,
                guard: cause.guard,
                reason: Reason::ReadyToResume,
                state: cause.state,
                latch: cause.latch,
                measured: cause.measured,
                limit: cause.limit,
                reading: Reading::NONE,
                until: cause.until,
            };
            self.report(&hold, cause.nonce, state, state, true);
        }
    }

    pub(super) fn cause_count(&self) -> usize {
        self.held.len()
    }

    pub(super) fn cause_row(&self, index: usize) -> Option<CauseRow> {
        let cause = self.causes.get(*self.held.get(index)? as usize)?;
        Some(CauseRow {
            scope: Some(cause.scope),
            guard: u64::from(cause.guard),
            reason: Some(cause.reason),
            state: cause.state,
            latch: Some(cause.latch),
            nonce: cause.nonce,
            since: cause.since,
            measured: cause.measured,
            limit: cause.limit,
            epoch: u64::from(cause.epoch),
            until: if cause.latch == Latch::Cooldown { cause.until } else { Nanos::ZERO },
        })
    }

    fn report(&mut self, hold: &Hold, nonce: u64, old: TradingState, new: TradingState, began: bool) {
        if self.outcome.transitions.len() == self.outcome.transitions.capacity() {
            bump(&mut self.unreported);
            return;
        }
        self.outcome.transitions.push(Transition {
            scope: hold.scope,
            guard: hold.guard,
            reason: hold.reason,
            old_state: old,
            new_state: new,
            began,
            epoch: self.epoch,
            nonce,
            latch: hold.latch,
            measured: hold.measured,
            limit: hold.limit,
            equity: hold.reading.equity,
            peak: hold.reading.peak,
            drawdown_bps: hold.reading.drawdown_bps,
            mark: self.mark,
            at: self.at,
        });
    }

    /// Recomputes the words that fold `scope`.
    fn refresh(&mut self, scope: Scope, latched: bool) {
        match scope {
            Scope::Firm => (0..self.layout.accounts).for_each(|account| self.refresh_word(account, latched)),
            Scope::Strategy(strategy) => {
                for book in 0..self.layout.books {
                    if self.book_strategy[book] == strategy {
                        self.refresh_word(self.layout.accounts.saturating_add(book), latched);
                    }
                }
            }
            Scope::Account(account) => self.refresh_word(usize::from(account), latched),
            Scope::Book(book) => {
                self.refresh_word(self.layout.accounts.saturating_add(usize::from(book)), latched)
            }
            Scope::Instrument(account, instrument) => {
                let id = WordId::Instrument(account, instrument);
                if let Some(index) = self.layout.word(id) {
                    self.refresh_word(index, latched);
                }
            }
        }
    }

    fn refresh_word(&mut self, index: usize, latched: bool) {
        let id = self.layout.word_id(index);
        let scopes = match id {
            WordId::Account(account) => [Scope::Firm, Scope::Account(account)],
            WordId::Book(book) => [Scope::Strategy(self.book_strategy[usize::from(book)]), Scope::Book(book)],
            WordId::Instrument(account, instrument) => [Scope::Instrument(account, instrument); 2],
        };
        let [state, narrower] = scopes.map(|scope| self.state(scope));
        let [mode, its_own] = scopes.map(|scope| self.mode(scope));
        let (state, mode) = (state.min(narrower), mode.min(its_own));
        let old = self.words[index].word;
        let mut new = HaltWord { state, mode, ..old };
        if state < old.state || latched {
            new.epoch = self.epoch;
        }
        if new == old {
            return;
        }
        let word = &mut self.words[index];
        word.word = new;
        if old.state == TradingState::Active && state < old.state {
            word.closed = Closed { epoch: self.epoch, at: self.at };
        }
        match self.outcome.changes.get_mut(word.change as usize) {
            Some(change) => change.new = new,
            None => {
                word.change = u32::try_from(self.outcome.changes.len()).unwrap_or(UNLISTED);
                self.outcome.changes.push(WordChange { id, old, new });
            }
        }
    }

    fn state(&self, scope: Scope) -> TradingState {
        self.layout.ordinal(scope).map_or(TradingState::Halted, |ordinal| self.levels[ordinal].state())
    }

    fn next_nonce(&mut self) -> u64 {
        loop {
            self.nonces = self.nonces.wrapping_add(1);
            let nonce = mix(self.nonces);
            if nonce != 0 {
                return nonce;
            }
        }
    }
}
