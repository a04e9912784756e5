//! HOT: what a guard need not work out again.
//!
//! Everything a guard tests, the breach, the warning, the band, and whether the numbers fit, is monotone in equity while its
//! peaks stay: between two readings at which nothing held nothing holds. So a reading between two such, with the same
//! peaks and nothing begun, decides nothing but what was read last. The range is worked out again after a restart and is
//! no part of a snapshot; it begins at one reading and grows by those that were judged in full.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use core::fmt;

use super::peak::Peaks;
use super::{Gates, Guard, Sight};
use crate::model::Bps;

/// Equities at which nothing holds.
#[derive(Clone, Default)]
pub(super) struct Calm(Option<Range>);

/// With these peaks.
#[derive(Clone, Copy)]
struct Range {
    peaks: Peaks,
    lowest: i128,
    highest: i128,
}

/// As little as is in a snapshot: engines that differ in this alone decide alike.
impl fmt::Debug for Calm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calm")
    }
}

impl Guard {
    /// Whether a reading that moved no peak decides nothing.
    pub(super) fn is_calm(&self, peaks: &Peaks, sight: &Sight, gates: &Gates) -> bool {
        let Some(calm) = &self.calm.0 else { return false };
        let within = |equity: i128| calm.lowest <= equity && equity <= calm.highest;
        calm.peaks == *peaks
            && sight.trusted
            && !sight.absent
            && within(sight.good)
            && within(sight.worst)
            && self.has_begun_nothing(gates)
    }

    /// Remembers a trusted reading at which nothing held.
    pub(super) fn learn(&mut self, peaks: &Peaks, sight: &Sight, holds: bool, gates: &Gates) {
        let quiet = !holds
            && sight.trusted
            && !sight.absent
            && sight.worst == sight.good
            && !self.is_meaningless(peaks)
            && self.has_begun_nothing(gates);
        if !quiet {
            return;
        }
        let known = self.calm.0.filter(|calm| calm.peaks == *peaks);
        let (lowest, highest) = known.map_or((sight.good, sight.good), |calm| (calm.lowest, calm.highest));
        let (lowest, highest) = (lowest.min(sight.good), highest.max(sight.good));
        self.calm = Calm(Some(Range { peaks: *peaks, lowest, highest }));
    }

    /// Neither breach nor warning nor band, nor a cause that one of them left.
    fn has_begun_nothing(&self, gates: &Gates) -> bool {
        !self.unpriced
            && self.calm_since.is_none()
            && !self.warning
            && self.left == Bps::WHOLE
            && self.breach.is_over()
            && gates.is_idle(self.limits.scope, self.latch_number)
    }
}
