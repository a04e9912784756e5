//! HOT: the core process: the engine, and the pinned loop that feeds it.
//!
//! [`boot`] prepares everything that may block or allocate; `duty` is the loop; `lanes` the rings it drains;
//! `answers` the rings it answers in; `commit` the one place where a record becomes history;
//! `history` what a core knows when it starts, `standby` how the next one waits, `takeover` how it goes on for one that died; `housekeeping` what may wait; `bridge` the cold
//! thread that maps lanes for it. Between boot and shutdown the loop allocates nothing, locks nothing, logs nothing
//! and makes no system call other than going idle.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod answers;
pub mod boot;
mod bridge;
pub mod clock;
mod commit;
mod duty;
mod history;
mod housekeeping;
mod idle;
mod lanes;
pub mod pages;
pub mod pin;
mod standby;
mod takeover;

pub use boot::{CoreOptions, CpuChoice, IdleChoice, Inheritance, run};
pub use history::Journal;
