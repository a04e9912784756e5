//! COLD: the command line. [`args`] is what may be typed, [`ExitCode`] what a script learns from it.

pub mod args;
mod exit;

pub use args::{Cli, Command};
pub use exit::ExitCode;
