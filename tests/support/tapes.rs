//! Many tapes, each with a seed of its own, on every processor; and what is said of them.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::seed::Seed;

/// How many events a test plays: `TRIPLINE_EVENTS`, else `default`.
pub fn events(default: u64) -> u64 {
    let given = std::env::var("TRIPLINE_EVENTS").ok().map(|text| text.replace('_', "").parse());
    given.map_or(default, |number| number.expect("TRIPLINE_EVENTS is a number"))
}

/// Plays tapes until so many events have happened, and says so, past what the test runner captures. Tape `i` has the
/// seed `i` after the first one's, so that the seed of a tape that fails, taken as the first, replays it. `play`
/// returns the number of its events, and panics at a difference.
pub fn play(test: &'static str, what: &str, events: u64, one: impl Fn(Seed) -> u64 + Sync) {
    play_from(Seed::new(test), what, events, one);
}

/// The same, where the first tape has this seed.
pub fn play_from(first: Seed, what: &str, events: u64, play: impl Fn(Seed) -> u64 + Sync) {
    let started = Instant::now();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        let work = || {
            let _stop = Stop(&done);
            // Relaxed: nothing but the numbers themselves is told by them.
            while done.load(Ordering::Relaxed) < events {
                let seed = first.fork(next.fetch_add(1, Ordering::Relaxed));
                let played = play(seed);
                let before = done.fetch_add(played, Ordering::Relaxed);
                tell_progress(what, before, played, events, started, &first);
            }
        };
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let (done, seconds) = (done.into_inner(), started.elapsed().as_secs_f64());
    say(&format!("{done} events of {what}, seed {}, 0 differences, {seconds:.1} s", first.start()));
}

/// A difference on one processor ends the work of all.
struct Stop<'a>(&'a AtomicU64);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(u64::MAX / 2, Ordering::Relaxed);
        }
    }
}

/// Each twentieth of a long run.
fn tell_progress(what: &str, before: u64, played: u64, events: u64, started: Instant, first: &Seed) {
    let part = events / 20;
    let now = before + played;
    if events >= 10_000_000 && now < events && before / part != now / part {
        let seconds = started.elapsed().as_secs();
        say(&format!(
            "{now} of {events} events of {what}, seed {}, 0 differences so far, {seconds} s",
            first.start()
        ));
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
