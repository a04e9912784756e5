//! COLD: who may do what through which door.
//!
//! The unix socket belongs to one user, and the kernel checks. The TCP port is open to every process of the machine
//! and, through a browser, to every web page: it is read-only, and a request that came from a page is refused.

use std::net::IpAddr;

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, Method, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::problem::Problem;

/// The way a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The admin socket, with the user at its other end.
    Unix {
        /// The user.
        uid: u32,
    },
    /// The loopback port.
    Tcp,
}

/// What is known of a request before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) door: Door,
    /// By when the request has to be here.
    pub(super) read_by: Instant,
}

const READABLE: [&str; 4] = ["/metrics", "/healthz", "/readyz", "/v1/status"];

/// Lets through what the door allows.
pub(super) async fn guard(Extension(arrival): Extension<Arrival>, request: Request, next: Next) -> Response {
    if arrival.door == Door::Tcp
        && let Some(problem) = refusal(request.method(), request.uri().path(), request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

/// Why the TCP port does not answer this, if it does not.
fn refusal(method: &Method, path: &str, headers: &HeaderMap) -> Option<Problem> {
    let forbidden =
        |code, title: &str, hint: &str| Some(Problem::new(StatusCode::FORBIDDEN, code, title, hint));
    if headers.contains_key(header::ORIGIN) {
        let hint = "use a program, not a page: tripline status, or a scraper";
        return forbidden("origin-refused", "requests from web pages are refused", hint);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback_host) {
        let hint = "address the port as 127.0.0.1, [::1] or localhost";
        return forbidden("host-refused", "the Host header does not name this machine's loopback", hint);
    }
    if method != Method::GET && method != Method::HEAD {
        let hint = "write through <runtime_dir>/admin.sock, as tripline halt does";
        return forbidden("read-only-port", "the TCP port is read-only", hint);
    }
    if !READABLE.contains(&path) {
        let hint = "this port serves /metrics, /healthz, /readyz and /v1/status; the rest is on <runtime_dir>/admin.sock";
        return Some(Problem::new(StatusCode::NOT_FOUND, "not-found", "nothing is served there", hint));
    }
    None
}

/// A name that was rebound by a hostile name server is not one of these.
fn is_loopback_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_hosts() {
        for (host, is_ours) in [
            ("127.0.0.1:9464", true),
            ("127.8.9.1", true),
            ("[::1]:9464", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.example:9464", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_host(host), is_ours, "{host}");
        }
    }
}
