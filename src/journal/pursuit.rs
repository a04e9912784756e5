//! Following a journal that somebody else writes, to be where its writer is when that one dies.
//!
//! Nothing that is followed is held back from being overwritten: whoever is not let run for as long as the log takes to
//! go round has lost it, notices by the sequences, and starts from a newer snapshot.

use super::log::{Found, HotLog};
use super::replica::Replica;
use super::store::Store;
use crate::model::Nanos;

/// Between a journal that could not be followed and another try.
const RETRY: Nanos = Nanos::from_secs(1);

/// A replica on the heels of a journal's writer.
#[derive(Debug)]
pub struct Pursuit<'a> {
    store: &'a Store,
    log: &'a HotLog,
    replica: Option<Box<Replica>>,
    retry_at: Nanos,
}

impl<'a> Pursuit<'a> {
    /// Of the journal in `log`, with the snapshots in `store`.
    #[must_use]
    pub fn new(store: &'a Store, log: &'a HotLog) -> Self {
        Self { store, log, replica: None, retry_at: Nanos::ZERO }
    }

    /// How far it is, if anywhere.
    #[must_use]
    pub fn into_replica(self) -> Option<Box<Replica>> {
        self.replica
    }

    /// Follows to the end of what is written by now; false where that cannot be done. `now` is of any one clock.
    pub fn catch_up(&mut self, now: Nanos) -> bool {
        if self.replica.is_none() && now >= self.retry_at {
            let identity = self.log.identity();
            self.replica =
                identity.and_then(|identity| self.store.newest(self.log, identity.id)).map(Box::new);
            self.retry_at = now.after(RETRY);
        }
        let followed = self.replica.take().map(|replica| follow(self.log, replica));
        self.replica = followed.and_then(|followed| {
            followed
                .inspect_err(|why| {
                    tracing::warn!(event = "standby", why, "the journal cannot be followed from here")
                })
                .ok()
        });
        self.replica.is_some()
    }
}

fn follow(log: &HotLog, mut replica: Box<Replica>) -> Result<Box<Replica>, String> {
    loop {
        let next = replica.next();
        match log.read(next) {
            Found::End => return Ok(replica),
            Found::Entry(stamp, words) => replica.step(&stamp, &words).map_err(|why| why.to_string())?,
            // The writer may have committed two entries between two looks: look again.
            Found::Damaged if log.read(next) != Found::Damaged => {}
            Found::Damaged => return Err(format!("entry {next} is damaged, or was overwritten")),
        }
    }
}
