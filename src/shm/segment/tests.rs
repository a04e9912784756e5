#![allow(clippy::unwrap_used)]

use super::*;
use crate::sync::Ordering;

const MAGIC: u64 = 77;

fn sealed() -> Segment {
    let segment = Segment::create("test", 8192).unwrap();
    segment.word(0).store(MAGIC, Ordering::Relaxed);
    segment.seal_against_writing().unwrap();
    segment
}

fn dup(segment: &Segment) -> OwnedFd {
    segment.fd().try_clone_to_owned().unwrap()
}

#[test]
fn a_sealed_page_is_readable_and_what_the_writer_stores_is_seen() {
    let writer = sealed();
    let reader = Segment::open(dup(&writer), "test", 8192, MAGIC, Access::ReadOnly).unwrap();
    writer.word(4096).store(5, Ordering::Relaxed);
    assert_eq!(reader.word(4096).load(Ordering::Relaxed), 5);
}

#[test]
fn an_unsealed_page_is_refused_by_the_self_test() {
    let writer = Segment::create("test", 8192).unwrap();
    writer.word(0).store(MAGIC, Ordering::Relaxed);
    let refused = Segment::open(dup(&writer), "test", 8192, MAGIC, Access::ReadOnly);
    assert!(matches!(refused, Err(OpenError::Unsealed { missing: "writing", .. })), "{refused:?}");
}

#[test]
fn a_file_without_seals_is_refused() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let size = file.metadata().unwrap().len() as usize;
    let refused = Segment::open(file.into(), "test", size, MAGIC, Access::ReadOnly);
    assert!(refused.is_err());
}

#[test]
fn size_and_magic_are_checked() {
    let writer = sealed();
    let size = Segment::open(dup(&writer), "test", 4096, MAGIC, Access::ReadOnly);
    assert!(matches!(size, Err(OpenError::Size { found: 8192, expected: 4096, .. })), "{size:?}");
    let magic = Segment::open(dup(&writer), "test", 8192, MAGIC + 1, Access::ReadOnly);
    assert!(matches!(magic, Err(OpenError::Magic { .. })), "{magic:?}");
}

#[test]
fn a_sealed_page_cannot_be_mapped_writable_again_not_even_through_proc() {
    let writer = sealed();
    let path = format!("/proc/self/fd/{}", writer.fd().as_raw_fd());
    let reopened = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    assert!(MmapOptions::new().len(8192).map_raw(&reopened).is_err());
}

#[test]
fn a_punched_segment_reads_zeros() {
    let writer = Segment::create("test", 8192).unwrap();
    writer.word(8).store(1, Ordering::Relaxed);
    writer.punch();
    assert_eq!(writer.word(8).load(Ordering::Relaxed), 0);
}
