//! COLD: whether `include/tripline.h`, `libtripline` and the Rust they are built from say the same thing.
//!
//! Real compilers and real processes: the header is compiled, its numbers and offsets are printed by C and compared
//! with Rust's, its inline gate is run against `View::gate`, and every exported function is called wrongly on
//! purpose. Run with `cargo test --no-default-features --test abi`; `CC` and `CXX` choose other compilers.

#![allow(unsafe_code)]

#[path = "../ffi/src/lib.rs"]
pub mod ffi;

#[path = "abi/answers.rs"]
mod answers;
#[path = "abi/attached.rs"]
mod attached;
#[path = "abi/compiles.rs"]
mod compiles;
#[path = "abi/constructors.rs"]
mod constructors;
#[path = "abi/gate.rs"]
mod gate;
#[path = "abi/header.rs"]
mod header;
#[path = "abi/hpp.rs"]
mod hpp;
#[path = "abi/layout.rs"]
mod layout;
#[path = "abi/numbers.rs"]
mod numbers;
#[path = "abi/permits.rs"]
mod permits;
#[path = "abi/reference.rs"]
mod reference;
#[path = "abi/refusals.rs"]
mod refusals;
#[path = "abi/sidecar.rs"]
mod sidecar;
#[path = "abi/symbols.rs"]
mod symbols;
#[path = "abi/toolchain.rs"]
mod toolchain;
