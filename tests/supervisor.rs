//! What a supervisor is told: a real sidecar, and a socket in the place of systemd's.

#![allow(unsafe_code)]

mod support;

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use support::process::signal;
use support::sidecar::{Place, Setup, Sidecar};
use support::wait_for;
use tripline::runtime::pin;

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
