//! What tests share. For the engine's: a desk with its books, and an oracle. For those of processes: a real sidecar,
//! real strategies, bounded waits, seeds.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

#[cfg(feature = "sidecar")]
pub mod archived;
pub mod book_tape;
pub mod book_trial;
pub mod busy_days;
pub mod desk;
pub mod exposure_family;
pub mod exposure_money;
pub mod exposure_oracle;
pub mod exposure_sets;
pub mod exposure_tape;
#[cfg(feature = "sidecar")]
pub mod journaled;
pub mod oracle;
pub mod permit_oracle;
#[cfg(feature = "sidecar")]
pub mod process;
pub mod rational;
pub mod seed;
#[cfg(feature = "sidecar")]
pub mod sidecar;
#[cfg(feature = "sidecar")]
pub mod strategy;
pub mod tapes;
#[cfg(feature = "sidecar")]
pub mod traced;
pub mod wait;

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use wait::{PATIENCE, not_run, tries};
#[cfg(feature = "sidecar")]
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use wait::{wait_for, wait_within};
