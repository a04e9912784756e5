//! HOT: where a scope's orders go: to the venue, or nowhere.
//!
//! Each scope has a mode of its own, the firm's as configured and LIVE for all others until a person says otherwise; a word is
//! PAPER where a scope that it folds is. No guard sets or clears it, and a state outranks it.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::cause::Hold;
use super::{Gates, guard};
use crate::engine::integrity::sticky;
use crate::model::{Latch, Mode, Reason, Scope};

impl Gates {
    /// Sets a scope's own mode. Paper takes away: what was permitted before is not any more, so it has an epoch of its own.
    pub(in crate::engine) fn set_mode(&mut self, scope: Scope, mode: Mode) {
        let Some(ordinal) = self.layout.ordinal(scope).filter(|&at| self.levels[at].mode != mode) else {
            return;
        };
        self.levels[ordinal].mode = mode;
        let is_paper = mode == Mode::Paper;
        if is_paper {
            self.epoch = self.epoch.saturating_add(1);
        }
        let state = self.state(scope);
        let hold = Hold { state, latch: Latch::Auto, ..sticky(scope, guard::OPERATOR, Reason::PaperMode) };
        self.report(&hold, 0, state, state, is_paper);
        self.refresh(scope, is_paper);
    }

    /// A scope's own mode.
    pub(in crate::engine) fn mode(&self, scope: Scope) -> Mode {
        self.layout.ordinal(scope).map_or(Mode::Paper, |ordinal| self.levels[ordinal].mode)
    }
}
