//! COLD: which layer may use which, and which module each outside crate comes in through.

use crate::source::{Source, Violation, line_of, words};

/// The arrows of docs/ARCHITECTURE.md, "Layers": what each layer may use besides itself. A path may name a module
/// inside a layer. Nothing may use `control` or `main`, so they are in nobody's row. `main` may use everything.
///
/// A new arrow is a design decision: add it here, in that chapter and as a note in docs/adr/.
pub(crate) const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sync", &[]),
    ("wire", &["model"]),
    ("shm", &["model", "wire", "sync"]),
    ("engine", &["model", "wire::stats"]),
    ("journal", &["model", "wire", "sync", "shm", "engine"]),
    ("runtime", &["model", "wire", "sync", "shm", "engine", "journal"]),
    ("keeper", &["model", "wire", "shm"]),
    ("control", &["model", "wire", "sync", "shm", "engine", "journal"]),
    ("ffi", &["model", "wire", "sync", "shm", "engine"]),
];

/// One door per outside crate: the paths (as prefixes) of the code that may name it. Replacing a crate then means
/// changing one place. Tests and benches may name any.
pub(crate) const DOORS: &[(&str, &[&str])] = &[
    ("memmap2", &["src/shm/segment"]),
    ("libc", &["src/shm/", "src/keeper", "src/runtime/pin", "src/runtime/pages", "ffi/"]),
    ("crc32c", &["src/journal/record"]),
    ("sd_notify", &["src/keeper/supervisor"]),
    ("core_affinity", &["src/runtime/pin"]),
    ("quanta", &["src/runtime/clock"]),
    ("rtrb", &["src/runtime/bridge"]),
    ("crossbeam_channel", &["src/control/"]),
    ("metrics_exporter_prometheus", &["src/control/metrics"]),
    ("metrics", &["src/control/"]),
    ("axum", &["src/control/"]),
    ("http_body_util", &["src/control/"]),
    ("hyper", &["src/control/"]),
    ("hyper_util", &["src/control/"]),
    ("tokio", &["src/control/"]),
    ("clap", &["src/control/", "src/main"]),
    ("crossterm", &["src/control/"]),
    ("csv", &["src/control/demo/", "src/control/cli/journal"]),
    ("flate2", &["src/control/demo/"]),
    ("humantime", &["src/control/"]),
    ("jiff", &["src/control/"]),
    ("rust_decimal", &["src/control/"]),
    ("postcard", &["src/engine/snapshot"]),
    ("serde_json", &["src/control/"]),
    ("toml", &["src/control/"]),
    (
        "tracing",
        &[
            "src/keeper",
            "src/journal/",
            "src/runtime/bridge",
            "src/runtime/history",
            "src/control/",
            "src/main",
        ],
    ),
    ("tracing_subscriber", &["src/control/", "src/main"]),
    // Macros that leave no trace in a signature: allowed wherever the product is.
    ("bitflags", &["src/"]),
    ("serde", &["src/control/", "src/engine/", "src/model/", "src/wire/stats"]),
    ("thiserror", &["src/"]),
];

/// Arrows between layers that the table does not have.
pub(crate) fn arrows(source: &Source) -> Vec<Violation> {
    let Some(layer) = layer_of(&source.path) else { return Vec::new() };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        let what = format!("layer `{layer}` is not in the table of layers");
        return vec![source.violation(
            0,
            what,
            "put the file into a layer, or add a row to LAYERS in tests/tidy/layers.rs",
        )];
    };
    let code = source.code();
    let references =
        if layer == "ffi" { rooted(&code, "tripline") } else { from_crate_root(&code, &source.path) };
    let is_allowed = |path: &[String]| {
        path.first().is_none_or(|first| first == layer) || allowed.iter().any(|allowed| leads(allowed, path))
    };
    references
        .into_iter()
        .map(|(offset, path)| (line_of(&code, offset), path))
        .filter(|(index, path)| !source.lines[*index].test && !is_allowed(path))
        .map(|(index, path)| {
            let what = format!("`{layer}` uses `{}`, an arrow the layers do not have", path.join("::"));
            source.violation(
                index,
                what,
                "move the code to the layer that may, or decide on the arrow in LAYERS",
            )
        })
        .collect()
}

/// Whether every part of `allowed` stands at the head of `path`.
fn leads(allowed: &str, path: &[String]) -> bool {
    let mut parts = path.iter();
    allowed.split("::").all(|part| parts.next().is_some_and(|found| found == part))
}

/// Outside crates named elsewhere than at their door.
pub(crate) fn doors(source: &Source) -> Vec<Violation> {
    let code = source.code();
    let mut violations = Vec::new();
    for (name, rooms) in DOORS.iter().filter(|(_, rooms)| !source.is_under(rooms)) {
        for at in words(&code, name).filter(|&at| names_crate(&code, at, name)) {
            let index = line_of(&code, at);
            if !source.lines[index].test {
                let what = format!("`{name}` is used outside its door ({})", rooms.join(", "));
                violations.push(source.violation(
                    index,
                    what,
                    "go through the module at the door, or move the door in DOORS",
                ));
            }
        }
    }
    violations
}

/// Dependencies of the manifest without a door, and doors without a dependency.
pub(crate) fn unlisted(manifest: &str) -> Vec<Violation> {
    let remedy = "keep DOORS in tests/tidy/layers.rs and [dependencies] in Cargo.toml in step";
    let at = |line: usize, what: String| Violation { path: "Cargo.toml".to_owned(), line, what, remedy };
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        match line.split_once('=') {
            _ if line.starts_with('[') => section = line.trim(),
            Some((name, _)) if section == "[dependencies]" && line.starts_with(char::is_alphabetic) => {
                found.push((index + 1, name.trim().replace('-', "_")))
            }
            _ => {}
        }
    }
    let listed = |name: &str| DOORS.iter().any(|(door, _)| *door == name);
    let depended = |name: &str| found.iter().any(|(_, dependency)| dependency == name);
    let missing = found
        .iter()
        .filter(|(_, name)| !listed(name))
        .map(|(l, name)| at(*l, format!("`{name}` has no door")));
    let stale = DOORS
        .iter()
        .filter(|(name, _)| !depended(name))
        .map(|(name, _)| at(1, format!("no dependency `{name}`")));
    missing.chain(stale).collect()
}

/// The layer a file belongs to; `None` for the crate root, the program and what is not the product.
fn layer_of(path: &str) -> Option<&str> {
    if path.starts_with("ffi/") {
        return Some("ffi");
    }
    let first = path.strip_prefix("src/")?.split('/').next()?;
    let layer = first.strip_suffix(".rs").unwrap_or(first);
    (layer != "lib" && layer != "main").then_some(layer)
}

/// Whether the crate name at `at` is the head of a path or an import, not a module or variable of that name.
fn names_crate(code: &str, at: usize, name: &str) -> bool {
    let (before, after) = (code[..at].trim_end(), code[at + name.len()..].trim_start());
    let is_head = match before.strip_suffix("::") {
        // `::name` from the root names a crate; `a::name` does not.
        Some(outer) => !outer.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>'),
        None => true,
    };
    let imported = before.ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
    is_head && (after.starts_with("::") || imported)
}

/// Every path that starts at the crate's root, by `crate::` or by enough `super::`.
fn from_crate_root(code: &str, path: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = rooted(code, "crate");
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let climb = "super::".repeat(inner.split('/').count());
    for at in words(code, "super").filter(|&at| !code[..at].ends_with("::")) {
        if code[at..].starts_with(&climb) {
            expand(&code[at + climb.len()..], &mut Vec::new(), &mut |path| found.push((at, path)));
        }
    }
    found
}

/// Every path whose head is `root`, without the head; groups of an import are spread out.
pub(crate) fn rooted(code: &str, root: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for at in words(code, root).filter(|&at| names_crate(code, at, root)) {
        if let Some(rest) = code[at + root.len()..].trim_start().strip_prefix("::") {
            expand(rest, &mut Vec::new(), &mut |path| found.push((at, path)));
        }
    }
    found
}

/// Reads one path or group at the head of `code` and hands out each full path. Returns what follows.
fn expand<'a>(code: &'a str, prefix: &mut Vec<String>, emit: &mut dyn FnMut(Vec<String>)) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = expand(rest, prefix, emit).trim_start();
            // ` as name` and the comma; anything unforeseen ends the group instead of looping.
            rest =
                rest.find([',', '}']).map_or("", |end| rest[end..].strip_prefix(',').unwrap_or(&rest[end..]));
            if rest.is_empty() || rest.len() == before {
                return "";
            }
        }
    }
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    if name.is_empty() {
        emit(prefix.clone());
        return rest.strip_prefix('*').unwrap_or(rest);
    }
    prefix.push(name.to_owned());
    let rest = match rest.trim_start().strip_prefix("::") {
        Some(inner) => expand(inner, prefix, emit),
        None => {
            emit(prefix.clone());
            rest
        }
    };
    prefix.pop();
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows_of(path: &str, text: &str) -> usize {
        arrows(&Source::parse(path, text)).len()
    }

    #[test]
    fn arrows_that_the_table_lacks_are_found() {
        for (path, text) in [
            ("src/model/units.rs", "use crate::wire::record;"),
            ("src/engine/ledger.rs", "use crate::shm::lane;"),
            ("src/engine/ledger.rs", "use crate::wire::record::encode;"),
            ("src/engine/ledger.rs", "use crate::{model::Bps, wire::{stats::Row, layout}};"),
            ("src/engine/mod.rs", "fn f() { super::runtime::boot(); }"),
            ("src/engine/ledger.rs", "fn f() { super::super::runtime::boot(); }"),
            ("src/wire/record.rs", "macro_rules! m { () => { $crate::shm::x() } }"),
            ("src/runtime/boot.rs", "use crate::control::config;"),
            ("src/keeper.rs", "use crate::main;"),
            ("src/sync.rs", "use crate::model::Bps;"),
            ("src/novel/mod.rs", ""),
            ("ffi/src/lib.rs", "use tripline::runtime;"),
            ("ffi/src/lib.rs", "use tripline::{shm, control::demo as d};"),
        ] {
            assert_eq!(arrows_of(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn arrows_of_the_table_and_tests_pass() {
        for (path, text) in [
            ("src/engine/ledger.rs", "use crate::{model::*, wire::stats::{Row, Cell}, engine::limits};"),
            ("src/engine/ledger.rs", "use super::limits; fn f() { crate::model::Bps(1); }"),
            ("src/engine/ledger.rs", "#[cfg(test)]\nmod tests { use crate::shm; }"),
            ("src/engine/ledger.rs", "// crate::shm\nlet a = \"crate::shm\";"),
            ("src/control/demo/mod.rs", "use crate::shm::x; pub(in crate::control) fn f() {}"),
            ("src/main.rs", "use tripline::control;"),
            ("src/lib.rs", "pub use crate::engine::Limits;"),
            ("ffi/src/lib.rs", "use tripline::shm::gate; mod x { use crate::y; }"),
            ("tests/a.rs", "use tripline::control;"),
        ] {
            assert_eq!(arrows_of(path, text), 0, "{path}: {text}");
        }
    }

    #[test]
    fn crates_beside_their_door_are_found() {
        for (path, text, count) in [
            ("src/engine/ledger.rs", "use libc::c_int;", 1),
            ("src/control/demo/mod.rs", "unsafe { libc::kill(1, 2) }", 1),
            ("src/runtime/boot.rs", "let c = ::quanta::Clock::new();", 1),
            ("src/runtime/boot.rs", "use core_affinity as affinity;", 1),
            ("src/shm/lane.rs", "use memmap2::MmapRaw;", 1),
            ("src/control/mod.rs", "use metrics_exporter_prometheus::x;", 1),
            ("src/shm/segment.rs", "use memmap2::MmapRaw; use libc::c_int;", 0),
            ("src/runtime/pin.rs", "core_affinity::set_for_current(id); libc::sched_getcpu();", 0),
            ("src/engine/ledger.rs", "let metrics = self.metrics; self::csv::read(); a::tokio::b();", 0),
            ("src/engine/ledger.rs", "#[cfg(test)]\nmod tests { use libc::c_int; }", 0),
            ("tests/a.rs", "use libc::c_int;", 0),
        ] {
            assert_eq!(doors(&Source::parse(path, text)).len(), count, "{path}: {text}");
        }
    }

    #[test]
    fn a_dependency_without_a_door_and_a_door_without_one_are_found() {
        let all: String =
            DOORS.iter().map(|(name, _)| format!("{} = \"1\"\n", name.replace('_', "-"))).collect();
        assert_eq!(
            unlisted(&format!(
                "[package]\nname = \"x\"\n[dependencies]\n{all}[dev-dependencies]\ny = \"1\"\n"
            )),
            []
        );
        assert_eq!(unlisted(&format!("[dependencies]\n{all}left-pad = \"1\"\n")).len(), 1);
        assert_eq!(unlisted(&format!("[dependencies]\n{}", all.replace("tokio = ", "smol = "))).len(), 2);
        assert_eq!(unlisted(&format!("[dependencies]\n{}", all.replace("tokio = ", "# tokio = "))).len(), 1);
    }
}
