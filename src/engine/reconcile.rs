//! HOT: whether the books are those of the venue.
//!
//! **A snapshot** is BEGIN (the lane's position before the venue was asked), rows, END (the number of rows, the position
//! after the answer), one at a time per lane. What a snapshot of positions does not name is zero. At END each
//! (account, instrument), and the account's cash where a balance in its currency came, is held against every value it
//! had between the two positions, in the order of the engine, other lanes' events included:
//!
//! | | |
//! |---|---|
//! | one of them is within the tolerance | match: all doubt about it ends |
//! | none, and it changed in between, or the time is forgotten | inconclusive: asked again |
//! | none, and it did not change | mismatch: asked again; the second, at least 2 s after the first, halts |
//!
//! Whatever has not matched for 60 s (`>=`) after it first did not halts too, whether anybody answers or not. The cause
//! *reconcile* sits on the (account, instrument), POSITION_MISMATCH, or on the account, CASH_MISMATCH: HALTED, class
//! AUTO, ended by a match and by nothing else. `measured` is ours, `limit` the venue's, cash in 1e-6. Tolerance: lots of
//! the instrument, `|ours − theirs| <= tolerance`; cash `|ours − theirs| * 10_000 <= |theirs| * bps`. From the first mismatch
//! on no reading of the account is trusted, and exits are those of an unreconciled position.
//!
//! **Cash** is what is realised, by average cost: the wallet of a derivatives account. Nothing is ever booked from a
//! balance alone: what is missing is no withdrawal, what is more raises no peak. FLOW, FUNDING and FEE_ADJUST put cash
//! right, and so does a flow that was announced: see `expected`.
//!
//! **Orders**: see `orders`. **Adopting** a difference: see `adopt`. **A client that died** or lost events (CLIENT_DEAD, GAP
//! by *client*) is forgiven once each of its books has had, through a lane opened since, a snapshot of positions in which
//! everything matched, and one of orders. What it wrote as garbage, and a lane nobody could keep up with, is not.
//!
//! First start: nothing is doubted; a snapshot proves, its absence does not accuse, except where an account is to be armed
//! by one: see `arming`. A snapshot that cannot be (other id,
//! wrong count, an instrument twice, a leg of the other sign, a position ahead of the lane) halts its strategy, CORRUPT.
//! In hedge mode each leg is held against its own row; a row of a leg where there is none, or of no leg where there are
//! two, leaves the instrument inconclusive. The cause on it ends once neither leg is in doubt. Does not catch: trades
//! that cancel out between two snapshots, spot balances and currencies but the account's: one that
//! holds spot, has had other money or publishes its equity is not compared in cash.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod adopt;
mod arming;
mod compare;
mod expected;
mod follow_up;
mod moves;
mod orders;

use arming::Arming;
pub(super) use expected::Heard;
use expected::{Expected, ROOM};
use moves::{CASH, Moves, Point, Trail};

use super::Engine;
use super::exact::bump;
use super::funds::UNTOLD;
use super::lanes::Place;
use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room, is_as_long, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Event, Leg, Message, Nanos, Reason, Scope};

/// Bits of what a snapshot is of.
const POSITIONS: u32 = 1 << 0;
const ORDERS: u32 = 1 << 1;
const BALANCES: u32 = 1 << 2;

/// Two mismatches this far apart halt, and so long after one the venue is asked again.
const APART: Nanos = Nanos::from_secs(2);
/// What has not matched for so long halts.
const PATIENCE: Nanos = Nanos::from_secs(60);

/// A snapshot being read.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Bracket {
    account: AccountId,
    snapshot: u64,
    what: u32,
    before: u64,
    from: Option<Point>,
    rows: u64,
    /// Names it in what it has seen.
    mark: u64,
    cash: Option<i128>,
    /// A row found no room: it proves nothing.
    lacks: bool,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Row {
    lane: u16,
    instrument: InstrumentId,
    leg: Leg,
    /// `None` where it does not say which leg it is of, or names one that there is not.
    qty: Option<i64>,
    average_px: i64,
}

/// What is doubted of one instrument of an account, or of its cash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Cell {
    /// Since when it has not matched.
    since: Option<Nanos>,
    /// The first mismatch since.
    first: Option<Nanos>,
    /// The last one, until somebody adopts it.
    last: Option<Mismatch>,
    /// The snapshot that named it last.
    mark: u64,
}

/// What a snapshot had more than we, and how many changes had been made by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Mismatch {
    by: i128,
    made: u64,
    average_px: i64,
}

/// What a lane has proved of a book since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Proof {
    positions: bool,
    orders: bool,
}

/// When an account's snapshot is asked for again, and of which book.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Question {
    at: Nanos,
    book: BookId,
}

/// What is known of snapshots.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Reconcile {
    moves: Moves,
    /// One per lane.
    trails: Vec<Trail>,
    brackets: Vec<Option<Bracket>>,
    /// Rows of positions of all brackets.
    rows: Vec<Row>,
    /// Per account its instruments (in hedge mode their long legs), then the short legs, then its cash.
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    cells: Vec<Cell>,
    /// The cells that have not matched.
    doubted: Vec<u32>,
    /// One per account.
    questions: Vec<Question>,
    /// Flows that were announced.
    expected: Vec<Expected>,
    /// How far each account is.
    arming: Vec<Arming>,
    /// One per book.
    proofs: Vec<Proof>,
    /// Since when each lane has been open, and each strategy's client in doubt: a proof is younger than both.
    opened: Vec<Nanos>,
    doubted_since: Vec<Nanos>,
    marks: u64,
    /// Cells of an account.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    width: usize,
    /// How many of them are instruments, and which instruments have a short leg.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    instruments: u16,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    hedged: Vec<InstrumentId>,
}

#[cfg(feature = "sidecar")]
impl Fit for Reconcile {
    fn fit(&mut self, fresh: Self) -> bool {
        (self.width, self.instruments, self.hedged) = (fresh.width, fresh.instruments, fresh.hedged);
        self.moves.fit(fresh.moves)
            && self.trails.fit(fresh.trails)
            && is_as_long(&self.brackets, &fresh.brackets)
            && into_room(&mut self.rows, fresh.rows)
            && with_blanks(&mut self.cells, fresh.cells)
            && into_room(&mut self.doubted, fresh.doubted)
            && is_as_long(&self.questions, &fresh.questions)
            && into_room(&mut self.expected, fresh.expected)
            && is_as_long(&self.arming, &fresh.arming)
            && is_as_long(&self.proofs, &fresh.proofs)
            && is_as_long(&self.opened, &fresh.opened)
            && is_as_long(&self.doubted_since, &fresh.doubted_since)
            && self.points_inside()
    }
}

#[cfg(feature = "sidecar")]
impl Reconcile {
    fn points_inside(&self) -> bool {
        let (accounts, books) = (self.questions.len(), self.proofs.len());
        self.doubted.iter().all(|&cell| (cell as usize) < self.cells.len())
            && self.expected.iter().all(|expected| usize::from(expected.book()) < books)
            && self.questions.iter().all(|question| usize::from(question.book) < books)
            && self.brackets.iter().flatten().all(|bracket| usize::from(bracket.account) < accounts)
            && self.rows.iter().all(|row| row.instrument < self.instruments)
    }
}

impl Reconcile {
    pub(super) fn new(limits: &Limits) -> Self {
        let lanes = usize::from(limits.capacity.lanes);
        let hedged = limits.instruments.iter().zip(0_u16..).filter(|(instrument, _)| instrument.hedge);
        let hedged: Vec<InstrumentId> = hedged.map(|(_, index)| index).collect();
        let width = limits.instruments.len().saturating_add(hedged.len()).saturating_add(1);
        let cells = limits.accounts.len().saturating_mul(width);
        let rows = limits.instruments.len().saturating_mul(2).max(limits.capacity.positions as usize);
        Self {
            moves: Moves::new(),
            trails: (0..lanes).map(|_| Trail::new()).collect(),
            brackets: vec![None; lanes],
            rows: Vec::with_capacity(rows),
            cells: vec![Cell::default(); cells],
            doubted: Vec::with_capacity(cells),
            questions: vec![Question { at: Nanos::NEVER, book: 0 }; limits.accounts.len()],
            expected: Vec::with_capacity(ROOM),
            arming: (0..limits.accounts.len() as u16).map(|account| Arming::new(limits, account)).collect(),
            proofs: vec![Proof::default(); limits.books.len()],
            opened: vec![Nanos::ZERO; lanes],
            doubted_since: vec![Nanos::ZERO; limits.strategies.len()],
            marks: 0,
            width,
            instruments: limits.instruments.len() as u16,
            hedged,
        }
    }

    /// A record of a lane is taken.
    pub(super) fn pass(&mut self, lane: u16, position: u64, at: Nanos) {
        let made = self.moves.made();
        if let Some(trail) = self.trails.get_mut(usize::from(lane)) {
            trail.pass(position, made, at);
        }
    }

    /// A lane opens or closes: nothing it began is finished, and it begins here.
    pub(super) fn restart(&mut self, lane: u16, now: Nanos) {
        if let Some(trail) = self.trails.get_mut(usize::from(lane)) {
            trail.clear();
        }
        self.pass(lane, 0, now);
        self.abandon(lane);
        if let Some(opened) = self.opened.get_mut(usize::from(lane)) {
            *opened = now;
        }
    }

    /// Whether anything of an account has been found not to be the venue's.
    pub(super) fn doubts(&self, account: AccountId) -> bool {
        let mut doubted = self.doubted.iter();
        doubted.any(|&cell| self.scope_of(cell).0 == account && self.cells[cell as usize].first.is_some())
    }

    fn abandon(&mut self, lane: u16) -> Option<Bracket> {
        self.rows.retain(|row| row.lane != lane);
        self.brackets.get_mut(usize::from(lane))?.take()
    }

    /// The bracket a row or an end belongs to.
    fn bracket(&mut self, place: Place, snapshot: Option<u64>, what: u32) -> Option<&mut Bracket> {
        let bracket = self.brackets.get_mut(usize::from(place.lane))?.as_mut()?;
        let fits = bracket.account == place.account
            && snapshot.is_none_or(|snapshot| snapshot == bracket.snapshot)
            && (what == 0 || bracket.what & what != 0);
        fits.then_some(bracket)
    }

    /// What of an account a leg of an instrument is.
    fn line(&self, instrument: InstrumentId, leg: Leg) -> u16 {
        let at = if leg == Leg::Short { self.hedged.binary_search(&instrument).ok() } else { None };
        // Legs there are not have no line of their own.
        at.map_or(instrument, |at| self.instruments.saturating_add(at as u16))
    }

    /// The instrument that something of an account is of, and whether it is its short leg.
    fn instrument_of(&self, of: u16) -> (InstrumentId, bool) {
        let at = of.checked_sub(self.instruments).and_then(|at| self.hedged.get(usize::from(at)));
        at.map_or((of, false), |&instrument| (instrument, true))
    }

    fn index(&self, account: AccountId, of: u16) -> usize {
        let within = if of == CASH { self.width.saturating_sub(1) } else { usize::from(of) };
        usize::from(account).saturating_mul(self.width).saturating_add(within)
    }

    fn scope_of(&self, cell: u32) -> (AccountId, u16) {
        let account = (cell as usize).checked_div(self.width).unwrap_or(0);
        let within = (cell as usize).checked_rem(self.width).unwrap_or(0);
        let is_cash = within.saturating_add(1) == self.width;
        (account as u16, if is_cash { CASH } else { within as u16 })
    }
}

/// What a record may change, as it was before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    /// The position, in hedge mode its long leg.
    q: i128,
    short: i128,
    cash: i128,
}

impl Engine {
    /// The scope that is halted for a cell.
    fn halted_scope(&self, account: AccountId, of: u16) -> Scope {
        if of == CASH {
            return Scope::Account(account);
        }
        Scope::Instrument(account, self.reconcile.instrument_of(of).0)
    }

    /// What a record may change: the position it is about, that of HOUSE, and the account's cash.
    pub(super) fn holding(&self, place: Place) -> Holding {
        let books = [place.book, self.house(place.account)];
        let held = |instrument, leg| {
            books.into_iter().map(|book| i128::from(self.leg_position(book, instrument, leg))).sum()
        };
        let cash = self.realised_of(place.account);
        match place.instrument {
            None => Holding { q: 0, short: 0, cash },
            Some(instrument) if self.is_hedged(instrument) => {
                Holding { q: held(instrument, Leg::Long), short: held(instrument, Leg::Short), cash }
            }
            Some(instrument) => Holding { q: held(instrument, Leg::Net), short: 0, cash },
        }
    }

    /// Notes what has changed since.
    pub(super) fn note_moves(&mut self, place: Place, before: Holding) {
        let now = self.holding(place);
        let Reconcile { moves, .. } = &mut self.reconcile;
        if let Some(instrument) = place.instrument {
            moves.note(place.account, instrument, now.q.saturating_sub(before.q));
        }
        if now.short != before.short {
            let line = self.reconcile.line(place.instrument.unwrap_or_default(), Leg::Short);
            self.reconcile.moves.note(place.account, line, now.short.saturating_sub(before.short));
        }
        self.reconcile.moves.note(place.account, CASH, now.cash.saturating_sub(before.cash));
    }

    /// SNAP_BEGIN to SNAP_END.
    pub(super) fn on_snapshot(&mut self, place: Place, message: &Message) {
        let taken = match message.event {
            Event::SnapBegin { snapshot, what, position_before } => {
                self.begin_snapshot(place, snapshot, what, position_before)
            }
            Event::SnapPosition { snapshot, qty, average_px, .. } => {
                self.note_row(place, snapshot, qty.0, average_px)
            }
            Event::SnapBalance { snapshot, total, available, ccy } => {
                self.note_balance(place, snapshot, (total.0, available), ccy)
            }
            Event::SnapOrder { .. } => self.note_order(place, message),
            Event::SnapEnd { snapshot, rows, position_after, .. } => {
                self.end_snapshot(place, snapshot, rows, position_after)
            }
            _ => None,
        };
        if taken.is_none() {
            self.reconcile.abandon(place.lane);
            self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
        }
    }

    fn begin_snapshot(&mut self, place: Place, snapshot: u64, what: u32, before: u64) -> Option<()> {
        let known = POSITIONS | ORDERS | BALANCES;
        (what != 0 && what & !known == 0 && before <= place.position).then_some(())?;
        let reconcile = &mut self.reconcile;
        reconcile.abandon(place.lane);
        reconcile.marks = reconcile.marks.wrapping_add(1);
        let from = reconcile.trails.get(usize::from(place.lane))?.at(before);
        let (account, mark) = (place.account, reconcile.marks);
        let bracket =
            Bracket { account, snapshot, what, before, from, rows: 0, mark, cash: None, lacks: false };
        *reconcile.brackets.get_mut(usize::from(place.lane))? = Some(bracket);
        Some(())
    }

    fn note_row(&mut self, place: Place, snapshot: u64, qty: i64, average_px: i64) -> Option<()> {
        let instrument = place.instrument?;
        self.reconcile.bracket(place, Some(snapshot), POSITIONS).map(|bracket| {
            bracket.rows = bracket.rows.saturating_add(1);
        })?;
        if self.has_leg(instrument, place.leg) {
            // A leg of the other sign cannot be, and neither can the same one twice.
            place.leg.holds(qty).then_some(())?;
            let is_first = self.note_leg(place, instrument, place.leg, Some(qty), average_px)?;
            return is_first.then_some(());
        }
        // What it is of nobody can tell: that leaves all of the instrument inconclusive, however often it is said.
        for &leg in self.legs_of(instrument) {
            self.note_leg(place, instrument, leg, None, average_px)?;
        }
        Some(())
    }

    /// Notes a row of a leg; whether it is the first.
    fn note_leg(
        &mut self,
        place: Place,
        instrument: InstrumentId,
        leg: Leg,
        qty: Option<i64>,
        average_px: i64,
    ) -> Option<bool> {
        let has_room = self.reconcile.rows.len() < self.reconcile.rows.capacity();
        let bracket = self.reconcile.brackets.get_mut(usize::from(place.lane))?.as_mut()?;
        bracket.lacks |= !has_room;
        let mark = bracket.mark;
        let index = self.reconcile.index(place.account, self.reconcile.line(instrument, leg));
        let cell = self.reconcile.cells.get_mut(index)?;
        let is_first = core::mem::replace(&mut cell.mark, mark) != mark;
        if has_room {
            self.reconcile.rows.push(Row { lane: place.lane, instrument, leg, qty, average_px });
        }
        Some(is_first)
    }

    fn note_balance(
        &mut self,
        place: Place,
        snapshot: u64,
        (total, available): (i128, i64),
        ccy: u16,
    ) -> Option<()> {
        let own = self.limits.accounts[usize::from(place.account)].currency.id;
        let bracket = self.reconcile.bracket(place, Some(snapshot), BALANCES)?;
        bracket.rows = bracket.rows.saturating_add(1);
        if available != UNTOLD {
            let currency = if ccy == 0 { own } else { ccy };
            self.funds.tell_balance(place.account, currency, available, bracket.mark);
        }
        if ccy != 0 && ccy != own {
            bump(&mut self.counters.unhandled);
            return Some(());
        }
        bracket.cash.replace(total).is_none().then_some(())
    }

    fn note_order(&mut self, place: Place, message: &Message) -> Option<()> {
        let bracket = self.reconcile.bracket(place, None, ORDERS)?;
        bracket.rows = bracket.rows.saturating_add(1);
        let mark = bracket.mark;
        self.see_order(place, message, mark)
    }

    fn end_snapshot(&mut self, place: Place, snapshot: u64, rows: u64, after: u64) -> Option<()> {
        let bracket = *self.reconcile.bracket(place, Some(snapshot), 0)?;
        let is_whole = bracket.rows == rows && (bracket.before..=place.position).contains(&after);
        is_whole.then_some(())?;
        bump(&mut self.counters.snapshots);
        let to = self.reconcile.trails.get(usize::from(place.lane))?.at(after);
        let window = bracket.from.zip(to).map(|(from, to)| (from.made, to.made));
        let window = window.filter(|&(from, _)| !bracket.lacks && self.reconcile.moves.remembers(from));
        let opens = self.open_account(place, &bracket, window);
        // What is being opened is the venue's already, and what is not opened yet can be compared with nothing.
        let is_open = self.reconcile.is_opened(place.account) && !opens;
        if bracket.what & POSITIONS != 0 && is_open {
            self.compare_positions(place, &bracket, window);
        }
        if bracket.what & BALANCES != 0 {
            let asked = bracket.from.map_or(Nanos::ZERO, |from| from.at);
            self.funds.settle_balances(place.account, bracket.mark, asked);
        }
        if let Some(cash) = bracket.cash.filter(|_| is_open) {
            self.compare_cash(place.account, cash, window);
        }
        if bracket.what & ORDERS != 0 {
            self.sweep_orders(place, &bracket, window);
        }
        self.reconcile.abandon(place.lane);
        self.note_arming(place.account, &bracket, window.is_some());
        let proves =
            bracket.what & POSITIONS != 0 && window.is_some() && !self.is_position_doubted(place.account);
        self.prove_connection(place, bracket.before, bracket.from.map(|from| from.at), proves);
        self.refresh_trust(Scope::Account(place.account));
        self.note_proof(place, &bracket, window.is_some());
        self.question(place);
        Some(())
    }
}
