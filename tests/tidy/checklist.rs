//! COLD: the checklist of docs/rules.md: each rule beside its reason code, its module and the tests that hold it.
//!
//! A table has four columns: the rule, the reason codes, the modules, and what holds it. Whatever stands in backticks
//! in the last three has to exist. A rule without a test says "not built" there.

use std::collections::BTreeSet;

use crate::source::Violation;

pub(crate) const PATH: &str = "docs/rules.md";
const NOT_BUILT: &str = "not built";
const COLUMNS: usize = 4;

/// Reason codes of rules that the checklist does not list: rate limits and their queue, liveness, market and
/// throughput guards, modes, hand-over, and the sidecar's own health.
const ELSEWHERE: &[&str] = &[
    "WARMUP",
    "LEASE_EXPIRED",
    "NO_EXECUTOR",
    "LIQUIDATION_DISTANCE",
    "BANNED",
    "QUEUE_FULL",
    "EXPIRED",
    "SUPERSEDED",
    "BACKPRESSURE",
    "SUPERVISOR",
    "STREAM",
    "DATABASE",
    "VENUE_DOWN",
    "BOOK",
    "VOLATILITY",
    "FILL_RATIO",
    "ACK_LATENCY",
    "TRADE_RATE",
    "CANCEL_RATIO",
    "GAUGE",
    "TRIGGER",
    "ALERT",
    "DRILL",
    "FLEET",
    "REPLAY",
    "CLIENT_DEAD",
    "STALL",
    "JOURNAL_LAG",
    "VIOLATION",
    "LAG",
    "UNRECORDED",
];

/// One rule.
#[derive(Debug)]
pub(crate) struct Row {
    /// From 1.
    line: usize,
    cells: Vec<String>,
}

impl Row {
    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn reasons(&self) -> impl Iterator<Item = &str> {
        quoted(self.cell(1))
    }

    fn modules(&self) -> impl Iterator<Item = &str> {
        quoted(self.cell(2))
    }

    fn tests(&self) -> impl Iterator<Item = &str> {
        quoted(self.cell(3))
    }

    fn violation(&self, what: String, remedy: &'static str) -> Violation {
        Violation { path: PATH.to_owned(), line: self.line, what, remedy }
    }
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The rules of every table.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_body = false;
    for (index, line) in text.lines().enumerate() {
        let Some(line) = line.trim().strip_prefix('|') else {
            is_body = false;
            continue;
        };
        let cells: Vec<String> =
            line.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if is_body {
            rows.push(Row { line: index + 1, cells });
        }
        is_body |= line.starts_with("---");
    }
    rows
}

/// The names of the table of reasons, as its source declares them: `101 "UNARMED" Unarmed,`.
pub(crate) fn reasons(source: &str) -> BTreeSet<&str> {
    let declares = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    source.lines().filter(declares).filter_map(|line| line.split('"').nth(1)).collect()
}

/// Rows that are no rows, or that neither name a test nor say that there is nothing to test.
pub(crate) fn unproven(rows: &[Row]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for row in rows {
        if row.cells.len() != COLUMNS || row.cell(0).is_empty() {
            let what = format!("a rule with {} cells", row.cells.len());
            violations.push(row.violation(what, "rule, reason codes, modules, what holds it; no | inside"));
        } else if row.tests().next().is_none() && !row.cell(3).contains(NOT_BUILT) {
            let what = "a rule that nothing holds".to_owned();
            violations
                .push(row.violation(what, "name its test as `target module::name`, or say \"not built\""));
        }
    }
    violations
}

/// Tests that nobody would find.
pub(crate) fn unknown_tests(rows: &[Row], tests: &BTreeSet<String>) -> Vec<Violation> {
    let remedy = "write it as `target module::name`, as the test runner lists it";
    let named = rows.iter().flat_map(|row| row.tests().map(move |test| (row, test)));
    let lost = named.filter(|(_, test)| !tests.contains(*test));
    lost.map(|(row, test)| row.violation(format!("there is no test `{test}`"), remedy)).collect()
}

/// Modules that are not there. `exists` knows the paths below src.
pub(crate) fn unknown_modules(rows: &[Row], exists: impl Fn(&str) -> bool) -> Vec<Violation> {
    let remedy = "write the path of a file below src/";
    let named = rows.iter().flat_map(|row| row.modules().map(move |module| (row, module)));
    let lost = named.filter(|(_, module)| !exists(module));
    lost.map(|(row, module)| row.violation(format!("there is no src/{module}"), remedy)).collect()
}

/// Reason codes that nobody sends.
pub(crate) fn unknown_reasons(rows: &[Row], reasons: &BTreeSet<&str>) -> Vec<Violation> {
    let remedy = "write the name that src/model/reason.rs gives it";
    let named = rows.iter().flat_map(|row| row.reasons().map(move |reason| (row, reason)));
    let lost = named.filter(|(_, reason)| !reasons.contains(reason));
    lost.map(|(row, reason)| row.violation(format!("there is no reason {reason}"), remedy)).collect()
}

/// Reason codes that no rule explains, and codes that are said to be explained elsewhere and are not, or no more.
pub(crate) fn missing_reasons(rows: &[Row], reasons: &BTreeSet<&str>) -> Vec<Violation> {
    missing(rows, reasons, ELSEWHERE)
}

fn missing(rows: &[Row], reasons: &BTreeSet<&str>, elsewhere: &[&str]) -> Vec<Violation> {
    let listed: BTreeSet<&str> = rows.iter().flat_map(Row::reasons).collect();
    let whole = |what, remedy| Violation { path: PATH.to_owned(), line: 1, what, remedy };
    let lost = reasons.iter().filter(|reason| !listed.contains(*reason) && !elsewhere.contains(reason));
    let stale = elsewhere.iter().filter(|reason| listed.contains(*reason) || !reasons.contains(*reason));
    lost.map(|reason| whole(format!("no rule has the reason {reason}"), "add the rule it belongs to"))
        .chain(stale.map(|reason| {
            let what = format!("{reason} is listed, or is none, and yet said to be of elsewhere");
            whole(what, "take it off ELSEWHERE in tests/tidy/checklist.rs")
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| Rule | Reason | Where | Held by |\n|---|---|---|---|\n";

    fn table(row: &str) -> Vec<Row> {
        rows(&format!("# Rules\n\n{HEAD}{row}\n\nThe | end.\n"))
    }

    fn whats(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.what.as_str()).collect()
    }

    #[test]
    fn the_rows_of_tables_are_rules_and_heads_are_not() {
        let rows = rows(&format!("{HEAD}| a | b | c | d |\n\ntext | x\n\n{HEAD}| e | f | g | h |\n"));
        let seen: Vec<_> = rows.iter().map(|row| (row.line, row.cell(0), row.cell(3))).collect();
        assert_eq!(seen, [(3, "a", "d"), (9, "e", "h")]);
    }

    #[test]
    fn a_rule_without_test_says_that_it_is_not_built() {
        for good in ["| a | none | none | not built |", "| a | none | none | `t x`: 1, 2 |"] {
            assert_eq!(unproven(&table(good)), [], "{good}");
        }
        assert_eq!(whats(&unproven(&table("| a | none | none | t x |"))), ["a rule that nothing holds"]);
        for (bad, what) in
            [("| a | none | `t x` |", "3"), ("| a | b | c | d | `t x` |", "5"), ("| | b | c | `t x` |", "4")]
        {
            assert_eq!(whats(&unproven(&table(bad))), [format!("a rule with {what} cells")], "{bad}");
        }
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let tests = BTreeSet::from(["t m::x".to_owned()]);
        let rows = table("| a | none | none | `t m::x` and `t x`: 1 |");
        assert_eq!(whats(&unknown_tests(&rows, &tests)), ["there is no test `t x`"]);
        assert_eq!(unknown_tests(&rows, &tests)[0].line, 5);
    }

    #[test]
    fn a_module_that_is_not_there_is_found() {
        let rows = table("| a | none | `m/a.rs`, `m/b.rs` | `t x` |");
        assert_eq!(whats(&unknown_modules(&rows, |path| path == "m/a.rs")), ["there is no src/m/b.rs"]);
    }

    #[test]
    fn a_reason_that_is_not_there_is_found() {
        let rows = table("| a | `ONE`, `TWO` | none | `t x` |");
        assert_eq!(whats(&unknown_reasons(&rows, &BTreeSet::from(["ONE"]))), ["there is no reason TWO"]);
    }

    #[test]
    fn a_reason_without_a_rule_is_found_and_so_is_one_with_two_homes() {
        let all = BTreeSet::from(["ONE", "TWO", "THREE"]);
        let rows = table("| a | `ONE` | none | `t x` |");
        assert_eq!(missing(&rows, &all, &["TWO", "THREE"]), []);
        assert_eq!(whats(&missing(&rows, &all, &["TWO"])), ["no rule has the reason THREE"]);
        let stale = |reason| format!("{reason} is listed, or is none, and yet said to be of elsewhere");
        let homes = ["ONE", "TWO", "THREE", "FOUR"];
        assert_eq!(whats(&missing(&rows, &all, &homes)), [stale("ONE"), stale("FOUR")]);
    }

    #[test]
    fn reasons_are_read_from_the_lines_that_declare_them() {
        let source =
            "/// \"NONE\"\nreasons! {\n    /// Why.\n    101 \"ONE\" One,\n    102 \"TWO\" Two,\n}\n";
        assert_eq!(reasons(source), BTreeSet::from(["ONE", "TWO"]));
    }
}
