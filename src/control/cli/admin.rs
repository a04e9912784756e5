//! COLD: asking the sidecar, over HTTP on its admin socket.

use core::time::Duration;
use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::ExitCode;
use crate::control::report::Report;
use crate::control::server::{ADMIN_SOCKET, Problem};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A status of the largest sidecar is well below this.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Why a command failed, what to do, and what scripts learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What scripts learn.
    pub code: ExitCode,
    /// What went wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Failure {
    pub(super) fn new(code: ExitCode, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, what: what.into(), remedy: remedy.into() }
    }

    fn unreachable(socket: &Path, error: &io::Error) -> Self {
        let what = format!("no sidecar answers on {}: {error}", socket.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Self::new(ExitCode::Permission, what, "run it as the user of the sidecar")
            }
            _ => Self::new(
                ExitCode::Unreachable,
                what,
                "start it with tripline run, or name its directory with --runtime-dir",
            ),
        }
    }

    fn broken(error: impl core::fmt::Display) -> Self {
        Self::new(ExitCode::Failure, format!("the answer makes no sense: {error}"), "see the sidecar's log")
    }

    fn refused(problem: Problem) -> Self {
        let code = match (problem.status, problem.code.as_str()) {
            (400 | 413, _) => ExitCode::Usage,
            (403, _) => ExitCode::Permission,
            (409 | 412, _) => ExitCode::Conflict,
            (408 | 504, _) => ExitCode::TimedOut,
            (503, "no-core") => ExitCode::Stale,
            _ => ExitCode::Failure,
        };
        Self::new(code, problem.title, problem.hint)
    }
}

/// The status of the sidecar whose sockets are in `directory`.
///
/// # Errors
/// [`Failure`] says what went wrong and what to do.
pub fn status(directory: &Path) -> Result<Report, Failure> {
    get(directory, "/v1/status")
}

/// GET `path`.
pub(super) fn get<T: DeserializeOwned>(directory: &Path, path: &str) -> Result<T, Failure> {
    exchange(directory, Method::GET, path, Bytes::new())
}

/// POST `body` to `path`.
pub(super) fn post<T: DeserializeOwned>(
    directory: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Failure> {
    let body = serde_json::to_vec(body).map_err(Failure::broken)?;
    exchange(directory, Method::POST, path, Bytes::from(body))
}

fn exchange<T: DeserializeOwned>(
    directory: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::broken)?;
    let exchange = send(directory, method, path, body);
    let (is_success, body) = runtime.block_on(async {
        tokio::time::timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(|_| {
            let what = "the sidecar did not answer within 5 seconds";
            Err(Failure::new(
                ExitCode::TimedOut,
                what,
                "see tripline status; the command may still take effect",
            ))
        })
    })?;
    if is_success {
        return serde_json::from_slice(&body).map_err(Failure::broken);
    }
    Err(Failure::refused(serde_json::from_slice(&body).map_err(Failure::broken)?))
}

async fn send(directory: &Path, method: Method, path: &str, body: Bytes) -> Result<(bool, Bytes), Failure> {
    let socket = directory.join(ADMIN_SOCKET);
    let stream = UnixStream::connect(&socket).await.map_err(|error| Failure::unreachable(&socket, &error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Failure::broken)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(Failure::broken)?;
    let response = sender.send_request(request).await.map_err(Failure::broken)?;
    let is_success = response.status().is_success();
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(Failure::broken)?;
    Ok((is_success, body.to_bytes()))
}
