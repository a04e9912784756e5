//! The cheapest shared-memory round trip: one cache line there, one back, nothing decided.
//!
//! Each side writes seven words and then the stamp, as the product's ring does, and waits for the other's stamp.
//! The echo is a thread, pinned to the core's processor: what travels between the caches is the same as between two
//! processes. It waits in a channel unless a block runs, and no wait spins without end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tripline::runtime::pin;
use tripline::sync::{AtomicU64, Ordering};

use super::Failure;

/// A peer that has been silent for this long is not going to answer.
const SILENT_FOR: Duration = Duration::from_secs(2);
/// Looks between two readings of the clock that bounds a wait.
const LOOKS: u32 = 1 << 16;

/// One cache line in a pair of its own, since processors prefetch in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Line([AtomicU64; 8]);

#[derive(Default)]
struct Lines {
    /// Written by the strategy's side.
    ping: Line,
    /// Written by the echo.
    pong: Line,
}

/// The near end, and the thread behind it.
pub(crate) struct Echo {
    lines: Arc<Lines>,
    blocks: Sender<(u64, u64)>,
    stamp: u64,
    checksum: u64,
}

impl Echo {
    /// Starts the echo on `cpu`.
    pub(crate) fn start(cpu: usize) -> Result<Self, Failure> {
        let lines = Arc::new(Lines::default());
        let (blocks, orders) = channel();
        let (told, pinned) = channel();
        let far = Arc::clone(&lines);
        let thread = std::thread::Builder::new().name("echo".into());
        let started = thread.spawn(move || {
            // Nobody listens only when the run is over.
            let _over = told.send(pin::pin_to(cpu));
            answer(&far, &orders);
        });
        started.map_err(|error| format!("starting the echo: {error}"))?;
        match pinned.recv() {
            Ok(true) => Ok(Self { lines, blocks, stamp: 0, checksum: 0 }),
            _ => Err(format!("the echo cannot be pinned to processor {cpu}")),
        }
    }

    /// `trips` round trips, `before` ahead of each; hands the nanoseconds of each to `add`.
    pub(crate) fn block(
        &mut self,
        trips: u64,
        mut before: impl FnMut(),
        mut add: impl FnMut(u64),
    ) -> Result<(), Failure> {
        // A few more than are counted, so that waking the peer's thread is not among them.
        let (first, warm) = (self.stamp + 1, 16);
        self.stamp += trips + warm;
        self.blocks.send((first, self.stamp)).map_err(|_| "the echo has ended")?;
        for stamp in first..=self.stamp {
            before();
            let start = Instant::now();
            let sent = [stamp; 7];
            self.lines.ping.write(stamp, &sent);
            let back = self.lines.pong.read(stamp).ok_or("the echo does not answer")?;
            let nanos = start.elapsed().as_nanos() as u64;
            if back != sent {
                return Err(format!("round trip {stamp} brought back {back:?}"));
            }
            self.checksum = self.checksum.wrapping_add(back.iter().sum());
            if stamp >= first + warm {
                add(nanos);
            }
        }
        Ok(())
    }

    /// The sum of everything that came back.
    pub(crate) fn checksum(&self) -> u64 {
        self.checksum
    }
}

fn answer(lines: &Lines, orders: &Receiver<(u64, u64)>) {
    while let Ok((first, last)) = orders.recv() {
        for stamp in first..=last {
            let Some(words) = lines.ping.read(stamp) else { break };
            lines.pong.write(stamp, &words);
        }
    }
}

impl Line {
    #[inline]
    fn write(&self, stamp: u64, words: &[u64; 7]) {
        for (place, &word) in self.0[1..].iter().zip(words) {
            // Relaxed: published by the stamp below.
            place.store(word, Ordering::Relaxed);
        }
        // Pairs with the acquire load in `read`.
        self.0[0].store(stamp, Ordering::Release);
    }

    /// Waits for `stamp` and copies what it published; `None` when it does not come.
    #[inline]
    fn read(&self, stamp: u64) -> Option<[u64; 7]> {
        let mut by = None;
        loop {
            for _ in 0..LOOKS {
                // Pairs with the release store in `write`.
                if self.0[0].load(Ordering::Acquire) == stamp {
                    // Relaxed: ordered by the stamp.
                    return Some(std::array::from_fn(|word| self.0[word + 1].load(Ordering::Relaxed)));
                }
            }
            if Instant::now() > *by.get_or_insert_with(|| Instant::now() + SILENT_FOR) {
                return None;
            }
        }
    }
}
