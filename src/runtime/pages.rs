//! COLD: large tables on large pages: the allocator of the `tripline` program.
//!
//! An engine's tables take tens of megabytes. On pages of 4 KiB a core takes ten thousand faults before it can begin, the
//! kernel takes as many pages back when it dies, before it tells anybody of the death, and hardly any look at a table
//! finds its address translated. So a request for 4 MiB or more gets a mapping of its own, aligned to 2 MiB, for which the
//! kernel is asked to use pages of that size; where it does not, nothing is different. Everything smaller is left to the
//! system's allocator.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

/// What the end of a request must stay away from the end of memory.
const MARGIN: usize = 4 << 20;
/// The size of a large page, on both architectures with pages of 4 KiB.
const PAGE: usize = 2 << 20;
/// From where on a request is large.
const LARGE: usize = 4 << 20;

/// The allocator.
#[derive(Debug)]
pub struct LargePages;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE
        && layout.align() <= PAGE
        && layout.size() <= (isize::MAX as usize).saturating_sub(MARGIN)
}

/// A mapping of zeros; null where the kernel has no room.
fn map(size: usize) -> *mut u8 {
    let length = size.next_multiple_of(PAGE);
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at no address of ours; head and tail that are given back lie within it, are nobody's yet,
    // and the advice is about the rest.
    unsafe {
        let whole = libc::mmap(std::ptr::null_mut(), length.saturating_add(PAGE), protection, flags, -1, 0);
        if whole == libc::MAP_FAILED {
            return std::ptr::null_mut();
        }
        let head = whole.align_offset(PAGE);
        let start = whole.cast::<u8>().add(head);
        if head != 0 {
            libc::munmap(whole, head);
        }
        if head != PAGE {
            libc::munmap(start.add(length).cast(), PAGE.saturating_sub(head));
        }
        // Refused where the kernel has no such pages: then they are small.
        libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE);
        start
    }
}

// SAFETY: a large request is met by a mapping of its own, of at least its size and alignment, and taken back by the same
// test of the same layout; every other goes to the system's allocator unchanged. Nothing here unwinds.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: by the caller's promise `map` returned it for this layout.
            unsafe { libc::munmap(block.cast(), layout.size().next_multiple_of(PAGE)) };
            return;
        }
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller's promise the size is not zero and does not overflow with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if !is_large(layout) && !is_large(wanted) {
            // SAFETY: as in `alloc`.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: both blocks are live, apart, and at least as long as what is copied.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_block_is_zero_where_asked_aligned_and_keeps_what_it_holds_when_it_moves() {
        let sizes = [1, LARGE - 1, LARGE, LARGE + 1, LARGE * 3 + 5];
        for (size, next) in sizes.into_iter().flat_map(|size| sizes.map(|next| (size, next))) {
            for align in [1, 64, PAGE] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: each block is used within its size and given back with its layout.
                unsafe {
                    let block = LargePages.alloc_zeroed(layout);
                    assert!(!block.is_null() && block.addr().is_multiple_of(align), "{size} {align}");
                    assert_eq!((*block, *block.add(size - 1)), (0, 0), "{size} {align}");
                    let last = size.min(next) - 1;
                    *block = 1;
                    *block.add(last) = 2;
                    let first = *block;
                    let moved = LargePages.realloc(block, layout, next);
                    assert_eq!((*moved, *moved.add(last)), (first, 2), "{size} to {next}, {align}");
                    *moved.add(next - 1) = 3;
                    LargePages.dealloc(moved, Layout::from_size_align(next, align).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_large_block_is_given_back_to_the_kernel() {
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
        };
        let layout = Layout::from_size_align(64 << 20, 64).unwrap();
        let before = resident();
        // SAFETY: the block is used within its size and given back with its layout.
        unsafe {
            let block = LargePages.alloc(layout);
            block.write_bytes(1, layout.size());
            assert!(resident() > before + (60 << 20), "it is there");
            LargePages.dealloc(block, layout);
        }
        assert!(resident() < before + (32 << 20), "it is gone");
    }
}
