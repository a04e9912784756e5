//! COLD: the thread that owns the operator's lane: publishes each order and passes its verdict on.
//!
//! A lane has one producer and its handle belongs to one thread, so every command of this process goes through here,
//! one after the other.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::config::Config;
use super::desk::{Context, Order};
use super::server;
use crate::model::verdict::VerdictRecord;
use crate::model::{Flags, Handle};
use crate::shm::client::Client;
use crate::shm::clock::monotonic;
use crate::shm::stats::StatsReader;
use crate::wire::answer::Answer;
use crate::wire::stats::Stats;

/// Orders that may wait for the lane.
const ORDERS: usize = 64;
/// How long a command may go unanswered before whoever waits is told so.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at the return ring.
const LOOK_EVERY: Duration = Duration::from_micros(50);

/// Serves control on the operator's lane until SIGTERM.
///
/// # Errors
/// What the server or the thread's start said.
pub fn serve(
    config: Config,
    operator: Client,
    stats: StatsReader,
    guard_name: Arc<dyn Fn(u16) -> String + Send + Sync>,
) -> io::Result<()> {
    let (desk, orders) = crossbeam_channel::bounded(ORDERS);
    thread::Builder::new().name("tripline-desk".into()).spawn(move || own(operator, &orders))?;
    let stats = Arc::new(keeping_the_last(move || stats.read()));
    // Never sent and never dropped before the server ends: SIGTERM is what ends it.
    let (_stop, stopped) = tokio::sync::oneshot::channel();
    server::serve(Context { config, stats, now: monotonic, desk, guard_name }, stopped)
}

/// A core that loses its processor, or is stopped, while it writes the page leaves nothing to read until it goes on.
/// What it wrote before is then the truth to tell: it carries its age, and a lease that has run out says the rest.
fn keeping_the_last(read: impl Fn() -> Option<Stats>) -> impl Fn() -> Option<Stats> {
    let last = Mutex::new(None);
    move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fresh) = read() {
            *last = Some(fresh);
        }
        last.clone()
    }
}

fn own(mut operator: Client, orders: &Receiver<Order>) {
    operator.rebind();
    // Verdicts that nobody waits for any more: of a control that was restarted.
    while let Ok(Some(_)) = operator.poll() {}
    while let Ok(order) = orders.recv() {
        carry_out(&mut operator, order);
    }
}

fn carry_out(operator: &mut Client, order: Order) {
    let published = operator.publish(Handle::default(), Flags::empty(), order.event);
    if let Err(error) = &published {
        tracing::error!(event = "desk", %error, "a command could not be published");
    }
    let Some(reply) = order.reply else { return };
    let verdict = published.ok().and_then(|position| await_verdict(operator, position));
    // Whoever asked may have given up.
    let _gone = reply.send(verdict);
}

fn await_verdict(operator: &mut Client, asked: u64) -> Option<VerdictRecord> {
    let by = Instant::now() + ANSWER_WITHIN;
    while Instant::now() < by {
        match operator.poll() {
            Ok(Some(Answer::Verdict { record, position, .. })) if position == asked => return Some(record),
            Ok(Some(_)) => {}
            Ok(None) => thread::park_timeout(LOOK_EVERY),
            Err(error) => {
                tracing::error!(event = "desk", %error, "the operator's return ring cannot be read");
                return None;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::wire::stats::LoopRow;

    #[test]
    fn a_page_that_cannot_be_read_now_says_what_it_said_last() {
        let page = Cell::new(None);
        let ticks =
            |ticks| Some(Stats { looping: LoopRow { ticks, ..LoopRow::default() }, ..Stats::default() });
        let read = keeping_the_last(|| ticks(page.get()?));
        assert_eq!(read(), None, "nothing was ever written");
        for (now, told) in [(Some(1), 1), (None, 1), (None, 1), (Some(2), 2), (None, 2)] {
            page.set(now);
            assert_eq!(read(), ticks(told));
        }
    }
}
