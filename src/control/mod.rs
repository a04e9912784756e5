//! COLD: everything that is not the loop: configuration, commands, HTTP, metrics and logs.
//!
//! ```text
//!  tripline.toml ── config ──> Limits ──> engine
//!  status, halt, reset, resume ── cli ──> admin.sock ──┐
//!  Prometheus ── 127.0.0.1:9464 ──────────────────────┴── server ── desk ──> operator's lane ──> core
//!                                                          └ report, metrics <── stats page <────┘
//! ```
//! Control is a client with a privileged lane. It may crash, hang or be killed, and every gate reads as before;
//! what it may not do is slow the loop, so it maps nothing the core maps and asks it for nothing but verdicts.

pub mod cli;
pub mod clock;
pub mod config;
pub mod decimal;
pub mod demo;
pub mod desk;
pub mod logs;
mod metrics;
pub mod operator_lane;
pub mod report;
pub mod scopes;
pub mod server;
mod session;
