//! The part of a client's handle that a forked child must not inherit: one page that the kernel zeroes on fork.
//!
//! A child shares its parent's mappings, so it could go on reading a live gate page and publish into its parent's
//! lane. MADV_WIPEONFORK gives it zeros here instead: no gate address, no owner, hence HALTED and refused.
//! The first words are the C ABI's `struct tripline_client`; the inline gate of `tripline.h` reads them directly.

use std::io;
use std::ptr::NonNull;

use super::gate::{Gate, GateOffsets, Lease, judge_lease, permission};
use crate::model::Nanos;
use crate::sync::{AtomicU64, Ordering};
use crate::wire::layout::{HEADER_BYTES, LEASE_AT};

/// What the gate needs, at the offsets that `tripline.h` declares.
///
/// One writer: the process that attached. `latched` and `seen_epoch` are also stored by its gate calls.
#[repr(C)]
#[derive(Debug)]
pub struct View {
    /// Address of the gate page; 0 in a forked child and after detach.
    pub gate: AtomicU64,
    /// Bytes of the gate page.
    pub gate_bytes: AtomicU64,
    /// The longest a lease may lie ahead, in nanoseconds.
    pub lease_ns: AtomicU64,
    /// Not 0: HALTED until the client attaches again.
    pub latched: AtomicU64,
    /// The newest halt epoch a gate call or poll has seen.
    pub seen_epoch: AtomicU64,
    /// Address of the client behind this view; 0 in a forked child and after detach.
    pub client: AtomicU64,
    /// The thread that may publish and poll.
    pub owner: AtomicU64,
    /// Zero.
    pub reserved: AtomicU64,
}

const _: () = assert!(size_of::<View>() == 64);

/// Why a handle is latched.
pub mod latched {
    /// A lease lay further ahead than a lease can.
    pub const LEASE_AHEAD: u64 = 1;
    /// An event could not be published.
    pub const LOST: u64 = 2;
}

/// A [`View`] in a page of its own.
#[derive(Debug)]
pub struct ViewPage(NonNull<View>);

// SAFETY: the page is only atomics, reachable from any thread for as long as the owner lives.
unsafe impl Send for ViewPage {}

const PAGE_BYTES: usize = 4096;
/// The gate page's header: its words are no halt words, whatever a target says.
const HEADER: u32 = HEADER_BYTES as u32;

impl ViewPage {
    /// A zeroed view that a fork wipes.
    ///
    /// # Errors
    /// What mmap or madvise said. A kernel without MADV_WIPEONFORK (before 4.14) cannot host a client.
    pub fn new() -> io::Result<Self> {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing of ours.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let view = NonNull::new(page.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let page_of_ours = Self(view);
        // SAFETY: exactly the page mapped above.
        if unsafe { libc::madvise(page, PAGE_BYTES, libc::MADV_WIPEONFORK) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(page_of_ours)
    }

    /// The view.
    #[must_use]
    pub fn view(&self) -> &View {
        // SAFETY: the page lives as long as `self`, is page aligned, and zeros are a valid View.
        unsafe { self.0.as_ref() }
    }

    /// The address of the view, which is what C calls the client.
    #[must_use]
    pub fn address(&self) -> NonNull<View> {
        self.0
    }
}

impl Drop for ViewPage {
    fn drop(&mut self) {
        // SAFETY: the page was mapped by `new` with this size and nothing else refers to it: the client that owns
        // this page is being dropped.
        unsafe { libc::munmap(self.0.as_ptr().cast(), PAGE_BYTES) };
    }
}

/// What the gate page says of a target, read in the order that the gate needs: the lease first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetWords {
    /// Deadline of the account's lease.
    pub deadline: u64,
    /// Words of account, book and instrument. At account level the account's word stands in for the instrument's: it
    /// changes neither the strictest state nor the newest epoch.
    pub words: [u64; 3],
}

impl TargetWords {
    /// The epoch of each word.
    #[must_use]
    #[inline]
    pub const fn epochs(&self) -> [u32; 3] {
        let [account, book, instrument] = self.words;
        [(account >> 32) as u32, (book >> 32) as u32, (instrument >> 32) as u32]
    }
}

impl View {
    /// Whether the next order of a target may go out; see [`super::gate`] for the order of the reads.
    ///
    /// `offsets` that do not lie in the gate page, behind its header, read HALTED.
    #[must_use]
    #[inline]
    pub fn gate(&self, offsets: GateOffsets, now: impl FnOnce() -> Nanos) -> Gate {
        // Relaxed: a flag of this process.
        if self.latched.load(Ordering::Relaxed) != 0 {
            return Gate::Halted;
        }
        let Some(read) = self.read(offsets) else { return Gate::Halted };
        let now = now();
        if self.judge(read.deadline, now) != Lease::Fresh {
            return Gate::Halted;
        }
        let [account, book, instrument] = read.words;
        permission(account).min(permission(book)).min(permission(instrument))
    }

    /// The words of a target, or `None` where `offsets` do not lie in the gate page, or there is no page. What was read
    /// counts as seen.
    #[must_use]
    #[inline]
    pub fn read(&self, offsets: GateOffsets) -> Option<TargetWords> {
        // Relaxed: these words belong to this process; detach and gate are calls of one thread.
        let (base, bytes) = (self.gate.load(Ordering::Relaxed), self.gate_bytes.load(Ordering::Relaxed));
        let offsets_inside = u64::from(offsets.account).wrapping_add(LEASE_AT as u64).wrapping_add(8)
            <= bytes
            && u64::from(offsets.book).wrapping_add(8) <= bytes
            && u64::from(offsets.instrument).wrapping_add(8) <= bytes
            && offsets.account >= HEADER
            && offsets.book >= HEADER
            && (offsets.instrument == 0 || offsets.instrument >= HEADER)
            && (offsets.account | offsets.book | offsets.instrument) & 7 == 0;
        if base == 0 || !offsets_inside {
            return None;
        }
        let word = |offset: u32| -> u64 {
            let address = (base as *const u8).wrapping_add(offset as usize).cast_mut().cast();
            // SAFETY: `base` is the address of a mapped gate page of `bytes` bytes for as long as it is not 0: it is
            // cleared before the page is unmapped. The checks above keep the word inside it and aligned.
            let place = unsafe { AtomicU64::from_ptr(address) };
            // SYNC(halt-word): pairs with the release store in `GatePage::store`.
            // SYNC(lease): pairs with the release store in `GatePage::renew`.
            place.load(Ordering::Acquire)
        };
        let deadline = word(offsets.account.wrapping_add(LEASE_AT as u32));
        let account = word(offsets.account);
        let book = word(offsets.book);
        let instrument = if offsets.instrument == 0 { account } else { word(offsets.instrument) };
        self.note_epoch(account, book, instrument);
        Some(TargetWords { deadline, words: [account, book, instrument] })
    }

    /// Judges a lease's deadline. One that lies too far ahead latches this view.
    #[inline]
    pub fn judge(&self, deadline: u64, now: Nanos) -> Lease {
        // Relaxed: set once at attach.
        let lease = judge_lease(deadline, now.0, self.lease_ns.load(Ordering::Relaxed));
        if lease == Lease::Ahead {
            // Relaxed: a flag of this process.
            self.latched.fetch_or(latched::LEASE_AHEAD, Ordering::Relaxed);
        }
        lease
    }

    /// Makes the calling thread the owner.
    pub fn own(&self) {
        // Relaxed: the previous owner is not inside a call, by contract of rebind.
        self.owner.store(thread_token(), Ordering::Relaxed);
    }

    /// Whether the calling thread is the owner.
    #[must_use]
    #[inline]
    pub fn is_owned_here(&self) -> bool {
        // Relaxed: only the owner's own store can make this true.
        self.owner.load(Ordering::Relaxed) == thread_token()
    }

    /// Whether this process attached and has not detached.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        // Relaxed: detach and publish are calls of one thread; a fork leaves 0 here.
        self.gate.load(Ordering::Relaxed) != 0
    }

    fn note_epoch(&self, account: u64, book: u64, instrument: u64) {
        let seen = (account >> 32).max(book >> 32).max(instrument >> 32);
        // Relaxed: travels in this thread's next event; publishes nothing.
        if seen > self.seen_epoch.load(Ordering::Relaxed) {
            // Relaxed: see above.
            self.seen_epoch.store(seen, Ordering::Relaxed);
        }
    }
}

/// An address that no two living threads share.
#[inline]
fn thread_token() -> u64 {
    thread_local!(static TOKEN: u8 = const { 0 });
    TOKEN.with(|token| std::ptr::from_ref(token) as u64)
}
