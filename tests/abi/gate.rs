//! COLD: the gate that C compiles into a strategy answers what `View::gate` answers: the same value, the same epoch
//! seen, the same latch.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;

use tripline::model::Nanos;
use tripline::shm::clock::monotonic;
use tripline::shm::gate::{Gate, GateOffsets};
use tripline::shm::view::View;
use tripline::sync::{AtomicU64, Ordering};
use tripline::wire::layout::GATE_MAGIC;

use super::ffi::{self, tripline_target};
use super::toolchain::{Language, Scratch, at, compile};

type GateInC = unsafe extern "C" fn(*mut View, *const tripline_target, u64, i32) -> i32;

/// A shared object made from `gate.c`, loaded for good.
struct Loaded {
    gate: GateInC,
}

impl Loaded {
    fn compile(test: &str, language: Language, standard: &str, more: &[&str]) -> Self {
        let scratch = Scratch::new(test);
        let object = scratch.path("gate.so");
        // `defs` refuses undefined names: the gate must be complete without a call into libtripline.
        let arguments = [standard, "-shared", "-fPIC", "-O2", "-Wl,-z,defs"];
        compile(language, &at("tests/abi/gate.c"), &object, arguments.iter().chain(more));
        let path = CString::new(object.as_os_str().as_bytes()).expect("a path without zeros");
        let name = match language {
            Language::C => c"gate_under_test",
            Language::Cpp => c"_Z15gate_under_testP15tripline_clientPK15tripline_targetmi",
        };
        // SAFETY: loads the object compiled above, whose initialisers do nothing; it is never closed, so that the
        // function stays. Its declaration in gate.c is that of `GateInC`.
        let gate = unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!handle.is_null(), "dlopen: {:?}", CStr::from_ptr(libc::dlerror()));
            let symbol = libc::dlsym(handle, name.as_ptr());
            assert!(!symbol.is_null(), "dlsym: {:?}", CStr::from_ptr(libc::dlerror()));
            std::mem::transmute::<*mut c_void, GateInC>(symbol)
        };
        Self { gate }
    }

    fn told_clock(test: &str) -> Self {
        Self::compile(test, Language::C, "-std=gnu11", &["-DTOLD_CLOCK"])
    }
}

const PAGE_WORDS: usize = 32;
const PAGE_BYTES: u64 = 8 * PAGE_WORDS as u64;

/// A gate page, a client's view of it and a question; everything a gate call reads.
#[derive(Clone, Debug)]
struct Question {
    page: [u64; PAGE_WORDS],
    attached: bool,
    gate_bytes: u64,
    lease_ns: u64,
    latched: u64,
    seen_epoch: u64,
    account_at: u32,
    book_at: u32,
    instrument_at: u32,
    now: u64,
}

/// The gate's value, the epoch seen and the latch afterwards.
type Answer = (i32, u64, u64);

const ACCOUNT_AT: u32 = 64;
const BOOK_AT: u32 = 128;
const INSTRUMENT_AT: u32 = 192;
const LEASE: u64 = 250_000_000;
const NOW: u64 = 3_600_000_000_000;

/// A word of the gate page: state, mode and epoch.
const fn word(state: u64, mode: u64, epoch: u64) -> u64 {
    state | mode << 8 | epoch << 32
}

impl Question {
    /// Everything permits, and the lease has half its length to go.
    fn passing() -> Self {
        let mut page = [0; PAGE_WORDS];
        page[0] = GATE_MAGIC;
        page[8] = word(2, 1, 5);
        page[9] = NOW + LEASE / 2;
        page[16] = word(2, 1, 6);
        page[24] = word(2, 1, 4);
        Self {
            page,
            attached: true,
            gate_bytes: PAGE_BYTES,
            lease_ns: LEASE,
            latched: 0,
            seen_epoch: 0,
            account_at: ACCOUNT_AT,
            book_at: BOOK_AT,
            instrument_at: INSTRUMENT_AT,
            now: NOW,
        }
    }

    fn target(&self) -> tripline_target {
        tripline_target {
            handle: 1,
            account_at: self.account_at,
            book_at: self.book_at,
            instrument_at: self.instrument_at,
        }
    }

    /// Asks `gate` with a view of its own.
    fn ask(&self, gate: impl FnOnce(&View) -> i32) -> Answer {
        let page = self.page.map(AtomicU64::new);
        let word = AtomicU64::new;
        let view = View {
            gate: word(if self.attached { page.as_ptr() as u64 } else { 0 }),
            gate_bytes: word(self.gate_bytes),
            lease_ns: word(self.lease_ns),
            latched: word(self.latched),
            seen_epoch: word(self.seen_epoch),
            client: word(0),
            owner: word(0),
            reserved: word(0),
        };
        let value = gate(&view);
        let left = page.map(AtomicU64::into_inner);
        assert_eq!(left, self.page, "a gate call wrote to the gate page");
        (value, view.seen_epoch.load(Ordering::Relaxed), view.latched.load(Ordering::Relaxed))
    }

    fn rust(&self) -> Answer {
        let (account, book, instrument) = (self.account_at, self.book_at, self.instrument_at);
        let offsets = GateOffsets { account, book, instrument };
        self.ask(|view| view.gate(offsets, || Nanos(self.now)) as i32)
    }

    fn c(&self, loaded: &Loaded, clock_fails: bool) -> Answer {
        let target = self.target();
        self.ask(|view| {
            let client = std::ptr::from_ref(view).cast_mut();
            // SAFETY: the C gate reads the live view and its page as atomics and stores only in the view's atomics.
            unsafe { (loaded.gate)(client, &raw const target, self.now, clock_fails.into()) }
        })
    }

    /// The exported function, on the real clock.
    fn exported(&self) -> Answer {
        let target = self.target();
        self.ask(|view| {
            let client = std::ptr::from_ref(view).cast_mut();
            // SAFETY: a live view, of which the gate reads and stores atomics only.
            unsafe { ffi::tripline_gate(client, &raw const target) }
        })
    }
}

const HALTED: i32 = Gate::Halted as i32;
const REDUCE_ONLY: i32 = Gate::ReduceOnly as i32;
const PAPER: i32 = Gate::Paper as i32;
const PASS: i32 = Gate::Pass as i32;

/// What is different from a question that passes.
type Change = fn(&mut Question);

/// What is changed in a question that passes, and the answer that gives. The clock is told.
const TABLE: &[(&str, Change, Answer)] = &[
    ("everything permits", |_| {}, (PASS, 6, 0)),
    ("an account-level target", |q| q.instrument_at = 0, (PASS, 6, 0)),
    ("the last nanosecond of a lease", |q| q.page[9] = q.now + 1, (PASS, 6, 0)),
    ("a lease that ends now", |q| q.page[9] = q.now, (HALTED, 6, 0)),
    ("a lease that ended a nanosecond ago", |q| q.page[9] = q.now - 1, (HALTED, 6, 0)),
    ("a lease of exactly its length", |q| q.page[9] = q.now + LEASE, (PASS, 6, 0)),
    ("a lease a nanosecond too long", |q| q.page[9] = q.now + LEASE + 1, (HALTED, 6, 1)),
    ("a lease as far ahead as can be told", |q| q.page[9] = q.now + i64::MAX as u64, (HALTED, 6, 1)),
    ("a lease so far ahead that it lies behind", |q| q.page[9] = q.now + (1 << 63), (HALTED, 6, 0)),
    ("no lease ever", |q| q.page[9] = 0, (HALTED, 6, 0)),
    ("an accepted length of zero", |q| q.lease_ns = 0, (HALTED, 6, 1)),
    ("a clock at its start", |q| q.now = 0, (HALTED, 6, 1)),
    ("the account halted", |q| q.page[8] = word(0, 1, 9), (HALTED, 9, 0)),
    ("the book halted", |q| q.page[16] = word(0, 1, 9), (HALTED, 9, 0)),
    ("the instrument halted", |q| q.page[24] = word(0, 1, 9), (HALTED, 9, 0)),
    ("the instrument halted, not asked for", |q| (q.page[24], q.instrument_at) = (0, 0), (PASS, 6, 0)),
    ("the account reduces", |q| q.page[8] = word(1, 1, 9), (REDUCE_ONLY, 9, 0)),
    ("the book reduces on paper", |q| q.page[16] = word(1, 0, 9), (REDUCE_ONLY, 9, 0)),
    ("the instrument on paper", |q| q.page[24] = word(2, 0, 9), (PAPER, 9, 0)),
    (
        "paper here, reduce there",
        |q| (q.page[8], q.page[16]) = (word(2, 0, 1), word(1, 1, 1)),
        (REDUCE_ONLY, 4, 0),
    ),
    ("the largest epoch", |q| q.page[8] = word(2, 1, u32::MAX as u64), (PASS, u32::MAX as u64, 0)),
    ("an epoch older than one seen", |q| q.seen_epoch = 7, (PASS, 7, 0)),
    ("state 3", |q| q.page[8] = word(3, 1, 5), (HALTED, 6, 0)),
    ("mode 2", |q| q.page[16] = word(2, 2, 6), (HALTED, 6, 0)),
    ("a bit that no word has", |q| q.page[24] |= 1 << 16, (HALTED, 6, 0)),
    ("an instrument of ones", |q| q.page[24] = u64::MAX, (HALTED, u32::MAX as u64, 0)),
    ("a book of ones", |q| q.page[16] = u64::MAX, (HALTED, u32::MAX as u64, 0)),
    ("an account of zeros", |q| q.page[8] = 0, (HALTED, 6, 0)),
    ("a wiped page", |q| q.page = [0; PAGE_WORDS], (HALTED, 0, 0)),
    ("a forked child", |q| (q.attached, q.gate_bytes, q.lease_ns) = (false, 0, 0), (HALTED, 0, 0)),
    ("a detached client", |q| q.attached = false, (HALTED, 0, 0)),
    ("a latched client", |q| q.latched = 2, (HALTED, 0, 2)),
    ("a target of zeros", |q| (q.account_at, q.book_at, q.instrument_at) = (0, 0, 0), (HALTED, 0, 0)),
    ("an account in the header", |q| q.account_at = 56, (HALTED, 0, 0)),
    ("a book in the header", |q| q.book_at = 8, (HALTED, 0, 0)),
    ("an instrument in the header", |q| q.instrument_at = 8, (HALTED, 0, 0)),
    ("an instrument on the header's last word", |q| q.instrument_at = 56, (HALTED, 0, 0)),
    ("a crooked account", |q| q.account_at = 65, (HALTED, 0, 0)),
    ("a crooked book", |q| q.book_at = 132, (HALTED, 0, 0)),
    ("a crooked instrument", |q| q.instrument_at = 193, (HALTED, 0, 0)),
    (
        "a page that ends with the lease",
        |q| (q.gate_bytes, q.book_at, q.instrument_at) = (80, 64, 0),
        (PASS, 5, 0),
    ),
    (
        "a page that ends before the lease",
        |q| (q.gate_bytes, q.book_at, q.instrument_at) = (79, 64, 0),
        (HALTED, 0, 0),
    ),
    ("a page that ends with the instrument", |q| q.gate_bytes = 200, (PASS, 6, 0)),
    ("a page that ends in the instrument", |q| q.gate_bytes = 199, (HALTED, 0, 0)),
    ("an account beyond the page", |q| q.account_at = u32::MAX - 7, (HALTED, 0, 0)),
    ("a book beyond the page", |q| q.book_at = PAGE_BYTES as u32, (HALTED, 0, 0)),
    ("an instrument beyond the page", |q| q.instrument_at = u32::MAX - 7, (HALTED, 0, 0)),
];

#[test]
fn rust_and_the_inline_gate_answer_the_table() {
    let loaded = Loaded::told_clock("gate-table");
    let mut wrong = Vec::new();
    for (name, change, expected) in TABLE {
        let mut question = Question::passing();
        change(&mut question);
        let (rust, c) = (question.rust(), question.c(&loaded, false));
        if rust != *expected || c != *expected {
            wrong.push(format!("{name}: expected {expected:?}, Rust {rust:?}, C {c:?}"));
        }
    }
    assert!(wrong.is_empty(), "(value, seen_epoch, latched)\n{}", wrong.join("\n"));
}

#[test]
fn a_clock_that_fails_reads_halted() {
    let loaded = Loaded::told_clock("gate-clock");
    assert_eq!(Question::passing().c(&loaded, true), (HALTED, 0, 0));
}

/// Questions whose leases lie hours from their limits, so that the time between asking twice does not matter.
const BY_THE_REAL_CLOCK: &[(&str, Change, i32)] = &[
    ("fresh for an hour", |_| {}, PASS),
    ("ended an hour ago", |q| q.page[9] = q.now.saturating_sub(3_600_000_000_000), HALTED),
    ("an hour too far ahead", |q| q.page[9] = q.now + 3 * 3_600_000_000_000, HALTED),
    ("fresh and on paper", |q| q.page[16] = word(2, 0, 6), PAPER),
    ("fresh and halted", |q| q.page[24] = word(0, 1, 8), HALTED),
];

#[test]
fn inline_and_exported_gate_agree_by_the_real_clock_in_every_language() {
    let loaded = [
        Loaded::compile("gate-gnu11", Language::C, "-std=gnu11", &[]),
        Loaded::compile("gate-c11-posix", Language::C, "-std=c11", &["-D_POSIX_C_SOURCE=200809L"]),
        Loaded::compile("gate-cpp17", Language::Cpp, "-std=c++17", &[]),
    ];
    for (name, change, expected) in BY_THE_REAL_CLOCK {
        let mut question = Question::passing();
        question.lease_ns = 2 * 3_600_000_000_000;
        question.now = monotonic().0;
        question.page[9] = question.now + 3_600_000_000_000;
        change(&mut question);
        let exported = question.exported();
        assert_eq!(exported.0, *expected, "{name}");
        for inline in &loaded {
            assert_eq!(question.c(inline, false), exported, "{name}");
        }
    }
}

/// SplitMix64, as published by its author: enough to spread over a page, and replayed by its seed.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Mostly words that permit something, so that most questions get past them.
    fn halt_word(&mut self) -> u64 {
        let epoch = if self.one_in(4) { self.word() & 0xffff_ffff } else { self.below(9) };
        match self.below(32) {
            0 => self.word(),
            1 => word(2, 1, epoch) ^ 1 << self.below(64),
            2 => [0, u64::MAX, GATE_MAGIC][self.below(3) as usize],
            3..12 => word(self.below(3), self.below(2), epoch),
            _ => word(2, 1, epoch),
        }
    }

    fn offset(&mut self) -> u32 {
        match self.below(64) {
            0 => self.word() as u32,
            1 => self.below(PAGE_BYTES + 16) as u32,
            2 => 8 * self.below(PAGE_WORDS as u64 + 2) as u32,
            _ => 8 * (8 + self.below(PAGE_WORDS as u64 - 9) as u32),
        }
    }

    /// A deadline's distance from now: mostly within the lease, else around a limit.
    fn distance(&mut self, lease: u64) -> u64 {
        let near = self.below(7).wrapping_sub(3);
        match self.below(16) {
            0 => self.word(),
            1 => near,
            2 => lease.wrapping_add(near),
            3 => (1_u64 << 63).wrapping_add(near),
            _ => 1 + self.below(LEASE),
        }
    }

    fn question(&mut self) -> Question {
        let (account_at, book_at) = (self.offset(), self.offset());
        let mut question = Question {
            page: std::array::from_fn(|_| self.halt_word()),
            attached: !self.one_in(64),
            gate_bytes: if self.one_in(32) { self.below(PAGE_BYTES + 1) } else { PAGE_BYTES },
            lease_ns: if self.one_in(16) { self.word() } else { LEASE },
            latched: if self.one_in(32) { self.word() } else { 0 },
            seen_epoch: if self.one_in(2) { self.below(9) } else { self.word() >> self.below(64) },
            account_at,
            book_at,
            instrument_at: if self.one_in(4) { 0 } else { self.offset() },
            now: if self.one_in(8) { self.word() } else { NOW },
        };
        let distance = self.distance(question.lease_ns);
        if let Some(deadline) = question.page.get_mut(account_at as usize / 8 + 1) {
            *deadline = question.now.wrapping_add(distance);
        }
        question
    }
}

#[test]
fn the_inline_gate_agrees_with_rust_on_random_pages() {
    const SEED: &str = "TRIPLINE_ABI_SEED";
    let given = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| monotonic().0);
    let replay = format!("reproduce: {SEED}={seed} cargo test --no-default-features --test abi random_pages");
    let loaded = Loaded::told_clock("gate-random");
    let mut random = Random(seed);
    let (mut values, mut latches) = ([0_u32; 4], 0);
    for _ in 0..100_000 {
        let question = random.question();
        let (rust, c) = (question.rust(), question.c(&loaded, false));
        assert_eq!(rust, c, "(value, seen_epoch, latched), Rust and C, of {question:?}\n{replay}");
        values[rust.0 as usize] += 1;
        latches += u32::from(rust.2 == 1 && question.latched != 1);
    }
    assert!(
        values.iter().all(|&count| count > 1_000) && latches > 1_000,
        "the pages are too much alike: {values:?} of each gate value, {latches} latches\n{replay}"
    );
}
