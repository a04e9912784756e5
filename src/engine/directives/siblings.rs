//! HOT: directives about one order of a group of which another has filled (`oco`): at most one is under way for an order.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Slot;
use crate::engine::Engine;
use crate::engine::lanes::Place;
use crate::engine::orders::OrderKey;
use crate::model::Reason;
use crate::model::verdict::{Directive, Task};

impl Engine {
    /// Directs what becomes of an order of a group of which another has filled. What was asked of it before is over.
    pub(in crate::engine) fn direct_sibling(&mut self, place: Place, task: Task) {
        let (Task::Cancel { order, .. } | Task::Resize { order, .. }) = task else { return };
        for index in 0..self.directives.slots.len() {
            let mut slot = self.directives.slots[index];
            let is_older = matches!(slot.directive.task, Task::Resize { order: same, .. } if same == order);
            if slot.over || slot.book != place.book || !is_older {
                continue;
            }
            slot.over = true;
            self.directives.slots[index] = slot;
            if let Some(holder) = slot.holder {
                let task = Task::Revoke { directive: slot.directive.id };
                self.tell(holder.lane, &slot, Directive { task, ..slot.directive });
            }
        }
        self.issue(place.book, place.instrument, task, Reason::OcoRearm);
    }

    /// Whether an order that a directive is about needs nothing any more.
    pub(super) fn is_settled(&self, slot: &Slot) -> bool {
        let (Task::Cancel { order, .. } | Task::Resize { order, .. }) = slot.directive.task else {
            return false;
        };
        let known = self.orders.find(&OrderKey { book: slot.book, by: 0, id: order });
        let order = known.map(|entry| self.orders.get(entry));
        match slot.directive.task {
            Task::Resize { qty, .. } => order.is_some_and(|order| !order.is_live() || order.total() <= qty),
            _ => slot.directive.reason == Reason::OcoRearm && order.is_some_and(|order| !order.is_live()),
        }
    }
}
