//! The acts beside the price path: a burst of requests, a venue that rejects, and what is asked after the kill.

use std::time::Instant;

use tripline::control::demo::acts::{Act, Answer, Ask, breaker, burst};
use tripline::control::demo::tape::Point;
use tripline::model::Reason;
use tripline::model::event::OrderAction;
use tripline::model::verdict::Verdict;

use super::client::{ANSWERED_WITHIN, Client, EXIT, OPEN, Order, SELL, verdict_of};
use super::{Failure, say};
use crate::ffi::tripline_message;
use crate::line::Line;

/// The order that rests at the venue while others are tried.
const RESTING: u64 = 1;

/// One act under way: what is asked and answered is told as it happens.
struct Stage<'a> {
    act: Act,
    client: &'a Client,
    began: Instant,
}

impl<'a> Stage<'a> {
    fn new(act: Act, client: &'a Client) -> Self {
        Self { act, client, began: Instant::now() }
    }

    fn tell_ask(&self, action: OrderAction, order: u64, qty: i64) -> Result<(), Failure> {
        say(Line::Ask { act: self.act, ask: Ask { action, order, qty } })
    }

    fn tell_answer(
        &self,
        message: &tripline_message,
        at: Instant,
    ) -> Result<(Verdict, OrderAction), Failure> {
        let (verdict, action) = verdict_of(message)?;
        let answer = Answer {
            action,
            order: message.id,
            verdict,
            reason: Reason::from_u16(message.reason),
            extra: message.extra,
            at_ns: at.duration_since(self.began).as_nanos() as u64,
        };
        say(Line::Answer { act: self.act, answer })?;
        Ok((verdict, action))
    }

    /// Asks for a new order and waits; the verdict.
    fn new_order(&self, order: &Order) -> Result<Verdict, Failure> {
        self.tell_ask(OrderAction::New, order.id, order.qty)?;
        let message = self.client.permit_new(order)?;
        self.tell_answer(&message, Instant::now()).map(|(verdict, _)| verdict)
    }

    /// Asks for a cancel, waits, and has it done where it passes.
    fn cancel(&self, id: u64) -> Result<(), Failure> {
        self.tell_ask(OrderAction::Cancel, id, 0)?;
        let message = self.client.permit_cancel(id)?;
        let (verdict, _) = self.tell_answer(&message, Instant::now())?;
        if verdict.may_send() {
            self.client.canceled(id)?;
        }
        Ok(())
    }

    fn over(&self) -> Result<(), Failure> {
        say(Line::Over { act: self.act, gate: self.client.gate() })
    }
}

/// A ladder of buys, one unit each, at prices of their own.
fn rung(id: u64, point: &Point) -> Order {
    Order { id, side: 0, px: point.px.saturating_add(id.cast_signed()), qty: 1, intent: OPEN }
}

/// More requests than the venue takes, then every verdict as it comes. Nothing is told before all is asked for: the
/// burst is one.
pub(super) fn burst(client: &Client, point: &Point) -> Result<(), Failure> {
    client.await_pass()?;
    let stage = Stage::new(Act::Burst, client);
    let asks: Vec<(OrderAction, u64)> = (1..=burst::CANCELS_AFTER)
        .map(|id| (OrderAction::New, id))
        .chain((1..=burst::CANCELS).map(|id| (OrderAction::Cancel, id)))
        .chain((burst::CANCELS_AFTER + 1..=burst::ORDERS).map(|id| (OrderAction::New, id)))
        .collect();
    for &(action, id) in &asks {
        match action {
            OrderAction::New => client.request_new(&rung(id, point))?,
            _ => client.request_cancel(id)?,
        }
    }
    for &(action, id) in &asks {
        stage.tell_ask(action, id, i64::from(action == OrderAction::New))?;
    }
    let mut open = asks.len();
    let mut heard = Instant::now();
    while open > 0 {
        let Some(message) = client.poll()? else {
            if heard.elapsed() > ANSWERED_WITHIN {
                return Err(format!("{open} requests of the burst got no final verdict"));
            }
            std::hint::spin_loop();
            continue;
        };
        heard = Instant::now();
        let (verdict, action) = stage.tell_answer(&message, heard)?;
        open -= usize::from(verdict.is_final());
        if verdict.may_send() && action == OrderAction::New {
            client.acked(&rung(message.id, point), 0)?;
        }
    }
    // The day is over: nothing was filled, and the venue cancels what rests.
    for id in 1..=burst::ORDERS {
        client.canceled(id)?;
    }
    stage.over()
}

/// One order rests; the venue takes no other. Goes on until the sidecar denies, then cancels the one that rests.
pub(super) fn rejects(client: &Client, point: &Point) -> Result<(), Failure> {
    client.await_pass()?;
    let stage = Stage::new(Act::Rejects, client);
    let resting = rung(RESTING, point);
    if stage.new_order(&resting)?.may_send() {
        client.acked(&resting, 0)?;
    }
    for id in RESTING + 1..=RESTING + 1 + breaker::PATIENCE {
        if !stage.new_order(&rung(id, point))?.may_send() {
            break;
        }
        client.rejected(id)?;
        say(Line::Reject { order: id })?;
    }
    stage.cancel(RESTING)?;
    stage.over()
}

/// The gate has refused an order: asks for one all the same, and for what has to pass. `held` is signed, `resting` the
/// order that has rested since before, and ids from `next` on were never used. The exit is taken back, unfilled.
pub(super) fn after_kill(
    client: &Client,
    point: &Point,
    held: i64,
    resting: u64,
    next: u64,
) -> Result<(), Failure> {
    let stage = Stage::new(Act::AfterKill, client);
    let size = i64::try_from(held.unsigned_abs()).map_err(|error| error.to_string())?;
    let (same, opposite) = if held < 0 { (SELL, 0) } else { (0, SELL) };
    let order = |id, side, qty, intent| Order { id, side, px: point.px, qty, intent };
    stage.new_order(&order(next, same, 1, OPEN))?;
    stage.cancel(resting)?;
    stage.new_order(&order(next + 1, opposite, size.saturating_add(1), EXIT))?;
    let exit = order(next + 2, opposite, size, EXIT);
    if stage.new_order(&exit)?.may_send() {
        client.acked(&exit, 0)?;
    }
    stage.new_order(&order(next + 3, opposite, 1, EXIT))?;
    stage.cancel(exit.id)?;
    stage.over()
}
