//! The shadow: a second engine that follows the journal a few milliseconds behind the hot loop, on another processor.
//!
//! It takes the snapshots, so that the hot loop never has to, and releases what recovery no longer needs: everything
//! before the older of the two newest snapshots, and, with an [`archive`](super::archive), nothing that the archiver has
//! still to write. Where it stops, the hot log fills and the hot loop stops consuming and renewing: nothing is lost, and
//! every gate closes. It is also a check: what it decides must be what the core recorded.
//!
//! A snapshot takes as long as the tables are full, whatever came since the one before. Under a flood they are therefore
//! further apart: after each the shadow follows for three times as long as it took, until a quarter of the log has come.
//! A core that takes over then has that much more to follow; otherwise the hot loop would wait for snapshots.
//!
//! It watches the archiver too, and never waits for it: a disk that is behind for too long halts the firm, JOURNAL_LAG,
//! and one that would fill the hot log is gone on without.

use std::collections::VecDeque;

use super::archive::{Desk, Settings};
use super::log::{Found, HotLog};
use super::replica::Replica;
use super::store::{Store, snapshot_bytes};
use crate::engine::Engine;
use crate::model::{Event, Message, Nanos, Reason};
use crate::shm::clock::{monotonic, sleep};

/// How long it waits when it has caught up: its lag.
const NAP: Nanos = Nanos::from_millis(2);
/// Snapshots for each time the log wraps: a core that takes over has a sixteenth of it to follow, and what came since.
const PER_ROUND: u64 = 16;
/// The fewest of them, under a flood.
const LEAST_PER_ROUND: u64 = 4;
// The log holds what came since the older of two snapshots; past five eighths of it the archive is given up.
const _: () = assert!(2 * 8 / LEAST_PER_ROUND < 5);
/// So many times as long as a snapshot took the shadow follows before it takes another.
const REST: u64 = 3;
/// How often the archiver is looked at, in entries; and at every nap.
const LOOK_EVERY: u64 = 256;

/// Entries after which there is to be another snapshot.
#[must_use]
pub fn every(log: &HotLog) -> u64 {
    log.capacity().div_ceil(PER_ROUND).max(1)
}

/// Follows `log` until the process ends. `replica` is what the newest snapshot holds.
pub fn follow(
    log: &HotLog,
    store: &Store,
    id: u64,
    mut replica: Replica,
    archive: Option<(&Settings, &Desk)>,
) {
    let mut cadence = Cadence::new(log, replica.next());
    let mut needed = log.released();
    let mut watch = archive.map(|(settings, desk)| Watch::new(settings.lag, desk, log));
    loop {
        let next = replica.next();
        if let Some(watch) = &mut watch {
            watch.serve(id, &replica);
        }
        let found = log.read(next);
        match found {
            Found::Entry(stamp, words) => {
                let seen = |_, _, message: &Message, _: &Engine| {
                    if let (Some(watch), Event::Doubt { reason, .. }) = (&mut watch, message.event) {
                        watch.hear(reason);
                    }
                };
                if let Err(divergence) = replica.step_seen(&stamp, &words, seen) {
                    tracing::error!(event = "shadow", %divergence, "the journal does not lead to what the core decided");
                    return log.report_trouble(stamp.sequence, Reason::Replay);
                }
            }
            Found::End => sleep(NAP.0),
            // The writer may have committed two entries between two looks: look again.
            Found::Damaged if log.read(next) != Found::Damaged => {}
            Found::Damaged => {
                tracing::error!(event = "shadow", sequence = next, "an entry of the hot log is damaged");
                return log.report_trouble(next, Reason::Replay);
            }
        }
        let mut look = found == Found::End || replica.next().is_multiple_of(LOOK_EVERY);
        if cadence.is_due(replica.next(), monotonic) && replica.is_whole() {
            let began = monotonic();
            match store.write(id, &replica) {
                Ok(oldest) => {
                    (needed, look) = (oldest, true);
                    cadence.taken(replica.next(), began, monotonic());
                }
                // The log keeps what it has; if this goes on it fills, and the hot loop stops. Tried again a little later,
                // since following must not wait for it.
                Err(error) => {
                    tracing::error!(event = "snapshot", %error, "a snapshot could not be written");
                    cadence.put_off(replica.next());
                }
            }
        }
        if look {
            let may_go =
                watch.as_mut().map_or(needed, |watch| watch.look(log, &replica, needed, monotonic()));
            if may_go > log.released() {
                log.release(may_go);
            }
        }
    }
}

/// When the next snapshot is due.
#[derive(Clone, Debug)]
struct Cadence {
    every: u64,
    at_most: u64,
    /// Where the last one was taken, or put off to.
    from: u64,
    rests_until: Nanos,
}

impl Cadence {
    fn new(log: &HotLog, next: u64) -> Self {
        let at_most = log.capacity().div_ceil(LEAST_PER_ROUND).max(1);
        Self { every: every(log), at_most, from: next, rests_until: Nanos::ZERO }
    }

    fn is_due(&self, next: u64, now: impl FnOnce() -> Nanos) -> bool {
        let since = next.wrapping_sub(self.from);
        since >= self.every && (since >= self.at_most || now() >= self.rests_until)
    }

    fn taken(&mut self, next: u64, began: Nanos, ended: Nanos) {
        self.from = next;
        self.rests_until = ended.after(Nanos(ended.since(began).0.saturating_mul(REST)));
    }

    /// A failed one is tried again a little later, a quarter of what lies between two at least.
    fn put_off(&mut self, next: u64) {
        self.from = next.wrapping_sub(self.every).wrapping_add(self.every >> 2);
    }
}

/// What the shadow knows of the archiver.
struct Watch<'a> {
    bound: Nanos,
    desk: &'a Desk,
    /// When the shadow had come so far, oldest first: how old the oldest entry is that is not on disk.
    marks: VecDeque<(u64, Nanos)>,
    /// Since when the firm is halted for it; told again at each bound, so that a reset does not outlive the cause.
    told_at: Option<Nanos>,
    /// Whether the journal says that the loop has heeded it: trouble that ends sooner would be no halt at all.
    heard: bool,
}

impl<'a> Watch<'a> {
    /// Marks that are kept, and the least time between two.
    const MARKS: usize = 1_024;
    const MARK_EVERY: Nanos = Nanos::from_millis(5);

    fn new(bound: Nanos, desk: &'a Desk, log: &HotLog) -> Self {
        // What the shadow of a dead core told is this one's to end.
        let is_told = log.trouble().is_some_and(|(_, reason)| reason == Reason::JournalLag);
        let told_at = is_told.then(monotonic);
        Self { bound, desk, marks: VecDeque::with_capacity(Self::MARKS), told_at, heard: false }
    }

    /// Notes that the loop has recorded a doubt for this reason.
    fn hear(&mut self, reason: Reason) {
        self.heard |= reason == Reason::JournalLag;
    }

    /// What the archiver may write, and a snapshot when it wants to begin a segment.
    fn serve(&self, id: u64, replica: &Replica) {
        if self.desk.wants_start() && replica.is_whole() {
            self.desk.offer(replica.next(), snapshot_bytes(id, replica));
        }
        self.desk.follow(replica.next());
    }

    /// Measures the lag and tells it. Returns the sequence before which the hot log may be overwritten.
    fn look(&mut self, log: &HotLog, replica: &Replica, needed: u64, now: Nanos) -> u64 {
        let (next, durable) = (replica.next(), self.desk.durable());
        while self.marks.front().is_some_and(|&(sequence, _)| sequence <= durable) {
            self.marks.pop_front();
        }
        let is_new = self.marks.back().is_none_or(|&(sequence, at)| {
            next > sequence && now.since(at) >= Self::MARK_EVERY && self.marks.len() < Self::MARKS
        });
        if next > durable && is_new {
            self.marks.push_back((next, now));
        }
        let age = self.marks.front().map_or(Nanos::ZERO, |&(_, at)| now.since(at));
        log.tell_archive_lag(durable, age);
        // Beyond it the hot loop would soon find no room. Then the entries are gone on without.
        let most = log.capacity().saturating_mul(5) >> 3;
        let is_full = next.wrapping_sub(log.released()) > most && durable < needed;
        let is_lost = self.desk.take_lost();
        if is_full || is_lost || age > self.bound {
            self.tell(log, next, age, now);
        } else if self.told_at.is_some() && self.heard {
            self.told_at = None;
            tracing::info!(event = "archive", "the archive has caught up");
            log.end_trouble(Reason::JournalLag);
        }
        if is_full {
            self.desk.give_up_before(needed);
            return needed;
        }
        needed.min(durable)
    }

    fn tell(&mut self, log: &HotLog, next: u64, age: Nanos, now: Nanos) {
        if self.told_at.is_none() {
            self.heard = false;
            let behind = next.saturating_sub(self.desk.durable());
            tracing::error!(
                event = "archive",
                behind,
                age_ns = age.0,
                "the archive is too far behind, or gone: halted"
            );
        }
        if self.told_at.is_none_or(|at| now.since(at) > self.bound) {
            self.told_at = Some(now);
            log.report_trouble(next, Reason::JournalLag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_rest_three_times_as_long_as_one_took_but_no_longer_than_a_quarter_of_the_log() {
        let ms = Nanos::from_millis;
        let fresh = || Cadence { every: 16, at_most: 64, from: 1, rests_until: Nanos::ZERO };
        let mut rested = fresh();
        rested.taken(101, ms(1_000), ms(1_020));
        for (name, cadence, next, now, is_due) in [
            ("too few entries", fresh(), 16, ms(9_000), false),
            ("a sixteenth", fresh(), 17, ms(0), true),
            ("resting", rested.clone(), 117, ms(1_079), false),
            ("rested", rested.clone(), 117, ms(1_080), true),
            ("rested with too few entries", rested.clone(), 116, ms(1_080), false),
            ("resting, just below a quarter", rested.clone(), 164, ms(1_021), false),
            ("a quarter", rested.clone(), 165, ms(1_021), true),
        ] {
            assert_eq!(cadence.is_due(next, || now), is_due, "{name}");
        }
    }

    #[test]
    fn a_failed_snapshot_is_tried_again_after_a_quarter_of_the_usual_distance_however_late_it_was() {
        for failed_at in [17, 65, 1_000] {
            let mut cadence = Cadence { every: 16, at_most: 64, from: 1, rests_until: Nanos::ZERO };
            assert!(cadence.is_due(failed_at, || Nanos::ZERO));
            cadence.put_off(failed_at);
            assert!(!cadence.is_due(failed_at + 3, || Nanos::ZERO), "{failed_at}");
            assert!(cadence.is_due(failed_at + 4, || Nanos::ZERO), "{failed_at}");
        }
    }
}
