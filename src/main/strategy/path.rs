//! The price path: a position is opened at the first price and held, while the gate is watched mark by mark.

use std::time::{Duration, Instant};

use tripline::control::demo::acts::Act;
use tripline::control::demo::tape::{Point, Tape};

use super::client::{ANSWERED_WITHIN, Client, OPEN, Order, REDUCE, SELL};
use super::{Failure, acts, say};
use crate::line::Line;

const TOLD_EVERY: Duration = Duration::from_millis(40);

/// Ids of the orders: the one that opens, the one that takes profit, and the first of those after the kill.
const OPENS: u64 = 1;
const TAKES_PROFIT: u64 = 2;
const AFTER: u64 = 3;

/// Plays the path, and asks after its end what a closed gate still lets through.
pub(super) fn play(client: &Client, tape: &Tape, qty_units: i64, takes: Duration) -> Result<(), Failure> {
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    let mut refused = false;
    for (index, point) in tape.points.iter().enumerate() {
        pace(started, index, tape.points.len(), takes);
        let (before, seen) = publish_mark(client, index, point)?;
        if index == 0 {
            open_position(client, point, qty_units)?;
        }
        let (index, gate) = (index as u64, client.gate());
        if let Some(nanos) = seen {
            say(Line::Halt { index, gate, before, after: client.epoch(), nanos })?;
        }
        if !refused && !client.may_send() {
            refused = true;
            say(Line::Refused { index, gate })?;
        }
        if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            told = Some(Instant::now());
            say(Line::Mark { index, gate })?;
        }
    }
    say(Line::Done { points: tape.points.len() as u64, gate: client.gate() })?;
    match tape.points.last() {
        Some(last) if refused => acts::after_kill(client, last, qty_units, TAKES_PROFIT, AFTER),
        _ => say(Line::Over { act: Act::AfterKill, gate: client.gate() }),
    }
}

/// Publishes a mark and waits until the sidecar has applied it, watching the gate all the while: the halt epoch
/// before, and the nanoseconds from publishing to the gate's change, if it changed.
fn publish_mark(client: &Client, index: usize, point: &Point) -> Result<(u64, Option<u64>), Failure> {
    client.gate();
    let before = client.epoch();
    let published = Instant::now();
    let position = client.mark(point.px, index as u64 + 1)?;
    let mut seen = None;
    loop {
        // The position first: what it has passed, the gate read after it shows.
        let applied = client.applied()? > position;
        client.gate();
        if seen.is_none() && client.epoch() != before {
            seen = Some(published.elapsed().as_nanos() as u64);
        }
        if applied {
            return Ok((before, seen));
        }
        if published.elapsed() > ANSWERED_WITHIN {
            return Err("the sidecar does not apply events any more".into());
        }
        std::hint::spin_loop();
    }
}

/// Sent only because the gate passes, acknowledged and filled at once. A second order, to take profit a tenth further
/// on, rests from then on: something to cancel after the kill that no guard directs to cancel, since it only reduces.
fn open_position(client: &Client, point: &Point, qty_units: i64) -> Result<(), Failure> {
    if !client.may_send() {
        return Err("the gate does not pass the first order; is the sidecar armed?".into());
    }
    let (side, opposite) = if qty_units < 0 { (SELL, 0) } else { (0, SELL) };
    let qty = i64::try_from(qty_units.unsigned_abs()).map_err(|error| error.to_string())?;
    let opening = Order { id: OPENS, side, px: point.px, qty, intent: OPEN };
    client.sends(&opening)?;
    client.acked(&opening, point.at_utc_ns)?;
    client.filled(&opening)?;
    let away = point.px / 10;
    let px = if qty_units < 0 { point.px - away } else { point.px.saturating_add(away) };
    let resting = Order { id: TAKES_PROFIT, side: opposite, px, qty, intent: REDUCE };
    client.sends(&resting)?;
    client.acked(&resting, point.at_utc_ns).map(drop)
}

/// Waits until it is the point's turn, so that the whole path takes `takes`.
fn pace(started: Instant, index: usize, points: usize, takes: Duration) {
    let due = takes.mul_f64(index as f64 / points.max(1) as f64);
    let early = due.saturating_sub(started.elapsed());
    if !early.is_zero() {
        tripline::runtime::pin::sleep(early.as_nanos() as u64);
    }
}
