//! COLD: reject codes of venues, shipped with the program.

use crate::engine::limits::VenueCodes;

/// The shipped map of this name.
pub(super) fn shipped(name: &str) -> Option<VenueCodes> {
    matches!(name, "binance" | "fix").then(VenueCodes::default)
}
