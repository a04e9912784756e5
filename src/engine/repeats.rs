//! HOT: the throttle on repeated automated execution.
//!
//! Measures executions (fills and steps of cumulative reports that book a quantity) of a scope since it was last enabled by
//! a person. It may send while there are fewer than its limit: the one that reaches it (`>=`) halts the scope,
//! REPEATED_EXECUTION, STICKY. Trades of nobody's strategy do not count. Enabling it again is the operator's reset of that cause; the count begins at 0 then, as
//! it does at the first start. Nothing else clears it, no session and no restart: it goes with snapshots. Paper fills do
//! not count, nor does a bust give one back. Cancels and verified exits pass as they do under any halt. Does not
//! catch: executions before a start without a journal.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::gates::{Hold, guard};
use super::integrity::sticky;
use crate::model::scope::BookId;
use crate::model::{Reason, Scope};

impl Engine {
    /// Counts an execution of a book.
    pub(super) fn count_execution(&mut self, book: BookId) {
        // What is in HOUSE no strategy has traded.
        if usize::from(book) >= self.limits.books.len() {
            return;
        }
        for scope in self.capped_scopes(book) {
            let Some(limit) = self.limits.caps(scope).max_executions else { continue };
            let Some(count) = self.repeats.of_mut(scope) else { continue };
            *count = count.saturating_add(1);
            if *count >= limit {
                self.gates.begin(Hold {
                    measured: i64::from(*count),
                    limit: i64::from(limit),
                    ..sticky(scope, guard::REPEATS, Reason::RepeatedExecution)
                });
            }
        }
    }

    /// A person has enabled a scope again.
    pub(super) fn forget_executions(&mut self, scope: Scope) {
        if let Some(count) = self.repeats.of_mut(scope) {
            *count = 0;
        }
    }

    /// Executions of a scope since a person enabled it; 0 where they are not limited.
    #[must_use]
    pub fn executions(&self, scope: Scope) -> u32 {
        self.repeats.of(scope).copied().unwrap_or(0)
    }
}
