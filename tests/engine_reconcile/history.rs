//! Random snapshots of random tapes, decided by the engine and by the whole history.

use tripline::engine::guard;
use tripline::model::Scope;

use crate::support::desk::*;
use crate::support::seed::Seed;
use crate::{POSITIONS, Snapshots, limits_of, secs};

const SECOND: u64 = 1_000_000_000;
const INSTRUMENTS: [u16; 2] = [PLAIN, PERP];

/// Everything that ever happened, and nothing else.
#[derive(Default)]
struct Oracle {
    /// Lane, position in it, and what the account held when the record was about to be taken.
    records: Vec<(u16, u64, [i64; 2])>,
    held: [i64; 2],
    /// Of each instrument, when it first did not match, and when it first mismatched, since it last matched.
    since: [Option<u64>; 2],
    first: [Option<u64>; 2],
    halted: [bool; 2],
}

impl Oracle {
    fn record(&mut self, lane: u16, position: u64) {
        self.records.push((lane, position, self.held));
    }

    /// The number of records before the first of `lane` at or after `position`.
    fn stood_at(&self, lane: u16, position: u64) -> usize {
        let found = self.records.iter().position(|&(of, at, _)| of == lane && at >= position);
        found.unwrap_or(self.records.len())
    }

    fn snapshot(&mut self, lane: u16, before: u64, after: u64, stated: [i64; 2], now: u64) {
        let (from, to) = (self.stood_at(lane, before), self.stood_at(lane, after));
        for (which, stated) in stated.into_iter().enumerate() {
            let mut values: Vec<i64> = self.records[from..to.max(from)].iter().map(|r| r.2[which]).collect();
            values.push(self.records.get(to).map_or(self.held[which], |record| record.2[which]));
            if values.contains(&stated) {
                (self.since[which], self.first[which], self.halted[which]) = (None, None, false);
                continue;
            }
            let since = *self.since[which].get_or_insert(now);
            self.halted[which] |= now - since >= 60 * SECOND;
            if values.iter().all(|value| *value == values[0]) {
                let first = *self.first[which].get_or_insert(now);
                self.halted[which] |= now - first >= 2 * SECOND;
            }
        }
    }

    fn time(&mut self, now: u64) {
        for (halted, since) in self.halted.iter_mut().zip(self.since) {
            *halted |= since.is_some_and(|since| now - since >= 60 * SECOND);
        }
    }
}

struct Tape<'a> {
    seed: &'a mut Seed,
    desk: Desk,
    oracle: Oracle,
    /// Where each lane stood lately.
    stood: [Vec<u64>; 2],
    halts: u64,
    matches: u64,
}

impl<'a> Tape<'a> {
    fn new(seed: &'a mut Seed) -> Self {
        let desk = Desk::new(limits_of(1_000_000));
        Self { seed, desk, oracle: Oracle::default(), stood: [vec![], vec![]], halts: 0, matches: 0 }
    }

    fn heard(&mut self, lane: u16) {
        let position = self.desk.position;
        self.oracle.record(lane, position);
        self.stood[usize::from(lane)].push(position);
    }

    fn trade(&mut self) {
        let lane = self.seed.below(2) as u16;
        let which = self.seed.below(2) as usize;
        let qty = self.seed.below(9) as i64 - 4;
        self.heard(lane);
        if qty == 0 {
            self.desk.mark(lane, INSTRUMENTS[which], 10_000);
        } else {
            self.desk.fill(lane, INSTRUMENTS[which], qty, 10_000, 0);
            self.oracle.held[which] += qty;
        }
    }

    fn snapshot(&mut self) {
        let lane = self.seed.below(2) as u16;
        let stood = &self.stood[usize::from(lane)];
        if stood.is_empty() {
            return;
        }
        let pick = |back: u64| stood[stood.len() - 1 - (back as usize).min(stood.len() - 1)];
        let earlier = self.seed.below(12);
        let before = pick(earlier);
        let after = pick(self.seed.below(earlier + 1)).max(before);
        let stated = [0, 1].map(|which| {
            let near = self.seed.below(8) as i64;
            let held: i64 = self.oracle.held[which];
            match near {
                0 => held + 1,
                1..4 => held,
                _ => self
                    .oracle
                    .records
                    .iter()
                    .rev()
                    .nth(self.seed.below(10) as usize)
                    .map_or(0, |r| r.2[which]),
            }
        });
        self.heard(lane);
        self.desk.begin(lane, POSITIONS, before);
        let mut rows = 0;
        for (which, qty) in stated.into_iter().enumerate() {
            // What is zero may be left out.
            if qty != 0 || self.seed.below(2) == 0 {
                self.heard(lane);
                self.desk.row(lane, INSTRUMENTS[which], qty, 0);
                rows += 1;
            }
        }
        self.heard(lane);
        self.desk.end(lane, rows, after);
        self.oracle.snapshot(lane, before, after, stated, self.desk.now.0);
    }

    fn compare(&mut self, step: u32) {
        self.oracle.time(self.desk.now.0);
        for (which, instrument) in INSTRUMENTS.into_iter().enumerate() {
            let scope = Scope::Instrument(0, instrument);
            let halted = self.desk.reconciles(scope).is_some();
            assert_eq!(halted, self.oracle.halted[which], "step {step}: {scope}");
        }
        for seen in self.desk.taken(guard::RECONCILE) {
            if seen.began { self.halts += 1 } else { self.matches += 1 }
        }
    }

    fn run(&mut self, steps: u32) {
        for step in 0..steps {
            match self.seed.below(100) {
                0..55 => self.trade(),
                55..80 => self.snapshot(),
                80..97 => {
                    let millis = self.seed.below(900);
                    self.desk.wait(ms(millis));
                }
                #[cfg(feature = "sidecar")]
                97 => {
                    let bytes = self.desk.engine.snapshot();
                    self.desk.engine = tripline::engine::Engine::restore(&bytes).expect("its own snapshot");
                }
                97..99 => self.desk.wait(secs(2)),
                _ => {
                    let seconds = self.seed.below(70);
                    self.desk.wait(secs(seconds));
                }
            }
            self.compare(step);
        }
    }
}

#[test]
fn the_engine_halts_exactly_what_the_whole_history_does_not_explain() {
    let (mut halts, mut matches) = (0, 0);
    let mut seed = Seed::new("engine_reconcile the_engine_halts_exactly");
    for _ in 0..60 {
        let mut tape = Tape::new(&mut seed);
        tape.run(1_500);
        halts += tape.halts;
        matches += tape.matches;
    }
    println!("{halts} halts and {matches} matches were compared");
    assert!(halts > 100 && matches > 100, "{halts} halts, {matches} matches");
}
