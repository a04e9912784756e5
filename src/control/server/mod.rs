//! COLD: the HTTP server of control.
//!
//! ```text
//!  <runtime_dir>/admin.sock (0600) ──> everything
//!  127.0.0.1:9464 ──────────────────> GET /metrics /healthz /readyz /v1/status
//!                                        each with its own 16 connections, so that a crowd at the port
//!                                        never keeps an operator from halting
//! ```
//! A connection serves one request: read within 2 s, head at most 8 KiB, body at most 64 KiB. A port that is taken
//! is a degraded mark, never a reason not to run: halting needs only the socket.

mod by_hand;
mod commands;
mod connection;
mod door;
mod problem;
mod refusal;
#[cfg(test)]
pub(super) mod tests;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::desk::{Context, Desk};
use super::logs::{self, Tally};
use super::report::{self, Report};
use super::{metrics, session};
pub use by_hand::{FillBody, FlowBody};
pub use commands::{AdoptBody, COMMAND_SCHEMA, Done, HaltBody, ModeBody, ResetBody, ResumeBody};
use connection::Listener;
pub use problem::Problem;

/// Name of the admin socket in the runtime directory.
pub const ADMIN_SOCKET: &str = "admin.sock";

/// What the routes share.
pub(super) struct House {
    desk: Arc<Desk>,
    tally: Arc<Tally>,
    /// What control could not have.
    marks: Vec<&'static str>,
}

/// Sockets that are open, before anything is served on them.
pub struct Server {
    house: Arc<House>,
    admin: UnixListener,
    port: Option<TcpListener>,
}

impl Server {
    /// Opens the sockets. A port that cannot be had leaves a mark.
    ///
    /// # Errors
    /// The admin socket cannot be made: the runtime directory is absent or not ours.
    pub fn open(context: Context) -> io::Result<Self> {
        let desk = Arc::new(Desk::new(context));
        let admin = open_admin_socket(&desk.config().sidecar.runtime_dir)?;
        let mut marks = Vec::new();
        let port = desk.config().sidecar.http.and_then(|address| open_port(address, &mut marks));
        let house = Arc::new(House { desk, tally: Arc::default(), marks });
        Ok(Self { house, admin, port })
    }

    /// Where the port is, when there is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.port.as_ref()?.local_addr().ok()
    }

    /// Serves, watches and rolls sessions until `shutdown`.
    ///
    /// # Errors
    /// A socket cannot be handed to the runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self { house, admin, port } = self;
        let (desk, tally) = (Arc::clone(&house.desk), Arc::clone(&house.tally));
        let router = router(house);
        let admin = Listener::unix(admin)?.serve(router.clone());
        let port = port.map(Listener::tcp).transpose()?;
        let serve_port = async {
            match port {
                Some(port) => port.serve(router).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = admin => {}
            () = serve_port => {}
            () = logs::watch(Arc::clone(&desk), tally) => {}
            () = session::roll(desk) => {}
        }
        Ok(())
    }
}

/// Runs control on a current-thread runtime until SIGTERM, SIGINT, or `stop` is sent or dropped.
///
/// # Errors
/// The runtime or the admin socket cannot be made. A port that is taken is not an error.
pub fn serve(context: Context, stop: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = Server::open(context)?;
        let address = server.address().map(|address| address.to_string());
        tracing::info!(event = "control_started", http = address.as_deref().unwrap_or("none"));
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = stop => {}
            }
        };
        server.run(shutdown).await?;
        tracing::info!(event = "control_stopped");
        Ok(())
    })
}

/// Made under another name and moved into place, so that it never exists with a wider mode. A socket left by a
/// control that died is replaced; two that live are kept apart by the keeper's lock on the directory.
fn open_admin_socket(directory: &Path) -> io::Result<UnixListener> {
    let (path, new) = (directory.join(ADMIN_SOCKET), directory.join(format!("{ADMIN_SOCKET}.new")));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&new, &path)?;
    Ok(listener)
}

fn open_port(address: SocketAddr, marks: &mut Vec<&'static str>) -> Option<TcpListener> {
    match TcpListener::bind(address) {
        Ok(port) => Some(port),
        Err(error) => {
            tracing::warn!(event = "degraded", mark = "HTTP_PORT", %address, %error);
            marks.push("HTTP_PORT");
            None
        }
    }
}

fn router(house: Arc<House>) -> Router {
    Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/v1/status", get(status))
        .route("/v1/halt", post(commands::halt))
        .route("/v1/reduce", post(commands::reduce))
        .route("/v1/reset", post(commands::reset))
        .route("/v1/resume", post(commands::resume))
        .route("/v1/adopt", post(commands::adopt))
        .route("/v1/mode", post(commands::mode))
        .route("/v1/fill", post(by_hand::fill))
        .route("/v1/flow", post(by_hand::flow))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(door::guard))
        .with_state(house)
}

async fn serve_metrics(State(house): State<Arc<House>>) -> Response {
    let stats = house.desk.stats();
    let text = metrics::render(&house.desk, stats.as_ref(), &house.tally, &house.marks);
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

async fn readyz(State(house): State<Arc<House>>) -> Response {
    match report::readiness(house.desk.stats().as_ref(), house.desk.now()) {
        Ok(()) => "ready\n".into_response(),
        Err(why) => {
            let hint = "gates read HALTED until the loop renews its lease";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", why, hint).into_response()
        }
    }
}

async fn status(State(house): State<Arc<House>>) -> Json<Report> {
    Json(report::build(&house.desk, house.desk.stats().as_ref(), &house.marks))
}

async fn not_found() -> Problem {
    let hint = "GET /metrics, /healthz, /readyz, /v1/status; POST /v1/halt, /v1/reduce, /v1/mode, /v1/reset, /v1/resume, \
                /v1/adopt, /v1/fill, /v1/flow";
    Problem::new(StatusCode::NOT_FOUND, "not-found", "nothing is served there", hint)
}

async fn wrong_method() -> Problem {
    let hint = "read with GET; halt, reduce, reset, resume, adopt, fill and flow with POST";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "not with this method", hint)
}
