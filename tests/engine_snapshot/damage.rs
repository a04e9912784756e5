//! Snapshots that are cut off, damaged, or of another engine.

use super::*;
use tripline::engine::SnapshotError;

/// A snapshot of an engine in the middle of a day of orders.
fn midday(seed: &mut Seed) -> Vec<u8> {
    let mut pair = Pair::new(small(order_limits(DropMode::DropOldest)));
    let mut ids = Vec::new();
    for step in 1..2_000 {
        pair.advance(pair.now.after(Nanos(seed.below(200_000))));
        let (flags, event) = order_record(seed, &ids, step);
        if matches!(event, Event::OrderNew { .. }) {
            ids.push(step);
            ids.drain(..ids.len().saturating_sub(64));
        }
        let lane = seed.below(2) as u16;
        let (epoch, handle) = (pair.lasting.epoch() as u16, Handle::new(lane, 0, Some(PLAIN)));
        let source = Source::Lane { lane, strategy: lane, position: step };
        pair.apply(source, &Message { flags, epoch, handle, event });
        if step % 25 == 0 {
            pair.reset_everything();
        }
    }
    pair.lasting.snapshot()
}

#[test]
fn a_snapshot_that_is_cut_off_or_too_long_is_refused() {
    let mut seed = Seed::new("engine_snapshot a_snapshot_that_is_cut_off");
    let bytes = midday(&mut seed);
    let ends = (0..100).chain(bytes.len() - 100..bytes.len());
    let others: Vec<usize> = (0..500).map(|_| seed.below(bytes.len() as u64) as usize).collect();
    for end in ends.chain(others) {
        let refused = Engine::restore(&bytes[..end]).err();
        assert_eq!(refused, Some(SnapshotError::Undecodable), "{end} of {}", bytes.len());
    }
    let longer = [bytes.as_slice(), &[0, 0]].concat();
    assert_eq!(Engine::restore(&longer).err(), Some(SnapshotError::Surplus(2)));
    let limits = order_limits(DropMode::Halt).to_bytes();
    for end in 0..limits.len() {
        assert!(Limits::from_bytes(&limits[..end]).is_err(), "{end} of {}", limits.len());
    }
}

#[test]
fn damage_never_panics_and_what_is_restored_in_spite_of_it_can_be_read() {
    let mut seed = Seed::new("engine_snapshot damage_never_panics");
    let mut bytes = midday(&mut seed);
    let mut answers = BTreeMap::new();
    for _ in 0..4_000 {
        // Every second time where the limits and the small tables are.
        let end = if seed.below(2) == 0 { 2_000 } else { bytes.len() as u64 };
        let (at, bit) = (seed.below(end) as usize, seed.below(8));
        bytes[at] ^= 1 << bit;
        let restored = Engine::restore(&bytes);
        let answer = match &restored {
            Ok(engine) => {
                assert!(engine.words().count() > 0 && engine.bucket_rows().count() > 0);
                "taken".to_owned()
            }
            Err(error) => format!("{error:?}"),
        };
        *answers.entry(answer).or_insert(0) += 1;
        bytes[at] ^= 1 << bit;
    }
    for _ in 0..500 {
        let noise: Vec<u8> = (0..seed.below(4_000)).map(|_| seed.number() as u8).collect();
        assert!(Engine::restore(&noise).is_err() && Limits::from_bytes(&noise).is_err());
    }
    println!("{answers:?}");
    assert!(Engine::restore(&bytes).is_ok());
}

#[test]
fn bytes_of_contradictory_limits_are_refused() {
    let mut limits = book_limits();
    limits.books[0].strategy = 9;
    assert_eq!(Limits::from_bytes(&limits.to_bytes()), Err(SnapshotError::Limits));
    let mut large = book_limits();
    large.capacity.executions = u32::MAX;
    assert_eq!(Limits::from_bytes(&large.to_bytes()), Err(SnapshotError::Limits));
}
