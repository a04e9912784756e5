//! HOT: two people for a drawdown that has lost much.
//!
//! Where at least two approvers are configured, a drawdown is reset by two of them if it has lost `loss` of its peak (`>=`),
//! at its latch or now, whichever is more. The first reset that would be carried out is an approval: refused, APPROVAL,
//! measured 1, limit 2. The same reset by another approver within [`VALID`] is carried out. Who is no approver is
//! refused with measured 0, and so is nobody's approval lost. Each of them has to acknowledge everything there is ([`Acks`]): who does
//! not is refused with measured how much they do, limit 4. What is refused for another reason approves nothing.
//! **The same** is: of this halt (its nonce), and keeping or moving the peak alike. Another approval of the first
//! person takes the place of the one before. Fail closed: what a loss amounts to that is not known, as of a flow without a
//! price or of a reading nobody trusts, is much.
//!
//! Expires with the halt, or after [`VALID`]. Survives restarts. Does not catch: one person with two users.

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
use super::gates::Cause;
use super::limits::Limits;
use super::operator::Denial;
use super::rows::is_trusted;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::{Acks, Nanos, Reason, Scope};

/// How long an approval waits for the second.
pub(super) const VALID: Nanos = Nanos::from_secs(900);
/// How many people it takes.
const PEOPLE: i64 = 2;

/// What the first of two has agreed to.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Approval {
    nonce: u64,
    rebase: bool,
    actor: u32,
    at: Nanos,
}

/// One approval per drawdown guard.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Approvals(Vec<Option<Approval>>);

impl Approvals {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(vec![None; limits.drawdowns.len()])
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Approvals {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.0, &fresh.0)
    }
}

/// A reset of a drawdown guard, by its place in the limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reset {
    pub(super) index: usize,
    pub(super) nonce: u64,
    pub(super) rebase: bool,
    pub(super) actor: u32,
    /// Bits of [`Acks`].
    pub(super) acks: u8,
}

impl Engine {
    /// Whether a reset that nothing else refuses may be carried out; one that may not is noted as an approval.
    pub(super) fn approve(&mut self, reset: Reset, cause: &Cause) -> Result<(), Denial> {
        let Reset { index, nonce, rebase, actor, acks } = reset;
        let approvers = &self.limits.approval.approvers;
        if approvers.len() < 2 || !self.lost_much(index, cause) {
            return Ok(());
        }
        let refuse = |measured| Err(Denial { reason: Reason::Approval, measured, limit: PEOPLE });
        if !approvers.contains(&actor) {
            return refuse(0);
        }
        let (acks, all) = (Acks::from_bits_truncate(acks), Acks::all());
        if acks != all {
            let (measured, limit) = (i64::from(acks.count()), i64::from(all.count()));
            return Err(Denial { reason: Reason::Approval, measured, limit });
        }
        let Some(given) = self.approvals.0.get_mut(index) else { return refuse(0) };
        let is_same = |first: &Approval| {
            first.nonce == nonce && first.rebase == rebase && self.now.since(first.at) <= VALID
        };
        if given.filter(is_same).is_some_and(|first| first.actor != actor) {
            *given = None;
            return Ok(());
        }
        *given = Some(Approval { nonce, rebase, actor, at: self.now });
        refuse(1)
    }

    /// Whether a latched guard has lost so much of its peak that two people have to look, or nobody knows how much.
    fn lost_much(&self, index: usize, cause: &Cause) -> bool {
        let tier = self.limits.approval.loss;
        let Some(limits) = self.limits.drawdowns.get(index) else { return true };
        let Some(row) = self.guard_row(index) else { return true };
        let is_trusted = self.ledger.totals(limits.scope).is_some_and(is_trusted);
        if cause.reason != Reason::Drawdown || !is_trusted || row.drawdown_bps >= u64::from(tier.0) {
            return true;
        }
        let measured = i128::from(cause.measured);
        match (limits.limit, limits.limit_abs) {
            (Some(_), None) => measured >= i128::from(tier.0),
            // 1e-6 of money, against the peak in 1e-9.
            (None, Some(_)) => {
                let lost = measured.checked_mul(1_000).and_then(|lost| lost.checked_mul(10_000));
                let much = row.peak.0.checked_mul(i128::from(tier.0));
                lost.zip(much).is_none_or(|(lost, much)| lost >= much)
            }
            // Which of the two was measured is not known any more.
            _ => true,
        }
    }

    /// The person whose approval of a reset waits for another's; `None` where there is none.
    #[must_use]
    pub fn approval(&self, scope: Scope, guard: u16) -> Option<u32> {
        let index = usize::from(guard.checked_sub(super::guard::CONFIGURED)? / 2);
        let nonce = self.gates.cause(scope, guard)?.nonce;
        let given = self.approvals.0.get(index).copied().flatten();
        given
            .filter(|given| given.nonce == nonce && self.now.since(given.at) <= VALID)
            .map(|given| given.actor)
    }
}
