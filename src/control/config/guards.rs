//! COLD: drawdown guards.

use super::clocks::Clocks;
use super::market::AccountRow;
use super::market::Directory;
use super::problems::Fault;
use super::scopes::Scopes;
use super::trading::Trading;
use super::value;
use super::walk::{Section, Value};
use crate::engine::guard;
use crate::engine::limits::{Actions, Anchor, Basis, BookLimits, DrawdownLimits};
use crate::model::{Bps, Latch, Money, Name, Nanos, Scope};

/// The engine derives `<name>.soft` from a guard's name, and both have to be names of at most 31 bytes.
pub const GUARD_NAME_MAX: usize = 26;
/// Guard numbers are 16 bits, two to a guard, and the page that shows them is finite.
const MAX_GUARDS: usize = 256;

/// A guard's scope beside what was read, so that a guard with a wrong limit still counts as one.
pub(super) type GuardRow = (Option<Scope>, Option<DrawdownLimits>);

pub(super) fn drawdowns(
    sections: Vec<Section<'_, '_>>,
    scopes: &Scopes<'_>,
    (trading, has_rates): (&Trading, bool),
    clocks: &Clocks,
) -> Vec<GuardRow> {
    Directory::read("drawdown guard", &sections);
    let mut rows = Vec::new();
    for (index, section) in sections.into_iter().enumerate() {
        if index == MAX_GUARDS {
            section.report_here(Fault::TooMany { allowed: MAX_GUARDS });
        }
        let remedy = "say what it watches, as in scope = \"account:main\"";
        let scope = section.required("scope", remedy, |value| scopes.guarded(value));
        let clock = clocks.number(&section, clocks.of_scope(scope, trading));
        let guard = drawdown(&section, scope, clock);
        if let Some(guard) = &guard {
            percentage_has_a_whole(&section, guard, trading);
            somebody_can_flatten(&section, guard, scopes, trading);
            realised_is_known(&section, guard, trading);
            realised_is_in_one_currency(&section, guard, has_rates);
        }
        section.finish();
        rows.push((scope, guard));
    }
    rows
}

fn guard_name(value: &Value<'_>) -> Result<Name, Fault> {
    let name = value::name(value)?;
    if name.as_str().len() > GUARD_NAME_MAX {
        return Err(Fault::OutOfRange { allowed: format!("at most {GUARD_NAME_MAX} characters") });
    }
    if name.as_str().ends_with(".soft") {
        return Err(Fault::ReservedName { why: "`.soft` is the suffix of the soft half of each guard" });
    }
    if guard::BUILT_IN.contains(&name.as_str()) {
        return Err(Fault::ReservedName { why: "a guard that every scope has is called so" });
    }
    Ok(name)
}

fn drawdown(section: &Section<'_, '_>, scope: Option<Scope>, clock: u16) -> Option<DrawdownLimits> {
    // A wrong name was reported when names were collected; this adds what is special to guards.
    let is_name = section.peek("name", |value| value::name(value).ok()).is_some();
    let name = if is_name { section.optional("name", guard_name) } else { None };
    let bases =
        value::word(&[("equity", Basis::Equity), ("realised", Basis::Realised), ("margin", Basis::Margin)]);
    let latches = value::word(&[("sticky", Latch::Sticky), ("session", Latch::Session)]);
    let basis = section.or("basis", Basis::Equity, bases);
    let anchor = anchor(section, basis);
    margin_is_of_a_book(section, basis, scope);
    let limit = section.optional("limit", value::ratio(1..=10_000));
    let limit_abs = section.optional("limit_abs", value::money(Money(1)..=value::MONEY_MAX));
    if !section.has("limit") && !section.has("limit_abs") {
        section.report(
            "limit",
            Fault::Missing { remedy: "set limit = \"15%\" or limit_abs = \"5000\", or both" },
        );
    }
    let warn_pct = section.or("warn", 80, value::integer(1..=100));
    let scale = scale(section, warn_pct);
    let confirm_k = section.or("confirm_marks", 3, value::integer(1..=100));
    let confirm_t = confirm_for(section, confirm_k);
    let peak_n = section.or("peak_marks", 3, value::integer(1..=8));
    let untrusted = value::duration(Nanos::from_secs(1)..=Nanos::from_secs(86_400));
    let untrusted_t = section.or("untrusted_for", Nanos::from_secs(60), untrusted);
    let jump = jump(section, basis);
    let latch = section.or("latch", Latch::Sticky, latches);
    if section.has("session") && latch != Latch::Session && anchor != Anchor::Session {
        let remedy = "write anchor = \"session\" or latch = \"session\" with it, or remove it";
        section.report("session", Fault::Conflict { with: "a guard that no session changes", remedy });
    }
    if latch == Latch::Session {
        section.note("latch", "clears by itself at the session roll, without an operator");
    }
    Some(DrawdownLimits {
        name: name?,
        scope: scope?,
        basis,
        anchor,
        limit,
        limit_abs,
        warn_pct,
        scale,
        confirm_k,
        confirm_t,
        peak_n,
        untrusted_t,
        jump,
        latch,
        clock,
        actions: actions(section, "actions", Actions::CANCEL_INCREASING),
    })
}

/// What is left at the limit, of which the warning is where it begins to become less.
fn scale(section: &Section<'_, '_>, warn_pct: u8) -> Option<Bps> {
    let scale = section.or("scale", None, value::unless("none", value::ratio(1..=9_999)));
    if scale.is_some() && warn_pct == 100 {
        let remedy = "warn earlier, or remove scale: nothing lies between the warning and the limit";
        section.report("scale", Fault::Conflict { with: "warn = 100", remedy });
    }
    scale
}

/// How far one mark may move equity.
fn jump(section: &Section<'_, '_>, basis: Basis) -> Option<Bps> {
    let jumps = value::unless("none", value::ratio(1..=10_000));
    if basis != Basis::Equity {
        if section.has("jump") {
            let remedy = "remove it: marks move only equity";
            section.report("jump", Fault::Conflict { with: "a basis that is not equity", remedy });
        }
        return None;
    }
    let jump = section.or("jump", Some(Bps(200)), jumps);
    if jump.is_none() {
        section.note("jump", "none: one mark may move equity by any amount below the limit");
    }
    jump
}

/// Margin is reported for a book, and a loss has a share of it.
fn margin_is_of_a_book(section: &Section<'_, '_>, basis: Basis, scope: Option<Scope>) {
    if basis != Basis::Margin {
        return;
    }
    if scope.is_some_and(|scope| !matches!(scope, Scope::Book(_))) {
        let remedy = "write scope = \"book:STRATEGY/ACCOUNT\"";
        section.report("scope", Fault::Conflict { with: "basis = \"margin\"", remedy });
    }
    if section.has("limit_abs") {
        let remedy = "write limit, a share of the initial margin, alone";
        section.report("limit_abs", Fault::Conflict { with: "basis = \"margin\"", remedy });
    }
}

/// What it measures from, with the window that only a rolling anchor has.
fn anchor(section: &Section<'_, '_>, basis: Basis) -> Anchor {
    if basis == Basis::Margin {
        if section.has("anchor") {
            let remedy = "remove it: the initial margin is what the loss is measured from";
            section.report("anchor", Fault::Conflict { with: "basis = \"margin\"", remedy });
        }
        return Anchor::Static;
    }
    let anchors = value::word(&[
        ("trailing", Anchor::Trailing),
        ("static", Anchor::Static),
        ("session", Anchor::Session),
        ("rolling", Anchor::Rolling(Nanos::NEVER)),
    ]);
    // The default is the tightest of them: no other anchor lies above the trailing peak.
    let anchor = section.or("anchor", Anchor::Trailing, anchors);
    if !matches!(anchor, Anchor::Rolling(_)) {
        if section.has("window") {
            let remedy = "write anchor = \"rolling\" with it, or remove it";
            section.report("window", Fault::Conflict { with: "an anchor that forgets nothing", remedy });
        }
        return anchor;
    }
    let remedy = "say how far back equity counts, as in window = \"24h\"";
    let windows = value::duration(Nanos::from_secs(1)..=Nanos::from_secs(366 * 86_400));
    let window = section.required("window", remedy, windows);
    section.note("window", "a loss slower than the window is no drawdown to it");
    window.map_or(anchor, Anchor::Rolling)
}

/// What is directed beside the halt.
pub(super) fn actions(section: &Section<'_, '_>, key: &'static str, default: Actions) -> Actions {
    let words = value::word(&[
        ("cancel_increasing", Actions::CANCEL_INCREASING),
        ("cancel_all", Actions::CANCEL_ALL),
        ("flatten", Actions::FLATTEN),
    ]);
    let listed = section.or(key, vec![default], value::list(words));
    let actions = listed.into_iter().collect::<Actions>();
    if actions.is_empty() {
        section.note(key, "none: a halt leaves every open order at the venue");
    }
    if actions.strips() {
        let remedy = "add \"flatten\", or use \"cancel_increasing\", which leaves stop-losses standing";
        let with = "the protection of positions that stay open: it would be cancelled";
        section.report(key, Fault::Conflict { with, remedy });
    }
    actions
}

/// The owner of a position is asked first, and a guard often trips because the owner is gone.
fn somebody_can_flatten(
    section: &Section<'_, '_>,
    guard: &DrawdownLimits,
    scopes: &Scopes<'_>,
    trading: &Trading,
) {
    if !guard.actions.contains(Actions::FLATTEN) {
        return;
    }
    let mut told = Vec::new();
    for (book, pair) in trading.pairs.iter().enumerate() {
        let Some((strategy, account)) = *pair else { continue };
        let has_nobody = trading.executors(account).is_some_and(|executors| executors.is_empty());
        if watches(guard.scope, book, strategy, account) && has_nobody && !told.contains(&account) {
            told.push(account);
            let account = scopes.accounts.name(account).map_or_else(String::new, |name| name.to_string());
            section.report("actions", Fault::NoExecutor { account });
        }
    }
}

/// Of published equity nobody knows what is realised and what is not: a guard on either would not measure that.
fn realised_is_known(section: &Section<'_, '_>, guard: &DrawdownLimits, trading: &Trading) {
    let lies_in = |(index, book): (usize, &BookLimits)| {
        book.published.is_some() && watches(guard.scope, index, book.strategy, book.account)
    };
    let books = trading.books.iter().enumerate().filter_map(|(index, book)| Some((index, book.as_ref()?)));
    if guard.basis != Basis::Equity && books.into_iter().any(lies_in) {
        let remedy = "write basis = \"equity\"";
        section.report("basis", Fault::Conflict { with: "a book with published equity", remedy });
    }
}

/// Realised money in another currency has no reading of its own that a stale or missing rate could make untrusted.
fn realised_is_in_one_currency(section: &Section<'_, '_>, guard: &DrawdownLimits, has_rates: bool) {
    if guard.basis == Basis::Realised && has_rates {
        let remedy = "write basis = \"equity\", which is untrusted while a rate is";
        section.report("basis", Fault::Conflict { with: "[[rate]]: money in several currencies", remedy });
    }
}

/// The same for the guards of an account, where somebody wrote that they flatten; by default its owner is asked alone.
pub(super) fn accounts_can_flatten(rows: &[AccountRow<'_, '_>], trading: &Trading) {
    for (index, (section, limits)) in rows.iter().enumerate() {
        let Some(limits) = limits else { continue };
        let auth = limits.auth.map(|counts| ("auth_repeated_actions", counts.repeated));
        let liquidation = limits.liquidation.map(|counts| ("liquidation_actions", counts.actions));
        for (key, actions) in auth.into_iter().chain(liquidation) {
            let has_nobody = trading.executors(index as u16).is_some_and(|executors| executors.is_empty());
            if section.has(key) && actions.contains(Actions::FLATTEN) && has_nobody {
                section.report(key, Fault::NoExecutor { account: limits.name.to_string() });
            }
        }
    }
}

/// Whether a book lies in the scope of a guard.
fn watches(scope: Scope, book: usize, strategy: u16, account: u16) -> bool {
    match scope {
        Scope::Account(watched) => account == watched,
        Scope::Strategy(watched) => strategy == watched,
        Scope::Book(watched) => book == usize::from(watched),
        Scope::Firm | Scope::Instrument(..) => false,
    }
}

/// One mark confirms at once; a time it should span would never be reached.
fn confirm_for(section: &Section<'_, '_>, confirm_k: u8) -> Nanos {
    let default = if confirm_k == 1 { Nanos::ZERO } else { Nanos::from_millis(50) };
    let span = section.or("confirm_for", default, value::duration(Nanos::ZERO..=Nanos::from_secs(60)));
    if confirm_k == 1 && span > Nanos::ZERO {
        let remedy = "write confirm_for = \"0s\", or more confirm_marks";
        section.report("confirm_for", Fault::Conflict { with: "confirm_marks = 1", remedy });
    }
    span
}

/// A percentage of a peak that is not positive is meaningless, and would halt at the first reading.
fn percentage_has_a_whole(section: &Section<'_, '_>, guard: &DrawdownLimits, trading: &Trading) {
    let mut capital = Some(Money::ZERO);
    for (index, book) in trading.books.iter().enumerate() {
        // A book with a problem has been reported, and its capital is not known.
        let Some(book) = book else { return };
        // Nor is that which the venue will tell.
        if book.opens_at_venue && watches(guard.scope, index, book.strategy, book.account) {
            return;
        }
        if watches(guard.scope, index, book.strategy, book.account) {
            capital = capital.and_then(|sum| sum.checked_add(book.capital));
        }
    }
    if guard.basis != Basis::Margin && guard.limit.is_some() && capital == Some(Money::ZERO) {
        let remedy = "give a book in its scope capital, or use limit_abs alone";
        section.report("limit", Fault::Conflict { with: "a scope without capital", remedy });
    }
}
