//! Currencies, equity, marks, clocks and guards: what is typed is what the engine gets.

use super::*;

#[test]
fn currencies_are_numbered_in_the_order_the_file_names_them() {
    let spot = "[[instrument]]\nname = \"BTC\"\nkind = \"spot\"\nprice_decimals = 1\nqty_decimals = 3\n\
                settlement = \"USDT\"\nbase = \"BTC\"\n[[account]]";
    let limits = load(&GOOD.replace("[[account]]", spot)).limits;
    let code = |text| Name::new(text).unwrap();
    assert_eq!(limits.accounts[0].currency, Currency { id: 1, code: code("USDT") });
    assert_eq!(limits.instruments[0].base, Some(Currency { id: 2, code: code("BTC") }));
}

#[test]
fn a_rate_lets_an_instrument_settle_in_another_currency() {
    let foreign = GOOD.replace("settlement = \"USDT\"", "settlement = \"USDC\"");
    for (base, quote) in [("USDC", "USDT"), ("USDT", "USDC")] {
        let rate = format!("[[rate]]\nbase = \"{base}\"\nquote = \"{quote}\"\n");
        let limits = load(&format!("{foreign}{rate}")).limits;
        let read = limits.rates[0];
        let defaults = (read.haircut, read.age, read.band, read.source);
        assert_eq!(defaults, (Bps(50), Nanos::from_secs(60), Some(Bps(300)), None));
        assert_eq!((read.base.code.as_str(), read.quote.code.as_str()), (base, quote));
        let ids = (read.base.id, read.quote.id);
        assert_eq!(ids, if base == "USDT" { (1, 2) } else { (2, 1) });
        let keys = "haircut_bps = 0\nage = \"5s\"\nband_bps = \"none\"\nsource = \"mm1\"\n";
        let read = load(&format!("{foreign}{rate}{keys}")).limits.rates[0];
        let said = (read.haircut, read.age, read.band, read.source);
        assert_eq!(said, (Bps(0), Nanos::from_secs(5), None, Some(0)));
    }
    let chain = "[[rate]]\nbase = \"USDC\"\nquote = \"BTC\"\n[[rate]]\nbase = \"BTC\"\nquote = \"USDT\"\n";
    let problems = parse(&format!("{foreign}{chain}"), "bad.toml").unwrap_err();
    assert_eq!(problems.list()[0].fault.code(), "currency-mismatch", "{problems}");
}

#[test]
fn an_overfill_is_tolerated_by_as_much_as_the_instrument_says() {
    assert_eq!(load(GOOD).limits.instruments[0].overfill, Lots(0));
    let some = GOOD.replace("settlement", "overfill = \"0.002\"\nsettlement");
    assert_eq!(load(&some).limits.instruments[0].overfill, Lots(2));
}

#[test]
fn an_instrument_is_in_hedge_mode_where_it_says_so() {
    for (kind, keys, hedge) in [
        ("linear", "", false),
        ("linear", "hedge = false\n", false),
        ("linear", "hedge = true\n", true),
        ("inverse", "hedge = true\n", true),
        ("spot", "base = \"BTC\"\nhedge = false\n", false),
    ] {
        let text = GOOD.replace("\"linear\"", &format!("\"{kind}\""));
        let text = text.replace("settlement", &format!("{keys}settlement"));
        assert_eq!(load(&text).limits.instruments[0].hedge, hedge, "{kind} {keys}");
    }
}

#[test]
fn a_quanto_has_the_rate_that_its_contract_fixes() {
    let quanto = GOOD.replace("\"linear\"", "\"quanto\"\nfixed_rate = \"0.000001\"");
    let expected = InstrumentKind::Quanto { rate_e9: 1_000 };
    assert_eq!(load(&quanto).limits.instruments[0].kind, expected);
}

#[test]
fn a_book_reckons_its_equity_unless_its_strategy_publishes_it() {
    for (keys, published) in [
        ("", None),
        ("equity_source = \"fills\"", None),
        ("equity_source = \"published\"", Some(Nanos::from_secs(5))),
        ("equity_source = \"published\"\nequity_age = \"30s\"", Some(Nanos::from_secs(30))),
    ] {
        let text = GOOD.replace("capital =", &format!("{keys}\ncapital ="));
        assert_eq!(load(&text).limits.books[0].published, published, "{keys}");
    }
}

#[test]
fn quantities_over_unlike_instruments_are_counted_in_lots() {
    let other = "[[instrument]]\nname = \"X\"\nkind = \"linear\"\nprice_decimals = 1\nqty_decimals = 0\n\
                 settlement = \"USDT\"\n[[strategy]]";
    let mixed = GOOD.replace("[[strategy]]", other);
    let problems = parse(&mixed, "bad.toml").unwrap_err();
    assert!(problems.list().iter().all(|p| p.fault.code() == "ambiguous-quantity"), "{problems}");
    let lots = mixed.replace("\"2\"", "\"2000 lots\"").replace("\"0.25\"", "\"250 lots\"");
    assert_eq!(load(&lots).limits.books[0].max_position, Some(Lots(2000)));
}

#[test]
fn one_mark_confirms_at_once_unless_told_otherwise() {
    let limits = load(&format!("{GOOD}confirm_marks = 1\n")).limits;
    assert_eq!((limits.drawdowns[0].confirm_k, limits.drawdowns[0].confirm_t), (1, Nanos::ZERO));
}

#[test]
fn a_guard_rolls_by_its_own_clock_else_by_that_of_its_account() {
    let more = "[[drawdown]]\nname = \"a\"\nscope = \"book:mm1/main\"\nlimit = \"1%\"\nanchor = \"session\"\n\
                [[drawdown]]\nname = \"b\"\nscope = \"strategy:mm1\"\nlimit = \"1%\"\nlatch = \"session\"\n\
                session = \"00:00 UTC\"\n\
                [[drawdown]]\nname = \"c\"\nscope = \"strategy:mm1\"\nlimit = \"1%\"\nanchor = \"session\"\n\
                session = \"09:00 Asia/Tokyo\"";
    let text = format!("{GOOD}{more}");
    for (account, clocks, count) in
        [("", [0, 0, 0, 1], 2), ("session = \"17:00 America/New_York\"\n", [1, 1, 0, 2], 3)]
    {
        let text = text.replacen("currency = \"USDT\"\n", &format!("currency = \"USDT\"\n{account}"), 1);
        let config = parse(&text, "a.toml").unwrap();
        let read: Vec<u16> = config.limits.drawdowns.iter().map(|guard| guard.clock).collect();
        assert_eq!((&read[..], config.limits.clocks), (&clocks[..], count));
        assert_eq!(config.sidecar.clocks.len(), usize::from(count));
        assert_eq!(config.sidecar.clocks[0], SessionClock::default());
    }
}

#[test]
fn every_kind_of_guard_is_what_was_typed() {
    let more = "[[drawdown]]\nname = \"day\"\nscope = \"account:main\"\nlimit = \"5%\"\nanchor = \"rolling\"\n\
                window = \"24h\"\njump = \"none\"\n\
                [[drawdown]]\nname = \"pledge\"\nscope = \"book:mm1/main\"\nlimit = \"80%\"\nbasis = \"margin\"\n";
    let Config { limits, notes, .. } = load(&format!("{GOOD}{more}"));
    let read: Vec<_> = limits.drawdowns.iter().map(|guard| (guard.basis, guard.anchor, guard.jump)).collect();
    let day = Nanos::from_secs(86_400);
    let expected = [
        (Basis::Equity, Anchor::Trailing, Some(Bps(200))),
        (Basis::Equity, Anchor::Rolling(day), None),
        (Basis::Margin, Anchor::Static, None),
    ];
    assert_eq!(read, expected);
    for key in ["drawdown[day].window", "drawdown[day].jump"] {
        assert!(notes.iter().any(|note| note.key == key), "{key}");
    }
}

#[test]
fn marks_come_from_one_strategy_or_from_a_list_of_them() {
    for (typed, sources) in
        [("mark_source = \"mm1\"", vec![0]), ("mark_source = [\"mm1\"]", vec![0]), ("", vec![])]
    {
        let text = GOOD.replacen("settlement = \"USDT\"", &format!("settlement = \"USDT\"\n{typed}"), 1);
        assert_eq!(load(&text).limits.instruments[0].mark_sources, sources, "{typed}");
    }
}

#[test]
fn opening_cash_is_a_number_or_what_the_venue_tells() {
    let book = &load(GOOD).limits.books[0];
    assert_eq!((book.capital, book.opens_at_venue), (Money(1_000_500_000_000), false));
    let config = load(&GOOD.replace("\"1000.5\"", "\"venue\""));
    let book = &config.limits.books[0];
    assert_eq!((book.capital, book.opens_at_venue), (Money::ZERO, true));
    assert_eq!(config.limits.opens_at_venue(0), Some(0));
    assert!(config.notes.iter().any(|note| note.key == "strategy[mm1].book[main].capital"));
    for (name, keys, with) in [
        ("published", "capital = \"venue\"\nequity_source = \"published\"\n", "equity_source"),
        ("a second book", "capital = \"venue\"\n", "another book"),
    ] {
        let second = format!(
            "[[strategy]]\nname = \"two\"\nuid = 1\n[[strategy.book]]\naccount = \"main\"\n{keys}\
             max_position = \"1\"\nmax_order_qty = \"1\"\nmax_order_notional = \"1\"\n"
        );
        let first =
            if name == "published" { GOOD.to_owned() } else { GOOD.replace("\"1000.5\"", "\"venue\"") };
        let problems = parse(&format!("{first}{second}"), "bad.toml").unwrap_err();
        let problem = &problems.list()[0];
        assert_eq!(
            (problem.key.as_str(), problem.fault.code()),
            ("strategy[two].book[main].capital", "conflict")
        );
        assert!(problem.to_string().contains(with), "{name}: {problem}");
    }
}

#[test]
fn an_account_is_armed_at_the_start_or_when_snapshots_have_matched() {
    for (word, reconciled) in [("at_start", false), ("reconciled", true)] {
        let text = GOOD.replace("currency =", &format!("arming = \"{word}\"\ncurrency ="));
        assert_eq!(load(&text).limits.accounts[0].arms_reconciled, reconciled);
    }
    assert!(!load(GOOD).limits.accounts[0].arms_reconciled);
    let problems = parse(&GOOD.replace("currency =", "arming = \"reconcile\"\ncurrency ="), "bad.toml");
    let problem = &problems.unwrap_err().list()[0].to_string();
    assert!(problem.contains("did you mean `reconciled`?"), "{problem}");
}

#[test]
fn what_opens_needs_the_share_of_margin_that_is_typed_and_spot_all_of_it() {
    for (keys, bps) in [("", 10_000), ("initial_margin_bps = 0", 0), ("initial_margin_bps = 500", 500)] {
        let text = GOOD.replace("settlement =", &format!("{keys}\nsettlement ="));
        assert_eq!(load(&text).limits.instruments[0].initial_margin, Bps(bps), "{keys}");
    }
    let spot = GOOD.replace("kind = \"linear\"", "kind = \"spot\"\nbase = \"BTC\"\ninitial_margin_bps = 500");
    let problems = parse(&spot, "bad.toml").unwrap_err();
    assert_eq!(problems.list()[0].fault.code(), "conflict", "{problems}");
}

#[test]
fn executions_nobody_announced_are_booked_or_halt() {
    let config = load(GOOD);
    assert!(!config.limits.books[0].halts_unknown_fills);
    assert!(config.notes.iter().any(|note| note.key == "strategy[mm1].book[main].unknown_fills"));
    for (word, halts) in [("book", false), ("halt", true)] {
        let text = GOOD.replace("capital =", &format!("unknown_fills = \"{word}\"\ncapital ="));
        assert_eq!(load(&text).limits.books[0].halts_unknown_fills, halts);
    }
    let problems = parse(&GOOD.replace("capital =", "unknown_fills = \"deny\"\ncapital ="), "bad.toml");
    assert_eq!(problems.unwrap_err().list()[0].fault.code(), "unknown-word");
}

#[test]
fn an_instrument_may_ask_for_heartbeats_of_what_stands_behind_it() {
    let of = |keys: &str| load(&GOOD.replace("settlement =", &format!("{keys}\nsettlement =")));
    for (keys, expected) in [
        ("", None),
        ("application_heartbeat = \"off\"", None),
        ("application_heartbeat = \"5s\"", Some(Nanos::from_secs(5))),
    ] {
        let config = of(keys);
        assert_eq!(config.limits.instruments[0].application_heartbeat, expected, "{keys}");
        let noted = config.notes.iter().any(|note| note.key == "instrument[BTC-PERP].application_heartbeat");
        assert_eq!(noted, expected.is_none(), "{keys}");
    }
    let text = GOOD.replace("settlement =", "application_heartbeat = \"9ms\"\nsettlement =");
    let problems = parse(&text, "bad.toml").unwrap_err();
    assert_eq!(problems.list()[0].fault.code(), "out-of-range", "{problems}");
}
