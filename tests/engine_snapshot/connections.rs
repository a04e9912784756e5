//! What is down, and what waits for it, survives a restart.

use crate::support::desk::*;
use tripline::engine::limits::{Actions, DrawdownLimits};
use tripline::engine::{Engine, Source};
use tripline::model::event::{ConnectionState, Intent};
use tripline::model::verdict::{Task, Verdict};
use tripline::model::{Event, Flags, Handle, Leg, Lots, Message, Scope, TradingState};

fn restart(desk: &mut Desk) {
    let bytes = desk.engine.snapshot();
    desk.engine = Engine::restore(&bytes).expect("its own snapshot");
    assert!(desk.engine.snapshot() == bytes, "a restored engine writes itself differently");
}

fn connect(desk: &mut Desk, state: ConnectionState) {
    let event = Event::Connection { source: 1, state, attempt: 1, venue_code: 0 };
    let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle::new(0, 0, None), event };
    let position = desk.position;
    desk.position += 1;
    desk.apply(Source::Lane { lane: 0, strategy: 0, position }, &message);
}

#[test]
fn an_account_that_is_cut_off_is_so_after_a_restart_and_its_flatten_still_waits() {
    let actions = Actions::FLATTEN | Actions::CANCEL_ALL;
    let kill = DrawdownLimits { actions, untrusted_t: ms(100), ..drawdown("kill") };
    let mut desk = Desk::new(limits(1_000 * E9, vec![kill]));
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 10, 100, 0);
    connect(&mut desk, ConnectionState::Down);
    desk.mark(0, PLAIN, 80);
    desk.wait(ms(100));
    assert_eq!(desk.state(0), TradingState::Halted);
    restart(&mut desk);
    let exit = |desk: &mut Desk, order| {
        desk.ask(0, PLAIN, Flags::SELL, order_with(Intent::Exit, 0, order, -10, 80)).verdict
    };
    assert_eq!(exit(&mut desk, 1), Verdict::ExitUnverified);
    connect(&mut desk, ConnectionState::Up);
    restart(&mut desk);
    assert_eq!(exit(&mut desk, 2), Verdict::ExitUnverified);
    desk.directives.clear();
    let begin = Event::SnapBegin { snapshot: 7, what: 1, position_before: desk.position };
    desk.say(0, PLAIN, Flags::empty(), begin);
    restart(&mut desk);
    let row =
        Event::SnapPosition { snapshot: 7, qty: Lots(10), average_px: 0, liquidation_px: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), row);
    let end = Event::SnapEnd { snapshot: 7, rows: 1, position_after: desk.position, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), end);
    let tasks: Vec<_> = desk.directives.iter().map(|told| told.directive.task).collect();
    let flatten = Task::Flatten { scope: Scope::Instrument(0, PLAIN), leg: Leg::Net, qty: -10 };
    assert_eq!(tasks, [Task::CancelAll { scope: Scope::Book(0) }, flatten]);
    assert_eq!(exit(&mut desk, 3), Verdict::PassExit);
}
