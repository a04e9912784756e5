use super::*;

const HIDE: &str = "\x1b[?25l\x1b[?7l";
const SHOW: &str = "\x1b[?7h\x1b[?25h";

fn money(whole: i128) -> Money {
    Money(whole * Money::SCALE)
}

fn gauges(tripped: bool) -> [Gauge<'static>; 2] {
    [
        Gauge { name: "canary", limit: Bps(300), tripped },
        Gauge { name: "kill", limit: Bps(1500), tripped: false },
    ]
}

fn frame<'a>(point: u64, guards: &'a [Gauge<'a>]) -> Frame<'a> {
    Frame {
        now: Duration::from_millis(point),
        source: "built-in path",
        synthetic: true,
        point,
        points: 1000,
        at_utc_ns: 1_767_603_600_000_000_000,
        mark: Decimal { units: 490_005, decimals: 1 },
        equity: money(49_000),
        peak: money(50_000),
        state: TradingState::Active,
        guards,
        event_to_halt_ns: None,
    }
}

fn trip() -> Trip {
    Trip {
        guard: "can\x1bary".to_owned(),
        at_utc_ns: 0,
        mark: Decimal { units: 97, decimals: 0 },
        peak: money(100),
        equity: money(97),
        limit: Bps(300),
        event_to_halt_ns: Some(412),
    }
}

fn summary() -> Summary {
    Summary {
        source: "built-in path".to_owned(),
        synthetic: true,
        points: 2,
        first_utc_ns: 0,
        last_utc_ns: 60_000_000_000,
        equity: money(97),
        peak: money(100),
        max_drawdown_bps: Some(300),
        tripped: vec!["canary".to_owned()],
        gate: TradingState::Halted,
        send_refused: Some(true),
        event_to_halt_ns: vec![412],
        position: Decimal { units: 1, decimals: 0 },
    }
}

fn shown(style: Style, width: u16, play: impl FnOnce(&mut Screen<&mut Vec<u8>>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    let mut screen = Screen::new(&mut out, style, width).with_color(false);
    play(&mut screen).expect("memory takes everything");
    drop(screen);
    String::from_utf8(out).expect("only text is written")
}

const PANEL: &str = "\
tripline demo   prices: SYNTHETIC built-in path   point 1/1000
2026-01-05T09:00:00Z   mark 49000.5      equity 49000          peak 50000
canary           █████████████░░░░░░░   2.00 % of   3.00 %
kill             ██░░░░░░░░░░░░░░░░░░   2.00 % of  15.00 %
gate ACTIVE      event -> halt -
▁
";

#[test]
fn the_panel_shows_everything_and_gives_the_terminal_back() {
    let text = shown(Style::Live, 80, |screen| screen.update(&frame(1, &gauges(false))));
    assert_eq!(text, format!("{HIDE}{PANEL}{SHOW}"));
}

#[test]
fn a_tripped_guard_and_a_closed_gate_show() {
    let guards = gauges(true);
    let halted = Frame {
        state: TradingState::Halted,
        event_to_halt_ns: Some(1_500),
        equity: money(-1),
        peak: money(0),
        ..frame(1, &guards)
    };
    let text = shown(Style::Live, 80, |screen| screen.update(&halted));
    assert!(text.contains("canary           ████████████████████        - of   3.00 %  TRIPPED\n"), "{text}");
    assert!(text.contains("gate HALTED      event -> halt 1.50 us\n"), "{text}");
}

#[test]
fn the_panel_is_redrawn_in_place_at_most_every_50_milliseconds() {
    let guards = gauges(false);
    let text = shown(Style::Live, 80, |screen| {
        (1..=150).try_for_each(|point| screen.update(&frame(point, &guards)))
    });
    let redraw = "\x1b[6F\x1b[J";
    let drawn: Vec<&str> = text.split(redraw).collect();
    assert_eq!(drawn.len(), 3, "at 1, 51 and 101 ms: {text}");
    assert!(drawn[1].contains("point 51/1000") && drawn[2].contains("point 101/1000"), "{text}");
}

#[test]
fn a_change_of_gate_or_guard_and_the_last_point_do_not_wait() {
    let (calm, tripped) = (gauges(false), gauges(true));
    let text = shown(Style::Live, 80, |screen| {
        screen.update(&frame(1, &calm))?;
        screen.update(&frame(2, &tripped))?;
        screen.update(&Frame { state: TradingState::Halted, ..frame(3, &tripped) })?;
        screen.update(&Frame { state: TradingState::Halted, ..frame(4, &tripped) })?;
        screen.update(&Frame { points: 5, state: TradingState::Halted, ..frame(5, &tripped) })
    });
    let points: Vec<bool> = (1..=5).map(|point| text.contains(&format!("point {point}/"))).collect();
    assert_eq!(points, [true, true, true, false, true], "{text}");
}

#[test]
fn a_trip_stands_above_the_panel() {
    let text = shown(Style::Live, 80, |screen| {
        screen.update(&frame(1, &gauges(false)))?;
        screen.trip(&trip())
    });
    let line = "TRIP can?ary at 1970-01-01T00:00:00Z: drawdown 3.00 % >= 3.00 %, mark 97, equity 97, peak 100, event to halt 412 ns\n";
    assert_eq!(text, format!("{HIDE}{PANEL}\x1b[6F\x1b[J\x1b[?7h{line}\x1b[?7l{PANEL}{SHOW}"));
}

#[test]
fn the_summary_stands_below_the_panel_and_the_terminal_is_given_back_once() {
    let text = shown(Style::Live, 80, |screen| {
        screen.update(&frame(1, &gauges(false)))?;
        screen.finish(&summary())
    });
    assert!(text.starts_with(&format!("{HIDE}{PANEL}{SHOW}what happened\n")), "{text}");
    assert_eq!(text.matches(SHOW).count(), 1);
    assert!(text.ends_with("position  1, left alone\n"), "{text}");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let out = std::rc::Rc::default();
    let shared = Shared(std::rc::Rc::clone(&out));
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut screen = Screen::new(shared, Style::Live, 80);
        screen.update(&frame(1, &gauges(false))).expect("memory takes everything");
        panic!("in the middle of a run");
    }));
    assert!(died.is_err());
    assert!(out.borrow().ends_with(SHOW.as_bytes()));
}

#[test]
fn plain_lines_are_few_and_carry_no_escapes() {
    let guards = gauges(false);
    let text = shown(Style::Plain, 20, |screen| {
        (1..=1000).try_for_each(|point| screen.update(&frame(point, &guards)))?;
        screen.trip(&trip())?;
        screen.finish(&summary())
    });
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("tripline demo: prices SYNTHETIC built-in path, 1000 points"));
    let point = "2026-01-05T09:00:00Z mark 49000.5 equity 49000 peak 50000 drawdown 2.00 % gate ACTIVE";
    assert_eq!(lines.by_ref().take_while(|line| *line == point).count(), 21, "{text}");
    assert_eq!(lines.next(), Some("what happened"), "the trip's line ended the run of points");
    assert!(!text.contains('\x1b') && text.is_ascii(), "{text}");
}

#[test]
fn a_narrow_terminal_cuts_lines_and_colour_adds_no_characters() {
    let guards = gauges(false);
    let plain = shown(Style::Live, 24, |screen| screen.update(&frame(1, &guards)));
    let panel = plain.strip_prefix(HIDE).and_then(|text| text.strip_suffix(SHOW)).unwrap();
    assert!(panel.lines().all(|line| line.chars().count() <= 24), "{panel}");
    let mut out = Vec::new();
    let mut screen = Screen::new(&mut out, Style::Live, 24).with_color(true);
    screen.update(&frame(1, &guards)).unwrap();
    drop(screen);
    let colored = String::from_utf8(out).unwrap();
    assert!(colored.contains("\x1b[32mACTIVE"), "{colored}");
    let mut bare = colored;
    for code in ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain);
}

#[test]
fn a_backlog_is_drawn_at_every_answer_and_gives_way_to_the_result() {
    let mut backlog = Backlog { asked: 46, decided: 19, waiting: 27 };
    let mut play = |screen: &mut Screen<&mut Vec<u8>>| {
        screen.backlog(&backlog)?;
        backlog = Backlog { decided: 46, waiting: 0, ..backlog };
        screen.backlog(&backlog)?;
        screen.clear()?;
        screen.tell(&["done\x1b".to_owned()])
    };
    let first = "tripline demo   order burst: 46 requests
queue            ████████████░░░░░░░░  27 waiting,  19 decided
";
    let last = "tripline demo   order burst: 46 requests
queue            ░░░░░░░░░░░░░░░░░░░░   0 waiting,  46 decided
";
    let again = "\x1b[2F\x1b[J";
    let live = shown(Style::Live, 80, &mut play);
    assert_eq!(live, format!("{HIDE}{first}{again}{last}{again}{SHOW}done?\n"));
    assert_eq!(shown(Style::Plain, 80, &mut play), "done?\n");
}
