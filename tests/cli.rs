//! The program as a person and a script use it: what it prints, what it exits with, and what the sidecar then does.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use support::sidecar::{Attached, CAPITAL, Place, Setup, Sidecar, run};
use support::{PATIENCE, wait_for};
use tripline::model::event::{Intent, OrderAction, OrderAttrs, OrderId, OrderType, RejectClass, TimeInForce};
use tripline::model::{Event, Flags, Lots, Ticks};
use tripline::shm::gate::Gate;

/// Leases that outlast any scheduling: no gate here may close by one.
fn patient() -> Setup {
    Setup { lease: "2s", ..Setup::default() }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The smallest configuration that loads. Bad ones are made from it, so that each has one thing wrong.
const GOOD: &str = r#"schema = 1
[instance]
name = "desk-1"
mode = "live"
runtime_dir = "/tmp/never-made"
[[account]]
name = "main"
venue = "binance"
currency = "USDT"
[[instrument]]
name = "BTC-PERP"
kind = "linear"
price_decimals = 1
qty_decimals = 3
settlement = "USDT"
[[strategy]]
name = "mm1"
[[strategy.book]]
account = "main"
capital = "1000.5"
max_position = "2"
max_order_qty = "0.25"
max_order_notional = "unlimited"
[[drawdown]]
name = "kill"
scope = "account:main"
limit = "15%"
"#;

/// What is replaced by what; then line and code of the problem, and a word of what is printed.
type Row = (&'static str, &'static str, &'static str, u64, &'static str, &'static str);

#[rustfmt::skip]
const BAD: [Row; 42] = [
    ("not TOML", "capital = \"1000.5\"", "capital = = 1", 20, "syntax", "not valid TOML"),
    ("schema from the future", "schema = 1", "schema = 2", 1, "out-of-range", "1 to 1"),
    ("mode left out", "mode = \"live\"\n", "", 2, "missing", "paper"),
    ("unknown mode", "\"live\"", "\"alive\"", 4, "unknown-word", "did you mean `live`?"),
    ("misspelt key", "limit = ", "limmit = ", 27, "unknown-key", "`limit`"),
    ("misspelt table", "[[drawdown]]", "[htpp]\n[[drawdown]]", 24, "unknown-key", "`http`"),
    ("key given twice", "venue = \"binance\"", "venue = \"a\"\nvenue = \"b\"", 9, "syntax", "duplicate"),
    ("name with a space", "\"desk-1\"", "\"desk 1\"", 3, "bad-name", "0x20"),
    ("relative runtime directory", "\"/tmp/never-made\"", "\"run\"", 5, "out-of-range", "absolute"),
    ("float as money", "\"1000.5\"", "1000.5", 20, "float", "quotes"),
    ("negative capital", "\"1000.5\"", "\"-1\"", 20, "out-of-range", "0 to"),
    ("money with a word", "\"1000.5\"", "\"much\"", 20, "bad-decimal", "decimal"),
    ("limit of zero", "\"2\"", "0", 21, "out-of-range", "0.001 to"),
    ("limit left out", "max_position = \"2\"\n", "", 18, "missing", "unlimited"),
    ("limit that is a typo", "\"unlimited\"", "\"unlimted\"", 23, "bad-decimal", "decimal"),
    ("quantity finer than a lot", "\"0.25\"", "\"0.2505\"", 22, "bad-decimal", "4 decimal places"),
    ("share without a unit", "\"15%\"", "15", 27, "bad-ratio", "unit"),
    ("share above the whole", "\"15%\"", "\"100.01%\"", 27, "out-of-range", "100.00 %"),
    ("scope of nobody", "account:main", "account:mian", 26, "unknown-reference", "`main`"),
    ("account without a guard", "account:main", "strategy:mm1", 6, "unguarded", "[[drawdown]]"),
    ("profit in a foreign currency", "settlement = \"USDT\"", "settlement = \"USDC\"", 15, "currency-mismatch", "add a [[rate]]"),
    ("spot without a base", "\"linear\"", "\"spot\"", 10, "missing", "spot"),
    ("unknown user", "name = \"mm1\"", "name = \"mm1\"\nuid = \"no-such-user\"", 18, "unknown-user", "number"),
    ("heartbeat too fast", "name = \"mm1\"", "name = \"mm1\"\nheartbeat = \"1us\"", 18, "out-of-range", "10ms to 1h"),
    ("port that others can reach", "[[account]]", "[http]\nlisten = \"0.0.0.0:1\"\n[[account]]", 7, "not-loopback", "TLS"),
    ("lane of an odd size", "[[account]]", "[capacity]\nlane_slots = 1000\n[[account]]", 7, "not-a-power-of-two", "64 to"),
    ("answer awaited for ever", "currency = \"USDT\"\n", "currency = \"USDT\"\nack_timeout = \"1h\"\n", 10, "out-of-range", "10ms to 10m"),
    ("codes of a venue nobody mapped", "currency = \"USDT\"\n", "currency = \"USDT\"\nvenue_codes = \"ib\"\n", 10, "unknown-word", "binance, bybit, fix, okx, none"),
    ("breaker that tolerates everything", "currency = \"USDT\"\n", "currency = \"USDT\"\n[account.breaker]\nlimit = \"51%\"\n", 11, "out-of-range", "0.01 % to 50.00 %"),
    ("window of a rule without one", "currency = \"USDT\"\n", "currency = \"USDT\"\n[account.breaker]\nwindow = 100\n", 11, "conflict", "literal"),
    ("count without a time", "currency = \"USDT\"\n", "currency = \"USDT\"\nauth = \"3\"\n", 10, "bad-count", "3 in 60s"),
    ("smallest order below the lot", "settlement = \"USDT\"\n", "settlement = \"USDT\"\nlot = \"0.01\"\nmin_qty = \"0.005\"\n", 17, "out-of-range", "0.01 to"),
    ("executor for nobody", "name = \"mm1\"\n", "name = \"mm1\"\nexecutes = [\"mian\"]\n", 18, "unknown-reference", "did you mean `main`?"),
    ("first order a duplicate", "name = \"mm1\"\n", "name = \"mm1\"\n[strategy.duplicates]\ndeny = 1\n", 19, "out-of-range", "2 to 32"),
    ("stop-losses cancelled and positions kept", "limit = \"15%\"\n", "limit = \"15%\"\nactions = [\"cancel_all\"]\n", 28, "conflict", "stop-losses"),
    ("flatten with nobody to do it", "limit = \"15%\"\n", "limit = \"15%\"\nactions = [\"flatten\"]\n", 28, "no-executor", "may be dead"),
    ("bucket without a limit", "limit = \"15%\"\n", "limit = \"15%\"\n[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nwindow = \"1s\"\n", 28, "missing", "limit = 300"),
    ("bucket of a venue nobody is at", "limit = \"15%\"\n", "limit = \"15%\"\n[[bucket]]\nid = 1\nname = \"b\"\nscope = \"venue:bybit\"\nkind = \"sliding_log\"\nlimit = 5\nwindow = \"1s\"\n", 31, "unknown-reference", "binance"),
    ("burst above what the venue takes", "limit = \"15%\"\n", "limit = \"15%\"\n[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"gcra\"\ninterval = \"100ms\"\nburst = 9\nvenue_limit = 20\nvenue_window = \"1s\"\n", 34, "exceeds-venue", "burst up to 8"),
    ("permission that outlives the jitter", "limit = \"15%\"\n", "limit = \"15%\"\n[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nlimit = 5\nwindow = \"1s\"\njitter = \"99ms\"\n", 35, "conflict", "permit.validity"),
    ("unknown drop mode", "limit = \"15%\"\n", "limit = \"15%\"\n[[venue]]\nname = \"binance\"\ndrop_mode = \"drop\"\n", 30, "unknown-word", "drop_lowest"),
    ("directive void before it is missed", "limit = \"15%\"\n", "limit = \"15%\"\n[directives]\nack_timeout = \"2s\"\ntimeout = \"1s\"\n", 30, "out-of-range", "2s to 1h"),
];

#[test]
fn every_bad_configuration_is_refused_with_its_line_and_nothing_is_started() {
    let place = Place::new();
    for (name, from, to, line, problem, word) in BAD {
        assert!(GOOD.contains(from), "{name}");
        let file = place.file("bad.toml", &GOOD.replacen(from, to, 1));
        let path = file.to_str().expect("text");
        let text = run(&["check", "--config", path], &[]);
        assert_eq!(code(&text), 10, "{name}: {text:?}");
        assert!(err(&text).contains(&format!("{path}:{line}: ")), "{name}: {}", err(&text));
        assert!(err(&text).contains(word), "{name}: {}", err(&text));
        let checked = run(&["check", "--json", "--config", path], &[]);
        assert_eq!(code(&checked), 10, "{name}");
        let report = json(&checked);
        assert_eq!((&report["schema"], &report["ok"]), (&"tripline.check/1".into(), &false.into()), "{name}");
        let rows = report["problems"].as_array().expect("problems");
        let found = rows.iter().any(|row| row["line"] == line && row["code"] == problem);
        assert!(found, "{name}: {rows:?}");
        let started = run(&["run", "--config", path], &[]);
        assert_eq!(code(&started), 10, "{name}: {started:?}");
        assert!(err(&started).contains(&format!("{path}:{line}: ")), "{name}: {}", err(&started));
        assert!(!Path::new("/tmp/never-made").exists(), "{name}: a bad configuration made its directory");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_refused_by_name() {
    for args in [["check", "--config", "/no/such.toml"], ["run", "--config", "/no/such.toml"]] {
        let output = run(&args, &[]);
        assert_eq!(code(&output), 10, "{output:?}");
        assert!(err(&output).contains("/no/such.toml:1: "), "{output:?}");
    }
}

#[test]
fn the_example_configuration_is_right() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tripline.toml");
    let text = run(&["check", "--config", example], &[]);
    assert_eq!((code(&text), err(&text)), (0, String::new()));
    assert!(out(&text).contains(": ok: "), "{}", out(&text));
    let report = json(&run(&["check", "--json", "--config", example], &[]));
    assert_eq!((&report["ok"], &report["problems"]), (&true.into(), &Value::Array(Vec::new())));
}

#[test]
fn what_is_off_or_unlimited_is_listed() {
    let place = Place::new();
    let off =
        GOOD.replace("currency = \"USDT\"\n", "currency = \"USDT\"\nbreaker = \"off\"\nauth = \"off\"\n");
    let off = off.replace("name = \"mm1\"\n", "name = \"mm1\"\nrole = \"maker\"\n");
    let file = place.file("off.toml", &off);
    let path = file.to_str().expect("text");
    let checked = run(&["check", "--config", path], &[]);
    assert_eq!((code(&checked), err(&checked)), (0, String::new()));
    for (line, note) in [
        (6, "account[main]: note: no rate bucket counts its orders"),
        (6, "account[main]: note: no other strategy executes for it: when mm1 is dead"),
        (10, "account[main].breaker: note: off"),
        (11, "account[main].auth: note: off"),
        (20, "strategy[mm1].role: note: a market maker repeats itself"),
        (21, "strategy[mm1].book[main].max_open_orders: note: unlimited"),
    ] {
        let text = format!("{path}:{line}: {note}");
        assert!(out(&checked).contains(&text), "{text:?} is missing:\n{}", out(&checked));
    }
    let notes = json(&run(&["check", "--json", "--config", path], &[]))["notes"].clone();
    assert!(notes.as_array().is_some_and(|notes| notes.len() >= 6), "{notes}");
}

#[test]
fn running_a_bad_configuration_beside_a_sidecar_does_not_touch_it() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    let before = (sidecar.core(), sidecar.control());
    let text = std::fs::read_to_string(sidecar.config()).expect("its configuration");
    let bad = sidecar.place.file("bad.toml", &text.replace("15%", "15"));
    let output = run(&["run", "--config", bad.to_str().expect("text")], &[]);
    assert_eq!(code(&output), 10, "{output:?}");
    assert_eq!((sidecar.core(), sidecar.control()), before);
    assert_eq!(attached.gate(), Gate::Pass);
}

#[test]
fn a_second_sidecar_in_the_same_directory_names_the_first_and_touches_nothing() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    let before = (sidecar.core(), sidecar.control());
    for _ in 0..support::tries(10) {
        let second = run(&["run", "--config", sidecar.config().to_str().expect("text")], &[]);
        assert_eq!(code(&second), 8, "{second:?}");
        assert!(err(&second).contains(&sidecar.keeper().to_string()), "{}", err(&second));
        assert_eq!(attached.gate(), Gate::Pass);
    }
    assert_eq!((sidecar.core(), sidecar.control()), before);
    sidecar.attach_and_pass("two");
}

#[test]
fn where_no_sidecar_runs_every_command_is_unreachable_and_says_what_to_do() {
    let place = Place::new();
    let dir = place.path().to_str().expect("text");
    let reset = ["reset", "--scope", "firm", "--guard", "operator", "--nonce", "1", "--reason", "x"];
    let resume = ["resume", "firm", "--reason", "x", "--yes"];
    for args in [["status"].as_slice(), &["halt", "firm", "--reason", "x"], &reset, &resume] {
        let output = run(&[args, &["--runtime-dir", dir]].concat(), &[]);
        assert_eq!(code(&output), 6, "{args:?}: {output:?}");
        assert!(err(&output).contains("tripline run"), "{args:?}: {}", err(&output));
        let output = run(&[args, &["--runtime-dir", dir, "--json"]].concat(), &[]);
        let told = json(&output);
        assert_eq!(
            (code(&output), &told["schema"], &told["exit_code"]),
            (6, &"tripline.error/1".into(), &6.into())
        );
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    for args in [
        ["no-such-command"].as_slice(),
        &["halt", "firm"],
        &["resume", "firm"],
        &["resume", "--reason", "x"],
        &["run"],
        &["status", "--no-such-option"],
        &["demo", "--qty", "0.5.5"],
        &["demo", "--limit", "kill=101%"],
        &["demo", "--equity", "-1"],
    ] {
        assert_eq!(code(&run(args, &[])), 2, "{args:?}");
    }
}

#[test]
fn status_tells_people_and_programs_the_same() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    wait_for("the lane is shown", || {
        let text = out(&sidecar.tripline(&["status"]));
        let shown = text.starts_with("test   ACTIVE LIVE") && text.contains("lane       one ");
        shown.then_some(())
    });
    let text = out(&sidecar.tripline(&["status"]));
    for word in ["account    main  equity", "guard      kill  account:main", "lanes 1/8", "not pinned"] {
        assert!(text.contains(word), "{word:?} is missing:\n{text}");
    }
    let report = json(&sidecar.tripline(&["status", "--json"]));
    assert_eq!(report["schema"], "tripline.status/1");
    assert_eq!((&report["state"], &report["mode"]), (&"ACTIVE".into(), &"LIVE".into()));
    assert_eq!(report["loop"]["core_pid"], sidecar.core());
    assert_eq!(report["loop"]["lease_ns"], 2_000_000_000_u64);
    assert_eq!(report["causes"], Value::Array(Vec::new()));
    assert_eq!(code(&sidecar.tripline(&["status", "--exit-code"])), 0);
    drop(attached);
}

#[test]
fn a_halt_closes_the_gate_and_only_the_reset_of_this_very_halt_opens_it() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    let halted = sidecar.tripline(&["halt", "account:main", "--reason", "looks wrong", "--json"]);
    assert_eq!((code(&halted), &json(&halted)["verb"]), (0, &"halt".into()));
    assert_eq!(attached.gate(), Gate::Halted);
    let cause = sidecar.cause("account:main", "OPERATOR");
    let nonce = cause.nonce.clone().expect("a sticky cause");

    let text = sidecar.tripline(&["status", "--exit-code"]);
    assert_eq!(code(&text), 4);
    assert!(out(&text).starts_with("test   HALTED LIVE since "), "{}", out(&text));
    assert!(out(&text).contains(&format!("--nonce {nonce}")), "{}", out(&text));
    assert_eq!(code(&sidecar.tripline(&["status"])), 0, "only --exit-code tells the state");

    let reset = ["reset", "--scope", "account:main", "--guard", "operator", "--reason", "x"];
    let wrong = format!("{:x}", u64::from_str_radix(&nonce, 16).expect("hexadecimal") ^ 1);
    let refused = sidecar.tripline(&[reset.as_slice(), &["--nonce", &wrong]].concat());
    assert_eq!(code(&refused), 8, "{refused:?}");
    for nameless in [&[][..], &["--yes"]] {
        let nameless = sidecar.tripline(&[reset.as_slice(), nameless].concat());
        assert_eq!(code(&nameless), 2, "which halt is meant, and nobody is there to ask: {nameless:?}");
        assert!(err(&nameless).contains("--nonce"), "{}", err(&nameless));
    }
    let no_number = sidecar.tripline(&[reset.as_slice(), &["--nonce", "soon"]].concat());
    assert_eq!(code(&no_number), 2, "{no_number:?}");
    let elsewhere = ["reset", "--scope", "book:one/main", "--guard", "operator", "--reason", "x"];
    let elsewhere = sidecar.tripline(&[elsewhere.as_slice(), &["--nonce", &nonce]].concat());
    assert_eq!(code(&elsewhere), 8, "{elsewhere:?}");
    assert_eq!(attached.gate(), Gate::Halted);

    let done = sidecar.tripline(&[reset.as_slice(), &["--nonce", &nonce]].concat());
    assert_eq!(code(&done), 0, "{done:?}");
    assert_eq!(attached.gate(), Gate::Pass);
    wait_for("the status follows", || {
        (code(&sidecar.tripline(&["status", "--exit-code"])) == 0).then_some(())
    });
    let again = sidecar.tripline(&[reset.as_slice(), &["--nonce", &nonce]].concat());
    assert_eq!(code(&again), 8, "what does not hold cannot be reset: {again:?}");
}

/// Announces an order of one lot.
fn announce(attached: &mut Attached, id: u64, px: i64) {
    let attrs = OrderAttrs {
        order_type: OrderType::Limit,
        tif: TimeInForce::Gtc,
        intent: Intent::Open,
        directive: 0,
    };
    let (order, px, qty) = (OrderId::new(id).expect("not zero"), Ticks(px), Lots(1));
    let event = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
    attached.client.publish(attached.target.handle, Flags::empty(), event).expect("published");
}

/// Announces the same order twice, which halts the book.
fn repeat_an_order(attached: &mut Attached) {
    for id in [1, 2] {
        announce(attached, id, 100);
    }
    attached.await_halt();
}

#[test]
fn a_cool_down_that_runs_is_ended_by_nobody() {
    let keys = "duplicates = { deny = 2, trip = 2, cooldown = \"1h\" }";
    let sidecar = Sidecar::start(&Setup { keys, ..patient() });
    let mut attached = sidecar.attach_and_pass("one");
    repeat_an_order(&mut attached);
    let cause = sidecar.cause("book:one/main", "DUPLICATE_FINGERPRINT");
    assert_eq!((cause.guard.as_str(), cause.latch.as_str()), ("duplicate", "cooldown"));
    assert!(cause.left.as_ref().is_some_and(|left| left.starts_with('5')), "{cause:?}");
    let text = out(&sidecar.tripline(&["status"]));
    assert!(
        text.contains("  resume     from ") && text.contains(" UTC  tripline resume book:one/main"),
        "{text}"
    );
    let nonce = cause.nonce.as_deref().expect("a latched cause");
    let reset =
        ["reset", "--scope", "book:one/main", "--guard", "duplicate", "--nonce", nonce, "--reason", "x"];
    let resume = ["resume", "book:one/main", "--guard", "duplicate", "--reason", "x", "--yes"];
    for args in [&reset[..], &resume, &["resume", "book:one/main", "--reason", "x", "--yes"]] {
        let early = sidecar.tripline(args);
        assert_eq!(code(&early), 8, "{early:?}");
        assert!(err(&early).contains("the cool-down is not over: 5"), "{}", err(&early));
    }
    for scope in ["firm", "book:two/main"] {
        let other = sidecar.tripline(&["resume", scope, "--reason", "x", "--yes"]);
        assert_eq!(code(&other), 8, "{other:?}");
        assert!(err(&other).contains("waits for a resume"), "{}", err(&other));
    }
    assert_eq!(attached.gate(), Gate::Halted);
}

#[test]
fn after_its_cool_down_a_book_stays_halted_until_somebody_resumes_it() {
    let keys = "duplicates = { deny = 2, trip = 2, cooldown = \"1s\" }";
    let sidecar = Sidecar::start(&Setup { keys, ..patient() });
    let mut attached = sidecar.attach_and_pass("one");
    repeat_an_order(&mut attached);
    let ready = sidecar.cause("book:one/main", "READY_TO_RESUME");
    assert_eq!((ready.guard.as_str(), &ready.left), ("duplicate", &None));
    let text = out(&sidecar.tripline(&["status"]));
    assert!(text.contains("  resume     tripline resume book:one/main --guard duplicate "), "{text}");
    assert_eq!(attached.gate(), Gate::Halted);
    let resume = ["resume", "book:one/main", "--reason", "calm again"];
    let unasked = sidecar.tripline(&resume);
    assert_eq!(code(&unasked), 2, "nobody is there to ask: {unasked:?}");
    assert!(err(&unasked).contains("--yes"), "{}", err(&unasked));
    assert_eq!(attached.gate(), Gate::Halted);
    let done = sidecar.tripline(&[&resume[..], &["--yes", "--json"]].concat());
    assert_eq!((code(&done), &json(&done)["verb"]), (0, &"resume".into()));
    assert_eq!(attached.gate(), Gate::Pass);
    let again = sidecar.tripline(&[&resume[..], &["--yes"]].concat());
    assert_eq!(code(&again), 8, "{again:?}");
}

#[test]
fn paper_is_given_at_once_and_taken_back_by_decision_where_nothing_holds() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    let done = sidecar.tripline(&["mode", "paper", "account:main", "--reason", "drill", "--json"]);
    assert_eq!((code(&done), &json(&done)["verb"]), (0, &"mode paper".into()));
    assert_eq!(attached.gate(), Gate::Paper);
    let report = sidecar.status();
    assert_eq!((report.mode.as_str(), report.accounts[0].mode.as_str()), ("PAPER", "PAPER"));
    assert!(report.books.iter().all(|book| book.mode == "PAPER"), "{:?}", report.books);
    assert!(report.causes.is_empty(), "paper is no halt: {:?}", report.causes);
    let live = ["mode", "live", "account:main", "--reason", "drill over"];
    let unasked = sidecar.tripline(&live);
    assert_eq!(code(&unasked), 2, "nobody is there to ask: {unasked:?}");
    assert!(err(&unasked).contains("--yes"), "{}", err(&unasked));
    sidecar.tripline(&["halt", "book:one/main", "--reason", "x"]);
    let refused = sidecar.tripline(&[&live[..], &["--yes"]].concat());
    assert_eq!(code(&refused), 8, "{refused:?}");
    assert!(err(&refused).contains("1 of its causes still hold"), "{}", err(&refused));
    let nonce = sidecar.cause("book:one/main", "OPERATOR").nonce.expect("a nonce");
    let reset = ["reset", "--scope", "book:one/main", "--guard", "operator", "--nonce", &nonce];
    assert_eq!(code(&sidecar.tripline(&[&reset[..], &["--reason", "x", "--yes"]].concat())), 0);
    assert_eq!(attached.gate(), Gate::Paper);
    assert_eq!(code(&sidecar.tripline(&[&live[..], &["--yes"]].concat())), 0);
    assert_eq!((attached.gate(), sidecar.status().mode.as_str()), (Gate::Pass, "LIVE"));
    let wrong = sidecar.tripline(&["mode", "dry", "firm", "--reason", "x"]);
    assert_eq!(code(&wrong), 2, "{wrong:?}");
    wait_for("it is told", || sidecar.log().contains("PAPER_MODE").then_some(()));
}

#[test]
fn rejects_in_a_row_open_a_breaker_and_everything_says_so() {
    let sidecar = Sidecar::start(&Setup { http: "127.0.0.1:0".into(), ..patient() });
    let mut attached = sidecar.attach_and_pass("one");
    for id in 1..=10 {
        announce(&mut attached, id, 100 + id as i64);
        let order = OrderId::new(id).expect("not zero");
        let event = Event::OrderReject {
            order,
            class: RejectClass::Invalid,
            action: OrderAction::New,
            venue_code: 0,
            cum_qty: Lots(0),
            t_venue: 0,
        };
        attached.client.publish(attached.target.handle, Flags::empty(), event).expect("published");
    }
    let cause = sidecar.cause("book:one/main", "CONSECUTIVE");
    assert_eq!((cause.guard.as_str(), cause.state.as_str()), ("error-rate", "REDUCE_ONLY"));
    assert_eq!((cause.measured.as_str(), cause.latch.as_str()), ("10", "cooldown"));
    let text = out(&sidecar.tripline(&["status"]));
    for word in ["  breaker    book:one/main  OPEN until ", "errors 10 of 10  in a row 10  openings 1"] {
        assert!(text.contains(word), "{word:?} is missing:\n{text}");
    }
    let (_, metrics) = read(port_of(&sidecar), "/metrics");
    for series in [
        "tripline_breaker_state{scope=\"book:one/main\"} 1",
        "tripline_breaker_state{scope=\"account:main\"} 0",
        "tripline_throttle_queue_capacity{venue=\"test\"} 1024",
    ] {
        assert!(metrics.contains(series), "{series} is missing:\n{metrics}");
    }
    let early = sidecar.tripline(&["resume", "book:one/main", "--reason", "x", "--yes"]);
    assert!(code(&early) == 8 && err(&early).contains("(CONSECUTIVE)"), "{early:?}");
}

#[test]
fn every_scope_can_be_halted_by_name_and_no_other_name_can() {
    let sidecar = Sidecar::start(&patient());
    let attached = sidecar.attach_and_pass("one");
    let other = sidecar.attach_and_pass("two");
    for (scope, reaches_other) in [
        ("firm", true),
        ("account:main", true),
        ("strategy:one", false),
        ("book:one/main", false),
        ("instrument:main/X", true),
    ] {
        assert_eq!(code(&sidecar.tripline(&["halt", scope, "--reason", "x"])), 0, "{scope}");
        assert_eq!(attached.gate(), Gate::Halted, "{scope}");
        assert_eq!(other.gate() == Gate::Halted, reaches_other, "{scope}");
        sidecar.reset(&sidecar.cause(scope, "OPERATOR"));
        assert_eq!((attached.gate(), other.gate()), (Gate::Pass, Gate::Pass), "{scope}");
    }
    for scope in ["", "main", "account:", "account:none", "book:one", "book:main/one", "firm:x"] {
        let refused = sidecar.tripline(&["halt", scope, "--reason", "x"]);
        assert_eq!(code(&refused), 2, "{scope:?}: {refused:?}");
    }
    assert_eq!(code(&sidecar.tripline(&["halt", "firm", "--reason", " "])), 2, "a reason of nothing");
    assert_eq!(attached.gate(), Gate::Pass);
}

#[test]
fn commands_are_heard_as_soon_as_strategies_may_attach() {
    // The pause before a control that ended is started again is one second; the first start owes no pause. The best
    // of several counts, since a busy machine can only be slower.
    let mut sidecar = Sidecar::start(&patient());
    let pauses = (0..5).map(|_| {
        sidecar.start_again();
        let made = |socket| {
            let path = sidecar.run_dir().join(socket);
            std::fs::metadata(path).and_then(|file| file.modified()).expect("a socket")
        };
        made("admin.sock").duration_since(made("attach.sock")).unwrap_or_default()
    });
    let best = pauses.min().expect("five");
    assert!(best < Duration::from_millis(500), "commands are heard {best:?} after strategies may attach");
}

/// One request on the loopback port: status and body.
fn get(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the port listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
}

fn read(address: SocketAddr, path: &str) -> (u16, String) {
    get(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// Where control says it listens.
fn port_of(sidecar: &Sidecar) -> SocketAddr {
    wait_for("control names its port", || {
        let log = sidecar.log();
        let (_, after) = log.split_once("127.0.0.1:")?;
        let port: String = after.chars().take_while(char::is_ascii_digit).collect();
        Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
    })
}

#[test]
fn the_loopback_port_serves_what_monitors_read_and_changes_nothing() {
    let sidecar = Sidecar::start(&Setup { http: "127.0.0.1:0".into(), ..patient() });
    let attached = sidecar.attach_and_pass("one");
    let address = port_of(&sidecar);
    assert_eq!(read(address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(read(address, "/readyz"), (200, "ready\n".to_owned()));
    let (status, metrics) = read(address, "/metrics");
    assert_eq!(status, 200);
    for series in ["tripline_up 1", "tripline_build_info{", "tripline_state{", "tripline_loop_ticks_total "] {
        assert!(metrics.contains(series), "{series} is missing:\n{metrics}");
    }
    let (status, report) = read(address, "/v1/status");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((status, &report["schema"]), (200, &"tripline.status/1".into()));
    assert_eq!(read(address, "/v1/halt").0, 404);
    let body = r#"{"scope":"firm","reason":"x"}"#;
    let post = |host: &str, more: &str| {
        let length = body.len();
        get(
            address,
            &format!(
                "POST /v1/halt HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
            ),
        )
        .0
    };
    assert_eq!(post("127.0.0.1", ""), 403, "read-only");
    assert_eq!(post("evil.example", ""), 403, "a rebound name");
    assert_eq!(post("127.0.0.1", "Origin: http://evil.example\r\n"), 403, "a web page");
    assert_eq!(attached.gate(), Gate::Pass);
}

#[test]
fn a_loop_that_stands_still_is_told_apart_from_a_halt() {
    let sidecar = Sidecar::start(&Setup { http: "127.0.0.1:0".into(), lease: "100ms", ..Setup::default() });
    let attached = sidecar.attach_and_pass("one");
    let address = port_of(&sidecar);
    let core = sidecar.core();
    support::process::signal(core, libc::SIGSTOP);
    attached.await_halt();
    wait_for("the port says so", || (read(address, "/readyz").0 == 503).then_some(()));
    assert!(read(address, "/metrics").1.contains("tripline_up 0"));
    assert_eq!(read(address, "/healthz").0, 200);
    let stale = sidecar.tripline(&["status", "--exit-code"]);
    assert_eq!(code(&stale), 7, "{stale:?}");
    assert!(out(&stale).contains("read HALTED"), "{}", out(&stale));
    let halt = sidecar.tripline(&["halt", "firm", "--reason", "x"]);
    assert_ne!(code(&halt), 0, "nobody can have carried it out: {halt:?}");
    support::process::signal(core, libc::SIGCONT);
    wait_for("the loop turns again", || (read(address, "/readyz").0 == 200).then_some(()));
}

#[test]
fn a_port_that_is_taken_is_a_mark_and_not_a_reason_not_to_run() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let http = taken.local_addr().expect("an address").to_string();
    let sidecar = Sidecar::start(&Setup { http, ..patient() });
    sidecar.attach_and_pass("one");
    let report = sidecar.status();
    assert!(report.degraded.iter().any(|mark| mark == "HTTP_PORT"), "{:?}", report.degraded);
    assert!(out(&sidecar.tripline(&["status"])).contains("HTTP_PORT"));
    assert_eq!(report.books[0].equity.split('.').next(), Some(CAPITAL.to_string().as_str()));
}

#[test]
fn version_names_program_and_abi() {
    let text = out(&run(&["version"], &[]));
    assert!(text.starts_with(concat!("tripline ", env!("CARGO_PKG_VERSION"), " (abi ")), "{text}");
    assert_eq!(json(&run(&["version", "--json"], &[]))["schema"], "tripline.version/1");
}
