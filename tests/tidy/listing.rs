//! COLD: which tests there are, by the names under which the test runner lists them.
//!
//! A target is `lib`, `bin` or the name of a file in tests/; a test is its path of modules from there. Both are read
//! from the sources, so that nothing has to be built to know them.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, closing, line_of, words};

/// The text of each Rust file by its path, relative to the repository.
pub(crate) type Texts = BTreeMap<String, String>;

/// A module of a file, by the part of the code that it is.
struct Inline {
    name: String,
    starts: usize,
    ends: usize,
}

/// Every test as `target module::name`.
pub(crate) fn tests(texts: &Texts) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in texts.keys() {
        if let Some(target) = target(path) {
            collect(texts, path, true, &format!("{target} "), &mut found);
        }
    }
    found
}

/// The target whose root this file is.
fn target(path: &str) -> Option<&str> {
    match path {
        "src/lib.rs" => Some("lib"),
        "src/main.rs" => Some("bin"),
        _ => path.strip_prefix("tests/")?.strip_suffix(".rs").filter(|name| !name.contains('/')),
    }
}

fn collect(texts: &Texts, path: &str, is_root: bool, prefix: &str, found: &mut BTreeSet<String>) {
    let Some(text) = texts.get(path) else { return };
    let source = Source::parse(path, text);
    let code = source.code();
    let inline = inline(&code);
    let within = |at: usize| -> String {
        let around = inline.iter().filter(|module| (module.starts..module.ends).contains(&at));
        around.map(|module| format!("{}::", module.name)).collect()
    };
    for (at, _) in code.match_indices("#[test]") {
        let function = words(&code[at..], "fn").next().map(|fn_at| ident(&code[at + fn_at + "fn".len()..]));
        // Without a name it is a macro's pattern of a test.
        if let Some(name) = function.filter(|name| !name.is_empty()) {
            found.insert(format!("{prefix}{}{name}", within(at)));
        }
    }
    let raw: Vec<&str> = text.lines().collect();
    for at in words(&code, "mod") {
        let name = ident(&code[at + "mod".len()..]);
        if name.is_empty() || !ends_at_once(&code[at..]) {
            continue;
        }
        let below = format!("{prefix}{}{name}::", within(at));
        let files = match named_path(&raw, line_of(&code, at)) {
            Some(named) => vec![format!("{}/{named}", folder(path))],
            None => {
                let folder = format!("{}/{}", children(path, is_root), within(at).replace("::", "/"));
                let folder = folder.trim_end_matches('/');
                vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
            }
        };
        files.iter().for_each(|file| collect(texts, file, false, &below, found));
    }
}

/// The modules written out in this code, the outer ones first.
fn inline(code: &str) -> Vec<Inline> {
    let modules = words(code, "mod").filter_map(|at| {
        let name = ident(&code[at + "mod".len()..]);
        let open = at + code[at..].find(['{', ';'])?;
        (code[open..].starts_with('{') && !name.is_empty())
            .then(|| Some(Inline { name: name.to_owned(), starts: open, ends: closing(code, open)? }))
            .flatten()
    });
    modules.collect()
}

/// The identifier that `code` starts with, behind spaces.
fn ident(code: &str) -> &str {
    let code = code.trim_start();
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    &code[..end]
}

/// Whether a `mod` is a file of its own.
fn ends_at_once(code: &str) -> bool {
    code.find(['{', ';']).is_some_and(|at| code[at..].starts_with(';'))
}

/// What `#[path = "…"]` right above this line says.
fn named_path<'a>(raw: &[&'a str], line: usize) -> Option<&'a str> {
    let above = raw[..line].iter().rev().map(|line| line.trim()).take_while(|line| line.starts_with("#["));
    above.filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]")).next()
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Where the files of this file's modules are.
fn children(path: &str, is_root: bool) -> &str {
    if is_root || path.ends_with("/mod.rs") { folder(path) } else { path.trim_end_matches(".rs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(files: &[(&str, &str)]) -> Vec<String> {
        let texts = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
        tests(&texts).into_iter().collect()
    }

    #[test]
    fn a_test_is_named_by_its_target_and_its_modules() {
        let files = [
            ("src/lib.rs", "pub mod a;\nmod b { #[cfg(test)]\nmod tests { #[test]\nfn c() {} } fn d() {} }"),
            ("src/a/mod.rs", "mod e;\nmod f;"),
            ("src/a/e.rs", "#[cfg(test)]\nmod tests;\n// #[test] fn g() {}\n"),
            ("src/a/e/tests.rs", "#[test]\n#[should_panic]\nfn h() {}\nfn i() {}\nmod deeper;"),
            ("src/a/e/tests/deeper.rs", "#[test] fn j() {}"),
            ("src/main.rs", "#[test] fn k() {}"),
        ];
        let names = ["bin k", "lib a::e::tests::deeper::j", "lib a::e::tests::h", "lib b::tests::c"];
        assert_eq!(listed(&files), names);
    }

    #[test]
    fn files_in_tests_are_targets_and_may_name_the_files_of_their_modules() {
        let files = [
            ("tests/l.rs", "mod support;\n#[path = \"l/m.rs\"]\nmod n;\n#[test]\nfn o() {}"),
            ("tests/l/m.rs", "#[test] fn p() {} mod q;"),
            ("tests/l/m/q.rs", "#[test] fn r() {}"),
            ("tests/support/mod.rs", "mod s;"),
            ("tests/support/s.rs", "#[test] fn t() {}"),
        ];
        assert_eq!(listed(&files), ["l n::p", "l n::q::r", "l o", "l support::s::t"]);
    }

    #[test]
    fn properties_are_tests_and_patterns_of_macros_are_not() {
        let text = "proptest! {\n#![proptest_config(x)]\n/// y\n#[test]\nfn u(v in 0..9) {} }\n\
            macro_rules! w { ($n:ident) => { #[test] fn $n() {} } }\nconst X: &str = \"#[test] fn y() {}\";";
        assert_eq!(listed(&[("tests/z.rs", text)]), ["z u"]);
    }
}
