//! HOT: the decisions. A pure state machine: `(now, record) -> outcome`, bit-identical live, embedded and replayed.
//!
//! `now` is an argument, the engine's stamp in the record; a clock that steps backward is taken as standing still.
//! Nothing here allocates after [`Engine::new`], reads a clock, logs, or can panic on what a record says.
//!
//! ```text
//! record ─> source, handle, beat      lanes.rs, clients.rs
//!        ─> ledger                    fills.rs, house.rs, settling.rs, cash.rs, equity.rs, fx.rs ─ ledger.rs, executions.rs, orders.rs, marks.rs, rates.rs
//!        ─> orders                    placing.rs, replies.rs, stragglers.rs ─ orders.rs, working.rs, error_rate
//!        ─> requests                  requests.rs, order_list.rs, checks.rs, oco.rs, by_cost.rs, prices.rs, self_cross.rs, funds.rs, backlog.rs ─ rate_limit, queue,
//!                                     duplicates.rs, day.rs, drift.rs
//!        ─> exposure                  exposure.rs, gross_net.rs
//!        ─> drawdown                  drawdown.rs: book, then strategy, then account; each in order of the limits
//!        ─> snapshots                 reconcile.rs, connections.rs
//!        ─> words                     gates.rs
//!        ─> directives                directives.rs, delegation.rs
//! ```
//! The order of checks, and why: who wrote it (a record that may not be believed decides nothing); the beat (a
//! record proves life whatever it says); the books (every limit reads them, so they come first); caps of the book;
//! drawdown from the narrow scope to the wide, so that of two causes in one turn the one that names the culprit is
//! reported first. Causes do not hide each other: every guard is evaluated in every turn that touches its scope,
//! halted or not. Timers due at t run before records stamped t: the runtime feeds a TIMER record first.
//!
//! What cannot be booked or computed halts the scope it belongs to and is counted; see `integrity`.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod applications;
mod approvals;
mod backlog;
mod band;
mod by_cost;
mod cash;
mod chain;
mod checks;
mod clients;
mod connections;
mod day;
mod delegation;
mod directives;
mod drawdown;
mod drift;
mod duplicates;
mod equity;
mod error_rate;
mod exact;
mod executions;
mod exposure;
mod family;
mod fills;
mod funds;
mod fx;
mod gates;
mod gross_net;
mod house;
mod index;
mod integrity;
mod judging;
mod lanes;
mod ledger;
mod legs;
pub mod limits;
mod margins;
mod marks;
mod oco;
mod operator;
mod order_list;
mod orders;
mod outcome;
mod payoff;
mod placing;
mod prices;
mod queue;
mod rate_limit;
mod rates;
mod reconcile;
mod repeats;
mod replies;
mod requests;
mod rows;
mod scoped;
mod self_cross;
mod sessions;
mod settling;
#[cfg(feature = "sidecar")]
mod snapshot;
mod stragglers;
mod table;
mod timers;
mod working;

pub use exposure::Exposure;
pub use gates::guard;
pub use gross_net::ScopeExposure;
pub use limits::Limits;
pub use outcome::{Counters, LaneDirective, LaneVerdict, Outcome, Source, Transition, WordChange, WordId};
#[cfg(feature = "sidecar")]
pub use snapshot::SnapshotError;

use applications::Applications;
use approvals::Approvals;
use clients::Clients;
use connections::Connections;
use day::Day;
use delegation::Delegated;
use directives::Directives;
use drawdown::{Drawdowns, Touch};
use drift::Drifts;
use duplicates::Duplicates;
use error_rate::ErrorRates;
use exact::bump;
use executions::Executions;
use funds::Funds;
use gates::Gates;
use gross_net::GrossNet;
use index::{Watched, book_table, venues, watch};
use lanes::Place;
use ledger::Ledger;
use marks::{Depths, Marks};
use order_list::OrderLists;
use orders::Orders;
use prices::WallClock;
use queue::Queue;
use rate_limit::Buckets;
use reconcile::Reconcile;
use replies::Awaited;
use scoped::PerScope;
use stragglers::Stragglers;
use timers::{Timers, Watch, Watches};
use working::Working;

use crate::model::scope::BookId;
use crate::model::{Event, HaltWord, Message, Mode, Name, Nanos, Scope, TradingState};

/// The decision engine. Owned by one thread.
///
/// Call [`Engine::apply`] for each record in the order in which they were taken, with times that do not step back;
/// between records wait until [`Engine::next_deadline`] at most, and then apply [`Event::Timer`].
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Engine {
    limits: Limits,
    now: Nanos,
    gates: Gates,
    ledger: Ledger,
    marks: Marks,
    executions: Executions,
    orders: Orders,
    drawdowns: Drawdowns,
    /// Guards by the scope they watch, and which part of the list each scope has.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    watchers: Vec<u16>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    watched: Watched,
    clients: Clients,
    applications: Applications,
    timers: Timers,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    watches: Watches,
    error_rates: ErrorRates,
    buckets: Buckets,
    /// One per venue.
    queues: Vec<Queue>,
    /// Since when a queue under backpressure has been at most half full.
    calm_since: Vec<Option<Nanos>>,
    /// The venue of each account.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    venue_of: Vec<u16>,
    working: Working,
    gross_net: GrossNet,
    drifts: Drifts,
    funds: Funds,
    day: Day,
    /// Executions of each scope since a person enabled it.
    repeats: PerScope<u32>,
    /// What the wall clock said last.
    wall: Option<WallClock>,
    awaited: Awaited,
    lists: OrderLists,
    approvals: Approvals,
    duplicates: Duplicates,
    directives: Directives,
    delegated: Delegated,
    stragglers: Stragglers,
    reconcile: Reconcile,
    connections: Connections,
    counters: Counters,
    /// The session of each clock.
    sessions: Vec<u64>,
    /// How long a gate word that was read may be trusted.
    lease: Nanos,
    /// Strategies and accounts already judged in this turn.
    judged: Judged,
    /// Book by strategy and account.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    book_of: Vec<Option<BookId>>,
}

#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Judged {
    turn: u64,
    strategies: Vec<u64>,
    accounts: Vec<u64>,
}

/// The name of a guard of an engine with these limits; empty for a number no guard has.
#[must_use]
pub fn guard_name(limits: &Limits, guard: u16) -> Name {
    let Some(configured) = guard.checked_sub(gates::guard::CONFIGURED) else {
        return gates::built_in_name(guard);
    };
    let Some(drawdown) = limits.drawdowns.get(usize::from(configured >> 1)) else { return Name::default() };
    if configured & 1 == 0 { drawdown.name } else { gates::soft_name(drawdown.name) }
}

impl Engine {
    /// An engine with these limits, starting at `now`. The only place that allocates.
    ///
    /// # Panics
    /// When the limits contradict themselves: an index out of range, `peak_n` or `confirm_k` out of range.
    /// Configuration is validated before it becomes [`Limits`], so that is a programmer's mistake.
    #[must_use]
    pub fn new(limits: Limits, now: Nanos) -> Self {
        limits.assert_consistent();
        let depths = Depths::new(&limits);
        let (watchers, watched) = watch(&limits);
        let watches = Watches::new(&limits);
        let buckets = Buckets::new(&limits, now);
        let mut engine = Self {
            now,
            gates: Gates::new(&limits, now),
            ledger: Ledger::new(&limits, depths, now),
            marks: Marks::new(&limits, depths, now),
            executions: Executions::new(limits.capacity.executions, limits.accounts.len()),
            orders: Orders::new(limits.capacity.orders),
            drawdowns: Drawdowns::new(&limits, &depths),
            watchers,
            watched,
            clients: Clients::new(&limits),
            applications: Applications::new(&limits, now),
            timers: Timers::new(watches.count()),
            watches,
            error_rates: ErrorRates::new(&limits),
            calm_since: vec![None; limits.venues.len()],
            venue_of: venues(&limits),
            working: Working::new(&limits),
            gross_net: GrossNet::new(&limits),
            drifts: Drifts::new(&limits),
            funds: Funds::new(&limits),
            day: Day::new(&limits),
            repeats: PerScope::new(&limits),
            wall: None,
            awaited: Awaited::new(&limits),
            lists: OrderLists::new(&limits),
            approvals: Approvals::new(&limits),
            duplicates: Duplicates::new(&limits),
            directives: Directives::new(),
            delegated: Delegated::new(),
            stragglers: Stragglers::new(),
            reconcile: Reconcile::new(&limits),
            connections: Connections::new(&limits),
            queues: limits
                .venues
                .iter()
                .map(|venue| Queue::new(venue, limits.books.len(), buckets.membership().clone()))
                .collect(),
            buckets,
            counters: Counters::default(),
            sessions: vec![0; usize::from(limits.clocks)],
            lease: Nanos::NEVER,
            judged: Judged {
                turn: 0,
                strategies: vec![0; limits.strategies.len()],
                accounts: vec![0; limits.accounts.len()],
            },
            book_of: book_table(&limits),
            limits,
        };
        engine.hold_unarmed();
        for guard in 0..engine.drawdowns.len() {
            engine.judge_guard(guard, Touch::default());
        }
        engine.hold_restricted();
        engine.watch_applications();
        engine.gates.open_turn(now);
        engine
    }

    /// Says for how long a gate word may be trusted after it was read, once, before the first record. An order that
    /// is announced later than that after its word closed is a violation whatever its writer had seen. Until then
    /// there is no such time: [`Nanos::NEVER`].
    pub const fn set_lease(&mut self, lease: Nanos) {
        self.lease = lease;
    }

    /// For how long a gate word may be trusted after it was read.
    #[must_use]
    pub const fn lease(&self) -> Nanos {
        self.lease
    }

    /// The limits it decides by.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decides about one record. What is due at `now` must have been applied as a TIMER before.
    pub fn apply(&mut self, now: Nanos, source: Source, message: &Message) -> &Outcome {
        self.now = self.now.max(now);
        self.gates.open_turn(self.now);
        self.judged.turn = self.judged.turn.wrapping_add(1);
        bump(&mut self.counters.records);
        match source {
            Source::Lane { lane, strategy, position } => {
                self.on_lane_record(lane, strategy, position, message);
            }
            Source::Operator => self.on_operator_record(message),
            Source::Sidecar => self.on_sidecar_record(message),
        }
        self.direct_after_latches();
        self.counters.unreported = self.gates.unreported;
        &self.gates.outcome
    }

    /// When the engine next wants to be called with a TIMER; [`Nanos::NEVER`] when it waits for nothing.
    #[must_use]
    pub fn next_deadline(&self) -> Nanos {
        self.timers.next()
    }

    /// The global epoch: 1 at the start, advanced by each tightening and latch.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.gates.epoch()
    }

    /// A gate word; all zeros, HALTED, for one that does not exist.
    #[must_use]
    pub fn word(&self, id: WordId) -> HaltWord {
        self.gates.word(id)
    }

    /// A scope's own mode. An order is simulated where any scope that contains it is PAPER; a scope that does not exist is.
    #[must_use]
    pub fn mode(&self, scope: Scope) -> Mode {
        self.gates.mode(scope)
    }

    /// Every gate word: accounts, books, then instruments by account.
    pub fn words(&self) -> impl Iterator<Item = (WordId, HaltWord)> + '_ {
        self.gates.words()
    }

    /// The name of a guard; empty for a number nobody has.
    #[must_use]
    pub fn guard_name(&self, guard: u16) -> Name {
        self.gates.guard_name(guard)
    }

    /// What the last [`Engine::apply`] decided.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.gates.outcome
    }

    /// One bit for each guard that has a cause on `scope` now: bit `guard % 64`.
    #[must_use]
    pub fn cause_bits(&self, scope: Scope) -> u64 {
        self.cause_rows()
            .filter(|cause| cause.scope == Some(scope))
            .fold(0, |bits, cause| bits | 1 << (cause.guard & 63))
    }

    /// Totals since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn on_sidecar_record(&mut self, message: &Message) {
        match message.event {
            Event::Timer { due } => self.on_timer(due),
            Event::Stall { duration } => self.on_stall(duration),
            Event::Lane { lane, strategy, open, .. } => self.on_lane(lane, strategy, open != 0),
            Event::Liveness { lane, strategy, sign, beat } => self.on_liveness(lane, strategy, sign, beat),
            Event::RejectedRecord { lane, code, .. } => self.on_rejected(lane, code),
            Event::Roll { session, clock } => self.on_roll(session, clock),
            Event::WallClock { utc_ns } => self.on_wall_clock(utc_ns),
            Event::Recovered { away, .. } => self.on_recovered(away),
            Event::Doubt { scope, reason, .. } => self.halt(scope, reason),
            // Time passed, or the record of a decision: nothing to decide.
            Event::Tick { .. } | Event::Transition { .. } | Event::EpochAck { .. } | Event::Check { .. } => {}
            _ => bump(&mut self.counters.unhandled),
        }
    }

    /// Another core goes on where one died. Nobody else was away: their deadlines move, and nothing decided before is
    /// of the newest epoch.
    fn on_recovered(&mut self, away: Nanos) {
        self.gates.next_epoch();
        self.on_stall(away);
    }

    fn on_stall(&mut self, duration: Nanos) {
        self.clients.stall(duration, self.now);
        self.applications.stall(duration, self.now);
        self.drawdowns.stall(duration);
    }

    /// Handles every deadline not after `due`. Each owner sets its next one after now, so this ends.
    fn on_timer(&mut self, due: Nanos) {
        self.now = self.now.max(due);
        for _ in 0..self.watches.count() {
            let Some(timer) = self.timers.pop(due) else { return };
            match self.watches.of(timer) {
                Watch::Mark(instrument) => self.on_mark_timer(instrument),
                Watch::Rate(rate) => self.on_rate_timer(rate),
                Watch::Equity(book) => self.on_equity_timer(book),
                Watch::Guard(guard) => self.judge_guard(usize::from(guard), Touch::default()),
                Watch::Beat(strategy) => self.on_beat_timer(strategy),
                Watch::Ack(account) => self.on_ack_timer(account),
                Watch::Queue(venue) => self.serve_queue(venue),
                Watch::Cooldown => self.on_cooldown_timer(),
                Watch::Directives => self.on_directives_timer(),
                Watch::Reconcile => self.on_reconcile_timer(),
            }
        }
    }

    fn on_wall_clock(&mut self, utc_ns: i64) {
        self.wall = Some(WallClock { utc_ns, at: self.now });
        self.buckets.wall(utc_ns, self.now);
        // Windows may lie elsewhere now, and so may the time when a request has its turn.
        for venue in 0..self.queues.len() as u16 {
            self.serve_queue(venue);
        }
    }

    /// The state of the three words an order passes.
    fn state(&self, place: Place) -> TradingState {
        self.words_of(place).map(|word| word.state).into_iter().min().unwrap_or_default()
    }

    fn mode_at(&self, place: Place) -> Mode {
        self.words_of(place).map(|word| word.mode).into_iter().min().unwrap_or_default()
    }

    fn words_of(&self, place: Place) -> [HaltWord; 3] {
        let account = self.word(WordId::Account(place.account));
        let instrument = place.instrument.map(|index| self.word(WordId::Instrument(place.account, index)));
        [account, self.word(WordId::Book(place.book)), instrument.unwrap_or(account)]
    }

    fn book(&self, strategy: u16, account: u16) -> Option<BookId> {
        let index = usize::from(strategy).checked_mul(self.limits.accounts.len())?;
        self.book_of.get(index.checked_add(usize::from(account))?).copied().flatten()
    }
}
