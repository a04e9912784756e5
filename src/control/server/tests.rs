//! A real server on real sockets, with a fake core behind it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::*;
use crate::control::report::tests::{context, halted_stats};
use crate::engine::guard;
use crate::model::event::CommandVerb;
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Event, Nanos, Reason, Scope};
use crate::wire::stats::Stats;

/// Nothing on one machine takes longer; only a hang does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, and what reached its core.
pub(crate) struct Rig {
    pub(crate) directory: PathBuf,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) page: Arc<Mutex<Option<Stats>>>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// A directory nobody else uses.
fn own_directory() -> PathBuf {
    static NEXT: Mutex<u32> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    let path = std::env::temp_dir().join(format!("tripline-control-{}-{next}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// What the fake core answers: the reset of any other nonce than 0x9f2c is stale, of any other guard than 64 a
/// conflict unless it is the error rate, whose cool-down still runs; a resume of all passes; a reduce is never answered.
fn verdict(event: &Event) -> Option<VerdictRecord> {
    let Event::Command { id, verb, guard, nonce, acks, .. } = *event else { return by_hand(event) };
    let (verdict, reason, measured, limit) = match (verb, guard, nonce) {
        (CommandVerb::Reset, 64, 0x9f2c) | (CommandVerb::Halt, ..) | (CommandVerb::Resume, 0, 0) => {
            (Verdict::Pass, None, 0, 0)
        }
        (CommandVerb::Reset, 64, _) => (Verdict::Deny, Some(Reason::EpochStale), 0, 0),
        (CommandVerb::Reset | CommandVerb::Resume, guard::ERROR_RATE, _) => {
            (Verdict::Deny, Some(Reason::ErrorRate), 723_000_000_000, 0)
        }
        (CommandVerb::Reset, guard::HEARTBEAT, _) => {
            (Verdict::Deny, Some(Reason::Heartbeat), 1_500_000_000, 1_000_000_000)
        }
        // What is sent with a nonce of so many lost much.
        (CommandVerb::Reset, _, 0xa0..=0xa4) => {
            let limit = if acks == 0 { 4 } else { 2 };
            (Verdict::Deny, Some(Reason::Approval), i64::from(nonce as u8 - 0xa0), limit)
        }
        (CommandVerb::Reset, ..) => (Verdict::Deny, Some(Reason::Drawdown), 310, 300),
        (CommandVerb::Resume, ..) => (Verdict::Deny, Some(Reason::UnknownOrder), 0, 0),
        _ => return None,
    };
    let (action, guard, scope_kind) = (0, guard, 0);
    Some(VerdictRecord { order: id, verdict, action, reason, guard, scope_kind, measured, limit, extra: 0 })
}

/// A trade by hand with key 33 is booked already.
fn by_hand(event: &Event) -> Option<VerdictRecord> {
    let (order, reason) = match *event {
        Event::ExternalFill { exec, .. } => (exec.get(), (exec.get() == 33).then_some(Reason::DuplicateId)),
        Event::FlowExpect { id, .. } => (id.get(), None),
        _ => return None,
    };
    let verdict = if reason.is_some() { Verdict::Deny } else { Verdict::Pass };
    let (action, guard, scope_kind, measured, limit, extra) = (0, 0, 0, 0, 0, 0);
    Some(VerdictRecord { order, verdict, action, reason, guard, scope_kind, measured, limit, extra })
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap())
    }

    fn start_on(http: SocketAddr) -> Self {
        let page = Arc::new(Mutex::new(Some(halted_stats())));
        let shown = Arc::clone(&page);
        let (mut context, orders) = context(move || shown.lock().unwrap().clone());
        let directory = own_directory();
        context.config.sidecar.runtime_dir = directory.clone();
        context.config.sidecar.http = Some(http);
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let core = std::thread::spawn(move || {
            for order in orders {
                log.lock().unwrap().push(order.event);
                if let Some(reply) = order.reply {
                    let _ = reply.send(verdict(&order.event));
                }
            }
        });
        let (opened, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let control = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::open(context).unwrap();
                opened.send(server.address()).unwrap();
                let shutdown = async { drop(stopped.await) };
                server.run(shutdown).await.unwrap();
            });
        });
        let address = address.recv_timeout(PATIENCE).unwrap();
        Self { directory, address, page, events, stop: Some(stop), threads: vec![control, core] }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn unix(&self) -> UnixStream {
        let stream = UnixStream::connect(self.directory.join(ADMIN_SOCKET)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn get(&self, path: &str) -> (u16, String) {
        answer(self.tcp(), &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        answer(self.unix(), &post(path, body))
    }

    /// Commands that reached the core; sessions roll on their own.
    fn commands(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap();
        events.iter().copied().filter(|event| matches!(event, Event::Command { .. })).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            let outcome = thread.join();
            assert!(outcome.is_ok() || std::thread::panicking());
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Sends a request and reads to the end: status and everything after it.
fn answer(mut stream: impl Read + Write, request: &str) -> (u16, String) {
    // A server that has heard enough may close before it has heard everything.
    let _ = stream.write_all(request.as_bytes());
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => {}
    }
    let text = String::from_utf8(text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, text)
}

#[test]
fn the_port_serves_health_metrics_and_status() {
    let rig = Rig::start();
    assert_eq!(rig.get("/healthz").0, 200);
    assert_eq!(rig.get("/readyz").0, 200);
    let (status, text) = rig.get("/v1/status");
    assert_eq!(status, 200);
    let report: Report = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((report.state.as_str(), report.causes.len()), ("HALTED", 1));
    let (status, text) = rig.get("/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("text/plain") && text.contains("tripline_state{"), "{text}");
}

#[test]
fn readiness_follows_the_lease_and_health_does_not() {
    let rig = Rig::start();
    rig.page.lock().unwrap().as_mut().unwrap().looping.last_tick = Nanos(1);
    let (status, text) = rig.get("/readyz");
    assert!(status == 503 && text.contains("the lease is 250 ms"), "{text}");
    *rig.page.lock().unwrap() = None;
    assert_eq!(rig.get("/readyz").0, 503);
    assert_eq!(rig.get("/healthz").0, 200);
    assert_eq!(rig.get("/v1/status").0, 200);
}

#[test]
fn the_port_refuses_pages_foreign_hosts_and_writes() {
    let rig = Rig::start();
    let ask = |request: &str| answer(rig.tcp(), request);
    for (name, request, status, code) in [
        (
            "origin",
            "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n",
            403,
            "origin",
        ),
        ("foreign host", "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "host-refused"),
        ("no host", "GET /v1/status HTTP/1.0\r\n\r\n", 403, "host-refused"),
        ("delete", "DELETE /v1/status HTTP/1.1\r\nHost: [::1]\r\n\r\n", 403, "read-only-port"),
        ("get of a write", "GET /v1/halt HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "not-found"),
        ("halt", &post("/v1/halt", "{\"scope\":\"firm\",\"reason\":\"x\"}"), 403, "admin.sock"),
    ] {
        let (found, text) = ask(request);
        assert!(found == status && text.contains(code), "{name}: {text}");
        assert!(text.contains("application/problem+json") && text.contains("\"hint\""), "{name}: {text}");
    }
    assert_eq!(rig.commands(), []);
}

#[test]
fn a_halt_reaches_the_core_with_its_scope_and_its_user() {
    let rig = Rig::start();
    let (status, text) = rig.post("/v1/halt", "{\"scope\":\"strategy:arb\",\"reason\":\"odd fills\"}");
    assert!(status == 200 && text.contains("\"verb\":\"halt\""), "{text}");
    let [Event::Command { scope, verb, actor, id, .. }] = rig.commands()[..] else { panic!("one command") };
    assert_eq!((scope, verb), (Scope::Strategy(1), CommandVerb::Halt));
    assert_eq!(actor, std::fs::metadata(&rig.directory).unwrap().uid());
    assert_ne!(id, 0);
}

#[test]
fn a_reset_names_guard_and_nonce_and_learns_why_it_was_refused() {
    let rig = Rig::start();
    let body = |guard: &str, nonce: &str| {
        format!(
            r#"{{"scope":"account:main","guard":"{guard}","nonce":"{nonce}","reason":"x","rebase":true}}"#
        )
    };
    for (guard, nonce, status, word) in [
        ("drawdown.kill", "9f2c", 200, "reset"),
        ("drawdown.kill", "9f2d", 412, "EPOCH_STALE"),
        ("canary.session", "9f2c", 409, "\"code\":\"DRAWDOWN\""),
        ("canary.session", "9f2c", 409, "measured 3.10 %, limit 3.00 %"),
        ("error-rate", "9f2c", 409, "the cool-down is not over: 12m 03s left (ERROR_RATE)"),
        ("heartbeat", "9f2c", 409, "the engine refused: HEARTBEAT (measured 1s, limit 1s)"),
        ("", "9f2c", 400, "unknown-guard"),
        ("no.such.guard", "9f2c", 400, "unknown-guard"),
        ("drawdown.kill", "xyz", 400, "bad-nonce"),
    ] {
        let (found, text) = rig.post("/v1/reset", &body(guard, nonce));
        assert!(found == status && text.contains(word), "{guard} {nonce}: {text}");
    }
    let commands = rig.commands();
    assert_eq!(commands.len(), 6);
    assert!(matches!(commands[0], Event::Command { rebase: 1, guard: 64, nonce: 0x9f2c, .. }));
}

#[test]
fn a_reset_that_needs_two_people_says_what_is_missing() {
    let rig = Rig::start();
    let all = r#","acknowledged":["cause-understood","market-normal","limits-reviewed","approved"]"#;
    for (nonce, acknowledged, status, word) in [
        ("a1", all, 409, "another approver has to give the same command"),
        ("a0", all, 409, "you are none"),
        ("a0", "", 409, "--ack cause-understood --ack market-normal --ack limits-reviewed --ack approved"),
        ("a1", r#","acknowledged":["aproved"]"#, 400, "unknown-acknowledgement"),
    ] {
        let body = format!(
            r#"{{"scope":"account:main","guard":"canary.session","nonce":"{nonce}","reason":"x"{acknowledged}}}"#
        );
        let (found, text) = rig.post("/v1/reset", &body);
        assert!(found == status && text.contains(word), "{nonce} {acknowledged}: {text}");
    }
    let acks: Vec<u8> = rig
        .commands()
        .into_iter()
        .filter_map(|event| if let Event::Command { acks, .. } = event { Some(acks) } else { None })
        .collect();
    assert_eq!(acks, [15, 15, 0]);
}

#[test]
fn a_resume_names_a_guard_or_means_all_and_learns_how_long_is_left() {
    let rig = Rig::start();
    for (guard, status, word) in [
        ("", 200, "\"verb\":\"resume\""),
        (r#""guard":"error-rate","#, 409, "the cool-down is not over: 12m 03s left (ERROR_RATE)"),
        (r#""guard":"duplicate","#, 409, "nothing on that scope waits for a resume"),
        (r#""guard":"no.such.guard","#, 400, "unknown-guard"),
        // Nobody's name is not everybody's.
        (r#""guard":"","#, 400, "unknown-guard"),
        (r#""guard":7,"#, 400, "bad-body"),
        (r#""nonce":"9f2c","#, 400, "bad-body"),
    ] {
        let (found, text) =
            rig.post("/v1/resume", &format!(r#"{{"scope":"book:mm1/main",{guard}"reason":"calm"}}"#));
        assert!(found == status && text.contains(word), "{guard}: {text}");
    }
    let (status, text) = rig.post("/v1/resume", r#"{"scope":"book:mm1/main","reason":" "}"#);
    assert!(status == 400 && text.contains("bad-reason"), "{text}");
    let asked: Vec<_> = rig
        .commands()
        .iter()
        .map(|event| match *event {
            Event::Command { scope: Scope::Book(0), verb: CommandVerb::Resume, guard, nonce: 0, .. } => guard,
            _ => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(asked, [0, guard::ERROR_RATE, guard::DUPLICATE]);
}

#[test]
fn commands_that_make_no_sense_never_reach_the_core() {
    let rig = Rig::start();
    for (body, code) in [
        ("", "bad-body"),
        ("{\"scope\":\"firm\"}", "bad-body"),
        ("{\"scope\":\"firm\",\"reason\":\"x\",\"sure\":true}", "bad-body"),
        ("{\"scope\":\"firm\",\"reason\":\"  \"}", "bad-reason"),
        ("{\"scope\":\"firm\",\"reason\":\"a\\nb\"}", "bad-reason"),
        ("{\"scope\":\"account:mine\",\"reason\":\"x\"}", "unknown-scope"),
    ] {
        let (status, text) = rig.post("/v1/halt", body);
        assert!(status == 400 && text.contains(code), "{body}: {text}");
    }
    assert_eq!(rig.post("/v1/flatten", "{}").0, 404);
    assert_eq!(rig.commands(), []);
}

#[test]
fn a_command_no_core_takes_says_so() {
    let rig = Rig::start();
    let (status, text) = rig.post("/v1/reduce", "{\"scope\":\"firm\",\"reason\":\"x\"}");
    assert!(status == 503 && text.contains("no-core"), "{text}");
}

#[test]
fn bodies_and_heads_have_a_size() {
    let rig = Rig::start();
    let most = format!("{{\"scope\":\"firm\",\"reason\":\"x\"}}{}", " ".repeat(commands::BODY_MAX - 29));
    assert!(most.len() <= commands::BODY_MAX);
    assert_eq!(rig.post("/v1/halt", &most).0, 200);
    let more = " ".repeat(commands::BODY_MAX + 1);
    assert_eq!(rig.post("/v1/halt", &more).0, 413);
    // Undeclared, so that only counting finds it.
    let chunk = " ".repeat(0x8000);
    let chunks = format!("8000\r\n{chunk}\r\n").repeat(3) + "0\r\n\r\n";
    let head = "POST /v1/halt HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(answer(rig.unix(), &format!("{head}{chunks}")).0, 413);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(9_000));
    assert_eq!(answer(rig.tcp(), &head).0, 431);
    assert_eq!(rig.get("/healthz").0, 200);
}

/// Takes every seat of the port with requests that never end.
fn crowd(rig: &Rig) -> Vec<TcpStream> {
    let mut slow: Vec<TcpStream> = (0..16).map(|_| rig.tcp()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").unwrap();
    }
    slow
}

#[test]
fn a_full_port_keeps_no_operator_waiting() {
    let rig = Rig::start();
    // Were the seats shared, every round would last until the crowd is cut off; a busy machine delays one or two.
    let was_quick = (0..5).any(|_| {
        let _slow = crowd(&rig);
        let started = Instant::now();
        assert_eq!(rig.post("/v1/halt", "{\"scope\":\"firm\",\"reason\":\"x\"}").0, 200);
        started.elapsed() < Duration::from_secs(1)
    });
    assert!(was_quick, "the socket waited for the port");
}

#[test]
fn a_request_that_drips_is_cut_off() {
    let rig = Rig::start();
    let started = Instant::now();
    for mut stream in crowd(&rig) {
        let mut rest = Vec::new();
        // Closed, with or without a word; what matters is that it ends.
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(started.elapsed() >= Duration::from_millis(1_900), "cut off early");
    assert_eq!(rig.get("/healthz").0, 200);
    let mut body = rig.unix();
    body.write_all(b"POST /v1/halt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").unwrap();
    let (status, text) = answer(body, "");
    assert!(status == 408 && text.contains("too-slow"), "{text}");
}

#[test]
fn the_socket_belongs_to_its_owner_and_replaces_one_left_behind() {
    let rig = Rig::start();
    let socket = rig.directory.join(ADMIN_SOCKET);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let again = open_admin_socket(&rig.directory).unwrap();
    assert!(UnixStream::connect(&socket).is_ok());
    drop(again);
}

#[test]
fn a_port_that_is_taken_is_a_mark_and_the_socket_serves_on() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::start_on(taken.local_addr().unwrap());
    assert_eq!(rig.address, None);
    let (status, text) = answer(rig.unix(), "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(status == 200 && text.contains("HTTP_PORT"), "{text}");
}

#[test]
fn a_new_core_is_told_the_session_once() {
    let rig = Rig::start();
    let deadline = Instant::now() + PATIENCE;
    let rolls = || {
        let events = rig.events.lock().unwrap();
        events.iter().filter(|event| matches!(event, Event::Roll { .. })).count()
    };
    while rolls() == 0 {
        assert!(Instant::now() < deadline, "no session was announced");
        std::thread::yield_now();
    }
    assert_eq!(rig.get("/healthz").0, 200);
    assert_eq!(rolls(), 1);
}

#[test]
fn control_runs_until_it_is_told_to_stop_and_needs_its_directory() {
    let (mut context, _orders) = context(|| None);
    let directory = own_directory();
    context.config.sidecar.runtime_dir = directory.clone();
    context.config.sidecar.http = None;
    let (stop, stopped) = oneshot::channel();
    let control = std::thread::spawn(move || serve(context, stopped));
    let deadline = Instant::now() + PATIENCE;
    while UnixStream::connect(directory.join(ADMIN_SOCKET)).is_err() {
        assert!(Instant::now() < deadline, "control never served");
        std::thread::yield_now();
    }
    stop.send(()).unwrap();
    control.join().unwrap().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();

    let (mut context, _orders) = crate::control::report::tests::context(|| None);
    context.config.sidecar.runtime_dir = directory;
    assert_eq!(serve(context, oneshot::channel().1).unwrap_err().kind(), ErrorKind::NotFound);
}
