#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::parse;
use super::super::tests::{GOOD, load};
use crate::engine::limits::{DriftLimits, ScopeLimits};
use crate::model::{Bps, Money, Name, Nanos};

const CAPS: &str = "max_gross = \"100.5\"\nmax_net = 50\nmax_orders_per_day = 7\nmax_cancels_per_day = 8\nmax_executions = 9";

fn caps(no_self_cross: bool) -> ScopeLimits {
    ScopeLimits {
        gross: Some(Money(100_500_000_000)),
        net: Some(Money(50_000_000_000)),
        orders_per_day: Some(7),
        cancels_per_day: Some(8),
        max_executions: Some(9),
        no_self_cross,
        clock: 0,
    }
}

/// The good configuration with a text behind the line that starts so.
fn behind(line: &str, text: &str) -> String {
    let at = GOOD.find(&format!("\n{line}")).unwrap() + 1;
    let end = at + GOOD[at..].find('\n').unwrap() + 1;
    format!("{}{text}\n{}", &GOOD[..end], &GOOD[end..])
}

#[test]
fn each_scope_has_the_limits_that_were_typed_there_and_no_other() {
    let nothing = ScopeLimits::default();
    let denies = format!("{CAPS}\nself_cross = \"deny\"");
    let firm = format!("{GOOD}[firm]\n{CAPS}\n");
    for (name, text, expected) in [
        ("firm", firm, [caps(false), nothing, nothing, nothing]),
        ("account", behind("currency", &denies), [nothing, caps(true), nothing, nothing]),
        ("strategy", behind("uid", &denies), [nothing, nothing, caps(true), nothing]),
        ("book", behind("capital", CAPS), [nothing, nothing, nothing, caps(false)]),
        ("nowhere", GOOD.to_owned(), [nothing; 4]),
    ] {
        let config = load(&text);
        let limits = &config.limits;
        let read = [limits.firm, limits.accounts[0].caps, limits.strategies[0].caps, limits.books[0].caps];
        assert_eq!(read, expected, "{name}");
        let notes = config.notes.iter().filter(|note| note.key.starts_with("firm")).count();
        let own_orders = usize::from(!expected.iter().any(|caps| caps.no_self_cross));
        let none = if name == "nowhere" { 5 } else { 0 };
        assert_eq!(notes, none + own_orders, "{name}: {:?}", config.notes);
    }
}

#[test]
fn what_a_scope_may_not_say_is_told_with_its_line() {
    for (name, text, line, key, word) in [
        (
            "no exposure at all",
            behind("capital", "max_gross = 0"),
            21,
            "strategy[mm1].book[main].max_gross",
            "0.000000001 to",
        ),
        ("a float", behind("currency", "max_net = 0.5"), 9, "account[main].max_net", "quotes"),
        (
            "no order at all",
            behind("uid", "max_orders_per_day = 0"),
            18,
            "strategy[mm1].max_orders_per_day",
            "1 to",
        ),
        (
            "no cancel at all",
            behind("uid", "max_cancels_per_day = 0"),
            18,
            "strategy[mm1].max_cancels_per_day",
            "1 to",
        ),
        (
            "no execution at all",
            behind("uid", "max_executions = 0"),
            18,
            "strategy[mm1].max_executions",
            "1 to",
        ),
        (
            "a misspelt word",
            behind("uid", "self_cross = \"denny\""),
            18,
            "strategy[mm1].self_cross",
            "did you mean `deny`?",
        ),
        (
            "of a book",
            behind("capital", "self_cross = \"deny\""),
            21,
            "strategy[mm1].book[main].self_cross",
            "unknown",
        ),
        ("of the firm", format!("{GOOD}[firm]\nself_cross = \"deny\"\n"), 29, "firm.self_cross", "unknown"),
        (
            "drift of nothing",
            behind("settlement", "collar_accumulated_bps = 0"),
            15,
            "instrument[BTC-PERP].collar_accumulated_bps",
            "1 to 10000",
        ),
        (
            "drift in no time",
            behind("settlement", "collar_window = \"1ms\""),
            15,
            "instrument[BTC-PERP].collar_window",
            "1s to",
        ),
        (
            "restricted by a word",
            behind("settlement", "restricted = \"yes\""),
            15,
            "instrument[BTC-PERP].restricted",
            "true or false",
        ),
        (
            "an underlying that is a number",
            behind("settlement", "underlying = 5"),
            15,
            "instrument[BTC-PERP].underlying",
            "string",
        ),
        (
            "no underlying",
            behind("settlement", "underlying = \"\""),
            15,
            "instrument[BTC-PERP].underlying",
            "at least one",
        ),
    ] {
        let problems = parse(&text, "bad.toml").expect_err(name);
        let found = problems.list().iter().find(|problem| problem.key == key);
        let found = found.unwrap_or_else(|| panic!("{name}\n{problems}"));
        assert_eq!((problems.list().len(), found.line), (1, line), "{name}\n{problems}");
        assert!(found.to_string().contains(word), "{name}\n{problems}");
    }
}

#[test]
fn exposure_is_limited_in_one_currency() {
    let other = "[[account]]\nname = \"coins\"\nvenue = \"binance\"\ncurrency = \"BTC\"\n";
    for section in ["[firm]\n", ""] {
        let own = if section.is_empty() { behind("uid", "max_gross = 1") } else { GOOD.to_owned() };
        let second = "[[strategy.book]]\naccount = \"coins\"\ncapital = 1\nmax_position = 1\nmax_order_qty = 1\n\
                      max_order_notional = 1\n";
        let own = own.replace("[[drawdown]]", &format!("{second}[[drawdown]]"));
        let firm = if section.is_empty() { "" } else { "[firm]\nmax_gross = 1\n" };
        let problems = parse(&format!("{own}{other}{firm}"), "bad.toml").unwrap_err();
        let key = if section.is_empty() { "strategy[mm1].max_gross" } else { "firm.max_gross" };
        let found = problems.list().iter().find(|problem| problem.key == key);
        let found = found.unwrap_or_else(|| panic!("{key}\n{problems}"));
        assert!(found.to_string().contains("several currencies"), "{problems}");
    }
}

#[test]
fn an_instrument_without_a_collar_has_none_over_time_unless_it_says_so() {
    let drift = |bps, seconds| Some(DriftLimits { limit: Bps(bps), window: Nanos::from_secs(seconds) });
    for (keys, expected) in [
        ("", drift(1_000, 60)),
        ("collar_bps = \"none\"", None),
        ("collar_accumulated_bps = \"none\"", None),
        ("collar_bps = \"none\"\ncollar_accumulated_bps = 200", drift(200, 60)),
        ("collar_window = \"5m\"", drift(1_000, 300)),
    ] {
        let instrument = load(&behind("settlement", keys)).limits.instruments[0].clone();
        assert_eq!(instrument.collar_accumulated, expected, "{keys}");
    }
}

#[test]
fn counts_of_a_day_begin_with_the_sessions_of_their_account() {
    let text = behind("currency", "session = \"17:00 America/New_York\"");
    let limits = load(&text).limits;
    let clocks =
        [limits.accounts[0].caps, limits.strategies[0].caps, limits.books[0].caps].map(|caps| caps.clock);
    assert_eq!((clocks, limits.firm.clock), ([1; 3], 0));
}

#[test]
fn instruments_of_one_underlying_say_so() {
    let of = |text: &str| load(text).limits.instruments[0].underlying;
    assert_eq!(of(GOOD), None);
    assert_eq!(of(&behind("settlement", "underlying = \"BTC\"")), Name::new("BTC").ok());
}

#[test]
fn a_restricted_instrument_is_noted() {
    let config = load(&behind("settlement", "restricted = true"));
    assert!(config.limits.instruments[0].restricted);
    assert!(config.notes.iter().any(|note| note.key.ends_with(".restricted")), "{:?}", config.notes);
}
