//! COLD: the parts of the file that say how the processes run rather than what is limited.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::problems::Fault;
use super::walk::{Section, Value};
use super::{CpuChoice, IdleChoice, LogLevel, SidecarConfig, journal, system, value};
use crate::engine::limits::Capacity;
use crate::model::{Mode, Name, Nanos};

/// A socket address holds 107 bytes of path; the longest file in the directory is `/admin.sock.new`.
const RUNTIME_DIR_MAX: usize = 90;

/// `[instance]`: what it is called and where it lives.
pub(super) struct Instance {
    pub(super) name: Option<Name>,
    pub(super) mode: Option<Mode>,
    runtime_dir: PathBuf,
    group: Option<u32>,
}

pub(super) fn instance(section: Section<'_, '_>) -> Instance {
    let name = section.required("name", "name this sidecar, as in name = \"desk-1\"", value::name);
    let modes = value::word(&[("live", Mode::Live), ("paper", Mode::Paper)]);
    let mode = section.required("mode", "write mode = \"live\" or mode = \"paper\"", modes);
    let runtime_dir = section.or("runtime_dir", PathBuf::from("/run/tripline"), runtime_dir);
    let group = section.optional("group", |value| id_or_name(value, "group", system::group_id));
    section.finish();
    Instance { name, mode, runtime_dir, group }
}

fn runtime_dir(value: &Value<'_>) -> Result<PathBuf, Fault> {
    let text = value::text(value)?;
    if !text.starts_with('/') || text.len() > RUNTIME_DIR_MAX {
        return Err(Fault::OutOfRange {
            allowed: format!("an absolute path of at most {RUNTIME_DIR_MAX} bytes"),
        });
    }
    Ok(PathBuf::from(text))
}

/// A user or group, by number or by name.
pub(super) fn id_or_name(
    value: &Value<'_>,
    kind: &'static str,
    look_up: fn(&str) -> Option<u32>,
) -> Result<u32, Fault> {
    if value.as_integer().is_some() {
        // The last number stands for "no user" in the system's own calls.
        return value::integer(0..=u32::MAX - 1)(value);
    }
    look_up(&value::text(value)?).ok_or(Fault::UnknownUser { kind })
}

/// `[core]`, `[http]`, `[log]` and `[journal]`.
pub(super) fn processes(root: &Section<'_, '_>, instance: &Instance) -> SidecarConfig {
    let core = root.table("core");
    let idle = value::word(&[
        ("auto", IdleChoice::Auto),
        ("spin", IdleChoice::Spin),
        ("backoff", IdleChoice::Backoff),
    ]);
    let lease = value::duration(Nanos(250_000)..=Nanos::from_secs(10));
    let probe = value::duration(Nanos::ZERO..=Nanos::from_secs(10));
    let (cpu, idle, lease, stall_probe, standby) = (
        core.or("cpu", CpuChoice::Auto, cpu),
        core.or("idle", IdleChoice::Auto, idle),
        core.or("lease", None, value::unless("auto", lease)),
        core.or("stall_probe", Nanos::from_millis(200), probe),
        core.or("standby", true, value::boolean),
    );
    if !standby {
        core.note("standby", "no core waits to follow one that dies: gates stay closed for longer then");
    }
    core.finish();

    let http = root.table("http");
    let listen = http.or("listen", Some(default_listen()), value::unless("none", loopback));
    if listen.is_none() {
        http.note("listen", "no HTTP port: metrics and status only through the admin socket");
    }
    http.finish();

    let log = root.table("log");
    let levels = value::word(&[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ]);
    let log_level = log.or("level", LogLevel::Info, levels);
    log.finish();

    SidecarConfig {
        archive: journal::archive(root.table("journal"), &instance.runtime_dir),
        runtime_dir: instance.runtime_dir.clone(),
        group: instance.group,
        cpu,
        idle,
        lease,
        stall_probe,
        standby,
        http: listen,
        clocks: Vec::new(),
        log_level,
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9464))
}

fn cpu(value: &Value<'_>) -> Result<CpuChoice, Fault> {
    if value.as_integer().is_some() {
        return value::integer(0..=4095)(value).map(CpuChoice::Number);
    }
    value::word(&[("auto", CpuChoice::Auto), ("none", CpuChoice::None)])(value)
}

fn loopback(value: &Value<'_>) -> Result<SocketAddr, Fault> {
    let form = || Fault::OutOfRange { allowed: "ADDRESS:PORT such as \"127.0.0.1:9464\"".to_owned() };
    let address: SocketAddr = value::text(value)?.parse().map_err(|_| form())?;
    if address.ip().is_loopback() { Ok(address) } else { Err(Fault::NotLoopback) }
}

/// `[capacity]`: sizes of tables that are allocated once.
pub(super) fn capacity(section: Section<'_, '_>) -> Capacity {
    let capacity = Capacity {
        lanes: section.or("lanes", 16, value::integer(1..=255)),
        lane_slots: section.or("lane_slots", 16_384, value::power_of_two(64..=1_048_576)),
        return_slots: section.or("return_slots", 1_024, value::power_of_two(16..=1_048_576)),
        positions: section.or("positions", 1_024, value::integer(1..=Capacity::MAX_POSITIONS)),
        orders: section.or("orders", 65_536, value::integer(16..=Capacity::MAX_ORDERS)),
        executions: section.or("executions", 262_144, value::integer(16..=Capacity::MAX_EXECUTIONS)),
    };
    section.finish();
    capacity
}
