//! HOT: drawdown guards: equity below its anchor by a share of the anchor, or by an amount.
//!
//! **Measures** `peak − equity` of an account, a book or a strategy, on the basis EQUITY (cash and positions at
//! their marks) or REALISED (capital, flows and realised profit). On the basis MARGIN it measures the unrealised loss of
//! a book against the initial margin of its newest MARGIN record: the margin takes the place of the peak, no flow, reset or
//! roll moves it, without margin any loss is a breach, and until there was such a record the guard is unarmed. **Trips** at `>=`: `(peak − equity) * 10_000 >=
//! peak * limit_bps`, or `peak − equity >= limit_abs`; with both limits the guard keeps two peaks. **Unit** 1e-9 of
//! the scope's currency; a percentage of a peak that is not positive means nothing and halts, PEAK_NONPOSITIVE.
//!
//! **First start.** A book that opens with capital and no position needs no price, so its guard has a peak at once. A
//! percentage needs equity above 0 for that and holds UNARMED for as long as it has seen none.
//!
//! **Two readings.** Equity is valued twice. `good`, with the marks that were accepted, is what peaks, latches and
//! reports use; `worst`, which lets a doubtful mark count wherever it is the lower value, decides the soft cause and
//! nothing else. Trust is a property of a reading: each open position has a recent mark that nothing contradicts, and
//! the scope's books are whole. Without trust a reading only ever makes things stricter: it leaves peaks, running
//! timers and held causes as they are. Where a position was never priced there is no reading, and that is judged as a
//! breach without trust, since no price must not mean no limit.
//!
//! **Peak.** A TRAILING peak follows trusted equity upwards. It counts a position at whichever of its newest peak_n
//! marks is worst for it, so a price seen once moves no peak, and it rests while a position of the scope is valued by a
//! mark held over a time in which its instrument was not open. A STATIC one stays where arming put it. A SESSION one is
//! set again at each roll, to the equity that was trusted last. A ROLLING one is the highest trusted equity, valued
//! like a trailing one, of the last T ([`window`]); it does not fall while the guard is latched, while a reading is
//! untrusted, or while a mark is held.
//!
//! **Soft.** REDUCE_ONLY from the turn in which `worst` breaches. What ends it: a second or more of trusted readings
//! under nine tenths of the limit, or a trusted reading when flat, that is
//! without a position and without an open order, whoever placed it: what is still out may fill. No operator can end it sooner.
//!
//! **Latch.** [`confirm`] says when a breach of `good` is believed. The halt then stays, and the peak with it, until an
//! operator's **reset**: with the old peak, which is refused for as long as equity is too low for it, or with a new
//! one at today's trusted equity. Class SESSION is also released by a roll.
//!
//! **Flows** are no profit and no loss. An amount's peak moves by the flow F. A percentage's moves in proportion,
//! `ceil(peak * (equity + F) / equity)`, with equity valued as for the peak; that takes trusted equity above 0 on both
//! sides of the flow. Without it the guard halts, FLOW_UNPRICED, or finds itself latched already: either way the peak
//! is void until a rebase, or until a roll anchors a SESSION guard anew, and nothing else ends the latch.
//!
//! **Warns** once at warn_pct of the limit, and again only after 10 points of relief. With `scale` less and less of rate
//! and size is left from there to the limit, see [`super::band`].
//!
//! Does not catch: a loss that the strategy never reports, a source that lies within the band, a margin that nobody
//! reports any more.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod anchor;
mod calm;
mod confirm;
mod flow;
mod peak;
mod soft;
mod window;

use calm::Calm;
use confirm::Breach;
use peak::Peaks;
use window::Window;

use super::exact::{bump, ceil_mul_div, micros, report};
use super::gates::{Gates, Hold, Reading, guard};
use super::ledger::Totals;
use super::limits::{Anchor, Basis, DrawdownLimits, Limits};
use super::marks::{Depths, Marks};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::Fit;
use super::timers::Timers;
use crate::model::{Bps, Latch, Money, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::GuardRow;

/// Points below the warning at which it is armed again.
const REARM: u32 = 10;

/// What a reading is taken for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touch {
    /// The instrument whose fill or mark changed the reading.
    pub(super) instrument: Option<u16>,
    /// It was a good mark.
    pub(super) is_mark: bool,
}

/// What a guard reads, in the valuations of its basis.
#[derive(Clone, Copy, Debug)]
struct Sight {
    good: i128,
    worst: i128,
    spike: i128,
    profit: i128,
    trusted: bool,
    absent: bool,
    /// An open position is valued by a mark held from before its instrument closed.
    held: bool,
    flat: bool,
}

/// What the guards need of the rest of the engine.
pub(super) struct Scene<'a> {
    pub(super) now: Nanos,
    pub(super) marks: &'a Marks,
    pub(super) gates: &'a mut Gates,
    /// Orders of the scope are open, so that it is not flat even where it holds nothing.
    pub(super) has_orders: bool,
    pub(super) timers: &'a mut Timers,
    /// The timer of guard 0.
    pub(super) first_timer: usize,
    pub(super) warnings: &'a mut u64,
}

/// One guard.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Guard {
    limits: DrawdownLimits,
    latch_number: u16,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    depth: usize,
    peaks: Option<Peaks>,
    /// What a ROLLING peak is the highest of.
    window: Option<Box<Window>>,
    /// A flow could not scale the percentage peak, which therefore means nothing until it is taken anew.
    unpriced: bool,
    breach: Breach,
    /// Since when readings count towards ending the soft cause.
    calm_since: Option<Nanos>,
    warning: bool,
    /// What it leaves of rate and size, in basis points.
    left: Bps,
    trips: u64,
    last_good: i128,
    /// The last reading was none.
    last_absent: bool,
    /// The initial margin a book said it has, for a guard that measures from it.
    margin: Option<i128>,
    last_trusted: Option<(i128, i128)>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    calm: Calm,
}

/// All guards, and which of them watch what.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Drawdowns {
    guards: Vec<Guard>,
    cells: confirm::Cells,
}

#[cfg(feature = "sidecar")]
impl Fit for Guard {
    fn fit(&mut self, fresh: Self) -> bool {
        self.depth = fresh.depth;
        true
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Drawdowns {
    fn fit(&mut self, fresh: Self) -> bool {
        self.guards.fit(fresh.guards) && self.cells.fit(fresh.cells)
    }
}

impl Drawdowns {
    pub(super) fn new(limits: &Limits, depths: &Depths) -> Self {
        let guards = limits.drawdowns.iter().enumerate().map(|(index, limits)| Guard {
            limits: limits.clone(),
            latch_number: latch_number(index),
            depth: depths.of(limits.peak_n),
            peaks: None,
            window: match limits.anchor {
                Anchor::Rolling(period) => Some(Box::new(Window::new(period))),
                _ => None,
            },
            unpriced: false,
            breach: Breach::default(),
            calm_since: None,
            warning: false,
            left: Bps::WHOLE,
            trips: 0,
            last_good: 0,
            last_absent: false,
            margin: None,
            last_trusted: None,
            calm: Calm::default(),
        });
        let guards: Vec<Guard> = guards.collect();
        let cells = confirm::Cells::new(guards.len(), limits.instruments.len());
        Self { guards, cells }
    }

    pub(super) fn len(&self) -> usize {
        self.guards.len()
    }

    pub(super) fn scope(&self, index: usize) -> Scope {
        self.guards[index].limits.scope
    }

    /// Reads the scope and decides. `None` when the arithmetic does not fit.
    pub(super) fn judge(
        &mut self,
        index: usize,
        totals: &Totals,
        touch: Touch,
        scene: &mut Scene<'_>,
    ) -> Option<()> {
        let guard = &mut self.guards[index];
        let sight = guard.see(totals);
        if guard.peaks.is_none() && !guard.arm(&sight, scene)? {
            (guard.last_good, guard.last_absent) = (sight.good, sight.absent);
            return Some(());
        }
        let jumped = guard.jumped(&sight, touch)?;
        if sight.trusted {
            guard.last_trusted = Some((sight.good, sight.profit));
            if !sight.held {
                guard.follow(&sight, scene)?;
            }
        }
        let peaks = guard.peaks?;
        if jumped.is_none() && guard.is_calm(&peaks, &sight, scene.gates) {
            (guard.last_good, guard.last_absent) = (sight.good, sight.absent);
            scene.timers.set(scene.first_timer.saturating_add(index), Nanos::NEVER);
            return Some(());
        }
        if guard.unpriced {
            guard.latch(Reason::FlowUnpriced, &sight, scene)?;
        }
        if guard.is_meaningless(&peaks) {
            guard.latch(Reason::PeakNonpositive, &sight, scene)?;
        }
        let good = !sight.absent && peaks.reaches(&guard.limits, sight.good, 100)?;
        let worst = sight.absent || good || peaks.reaches(&guard.limits, sight.worst, 100)?;
        guard.soften(worst, jumped, &sight, scene)?;
        let due = if scene.gates.holds(guard.limits.scope, guard.latch_number) {
            guard.breach = guard.breach.over();
            Nanos::NEVER
        } else {
            let found = guard.confirm(index, &mut self.cells, &sight, (good, worst), touch, scene)?;
            if let Some(reason) = found {
                guard.latch(reason, &sight, scene)?;
            }
            if found.is_some() { Nanos::NEVER } else { guard.breach_deadline(&sight, worst) }
        };
        guard.warn(&sight, scene)?;
        guard.narrow(&sight)?;
        guard.learn(&peaks, &sight, jumped.is_some() || worst, scene.gates);
        (guard.last_good, guard.last_absent) = (sight.good, sight.absent);
        let due = due.min(guard.soft_deadline(&sight));
        // Everything due now has been looked at; a deadline in the past would only come back at once.
        let due = if due == Nanos::NEVER { due } else { due.max(scene.now.after(Nanos(1))) };
        scene.timers.set(scene.first_timer.saturating_add(index), due);
        Some(())
    }

    /// What a guard leaves of rate and size.
    pub(super) fn left(&self, index: usize) -> Bps {
        self.guards[index].left
    }

    /// Takes the initial margin of the book that a guard watches. `false` when it does not measure from that.
    pub(super) fn take_margin(&mut self, index: usize, initial: i128) -> bool {
        let guard = &mut self.guards[index];
        if guard.limits.basis != Basis::Margin {
            return false;
        }
        if let (Some(old), Some(_)) = (guard.margin.replace(initial), guard.peaks) {
            // A larger margin is no profit.
            guard.last_good = guard.last_good.saturating_add(initial.saturating_sub(old));
            guard.peaks = Some(Peaks::at(initial, 0));
        }
        true
    }

    /// The sidecar itself stood still, or no core ran, for so long: what was not looked at confirms nothing and ends
    /// nothing. Time without trust goes on.
    pub(super) fn stall(&mut self, duration: Nanos) {
        for guard in &mut self.guards {
            guard.breach.pause(duration);
            guard.calm_since = guard.calm_since.map(|since| since.after(duration));
        }
    }

    pub(super) fn row(&self, index: usize, totals: &Totals, gates: &Gates) -> Option<GuardRow> {
        let guard = self.guards.get(index)?;
        let sight = guard.see(totals);
        let reading = guard.reading(&sight);
        let scope = guard.limits.scope;
        Some(GuardRow {
            guard: u64::from(guard.latch_number),
            scope: Some(scope),
            equity: reading.equity,
            peak: reading.peak,
            drawdown_bps: reading.drawdown_bps,
            limit_bps: guard.limits.limit.map_or(0, |limit| u64::from(limit.0)),
            limit_abs: guard.limits.limit_abs.unwrap_or_default(),
            armed: guard.peaks.is_some(),
            warning: guard.warning,
            soft: gates.holds(scope, soft_number(guard.latch_number)),
            latched: guard.peaks.is_some() && gates.holds(scope, guard.latch_number),
            trips: guard.trips,
        })
    }
}

impl Guard {
    fn see(&self, totals: &Totals) -> Sight {
        let standing = totals.standing;
        if self.limits.basis == Basis::Realised {
            return Sight {
                good: totals.realised,
                worst: totals.realised,
                spike: totals.realised,
                profit: totals.profit,
                // Marks do not matter to it; missing fills do.
                trusted: standing.unsound == 0,
                absent: false,
                held: false,
                flat: standing.open == 0,
            };
        }
        // Of margin only what is not realised is taken: equity less all that is, above the margin there is. Sums of what
        // fits thrice over; where they do not, the loss is as large as it gets.
        let [good, worst, spike] = [totals.equity.good, totals.equity.worst, totals.equity.spike[self.depth]]
            .map(|equity| match self.limits.basis {
                Basis::Margin => {
                    equity.saturating_sub(totals.realised).saturating_add(self.margin.unwrap_or(0))
                }
                _ => equity,
            });
        Sight {
            good,
            worst,
            spike,
            profit: totals.profit,
            trusted: standing.untrusted == 0 && standing.unsound == 0,
            absent: standing.absent > 0,
            held: standing.held > 0,
            flat: standing.open == 0,
        }
    }

    /// Takes the first anchor. `false` while there is none to take.
    fn arm(&mut self, sight: &Sight, scene: &mut Scene<'_>) -> Option<bool> {
        let scope = self.limits.scope;
        if let (Basis::Margin, Some(margin)) = (self.limits.basis, self.margin) {
            self.peaks = Some(Peaks::at(margin, 0));
            let reading = self.reading(sight);
            scene.gates.end(scope, self.latch_number, reading);
            return Some(true);
        }
        if self.limits.basis != Basis::Margin
            && sight.trusted
            && (self.limits.limit.is_none() || sight.good > 0)
        {
            self.anchor(sight.good, sight.profit, scene.now);
            let reading = self.reading(sight);
            scene.gates.end(scope, self.latch_number, reading);
            return Some(true);
        }
        let hold = self.hold(Reason::Unarmed, TradingState::Halted, Latch::Auto, sight)?;
        scene.gates.begin(hold);
        Some(false)
    }

    /// Lets the peak follow a trusted reading, where it follows any.
    fn follow(&mut self, sight: &Sight, scene: &Scene<'_>) -> Option<()> {
        let peaks = self.peaks.as_mut()?;
        match (self.limits.anchor, &mut self.window) {
            (Anchor::Trailing, _) => peaks.raise(sight.spike, sight.profit),
            (Anchor::Rolling(_), Some(window)) => {
                // A latch keeps what it was measured from.
                let frozen = scene.gates.holds(self.limits.scope, self.latch_number);
                window.take(peaks, sight.spike, sight.profit, if frozen { None } else { Some(scene.now) });
            }
            _ => {}
        }
        Some(())
    }

    /// Whether its limit is a percentage of nothing.
    fn is_meaningless(&self, peaks: &Peaks) -> bool {
        self.limits.basis != Basis::Margin && self.limits.limit.is_some() && peaks.relative.value <= 0
    }

    fn reason(&self) -> Reason {
        if self.limits.basis == Basis::Margin { Reason::MarginDrawdown } else { Reason::Drawdown }
    }

    fn latch(&mut self, reason: Reason, sight: &Sight, scene: &mut Scene<'_>) -> Option<()> {
        let hold = self.hold(reason, TradingState::Halted, self.limits.latch, sight)?;
        if scene.gates.begin(hold) {
            bump(&mut self.trips);
        }
        Some(())
    }

    fn hold(&self, reason: Reason, state: TradingState, latch: Latch, sight: &Sight) -> Option<Hold> {
        let (measured, limit) =
            self.measure(if state == TradingState::Halted { sight.good } else { sight.worst })?;
        Some(Hold {
            scope: self.limits.scope,
            guard: self.latch_number,
            reason,
            state,
            latch,
            measured,
            limit,
            reading: self.reading(sight),
            until: Nanos::NEVER,
        })
    }

    fn warn(&mut self, sight: &Sight, scene: &mut Scene<'_>) -> Option<()> {
        let peaks = self.peaks?;
        let share = u32::from(self.limits.warn_pct);
        let share = if self.warning { share.saturating_sub(REARM) } else { share };
        let warns = !sight.absent && peaks.reaches(&self.limits, sight.good, share)?;
        if warns && !self.warning {
            bump(scene.warnings);
        }
        self.warning = warns;
        Some(())
    }

    /// Leaves all of rate and size up to the warning, `scale` at the limit, and in between in proportion, rounded down.
    fn narrow(&mut self, sight: &Sight) -> Option<()> {
        let (Some(scale), Some(peaks)) = (self.limits.scale, self.peaks) else { return Some(()) };
        let whole = Bps::WHOLE.0;
        let share = if sight.absent { whole } else { peaks.share(&self.limits, sight.worst)? };
        let warned = u32::from(self.limits.warn_pct).checked_mul(100)?;
        let into = i128::from(share.saturating_sub(warned));
        let lost = i128::from(whole.checked_sub(scale.0)?);
        let taken = ceil_mul_div(lost, into, i128::from(whole.checked_sub(warned)?))?;
        let left = Bps(whole.checked_sub(u32::try_from(taken).ok()?)?);
        self.left = if sight.trusted { left } else { left.min(self.left) };
        Some(())
    }

    /// What a transition reports: basis points when the percentage tripped or stands alone, else 1e-6 of money.
    fn measure(&self, equity: i128) -> Option<(i64, i64)> {
        let Some(peaks) = self.peaks else { return Some((0, 0)) };
        let relative = self.limits.limit.filter(|_| {
            self.limits.limit_abs.is_none()
                || peaks.reaches_relative(&self.limits, equity, 100).unwrap_or(true)
        });
        match (relative, self.limits.limit_abs) {
            (Some(limit), _) => Some((report(peaks.relative.drawdown_bps(equity)), i64::from(limit.0))),
            (None, Some(limit)) => Some((micros(peaks.absolute.value.checked_sub(equity)?), micros(limit.0))),
            (None, None) => Some((0, 0)),
        }
    }

    fn reading(&self, sight: &Sight) -> Reading {
        let Some(peaks) = self.peaks else {
            return Reading { equity: Money(sight.good), ..Reading::default() };
        };
        let peak = if self.limits.limit.is_some() { peaks.relative } else { peaks.absolute };
        Reading {
            equity: Money(sight.good),
            peak: Money(peak.value),
            drawdown_bps: peak.drawdown_bps(sight.good),
        }
    }
}

fn latch_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX).saturating_mul(2).saturating_add(guard::CONFIGURED)
}

const fn soft_number(latch_number: u16) -> u16 {
    latch_number.saturating_add(1)
}
