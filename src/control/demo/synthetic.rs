//! COLD: the built-in price path: made up, the same in every run, and labelled so.
//!
//! It rises to a peak and then falls with recoveries on the way, so that for one unit held from the first price, with
//! that price as equity, a trailing drawdown of 3 % comes first and one of 15 % follows minutes of data time later.

use super::tape::{Point, Tape};

/// Decimals of the path's prices.
const DECIMALS: u8 = 1;
/// 2026-01-05T09:00:00Z, a Monday; one point a minute.
const START_UTC_NS: i64 = 1_767_603_600_000_000_000;
const STEP_NS: i64 = 60_000_000_000;
const START_PX: i64 = 500_000;
/// Seed of the wiggle.
const SEED: u64 = 0x7472_6970_6c69_6e65;

/// Legs of the path: how many points, and the price units they lead to.
const LEGS: [(i64, i64); 9] = [
    (60, 506_500),
    (25, 504_800),
    (55, 519_600),
    (30, 512_000),
    (20, 515_500),
    (45, 488_000),
    (20, 494_500),
    (50, 446_000),
    (35, 430_000),
];

/// The built-in tape.
#[must_use]
pub fn tape() -> Tape {
    let mut points = vec![Point { at_utc_ns: START_UTC_NS, px: START_PX }];
    let mut noise = SEED;
    let mut from = START_PX;
    for (length, to) in LEGS {
        for step in 1..=length {
            let level = from + (to - from) * step / length;
            let at_utc_ns = START_UTC_NS + STEP_NS * points.len() as i64;
            points.push(Point { at_utc_ns, px: level + wiggle(&mut noise) });
        }
        from = to;
    }
    Tape { label: "built-in path".to_owned(), synthetic: true, price_decimals: DECIMALS, points }
}

/// Up to 0.12 % of the price either way, small moves more often than large ones. Xorshift: no two runs differ.
fn wiggle(noise: &mut u64) -> i64 {
    *noise ^= *noise << 13;
    *noise ^= *noise >> 7;
    *noise ^= *noise << 17;
    let part = |shift: u32| (*noise >> shift & 0xff) as i64;
    part(8) + part(24) - part(40) - part(56)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_drawdown(tape: &Tape, limit_bps: i64) -> Option<usize> {
        let mut peak = 0;
        tape.points.iter().position(|point| {
            peak = peak.max(point.px);
            (peak - point.px) * 10_000 >= peak * limit_bps
        })
    }

    #[test]
    fn it_is_labelled_and_the_same_every_time() {
        let path = tape();
        assert!(path.synthetic);
        assert_eq!(path, tape());
        assert_eq!(path.points.len(), 341);
        assert_eq!(path.points[0], Point { at_utc_ns: START_UTC_NS, px: START_PX });
        assert!(path.points.windows(2).all(|pair| pair[1].at_utc_ns - pair[0].at_utc_ns == STEP_NS));
        assert!(path.points.iter().all(|point| point.px > 0));
    }

    #[test]
    fn it_rises_then_trips_a_canary_of_3_percent_and_later_a_kill_of_15() {
        let path = tape();
        let peak = path.points.iter().map(|point| point.px).max().unwrap();
        let peak_at = path.points.iter().position(|point| point.px == peak).unwrap();
        assert!(peak * 100 >= START_PX * 103, "the rise is visible: {peak}");
        let canary = first_drawdown(&path, 300).expect("the canary trips");
        let kill = first_drawdown(&path, 1500).expect("the kill trips");
        assert!(peak_at < canary && canary + 30 < kill, "{peak_at} < {canary} < {kill}");
        assert!(kill + 5 < path.points.len(), "prices go on after the kill");
    }

    #[test]
    fn it_wiggles_but_never_jumps() {
        let path = tape();
        let moves = path.points.windows(2).map(|pair| pair[1].px - pair[0].px);
        let (up, down) = moves.clone().partition::<Vec<i64>, _>(|step| *step > 0);
        assert!(up.len() > 80 && down.len() > 80, "{} up, {} down", up.len(), down.len());
        let largest = moves.map(i64::abs).max().unwrap();
        assert!(largest * 100 < START_PX, "no step of 1 %: {largest}");
    }
}
