//! A segment cut at every byte, and with every bit of it flipped.

use super::*;
use crate::journal::record::seal;
use crate::model::Nanos;

const CAPACITY: u64 = 8;

fn entry(sequence: u64) -> Words {
    let words = [0, 0x1_0000_0001, sequence, 3, 4, 5, 6, 0];
    seal(&words, &Stamp { sequence, lane: Some(3), dt: Nanos(77) }, CAPACITY)
}

/// Three blocks: five entries, one, three.
fn segment() -> (Vec<u8>, Vec<usize>) {
    let header =
        Header { id: 7, first: 6, capacity: CAPACITY, utc_of_zero: 9, snapshot: b"a snapshot".to_vec() };
    let mut bytes = header.to_bytes();
    let mut ends = vec![bytes.len()];
    for block in [6..11_u64, 11..12, 12..15] {
        let entries: Vec<Words> = block.clone().map(entry).collect();
        write_block(&mut bytes, block.start, &entries);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// What can be read: how many entries, and what stands behind the last.
fn read(bytes: Vec<u8>) -> Option<(u64, Step)> {
    let (header, mut reader) = Reader::new(bytes)?;
    assert_eq!((header.id, header.first), (7, 6));
    for count in 0.. {
        match reader.step() {
            Step::Entry(stamp, words) => {
                assert_eq!((stamp.sequence, words), (6 + count, entry(6 + count)), "an entry that never was");
            }
            step => return Some((count, step)),
        }
    }
    None
}

#[test]
fn a_whole_segment_is_read_to_its_end() {
    assert_eq!(read(segment().0), Some((9, Step::End { cut: 0 })));
}

#[test]
fn a_segment_cut_at_any_byte_ends_with_its_last_whole_block() {
    let (bytes, ends) = segment();
    for length in 0..bytes.len() {
        let found = read(bytes[..length].to_vec());
        let Some(&end) = ends.iter().rev().find(|&&end| end <= length) else {
            assert_eq!(found, None, "{length}: no header");
            continue;
        };
        let count = [0, 5, 6, 9][ends.iter().position(|&at| at == end).unwrap()];
        assert_eq!(found, Some((count, Step::End { cut: length - end })), "{length}");
        // The file has grown before its content was written.
        let mut grown = bytes[..length].to_vec();
        grown.resize(bytes.len(), 0);
        let (kept, step) = read(grown).unwrap();
        assert!(kept == count || step != Step::End { cut: 0 }, "{length}: {kept} {step:?}");
        assert!(kept <= 9);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_damage_and_never_a_shorter_segment() {
    let (bytes, ends) = segment();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let found = read(flipped);
        let Some(block) = ends.iter().rposition(|&end| end <= bit / 8) else {
            assert_eq!(found, None, "bit {bit} of the header");
            continue;
        };
        let (count, first) = [(0, 6), (5, 11), (6, 12)][block];
        let at = (bit / 8 - ends[block]).checked_sub(BLOCK_HEAD).map_or(0, |at| at / RECORD_BYTES);
        assert_eq!(found, Some((count, Step::Damaged { sequence: first + at as u64 })), "bit {bit}");
    }
}

#[test]
fn a_block_out_of_its_place_is_damage() {
    let (mut bytes, ends) = segment();
    bytes.drain(ends[1]..ends[2]);
    assert_eq!(read(bytes), Some((5, Step::Damaged { sequence: 11 })));
}
