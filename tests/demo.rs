//! `tripline demo` against answers computed here, from the prices alone.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::seed::Seed;
use support::sidecar::{Place, run};

/// The records a run printed: its trips, then the summary.
fn records(output: &Output) -> (Vec<Value>, Value) {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let mut records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let summary = records.pop().expect("a summary");
    assert_eq!((&summary["schema"], &summary["record"]), (&"tripline.demo/1".into(), &"summary".into()));
    assert!(records.iter().all(|trip| trip["record"] == "trip"), "{text}");
    (records, summary)
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
    let (trips, summary) = records(&run(&["demo", "--json", "--csv", csv.to_str().expect("text")], &[]));
    assert_eq!(trips, Vec::<Value>::new());
    assert_eq!((&summary["gate"], &summary["send_refused"]), (&"ACTIVE".into(), &Value::Null));
}

#[test]
fn without_arguments_it_shows_the_refused_order() {
    let output = run(&["demo"], &[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("SYNTHETIC") && text.contains("TRIP kill at "), "{text}");
    assert!(text.contains("gate      HALTED; the next order was refused"), "{text}");
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
