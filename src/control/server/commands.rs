//! COLD: POST /v1/halt, /v1/reduce, /v1/mode, /v1/reset, /v1/resume and /v1/adopt: from names to a command, from a verdict
//! to a status.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::House;
use super::door::{Arrival, Door};
use super::problem::Problem;
use super::refusal;
use crate::control::desk::{self, DeskError};
use crate::control::scopes;
use crate::model::event::CommandVerb;
use crate::model::{Acks, Reason, Scope};

/// Bytes a body may have.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// Bytes a reason may have; it goes into logs and screens.
const REASON_MAX: usize = 512;

/// The schema of [`Done`].
pub const COMMAND_SCHEMA: &str = "tripline.command/1";

/// Body of /v1/halt and /v1/reduce.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaltBody {
    /// The scope, by name.
    pub scope: String,
    /// Reduce only: the guard to hold it by, "error-rate" to force its breaker open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// Why.
    pub reason: String,
}

/// Body of /v1/reset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    /// The scope, by name.
    pub scope: String,
    /// The guard, by name.
    pub guard: String,
    /// Which halt, hexadecimal.
    pub nonce: String,
    /// Why it is safe to go on.
    pub reason: String,
    /// Measure from the present.
    #[serde(default)]
    pub rebase: bool,
    /// What is acknowledged, names of [`Acks`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<String>,
}

/// Body of /v1/resume.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeBody {
    /// The scope, by name.
    pub scope: String,
    /// The guard, by name; every one whose cool-down is over where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// Why it is safe to go on.
    pub reason: String,
}

/// Body of /v1/adopt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptBody {
    /// The instrument on its account, by name.
    pub scope: String,
    /// Also where it makes the account's position larger.
    #[serde(default)]
    pub confirm: bool,
    /// Why the venue is right.
    pub reason: String,
}

/// Body of /v1/mode.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeBody {
    /// The scope, by name.
    pub scope: String,
    /// "live" or "paper".
    pub mode: String,
    /// Why.
    pub reason: String,
}

/// A command that was carried out, or had no more to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// [`COMMAND_SCHEMA`].
    pub schema: String,
    /// The command's id in the record.
    pub id: u64,
    /// What was done.
    pub verb: String,
    /// With what.
    pub scope: String,
}

pub(super) async fn halt(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    tighten(&house, arrival, request, CommandVerb::Halt, "halt").await
}

pub(super) async fn reduce(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    tighten(&house, arrival, request, CommandVerb::Reduce, "reduce").await
}

async fn tighten(
    house: &House,
    arrival: Arrival,
    request: Request,
    verb: CommandVerb,
    word: &'static str,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: HaltBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let scope = scope(house, &body.scope)?;
    let guard = body.guard.as_deref().map_or(Ok(0), |name| guard(house, name))?;
    let request = desk::Request { verb, scope, guard, nonce: 0, rebase: false, actor, acks: 0 };
    carry_out(house, request, word, &body.scope, reason).await
}

pub(super) async fn reset(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: ResetBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let scope = scope(&house, &body.scope)?;
    let guard = guard(&house, &body.guard)?;
    let nonce = u64::from_str_radix(&body.nonce, 16).map_err(|_| {
        let hint = "tripline status shows the nonce of each cause, in hexadecimal";
        Problem::new(StatusCode::BAD_REQUEST, "bad-nonce", "the nonce is not a hexadecimal number", hint)
    })?;
    let acks = acknowledged(&body.acknowledged)?.bits();
    let verb = CommandVerb::Reset;
    let request = desk::Request { verb, scope, guard, nonce, rebase: body.rebase, actor, acks };
    carry_out(&house, request, "reset", &body.scope, reason).await
}

pub(super) async fn resume(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: ResumeBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let scope = scope(&house, &body.scope)?;
    // No guard has the number 0: it stands for all of them.
    let guard = body.guard.as_deref().map_or(Ok(0), |name| guard(&house, name))?;
    let request =
        desk::Request { verb: CommandVerb::Resume, scope, guard, nonce: 0, rebase: false, actor, acks: 0 };
    carry_out(&house, request, "resume", &body.scope, reason).await
}

pub(super) async fn adopt(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: AdoptBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let scope = scope(&house, &body.scope)?;
    let verb = CommandVerb::Adopt;
    let request = desk::Request { verb, scope, guard: 0, nonce: 0, rebase: body.confirm, actor, acks: 0 };
    carry_out(&house, request, "adopt", &body.scope, reason).await
}

pub(super) async fn mode(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: ModeBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let scope = scope(&house, &body.scope)?;
    let (is_live, word) = match body.mode.as_str() {
        "live" => (true, "mode live"),
        "paper" => (false, "mode paper"),
        other => {
            let title = format!("no mode is called {other:?}");
            let hint = "write \"live\" or \"paper\"";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "unknown-mode", title, hint));
        }
    };
    let verb = CommandVerb::Mode;
    let request = desk::Request { verb, scope, guard: 0, nonce: 0, rebase: is_live, actor, acks: 0 };
    carry_out(&house, request, word, &body.scope, reason).await
}

fn acknowledged(names: &[String]) -> Result<Acks, Problem> {
    let known = names.iter().map(|name| Acks::named(name).ok_or(name));
    known.collect::<Result<Acks, _>>().map_err(|name| {
        let title = format!("nothing is acknowledged by {name:?}");
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unknown-acknowledgement",
            title,
            format!("say {}", Acks::WORDS.join(", ")),
        )
    })
}

fn guard(house: &House, name: &str) -> Result<u16, Problem> {
    house.desk.guard_number(name).ok_or_else(|| {
        let meant = scopes::did_you_mean(&house.desk.nearest_guard(name));
        let title = format!("no guard is called {name:?}{meant}");
        let hint = "tripline status shows the guard of each cause";
        Problem::new(StatusCode::BAD_REQUEST, "unknown-guard", title, hint)
    })
}

/// The user who commands. The port was refused before; this is for the day somebody changes that.
pub(super) fn actor(arrival: Arrival) -> Result<u32, Problem> {
    match arrival.door {
        Door::Unix { uid } => Ok(uid),
        Door::Tcp => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "read-only-port",
            "the TCP port is read-only",
            "write through <runtime_dir>/admin.sock, as tripline halt does",
        )),
    }
}

pub(super) fn scope(house: &House, text: &str) -> Result<Scope, Problem> {
    scopes::parse_scope(house.desk.limits(), text).map_err(|error| {
        let hint = "tripline status shows every scope by name";
        Problem::new(StatusCode::BAD_REQUEST, "unknown-scope", error.to_string(), hint)
    })
}

pub(super) fn reason(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    if text.is_empty() || text.len() > REASON_MAX || text.chars().any(char::is_control) {
        let title = format!("a reason has 1 to {REASON_MAX} bytes and no control characters");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-reason", title, "say why in one line"));
    }
    Ok(text)
}

/// The body as `T`, within its size and the request's deadline.
pub(super) async fn read<T: DeserializeOwned>(arrival: Arrival, request: Request) -> Result<T, Problem> {
    let declared = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let declared: Option<usize> = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    let too_large = || {
        let title = format!("the body is larger than {BODY_MAX} bytes");
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            title,
            "commands are one small JSON object",
        )
    };
    if declared.is_some_and(|length| length > BODY_MAX) {
        return Err(too_large());
    }
    let collected = axum::body::to_bytes(request.into_body(), BODY_MAX);
    let bytes: Bytes = match tokio::time::timeout_at(arrival.read_by, collected).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(too_large()),
        Err(_) => {
            let title = "the request took longer than 2 seconds to arrive";
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", title, "send it in one go"));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let hint = "send one JSON object with scope and reason; a reset also names guard and nonce";
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-body",
            format!("the body is not such a command: {error}"),
            hint,
        )
    })
}

async fn carry_out(
    house: &House,
    request: desk::Request,
    verb: &'static str,
    scope: &str,
    reason: &str,
) -> Result<Json<Done>, Problem> {
    let outcome = house.desk.command(request).await;
    let answer = match &outcome {
        Ok(verdict) if verdict.verdict.may_send() => "done".to_owned(),
        Ok(verdict) => verdict.reason.map_or("refused", Reason::as_str).to_owned(),
        Err(error) => error.to_string(),
    };
    let actor = request.actor;
    let desk::Request { rebase, acks, .. } = request;
    tracing::warn!(event = "command", verb, scope, reason, actor, rebase, acks, answer);
    let verdict = outcome.map_err(unanswered)?;
    if !verdict.verdict.may_send() {
        return Err(refusal::refused(house.desk.limits(), &request, &verdict));
    }
    let (schema, verb, scope) = (COMMAND_SCHEMA.to_owned(), verb.to_owned(), scope.to_owned());
    Ok(Json(Done { schema, id: verdict.order, verb, scope }))
}

pub(super) fn unanswered(error: DeskError) -> Problem {
    let (status, code, hint) = match error {
        DeskError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "try again"),
        DeskError::NoCore => {
            (StatusCode::SERVICE_UNAVAILABLE, "no-core", "gates read HALTED while no core renews the lease")
        }
        DeskError::TimedOut => {
            (StatusCode::GATEWAY_TIMEOUT, "timed-out", "see tripline status, then repeat it")
        }
    };
    Problem::new(status, code, error.to_string(), hint)
}
