//! Tripline: a risk sidecar for trading.
//!
//! Strategies publish what they do through lock-free lanes in shared memory; a pinned core decides; each strategy
//! reads the answer, a halt word with a lease, before its next order. The two promises: **fail closed** and
//! **nothing lost, nothing counted twice**.
//!
//! The layers, each depending only on those above it:
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | vocabulary: units, events, verdicts, states, reasons |
//! | [`wire`] | bytes: records, halt words, the layout of every shared segment |
//! | [`sync`] | the one door to atomics |
//! | [`shm`] | shared memory: segments, rings, the gate page, the client half of attach |
//! | [`engine`] | the decisions: pure, integer, bounded |
//! | `journal` | every input, in order: the hot log, snapshots, replay |
//! | `runtime` | the pinned duty cycle around the engine |
//! | `keeper` | the tiny parent that owns the segments and the processes |
//! | `control` | everything cold: configuration, HTTP, metrics, commands, the demo |
//!
//! The last four need the feature `sidecar`; without it the crate is what a strategy links.

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("tripline's shared memory is specified for 64-bit little-endian machines");

#[cfg(feature = "sidecar")]
#[forbid(unsafe_code)]
pub mod control;
#[forbid(unsafe_code)]
pub mod engine;
#[cfg(feature = "sidecar")]
#[forbid(unsafe_code)]
pub mod journal;
#[cfg(feature = "sidecar")]
pub mod keeper;
#[forbid(unsafe_code)]
pub mod model;
#[cfg(feature = "sidecar")]
pub mod runtime;
pub mod shm;
pub mod sync;
#[forbid(unsafe_code)]
pub mod wire;
