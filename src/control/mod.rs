//! COLD: everything that is not the loop: configuration, commands, HTTP, metrics and logs.

pub mod cli;
pub mod config;
pub mod decimal;
