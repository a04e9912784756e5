//! COLD: every number of the header, as C sees it, is the one Rust means, and no number of either is missing.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt::Debug;
use std::process::Command;

use tripline::model::event::{
    DirectiveStatus, DoneStatus, FIRST_SIDECAR_KIND, Initiator, Intent, OrderAction, OrderType, RejectClass,
    TimeInForce,
};
use tripline::model::verdict::{DirectiveKind, Verdict};
use tripline::model::{Event, Flags, Mode, Reason, Scope, TradingState};
use tripline::shm::gate::Gate;
use tripline::wire::layout::ABI_VERSION;

use super::ffi;
use super::header;
use super::toolchain::{Language, Scratch, compile, succeed};

/// What C prints for every number of the header.
fn seen_by_c() -> BTreeMap<String, i128> {
    let scratch = Scratch::new("numbers");
    let lines: String = header::numbers()
        .iter()
        .map(|name| format!("    printf(\"{name} %lld\\n\", (long long)({name}));\n"))
        .collect();
    let text =
        format!("#include <stdio.h>\n#include \"tripline.h\"\nint main(void) {{\n{lines}    return 0;\n}}\n");
    let program = scratch.path("numbers");
    compile(Language::C, &scratch.source("numbers.c", &text), &program, ["-std=gnu11"]);
    let printed = succeed(&mut Command::new(program), "it was just built");
    let number = |line: &str| {
        let (name, value) = line.split_once(' ').expect("a name and a number");
        (name.to_owned(), value.parse().expect("a number"))
    };
    printed.lines().map(number).collect()
}

/// `StopLimit` as C spells it: `STOP_LIMIT`.
fn spelled(variant: &impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Every member of a numbered vocabulary, found by asking for each number.
fn members<T: Debug>(prefix: &str, from_raw: impl Fn(u8) -> Option<T>) -> Vec<(String, i128)> {
    (0..=u8::MAX)
        .filter_map(|raw| from_raw(raw).map(|member| (format!("{prefix}_{}", spelled(&member)), raw.into())))
        .collect()
}

fn gates() -> [(String, i128); 4] {
    let all = [Gate::Halted, Gate::ReduceOnly, Gate::Paper, Gate::Pass];
    // A gate value that is added to Rust stops this match from compiling until it stands in the list above.
    let listed = |gate: Gate| match gate {
        Gate::Halted | Gate::ReduceOnly | Gate::Paper | Gate::Pass => gate as i32,
    };
    all.map(|gate| (format!("TRIPLINE_GATE_{}", spelled(&gate)), listed(gate).into()))
}

fn reasons() -> impl Iterator<Item = (String, i128)> {
    let number = |reason: &Reason| i128::from(*reason as u16);
    Reason::ALL.iter().map(move |reason| (format!("TRIPLINE_REASON_{reason}"), number(reason)))
}

fn scopes() -> Vec<(String, i128)> {
    (0..=u64::from(u16::MAX))
        .filter_map(|kind| Scope::from_raw(kind << 32).map(|scope| (scope, kind)))
        .map(|(scope, kind)| (format!("TRIPLINE_SCOPE_{}", scope.kind().to_uppercase()), kind.into()))
        .collect()
}

/// What Rust means by each of them.
fn meant_by_rust() -> BTreeMap<String, i128> {
    let kinds = Event::KINDS
        .iter()
        .filter(|(kind, _)| *kind < FIRST_SIDECAR_KIND)
        .map(|&(kind, name)| (format!("TRIPLINE_EVENT_{name}"), kind.into()));
    let flags =
        Flags::all().iter_names().map(|(name, flag)| (format!("TRIPLINE_FLAG_{name}"), flag.bits().into()));
    let codes = ffi::CODES.iter().map(|&(name, code, _)| (name.to_owned(), code.into()));
    // A notice of state is a directive on the wire, and a message of its own kind in C.
    let directive = |raw| DirectiveKind::from_u8(raw).filter(|kind| *kind != DirectiveKind::State);
    let single: [(&str, i128); 5] = [
        ("TRIPLINE_ABI_VERSION", ABI_VERSION.into()),
        ("TRIPLINE_FEE_UNKNOWN", i64::MIN.into()),
        ("TRIPLINE_MESSAGE_VERDICT", ffi::TRIPLINE_MESSAGE_VERDICT.into()),
        ("TRIPLINE_MESSAGE_STATE", ffi::TRIPLINE_MESSAGE_STATE.into()),
        ("TRIPLINE_MESSAGE_DIRECTIVE", ffi::TRIPLINE_MESSAGE_DIRECTIVE.into()),
    ];
    kinds
        .chain(flags)
        .chain(codes)
        .chain(members("TRIPLINE_ORDER", OrderType::from_raw))
        .chain(members("TRIPLINE_TIF", TimeInForce::from_raw))
        .chain(members("TRIPLINE_INTENT", Intent::from_raw))
        .chain(members("TRIPLINE_DONE", DoneStatus::from_raw))
        .chain(members("TRIPLINE_BY", Initiator::from_raw))
        .chain(members("TRIPLINE_STATE", TradingState::from_u8))
        .chain(members("TRIPLINE_MODE", Mode::from_u8))
        .chain(members("TRIPLINE_VERDICT", Verdict::from_u8))
        .chain(members("TRIPLINE_REJECT", RejectClass::from_raw))
        .chain(members("TRIPLINE_ACTION", OrderAction::from_raw))
        .chain(members("TRIPLINE_DIRECTIVE", directive))
        .chain(members("TRIPLINE_DIRECTIVE_STATUS", |raw| DirectiveStatus::from_raw(raw.into())))
        .chain(reasons())
        .chain(gates())
        .chain(scopes())
        .chain(single.map(|(name, value)| (name.to_owned(), value)))
        .collect()
}

#[test]
fn every_number_of_the_header_is_the_one_rust_means() {
    let (c, rust) = (seen_by_c(), meant_by_rust());
    assert!(c.len() > 100, "only {} numbers were found in the header", c.len());
    let names: std::collections::BTreeSet<&String> = c.keys().chain(rust.keys()).collect();
    let told = |value: Option<&i128>| value.map_or("nothing".to_owned(), i128::to_string);
    let differences: Vec<String> = names
        .into_iter()
        .filter(|&name| c.get(name) != rust.get(name))
        .map(|name| format!("{name}: header {}, Rust {}", told(c.get(name)), told(rust.get(name))))
        .collect();
    assert!(
        differences.is_empty(),
        "{}\nRemedy: numbers are never reused; bring include/tripline.h and tripline_reasons.h in step with src/model or ffi/src/codes.rs",
        differences.join("\n")
    );
}

#[test]
fn every_return_code_has_a_text_and_no_two_share_a_number() {
    let mut numbers: Vec<i32> = ffi::CODES.iter().map(|(_, code, _)| *code).collect();
    numbers.sort_unstable();
    let expected: Vec<i32> = (1 - ffi::CODES.len() as i32..=0).collect();
    assert_eq!(numbers, expected, "codes count down from 0 without a gap");
    let text = |code: i32| {
        // SAFETY: the function returns a static, terminated string.
        unsafe { CStr::from_ptr(ffi::tripline_strerror(code)) }.to_str().expect("texts are ASCII")
    };
    for &(name, code, expected) in ffi::CODES {
        assert_eq!(text(code), expected.to_str().expect("texts are ASCII"), "{name}");
        assert!(!text(code).is_empty() && text(code) != text(1), "{name} has no text of its own");
    }
    assert_eq!(text(1), "unknown return code");
    assert_eq!(text(i32::MIN), text(i32::MAX));
}

#[test]
fn every_reason_has_its_name_in_c() {
    for raw in 0..=u16::MAX {
        // SAFETY: the function returns a static, terminated string.
        let name = unsafe { CStr::from_ptr(ffi::tripline_reason_name(raw)) };
        let expected = Reason::from_u16(raw).map_or("UNKNOWN", Reason::as_str);
        assert_eq!(name.to_str(), Ok(expected), "reason {raw}");
    }
}

#[test]
fn every_verdict_has_its_name_in_c() {
    for raw in 0..=u8::MAX {
        // SAFETY: the function returns a static, terminated string.
        let name = unsafe { CStr::from_ptr(ffi::tripline_verdict_name(raw)) };
        let expected = Verdict::from_u8(raw).map_or("UNKNOWN".to_owned(), |verdict| spelled(&verdict));
        assert_eq!(name.to_str(), Ok(expected.as_str()), "verdict {raw}");
    }
}

#[test]
fn the_inline_function_lets_the_verdicts_through_that_rust_does() {
    let scratch = Scratch::new("verdicts");
    let text = "#include <stdio.h>\n#include \"tripline.h\"\nint main(void) {\n\
                for (int raw = 0; raw < 256; raw++) putchar(\"01\"[tripline_verdict_may_send((uint8_t)raw)]);\n\
                return 0;\n}\n";
    let program = scratch.path("verdicts");
    compile(Language::C, &scratch.source("verdicts.c", text), &program, ["-std=gnu11"]);
    let expected: String = (0..=u8::MAX)
        .map(|raw| if Verdict::from_u8(raw).is_some_and(Verdict::may_send) { '1' } else { '0' })
        .collect();
    assert_eq!(succeed(&mut Command::new(program), "it was just built"), expected);
}
