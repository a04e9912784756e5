//! Every way a configuration can be wrong, and that a right one says what was typed.

use super::{Config, CpuChoice, parse};
use crate::engine::limits::{Anchor, Currency};
use crate::model::{Bps, Latch, Lots, Mode, Money, Name, Nanos, Scope, Ticks};

/// The smallest configuration that loads. Bad ones are made from it, so that each has one thing wrong.
const GOOD: &str = r#"schema = 1
[instance]
name = "desk-1"
mode = "live"
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
uid = 1001
[[strategy.book]]
account = "main"
capital = "1000.5"
max_position = "2"
max_order_qty = "0.25"
max_order_notional = "unlimited"
[[drawdown]]
name = "drawdown.kill"
scope = "account:main"
limit = "15%"
"#;

/// What a bad configuration changes in the good one.
enum Edit {
    /// Replaces the first occurrence.
    Swap(&'static str, &'static str),
    /// Removes the first line that starts so.
    Cut(&'static str),
    /// Appends lines.
    Add(&'static str),
    /// Puts a line below the line that starts so.
    After(&'static str, &'static str),
}
use Edit::{Add, After, Cut, Swap};

fn edited(edit: &Edit) -> String {
    let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
    let at = |lines: &[String], start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    match edit {
        Swap(from, to) => {
            assert!(GOOD.contains(from), "{from}");
            return GOOD.replacen(from, to, 1);
        }
        Cut(start) => {
            let index = at(&lines, start);
            lines.remove(index);
        }
        Add(more) => lines.push((*more).to_owned()),
        After(start, line) => {
            let index = at(&lines, start) + 1;
            lines.insert(index, (*line).to_owned());
        }
    }
    lines.join("\n")
}

const ONE_MORE_GUARD: &str =
    "[[drawdown]]\nname = \"drawdown.kill\"\nscope = \"account:main\"\nlimit = \"3%\"";

/// Name of the row; the edit; then line, key and code of the problem, and a word its message contains.
type Row = (&'static str, Edit, usize, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const BAD: &[Row] = &[
    ("not TOML", Swap("uid = 1001", "uid = = 1"), 17, "", "syntax", "not valid TOML"),
    ("key given twice", After("uid", "uid = 7"), 18, "", "syntax", "duplicate"),
    ("schema absent", Cut("schema"), 1, "schema", "missing", "schema = 1"),
    ("schema from the future", Swap("schema = 1", "schema = 2"), 1, "schema", "out-of-range", "1 to 1"),
    ("misspelt key", Swap("mode =", "mdoe ="), 4, "instance.mdoe", "unknown-key", "`mode`"),
    ("misspelt table", Add("[htpp]\nlisten = \"none\""), 28, "htpp", "unknown-key", "`http`"),
    ("mode absent", Cut("mode"), 2, "instance.mode", "missing", "paper"),
    ("unknown mode", Swap("\"live\"", "\"live!\""), 4, "instance.mode", "unknown-word", "did you mean `live`?"),
    ("name with a space", Swap("\"desk-1\"", "\"desk 1\""), 3, "instance.name", "bad-name", "0x20"),
    ("relative runtime directory", After("mode", "runtime_dir = \"run\""), 5, "instance.runtime_dir", "out-of-range", "absolute"),
    ("unknown group", After("mode", "group = \"no-such-group\""), 5, "instance.group", "unknown-user", "group"),
    ("unknown user", Swap("1001", "\"no-such-user\""), 17, "strategy[mm1].uid", "unknown-user", "number"),
    ("negative uid", Swap("1001", "-1"), 17, "strategy[mm1].uid", "out-of-range", "0 to"),
    ("wrong type", Swap("venue = \"binance\"", "venue = 7"), 7, "account[main].venue", "wrong-type", "an integer"),
    ("table where an array belongs", Add("[capacity]\nlanes = [1]"), 29, "capacity.lanes", "wrong-type", "an array"),
    ("array of tables written as a table", Swap("[[drawdown]]", "[drawdown]"), 24, "drawdown", "wrong-type", "[[…]]"),
    ("float as money", Swap("\"1000.5\"", "1000.5"), 20, "strategy[mm1].book[main].capital", "float", "quotes"),
    ("money with a word", Swap("\"1000.5\"", "\"lots\""), 20, "strategy[mm1].book[main].capital", "bad-decimal", "decimal"),
    ("money finer than its unit", Swap("\"1000.5\"", "\"0.0000000001\""), 20, "strategy[mm1].book[main].capital", "bad-decimal", "10 decimal places"),
    ("negative capital", Swap("\"1000.5\"", "\"-1\""), 20, "strategy[mm1].book[main].capital", "out-of-range", "0 to"),
    ("capital nobody can display", Swap("\"1000.5\"", "\"9223372036855\""), 20, "strategy[mm1].book[main].capital", "out-of-range", "9223372036854.775807"),
    ("limit absent", Cut("max_position"), 18, "strategy[mm1].book[main].max_position", "missing", "unlimited"),
    ("limit of zero", Swap("\"2\"", "0"), 21, "strategy[mm1].book[main].max_position", "out-of-range", "0.001 to"),
    ("limit that is a typo", Swap("\"unlimited\"", "\"unlimted\""), 23, "strategy[mm1].book[main].max_order_notional", "bad-decimal", "decimal"),
    ("quantity finer than a lot unit", Swap("\"0.25\"", "\"0.2505\""), 22, "strategy[mm1].book[main].max_order_qty", "bad-decimal", "4 decimal places"),
    ("bare number as a share", Swap("\"15%\"", "15"), 27, "drawdown[drawdown.kill].limit", "bad-ratio", "unit"),
    ("share above the whole", Swap("\"15%\"", "\"100.01%\""), 27, "drawdown[drawdown.kill].limit", "out-of-range", "100.00 %"),
    ("share of nothing", Swap("\"15%\"", "\"0%\""), 27, "drawdown[drawdown.kill].limit", "out-of-range", "0.01 %"),
    ("share finer than a basis point", Swap("\"15%\"", "\"0.015%\""), 27, "drawdown[drawdown.kill].limit", "bad-ratio", "basis points"),
    ("guard without a limit", Cut("limit"), 24, "drawdown[drawdown.kill].limit", "missing", "limit_abs"),
    ("guard without a scope", Cut("scope"), 24, "drawdown[drawdown.kill].scope", "missing", "account:main"),
    ("scope of no kind", Swap("account:main", "main"), 26, "drawdown[drawdown.kill].scope", "bad-scope", "strategy:NAME"),
    ("scope of nobody", Swap("account:main", "account:mian"), 26, "drawdown[drawdown.kill].scope", "unknown-reference", "`main`"),
    ("scope of a book that is not there", Swap("account:main", "book:main/mm1"), 26, "drawdown[drawdown.kill].scope", "unknown-reference", "mm1"),
    ("guard named twice", Add(ONE_MORE_GUARD), 29, "drawdown[drawdown.kill].name", "duplicate", "line 24"),
    ("guard name too long for its soft half", Swap("\"drawdown.kill\"", "\"abcdefghijklmnopqrstuvwxyza\""), 25, "drawdown[abcdefghijklmnopqrstuvwxyza].name", "out-of-range", "26"),
    ("guard named like a soft half", Swap("\"drawdown.kill\"", "\"kill.soft\""), 25, "drawdown[kill.soft].name", "reserved-name", "suffix"),
    ("warning above the limit", Add("warn = 101"), 28, "drawdown[drawdown.kill].warn", "out-of-range", "1 to 100"),
    ("one mark that should span a time", Add("confirm_marks = 1\nconfirm_for = \"1ms\""), 29, "drawdown[drawdown.kill].confirm_for", "conflict", "confirm_marks = 1"),
    ("too many peak marks", Add("peak_marks = 9"), 28, "drawdown[drawdown.kill].peak_marks", "out-of-range", "1 to 8"),
    ("duration without a unit", Add("untrusted_for = \"60\""), 28, "drawdown[drawdown.kill].untrusted_for", "bad-duration", "\"5s\""),
    ("duration as a number", Add("untrusted_for = 60"), 28, "drawdown[drawdown.kill].untrusted_for", "wrong-type", "quoted duration"),
    ("heartbeat too fast", After("uid", "heartbeat = \"1us\""), 18, "strategy[mm1].heartbeat", "out-of-range", "10ms to 1h"),
    ("latch a guard may not have", Add("latch = \"auto\""), 28, "drawdown[drawdown.kill].latch", "unknown-word", "sticky, session"),
    ("percentage of no capital", Swap("\"1000.5\"", "0"), 27, "drawdown[drawdown.kill].limit", "conflict", "limit_abs"),
    ("account without a guard", Swap("account:main", "strategy:mm1"), 5, "account[main]", "unguarded", "[[drawdown]]"),
    ("book on an unknown account", Swap("account = \"main\"", "account = \"mine\""), 19, "strategy[mm1].book[mine].account", "unknown-reference", "did you mean `main`?"),
    ("strategy without a book", Add("[[strategy]]\nname = \"arb\"\nuid = 1"), 28, "strategy[arb]", "no-book", "[[strategy.book]]"),
    ("profit in a foreign currency", Swap("settlement = \"USDT\"", "settlement = \"USDC\""), 14, "instrument[BTC-PERP].settlement", "currency-mismatch", "no conversion rates"),
    ("spot without a base", Swap("\"linear\"", "\"spot\""), 9, "instrument[BTC-PERP].base", "missing", "spot"),
    ("base that is never delivered", After("settlement", "base = \"BTC\""), 15, "instrument[BTC-PERP].base", "conflict", "only spot"),
    ("tick off the price unit", After("settlement", "tick = \"0.05\""), 15, "instrument[BTC-PERP].tick", "bad-decimal", "2 decimal places"),
    ("too many decimals", Swap("price_decimals = 1", "price_decimals = 10"), 12, "instrument[BTC-PERP].price_decimals", "out-of-range", "0 to 9"),
    ("marks from nobody", After("settlement", "mark_source = \"mm2\""), 15, "instrument[BTC-PERP].mark_source", "unknown-reference", "`mm1`"),
    ("instrument named twice", After("settlement", "[[instrument]]\nname = \"BTC-PERP\"\nkind = \"linear\"\nprice_decimals = 1\nqty_decimals = 3\nsettlement = \"USDT\""), 16, "instrument[BTC-PERP].name", "duplicate", "line 9"),
    ("port that others can reach", Add("[http]\nlisten = \"0.0.0.0:9464\""), 29, "http.listen", "not-loopback", "TLS"),
    ("port without an address", Add("[http]\nlisten = \"9464\""), 29, "http.listen", "out-of-range", "ADDRESS:PORT"),
    ("lane of an odd size", Add("[capacity]\nlane_slots = 1000"), 29, "capacity.lane_slots", "not-a-power-of-two", "64 to 1048576"),
    ("more lanes than tags", Add("[capacity]\nlanes = 256"), 29, "capacity.lanes", "out-of-range", "1 to 255"),
    ("lease nobody could renew", Add("[core]\nlease = \"1us\""), 29, "core.lease", "out-of-range", "250us to 10s"),
];

#[test]
fn every_bad_configuration_names_its_problem_and_its_line() {
    for (name, edit, line, key, code, word) in BAD {
        let text = edited(edit);
        let problems = parse(&text, "bad.toml").expect_err(name);
        let first = &problems.list()[0];
        let found =
            problems.list().iter().find(|problem| problem.fault.code() == *code && problem.key == *key);
        let found = found.unwrap_or_else(|| panic!("{name}: first is {:?}\n{problems}", first.fault));
        assert_eq!(found.line, *line, "{name}\n{problems}");
        assert!(found.to_string().contains(word), "{name}\n{problems}");
    }
}

#[test]
fn one_mistake_is_one_problem() {
    // Rows whose single edit breaks two rules at once: both are true, and both are told.
    let two = [
        "misspelt key",
        "array of tables written as a table",
        "scope of no kind",
        "scope of nobody",
        "scope of a book that is not there",
        "guard without a scope",
        "book on an unknown account",
    ];
    for (name, edit, ..) in BAD.iter().filter(|row| !two.contains(&row.0)) {
        let problems = parse(&edited(edit), "bad.toml").expect_err(name);
        assert_eq!(problems.list().len(), 1, "{name}\n{problems}");
    }
}

#[test]
fn all_problems_are_told_at_once_and_by_line() {
    let text = GOOD
        .replace("\"live\"", "\"alive\"")
        .replace("qty_decimals = 3", "qty_decimals = 3.0")
        .replace("\"15%\"", "0.15")
        .replace("uid", "uuid");
    let problems = parse(&text, "many.toml").unwrap_err();
    let found: Vec<_> = problems.list().iter().map(|p| (p.line, p.fault.code())).collect();
    assert_eq!(found, [(4, "unknown-word"), (13, "float"), (17, "unknown-key"), (27, "bad-ratio")]);
    let text = problems.to_string();
    assert!(text.starts_with("many.toml:4: instance.mode: not one of the choices (value \"alive\"; allowed live, paper; did you mean `live`?)\n"), "{text}");
    assert!(text.ends_with("\n4 problems in many.toml"), "{text}");
}

#[test]
fn a_syntax_error_does_not_hide_the_others_nor_invent_some() {
    let text = GOOD.replace("name = \"main\"", "name = main").replace("\"live\"", "\"alive\"");
    let problems = parse(&text, "bad.toml").unwrap_err();
    let found: Vec<_> = problems.list().iter().map(|p| (p.line, p.fault.code())).collect();
    assert!(found.contains(&(4, "unknown-word")) && found.contains(&(6, "syntax")), "{problems}");
    assert!(!problems.list().iter().any(|p| p.fault.is_absence()), "{problems}");
}

fn load(text: &str) -> Config {
    parse(text, "good.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn what_was_typed_is_what_the_engine_gets() {
    let Config { limits, sidecar, notes, digest } = load(GOOD);
    assert_ne!(digest, load(&format!("{GOOD}\n")).digest);
    assert_eq!(limits.mode, Mode::Live);
    assert_eq!(limits.instruments[0].tick, Ticks(1));
    assert_eq!(limits.instruments[0].band, Some(Bps(300)));
    assert_eq!(limits.strategies[0].uid, 1001);
    let book = &limits.books[0];
    assert_eq!(book.capital, Money(1_000_500_000_000));
    assert_eq!((book.max_position, book.max_order_qty), (Some(Lots(2000)), Some(Lots(250))));
    assert_eq!(book.max_order_notional, None);
    let guard = &limits.drawdowns[0];
    assert_eq!((guard.limit, guard.scope), (Some(Bps(1500)), Scope::Account(0)));
    assert_eq!((guard.confirm_k, guard.confirm_t), (3, Nanos::from_millis(50)));
    assert_eq!((guard.peak_n, guard.untrusted_t, guard.warn_pct), (3, Nanos::from_secs(60), 80));
    assert_eq!(guard.latch, Latch::Sticky);
    assert_eq!((sidecar.cpu, sidecar.lease), (CpuChoice::Auto, None));
    assert_eq!(sidecar.runtime_dir.to_str(), Some("/run/tripline"));
    let noted: Vec<_> = notes.iter().map(|note| note.key.as_str()).collect();
    assert_eq!(noted, ["instrument[BTC-PERP].mark_source", "strategy[mm1].book[main].max_order_notional"]);
}

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
fn the_example_loads_without_problems() {
    let limits = load(include_str!("../../../examples/tripline.toml")).limits;
    assert_eq!((limits.accounts.len(), limits.strategies.len(), limits.books.len()), (1, 2, 2));
    let [kill, canary, floor] = &limits.drawdowns[..] else { panic!("three guards") };
    assert_eq!((kill.limit, kill.anchor, kill.latch), (Some(Bps(1500)), Anchor::Trailing, Latch::Sticky));
    assert_eq!(
        (canary.limit, canary.anchor, canary.latch),
        (Some(Bps(300)), Anchor::Session, Latch::Session)
    );
    assert_eq!((floor.limit_abs, floor.scope), (Some(Money(6000 * Money::SCALE)), Scope::Book(1)));
}

#[test]
fn the_defaults_shown_in_the_example_are_the_defaults() {
    let example = include_str!("../../../examples/tripline.toml");
    let shown: String = example
        .lines()
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
                let is_user = rest.starts_with("uid") || rest.starts_with("group");
                if is_user { line.to_owned() } else { rest.to_owned() }
            }
            _ => line.to_owned(),
        })
        .map(|line| line + "\n")
        .collect();
    assert_ne!(shown, example);
    let (plain, shown) = (load(example), load(&shown));
    assert_eq!(plain.limits, shown.limits);
    assert_eq!(plain.sidecar, shown.sidecar);
}

#[test]
fn a_file_that_is_not_there_is_a_problem_with_a_remedy() {
    let problems = super::load(std::path::Path::new("/nonexistent/tripline.toml")).unwrap_err();
    assert!(problems.to_string().contains("--config"), "{problems}");
}

proptest::proptest! {
    /// A file is the world: whatever it holds, the answer is a configuration or a list of problems.
    #[test]
    fn no_text_makes_the_loader_panic(edits in proptest::collection::vec((0..GOOD.len(), proptest::char::any()), 0..8)) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, character) in edits {
            text[at] = character;
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse(&text, "any.toml") {
            let lines = 1 + text.matches('\n').count();
            proptest::prop_assert!(problems.list().iter().all(|problem| (1..=lines).contains(&problem.line)));
        }
    }

    /// The same for whole lines taken away and put elsewhere.
    #[test]
    fn no_order_of_lines_makes_the_loader_panic(moves in proptest::collection::vec((0..27_usize, 0..27_usize), 0..12)) {
        let mut lines: Vec<&str> = GOOD.lines().collect();
        for (from, to) in moves {
            let line = lines.remove(from % lines.len());
            if to % 3 != 0 {
                lines.insert(to % (lines.len() + 1), line);
            }
        }
        let _ = parse(&lines.join("\n"), "any.toml");
    }
}
