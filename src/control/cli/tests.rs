//! Commands against a real server.

use std::path::Path;

use clap::Parser;

use super::*;
use crate::control::report::tests::troubled_stats;
use crate::control::server::tests::Rig;
use crate::model::Event;
use crate::model::event::CommandVerb;
use crate::wire::stats::StragglerRow;

/// What a command said, and how it ended.
struct Said {
    code: ExitCode,
    out: String,
    err: String,
}

/// Runs a command line; `typed` is what a person at the terminal answers, if there is one.
fn type_in(line: &[&str], typed: Option<&str>) -> Said {
    let cli = Cli::try_parse_from(["tripline"].iter().chain(line)).unwrap_or_else(|error| panic!("{error}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut answer = || Ok(typed.unwrap_or_default().to_owned());
    let ask: Option<&mut dyn FnMut() -> std::io::Result<String>> =
        if typed.is_some() { Some(&mut answer) } else { None };
    let code =
        run_on(&cli.command, &mut Terminal { out: &mut out, err: &mut err, ask, color: false, out_fd: None });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: code.unwrap(), out: text(out), err: text(err) }
}

fn directory(rig: &Rig) -> &str {
    rig.directory.to_str().unwrap()
}

#[test]
fn status_is_one_screen_with_the_line_to_paste() {
    let rig = Rig::start();
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    assert_eq!(said.code, ExitCode::Ok);
    for part in [
        "desk-1   HALTED PAPER since ",
        "(4m 11s)",
        "cause      DRAWDOWN 15.03 % >= 15.00 %  account:main  guard drawdown.kill",
        "account    main  equity 84970 USDT  HALTED\n",
        "position   mm1/main  BTC-PERP 0.002  buys of 0.001 may fill\n",
        "position   HOUSE/main  ETH-PERP -0.25\n",
        "orders     mm1/main  3 open\n",
        "ticking 0.2 us ago  cpu 1  standby ready  lanes 2/16  lease 250 ms",
        "lane       arb NOT ACKED",
        "degraded   NOT_ISOLATED",
        "reset      tripline reset --scope account:main --guard drawdown.kill --nonce 9f2c --runtime-dir /",
    ] {
        assert!(said.out.contains(part), "{part:?} in\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'));
    assert!(!said.out.contains("operator"), "its lane acknowledges nothing: {}", said.out);
}

#[test]
fn status_shows_orders_in_trouble_and_the_line_that_resumes() {
    let rig = Rig::start();
    *rig.page.lock().unwrap() = Some(troubled_stats());
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    for part in [
        "cause      ERROR_RATE 14, limit 13  book:arb/main  guard error-rate  REDUCE_ONLY for 3m 00s, cool-down 12m 00s left",
        "cause      READY_TO_RESUME 20, limit 20  book:mm1/main  guard duplicate  REDUCE_ONLY for 3m 00s\n",
        "breaker    book:arb/main  OPEN until ",
        " UTC (12m 00s left)  errors 14 of 100  in a row 3  openings 2",
        "breaker    book:mm1/main  closed, near its limit  errors 5 of 5  in a row 5  openings 0",
        "bucket     main.orders  used 30 of 150  CLOSED by the venue for 9s  rejects for rate 1",
        "requests   12  passed 8  denied 3  dropped 1  waited 4  not sent 2",
        "errors     timed out 5  rejects of an unknown code 6  repeated ids 7",
        "queue      binance  12 of 1024 waiting  oldest 40 ms  exits 1  cancels 2  dropped 5",
        "directive  7 CANCEL_INCREASING book:mm1/main  WORKING with arb after 1s  left 3  attempts 2  for CLIENT_DEAD",
        "directive  8 CANCEL_INCREASING book:mm1/main  FAILED with nobody after 1s",
        "directive  10 CANCEL_INCREASING book:mm1/main  unanswered with arb after 1s  attempts 2",
        "after halt orders on the ring 2  by writers that had seen it 0",
        "           order 4712  arb/main BTC-PERP  41 ms after the halt of epoch 3  VIOLATION",
        "           order 4711  arb/main BTC-PERP  41 ms after the halt of epoch 3\n",
        "lane       arb NOT ACKED (saw epoch 2 of 3)",
        "           NOT ACKED: has not looked at its gate",
        "resume     from ",
        " UTC  tripline resume book:arb/main --guard error-rate --runtime-dir /",
        "resume     tripline resume book:mm1/main --guard duplicate --runtime-dir /",
    ] {
        assert!(said.out.contains(part), "{part:?} in\n{}", said.out);
    }
    for calm in ["account:main  closed", "binance.weight", "directive  9", "tripline reset"] {
        assert!(!said.out.contains(calm), "{calm:?} in\n{}", said.out);
    }
}

#[test]
fn status_lists_the_newest_orders_after_a_halt_and_counts_the_rest() {
    let rig = Rig::start();
    let mut stats = troubled_stats();
    let row = stats.stragglers[0];
    stats.stragglers = (1..=10).map(|order| StragglerRow { sequence: order, order, ..row }).collect();
    *rig.page.lock().unwrap() = Some(stats);
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    assert!(said.out.contains("order 3 ") && said.out.contains("order 10 "), "{}", said.out);
    assert!(!said.out.contains("order 2 ") && said.out.contains("and 2 before: "), "{}", said.out);
}

#[test]
fn where_orders_do_well_status_says_nothing_of_them() {
    let rig = Rig::start();
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    for word in ["breaker", "bucket", "requests", "errors", "queue", "directive", "resume"] {
        assert!(!said.out.contains(word), "{word:?} in\n{}", said.out);
    }
}

#[test]
fn status_exits_by_state_only_when_asked() {
    let rig = Rig::start();
    let ask = |more: &[&str]| type_in(&[&["status", "--runtime-dir", directory(&rig)], more].concat(), None);
    assert_eq!(ask(&["--exit-code"]).code, ExitCode::Halted);
    let json = ask(&["--json"]);
    assert_eq!(json.code, ExitCode::Ok);
    assert!(json.out.starts_with("{\"schema\":\"tripline.status/1\""), "{}", json.out);
    *rig.page.lock().unwrap() = None;
    assert_eq!(ask(&["--exit-code"]).code, ExitCode::Stale);
}

#[test]
fn a_sidecar_that_is_not_there_is_unreachable_with_a_remedy() {
    for line in [
        &["status", "--runtime-dir", "/nonexistent"][..],
        &["halt", "firm", "--reason", "x", "--runtime-dir", "/nonexistent"],
        &[
            "reset",
            "--scope",
            "firm",
            "--guard",
            "g",
            "--reason",
            "x",
            "--nonce",
            "9f2c",
            "--runtime-dir",
            "/nonexistent",
        ],
        &["resume", "firm", "--reason", "x", "--yes", "--runtime-dir", "/nonexistent"],
    ] {
        let said = type_in(line, None);
        assert_eq!(said.code, ExitCode::Unreachable, "{line:?}");
        assert!(said.err.contains("--runtime-dir"), "{}", said.err);
    }
    let said = type_in(&["status", "--json", "--runtime-dir", "/nonexistent"], None);
    assert!(said.out.contains("\"schema\":\"tripline.error/1\"") && said.out.contains("\"exit_code\":6"));
}

#[test]
fn halting_never_asks() {
    let rig = Rig::start();
    let line = ["halt", "account:main", "--reason", "odd", "--runtime-dir", directory(&rig)];
    assert_eq!(type_in(&line, Some("no")).code, ExitCode::Ok);
    let wrong = ["halt", "account:mine", "--reason", "odd", "--runtime-dir", directory(&rig)];
    assert_eq!(type_in(&wrong, None).code, ExitCode::Usage);
}

#[test]
fn resetting_asks_unless_it_was_decided() {
    let rig = Rig::start();
    let plain = ["reset", "--scope", "account:main", "--guard", "drawdown.kill", "--reason", "reconciled"];
    let base = [&plain[..], &["--runtime-dir", directory(&rig)]].concat();
    let with = |more: &[&'static str], typed| type_in(&[&base[..], more].concat(), typed);
    for (name, more, typed, code) in [
        ("a person types the nonce", &[][..], Some("9f2c\n"), ExitCode::Ok),
        ("a person types something else", &[], Some("yes\n"), ExitCode::Failure),
        ("a person pasted an old nonce", &["--nonce", "9f2b"], Some("9f2b\n"), ExitCode::Conflict),
        ("a pasted nonce still has to be typed", &["--nonce", "9f2c"], Some("\n"), ExitCode::Failure),
        ("a person said --yes", &["--yes"], Some(""), ExitCode::Ok),
        ("a person said --yes to an old nonce", &["--yes", "--nonce", "9f2b"], Some(""), ExitCode::Conflict),
        ("a script says nothing", &[], None, ExitCode::Usage),
        ("a script names the nonce", &["--nonce", "9f2c"], None, ExitCode::Ok),
        ("a script names an old nonce", &["--nonce", "9f2b"], None, ExitCode::Conflict),
        ("a script says --yes but not to what", &["--yes"], None, ExitCode::Usage),
        ("a script says --yes to this halt", &["--yes", "--nonce", "9f2c"], None, ExitCode::Ok),
    ] {
        let said = with(more, typed);
        assert_eq!(said.code, code, "{name}: {}", said.err);
        if code == ExitCode::Usage {
            assert!(
                said.err.contains("--nonce") && said.err.contains("tripline status"),
                "{name}: {}",
                said.err
            );
        }
    }
    let asked = with(&[], Some("9f2c"));
    assert!(
        asked.err.contains("account:main is HALTED by drawdown.kill for 4m 11s: DRAWDOWN 15.03 %"),
        "{}",
        asked.err
    );
    let events = rig.events.lock().unwrap();
    let resets = events.iter().filter(|event| matches!(event, Event::Command { nonce: 0x9f2c, .. })).count();
    assert_eq!(resets, 5);
}

#[test]
fn a_reset_of_what_does_not_hold_is_a_conflict() {
    let rig = Rig::start();
    let line = ["reset", "--scope", "account:main", "--guard", "canary.session", "--reason", "x"];
    let line = [&line[..], &["--runtime-dir", directory(&rig)]].concat();
    for (more, typed) in [(&["--nonce", "9f2c"][..], None), (&["--yes"], Some("")), (&[], Some("9f2c"))] {
        let said = type_in(&[&line[..], more].concat(), typed);
        assert_eq!(said.code, ExitCode::Conflict, "{more:?}: {}", said.err);
    }
}

#[test]
fn resuming_asks_for_the_scope_unless_it_was_decided() {
    let rig = Rig::start();
    *rig.page.lock().unwrap() = Some(troubled_stats());
    let resume = |line: &[&str], typed| {
        let line = [&["resume"], line, &["--reason", "calm", "--runtime-dir", directory(&rig)]].concat();
        type_in(&line, typed)
    };
    for (name, line, typed, code, word) in [
        (
            "a person types the scope",
            &["book:mm1/main"][..],
            Some("book:mm1/main\n"),
            ExitCode::Ok,
            "type the scope",
        ),
        (
            "a person types something else",
            &["book:mm1/main"],
            Some("yes\n"),
            ExitCode::Failure,
            "not confirmed",
        ),
        (
            "a person is too early",
            &["book:arb/main"],
            Some("book:arb/main"),
            ExitCode::Conflict,
            "12m 00s left",
        ),
        (
            "a person means another scope",
            &["account:main"],
            Some("account:main"),
            ExitCode::Conflict,
            "nothing on",
        ),
        (
            "a person means another guard",
            &["book:mm1/main", "--guard", "error-rate"],
            Some("book:mm1/main"),
            ExitCode::Conflict,
            "nothing on",
        ),
        ("a person said --yes", &["book:mm1/main", "--yes"], Some(""), ExitCode::Ok, ""),
        ("a script says nothing", &["book:mm1/main"], None, ExitCode::Usage, "--yes"),
        ("a script says --yes", &["book:mm1/main", "--yes"], None, ExitCode::Ok, ""),
        (
            "a script is too early",
            &["book:arb/main", "--guard", "error-rate", "--yes"],
            None,
            ExitCode::Conflict,
            "12m 03s left",
        ),
        (
            "a script names no guard there is",
            &["firm", "--guard", "x", "--yes"],
            None,
            ExitCode::Usage,
            "no guard",
        ),
    ] {
        let said = resume(line, typed);
        assert_eq!(said.code, code, "{name}: {}", said.err);
        assert!(said.err.contains(word), "{name}: {}", said.err);
    }
    let asked = resume(&["book:mm1/main"], Some("book:mm1/main"));
    assert!(
        asked.err.contains("book:mm1/main is REDUCE_ONLY by duplicate for 3m 00s: READY_TO_RESUME"),
        "{}",
        asked.err
    );
    assert_eq!(asked.out, "resumed book:mm1/main; tripline status shows what remains\n");
    let json = resume(&["book:mm1/main", "--yes", "--json"], None);
    assert!(json.out.contains("\"verb\":\"resume\""), "{}", json.out);
    let events = rig.events.lock().unwrap();
    let resumes =
        events.iter().filter(|event| matches!(event, Event::Command { verb: CommandVerb::Resume, .. }));
    assert_eq!(resumes.count(), 6);
}

#[test]
fn check_lists_what_is_unlimited_or_every_problem() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tripline.toml");
    let example = example.to_str().unwrap();
    let said = type_in(&["check", "--config", example], None);
    assert_eq!(said.code, ExitCode::Ok);
    assert!(
        said.out.contains("note: clears by itself") && said.out.contains("ok: PAPER, 1 account"),
        "{}",
        said.out
    );
    let said = type_in(&["check", "--config", "/nonexistent.toml", "--json"], None);
    assert_eq!(said.code, ExitCode::Configuration);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&value["schema"], &value["ok"]), (&"tripline.check/1".into(), &false.into()));
    assert_eq!(value["problems"][0]["code"], "unreadable");
}

#[test]
fn version_names_the_abi() {
    assert!(type_in(&["version"], None).out.contains("abi 1"));
    assert!(type_in(&["version", "--json"], None).out.contains("\"schema\":\"tripline.version/1\""));
}

#[test]
fn a_trade_by_hand_reaches_the_core_in_the_units_of_its_instrument() {
    let rig = Rig::start();
    let at = directory(&rig);
    let line = |more: &[&'static str]| {
        let head = ["fill", "instrument:main/BTC-PERP", "--runtime-dir", at, "--reason", "closed by phone"];
        type_in(&[&head[..], more].concat(), None)
    };
    let said = line(&["--buy", "0.5", "--px", "60000.1", "--fee", "1.25", "--exec", "31"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (ExitCode::Ok, "booked on instrument:main/BTC-PERP as execution 31\n")
    );
    let said = line(&["--sell", "0.002", "--px", "60000"]);
    assert_eq!(said.code, ExitCode::Ok, "{}", said.err);
    let fills: Vec<_> = rig
        .events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match *event {
            Event::ExternalFill { exec, px, qty, fee, actor, account, instrument } => {
                assert_eq!((account, instrument), (0, 0));
                assert_eq!(
                    actor,
                    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&rig.directory).unwrap())
                );
                Some((exec.get(), px.0, qty.0, fee))
            }
            _ => None,
        })
        .collect();
    assert_eq!(fills[0], (31, 600_001, 500, 1_250_000_000));
    let (own, px, qty, fee) = fills[1];
    assert_eq!((px, qty, fee), (600_000, -2, i64::MIN), "a fee that is left out is not known yet");
    assert_ne!(own, 31);
}

#[test]
fn a_trade_by_hand_that_cannot_be_one_is_refused_before_or_by_the_core() {
    let rig = Rig::start();
    let at = directory(&rig);
    for (scope, side, px, exec, code, word) in [
        ("instrument:main/BTC-PERP", ["--buy", "1"], "1", "33", ExitCode::Conflict, "booked already"),
        ("instrument:main/BTC-PERP", ["--buy", "0.0005"], "1", "1", ExitCode::Usage, "qty \"0.0005\""),
        ("instrument:main/BTC-PERP", ["--sell", "1"], "1.05", "1", ExitCode::Usage, "px \"1.05\""),
        ("instrument:main/BTC-PERP", ["--sell", "-"], "1", "1", ExitCode::Usage, "not a decimal"),
        ("instrument:main/BTC-PERP", ["--sell", "1"], "1", "0", ExitCode::Usage, "execution key"),
        ("account:main", ["--buy", "1"], "1", "1", ExitCode::Usage, "is no instrument"),
    ] {
        let line = [
            "fill",
            scope,
            side[0],
            side[1],
            "--px",
            px,
            "--exec",
            exec,
            "--reason",
            "x",
            "--runtime-dir",
            at,
        ];
        let said = type_in(&line, None);
        assert_eq!(said.code, code, "{side:?} {px}: {}", said.err);
        assert!(said.err.contains(word), "{word:?} in {}", said.err);
    }
    let neither = ["tripline", "fill", "instrument:main/BTC-PERP", "--px", "1", "--reason", "x"];
    assert!(Cli::try_parse_from(neither).is_err());
    let both = [&neither[..], &["--buy", "1", "--sell", "1"]].concat();
    assert!(Cli::try_parse_from(both).is_err());
    let reached =
        rig.events.lock().unwrap().iter().filter(|it| matches!(it, Event::ExternalFill { .. })).count();
    assert_eq!(reached, 1, "what cannot be read never reaches the core");
}

#[test]
fn a_flow_is_announced_to_one_book_for_a_time() {
    let rig = Rig::start();
    let at = directory(&rig);
    let line = |scope: &'static str, more: &[&'static str]| {
        type_in(&[&["flow", scope, "--runtime-dir", at, "--reason", "x"], more].concat(), None)
    };
    let said = line("book:arb/main", &["--amount", "-12.345678901"]);
    assert_eq!((said.code, said.err.as_str()), (ExitCode::Ok, ""));
    assert!(said.out.starts_with("-12.345678901 expected on book:arb/main; "), "{}", said.out);
    let said = line("book:mm1/main", &["--amount", "500", "--within", "30m", "--json"]);
    assert!(said.out.contains("\"verb\":\"flow\""), "{}", said.out);
    let flows: Vec<_> = rig
        .events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match *event {
            Event::FlowExpect { amount, book, ttl, .. } => Some((amount.0, book, ttl.0 / 1_000_000_000)),
            _ => None,
        })
        .collect();
    assert_eq!(flows, [(-12_345_678_901, 1, 86_400), (500_000_000_000, 0, 1_800)]);
    for (scope, more, word) in [
        ("account:main", ["--amount", "1"], "write book:STRATEGY/ACCOUNT"),
        ("instrument:main/BTC-PERP", ["--amount", "1"], "is not one book"),
        ("book:arb/main", ["--amount", "1.0000000001"], "decimal places"),
    ] {
        let said = line(scope, &more);
        assert_eq!(said.code, ExitCode::Usage, "{scope}");
        assert!(said.err.contains(word), "{word:?} in {}", said.err);
    }
    let said = line("book:arb/main", &["--amount", "1", "--within", "32d"]);
    assert!(said.err.contains("within_s is 1 to"), "{}", said.err);
}

#[test]
fn status_shows_what_makes_the_venues_word_ours() {
    let rig = Rig::start();
    let mut stats = troubled_stats();
    let row = crate::wire::stats::CauseRow {
        scope: Some(crate::model::Scope::Account(0)),
        guard: u64::from(crate::engine::guard::RECONCILE),
        reason: Some(crate::model::Reason::CashMismatch),
        state: crate::model::TradingState::Halted,
        latch: Some(crate::model::Latch::Auto),
        nonce: 0,
        measured: 100_000_000_000,
        limit: 99_987_650_000,
        ..stats.causes[0]
    };
    let position = crate::wire::stats::CauseRow {
        scope: Some(crate::model::Scope::Instrument(0, 0)),
        reason: Some(crate::model::Reason::PositionMismatch),
        ..row
    };
    stats.causes = vec![row, position];
    *rig.page.lock().unwrap() = Some(stats);
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    for part in [
        "cash       tripline flow account:main --amount -12.35 --runtime-dir /",
        "venue      tripline adopt instrument:main/BTC-PERP --runtime-dir /",
    ] {
        assert!(said.out.contains(part), "{part:?} in\n{}", said.out);
    }
}
