//! A breach that lasts while no core runs.

use crate::support::desk::*;
use tripline::engine::Engine;
use tripline::engine::limits::DrawdownLimits;
use tripline::model::{Bps, Event, Nanos, Reason, TradingState};

const KILL: u16 = 64;

/// Long 100 at 1000 of 100 000; a mark of 500 lies outside the band, so nobody can trust it.
fn long() -> Desk {
    let patient = DrawdownLimits { confirm_k: 100, confirm_t: ms(50), ..drawdown("kill") };
    let mut banded = limits(100_000 * E9, vec![patient]);
    banded.instruments[usize::from(PLAIN)].band = Some(Bps(3_000));
    let mut desk = Desk::new(banded);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk
}

/// The core dies, and another goes on so much later.
fn restart(desk: &mut Desk, away: Nanos) {
    desk.engine = Engine::restore(&desk.engine.snapshot()).expect("its own snapshot");
    desk.now = desk.now.after(away);
    desk.sidecar(Event::Recovered { restarts: 1, fresh: 0, away });
}

#[test]
fn a_restart_loop_cannot_put_off_the_latch_of_a_breach_nobody_can_trust() {
    let mut desk = long();
    desk.mark(0, PLAIN, 500);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    for _ in 0..11 {
        desk.wait(ms(1_000));
        restart(&mut desk, ms(4_000));
        assert_eq!(desk.state(0), TradingState::ReduceOnly);
    }
    desk.wait(Nanos(5_000_000_000 - 1));
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(Nanos(1));
    assert_eq!(desk.taken(KILL)[0].reason, Reason::DrawdownUntrusted, "60 s, of which no core ran 44");
}

#[test]
fn a_core_that_was_away_for_longer_latches_at_its_first_deadline() {
    let mut desk = long();
    desk.mark(0, PLAIN, 500);
    restart(&mut desk, Nanos::from_secs(60));
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "RECOVERED itself judges nothing");
    desk.wait(Nanos(0));
    assert_eq!(desk.taken(KILL)[0].reason, Reason::DrawdownUntrusted);
}

#[test]
fn time_in_which_no_core_ran_is_no_trusted_breach() {
    let mut desk = long();
    desk.mark(0, PLAIN, 800);
    desk.wait(ms(400));
    restart(&mut desk, ms(3_000));
    desk.wait(ms(99));
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(ms(1));
    assert_eq!(desk.taken(KILL)[0].reason, Reason::Drawdown);
}
