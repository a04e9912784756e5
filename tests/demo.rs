//! `tripline demo` against answers computed here, from the prices alone.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::seed::Seed;
use support::sidecar::{Place, run};

/// What a run printed, in the order it was printed.
struct Records {
    queue: Value,
    breaker: Value,
    trips: Vec<Value>,
    after_kill: Value,
    summary: Value,
}

fn all_records(output: &Output) -> Records {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let mut records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(records.iter().all(|record| record["schema"] == "tripline.demo/1"), "{text}");
    let named = |record: Value, name: &str| {
        assert_eq!(record["record"], name, "{text}");
        record
    };
    let summary = named(records.pop().expect("a summary"), "summary");
    let after_kill = named(records.pop().expect("what passes after the kill"), "after_kill");
    let trips = records.split_off(2).into_iter().map(|trip| named(trip, "trip")).collect();
    let breaker = named(records.pop().expect("the breaker"), "breaker");
    let queue = named(records.pop().expect("the queue"), "queue");
    Records { queue, breaker, trips, after_kill, summary }
}

/// The trips a run printed, and the summary.
fn records(output: &Output) -> (Vec<Value>, Value) {
    let Records { trips, summary, .. } = all_records(output);
    (trips, summary)
}

/// Guard, data time, mark, peak and equity of each trip.
fn told(trips: &[Value]) -> Vec<(String, String, i64, i64, i64)> {
    let number = |trip: &Value, key: &str| trip[key].as_i64().unwrap_or_else(|| panic!("{key} of {trip}"));
    let text =
        |trip: &Value, key: &str| trip[key].as_str().unwrap_or_else(|| panic!("{key} of {trip}")).to_owned();
    trips
        .iter()
        .map(|trip| {
            (
                text(trip, "guard"),
                text(trip, "data_time"),
                number(trip, "mark"),
                number(trip, "peak"),
                number(trip, "equity"),
            )
        })
        .collect()
}

/// The bars of January 2022, which are not part of the project.
fn bars() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/btc-perp-1m-2022-01.csv.gz");
    // A working copy elsewhere may name the file.
    let path = std::env::var_os("TRIPLINE_TEST_BARS").map_or(path, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    let shown = path.display();
    support::not_run(&format!("the demo on real bars: {shown} is missing; name it with TRIPLINE_TEST_BARS"));
    None
}

#[test]
fn the_known_answers_of_real_bars_are_found() {
    let Some(csv) = bars() else { return };
    let csv = csv.to_str().expect("text");
    let known = [
        ("g3", "3", "2022-01-03T16:17:00Z", 46_512),
        ("g5", "5", "2022-01-04T18:53:00Z", 45_542),
        ("g10", "10", "2022-01-05T22:28:00Z", 43_169),
        ("g15", "15", "2022-01-08T18:05:00Z", 40_752),
        ("g20", "20", "2022-01-21T03:36:00Z", 38_327),
        ("g30", "30", "2022-01-24T10:23:00Z", 33_590),
    ];
    let limits: Vec<String> = known.iter().map(|(name, percent, ..)| format!("{name}={percent}")).collect();
    let mut args = vec!["demo", "--csv", csv, "--qty", "1", "--equity", "46377", "--json"];
    args.extend(limits.iter().flat_map(|limit| ["--limit", limit.as_str()]));
    let (trips, summary) = records(&run(&args, &[]));
    let expected: Vec<_> = known
        .iter()
        .map(|&(name, _, time, close)| (name.to_owned(), time.to_owned(), close, 47_988, close))
        .collect();
    assert_eq!(told(&trips), expected);
    assert_eq!((&summary["points"], &summary["max_drawdown_bps"]), (&45_031.into(), &3_111.into()));
    assert_eq!((&summary["gate"], &summary["send_refused"]), (&"HALTED".into(), &true.into()));
}

/// Bars of one minute with these closes.
fn csv_of(closes: &[i64]) -> String {
    let mut text = String::from("timestamp,open,high,low,close,volume\n");
    for (minute, close) in closes.iter().enumerate() {
        let (hour, minute) = (minute / 60, minute % 60);
        text.push_str(&format!("2024-03-01 {hour:02}:{minute:02}:00,{close},{close},{close},{close},1\n"));
    }
    text
}

/// When each limit (name, percent) trips, in the order of the bars; the position is opened at the first close.
fn expected(
    closes: &[i64],
    qty: i64,
    opening: i64,
    limits: &[(&str, i64)],
) -> Vec<(String, String, i64, i64, i64)> {
    let mut peak = opening;
    let mut open: Vec<_> = limits.to_vec();
    let mut trips = Vec::new();
    for (minute, &close) in closes.iter().enumerate() {
        let equity = opening + qty * (close - closes[0]);
        peak = peak.max(equity);
        let time = format!("2024-03-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
        open.retain(|&(name, percent)| {
            let trips_now = 100 * (peak - equity) >= percent * peak;
            if trips_now {
                trips.push((name.to_owned(), time.clone(), close, peak, equity));
            }
            !trips_now
        });
    }
    trips
}

#[test]
fn a_short_position_trips_on_a_rise_where_the_prices_say_so() {
    let place = Place::new();
    // Falls to 900, which makes a short's peak, then rises for good.
    let closes: Vec<i64> =
        (0..=10).map(|step| 1_000 - 10 * step).chain((0..=60).map(|step| 900 + 5 * step)).collect();
    let csv = place.file("short.csv", &csv_of(&closes));
    let args =
        ["demo", "--qty", "-2", "--equity", "2000", "--limit", "canary=3", "--limit", "kill=15", "--json"];
    let output = run(&[args.as_slice(), &["--csv", csv.to_str().expect("text")]].concat(), &[]);
    let (trips, summary) = records(&output);
    let wanted = expected(&closes, -2, 2_000, &[("canary", 3), ("kill", 15)]);
    assert_eq!(wanted.len(), 2);
    assert_eq!(told(&trips), wanted);
    assert_eq!((&summary["gate"], &summary["position"]), (&"HALTED".into(), &(-2).into()));
    assert_eq!(summary["send_refused"], true);
}

#[test]
fn random_walks_trip_where_the_prices_say_so() {
    let mut seed = Seed::new("demo random_walks");
    let place = Place::new();
    for number in 0..support::tries(4) {
        let mut close = 10_000;
        let closes: Vec<i64> = (0..600)
            .map(|_| {
                close = (close + seed.below(161).cast_signed() - 80).clamp(5_000, 20_000);
                close
            })
            .collect();
        let qty: i64 = [1, -1, 2, -2][number as usize % 4];
        let opening = qty.abs() * closes[0];
        let limits = [("a", 1), ("b", 4), ("c", 9)];
        let csv = place.file("walk.csv", &csv_of(&closes));
        let (qty_text, equity) = (qty.to_string(), opening.to_string());
        let mut args = vec![
            "demo",
            "--json",
            "--csv",
            csv.to_str().expect("text"),
            "--qty",
            &qty_text,
            "--equity",
            &equity,
        ];
        let named: Vec<String> = limits.iter().map(|(name, percent)| format!("{name}={percent}")).collect();
        args.extend(named.iter().flat_map(|limit| ["--limit", limit.as_str()]));
        let (trips, summary) = records(&run(&args, &[]));
        let (mut found, mut wanted) = (told(&trips), expected(&closes, qty, opening, &limits));
        // Guards that trip at one bar have no order among themselves.
        let by_time = |a: &(String, String, i64, i64, i64), b: &(String, String, i64, i64, i64)| {
            (&a.1, &a.0).cmp(&(&b.1, &b.0))
        };
        found.sort_by(by_time);
        wanted.sort_by(by_time);
        assert_eq!(found, wanted, "walk {number}");
        assert_eq!(summary["gate"] == "HALTED", !wanted.is_empty(), "walk {number}");
    }
}

#[test]
fn a_path_that_never_falls_trips_nothing_and_sends() {
    let place = Place::new();
    let closes: Vec<i64> = (1_000..1_100).collect();
    let csv = place.file("rise.csv", &csv_of(&closes));
    let told = all_records(&run(&["demo", "--json", "--csv", csv.to_str().expect("text")], &[]));
    assert_eq!(told.trips, Vec::<Value>::new());
    assert_eq!((&told.summary["gate"], &told.summary["send_refused"]), (&"ACTIVE".into(), &Value::Null));
    let after = &told.after_kill;
    assert_eq!((&after["shown"], &after["gate"]), (&false.into(), &"ACTIVE".into()));
    assert_eq!(after["steps"], Value::Array(Vec::new()));
    let output = run(&["demo", "--csv", csv.to_str().expect("text")], &[]);
    let text = String::from_utf8(output.stdout).expect("text");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("after the kill: not shown"), "{text}{complaint}");
}

/// Action, order, verdict and time of each answer, in the order they came.
fn answers(queue: &Value) -> Vec<(&str, u64, &str, u64)> {
    let answers = queue["answers"].as_array().expect("answers");
    answers
        .iter()
        .map(|one| {
            let word = |key: &str| one[key].as_str().unwrap_or_else(|| panic!("{key} of {one}"));
            let number = |key: &str| one[key].as_u64().unwrap_or_else(|| panic!("{key} of {one}"));
            (word("action"), number("order"), word("verdict"), number("at_ns"))
        })
        .collect()
}

#[test]
fn a_burst_beyond_the_rate_waits_and_each_request_has_exactly_one_final_verdict() {
    let told = all_records(&run(&["demo", "--json"], &[]));
    let queue = &told.queue;
    let number = |key: &str| queue[key].as_u64().unwrap_or_else(|| panic!("{key} of {queue}"));
    let answers = answers(queue);
    let is_final = |verdict: &str| verdict != "QUEUED";
    let asked = (1..=40).map(|order| ("NEW", order)).chain((1..=6).map(|order| ("CANCEL", order)));
    for (action, order) in asked {
        let own: Vec<&str> =
            answers.iter().filter(|one| (one.0, one.1) == (action, order)).map(|one| one.2).collect();
        assert!(matches!(own.as_slice(), ["PASS"] | ["QUEUED", "RELEASED"]), "{action} {order}: {own:?}");
    }
    let count = |verdict: &str| answers.iter().filter(|one| one.2 == verdict).count() as u64;
    assert_eq!((number("orders"), number("cancels")), (40, 6));
    assert_eq!(number("at_once") + number("released"), 46);
    assert_eq!((number("at_once"), number("released")), (count("PASS"), count("RELEASED")));
    assert_eq!(number("queued"), count("QUEUED"));
    // New orders leave a fifth of the bucket to cancels, and cancels a twentieth to exits.
    assert!(number("at_once") >= 19, "{queue}");
    assert!(number("queued") > 0, "{queue}");

    let first_order = answers.iter().position(|one| (one.0, one.2) == ("NEW", "RELEASED")).expect("one");
    let last_cancel = answers.iter().rposition(|one| one.0 == "CANCEL").expect("one");
    assert!(last_cancel < first_order, "{queue}");

    let (limit, window) = (number("limit"), number("window_ns"));
    let times: Vec<u64> = answers.iter().filter(|one| is_final(one.2)).map(|one| one.3).collect();
    let within = |&start: &u64| times.iter().filter(|&&at| at >= start && at - start < window).count() as u64;
    let most = times.iter().map(within).max().expect("times");
    assert_eq!(number("most_in_window"), most);
    assert!((1..=limit).contains(&most), "{queue}");
    // Who comes when the bucket is used up waits until the first of the burst have left the venue's window.
    assert!(number("longest_wait_ns") >= window, "{queue}");
}

#[test]
fn rejects_in_a_row_open_the_breaker_at_the_tenth_and_cancels_still_pass() {
    let Records { breaker, .. } = all_records(&run(&["demo", "--json"], &[]));
    assert_eq!((&breaker["rejects"], &breaker["reason"]), (&10.into(), &"CONSECUTIVE".into()));
    assert_eq!((&breaker["state"], &breaker["gate"]), (&"REDUCE_ONLY".into(), &"REDUCE_ONLY".into()));
    let next = &breaker["next_order"];
    assert_eq!((&next["action"], &next["verdict"]), (&"NEW".into(), &"DENY".into()));
    assert_eq!((&next["reason"], &next["code"]), (&"REDUCE_ONLY_SIZE".into(), &306.into()));
    let cancel = &breaker["cancel"];
    assert_eq!((&cancel["action"], &cancel["verdict"]), (&"CANCEL".into(), &"PASS".into()));
    assert_eq!(cancel["reason"], Value::Null);
    let left = breaker["left"].as_str().expect("the cool-down");
    assert!(left.starts_with("14m") || left.starts_with("15m"), "{breaker}");
}

#[test]
fn after_the_kill_only_cancels_and_exits_of_what_is_held_pass() {
    let place = Place::new();
    let closes: Vec<i64> = (0..=60).map(|step| 900 + 5 * step).collect();
    let csv = place.file("short.csv", &csv_of(&closes));
    let args = ["demo", "--json", "--qty", "-3", "--csv", csv.to_str().expect("text")];
    let Records { after_kill, trips, .. } = all_records(&run(&args, &[]));
    assert_eq!(trips.len(), 2);
    assert_eq!((&after_kill["shown"], &after_kill["gate"]), (&true.into(), &"HALTED".into()));
    let steps = after_kill["steps"].as_array().expect("steps");
    let told: Vec<_> = steps
        .iter()
        .map(|step| {
            let word = |key: &str| step[key].as_str().unwrap_or("-").to_owned();
            let number = |key: &str| step[key].as_i64().unwrap_or_else(|| panic!("{key} of {step}"));
            (word("step"), number("qty_units"), word("verdict"), word("reason"), number("extra"))
        })
        .collect();
    let expected = [
        ("new_order", 1, "DENY", "DRAWDOWN", 0),
        ("cancel", 0, "PASS", "-", 0),
        ("exit_one_more", 4, "DENY", "EXIT_SIZE", 3),
        ("exit", 3, "PASS_EXIT", "-", 0),
        ("second_exit", 1, "DENY", "EXIT_SIZE", 0),
        ("cancel_exit", 0, "PASS", "-", 0),
    ]
    .map(|(step, qty, verdict, reason, extra)| {
        (step.to_owned(), qty, verdict.to_owned(), reason.to_owned(), extra)
    });
    assert_eq!(told, expected);
}

#[test]
fn without_arguments_it_shows_the_refused_order() {
    let output = run(&["demo"], &[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("SYNTHETIC") && text.contains("TRIP kill at "), "{text}");
    assert!(text.contains("gate      HALTED; the next order was refused"), "{text}");
    for shown in [
        "46 requests, exactly one final verdict each",
        "opened after 10 rejects, CONSECUTIVE",
        "an exit of exactly the position        PASS_EXIT, 0 units left to exit",
    ] {
        assert!(text.contains(shown), "{shown} is missing: {text}");
    }
}

#[test]
fn a_file_that_is_no_price_path_is_named_with_its_line() {
    let place = Place::new();
    let mut bad = csv_of(&[100, 101, 102]);
    bad.push_str("2024-03-01 00:03:00,1,1,1,abc,1\n");
    for (file, word) in [
        (place.file("bad.csv", &bad), "line 5"),
        (place.file("empty.csv", ""), "holds no prices"),
        (place.path().join("absent.csv"), "cannot be opened"),
    ] {
        let output = run(&["demo", "--json", "--csv", file.to_str().expect("text")], &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains(word) && said.contains(file.to_str().expect("text")), "{said}");
    }
}
