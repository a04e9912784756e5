use super::*;

fn canary() -> Trip {
    Trip {
        guard: "canary".to_owned(),
        at_utc_ns: 1_641_226_620_000_000_000,
        mark: Decimal { units: 46_512_000, decimals: 3 },
        peak: Money(47_988 * Money::SCALE),
        equity: Money(46_512 * Money::SCALE),
        limit: Bps(300),
        event_to_halt_ns: Some(1_234),
    }
}

fn summary() -> Summary {
    Summary {
        source: "a \"b\".csv".to_owned(),
        synthetic: false,
        points: 45_031,
        first_utc_ns: 1_640_991_660_000_000_000,
        last_utc_ns: 1_643_693_460_000_000_000,
        equity: Money(38_500_500_000_001),
        peak: Money(47_988 * Money::SCALE),
        max_drawdown_bps: Some(3_110),
        tripped: vec!["canary".to_owned(), "kill".to_owned()],
        gate: TradingState::Halted,
        send_refused: Some(true),
        event_to_halt_ns: vec![900, 412],
        position: Decimal { units: -5, decimals: 1 },
    }
}

#[test]
fn a_trip_is_the_published_record() {
    assert_eq!(
        canary().to_json().unwrap(),
        r#"{"schema":"tripline.demo/1","record":"trip","guard":"canary","data_time":"2022-01-03T16:17:00Z","mark":46512,"peak":47988,"equity":46512,"drawdown_bps":308,"limit_bps":300,"event_to_halt_ns":1234}"#
    );
}

#[test]
fn a_summary_is_the_published_record() {
    assert_eq!(
        summary().to_json().unwrap(),
        concat!(
            r#"{"schema":"tripline.demo/1","record":"summary","source":"a \"b\".csv","synthetic":false,"points":45031,"#,
            r#""first_data_time":"2021-12-31T23:01:00Z","last_data_time":"2022-02-01T05:31:00Z","#,
            r#""equity":38500.500000001,"peak":47988,"max_drawdown_bps":3110,"trips":2,"guards":["canary","kill"],"#,
            r#""gate":"HALTED","send_refused":true,"event_to_halt_p50_ns":412,"event_to_halt_p99_ns":900,"position":-0.5}"#
        )
    );
}

#[test]
fn amounts_keep_digits_that_a_float_would_lose() {
    let mut trip = canary();
    trip.equity = Money(9_007_199_254_740_993_000_000_001);
    trip.mark = Decimal { units: 123_456_789_012_345_678, decimals: 9 };
    let json = trip.to_json().unwrap();
    assert!(json.contains("\"equity\":9007199254740993.000000001,"), "{json}");
    assert!(json.contains("\"mark\":123456789.012345678,"), "{json}");
}

#[test]
fn a_trip_reads_as_a_sentence() {
    assert_eq!(
        canary().line(),
        "TRIP canary at 2022-01-03T16:17:00Z: drawdown 3.08 % >= 3.00 %, mark 46512, equity 46512, peak 47988, event to halt 1.23 us"
    );
}

#[test]
fn a_summary_says_what_happened() {
    assert_eq!(
        summary().lines(),
        [
            "what happened",
            "  prices    a \"b\".csv, 45031 points",
            "  from, to  2021-12-31T23:01:00Z, 2022-02-01T05:31:00Z",
            "  trips     2: canary, kill",
            "  gate      HALTED; the next order was refused",
            "  equity    38500.500000001, peak 47988, deepest drawdown 31.10 %",
            "  position  -0.5, left alone",
            "  latency   event to halt p50 412 ns, p99 900 ns, 2 halts",
        ]
    );
    let quiet = Summary {
        synthetic: true,
        tripped: Vec::new(),
        gate: TradingState::Active,
        send_refused: None,
        event_to_halt_ns: vec![5],
        ..summary()
    };
    let lines = quiet.lines().join("\n");
    for part in ["SYNTHETIC a", "trips     none", "gate      ACTIVE; no order was tried"] {
        assert!(lines.contains(part), "{lines}");
    }
    assert!(!lines.contains("latency"), "{lines}");
    let failed = Summary { send_refused: Some(false), ..summary() };
    assert!(failed.lines().join("\n").contains("the next order was NOT refused"));
}

#[test]
fn drawdown_is_rounded_up_and_exact_at_the_limit() {
    let peak = Money(10_000);
    for (equity, bps) in
        [(10_000, 0), (10_001, 0), (9_999, 1), (9_700, 300), (9_699, 301), (0, 10_000), (-1, 10_001)]
    {
        assert_eq!(drawdown_bps(peak, Money(equity)), Some(bps), "{equity}");
    }
    assert_eq!(drawdown_bps(Money(30_000), Money(29_999)), Some(1));
    for (peak, equity) in [(0, -5), (-1, -5), (i128::MAX, i128::MIN), (i128::MAX, 0)] {
        assert_eq!(drawdown_bps(Money(peak), Money(equity)), None, "{peak} {equity}");
    }
}

#[test]
fn decimals_print_as_a_person_writes_them() {
    for (units, decimals, text) in [
        (0, 0, "0"),
        (0, 9, "0"),
        (46_512_000, 3, "46512"),
        (-5, 1, "-0.5"),
        (1, 9, "0.000000001"),
        (120, 0, "120"),
    ] {
        assert_eq!(Decimal { units, decimals }.to_string(), text);
    }
}

#[test]
fn latencies_pick_a_readable_unit() {
    for (nanos, text) in
        [(0, "0 ns"), (999, "999 ns"), (1_000, "1.00 us"), (999_999, "999.99 us"), (1_000_000, "1.00 ms")]
    {
        assert_eq!(latency(Some(nanos)), text);
    }
    assert_eq!(latency(None), "-");
}

#[test]
fn percentiles_are_nearest_ranks() {
    let hundred: Vec<u64> = (1..=100).collect();
    assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50, 99));
    assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (7, 7));
    assert_eq!((percentile(&[1, 2, 3], 50), percentile(&[1, 2, 3], 99)), (2, 3));
}
