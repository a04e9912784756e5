//! Long days of books: the engine against the oracle over as many random events as asked for.
//!
//! `TRIPLINE_EVENTS` says how many (`make test`: a million, optimised; `make soak`: a hundred million). A difference is
//! told with the seed of its tape and the fewest events that show it.

mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;

use num_bigint::BigInt;
use num_rational::BigRational;
use support::book_tape::{BookTape, random_setup};
use support::book_trial::{Setup, Trial};
use support::oracle::What;
use support::rational::{R, down, fraction, up, whole};
use support::seed::Seed;
use support::tapes;

/// Events of one tape.
const TAPE: u64 = 1_000;
/// Of so many tapes one is also read anew from its whole history.
const REREAD: u64 = 16;

type Acts = Vec<(u64, What)>;

/// The index of the first event at which engine and oracle differ, and how.
fn replay(setup: &Setup, acts: &Acts) -> Option<(usize, String)> {
    let oracle = setup.oracle();
    let mut trial = Trial::new(*setup, &oracle);
    acts.iter().enumerate().find_map(|(at, (gap, what))| trial.step(*gap, what).err().map(|why| (at, why)))
}

/// Leaves out what the difference does not need.
fn shrink(setup: &Setup, mut acts: Acts) -> (Acts, String) {
    let kind = |why: &str| why.split(':').next().unwrap_or_default().to_owned();
    let (mut last, mut why) = replay(setup, &acts).expect("the same tape differs again");
    acts.truncate(last + 1);
    let mut chunk = acts.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < acts.len() {
            let mut fewer = acts.clone();
            fewer.drain(at..(at + chunk).min(acts.len()));
            match replay(setup, &fewer).filter(|found| kind(&found.1) == kind(&why)) {
                Some(found) => {
                    (last, why) = found;
                    fewer.truncate(last + 1);
                    acts = fewer;
                }
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    (acts, why)
}

/// What a tape must not avoid; the restarts only where there are snapshots.
const SEEN: [&str; 20] = [
    "active",
    "bust",
    "close",
    "fill",
    "flip",
    "flow",
    "flow in another currency",
    "funding",
    "funding in another currency",
    "halted",
    "late fee",
    "mark",
    "partial",
    "rate",
    "reduce-only",
    "repeat",
    "reset",
    "restart",
    "roll",
    "settlement",
];

/// Plays one tape; returns the number of its events.
fn play(seed: &mut Seed, tally: &Mutex<BTreeMap<&'static str, u64>>) -> u64 {
    let setup = random_setup(seed);
    let oracle = setup.oracle();
    let mut trial = Trial::new(setup, &oracle);
    let mut tape = BookTape::new(&setup);
    let mut acts = Acts::new();
    for _ in 0..TAPE {
        let (gap, what) = tape.next(seed, &trial.reading);
        acts.push((gap, what));
        let (gap, what) = &acts[acts.len() - 1];
        if let Err(first) = trial.step(*gap, what) {
            let (acts, why) = shrink(&setup, acts);
            let acts: Vec<String> = acts.iter().map(|act| format!("{act:?}")).collect();
            panic!("{first}\n\nand, shrunk,\n{why}\n\nafter\n{}\n\nwith {setup:?}", acts.join("\n"));
        }
    }
    if seed.start().is_multiple_of(REREAD) {
        trial.reread().unwrap_or_else(|why| panic!("{why}\n\nwith {setup:?}"));
    }
    let mut tally = tally.lock().unwrap();
    trial.tally.iter().for_each(|(&seen, count)| *tally.entry(seen).or_default() += count);
    trial.history.len() as u64
}

#[test]
fn long_days_of_books_are_read_as_the_oracle_reads_them() {
    let test = "engine_tapes long_days_of_books_are_read_as_the_oracle_reads_them";
    let (events, tally) = (tapes::events(40_000), Mutex::new(BTreeMap::new()));
    tapes::play(test, "books", events, |mut seed| play(&mut seed, &tally));
    let tally = tally.into_inner().unwrap();
    for seen in SEEN {
        let count = tally.get(seen).copied().unwrap_or(0);
        assert!(count >= events / 2_000, "{seen}: {count} times only in {events} events: {tally:?}");
    }
}

/// A number of any size, often at an end of its range.
fn number(seed: &mut Seed) -> i128 {
    let all = (u128::from(seed.number()) << 64 | u128::from(seed.number())).cast_signed();
    match seed.below(8) {
        0 => [i128::MIN, i128::MAX, i128::MIN + 1, 0, 1, -1][seed.below(6) as usize],
        1 => all,
        roll => all >> (16 * roll),
    }
}

#[test]
fn fractions_are_those_of_big_numbers() {
    let mut seed = Seed::new("engine_tapes fractions_are_those_of_big_numbers");
    let big = |value: i128| BigRational::from(BigInt::from(value));
    let same = |ours: &R, theirs: &BigRational| assert_eq!(format!("{ours:?}"), theirs.to_string());
    for _ in 0..5_000 {
        let [a, b, c, d] = [0; 4].map(|_| number(&mut seed));
        let (b, d) = (if b == 0 { 7 } else { b }, if d == 0 { 9 } else { d });
        let (x, y) = (fraction(a, b), fraction(c, d));
        let (of_x, of_y) = (big(a) / big(b), big(c) / big(d));
        same(&(&x + &y), &(&of_x + &of_y));
        same(&(&x - &y), &(&of_x - &of_y));
        same(&(&x * &y), &(&of_x * &of_y));
        if c != 0 {
            same(&(&x / &y), &(&of_x / &of_y));
        }
        same(&-&x, &-of_x.clone());
        assert_eq!(x.cmp(&y), of_x.cmp(&of_y), "{x:?} against {y:?}");
        assert_eq!(x == whole(0), a == 0);
        let places = seed.below(19) as u32;
        let unit = big(10_i128.pow(places));
        same(&down(&x, places), &((&of_x * &unit).floor() / &unit));
        same(&up(&x, places), &((&of_x * &unit).ceil() / &unit));
        let is_whole = of_x.is_integer().then(|| i128::try_from(of_x.to_integer()).ok()).flatten();
        assert_eq!(x.to_whole(), is_whole);
    }
}
