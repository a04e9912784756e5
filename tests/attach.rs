//! The attach socket against clients that get it wrong, on purpose or not: each is refused by name, and the next
//! honest client is served.

#![allow(unsafe_code)]

mod support;

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use support::process::descriptors;
use support::seed::Seed;
use support::sidecar::{Setup, Sidecar};
use support::strategy::{StrategyProcess, be_a_strategy};
use support::{PATIENCE, not_run, tries, wait_for};
use tripline::model::Name;
use tripline::shm::attach::AttachError;
use tripline::shm::client::Client;
use tripline::shm::clock::monotonic;
use tripline::shm::socket::{Received, Socket};
use tripline::wire::hello::{PACKET_BYTES, Packet, Refusal, Reply, answer, goodbye, hello};

#[test]
#[ignore = "the strategy process that the tests of this file start"]
fn a_strategy_process() {
    be_a_strategy();
}

fn good_hello() -> Packet {
    hello(Name::new("one").expect("a name"))
}

/// Leases that outlast any scheduling, and a strategy of somebody else.
fn setup() -> Setup {
    // SAFETY: getuid has no preconditions.
    let somebody_else = unsafe { libc::getuid() } + 1;
    let strategies = vec![("one", "1h", None), ("two", "1h", None), ("foreign", "1h", Some(somebody_else))];
    Setup { lease: "2s", strategies, ..Setup::default() }
}

fn connect(sidecar: &Sidecar) -> Socket {
    let socket = Socket::connect(&sidecar.attach_path()).expect("the keeper listens");
    socket.set_timeout(PATIENCE).expect("a timeout");
    socket
}

/// What the keeper answers.
fn reply(socket: &Socket) -> Reply {
    match socket.receive().expect("an answer") {
        Received::Packet(packet, descriptors) => {
            let reply = Reply::from_packet(&packet).expect("a reply");
            assert!(descriptors.is_empty() || matches!(reply, Reply::Granted(_)), "{reply:?}");
            reply
        }
        other => panic!("{other:?} is no answer"),
    }
}

/// The refusal, and that nothing follows it.
fn refusal(socket: &Socket) -> Refusal {
    let Reply::Refused(refusal) = reply(socket) else { panic!("not refused") };
    match socket.receive() {
        Ok(Received::Closed) | Err(_) => refusal,
        Ok(other) => panic!("{other:?} after {refusal:?}"),
    }
}

/// Sends bytes as they are.
fn send_raw(socket: &Socket, bytes: &[u8]) {
    // SAFETY: `bytes` is live and its length is passed.
    let sent = unsafe {
        libc::send(socket.fd().as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL)
    };
    assert_eq!(sent, bytes.len().cast_signed(), "{}", std::io::Error::last_os_error());
}

fn bytes_of(packet: &Packet) -> Vec<u8> {
    packet.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An honest client is served, and the keeper holds no more descriptors than before it.
fn serves_an_honest_client(sidecar: &Sidecar) {
    let attached = sidecar.attach_and_pass("two");
    drop(attached);
}

/// Waits until the keeper has let go of whatever connections cost it.
fn await_descriptors(sidecar: &Sidecar, count: usize) {
    wait_for("the keeper's descriptors are closed", || {
        (descriptors(sidecar.keeper()) <= count).then_some(())
    });
}

type Spoil = fn(&mut Packet);

const BAD_HELLOS: [(&str, Spoil, Refusal); 22] = [
    ("magic off by a bit", |p| p[0] ^= 1, Refusal::Magic),
    ("magic of zeros", |p| p[0] = 0, Refusal::Magic),
    ("magic of the other byte order", |p| p[0] = p[0].swap_bytes(), Refusal::Magic),
    (
        "everything of the other byte order",
        |p| p.iter_mut().for_each(|w| *w = w.swap_bytes()),
        Refusal::Magic,
    ),
    ("everything zero", |p| p.fill(0), Refusal::Magic),
    ("everything ones", |p| p.fill(u64::MAX), Refusal::Magic),
    ("ABI of the future", |p| p[1] += 1, Refusal::Abi),
    ("ABI of the past", |p| p[1] -= 1, Refusal::Abi),
    ("ABI of ones", |p| p[1] |= u64::from(u32::MAX), Refusal::Abi),
    ("a larger packet announced", |p| p[1] += 1 << 32, Refusal::Size),
    ("a smaller packet announced", |p| p[1] -= 1 << 32, Refusal::Size),
    ("no size announced", |p| p[1] &= u64::from(u32::MAX), Refusal::Size),
    ("another layout", |p| p[2] ^= 1, Refusal::Layout),
    ("no layout", |p| p[2] = 0, Refusal::Layout),
    ("first reserved word", |p| p[7] = 1, Refusal::Malformed),
    ("last reserved word", |p| p[15] = 1 << 63, Refusal::Malformed),
    ("a strategy nobody configured", |p| p[3] ^= 1, Refusal::UnknownStrategy),
    ("no name", |p| p[3..7].fill(0), Refusal::UnknownStrategy),
    ("a name without end", |p| p[3..7].fill(u64::from_le_bytes(*b"oneoneon")), Refusal::UnknownStrategy),
    ("bytes behind the name's end", |p| p[6] = 1, Refusal::UnknownStrategy),
    ("another case", |p| p[3] = u64::from_le_bytes(*b"ONE\0\0\0\0\0"), Refusal::UnknownStrategy),
    ("somebody else's strategy", |p| *p = hello(Name::new("foreign").unwrap()), Refusal::ForeignUid),
];

#[test]
fn every_wrong_hello_has_its_named_refusal_and_the_next_client_is_served() {
    let sidecar = Sidecar::start(&setup());
    for (name, spoil, wanted) in BAD_HELLOS {
        let socket = connect(&sidecar);
        let mut packet = good_hello();
        spoil(&mut packet);
        socket.send(&packet, &[]).expect("sent");
        assert_eq!(refusal(&socket), wanted, "{name}");
        serves_an_honest_client(&sidecar);
    }
}

#[test]
fn packets_of_any_other_size_and_random_ones_are_refused_and_leave_nothing_behind() {
    let mut seed = Seed::new("attach packets_of_any_other_size");
    let sidecar = Sidecar::start(&setup());
    let at_rest = descriptors(sidecar.keeper());
    let hello = bytes_of(&good_hello());
    for size in [1, 7, 8, 64, PACKET_BYTES - 1, PACKET_BYTES + 1, PACKET_BYTES + 8, 4_096, 65_536] {
        let socket = connect(&sidecar);
        let bytes: Vec<u8> = hello.iter().copied().chain(std::iter::repeat(0)).take(size).collect();
        send_raw(&socket, &bytes);
        assert_eq!(refusal(&socket), Refusal::Size, "{size} bytes");
    }
    serves_an_honest_client(&sidecar);
    for number in 0..tries(1_000) {
        let socket = connect(&sidecar);
        let right_size = number % 2 == 0;
        let size = if right_size { PACKET_BYTES } else { 1 + seed.below(400) as usize };
        let mut bytes: Vec<u8> = (0..size).map(|_| seed.number() as u8).collect();
        // Every fourth starts as a hello does, so that the rest of it is looked at.
        if number % 4 == 0 {
            bytes[..8].copy_from_slice(&hello[..8]);
        }
        send_raw(&socket, &bytes);
        let wanted = match (size == PACKET_BYTES, number % 4) {
            (false, _) => Refusal::Size,
            (true, 0) => Refusal::Abi,
            (true, _) => Refusal::Magic,
        };
        assert_eq!(refusal(&socket), wanted, "packet {number}");
    }
    serves_an_honest_client(&sidecar);
    await_descriptors(&sidecar, at_rest);
}

#[test]
fn a_client_that_falls_silent_is_refused_after_a_tenth_of_a_second() {
    const DEADLINE: Duration = Duration::from_millis(100);
    type Start = fn(&Socket);
    let starts: [(&str, Start); 2] = [
        ("connects and says nothing", |_| {}),
        ("says hello and never answers", |socket| {
            socket.send(&good_hello(), &[]).expect("sent");
            assert!(matches!(reply(socket), Reply::Challenge { .. }));
        }),
    ];
    let sidecar = Sidecar::start(&setup());
    let at_rest = descriptors(sidecar.keeper());
    for (name, start) in starts {
        for _ in 0..tries(5) {
            let began = Instant::now();
            let socket = connect(&sidecar);
            start(&socket);
            assert_eq!(refusal(&socket), Refusal::TimedOut, "{name}");
            assert!(began.elapsed() >= DEADLINE, "{name}: refused after {:?}", began.elapsed());
            assert!(began.elapsed() < PATIENCE, "{name}: refused after {:?}", began.elapsed());
        }
    }
    serves_an_honest_client(&sidecar);
    await_descriptors(&sidecar, at_rest);
}

#[test]
fn packets_out_of_turn_are_malformed() {
    let sidecar = Sidecar::start(&setup());
    let spoilt = |at: usize, word: u64| {
        let mut packet = answer(monotonic().0);
        packet[at] = word;
        packet
    };
    let rows: [(&str, Packet); 5] = [
        ("a second hello", good_hello()),
        ("a goodbye before the grant", goodbye()),
        ("an answer without magic", spoilt(0, 0)),
        ("an answer with a reserved word", spoilt(15, 1)),
        ("a keeper's packet", Reply::Challenge { clock_ns: monotonic().0 }.to_packet()),
    ];
    for (name, packet) in rows {
        let socket = connect(&sidecar);
        socket.send(&good_hello(), &[]).expect("sent");
        assert!(matches!(reply(&socket), Reply::Challenge { .. }));
        socket.send(&packet, &[]).expect("sent");
        assert_eq!(refusal(&socket), Refusal::Malformed, "{name}");
    }
    serves_an_honest_client(&sidecar);
}

#[test]
fn a_clock_that_is_not_the_sidecars_is_refused() {
    const SECOND: u64 = 1_000_000_000;
    let sidecar = Sidecar::start(&setup());
    type Skew = fn(u64) -> u64;
    let skews: [(&str, Skew); 6] = [
        ("a second ahead", |now| now + SECOND),
        ("a second behind", |now| now - SECOND),
        ("a hundred thousand seconds ahead", |now| now + 100_000 * SECOND),
        ("zero", |_| 0),
        ("ones", |_| u64::MAX),
        ("the sign bit", |now| now | 1 << 63),
    ];
    for (name, skew) in skews {
        let socket = connect(&sidecar);
        socket.send(&good_hello(), &[]).expect("sent");
        assert!(matches!(reply(&socket), Reply::Challenge { .. }));
        socket.send(&answer(skew(monotonic().0)), &[]).expect("sent");
        assert_eq!(refusal(&socket), Refusal::ClockSkew, "{name}");
    }
    serves_an_honest_client(&sidecar);
}

#[test]
fn a_client_in_another_time_namespace_is_refused() {
    let uptime = monotonic().0 / 1_000_000_000;
    let offsets = ["100000".to_owned(), format!("-{}", uptime / 2)];
    let sidecar = Sidecar::start(&setup());
    for offset in offsets {
        let unshare = ["unshare", "--time", "--monotonic", &offset, "--fork", "--kill-child"];
        let can = std::process::Command::new(unshare[0]).args(&unshare[1..]).arg("true").status();
        if !can.is_ok_and(|status| status.success()) {
            not_run(&format!("a client {offset} s away: unshare cannot make a time namespace here"));
            continue;
        }
        let mut far = StrategyProcess::start_through(&unshare, &sidecar.run_dir(), "one");
        let told = far.hear();
        assert!(told.starts_with("refused:") && told.contains("time namespace"), "{offset} s: {told}");
    }
    serves_an_honest_client(&sidecar);
}

#[test]
fn descriptors_that_nobody_asked_for_are_refused_and_closed() {
    let sidecar = Sidecar::start(&setup());
    let at_rest = descriptors(sidecar.keeper());
    let null = std::fs::File::open("/dev/null").expect("/dev/null");
    for count in [1, 2, 8] {
        let socket = connect(&sidecar);
        socket.send(&good_hello(), &vec![null.as_fd(); count]).expect("sent");
        assert_eq!(refusal(&socket), Refusal::Descriptors, "{count} descriptors");
    }
    for count in [9, 64, 253] {
        let socket = connect(&sidecar);
        send_with_descriptors(&socket, &bytes_of(&good_hello()), &vec![null.as_raw_fd(); count]);
        assert_eq!(refusal(&socket), Refusal::Descriptors, "{count} descriptors");
    }
    await_descriptors(&sidecar, at_rest);
    serves_an_honest_client(&sidecar);
}

/// Sends more descriptors than the product's own socket would.
fn send_with_descriptors(socket: &Socket, bytes: &[u8], descriptors: &[i32]) {
    let payload = size_of_val(descriptors) as u32;
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: `control` has room for one header and `descriptors`, aligned as u64; the header macros point into it,
    // and all buffers live until sendmsg has returned.
    let sent = unsafe {
        let space = libc::CMSG_SPACE(payload) as usize;
        let mut control = vec![0_u64; space.div_ceil(8)];
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), space);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(payload) as usize;
        std::ptr::copy_nonoverlapping(
            descriptors.as_ptr(),
            libc::CMSG_DATA(header).cast(),
            descriptors.len(),
        );
        libc::sendmsg(socket.fd().as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
    };
    assert_eq!(sent, bytes.len().cast_signed(), "{}", std::io::Error::last_os_error());
}

#[test]
fn every_configured_lane_serves_and_only_the_one_beyond_them_is_refused() {
    let lanes = 3;
    let sidecar = Sidecar::start(&Setup { lanes, ..setup() });
    let mut held: Vec<_> = (0..lanes).map(|_| sidecar.attach_and_pass("one")).collect();
    for number in 0..tries(10) {
        let refused = Client::attach(&sidecar.attach_path(), Name::new("two").expect("a name"));
        assert!(matches!(refused, Err(AttachError::Refused(Refusal::LanesFull))), "{refused:?}");
        drop(held.remove(0));
        // The lane comes back when the core has drained it.
        let next = wait_for("a lane is free again", || {
            Client::attach(&sidecar.attach_path(), Name::new("one").expect("a name")).ok()
        });
        held.push(support::sidecar::Attached::new(next));
        held[2].await_pass(&sidecar);
        assert!(sidecar.status().causes.is_empty(), "try {number}: {:?}", sidecar.status().causes);
    }
}

#[test]
fn two_hundred_connections_at_once_are_each_told_and_nobody_attached_notices() {
    let sidecar = Sidecar::start(&setup());
    let at_rest = descriptors(sidecar.keeper());
    let attached = sidecar.attach_and_pass("one");
    let crowd: Vec<Socket> = (0..200).map(|_| connect(&sidecar)).collect();
    let mut told: Vec<Refusal> = crowd.iter().map(refusal).collect();
    assert_eq!(told.len(), 200);
    told.retain(|refusal| !matches!(refusal, Refusal::Busy | Refusal::TimedOut));
    assert_eq!(told, []);
    drop(crowd);
    serves_an_honest_client(&sidecar);
    attached.await_pass(&sidecar);
    drop(attached);
    await_descriptors(&sidecar, at_rest);
    assert!(sidecar.status().causes.is_empty());
}

#[test]
fn attaching_and_detaching_over_and_over_costs_no_descriptor_and_no_mapping() {
    let sidecar = Sidecar::start(&setup());
    let core = sidecar.core();
    let mappings =
        || std::fs::read_to_string(format!("/proc/{core}/maps")).map_or(0, |text| text.lines().count());
    let before_any_client = (descriptors(sidecar.keeper()), descriptors(core));
    // The first few warm up the allocator.
    for _ in 0..20 {
        sidecar.attach("one");
    }
    let rest =
        || wait_for("no lane is left", || sidecar.status().lanes.iter().all(|l| l.lane == 0).then_some(()));
    rest();
    let (keeper, own) = before_any_client;
    let maps = mappings();
    let cycles = tries(300);
    for _ in 0..cycles {
        sidecar.attach("one");
    }
    rest();
    await_descriptors(&sidecar, keeper);
    wait_for("the core's descriptors are closed", || (descriptors(core) <= own).then_some(()));
    wait_for("the core's mappings are gone", || (mappings() <= maps + 2).then_some(()));
    assert!(sidecar.status().causes.is_empty());
    println!(
        "{cycles} cycles: keeper {keeper} descriptors, core {own} descriptors and {maps} mappings, flat"
    );
    serves_an_honest_client(&sidecar);
}
