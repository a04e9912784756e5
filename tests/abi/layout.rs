//! COLD: every struct of the header lies in memory as the Rust struct it stands for: sizes, offsets, member types.

use std::any::type_name;
use std::mem::offset_of;
use std::process::Command;

use super::ffi::{
    tripline_attach_options, tripline_client, tripline_event, tripline_instrument, tripline_message,
    tripline_target,
};
use super::header;
use super::toolchain::{Language, Scratch, compile, succeed};

/// A type as both languages can say it.
fn shown<T>() -> String {
    match type_name::<T>() {
        name if name.contains("AtomicU64") || name.contains("Atomic<u64>") => "u64".to_owned(),
        "*const i8" | "*const u8" => "text".to_owned(),
        name => name.to_owned(),
    }
}

fn member<S, T>(name: &str, offset: usize, _: impl Fn(&S) -> &T) -> String {
    format!("{name} at {offset}, {} bytes of {}", size_of::<T>(), shown::<T>())
}

/// The lines that describe a struct. The pattern without `..` stops compiling when a member is missing here.
macro_rules! described {
    ($($name:ident { $($member:ident),+ })+) => { vec![$({
        #[allow(dead_code, reason = "it only has to compile")]
        fn complete(all: $name) { let $name { $($member: _,)+ } = all; }
        let head = format!("{}: {} bytes, aligned to {}", stringify!($name), size_of::<$name>(), align_of::<$name>());
        let members = [$(member(
            concat!(stringify!($name), ".", stringify!($member)),
            offset_of!($name, $member),
            |all: &$name| &all.$member,
        )),+];
        std::iter::once(head).chain(members).collect::<Vec<_>>()
    }),+].concat() };
}

fn meant_by_rust() -> Vec<String> {
    described! {
        tripline_event { kind, flags, reserved, handle, a, b, c, d, e }
        tripline_message {
            kind, state, mode, reserved, reason, guard, id, scope, epoch, measured, limit, extra, position
        }
        tripline_client { gate, gate_bytes, lease_ns, latched, seen_epoch, client, owner, reserved }
        tripline_target { handle, account_at, book_at, instrument_at }
        tripline_attach_options { size, reserved, runtime_dir, strategy }
        tripline_instrument { size, kind, price_decimals, qty_decimals, multiplier_e9, tick, lot }
    }
}

const TYPE: &str = "#define TYPE(x) _Generic((x), uint8_t: \"u8\", uint16_t: \"u16\", uint32_t: \"u32\", \
                    uint64_t: \"u64\", int32_t: \"i32\", int64_t: \"i64\", const char *: \"text\")\n";

/// What C prints for every struct and member of the header.
fn seen_by_c() -> Vec<String> {
    let mut text = format!("#include <stdio.h>\n#include \"tripline.h\"\n{TYPE}int main(void) {{\n");
    for found in header::structs() {
        let name = found.name;
        text +=
            &format!("printf(\"{name}: %zu bytes, aligned to %zu\\n\", sizeof({name}), _Alignof({name}));\n");
        for member in found.members {
            text += &format!(
                "printf(\"{name}.{member} at %zu, %zu bytes of %s\\n\", offsetof({name}, {member}), \
                 sizeof((({name} *)0)->{member}), TYPE((({name} *)0)->{member}));\n"
            );
        }
    }
    let scratch = Scratch::new("layout");
    let program = scratch.path("layout");
    compile(Language::C, &scratch.source("layout.c", &(text + "return 0;\n}\n")), &program, ["-std=gnu11"]);
    succeed(&mut Command::new(program), "it was just built").lines().map(str::to_owned).collect()
}

#[test]
fn every_struct_lies_in_memory_as_its_rust_twin() {
    let (c, rust) = (seen_by_c(), meant_by_rust());
    let only = |here: &[String], there: &[String], whose: &str| -> Vec<String> {
        here.iter()
            .filter(|line| !there.contains(line))
            .map(|line| format!("only in {whose}: {line}"))
            .collect()
    };
    let differences = [only(&c, &rust, "the header"), only(&rust, &c, "Rust")].concat();
    assert!(
        differences.is_empty(),
        "{}\nRemedy: a layout is part of ABI 1; bring ffi/src, src/shm/view.rs or include/tripline.h back to it",
        differences.join("\n")
    );
    assert_eq!(c, rust, "the same lines in another order");
}
