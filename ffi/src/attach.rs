//! Attach, detach, rebind, look-up, gate.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tripline::model::Name;
use tripline::shm::attach::attach_socket;
use tripline::shm::client::{Client, Target};
use tripline::shm::clock::monotonic;
use tripline::shm::gate::Gate;
use tripline::sync::Ordering;

use super::{
    TRIPLINE_ERR_ARGUMENT, TRIPLINE_ERR_CLOSED, TRIPLINE_ERR_NULL, TRIPLINE_ERR_UNKNOWN_ACCOUNT,
    TRIPLINE_ERR_UNKNOWN_INSTRUMENT, TRIPLINE_OK, codes, guarded, text, tripline_client, tripline_target,
    with_client,
};

/// `struct tripline_attach_options`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_attach_options {
    /// Bytes of this struct as the caller was compiled with.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Directory of the sockets; null for the default.
    pub runtime_dir: *const c_char,
    /// Name of the strategy.
    pub strategy: *const c_char,
}

/// `struct tripline_instrument`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_instrument {
    /// Bytes of this struct as the caller was compiled with.
    pub size: u32,
    /// 0 linear, 1 inverse, 2 spot.
    pub kind: u32,
    /// Decimal places of a price unit.
    pub price_decimals: u32,
    /// Decimal places of a quantity unit.
    pub qty_decimals: u32,
    /// Contract multiplier in 1e-9.
    pub multiplier_e9: i64,
    /// Price increment in price units.
    pub tick: i64,
    /// Quantity increment in quantity units.
    pub lot: i64,
}

const _: () = assert!(size_of::<tripline_attach_options>() == 24 && size_of::<tripline_instrument>() == 40);

/// A name given by C.
///
/// # Safety
/// `text` is null or a terminated string.
unsafe fn name(text: *const c_char) -> Option<Name> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by contract of this function.
    let text = unsafe { CStr::from_ptr(text) };
    Name::new(text.to_str().ok()?).ok()
}

/// Attaches to a sidecar.
///
/// # Safety
/// `options` and `client` are null or valid; strings are terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_attach(
    options: *const tripline_attach_options,
    client: *mut *mut tripline_client,
) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { client.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    *out = std::ptr::null_mut();
    // SAFETY: by contract null or valid.
    let Some(options) = (unsafe { options.as_ref() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    if options.size as usize != size_of::<tripline_attach_options>() || options.reserved != 0 {
        text::remember(&"tripline_attach_options.size must be the size of the struct and reserved 0");
        return TRIPLINE_ERR_ARGUMENT;
    }
    if options.strategy.is_null() {
        return text::fail(TRIPLINE_ERR_NULL);
    }
    guarded(|| {
        let runtime_dir = (!options.runtime_dir.is_null()).then(|| {
            // SAFETY: by contract a terminated string.
            Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(options.runtime_dir) }.to_bytes()))
        });
        // SAFETY: by contract a terminated string.
        let Some(strategy) = (unsafe { name(options.strategy) }) else {
            text::remember(&"a strategy name is 1 to 31 characters of letters, digits, '.', '_' and '-'");
            return TRIPLINE_ERR_ARGUMENT;
        };
        match Client::attach(&attach_socket(runtime_dir), strategy) {
            Ok(attached) => {
                let attached = Box::new(attached);
                let view = attached.page().address();
                let behind = Box::into_raw(attached);
                // SAFETY: the view's page lives as long as the client, which was just leaked until detach.
                // Relaxed: read by this thread.
                unsafe { view.as_ref() }.client.store(behind as u64, Ordering::Relaxed);
                *out = view.as_ptr();
                TRIPLINE_OK
            }
            Err(error) => {
                text::remember(&error);
                codes::of_attach(&error)
            }
        }
    })
}

/// Detaches: the strategy leaves in order.
///
/// # Safety
/// `client` is null or came from `tripline_attach` and has not been detached; it is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_detach(client: *mut tripline_client) -> i32 {
    let mut taken = std::ptr::null_mut::<Client>();
    // SAFETY: by contract of this function.
    let code = unsafe {
        with_client(client, |attached| {
            taken = attached;
            TRIPLINE_OK
        })
    };
    if taken.is_null() {
        return code;
    }
    guarded(|| {
        // SAFETY: the box that attach leaked; `with_client` found it still there, and after this nobody can.
        drop(unsafe { Box::from_raw(taken) });
        TRIPLINE_OK
    })
}

/// Makes the calling thread the owner of the handle.
///
/// # Safety
/// `client` is null or came from `tripline_attach` and has not been detached; its owner is not inside a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_rebind(client: *mut tripline_client) -> i32 {
    // SAFETY: by contract of this function.
    let Some(view) = (unsafe { client.as_ref() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    if !view.is_open() {
        return text::fail(TRIPLINE_ERR_CLOSED);
    }
    view.own();
    TRIPLINE_OK
}

/// The target of orders on an account and, unless null, an instrument.
///
/// # Safety
/// `client` as for the other calls; strings are terminated; `target` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_look_up(
    client: *mut tripline_client,
    account: *const c_char,
    instrument: *const c_char,
    target: *mut tripline_target,
) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { target.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    *out = tripline_target::default();
    if account.is_null() {
        return text::fail(TRIPLINE_ERR_NULL);
    }
    // SAFETY: by contract of this function; the names are null or terminated.
    unsafe {
        with_client(client, |attached| {
            let Some(account) = name(account) else { return text::fail(TRIPLINE_ERR_UNKNOWN_ACCOUNT) };
            let known = name(instrument);
            if known.is_none() && !instrument.is_null() {
                return text::fail(TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
            }
            match attached.look_up(account, known) {
                Ok(found) => {
                    *out = found.into();
                    TRIPLINE_OK
                }
                Err(error) => text::fail(codes::of_client(error)),
            }
        })
    }
}

/// What the sidecar's directory says of a target's instrument.
///
/// # Safety
/// `client` as for the other calls; `target` and `instrument` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_describe(
    client: *mut tripline_client,
    target: *const tripline_target,
    instrument: *mut tripline_instrument,
) -> i32 {
    // SAFETY: by contract null or valid.
    let (Some(target), Some(out)) = (unsafe { target.as_ref() }, unsafe { instrument.as_mut() }) else {
        return text::fail(TRIPLINE_ERR_NULL);
    };
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| {
            if out.size as usize != size_of::<tripline_instrument>() {
                text::remember(&"tripline_instrument.size must be the size of the struct");
                return TRIPLINE_ERR_ARGUMENT;
            }
            let Some(entry) = attached.instrument(&(*target).into()) else {
                return text::fail(TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
            };
            *out = tripline_instrument {
                size: out.size,
                kind: entry.kind as u32,
                price_decimals: entry.price_decimals,
                qty_decimals: entry.qty_decimals,
                multiplier_e9: entry.multiplier_e9,
                tick: entry.tick,
                lot: entry.lot,
            };
            TRIPLINE_OK
        })
    }
}

/// What the gate says of the next order on `target`. Any doubt, a null pointer too, reads HALTED.
///
/// # Safety
/// `client` as for the other calls; `target` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_gate(client: *mut tripline_client, target: *const tripline_target) -> i32 {
    // SAFETY: by contract null or valid.
    match (unsafe { client.as_ref() }, unsafe { target.as_ref() }) {
        (Some(view), Some(target)) => view.gate(Target::from(*target).offsets, monotonic) as i32,
        _ => Gate::Halted as i32,
    }
}

/// 1 when the next order on `target` may go to the venue, else 0.
///
/// # Safety
/// As [`tripline_gate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_may_send(
    client: *mut tripline_client,
    target: *const tripline_target,
) -> i32 {
    // SAFETY: by contract of this function.
    i32::from(unsafe { tripline_gate(client, target) } == Gate::Pass as i32)
}
