//! Lanes in the supervisor's keeping (systemd's descriptor store), so that what clients had published when a keeper died is
//! not lost with it.
//!
//! ```text
//!   granted ──> stored, by a name that says whose it is ──> let go of by the core ──> removed
//!                      │ the keeper dies
//!                      └──> given to the next keeper ──> its first core reads what was unread, halts the strategy, lets go
//! ```
//! A lane that comes back is closing from the start: its client's gates are those of the dead keeper, read HALTED for good,
//! and it attaches again. Only the lane itself is kept. Its return ring is sealed against every later writer, so verdicts of
//! such a lane go into a ring nobody reads; permissions among them would come from a halted strategy's requests, and there
//! are none.
//!
//! Nothing is applied twice: which lanes are read, and from which position on, the journal says. It knows a lane by number,
//! strategy and generation; generations of two keepers of one boot are never the same, and of another boot no journal is
//! gone on with. A lane that does not fit is dropped, as all of them are where there is no such supervisor.

use std::os::fd::OwnedFd;

use super::lanes::Lanes;
use super::supervisor::Supervisor;

/// What tells a lane from every other of one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneId {
    pub(super) generation: u64,
    pub(super) number: u16,
    pub(super) strategy: u16,
}

impl LaneId {
    const PREFIX: &str = "lane-";

    /// The name it is stored by.
    pub(super) fn to_name(self) -> String {
        let Self { generation, number, strategy } = self;
        format!("{}{number}-{strategy}-{generation}", Self::PREFIX)
    }

    fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(Self::PREFIX)?.split('-');
        let number = parts.next()?.parse().ok()?;
        let strategy = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { generation, number, strategy })
    }
}

/// Takes back what a keeper before this one had stored. What cannot be used is removed from the store.
pub(super) fn adopt(lanes: &mut Lanes, supervisor: &Supervisor) {
    let kept = supervisor.kept();
    let mut known: Vec<(LaneId, OwnedFd)> =
        kept.into_iter().filter_map(|(fd, name)| Some((LaneId::of_name(&name)?, fd))).collect();
    // Of two with one number the older was to be removed already.
    known.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    for (id, fd) in known {
        match lanes.adopt(id, fd) {
            Ok(()) => tracing::warn!(
                event = "lane_adopted",
                lane = id.number,
                "a keeper before this one died with it; what is unread in it is applied"
            ),
            Err(why) => {
                tracing::warn!(event = "lane_adopted", lane = id.number, %why, "a stored lane is dropped");
                supervisor.let_go(&id.to_name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_lane_it_is_and_nothing_else_does() {
        for (number, strategy, generation) in [(0, 0, 0), (1, 2, 3), (u16::MAX, u16::MAX, u64::MAX)] {
            let id = LaneId { generation, number, strategy };
            assert_eq!(LaneId::of_name(&id.to_name()), Some(id));
        }
        for name in [
            "",
            "stored",
            "lane-",
            "lane-1",
            "lane-1-2",
            "lane-1-2-",
            "lane-1-2-3-4",
            "lane--1-2-3",
            "lane-65536-0-1",
            "lane-1-65536-1",
            "lane-1-2-18446744073709551616",
            "Lane-1-2-3",
            "lane-1-2-x",
            "lane-1-2-3 ",
        ] {
            assert_eq!(LaneId::of_name(name), None, "{name}");
        }
    }
}
