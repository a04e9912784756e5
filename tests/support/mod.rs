//! What the tests of processes share: a real sidecar, real strategies, bounded waits, seeds.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod process;
pub mod seed;
pub mod sidecar;
pub mod strategy;
pub mod wait;

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use wait::{PATIENCE, tries, wait_for, wait_within};
