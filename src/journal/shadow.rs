//! The shadow: a second engine that follows the journal a few milliseconds behind the hot loop, on another processor.
//!
//! It takes the snapshots, so that the hot loop never has to, and releases what recovery no longer needs: everything
//! before the older of the two newest snapshots. Where it stops, the hot log fills and the hot loop stops consuming and
//! renewing: nothing is lost, and every gate closes. It is also a check: what it decides must be what the core recorded.

use super::log::{Found, HotLog};
use super::replica::Replica;
use super::store::Store;
use crate::model::Nanos;
use crate::shm::clock::sleep;

/// How long it waits when it has caught up: its lag.
const NAP: Nanos = Nanos::from_millis(2);
/// Snapshots for each time the log wraps: a core that takes over has a sixteenth of it to follow, and what came since.
const PER_ROUND: u64 = 16;

/// Entries after which there is to be another snapshot.
#[must_use]
pub fn every(log: &HotLog) -> u64 {
    log.capacity().div_ceil(PER_ROUND).max(1)
}

/// Follows `log` until the process ends. `replica` is what the newest snapshot holds.
pub fn follow(log: &HotLog, store: &Store, id: u64, mut replica: Replica) {
    let every = every(log);
    let mut taken = replica.next();
    loop {
        match log.read(replica.next()) {
            Found::Entry(stamp, words) => {
                if let Err(divergence) = replica.step(&stamp, &words) {
                    tracing::error!(event = "shadow", %divergence, "the journal does not lead to what the core decided");
                    return log.report_trouble(stamp.sequence);
                }
            }
            Found::End => sleep(NAP.0),
            // The writer may have committed two entries between two looks: look again.
            Found::Damaged if log.read(replica.next()) != Found::Damaged => {}
            Found::Damaged => {
                tracing::error!(
                    event = "shadow",
                    sequence = replica.next(),
                    "an entry of the hot log is damaged"
                );
                return log.report_trouble(replica.next());
            }
        }
        if replica.next().wrapping_sub(taken) >= every && replica.is_whole() {
            match store.write(id, &replica) {
                Ok(needed) => {
                    log.release(needed);
                    taken = replica.next();
                }
                // The log keeps what it has; if this goes on it fills, and the hot loop stops.
                Err(error) => {
                    tracing::error!(event = "snapshot", %error, "a snapshot could not be written");
                    sleep(NAP.0);
                }
            }
        }
    }
}
