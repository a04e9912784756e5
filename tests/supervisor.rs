//! What a supervisor is told: a real sidecar, and a socket in the place of systemd's.

#![allow(unsafe_code)]

mod support;

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use support::process::signal;
use support::sidecar::{Attached, Place, Setup, Sidecar};
use support::wait_for;
use tripline::model::{Event, Flags, Lots, Ticks};
use tripline::runtime::pin;
use tripline::shm::segment::Segment;

/// How long the watchdog waits; it is fed twice as often.
const PATIENCE_US: u64 = 100_000;

struct Supervisor(UnixDatagram);

impl Supervisor {
    /// The next notification, if one comes within `patience`.
    fn hear(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).expect("a timeout");
        let mut bytes = [0; 256];
        let got = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..got]).trim().to_owned())
    }

    fn await_word(&self, wanted: &str) {
        let by = Instant::now() + support::PATIENCE;
        while self.hear(support::PATIENCE).as_deref() != Some(wanted) {
            assert!(Instant::now() < by, "{wanted} is never said");
        }
    }

    /// Forgets what has been said until now.
    fn forget(&self) {
        while self.hear(Duration::from_millis(1)).is_some() {}
    }
}

fn start() -> (Supervisor, Sidecar) {
    let place = Place::new();
    let path = place.path().join("notify");
    let supervisor = Supervisor(UnixDatagram::bind(&path).expect("a socket"));
    let environment = vec![("NOTIFY_SOCKET", path.into()), ("WATCHDOG_USEC", PATIENCE_US.to_string().into())];
    (supervisor, Sidecar::start_in(place, &Setup::default(), environment))
}

#[test]
fn a_supervisor_hears_when_strategies_may_attach_that_the_loop_turns_and_that_it_ends() {
    let (supervisor, mut sidecar) = start();
    assert_eq!(supervisor.hear(support::PATIENCE).as_deref(), Some("READY=1"));
    supervisor.await_word("WATCHDOG=1");
    supervisor.await_word("WATCHDOG=1");
    signal(sidecar.keeper(), libc::SIGTERM);
    supervisor.await_word("STOPPING=1");
    assert_eq!(sidecar.wait().code(), Some(0));
}

#[test]
fn the_watchdog_starves_while_the_loop_stands_still_and_not_because_a_core_was_followed() {
    let (supervisor, sidecar) = start();
    let core = sidecar.core();
    supervisor.await_word("WATCHDOG=1");
    signal(core, libc::SIGSTOP);
    // A lease, and the word that may have been on its way.
    pin::sleep(100_000_000);
    supervisor.forget();
    assert_eq!(supervisor.hear(Duration::from_micros(3 * PATIENCE_US)), None, "the loop does not turn");
    signal(core, libc::SIGCONT);
    supervisor.await_word("WATCHDOG=1");
    signal(core, libc::SIGKILL);
    let patience = Duration::from_micros(PATIENCE_US);
    for _ in 0..4 {
        assert_eq!(supervisor.hear(patience).as_deref(), Some("WATCHDOG=1"), "fed in time");
    }
    wait_for("one core was followed", || (sidecar.status().looping?.restarts == 1).then_some(()));
}

/// The next notification, with the descriptor that came with it.
fn receive(socket: &UnixDatagram) -> Option<(String, Option<OwnedFd>)> {
    let (mut text, mut control) = ([0_u8; 256], [0_u64; 8]);
    let mut part = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: text.len() };
    // SAFETY: zeros are a valid msghdr; its pointers are to live buffers of the lengths given, aligned for a cmsghdr. What
    // the kernel filled in is then read by its own macros, and the descriptor it made is nobody else's.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) =
            (control.as_mut_ptr().cast(), size_of_val(&control) as _);
        let got = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        let text = String::from_utf8_lossy(text.get(..usize::try_from(got).ok()?)?).trim().to_owned();
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        let fd = (!header.is_null()).then(|| libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned());
        Some((text, fd.map(|fd| OwnedFd::from_raw_fd(fd))))
    }
}

/// What a supervisor keeps, by name.
#[derive(Default)]
struct Store(Vec<(String, OwnedFd)>);

impl Store {
    /// Does as it is told until `done`.
    fn serve(&mut self, supervisor: &Supervisor, what: &str, done: impl Fn(&Self) -> bool) {
        supervisor.0.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        wait_for(what, || {
            let Some((text, fd)) = receive(&supervisor.0) else { return done(self).then_some(()) };
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).map(str::to_owned);
            if text.contains("FDSTORE=1") {
                self.0.push((name.expect("a name"), fd.expect("a descriptor")));
            } else if text.contains("FDSTOREREMOVE=1") {
                let name = name.expect("a name");
                self.0.retain(|(kept, _)| *kept != name);
            }
            None
        });
    }

    /// What starts a program with everything that is kept, as systemd does.
    fn launcher(&self) -> Vec<OsString> {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        let own = std::process::id();
        let open = (3..).zip(&self.0).map(|(at, (_, fd))| format!("{at}<>/proc/{own}/fd/{}", fd.as_raw_fd()));
        let (count, names) = (self.0.len(), names.join(":"));
        let script = format!(
            "export LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES='{names}'; exec \"$@\" {}",
            open.collect::<Vec<_>>().join(" ")
        );
        ["sh", "-c", &script, "sh"].map(OsString::from).into()
    }
}

fn publish(attached: &mut Attached, execs: std::ops::Range<u64>) {
    for exec in execs {
        let event = Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(1), fee: 0 };
        attached.client.publish(attached.target.handle, Flags::empty(), event).expect("there is room");
    }
}

fn fills(sidecar: &Sidecar) -> u64 {
    sidecar.status().looping.map_or(0, |looping| looping.fills)
}

fn start_unwatched() -> (Supervisor, Sidecar) {
    let place = Place::new();
    let path = place.path().join("notify");
    let supervisor = Supervisor(UnixDatagram::bind(&path).expect("a socket"));
    let setup = Setup { lease: "1s", ..Setup::default() };
    (supervisor, Sidecar::start_in(place, &setup, vec![("NOTIFY_SOCKET", path.into())]))
}

#[test]
fn what_was_unread_when_the_keeper_died_is_applied_once_by_the_next_that_the_supervisor_starts() {
    let (supervisor, mut sidecar) = start_unwatched();
    let mut store = Store::default();
    let mut one = sidecar.attach_and_pass("one");
    let two = sidecar.attach_and_pass("two");
    store.serve(&supervisor, "both lanes are stored", |store| store.0.len() == 2);
    publish(&mut one, 1..11);
    wait_for("ten are read", || (fills(&sidecar) == 10).then_some(()));
    // A client that leaves in order takes its lane out.
    drop(two);
    store.serve(&supervisor, "one lane is stored", |store| store.0.len() == 1);
    let name = store.0[0].0.clone();
    assert!(name.starts_with("lane-1-0-"), "{name}");
    let again = Store(vec![(name, store.0[0].1.try_clone().expect("a descriptor"))]);

    // Twenty are not read: the core stands still until it dies with its keeper.
    signal(sidecar.core(), libc::SIGSTOP);
    publish(&mut one, 11..31);
    signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    one.await_halt();
    sidecar.launch_through(store.launcher());
    sidecar.start_again();
    wait_for("the rest is read", || (fills(&sidecar) == 30).then_some(()));
    let dead = sidecar.status().causes.into_iter().filter(|cause| cause.reason == "CLIENT_DEAD");
    let scopes: Vec<String> = dead.map(|cause| cause.scope).collect();
    assert_eq!(scopes, ["strategy:one"], "the other left in order");
    store.serve(&supervisor, "the lane is let go", |store| store.0.is_empty());
    assert_eq!(one.gate(), tripline::shm::gate::Gate::Halted, "the dead keeper's gate stays closed");
    drop(one);

    // Its number is free again, and the same descriptor once more is nothing new.
    let mut one = sidecar.attach("one");
    assert_eq!(one.client.grant().lane, 1);
    publish(&mut one, 31..33);
    wait_for("two more", || (fills(&sidecar) == 32).then_some(()));
    signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    sidecar.launch_through(again.launcher());
    sidecar.start_again();
    assert_eq!(fills(&sidecar), 32, "nothing counts twice");
    assert!(sidecar.log().contains("a stored lane is dropped"), "{}", sidecar.log());
}

#[test]
fn a_core_that_dies_while_it_reads_a_stored_lane_is_followed_by_one_that_reads_the_rest() {
    let (supervisor, mut sidecar) = start_unwatched();
    let mut store = Store::default();
    let mut one = sidecar.attach_and_pass("one");
    store.serve(&supervisor, "the lane is stored", |store| store.0.len() == 1);
    for round in 0..support::tries(5) {
        signal(sidecar.core(), libc::SIGSTOP);
        let first = u64::from(round) * 40 + 1;
        publish(&mut one, first..first + 40);
        signal(sidecar.keeper(), libc::SIGKILL);
        sidecar.wait();
        drop(one);
        sidecar.launch_through(store.launcher());
        sidecar.start_again_and(|keeper| {
            // At some moment of its start.
            pin::sleep(u64::from(round) * 3_000_000);
            support::process::children(keeper)
                .first()
                .into_iter()
                .for_each(|&core| signal(core, libc::SIGKILL));
        });
        wait_for("everything is read, once", || (fills(&sidecar) == first + 39).then_some(()));
        store.serve(&supervisor, "the lane is let go", |store| store.0.is_empty());
        one = sidecar.attach("one");
        store.serve(&supervisor, "the lane is stored", |store| store.0.len() == 1);
    }
}

#[test]
fn what_is_no_lane_of_this_sidecar_is_dropped_and_it_starts() {
    let (supervisor, mut sidecar) = start_unwatched();
    signal(sidecar.keeper(), libc::SIGTERM);
    sidecar.wait();
    supervisor.forget();
    let memory = |bytes| -> OwnedFd {
        let segment = Segment::create("tripline-test", bytes).expect("memory");
        segment.fd().try_clone_to_owned().expect("a descriptor")
    };
    let null = || OwnedFd::from(File::open("/dev/null").expect("a device"));
    let kept = [
        ("lane-1-0-7", memory(4_096)),
        ("lane-2-0-7", memory(1 << 16)),
        ("lane-0-0-7", memory(4_096)),
        ("lane-60000-0-7", memory(4_096)),
        ("lane-1-0-18446744073709551615", memory(4_096)),
        ("lane-3-0-7", null()),
        ("something", null()),
    ];
    let mut store = Store(kept.map(|(name, fd)| (name.to_owned(), fd)).into());
    sidecar.launch_through(store.launcher());
    sidecar.start_again();
    store.serve(&supervisor, "every lane is dropped", |store| store.0.len() == 1);
    assert_eq!(store.0[0].0, "something", "what is not ours stays");
    sidecar.attach_and_pass("one");
}
