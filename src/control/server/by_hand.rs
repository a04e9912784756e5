//! COLD: POST /v1/fill and /v1/flow: what an operator traded by hand, and a flow that is about to be seen.
//!
//! Amounts are decimal text, as in the configuration: `"0.5"` of an instrument with 3 decimals is 500 lots, and text
//! that is finer than the unit is refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::House;
use super::commands::{COMMAND_SCHEMA, Done, actor, read, reason, scope, unanswered};
use super::door::Arrival;
use super::problem::Problem;
use crate::control::decimal::{self, DecimalError};
use crate::control::desk::DeskError;
use crate::engine::Limits;
use crate::model::event::OrderId;
use crate::model::{Event, Lots, Nanos, Reason, Scope, Ticks};

/// A day: how long an announced flow is waited for where nobody says.
const DAY_S: u64 = 86_400;
/// A month.
const WITHIN_S_MAX: u64 = 31 * DAY_S;
/// A fee that is not known yet.
const UNKNOWN_FEE: i64 = i64::MIN;

/// Body of /v1/fill.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillBody {
    /// The instrument on its account, by name.
    pub scope: String,
    /// How much was bought; negative for sold.
    pub qty: String,
    /// At what price.
    pub px: String,
    /// What it cost, in the settlement currency; the worst configured rate until it is known, where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<String>,
    /// Its execution key, as a strategy that sees it too would report it; one of its own where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<u64>,
    /// Why.
    pub reason: String,
}

/// Body of /v1/flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowBody {
    /// The book, by name, or an account that has no other.
    pub scope: String,
    /// What comes in, in the account's currency; negative for what goes out.
    pub amount: String,
    /// For how many seconds a snapshot may show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
    /// Why.
    pub reason: String,
}

pub(super) async fn fill(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: FillBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let limits = house.desk.limits();
    let Scope::Instrument(account, instrument) = scope(&house, &body.scope)? else {
        return Err(bad(
            "bad-scope",
            format!("{} is no instrument", body.scope),
            "write instrument:ACCOUNT/NAME",
        ));
    };
    let Some(of) = limits.instruments.get(usize::from(instrument)) else {
        return Err(bad(
            "bad-scope",
            format!("{} is no instrument", body.scope),
            "write instrument:ACCOUNT/NAME",
        ));
    };
    let units = |key: &str, text: &str, decimals| {
        decimal::parse_units(text, decimals).map_err(|error| bad_number(key, text, error))
    };
    let (px, qty) = (units("px", &body.px, of.price_decimals)?, units("qty", &body.qty, of.qty_decimals)?);
    let fee = body.fee.as_deref().map_or(Ok(UNKNOWN_FEE), |fee| units("fee", fee, 9))?;
    let exec = body.exec.unwrap_or_else(|| house.desk.next_id());
    let Some(exec) = OrderId::new(exec) else {
        return Err(bad("bad-exec", "0 is no execution key".to_owned(), "leave it out, or name the venue's"));
    };
    let (px, qty) = (Ticks(px), Lots(qty));
    let event = Event::ExternalFill { exec, px, qty, fee, actor, account, instrument };
    carry_out(&house, event, ("fill", &body.scope), (actor, reason)).await
}

pub(super) async fn flow(
    State(house): State<Arc<House>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let actor = actor(arrival)?;
    let body: FlowBody = read(arrival, request).await?;
    let reason = reason(&body.reason)?;
    let book = only_book(house.desk.limits(), scope(&house, &body.scope)?, &body.scope)?;
    let amount =
        decimal::parse_money(&body.amount).map_err(|error| bad_number("amount", &body.amount, error))?;
    let within = body.within_s.unwrap_or(DAY_S);
    if !(1..=WITHIN_S_MAX).contains(&within) {
        let hint = "leave it out for a day";
        return Err(bad("bad-time", format!("within_s is 1 to {WITHIN_S_MAX}, not {within}"), hint));
    }
    let id = OrderId::new(house.desk.next_id());
    let Some(id) = id else { return Err(bad("bad-id", "no id is left".to_owned(), "restart control")) };
    let event = Event::FlowExpect { id, amount, book, actor, ttl: Nanos::from_secs(within) };
    carry_out(&house, event, ("flow", &body.scope), (actor, reason)).await
}

/// The book that is meant: an account's cash is in several of them where it has more than one.
fn only_book(limits: &Limits, scope: Scope, text: &str) -> Result<u16, Problem> {
    match scope {
        Scope::Book(book) => return Ok(book),
        Scope::Account(account) => {
            let books = limits.books.iter().zip(0_u16..);
            let mut own = books.filter(|(book, _)| book.account == account).map(|(_, index)| index);
            if let (Some(only), None) = (own.next(), own.next()) {
                return Ok(only);
            }
        }
        _ => {}
    }
    let title = format!("{text} is not one book");
    Err(bad("bad-scope", title, "write book:STRATEGY/ACCOUNT, the one whose capital it is"))
}

fn bad(code: &str, title: String, hint: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, title, hint)
}

fn bad_number(key: &str, text: &str, error: DecimalError) -> Problem {
    let hint = "a plain decimal in the unit of the instrument or currency, as tripline check shows it";
    bad("bad-number", format!("{key} {text:?} {error}"), hint)
}

async fn carry_out(
    house: &House,
    event: Event,
    (verb, scope): (&'static str, &str),
    (actor, reason): (u32, &str),
) -> Result<Json<Done>, Problem> {
    let outcome = house.desk.give(event).await;
    let answer = match &outcome {
        Ok(verdict) if verdict.verdict.may_send() => "done".to_owned(),
        Ok(verdict) => verdict.reason.map_or("refused", Reason::as_str).to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(event = "command", verb, scope, reason, actor, record = ?event, answer);
    let verdict = outcome.map_err(|error| {
        let hint = match (error, &event) {
            (DeskError::TimedOut, Event::ExternalFill { exec, .. }) => {
                format!("repeat it with --exec {}, under which it is booked once", exec.get())
            }
            (DeskError::TimedOut, _) => {
                "look at the log before repeating it: announced twice it may explain two differences"
                    .to_owned()
            }
            _ => return unanswered(error),
        };
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "timed-out", error.to_string(), hint)
    })?;
    if !verdict.verdict.may_send() {
        return Err(refused(verdict.reason));
    }
    let (schema, verb, scope) = (COMMAND_SCHEMA.to_owned(), verb.to_owned(), scope.to_owned());
    Ok(Json(Done { schema, id: verdict.order, verb, scope }))
}

fn refused(reason: Option<Reason>) -> Problem {
    let (title, hint) = match reason {
        Some(Reason::DuplicateId) => (
            "that execution is booked already: by hand, or by a strategy that saw it",
            "nothing is left to do",
        ),
        Some(Reason::UnknownOrder) => {
            ("no flow is announced to that book: its strategy publishes what it is worth", "say FLOW there")
        }
        Some(Reason::MinQty | Reason::MinNotional) => ("nothing was traded, nothing moved", "name an amount"),
        Some(Reason::Tick) => ("no such price can be real there", "see allow_negative in the configuration"),
        Some(Reason::Capacity) => ("there is no room for more", "wait until some of it is over"),
        _ => ("the engine refused, and nothing was booked", "tripline status shows what holds now"),
    };
    let code = reason.map_or("refused", Reason::as_str);
    Problem::new(StatusCode::CONFLICT, code, title, hint)
}
