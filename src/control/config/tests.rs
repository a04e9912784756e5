//! Every way a configuration can be wrong, and that a right one says what was typed.

mod money;
mod orders;

use super::{Config, CpuChoice, parse};
use crate::control::clock::session::SessionClock;
use crate::engine::limits::{
    ActionCosts, Actions, Anchor, Basis, BreakerLimits, BreakerRule, BucketKind, BucketLimits, BucketScope,
    CountLimits, Currency, DirectiveLimits, DriftLimits, DropMode, DuplicateLimits, HalfOpenLimits,
    InstrumentKind, VenueCodes, VenueLimits,
};
use crate::engine::{Engine, Limits};
use crate::model::event::RejectClass;
use crate::model::{Bps, Latch, Lots, Mode, Money, Name, Nanos, Scope, Ticks};

/// The smallest configuration that loads. Bad ones are made from it, so that each has one thing wrong.
pub(super) const GOOD: &str = r#"schema = 1
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

/// A bucket of ten in a second, and what is wrong with it.
macro_rules! bucket {
    ($more:literal) => {
        Add(concat!(
            "[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\"\n",
            $more
        ))
    };
}
/// A bucket that smooths, and what is wrong with it.
macro_rules! gcra {
    ($more:literal) => {
        Add(concat!("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"gcra\"\n", $more))
    };
}

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
    ("archive in the runtime directory", Add("[journal]\narchive = \"/run/tripline/a\""), 29, "journal.archive", "out-of-range", "outside runtime_dir"),
    ("archive by a relative path", Add("[journal]\narchive = \"a\""), 29, "journal.archive", "out-of-range", "absolute"),
    ("segment without a unit", Add("[journal]\narchive = \"/a\"\nsegment = \"64\""), 30, "journal.segment", "out-of-range", "64MiB"),
    ("segment too small", Add("[journal]\narchive = \"/a\"\nsegment = \"1KiB\""), 30, "journal.segment", "out-of-range", "64KiB"),
    ("keep below two segments", Add("[journal]\narchive = \"/a\"\nkeep = \"127MiB\""), 30, "journal.keep", "out-of-range", "two segments"),
    ("keep of one segment", Add("[journal]\narchive = \"/a\"\nkeep = 1"), 30, "journal.keep", "out-of-range", "2 to"),
    ("keep without an archive", Add("[journal]\nkeep = 2"), 29, "journal.keep", "missing", "journal.archive"),
    ("lag below what a disk needs", Add("[journal]\narchive = \"/a\"\nlag = \"100ms\""), 30, "journal.lag", "out-of-range", "500ms"),
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
    ("rolling without a window", After("limit", "anchor = \"rolling\""), 24, "drawdown[drawdown.kill].window", "missing", "24h"),
    ("window too short", After("limit", "anchor = \"rolling\"\nwindow = \"999ms\""), 29, "drawdown[drawdown.kill].window", "out-of-range", "1s to 1year"),
    ("window too long", After("limit", "anchor = \"rolling\"\nwindow = \"367d\""), 29, "drawdown[drawdown.kill].window", "out-of-range", "1s to 1year"),
    ("window of an anchor that has none", After("limit", "window = \"1h\""), 28, "drawdown[drawdown.kill].window", "conflict", "rolling"),
    ("session of a guard that has none", After("limit", "session = \"17:00 UTC\""), 28, "drawdown[drawdown.kill].session", "conflict", "latch"),
    ("realised profit in several currencies", Add("basis = \"realised\"\n[[rate]]\nbase = \"BNB\"\nquote = \"USDT\""), 28, "drawdown[drawdown.kill].basis", "conflict", "[[rate]]"),
    ("margin of an account", After("limit", "basis = \"margin\""), 26, "drawdown[drawdown.kill].scope", "conflict", "book:"),
    ("margin with an anchor", Add("[[drawdown]]\nname = \"m\"\nscope = \"book:mm1/main\"\nlimit = \"80%\"\nbasis = \"margin\"\nanchor = \"static\""), 33, "drawdown[m].anchor", "conflict", "margin"),
    ("margin with an amount", Add("[[drawdown]]\nname = \"m\"\nscope = \"book:mm1/main\"\nlimit = \"80%\"\nbasis = \"margin\"\nlimit_abs = 5"), 33, "drawdown[m].limit_abs", "conflict", "share"),
    ("jump of what marks do not move", After("limit", "basis = \"realised\"\njump = \"2%\""), 29, "drawdown[drawdown.kill].jump", "conflict", "equity"),
    ("jump of nothing", After("limit", "jump = \"0%\""), 28, "drawdown[drawdown.kill].jump", "out-of-range", "0.01 %"),
    ("band of no width", After("limit", "warn = 100\nscale = \"25%\""), 29, "drawdown[drawdown.kill].scale", "conflict", "warning"),
    ("band that leaves everything", After("limit", "scale = \"100%\""), 28, "drawdown[drawdown.kill].scale", "out-of-range", "99.99 %"),
    ("session without a zone", After("limit", "anchor = \"session\"\nsession = \"17:00\""), 29, "drawdown[drawdown.kill].session", "bad-session", "America/New_York"),
    ("session in a zone that is not", After("currency", "session = \"17:00 America/Newyork\""), 9, "account[main].session", "bad-session", "`America/New_York`"),
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
    ("profit in a foreign currency", Swap("settlement = \"USDT\"", "settlement = \"USDC\""), 14, "instrument[BTC-PERP].settlement", "currency-mismatch", "add a [[rate]]"),
    ("spot without a base", Swap("\"linear\"", "\"spot\""), 9, "instrument[BTC-PERP].base", "missing", "spot"),
    ("a quanto without its rate", Swap("\"linear\"", "\"quanto\""), 9, "instrument[BTC-PERP].fixed_rate", "missing", "fixed_rate = "),
    ("a quanto at no rate", Swap("\"linear\"", "\"quanto\"\nfixed_rate = \"0\""), 12, "instrument[BTC-PERP].fixed_rate", "out-of-range", ""),
    ("a fixed rate of something else", After("settlement", "fixed_rate = \"0.1\""), 15, "instrument[BTC-PERP].fixed_rate", "conflict", "only a quanto"),
    ("legs of a balance", Swap("\"linear\"", "\"spot\"\nbase = \"BTC\"\nhedge = true"), 13, "instrument[BTC-PERP].hedge", "conflict", "only a contract"),
    ("legs that are no yes or no", After("settlement", "hedge = \"both\""), 15, "instrument[BTC-PERP].hedge", "wrong-type", "true"),
    ("an age of equity nobody publishes", After("capital", "equity_age = \"5s\""), 21, "strategy[mm1].book[main].equity_age", "conflict", "published"),
    ("margin of published equity", Swap("[[drawdown]]", "equity_source = \"published\"\n[[drawdown]]\nname = \"m\"\nscope = \"book:mm1/main\"\nlimit = \"80%\"\nbasis = \"margin\"\n[[drawdown]]"), 29, "drawdown[m].basis", "conflict", "equity"),
    ("realised profit of published equity", Swap("limit = \"15%\"", "limit = \"15%\"\nbasis = \"realised\"\n[[strategy]]\nname = \"p\"\nuid = 1\n[[strategy.book]]\naccount = \"main\"\ncapital = 1\nmax_position = \"unlimited\"\nmax_order_qty = \"unlimited\"\nmax_order_notional = \"unlimited\"\nequity_source = \"published\""), 28, "drawdown[drawdown.kill].basis", "conflict", "equity"),
    ("a tolerance off the quantity unit", After("settlement", "overfill = \"0.0001\""), 15, "instrument[BTC-PERP].overfill", "bad-decimal", "the unit has 3"),
    ("a tolerance below nothing", After("settlement", "overfill = \"-0.001\""), 15, "instrument[BTC-PERP].overfill", "out-of-range", ""),
    ("a pair of one currency", After("limit", "[[rate]]\nbase = \"USDT\"\nquote = \"USDT\""), 30, "rate[USDT].quote", "conflict", "two currencies"),
    ("a rate said twice", After("limit", "[[rate]]\nbase = \"BTC\"\nquote = \"USDT\"\n[[rate]]\nbase = \"USDT\"\nquote = \"BTC\""), 32, "rate[USDT].base", "conflict", "either way round"),
    ("a rate without a quote", After("limit", "[[rate]]\nbase = \"BTC\""), 28, "rate[BTC].quote", "missing", "price is in"),
    ("a haircut that leaves nothing", After("limit", "[[rate]]\nbase = \"BTC\"\nquote = \"USDT\"\nhaircut_bps = 10000"), 31, "rate[BTC].haircut_bps", "out-of-range", "0 to 9999"),
    ("rates from nobody", After("limit", "[[rate]]\nbase = \"BTC\"\nquote = \"USDT\"\nsource = \"mm2\""), 31, "rate[BTC].source", "unknown-reference", "`mm1`"),
    ("base that is never delivered", After("settlement", "base = \"BTC\""), 15, "instrument[BTC-PERP].base", "conflict", "only spot"),
    ("tick off the price unit", After("settlement", "tick = \"0.05\""), 15, "instrument[BTC-PERP].tick", "bad-decimal", "2 decimal places"),
    ("too many decimals", Swap("price_decimals = 1", "price_decimals = 10"), 12, "instrument[BTC-PERP].price_decimals", "out-of-range", "0 to 9"),
    ("marks from no strategy at all", After("settlement", "mark_source = []"), 15, "instrument[BTC-PERP].mark_source", "out-of-range", "one strategy"),
    ("marks from the same strategy twice", After("settlement", "mark_source = [\"mm1\", \"mm1\"]"), 15, "instrument[BTC-PERP].mark_source", "repeated", "mm1"),
    ("marks from a number", After("settlement", "mark_source = 1"), 15, "instrument[BTC-PERP].mark_source", "wrong-type", "an array"),
    ("marks from nobody", After("settlement", "mark_source = \"mm2\""), 15, "instrument[BTC-PERP].mark_source", "unknown-reference", "`mm1`"),
    ("instrument named twice", After("settlement", "[[instrument]]\nname = \"BTC-PERP\"\nkind = \"linear\"\nprice_decimals = 1\nqty_decimals = 3\nsettlement = \"USDT\""), 16, "instrument[BTC-PERP].name", "duplicate", "line 9"),
    ("port that others can reach", Add("[http]\nlisten = \"0.0.0.0:9464\""), 29, "http.listen", "not-loopback", "TLS"),
    ("port without an address", Add("[http]\nlisten = \"9464\""), 29, "http.listen", "out-of-range", "ADDRESS:PORT"),
    ("lane of an odd size", Add("[capacity]\nlane_slots = 1000"), 29, "capacity.lane_slots", "not-a-power-of-two", "64 to 1048576"),
    ("more lanes than tags", Add("[capacity]\nlanes = 256"), 29, "capacity.lanes", "out-of-range", "1 to 255"),
    ("lease nobody could renew", Add("[core]\nlease = \"1us\""), 29, "core.lease", "out-of-range", "250us to 10s"),
    ("answer awaited for ever", After("currency", "ack_timeout = \"1h\""), 9, "account[main].ack_timeout", "out-of-range", "10ms to 10m"),
    ("codes of a venue nobody mapped", After("currency", "venue_codes = \"binnance\""), 9, "account[main].venue_codes", "unknown-word", "did you mean `binance`?"),
    ("breaker switched by a wrong word", After("currency", "breaker = \"on\""), 9, "account[main].breaker", "unknown-word", "or a table"),
    ("breaker as a number", After("currency", "breaker = 5"), 9, "account[main].breaker", "wrong-type", "a table"),
    ("breaker of a rule nobody knows", After("currency", "[account.breaker]\nrule = \"strict\"\nmin = 5"), 10, "account[main].breaker.rule", "unknown-word", "significant, literal"),
    ("breaker that tolerates everything", After("currency", "[account.breaker]\nlimit = \"51%\""), 10, "account[main].breaker.limit", "out-of-range", "50.00 %"),
    ("window of a rule without one", After("currency", "[account.breaker]\nwindow = 100"), 10, "account[main].breaker.window", "conflict", "literal"),
    ("minimum of a rule that is significant", After("currency", "[account.breaker]\nrule = \"significant\"\nmin = 100"), 11, "account[main].breaker.min", "conflict", "literal"),
    ("minimum beyond its window", After("currency", "[account.breaker]\nrule = \"literal\"\nwindow = 50\nmin = 51"), 12, "account[main].breaker.min", "out-of-range", "1 to 50"),
    ("window nobody remembers", After("currency", "[account.breaker]\nrule = \"literal\"\nwindow = 401"), 11, "account[main].breaker.window", "out-of-range", "1 to 400"),
    ("smallest window of a literal rule", After("currency", "[account.breaker]\nrule = \"literal\"\nsmallest_window = 20"), 11, "account[main].breaker.smallest_window", "conflict", "min"),
    ("cap below its cool-down", After("currency", "[account.breaker]\ncooldown = \"10m\"\ncooldown_cap = \"9m\""), 11, "account[main].breaker.cooldown_cap", "out-of-range", "10m to 1day"),
    ("probes of a breaker that only tells", After("currency", "[account.breaker]\nmetrics_only = true\nhalf_open = {}"), 11, "account[main].breaker.half_open", "conflict", "metrics_only"),
    ("no probe at all", After("currency", "[account.breaker]\nhalf_open = { probes = 0 }"), 10, "account[main].breaker.half_open.probes", "out-of-range", "1 to 100"),
    ("too many probes", After("currency", "[account.breaker]\nhalf_open = { probes = 101 }"), 10, "account[main].breaker.half_open.probes", "out-of-range", "1 to 100"),
    ("probes without time", After("currency", "[account.breaker]\nhalf_open = { max_wait = \"999ms\" }"), 10, "account[main].breaker.half_open.max_wait", "out-of-range", "1s to 1day"),
    ("cash that may differ by all of it", After("currency", "cash_tolerance_bps = 1001"), 9, "account[main].cash_tolerance_bps", "out-of-range", "0 to 1000"),
    ("positions that differ by less than none", After("settlement", "position_tolerance = \"-1\""), 15, "instrument[BTC-PERP].position_tolerance", "out-of-range", "0"),
    ("margin of more than there is", After("settlement", "initial_margin_bps = 10001"), 15, "instrument[BTC-PERP].initial_margin_bps", "out-of-range", "0 to 10000"),
    ("misspelt key of a half-open breaker", After("currency", "[account.breaker]\nhalf_open = { probe = 1 }"), 10, "account[main].breaker.half_open.probe", "unknown-key", "`probes`"),
    ("liquidation that strips positions", After("currency", "liquidation_actions = [\"cancel_all\"]"), 9, "account[main].liquidation_actions", "conflict", "stop-losses"),
    ("liquidation nobody can flatten", After("currency", "liquidation_actions = [\"flatten\"]"), 9, "account[main].liquidation_actions", "no-executor", "executes"),
    ("authentication nobody can flatten after", After("currency", "auth_repeated_actions = [\"flatten\"]"), 9, "account[main].auth_repeated_actions", "no-executor", "executes"),
    ("misspelt key of a breaker", After("currency", "[account.breaker]\ncool_down = \"10m\""), 10, "account[main].breaker.cool_down", "unknown-key", "`cooldown`"),
    ("count without a time", After("currency", "auth = \"3\""), 9, "account[main].auth", "bad-count", "3 in 60s"),
    ("count without a number", After("currency", "liquidation = \"two in 60s\""), 9, "account[main].liquidation", "bad-count", "off"),
    ("count of nothing", After("currency", "auth = \"0 in 60s\""), 9, "account[main].auth", "out-of-range", "1 to 32"),
    ("count nobody remembers", After("currency", "auth = \"33 in 60s\""), 9, "account[main].auth", "out-of-range", "1 to 32"),
    ("count in no time", After("currency", "auth = \"3 in 0s\""), 9, "account[main].auth", "out-of-range", "1ms to 1day"),
    ("smallest order below the lot", After("settlement", "lot = \"0.01\"\nmin_qty = \"0.005\""), 16, "instrument[BTC-PERP].min_qty", "out-of-range", "0.01 to"),
    ("smallest notional as a float", After("settlement", "min_notional = 5.0"), 15, "instrument[BTC-PERP].min_notional", "float", "quotes"),
    ("collar of nothing", After("settlement", "collar_bps = 0"), 15, "instrument[BTC-PERP].collar_bps", "out-of-range", "1 to 10000"),
    ("unknown role", After("uid", "role = \"market\""), 18, "strategy[mm1].role", "unknown-word", "did you mean `maker`?"),
    ("executor for nobody", After("uid", "executes = [\"mian\"]"), 18, "strategy[mm1].executes", "unknown-reference", "did you mean `main`?"),
    ("executor without a list", After("uid", "executes = \"main\""), 18, "strategy[mm1].executes", "wrong-type", "an array"),
    ("the same approver twice", Add("[approval]\napprovers = [7, 7]"), 29, "approval.approvers", "repeated", ""),
    ("approver nobody knows", Add("[approval]\napprovers = [7, \"no-such-user\"]"), 29, "approval.approvers", "unknown-user", "number"),
    ("two people for any loss at all", Add("[approval]\nloss = \"0%\""), 29, "approval.loss", "out-of-range", "100.00 %"),
    ("executor for the same account twice", After("uid", "executes = [\"main\", \"main\"]"), 18, "strategy[mm1].executes", "repeated", "main twice"),
    ("first order a duplicate", After("uid", "[strategy.duplicates]\ndeny = 1"), 19, "strategy[mm1].duplicates.deny", "out-of-range", "2 to 32"),
    ("trips before it denies", After("uid", "[strategy.duplicates]\ndeny = 10\ntrip = 9"), 20, "strategy[mm1].duplicates.trip", "out-of-range", "10 to 32"),
    ("room for no order", After("capital", "max_open_orders = 0"), 21, "strategy[mm1].book[main].max_open_orders", "out-of-range", "1 to"),
    ("breaker of a book that waits for no time", After("max_order_notional", "[strategy.book.breaker]\ncooldown = \"0s\""), 25, "strategy[mm1].book[main].breaker.cooldown", "out-of-range", "1s to 1day"),
    ("action nobody knows", Add("actions = [\"flaten\"]"), 28, "drawdown[drawdown.kill].actions", "unknown-word", "did you mean `flatten`?"),
    ("action said twice", Add("actions = [\"cancel_increasing\", \"cancel_increasing\"]"), 28, "drawdown[drawdown.kill].actions", "repeated", "once"),
    ("stop-losses cancelled and positions kept", Add("actions = [\"cancel_all\"]"), 28, "drawdown[drawdown.kill].actions", "conflict", "flatten"),
    ("flatten with nobody to do it", Add("actions = [\"flatten\"]"), 28, "drawdown[drawdown.kill].actions", "no-executor", "executes = [\"main\"]"),
    ("guard named like one that every scope has", Swap("\"drawdown.kill\"", "\"error-rate\""), 25, "drawdown[error-rate].name", "reserved-name", "every scope"),
    ("bucket without an id", Add("[[bucket]]\nname = \"b\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 28, "bucket[b].id", "missing", "RATE_FEEDBACK"),
    ("bucket of no scope", Add("[[bucket]]\nid = 1\nname = \"b\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 28, "bucket[b].scope", "missing", "venue:binance"),
    ("bucket of no kind", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nlimit = 10\nwindow = \"1s\""), 28, "bucket[b].kind", "missing", "gcra"),
    ("bucket of an unknown kind", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"slide_log\"\nlimit = 10\nwindow = \"1s\""), 32, "bucket[b].kind", "unknown-word", "did you mean `sliding_log`?"),
    ("bucket without a limit", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nwindow = \"1s\""), 28, "bucket[b].limit", "missing", "limit = 300"),
    ("bucket of a venue nobody is at", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"venue:bybit\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 31, "bucket[b].scope", "unknown-reference", "binance"),
    ("bucket of half a scope", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"instrument:main\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 31, "bucket[b].scope", "bad-scope", "instrument:ACCOUNT/NAME"),
    ("bucket of an unknown instrument", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"instrument:main/BTC\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 31, "bucket[b].scope", "unknown-reference", "BTC-PERP"),
    ("two buckets of one number", bucket!("[[bucket]]\nid = 1\nname = \"c\"\nscope = \"venue:binance\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 36, "bucket[c].id", "duplicate", "line 28"),
    ("two buckets of one name", bucket!("[[bucket]]\nid = 2\nname = \"b\"\nscope = \"venue:binance\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\""), 37, "bucket[b].name", "duplicate", "line 28"),
    ("burst of a sliding log", bucket!("burst = 5"), 35, "bucket[b].burst", "unknown-key", "limit, window"),
    ("new orders that cost more than there is", bucket!("costs = { new = 9 }"), 35, "bucket[b].costs.new", "out-of-range", "0 to 8"),
    ("cancels that cost more than there is", bucket!("costs = { cancel = 10 }"), 35, "bucket[b].costs.cancel", "out-of-range", "0 to 9"),
    ("bucket that charges nothing", bucket!("costs = { new = 0, modify = 0, cancel = 0 }"), 35, "bucket[b].costs", "conflict", "nothing is charged"),
    ("cost of an unknown action", bucket!("costs = { amend = 1 }"), 35, "bucket[b].costs.amend", "unknown-key", "new, modify, cancel"),
    ("permission that outlives the jitter", bucket!("jitter = \"99ms\""), 35, "bucket[b].jitter", "conflict", "permit.validity"),
    ("permission that outlives the default jitter", bucket!("[permit]\nvalidity = \"201ms\""), 28, "bucket[b].jitter", "conflict", "permit.validity"),
    ("start of a misspelt word", bucket!("start = \"ful\""), 35, "bucket[b].start", "unknown-word", "did you mean `full`?"),
    ("start finer than a percent", bucket!("start = \"12.5%\""), 35, "bucket[b].start", "out-of-range", "whole percentages"),
    ("start above the whole", bucket!("start = \"101%\""), 35, "bucket[b].start", "out-of-range", "100.00 %"),
    ("burst above what the venue takes", gcra!("interval = \"100ms\"\nburst = 9\nvenue_limit = 20\nvenue_window = \"1s\""), 34, "bucket[b].burst", "exceeds-venue", "burst up to 8"),
    ("interval below what the venue takes", gcra!("interval = \"50ms\"\nburst = 8\nvenue_limit = 20\nvenue_window = \"1s\""), 34, "bucket[b].burst", "exceeds-venue", "interval from 100ms"),
    ("venue limit without its window", gcra!("interval = \"100ms\"\nburst = 8\nvenue_limit = 20"), 28, "bucket[b].venue_window", "missing", "how long"),
    ("bucket that smooths without a pace", gcra!("burst = 8"), 28, "bucket[b].interval", "missing", "come back"),
    ("every action in two windows", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"fixed_aligned\"\nlimit = 10\nwindow = \"400ms\""), 28, "bucket[b].jitter", "out-of-range", "200ms"),
    ("boundary beyond its window", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"fixed_aligned\"\nlimit = 10\nwindow = \"1s\"\noffset = \"1s\""), 35, "bucket[b].offset", "out-of-range", "0s to 999ms"),
    ("margin that leaves nothing", Add("[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"fixed_aligned\"\nlimit = 10\nwindow = \"1s\"\nmargin = \"91%\""), 35, "bucket[b].margin", "out-of-range", "leaves something"),
    ("queue of a venue nobody is at", Add("[[venue]]\nname = \"binnance\""), 29, "venue[binnance].name", "unknown-reference", "did you mean `binance`?"),
    ("queue of the same venue twice", Add("[[venue]]\nname = \"binance\"\n[[venue]]\nname = \"binance\""), 31, "venue[binance].name", "duplicate", "line 28"),
    ("unknown drop mode", Add("[[venue]]\nname = \"binance\"\ndrop_mode = \"drop_newest\""), 30, "venue[binance].drop_mode", "unknown-word", "drop_oldest"),
    ("queue without room", Add("[[venue]]\nname = \"binance\"\nqueue_capacity = 0"), 30, "venue[binance].queue_capacity", "out-of-range", "1 to 4096"),
    ("orders that wait for a minute and more", Add("[[venue]]\nname = \"binance\"\nttl_new = \"61s\""), 30, "venue[binance].ttl_new", "out-of-range", "1ms to 1m"),
    ("permission for ever", Add("[permit]\nvalidity = \"11s\""), 29, "permit.validity", "out-of-range", "1ms to 10s"),
    ("directive void before it is missed", Add("[directives]\nack_timeout = \"2s\"\ntimeout = \"1s\""), 30, "directives.timeout", "out-of-range", "2s to 1h"),
    ("directive nobody is asked", Add("[directives]\nattempts = 0"), 29, "directives.attempts", "out-of-range", "1 to 16"),
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

/// What loads, the engine takes: it panics on limits that contradict themselves.
pub(super) fn load(text: &str) -> Config {
    let config = parse(text, "good.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let _engine = Engine::new(config.limits.clone(), Nanos(1));
    config
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
    let expected = [
        "journal.archive",
        "approval.approvers",
        "firm.max_gross",
        "firm.max_net",
        "firm.max_orders_per_day",
        "firm.max_cancels_per_day",
        "firm.max_executions",
        "firm",
        "account[main]",
        "account[main]",
        "instrument[BTC-PERP].min_notional",
        "instrument[BTC-PERP].application_heartbeat",
        "instrument[BTC-PERP].mark_source",
        "strategy[mm1].book[main].max_open_orders",
        "strategy[mm1].book[main].unknown_fills",
        "strategy[mm1].book[main].max_order_notional",
    ];
    assert_eq!(noted, expected);
}

#[test]
fn what_nobody_typed_is_the_default() {
    let limits = load(GOOD).limits;
    let account = &limits.accounts[0];
    let flatten = Actions::CANCEL_ALL | Actions::FLATTEN;
    let minute = |count, actions, repeated| {
        Some(CountLimits { count, window: Nanos::from_secs(60), actions, repeated })
    };
    assert_eq!((account.ack_timeout, account.breaker), (Nanos::from_secs(5), Some(BreakerLimits::default())));
    assert_eq!(
        (account.auth, account.liquidation),
        (minute(3, Actions::empty(), flatten), minute(2, flatten, flatten))
    );
    assert_eq!(account.venue_codes, super::venue_codes::shipped("binance").unwrap());
    assert_eq!(account.venue_codes.class_of(-2019), Some(RejectClass::Funds), "margin is insufficient");
    assert_eq!(limits.strategies[0].duplicates, Some(DuplicateLimits::default()));
    assert!(limits.strategies[0].executes.is_empty());
    let (book, instrument) = (&limits.books[0], &limits.instruments[0]);
    assert_eq!((book.max_open_orders, book.breaker), (None, Some(BreakerLimits::default())));
    assert_eq!((instrument.min_qty, instrument.min_notional), (instrument.lot, Money::ZERO));
    assert_eq!(instrument.collar, Some(Bps(500)));
    let drift = DriftLimits { limit: Bps(1_000), window: Nanos::from_secs(60) };
    assert_eq!((instrument.collar_accumulated, instrument.restricted), (Some(drift), false));
    assert_eq!((limits.firm, account.caps, book.caps), Default::default());
    assert_eq!(limits.drawdowns[0].actions, Actions::CANCEL_INCREASING);
    assert_eq!(limits.venues, [VenueLimits::new(Name::new("binance").unwrap())]);
    assert_eq!((limits.buckets, limits.permit_validity), (Vec::new(), Nanos::from_millis(100)));
    assert_eq!(limits.directives, DirectiveLimits::default());
}

#[test]
fn the_example_loads_without_problems() {
    let limits = load(include_str!("../../../examples/tripline.toml")).limits;
    assert_eq!((limits.accounts.len(), limits.strategies.len(), limits.books.len()), (1, 2, 2));
    let [weight, orders] = &limits.buckets[..] else { panic!("two buckets") };
    assert_eq!((weight.start_pct, orders.start_pct), (100, 100));
    assert_eq!(limits.strategies[1].executes, [0]);
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
