//! HOT: commands of an operator.
//!
//! HALT and REDUCE hold the cause *operator* on any scope, sticky; repeating one passes without effect, REDUCE never
//! loosens a HALT; REDUCE of the guard *error-rate* forces the breaker of its scope open (UNKNOWN_ORDER where there is
//! none). RESUME ends the causes of a scope whose cool-down is over; while one still runs it is refused, with
//! the reason of that cause and the nanoseconds that are left. A breaker with `half_open` tries first, see
//! `error_rate`. RESET names a scope, a guard and the nonce of one latch. It is refused, in this order: no such
//! cause (UNKNOWN_ORDER); a soft cause (DRAWDOWN_SOFT); a cause that clears itself (its own reason); another nonce
//! (EPOCH_STALE); a cool-down that still runs (as RESUME); for a drawdown, a breach that still holds with the peak kept (DRAWDOWN), a reading nobody can
//! trust, whether the peak is kept or moved (DRAWDOWN_UNTRUSTED), a flow that needs a rebase (FLOW_UNPRICED), a peak that
//! is not positive (PEAK_NONPOSITIVE); last, where two people have to agree and one has (APPROVAL), see `approvals`.
//! MODE puts a scope on paper, always, or live: not while anything holds it, a scope it is in, or one in it (LIVE_REFUSED,
//! `measured` how many causes do); a restricted instrument does not count. ADOPT: see `reconcile::adopt`.
//!
//! Two commands are records of their own, since a COMMAND has no room for their numbers. EXTERNAL_FILL books a trade made by
//! hand into HOUSE, once per execution key: refused, and nothing booked, for one that is booked already, by whomever
//! (DUPLICATE_ID), for no quantity (MIN_QTY), an impossible price (TICK), an instrument that is none there
//! (UNKNOWN_INSTRUMENT), no room (CAPACITY) or numbers that do not fit (ARITHMETIC). FLOW_EXPECT: see
//! `reconcile::expected`. Other verbs are denied (LIVE_REFUSED) until the versions that bring them.
//! Every command gets exactly one reply.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::approvals::Reset;
use super::drawdown::Touch;
use super::exact::{bump, report};
use super::fills::Refusal;
use super::gates::{Cause, Hold, Reading, guard};
use super::integrity::sticky;
use crate::model::event::CommandVerb;
use crate::model::scope::{AccountId, InstrumentId};
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Event, Latch, Message, Mode, Reason, Scope, Ticks, TradingState};

/// Why a command is refused, and the numbers behind it.
pub(super) struct Denial {
    pub(super) reason: Reason,
    pub(super) measured: i64,
    pub(super) limit: i64,
}

impl Denial {
    pub(super) const fn of(reason: Reason) -> Self {
        Self { reason, measured: 0, limit: 0 }
    }
}

impl Engine {
    pub(super) fn on_operator_record(&mut self, message: &Message) {
        let (id, scope, guard, answer) = match message.event {
            Event::Command { id, scope, guard, .. } => (id, scope, guard, self.command(&message.event)),
            Event::ExternalFill { exec, px, qty, fee, account, instrument, .. } => {
                let scope = Scope::Instrument(account, instrument);
                let trade = (exec.get(), px, qty.0, fee);
                (exec.get(), scope, 0, self.command_fill(account, instrument, trade))
            }
            Event::FlowExpect { id, amount, book, ttl, .. } => {
                (id.get(), Scope::Book(book), 0, self.command_flow(book, amount, ttl))
            }
            _ => return bump(&mut self.counters.unhandled),
        };
        self.reply(id, scope, guard, answer);
    }

    fn command(&mut self, event: &Event) -> Result<(), Denial> {
        let Event::Command { scope, verb, rebase, guard, nonce, actor, acks, .. } = *event else {
            return Err(Denial::of(Reason::LiveRefused));
        };
        match verb {
            _ if !self.gates.knows(scope) => Err(Denial::of(Reason::UnknownOrder)),
            CommandVerb::Halt => self.command_state(scope, TradingState::Halted),
            CommandVerb::Reduce if guard != 0 => {
                let forced = guard == guard::ERROR_RATE && self.force_open(scope);
                if forced { Ok(()) } else { Err(Denial::of(Reason::UnknownOrder)) }
            }
            CommandVerb::Reduce => self.command_state(scope, TradingState::ReduceOnly),
            CommandVerb::Reset => self.command_reset(scope, guard, nonce, (rebase != 0, actor, acks)),
            CommandVerb::Resume => self.command_resume(scope, guard),
            CommandVerb::Mode => self.command_mode(scope, if rebase == 1 { Mode::Live } else { Mode::Paper }),
            // What a reset rebases, an adoption confirms.
            CommandVerb::Adopt => self.command_adopt(scope, rebase != 0),
            _ => {
                bump(&mut self.counters.unhandled);
                Err(Denial::of(Reason::LiveRefused))
            }
        }
    }

    fn reply(&mut self, id: u64, scope: Scope, guard: u16, answer: Result<(), Denial>) {
        let (verdict, denial) = match answer {
            Ok(()) => (Verdict::Pass, None),
            Err(denial) => (Verdict::Deny, Some(denial)),
        };
        self.gates.outcome.reply = Some(VerdictRecord {
            order: id,
            verdict,
            action: 0,
            reason: denial.as_ref().map(|denial| denial.reason),
            guard,
            scope_kind: (scope.to_raw() >> 32) as u16,
            measured: denial.as_ref().map_or(0, |denial| denial.measured),
            limit: denial.as_ref().map_or(0, |denial| denial.limit),
            extra: 0,
        });
    }

    fn command_fill(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        (exec, px, qty, fee): (u64, Ticks, i64, i64),
    ) -> Result<(), Denial> {
        if !self.gates.knows(Scope::Instrument(account, instrument)) {
            return Err(Denial::of(Reason::UnknownInstrument));
        }
        if qty == 0 {
            return Err(Denial::of(Reason::MinQty));
        }
        if !self.marks.payoff(instrument).accepts(px) {
            return Err(Denial { reason: Reason::Tick, measured: px.0, limit: 0 });
        }
        self.fill_by_hand(account, instrument, (exec, px, qty, fee)).map_err(|refusal| {
            Denial::of(match refusal {
                Refusal::Repeat => Reason::DuplicateId,
                Refusal::Corrupt => Reason::Corrupt,
                Refusal::Unplaced => Reason::UnknownInstrument,
                Refusal::BeyondHorizon => Reason::Gap,
                Refusal::Full => Reason::Capacity,
                Refusal::Overflow => Reason::Arithmetic,
            })
        })
    }

    fn command_state(&mut self, scope: Scope, state: TradingState) -> Result<(), Denial> {
        self.gates.begin(Hold { state, ..sticky(scope, guard::OPERATOR, Reason::Operator) });
        Ok(())
    }

    fn command_mode(&mut self, scope: Scope, mode: Mode) -> Result<(), Denial> {
        if mode == Mode::Live {
            let causes = (0..self.gates.cause_count()).filter_map(|index| self.gates.held(index));
            let counts = |cause: &&Cause| {
                cause.guard != guard::RESTRICTED && self.bear_on_each_other(cause.scope, scope)
            };
            let holding = causes.filter(counts).count();
            if holding > 0 {
                let measured = i64::try_from(holding).unwrap_or(i64::MAX);
                return Err(Denial { measured, ..Denial::of(Reason::LiveRefused) });
            }
        }
        self.gates.set_mode(scope, mode);
        Ok(())
    }

    /// Whether there could be an order that both scopes contain.
    fn bear_on_each_other(&self, one: Scope, other: Scope) -> bool {
        if let (Scope::Instrument(_, left), Scope::Instrument(_, right)) = (one, other)
            && left != right
        {
            return false;
        }
        self.limits.books.iter().zip(0..).any(|(book, number)| {
            [one, other].iter().all(|scope| match *scope {
                Scope::Firm => true,
                Scope::Account(account) | Scope::Instrument(account, _) => book.account == account,
                Scope::Strategy(strategy) => book.strategy == strategy,
                Scope::Book(index) => index == number,
            })
        })
    }

    /// Ends the causes of a scope whose cool-down is over, all of them or that of one guard; none while one still runs.
    fn command_resume(&mut self, scope: Scope, guard: u16) -> Result<(), Denial> {
        let meant = |cause: &Cause| {
            cause.scope == scope && cause.latch == Latch::Cooldown && (guard == 0 || cause.guard == guard)
        };
        let causes = (0..self.gates.cause_count()).filter_map(|index| self.gates.held(index));
        if let Some(running) = causes.filter(|cause| meant(cause)).find(|cause| cause.cools()) {
            return Err(self.still_cooling(running));
        }
        let mut ended = false;
        // Ending one moves another into its place, so the first that is meant is looked for again.
        while let Some(cause) = (0..self.gates.cause_count())
            .filter_map(|index| self.gates.held(index))
            .find(|cause| meant(cause))
        {
            let guard = cause.guard;
            ended = true;
            if !self.half_open(scope, guard) {
                self.gates.end(scope, guard, Reading::NONE);
                self.release_guard(scope, guard);
            }
        }
        if ended { Ok(()) } else { Err(Denial::of(Reason::UnknownOrder)) }
    }

    fn still_cooling(&self, cause: &Cause) -> Denial {
        Denial { reason: cause.reason, measured: report(cause.until.since(self.now).0), limit: 0 }
    }

    /// What a guard has to forget when its cause is taken from it.
    fn release_guard(&mut self, scope: Scope, guard: u16) {
        if let (guard::BAN, Scope::Account(account)) = (guard, scope) {
            self.buckets.lift_ban(account);
        }
        if guard == guard::REPEATS {
            self.forget_executions(scope);
        }
        self.forget_errors(scope, guard);
        self.refresh_trust(scope);
    }

    fn command_reset(
        &mut self,
        scope: Scope,
        guard: u16,
        nonce: u64,
        (rebase, actor, acks): (bool, u32, u8),
    ) -> Result<(), Denial> {
        let cause = *self.gates.cause(scope, guard).ok_or(Denial::of(Reason::UnknownOrder))?;
        if cause.latch == Latch::Auto {
            return Err(Denial { reason: cause.reason, measured: cause.measured, limit: cause.limit });
        }
        if cause.nonce != nonce {
            return Err(Denial::of(Reason::EpochStale));
        }
        // What a venue said of its ban may be nonsense: a person may end that one early.
        if cause.cools() && guard != guard::BAN {
            return Err(self.still_cooling(&cause));
        }
        let Some(configured) = guard.checked_sub(guard::CONFIGURED) else {
            self.gates.end(scope, guard, Reading::NONE);
            self.release_guard(scope, guard);
            return Ok(());
        };
        let index = usize::from(configured / 2);
        let totals = *self.ledger.totals(scope).ok_or(Denial::of(Reason::UnknownOrder))?;
        match self.drawdowns.may_reset(index, &totals, rebase) {
            None => return Err(Denial::of(Reason::Arithmetic)),
            Some(Err(refusal)) => {
                return Err(Denial {
                    reason: refusal.reason,
                    measured: refusal.measured,
                    limit: refusal.limit,
                });
            }
            Some(Ok(())) => self.approve(Reset { index, nonce, rebase, actor, acks }, &cause)?,
        }
        self.drawdowns.reset(index, &totals, rebase, &mut self.gates, self.now);
        self.judge_guard(index, Touch::default());
        Ok(())
    }
}
