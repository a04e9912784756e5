//! COLD: from rows of numbers to a report with names.

use super::readings::{Reading, readings};
use super::{
    BreakerReport, BucketReport, CauseReport, DirectiveReport, GuardReport, LaneReport, LoopReport,
    PositionReport, QueueReport, Report, RequestReport, STATUS_SCHEMA, StragglerReport, TransitionReport,
    WordReport,
};
use crate::control::clock;
use crate::control::desk::Desk;
use crate::control::scopes;
use crate::engine::Limits;
use crate::model::{HaltWord, Latch, Mode, Money, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::{
    CauseRow, Degraded, GuardRow, LaneRow, LoopRow, PositionRow, Stats, TransitionRow, bucket_floor,
};

/// One moment on both clocks.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Nanos,
    pub(super) utc_ns: u64,
}

impl Moment {
    /// When an instant was.
    pub(super) fn utc(self, instant: Nanos) -> String {
        clock::utc_text(clock::utc_of(instant, self.now, self.utc_ns))
    }

    /// When a deadline is, or was.
    pub(super) fn utc_ahead(self, deadline: Nanos) -> String {
        clock::utc_text(clock::utc_until(deadline, self.now, self.utc_ns))
    }
}

/// Whether gates may read anything but HALTED: the loop has to have ticked within the lease.
///
/// # Errors
/// Why not, for people.
pub fn readiness(stats: Option<&Stats>, now: Nanos) -> Result<(), String> {
    let Some(stats) = stats else { return Err("no core has published a status".to_owned()) };
    let LoopRow { last_tick, lease, ticks, .. } = stats.looping;
    if ticks == 0 {
        return Err("the loop has not turned yet".to_owned());
    }
    let age = now.since(last_tick);
    if age > lease {
        let (age, lease) = (clock::age_text(age), clock::age_text(lease));
        return Err(format!("the loop last ticked {age} ago, the lease is {lease}"));
    }
    Ok(())
}

/// The report of this moment. `marks` are what control itself could not have.
#[must_use]
pub fn build(desk: &Desk, stats: Option<&Stats>, marks: &[&'static str]) -> Report {
    let moment = Moment { now: desk.now(), utc_ns: clock::utc_now_ns() };
    let limits = desk.limits();
    let not_ready = readiness(stats, moment.now).err();
    let empty = Stats::default();
    let rows = stats.unwrap_or(&empty);
    let state = if not_ready.is_some() { TradingState::Halted } else { tightest(rows) };
    let holding = rows.causes.iter().filter(|cause| cause.state == state);
    let oldest = holding.map(|cause| cause.since).min();
    let mut causes: Vec<&CauseRow> = rows.causes.iter().collect();
    causes.sort_by_key(|cause| (cause.state, cause.since));
    Report {
        schema: STATUS_SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: limits.instance.to_string(),
        at: clock::utc_text(moment.utc_ns),
        state: state.to_string(),
        mode: mode(rows, limits).as_str().to_owned(),
        since: oldest.map(|since| moment.utc(since)),
        age: oldest.map(|since| clock::age_text(moment.now.since(since))),
        not_ready,
        looping: stats.map(|stats| loop_report(stats, limits, moment)),
        accounts: accounts(rows, limits),
        books: books(rows, limits),
        positions: rows.positions.iter().filter_map(|row| position(row, limits)).collect(),
        guards: rows.guards.iter().map(|row| guard(row, desk)).collect(),
        causes: causes.into_iter().map(|row| cause(row, desk, moment)).collect(),
        lanes: rows.lanes.iter().map(|row| lane(row, limits, rows.looping.epoch, moment)).collect(),
        transitions: rows.transitions.iter().map(|row| transition(row, desk)).collect(),
        requests: stats.map(|stats| RequestReport::of(&stats.looping)),
        breakers: rows.breakers.iter().filter_map(|row| BreakerReport::of(row, limits, moment)).collect(),
        buckets: rows.buckets.iter().filter_map(|row| BucketReport::of(row, limits, moment)).collect(),
        queues: rows.queues.iter().filter_map(|row| QueueReport::of(row, limits, moment)).collect(),
        directives: rows.directives.iter().map(|row| DirectiveReport::of(row, limits, moment)).collect(),
        stragglers: rows.stragglers.iter().map(|row| StragglerReport::of(row, limits, moment)).collect(),
        degraded: degraded_names(rows.looping.degraded)
            .chain(marks.iter().copied())
            .map(str::to_owned)
            .collect(),
    }
}

/// The names of the marks in a word of [`Degraded`].
pub(crate) fn degraded_names(raw: u64) -> impl Iterator<Item = &'static str> {
    Degraded::from_bits_truncate(raw).iter_names().map(|(name, _)| name)
}

/// The tightest of all words, and of all causes: one on a single instrument is in no word of an account or a book.
/// Nothing known is HALTED.
fn tightest(rows: &Stats) -> TradingState {
    let words = rows.accounts.iter().map(|row| row.word).chain(rows.books.iter().map(|row| row.word));
    let causes = rows.causes.iter().map(|cause| cause.state);
    words.map(|word| word.state).chain(causes).min().unwrap_or_default()
}

fn loop_report(stats: &Stats, limits: &Limits, moment: Moment) -> LoopReport {
    let row = &stats.looping;
    LoopReport {
        last_tick_age_ns: moment.now.since(row.last_tick).0,
        lease_ns: row.lease.0,
        ticks: row.ticks,
        records: row.records,
        rejected: row.rejected,
        orders: row.orders,
        fills: row.fills,
        duplicate_fills: row.duplicate_fills,
        marks: row.marks,
        epoch: row.epoch,
        cpu: (row.cpu != u64::MAX).then_some(row.cpu),
        isolated: row.isolated,
        spinning: row.spinning,
        stalls: row.stalls,
        worst_stall_ns: row.worst_stall.0,
        core_pid: row.core_pid,
        restarts: row.restarts,
        standby: stats.standby,
        journal_lag: row.journal_lag,
        journal_lag_age_ns: row.journal_lag_age.0,
        started: clock::utc_text(row.started_utc_ns),
        lane_capacity: u64::from(limits.capacity.lanes),
        stragglers: row.stragglers,
        violations: row.violations,
        decision_p50_ns: percentile(&stats.latency, 50),
        decision_p99_ns: percentile(&stats.latency, 99),
    }
}

/// The upper edge of the bucket in which `percent` of the observations are reached.
fn percentile(buckets: &[u64], percent: u64) -> Option<u64> {
    let total: u64 = buckets.iter().sum();
    let wanted = (u128::from(total) * u128::from(percent)).div_ceil(100);
    let mut seen = 0_u128;
    let reached = buckets.iter().position(|&count| {
        seen += u128::from(count);
        wanted > 0 && seen >= wanted
    })?;
    Some(bucket_floor(reached + 1) - 1)
}

fn accounts(rows: &Stats, limits: &Limits) -> Vec<WordReport> {
    let named = rows.accounts.iter().filter_map(|row| {
        let account = limits.accounts.get(usize::try_from(row.account).ok()?)?;
        let is_on_it = |book: u64| {
            let book = usize::try_from(book).ok().and_then(|book| limits.books.get(book));
            book.is_some_and(|book| u64::from(book.account) == row.account)
        };
        let of_its_books = rows.books.iter().filter(|book| is_on_it(book.book));
        let open_orders = of_its_books.map(|book| book.open_orders).sum();
        let currency = account.currency.code.as_str();
        Some(WordReport { open_orders, ..word(account.name, row.word, row.equity, currency, row.trusted) })
    });
    named.collect()
}

fn books(rows: &Stats, limits: &Limits) -> Vec<WordReport> {
    let named = rows.books.iter().filter_map(|row| {
        let index = u16::try_from(row.book).ok()?;
        let book = limits.books.get(usize::from(index))?;
        let account = limits.accounts.get(usize::from(book.account))?;
        let (name, currency) = (scopes::book_name(limits, index)?, account.currency.code.as_str());
        let above = rows.accounts.iter().find(|row| row.account == u64::from(book.account));
        let mode = above.map_or(row.word.mode, |above| above.word.mode.min(row.word.mode));
        let halt = HaltWord { mode, ..row.word };
        let open_orders = row.open_orders;
        Some(WordReport { open_orders, ..word(name, halt, row.equity, currency, row.trusted) })
    });
    named.collect()
}

/// PAPER where nothing is live.
fn mode(rows: &Stats, limits: &Limits) -> Mode {
    rows.accounts.iter().map(|row| row.word.mode).max().unwrap_or(limits.mode)
}

fn position(row: &PositionRow, limits: &Limits) -> Option<PositionReport> {
    let book = u16::try_from(row.book).ok()?;
    let house = usize::from(book).checked_sub(limits.books.len());
    let of = match house {
        None => scopes::book_name(limits, book)?,
        Some(account) => format!("HOUSE/{}", limits.accounts.get(account)?.name),
    };
    let instrument = limits.instruments.get(usize::try_from(row.instrument).ok()?)?;
    let shown = |lots: i64| {
        let billionths = 10_i128.pow(u32::from(9 - instrument.qty_decimals.min(9)));
        Money(i128::from(lots) * billionths).to_string()
    };
    let (qty, buys, sells) = (shown(row.qty), shown(row.buys), shown(row.sells));
    Some(PositionReport { book: of, instrument: instrument.name.to_string(), qty, buys, sells })
}

fn word(name: impl ToString, word: HaltWord, equity: Money, currency: &str, trusted: bool) -> WordReport {
    WordReport {
        name: name.to_string(),
        state: word.state.to_string(),
        mode: word.mode.as_str().to_owned(),
        epoch: word.epoch,
        equity: equity.to_string(),
        currency: currency.to_owned(),
        trusted,
        open_orders: 0,
    }
}

pub(super) fn scope_name(limits: &Limits, scope: Option<Scope>) -> String {
    scope.map_or_else(|| "unknown".to_owned(), |scope| scopes::scope_text(limits, scope))
}

fn guard_name(desk: &Desk, number: u64) -> String {
    u16::try_from(number).map_or_else(|_| format!("#{number}"), |number| desk.guard_name(number))
}

fn guard(row: &GuardRow, desk: &Desk) -> GuardReport {
    GuardReport {
        name: guard_name(desk, row.guard),
        scope: scope_name(desk.limits(), row.scope),
        equity: row.equity.to_string(),
        peak: row.peak.to_string(),
        drawdown_bps: row.drawdown_bps,
        limit_bps: (row.limit_bps != 0).then_some(row.limit_bps),
        limit_abs: (row.limit_abs != Money::ZERO).then(|| row.limit_abs.to_string()),
        armed: row.armed,
        warning: row.warning,
        soft: row.soft,
        latched: row.latched,
        trips: row.trips,
    }
}

fn cause(row: &CauseRow, desk: &Desk, moment: Moment) -> CauseReport {
    let limits = desk.limits();
    let (measured, limit) = readings(limits, &Reading::of_cause(row));
    let cools = row.latch == Some(Latch::Cooldown);
    let left = Some(row.until.since(moment.now)).filter(|left| cools && *left > Nanos::ZERO);
    CauseReport {
        scope: scope_name(limits, row.scope),
        guard: guard_name(desk, row.guard),
        reason: row.reason.map_or("UNKNOWN", Reason::as_str).to_owned(),
        state: row.state.to_string(),
        latch: row.latch.map_or("unknown", Latch::as_str).to_owned(),
        nonce: (row.nonce != 0).then(|| format!("{:x}", row.nonce)),
        since: moment.utc(row.since),
        age: clock::age_text(moment.now.since(row.since)),
        measured,
        limit,
        epoch: row.epoch,
        until: cools.then(|| moment.utc_ahead(row.until)),
        left: left.map(clock::age_text),
    }
}

fn transition(row: &TransitionRow, desk: &Desk) -> TransitionReport {
    TransitionReport {
        sequence: row.sequence,
        at: clock::utc_text(row.at_utc_ns),
        scope: scope_name(desk.limits(), row.scope),
        guard: guard_name(desk, row.guard),
        reason: row.reason.map_or("UNKNOWN", Reason::as_str).to_owned(),
        old_state: row.old_state.to_string(),
        new_state: row.new_state.to_string(),
        began: row.began,
        epoch: row.epoch,
        mark: row.mark,
        equity: row.equity.to_string(),
        peak: row.peak.to_string(),
        drawdown_bps: row.drawdown_bps,
        decision_ns: row.decision.0,
    }
}

fn lane(row: &LaneRow, limits: &Limits, epoch: u64, moment: Moment) -> LaneReport {
    let strategy = u16::try_from(row.strategy).ok().and_then(|index| scopes::strategy_name(limits, index));
    let strategy = match strategy {
        Some(name) => name.to_owned(),
        None if row.strategy == u64::MAX => "operator".to_owned(),
        None => format!("#{}", row.strategy),
    };
    LaneReport {
        lane: row.lane,
        strategy,
        consumed: row.consumed,
        depth: row.depth,
        lost: row.lost,
        last_beat_age_ns: moment.now.since(row.last_beat).0,
        acknowledged: row.echoed_epoch >= epoch,
        echoed_epoch: row.echoed_epoch,
    }
}
