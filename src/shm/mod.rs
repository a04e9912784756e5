//! HOT: shared memory. The unsafe of the data path lives here, and only here.
//!
//! [`segment`] makes and maps memfds; [`ring`] is the single-producer single-consumer ring in them; [`gate`],
//! [`positions`], [`stats`] and [`directory`] are the pages; [`client`] is the half of all this that a strategy
//! links, [`socket`] and [`attach`] how it gets there.
//!
//! Rules of foreign memory, kept by every module: words are read and written as atomics, never through slices;
//! a record is copied out once and only the copy is parsed; a number a peer wrote is checked before it is used.

#![allow(unsafe_code)]
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod attach;
pub mod client;
pub mod clock;
pub mod directory;
pub mod gate;
pub mod lane;
pub mod outstanding;
pub mod positions;
pub mod ring;
pub mod segment;
pub mod shared;
pub mod socket;
pub mod stats;
pub mod view;

use segment::Segment;

use crate::sync::Ordering;

/// Writes the first words of a segment: magic, ABI version, layout hash, size.
fn write_header(segment: &Segment, magic: u64, abi: u32, layout: u64) {
    for (at, word) in [(0, magic), (8, u64::from(abi)), (16, layout), (24, segment.len() as u64)] {
        // Relaxed: written before the descriptor is sent; the socket orders it.
        segment.word(at).store(word, Ordering::Relaxed);
    }
}
