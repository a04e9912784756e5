//! One run: bursts that tell what a record costs the loop, then a flood, then the books.

use std::thread;
use std::time::{Duration, Instant};

use tripline::runtime::pin;
use tripline::shm::clock::monotonic;
use tripline::sync::{AtomicU64, Ordering};

use super::Failure;
use super::disk::{self, Held};
use super::evidence::{Threads, Watched};
use super::producer::{CYCLE, Producer, Tally};
use super::running::Running;
use super::scene::{ACCOUNT, Reach, Scene, strategy};

/// Lanes that run empty.
const BURSTS: usize = 51;
/// The flood goes on for so long before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// Between two looks at the hot log.
const LOOK_NS: u64 = 2_000_000;
/// How long the shadow and the disk may take to come to the end.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// What a run found.
pub(crate) struct Trial {
    pub(crate) reach: Reach,
    pub(crate) lanes: usize,
    /// Nanoseconds the loop takes for a record, the median of the bursts.
    pub(crate) record_ns: Option<f64>,
    /// Records applied in each second.
    pub(crate) rates: Vec<f64>,
    pub(crate) seconds: f64,
    pub(crate) records: u64,
    pub(crate) fills: u64,
    /// Per producer: part of the time it waited for room in its lane.
    pub(crate) lane_full: f64,
    /// Of the looks at the hot log: those at which the loop had no room in it.
    pub(crate) log_full: f64,
    /// Times the log was written all over.
    pub(crate) wraps: f64,
    pub(crate) threads: Threads,
    pub(crate) closures: u64,
    pub(crate) closed_ns: u64,
    pub(crate) stalls: u64,
    pub(crate) worst_stall_ns: u64,
    /// Scope and reason of what had begun by the end.
    pub(crate) causes: Vec<String>,
    pub(crate) archived: Option<Archived>,
}

/// What reached the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Archived {
    /// Entries a second that were on disk, from the first to the last moment of the flood.
    pub(crate) rate: f64,
    pub(crate) worst_lag_ns: u64,
    pub(crate) held: Held,
    /// Entries that were on disk before the sidecar was asked to end, by its own word.
    pub(crate) written: u64,
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    applied: u64,
    waited_ns: u64,
    next: u64,
    durable: u64,
    threads: Threads,
}

/// What is seen between two moments.
#[derive(Default)]
struct Seen {
    rates: Vec<f64>,
    looks: u64,
    full: u64,
    worst_lag_ns: u64,
}

struct Watch<'a> {
    tallies: &'a [Tally],
    log: Option<Watched>,
    keeper: libc::pid_t,
    core: libc::pid_t,
}

/// Runs one scene. A failure comes with what the sidecar said.
pub(crate) fn run(scene: &Scene<'_>, cpu: usize, seconds: u64) -> Result<Trial, Failure> {
    let mut sidecar = scene.start(cpu)?;
    let measured = measure(scene, &mut sidecar, seconds);
    measured.map_err(|failure| {
        let causes = sidecar.status().map(|report| report.causes).unwrap_or_default();
        format!("{} x {}: {failure}\ncauses: {causes:?}\n{}", scene.lanes, scene.reach.name(), sidecar.log())
    })
}

fn measure(scene: &Scene<'_>, sidecar: &mut Running, seconds: u64) -> Result<Trial, Failure> {
    let tallies: Vec<Tally> = (0..scene.lanes).map(|_| Tally::default()).collect();
    let log = match scene.reach {
        Reach::Rules => None,
        _ => Some(Watched::open(&sidecar.run_dir())?),
    };
    let watch = Watch { tallies: &tallies, log, keeper: sidecar.keeper(), core: sidecar.core() };
    let run_dir = sidecar.run_dir();
    let attach = |number: usize| Producer::attach(&run_dir, number, &tallies[number]);
    let mut producers: Vec<_> = (0..scene.lanes).map(attach).collect::<Result<_, _>>()?;
    let record_ns = bursts(sidecar, &mut producers[0], watch.log.as_ref())?;
    let stop = AtomicU64::new(0);
    let pace = scene.rate.map(|rate| Duration::from_nanos(CYCLE * scene.lanes as u64 * 1_000_000_000 / rate));
    let (producers, from, to, seen) = thread::scope(|scope| {
        let threads: Vec<_> =
            producers.into_iter().map(|producer| scope.spawn(|| producer.run(&stop, pace))).collect();
        let watched = watch.through(seconds);
        // Relaxed: only a sign to stop.
        stop.store(1, Ordering::Relaxed);
        let ended: Result<Vec<Producer<'_>>, Failure> =
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a producer panicked")?).collect();
        let (from, to, seen) = watched?;
        Ok::<_, Failure>((ended?, from, to, seen))
    })?;
    let seconds = seen.rates.len() as f64;
    let mut trial = Trial {
        reach: scene.reach,
        lanes: scene.lanes,
        record_ns,
        seconds,
        records: to.applied - from.applied,
        fills: 0,
        lane_full: (to.waited_ns - from.waited_ns) as f64 / (seconds * 1e9 * scene.lanes as f64),
        log_full: seen.full as f64 / seen.looks.max(1) as f64,
        wraps: watch.log.as_ref().map_or(0.0, |log| (to.next - from.next) as f64 / log.capacity() as f64),
        threads: to.threads.since(from.threads),
        // From attaching on: a gate that closed before the flood counts as much.
        closures: watch.sum(|tally| &tally.closures),
        closed_ns: watch.sum(|tally| &tally.closed_ns),
        stalls: 0,
        worst_stall_ns: 0,
        causes: Vec::new(),
        archived: None,
        rates: seen.rates,
    };
    compare(&mut trial, sidecar, &producers, watch.log.as_ref())?;
    if let (Reach::Archive, Some(log)) = (scene.reach, &watch.log) {
        let rate = (to.durable - from.durable) as f64 / seconds;
        settle("the disk", || log.durable() == log.bounds().1)?;
        let written = log.durable() - 1;
        drop(producers);
        sidecar.end();
        let held = disk::verify(scene.archive)?;
        if held.gaps == 0 && held.entries < written {
            return Err(format!("{} entries on disk instead of {written}", held.entries));
        }
        trial.archived = Some(Archived { rate, worst_lag_ns: seen.worst_lag_ns, held, written });
    }
    Ok(trial)
}

/// What a record costs the loop: lanes that were filled while the core was stopped run empty.
fn bursts(
    sidecar: &Running,
    producer: &mut Producer<'_>,
    log: Option<&Watched>,
) -> Result<Option<f64>, Failure> {
    let mut costs = Vec::new();
    for _ in 0..BURSTS {
        sidecar.while_stopped(|| producer.fill_lane())?;
        costs.extend(producer.watch_lane_run_empty()?);
        if let Some(log) = log {
            // Then the next one fits again, whatever the shadow does.
            settle("the shadow", || {
                let (released, next) = log.bounds();
                next - released < log.capacity() / 2
            })?;
        }
        pin::sleep(20_000_000);
    }
    costs.sort_unstable_by(f64::total_cmp);
    Ok(costs.get(costs.len() / 2).copied())
}

fn settle(what: &str, mut is_done: impl FnMut() -> bool) -> Result<(), Failure> {
    let by = Instant::now() + SETTLED_WITHIN;
    while !is_done() {
        if Instant::now() >= by {
            return Err(format!("{what} does not come to the end"));
        }
        pin::sleep(1_000_000);
    }
    Ok(())
}

impl Watch<'_> {
    /// Watches a flood for so many seconds, after the warm-up.
    fn through(&self, seconds: u64) -> Result<(Moment, Moment, Seen), Failure> {
        pin::sleep(WARM_UP.as_nanos() as u64);
        let mut seen = Seen::default();
        let from = self.moment()?;
        let (mut at, mut applied) = (monotonic(), from.applied);
        let start = at;
        for second in 1..=seconds {
            while monotonic().since(start).0 < second * 1_000_000_000 {
                self.look(&mut seen);
                pin::sleep(LOOK_NS);
            }
            let (now, until) = (monotonic(), self.sum(|tally| &tally.applied));
            seen.rates.push((until - applied) as f64 * 1e9 / now.since(at).0 as f64);
            (at, applied) = (now, until);
        }
        Ok((from, self.moment()?, seen))
    }

    fn look(&self, seen: &mut Seen) {
        seen.looks += 1;
        let Some(log) = &self.log else { return };
        let (released, next) = log.bounds();
        // A quarter is kept free by the loop; what a turn may add at once, less.
        seen.full += u64::from(next - released + 64 > log.capacity() / 4 * 3);
        seen.worst_lag_ns = seen.worst_lag_ns.max(log.lag_ns());
    }

    fn moment(&self) -> Result<Moment, Failure> {
        Ok(Moment {
            applied: self.sum(|tally| &tally.applied),
            waited_ns: self.sum(|tally| &tally.waited_ns),
            next: self.log.as_ref().map_or(0, |log| log.bounds().1),
            durable: self.log.as_ref().map_or(0, Watched::durable),
            threads: Threads::read(self.keeper, self.core)?,
        })
    }

    fn sum(&self, of: impl Fn(&Tally) -> &AtomicU64) -> u64 {
        // Relaxed: figures, which publish nothing.
        self.tallies.iter().map(|tally| of(tally).load(Ordering::Relaxed)).sum()
    }
}

/// The producers' books against the sidecar's: every record, fill and order, and each equity. Its journal must have an
/// entry for each.
fn compare(
    trial: &mut Trial,
    sidecar: &Running,
    producers: &[Producer<'_>],
    log: Option<&Watched>,
) -> Result<(), Failure> {
    let sum = |of: fn(&Producer<'_>) -> u64| producers.iter().map(of).sum::<u64>();
    let published = sum(|producer| producer.books().records);
    let fills = sum(|producer| producer.books().fills);
    let by = Instant::now() + SETTLED_WITHIN;
    loop {
        let report = sidecar.status()?;
        let looping = report.looping.ok_or("the sidecar shows no core")?;
        let equities_agree = producers.iter().enumerate().all(|(number, producer)| {
            let name = format!("{}/{ACCOUNT}", strategy(number));
            let book = report.books.iter().find(|book| book.name == name);
            book.and_then(|book| book.equity.parse::<f64>().ok()) == Some(producer.books().equity() as f64)
        });
        let told = [looping.fills, looping.orders, looping.duplicate_fills + looping.rejected];
        let agrees = told == [fills, sum(|producer| producer.books().orders), 0]
            && looping.records >= published
            && equities_agree;
        if agrees {
            trial.fills = fills;
            (trial.stalls, trial.worst_stall_ns) = (looping.stalls, looping.worst_stall_ns);
            let begun = report.transitions.iter().filter(|transition| transition.began);
            trial.causes = begun.map(|row| format!("{} {}", row.scope, row.reason)).collect();
            let entries = log.map_or(u64::MAX, |log| log.bounds().1 - 1);
            return if entries >= looping.records {
                Ok(())
            } else {
                Err(format!("{entries} entries of the journal for {} records", looping.records))
            };
        }
        // The page follows by some milliseconds.
        if Instant::now() >= by {
            return Err(format!(
                "published were {published} records, {fills} fills; the sidecar tells {} records, {} fills, {} repeated, \
                 {} refused; equities {}",
                looping.records,
                looping.fills,
                looping.duplicate_fills,
                looping.rejected,
                if equities_agree { "agree" } else { "differ" }
            ));
        }
        pin::sleep(20_000_000);
    }
}
