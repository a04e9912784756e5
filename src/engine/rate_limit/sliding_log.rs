//! HOT: SLIDING_LOG, the window of venues that count each request for a fixed time.
//!
//! A charge counts while it is younger than window + jitter, half-open: at exactly that age it has left. Two requests
//! that leave us window + jitter apart cannot reach the venue within one window. Nothing is approximated by buckets
//! of time, so there is no edge at which twice the limit passes.

use super::log::Window;
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::Fit;
use crate::model::Nanos;

/// The last so many nanoseconds.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Sliding {
    #[cfg_attr(feature = "sidecar", serde(skip))]
    length: Nanos,
}

impl Sliding {
    pub(super) const fn new(length: Nanos) -> Self {
        Self { length }
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Sliding {
    fn fit(&mut self, fresh: Self) -> bool {
        self.length = fresh.length;
        true
    }
}

impl Window for Sliding {
    fn edge(&self, now: Nanos) -> Nanos {
        // Of age length - 1 counts, of age length does not. Before one length has passed everything counts.
        now.0.checked_sub(self.length.0).map_or(Nanos::ZERO, |before| Nanos(before).after(Nanos(1)))
    }

    fn horizon(&self, now: Nanos) -> Nanos {
        self.edge(now)
    }

    fn leaves(&self, at: Nanos) -> Nanos {
        at.after(self.length)
    }
}
