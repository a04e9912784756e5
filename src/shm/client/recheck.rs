//! Whether a verdict that let an order through still does when it is handed out.
//!
//! The sidecar decided some time ago, and the strategy may not have looked at its ring since. A PASS or RELEASED holds
//! while the lease of its account is fresh, its deadline lies ahead and none of the target's words was tightened after
//! it; an exit while lease and deadline hold, since exits pass through halts; a cancel always.
//!
//! A verdict carries 16 bits of its epoch. A word that still has the epoch it had when the request was published is
//! not newer, however far the epoch has moved on since that word's last tightening. Any other changed between the
//! request and now, as the verdict was decided between the two, so that the 16 bits tell which of them came first.

use super::requests::Request;
use crate::model::event::OrderAction;
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Nanos, Reason};
use crate::shm::gate::Lease;
use crate::shm::view::TargetWords;

/// What is seen of the target when the verdict is handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Its words, read before the clock.
    pub(super) read: TargetWords,
    /// The state of its lease.
    pub(super) lease: Lease,
    /// Whether this handle's gate is closed for good.
    pub(super) is_latched: bool,
    /// CLOCK_MONOTONIC.
    pub(super) now: Nanos,
}

/// Why the verdict does not let its order through any more; `None` when it does, or never did.
pub(super) fn objection(
    request: &Request,
    record: &VerdictRecord,
    epoch: u16,
    sight: &Sight,
) -> Option<Reason> {
    if !needs_recheck(request.action, record.verdict) {
        return None;
    }
    let is_exit = is_exit(request, record);
    let is_ahead = u64::try_from(record.measured).is_ok_and(|until| sight.now.0 < until);
    let mut words = sight.read.epochs().into_iter().zip(request.asked);
    if sight.lease != Lease::Fresh || (sight.is_latched && !is_exit) {
        Some(Reason::LeaseExpired)
    } else if !is_exit && words.any(|(now, asked)| now != asked && is_newer(now as u16, epoch)) {
        Some(Reason::EpochStale)
    } else if is_ahead {
        None
    } else {
        Some(Reason::Expired)
    }
}

/// Whether the engine has verified the order as an exit, at once or after it had waited. What a modification says of its
/// order proves nothing.
pub(super) fn is_exit(request: &Request, record: &VerdictRecord) -> bool {
    let asked = request.is_exit && request.action == OrderAction::New;
    record.verdict == Verdict::PassExit || asked && record.verdict == Verdict::Released
}

/// Whether the verdict sends something that a halt would have stopped.
pub(super) const fn needs_recheck(action: OrderAction, verdict: Verdict) -> bool {
    verdict.may_send() && !matches!(action, OrderAction::Cancel)
}

/// Whether `epoch` comes after `other`, both the low bits of counters less than 2^15 apart.
const fn is_newer(epoch: u16, other: u16) -> bool {
    (epoch.wrapping_sub(other) as i16) > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Handle;
    use crate::model::event::OrderId;
    use crate::shm::gate::GateOffsets;

    fn request(action: OrderAction, asked: [u32; 3]) -> Request {
        let (handle, offsets) = (Handle(0), GateOffsets::default());
        Request::new(OrderId::new(1), action, false, handle, offsets, asked)
    }

    fn record(verdict: Verdict, until: i64) -> VerdictRecord {
        VerdictRecord {
            order: 1,
            verdict,
            action: 0,
            reason: None,
            guard: 0,
            scope_kind: 0,
            measured: until,
            limit: 0,
            extra: 0,
        }
    }

    fn sight(epochs: [u32; 3]) -> Sight {
        let words = epochs.map(|epoch| u64::from(epoch) << 32 | 0x0102);
        let read = TargetWords { deadline: 0, words };
        Sight { read, lease: Lease::Fresh, is_latched: false, now: Nanos(1_000) }
    }

    const SENDS: [Verdict; 3] = [Verdict::Pass, Verdict::PassExit, Verdict::Released];

    #[test]
    fn a_verdict_holds_until_its_deadline_and_not_at_it() {
        for (until, expected) in [
            (i64::MIN, Some(Reason::Expired)),
            (-1, Some(Reason::Expired)),
            (0, Some(Reason::Expired)),
            (999, Some(Reason::Expired)),
            (1_000, Some(Reason::Expired)),
            (1_001, None),
            (i64::MAX, None),
        ] {
            for verdict in SENDS {
                let found =
                    objection(&request(OrderAction::New, [7; 3]), &record(verdict, until), 7, &sight([7; 3]));
                assert_eq!(found, expected, "{verdict:?} until {until}");
            }
        }
    }

    #[test]
    fn any_word_tightened_after_the_verdict_stops_it_but_not_an_exit() {
        // Epochs of the three words when asked and now, the verdict's low bits, and whether one is newer.
        let table: [([u32; 3], [u32; 3], u16, bool); 10] = [
            ([1, 1, 1], [1, 1, 1], 1, false),
            ([1, 1, 1], [5, 1, 1], 5, false),
            ([1, 1, 1], [6, 1, 1], 5, true),
            ([1, 1, 1], [1, 6, 1], 5, true),
            ([1, 1, 1], [1, 1, 6], 5, true),
            ([1, 1, 1], [4, 5, 3], 5, false),
            // The counter's low bits wrap between the verdict and the halt, and the other way round.
            ([1, 1, 1], [0x1_0000, 1, 1], 0xffff, true),
            ([1, 1, 1], [0xffff, 1, 1], 0x0000, false),
            // A word nobody has touched for 40 000 epochs is not newer than the verdict, though its low bits look so.
            ([1, 1, 1], [1, 1, 1], 40_000, false),
            ([0x1_0001, 1, 1], [0x1_0001, 1, 1], 0xffff, false),
        ];
        for (asked, now, verdict, newer) in table {
            for action in [OrderAction::New, OrderAction::Modify] {
                for kind in [Verdict::Pass, Verdict::Released] {
                    let found =
                        objection(&request(action, asked), &record(kind, 2_000), verdict, &sight(now));
                    let expected = newer.then_some(Reason::EpochStale);
                    assert_eq!(
                        found, expected,
                        "{kind:?}, asked at {asked:?}, now {now:?}, decided {verdict}"
                    );
                }
            }
            let exit = record(Verdict::PassExit, 2_000);
            assert_eq!(objection(&request(OrderAction::New, asked), &exit, verdict, &sight(now)), None);
        }
    }

    #[test]
    fn no_order_passes_without_a_fresh_lease_and_only_an_exit_through_a_latched_handle() {
        for verdict in SENDS {
            for lease in [Lease::Expired, Lease::Ahead] {
                let sight = Sight { lease, ..sight([7; 3]) };
                let found = objection(&request(OrderAction::New, [7; 3]), &record(verdict, 2_000), 7, &sight);
                assert_eq!(found, Some(Reason::LeaseExpired), "{verdict:?} {lease:?}");
            }
            let latched = Sight { is_latched: true, ..sight([7; 3]) };
            let found = objection(&request(OrderAction::New, [7; 3]), &record(verdict, 2_000), 7, &latched);
            let expected = (verdict != Verdict::PassExit).then_some(Reason::LeaseExpired);
            assert_eq!(found, expected, "{verdict:?}");
        }
    }

    #[test]
    fn a_cancel_and_a_verdict_that_sends_nothing_are_left_as_they_are() {
        let bad = Sight { lease: Lease::Expired, is_latched: true, ..sight([9; 3]) };
        for verdict in SENDS {
            let cancel = request(OrderAction::Cancel, [7; 3]);
            assert_eq!(objection(&cancel, &record(verdict, 0), 7, &bad), None);
        }
        for verdict in [Verdict::Deny, Verdict::Paper, Verdict::Dropped, Verdict::ExitUnverified] {
            let new = request(OrderAction::New, [7; 3]);
            assert_eq!(objection(&new, &record(verdict, 0), 7, &bad), None, "{verdict:?}");
        }
    }
}
