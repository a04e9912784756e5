//! COLD: what the libraries export, with which signatures, and what they are built from.

use std::collections::BTreeSet;
use std::process::Command;

use super::header::exported;
use super::toolchain::{at, library, read, succeed};

const NM_REMEDY: &str = "apt-get install binutils, or dnf install binutils";

/// Names that a library defines for others, by `nm`'s letter for global code and data.
fn defined(file: &str, arguments: &[&str]) -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(arguments).args(["--defined-only", "--extern-only"]).arg(library().join(file));
    // An address, a letter and a name; lines between them say which file of an archive follows, or that a plug-in of
    // binutils cannot read one of them.
    succeed(&mut nm, NM_REMEDY)
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.len() == 3 && fields[1].len() == 1)
        .map(|fields| fields[2].to_owned())
        .collect()
}

fn declared() -> BTreeSet<String> {
    exported().into_iter().map(|function| function.name).collect()
}

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    // A shared library made by rustc hides everything else, rust_eh_personality too, so that no name is tolerated.
    assert_eq!(
        defined("libtripline.so", &["-D"]),
        declared(),
        "reproduce: nm -D --defined-only libtripline.so"
    );
}

#[test]
fn the_static_library_has_every_function_and_no_other_name_with_our_prefix() {
    let ours: BTreeSet<String> =
        defined("libtripline.a", &[]).into_iter().filter(|name| name.starts_with("tripline_")).collect();
    assert_eq!(ours, declared(), "reproduce: nm --defined-only libtripline.a");
}

#[test]
fn names_outside_our_prefix_in_the_static_library_are_those_of_the_rust_runtime() {
    // A C program that links the archive shares one name space with it. Mangled names (_R, _ZN) and reserved ones
    // (starting with an underscore) cannot be a program's own; these are the rest.
    let theirs = ["rust_eh_personality", "DW.ref.rust_eh_personality"];
    let strange: Vec<String> = defined("libtripline.a", &[])
        .into_iter()
        .filter(|name| !name.starts_with("tripline_") && !name.starts_with('_'))
        .filter(|name| !theirs.contains(&name.as_str()))
        .collect();
    assert!(
        strange.is_empty(),
        "libtripline.a also defines {strange:?}: a program may have such names itself"
    );
}

/// The signatures of the library's functions in C's words, read from its source.
fn signatures() -> Vec<(String, Vec<String>)> {
    let sources =
        ["attach", "events", "messages", "text"].map(|name| read(&format!("ffi/src/{name}.rs"))).concat();
    sources
        .split("extern \"C\" fn ")
        .skip(1)
        .map(|text| {
            let (name, rest) = text.split_once('(').expect("parameters begin");
            let (parameters, rest) = rest.split_once(')').expect("parameters end");
            let result = rest.split('{').next().unwrap_or_default().trim().trim_start_matches("->");
            let types =
                parameters.split(',').filter_map(|parameter| parameter.split_once(':')).map(|(_, ty)| ty);
            (name.to_owned(), std::iter::once(result).chain(types).map(in_c).collect())
        })
        .collect()
}

fn in_c(rust: &str) -> String {
    let rust = rust.trim();
    match (rust.strip_prefix("*const "), rust.strip_prefix("*mut ")) {
        (Some(target), _) => pointer(&format!("const {}", in_c(target))),
        (_, Some(target)) => pointer(&in_c(target)),
        _ => match rust {
            "i32" | "u8" | "u16" | "u32" | "u64" | "i64" => {
                let sign = if rust.starts_with('u') { "u" } else { "" };
                format!("{sign}int{}_t", &rust[1..])
            }
            "c_char" => "char".to_owned(),
            name => name.to_owned(),
        },
    }
}

fn pointer(target: &str) -> String {
    if target.ends_with('*') { format!("{target}*") } else { format!("{target} *") }
}

#[test]
fn every_function_has_in_rust_the_signature_that_the_header_declares() {
    let rust = signatures();
    for function in exported() {
        let found = rust.iter().find(|(name, _)| *name == function.name);
        assert_eq!(found.map(|(_, types)| types), Some(&function.types), "{}", function.name);
    }
    assert_eq!(rust.len(), exported().len(), "a function that the header does not declare");
}

#[test]
fn what_a_strategy_links_is_small_and_brings_no_runtime() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(at("")).args([
        "tree",
        "--locked",
        "-p",
        "tripline-ffi",
        "-e",
        "normal",
        "--no-default-features",
        "--prefix",
        "none",
    ]);
    let tree = succeed(&mut cargo, "run the test through cargo");
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("tripline"), "cargo tree printed something else: {tree}");
    assert!(crates.len() <= 12, "{} crates, more than 12: {crates:?}", crates.len());
    let cold = ["tokio", "axum", "serde", "hyper", "metrics"];
    assert!(cold.iter().all(|name| !crates.contains(name)), "cold crates reach the strategy: {crates:?}");
}
