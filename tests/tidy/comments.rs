//! COLD: what must be said beside dangerous code: SAFETY beside unsafe, SYNC beside memory orders, lints in hot modules.

use std::collections::BTreeMap;

use crate::source::{Line, Source, Violation, closing, line_of, words};

/// Code that shares memory between threads or processes: every ordering there carries its label.
const SYNCED: &[&str] = &["src/shm", "src/sync.rs", "src/runtime", "src/engine"];
/// Where labels may stand: the strategy's end of a pair can be in the C ABI.
const LABELLED: &[&str] = &["src/", "ffi/"];
/// Lines above an ordering in which its comment is looked for.
const NEARBY: usize = 3;
/// What a hot module denies.
const HOT_LINTS: [&str; 4] = [
    "clippy::float_arithmetic",
    "clippy::arithmetic_side_effects",
    "clippy::unwrap_used",
    "clippy::expect_used",
];
const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Unsafe blocks and impls without their argument.
pub(crate) fn safety(source: &Source) -> Vec<Violation> {
    let code = source.code();
    words(&code, "unsafe")
        .filter(|at| {
            let after = code[at + "unsafe".len()..].trim_start();
            after.starts_with('{') || words(after, "impl").next() == Some(0)
        })
        .map(|at| line_of(&code, at))
        .filter(|&index| !explained(&source.lines, index))
        .map(|index| {
            let what = "unsafe without a SAFETY comment".to_owned();
            source.violation(index, what, "write `// SAFETY:` above it: the invariant, and who upholds it")
        })
        .collect()
}

/// Whether the statement that `index` is part of has a SAFETY comment on it or right above it.
fn explained(lines: &[Line], index: usize) -> bool {
    let mut at = index;
    loop {
        if lines[at].comment.contains("SAFETY:") {
            return true;
        }
        let Some(above) = at.checked_sub(1) else { return false };
        let code = lines[above].code.trim();
        let ended = code.ends_with([';', '{', '}', ',']);
        let blank = code.is_empty() && lines[above].comment.is_empty();
        if blank || (ended && !code.starts_with("#[")) {
            return false;
        }
        at = above;
    }
}

/// Memory orders without a label or a reason.
pub(crate) fn orderings(source: &Source) -> Vec<Violation> {
    if !source.is_under(SYNCED) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (index, line) in source.product() {
        for at in words(&line.code, "Ordering") {
            let Some(rest) = line.code[at + "Ordering".len()..].strip_prefix("::") else { continue };
            let code = line.code.trim_start();
            let imported = code.starts_with("use ") || code.starts_with("pub use ");
            let Some(order) = ORDERINGS.iter().find(|order| words(rest, order).next() == Some(0)) else {
                if rest.starts_with(['{', '*']) {
                    let what = "memory orders are imported by name".to_owned();
                    violations.push(source.violation(
                        index,
                        what,
                        "write `Ordering::…` at each use, beside its label",
                    ));
                }
                continue;
            };
            let comment = comments_near(&source.lines, index);
            let relaxed =
                *order == "Relaxed" && ["Relaxed:", "Relaxed,"].iter().any(|reason| comment.contains(reason));
            if imported || (!relaxed && labels(&comment).is_empty()) {
                let what = format!("Ordering::{order} without a label");
                let remedy = "write `// SYNC(label): pairs with …` within three lines above, or `// Relaxed:` and why nothing is published";
                violations.push(source.violation(index, what, remedy));
            }
        }
    }
    violations
}

/// The comments on a line and above it; a block of comments that begins further up counts whole.
fn comments_near(lines: &[Line], index: usize) -> String {
    let mut first = index.saturating_sub(NEARBY);
    let is_comment = |line: &Line| line.code.trim().is_empty() && !line.comment.is_empty();
    while first > 0 && is_comment(&lines[first]) && is_comment(&lines[first - 1]) {
        first -= 1;
    }
    lines[first..=index].iter().map(|line| line.comment.as_str()).collect::<Vec<_>>().join(" ")
}

/// The labels of `SYNC(…)` marks.
fn labels(comment: &str) -> Vec<&str> {
    comment.split("SYNC(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(label, _)| label).collect()
}

/// Labels that stand at one end only.
pub(crate) fn lonely_labels(sources: &[Source]) -> Vec<Violation> {
    let mut ends: BTreeMap<&str, Vec<(&Source, usize)>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_under(LABELLED)) {
        for (index, line) in source.product() {
            for label in labels(&line.comment) {
                ends.entry(label).or_default().push((source, index));
            }
        }
    }
    ends.iter()
        .filter(|(_, places)| places.len() == 1)
        .map(|(label, places)| {
            let (source, index) = places[0];
            let what = format!("SYNC({label}) stands at one end only");
            source.violation(index, what, "give the ordering it pairs with the same label")
        })
        .collect()
}

/// Hot modules that do not deny what is forbidden there. Lints go down the tree of modules, so a parent's deny counts.
pub(crate) fn hot_lints(sources: &[Source]) -> Vec<Violation> {
    let is_hot =
        |source: &&Source| source.lines.first().is_some_and(|line| line.comment.starts_with("//! HOT:"));
    let mut violations = Vec::new();
    for source in sources.iter().filter(is_hot) {
        let above = sources.iter().filter(|other| is_module_around(&other.path, &source.path));
        let denied: String = above.map(denied).collect();
        for lint in HOT_LINTS.iter().filter(|lint| words(&denied, lint).next().is_none()) {
            let what = format!("a HOT module does not deny {lint}");
            let remedy =
                "add it to the `#![deny(…)]` below the documentation of this module or of one around it";
            violations.push(source.violation(0, what, remedy));
        }
    }
    violations
}

/// Whether the module of file `outer` is that of file `inner` or lies around it. The crate root does not count: what
/// is hot says so closer by.
fn is_module_around(outer: &str, inner: &str) -> bool {
    let folder = outer.strip_suffix("/mod.rs").or(outer.strip_suffix(".rs")).unwrap_or(outer);
    outer == inner || inner.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The text of a file's inner deny attributes.
fn denied(source: &Source) -> String {
    let code = source.code();
    ["#![deny(", "#![forbid("]
        .iter()
        .flat_map(|attribute| code.match_indices(attribute).map(|(at, _)| at))
        .filter_map(|at| code.get(at..closing(&code, at + 2)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::parse("src/shm/lane.rs", text)
    }

    #[test]
    fn unsafe_without_its_argument_is_found() {
        for text in [
            "fn f() {\n    unsafe { g() }\n}",
            "// SAFETY: of the line above only.\nlet a = 1;\nlet b = unsafe { g() };",
            "// Safety is not argued.\nunsafe impl Send for A {}",
            "// SAFETY: for Send.\nunsafe impl Send for A {}\nunsafe impl Sync for A {}",
            "// SAFETY: too far away.\n\nunsafe { g() }",
            "let a = unsafe { f() }; // SAFETY: for f.\nlet b = unsafe { g() };",
            "let text = \"SAFETY:\";\nunsafe{ g() }",
        ] {
            assert_eq!(safety(&source(text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn argued_unsafe_and_declarations_pass() {
        for text in [
            "// SAFETY: the segment outlives the lane.\nunsafe { g() }",
            "// SAFETY: argued at\n// some length.\n#[allow(dead_code)]\nunsafe impl Send for A {}",
            "let a = unsafe { g() }; // SAFETY: same line.",
            "// SAFETY: of the whole statement.\nlet a = f(\n    unsafe { g() }\n);",
            "/// # Safety\n/// Callers check.\npub unsafe fn f() {}",
            "#[unsafe(no_mangle)]\nextern \"C\" fn f() {}\ntype F = unsafe extern \"C\" fn();",
            "#![allow(unsafe_code)]",
        ] {
            assert_eq!(safety(&source(text)), [], "{text}");
        }
    }

    #[test]
    fn orders_without_a_label_are_found() {
        for text in [
            "a.load(Ordering::Acquire);",
            "// Relaxed: not for acquire.\na.load(Ordering::Acquire);",
            "a.store(1, Ordering::Relaxed);",
            "// SYNC(x): too far.\nb;\nc;\nd;\na.load(Ordering::SeqCst);",
            "use crate::sync::Ordering::{Acquire, Release};",
            "use crate::sync::Ordering::Relaxed;",
        ] {
            assert_eq!(orderings(&source(text)).len(), 1, "{text}");
        }
        let elsewhere = Source::parse("src/control/mod.rs", "a.load(Ordering::Acquire);");
        assert_eq!(orderings(&elsewhere), []);
    }

    #[test]
    fn labelled_orders_pass() {
        for text in [
            "// SYNC(slot): pairs with pop.\na.store(1, Ordering::Release);",
            "a.load(Ordering::Acquire); // SYNC(slot)",
            "// Relaxed: only this thread writes it.\na.load(Ordering::Relaxed);",
            "// Relaxed, both: only this thread writes them.\na.load(Ordering::Relaxed);\nb.load(Ordering::Relaxed);",
            "// SYNC(slot): a long\n// argument\n// of many\n// lines.\na.store(\n    1,\n    Ordering::Release,\n);",
            "use crate::sync::Ordering;\nmatch a.cmp(b) { Ordering::Less => 1, _ => 2 };",
            "#[cfg(test)]\nmod tests { fn f() { a.load(Ordering::SeqCst); } }",
        ] {
            assert_eq!(orderings(&source(text)), [], "{text}");
        }
    }

    #[test]
    fn a_label_needs_its_other_end() {
        let (one, other) =
            (source("// SYNC(a): x\n// SYNC(b): y"), Source::parse("ffi/src/lib.rs", "// SYNC(a): z"));
        let found = lonely_labels(&[one, other]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("SYNC(b)") && found[0].line == 2);
    }

    #[test]
    fn hot_modules_without_the_lints_are_found() {
        let all = HOT_LINTS.join(", ");
        let found = |text: &str| hot_lints(&[source(text)]).len();
        assert_eq!(found("//! HOT: a ring.\nfn f() {}"), 4);
        let most = HOT_LINTS[1..].join(",\n    ");
        assert_eq!(found(&format!("//! HOT: a ring.\n\n#![deny(\n    {most}\n)]")), 1);
        assert_eq!(found(&format!("//! HOT: a ring.\n// #![deny({all})]")), 4);
        assert_eq!(found(&format!("//! HOT: a ring.\n#![deny({all})]")), 0);
        assert_eq!(found("//! COLD: anything."), 0);
    }

    #[test]
    fn a_module_around_a_hot_one_denies_for_it_and_a_neighbour_does_not() {
        let all = HOT_LINTS.join(", ");
        for (around, count) in [
            ("src/shm/mod.rs", 0),
            ("src/shm.rs", 0),
            ("src/shm/ring.rs", 0),
            ("src/shm/lane.rs", 4),
            ("src/lib.rs", 4),
            ("src/sh.rs", 4),
        ] {
            let sources = [
                Source::parse(around, &format!("#![deny({all})]")),
                Source::parse("src/shm/ring/slots.rs", "//! HOT: slots."),
            ];
            assert_eq!(hot_lints(&sources).len(), count, "{around}");
        }
    }
}
