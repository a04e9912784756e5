//! Numbers at the ends of their range, through every record that moves money or orders: nothing panics, nothing wraps,
//! what does not fit halts, and what is booked is booked everywhere. One digest holds for every profile.

mod support;

#[path = "engine_extremes/orders.rs"]
mod orders;

use support::desk::*;
use support::seed::Seed;
use tripline::engine::Limits;
use tripline::engine::limits::{Basis, Currency, DrawdownLimits, InstrumentKind, RateLimits};
use tripline::model::event::{CommandVerb, FillCause, FlowKind, InstrumentStatus};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Scope, Ticks};

const SMALL: [i64; 12] = [
    i64::MIN,
    i64::MIN + 1,
    -1_000_000_000,
    -1,
    0,
    1,
    7,
    100,
    1_000_000_000,
    1_000_000_000_000_000_000,
    i64::MAX - 1,
    i64::MAX,
];

fn extreme(seed: &mut Seed) -> i64 {
    SMALL[seed.below(SMALL.len() as u64) as usize]
}

fn money(seed: &mut Seed) -> Money {
    let ends = [i128::MIN, i128::MIN + 1, i128::MAX / 2, i128::MAX - 1, i128::MAX];
    let wide = seed.below(8) == 0;
    Money(if wide { ends[seed.below(5) as usize] } else { i128::from(extreme(seed)) })
}

fn wide_open() -> Limits {
    let guard =
        |scope, basis| DrawdownLimits { scope, basis, limit_abs: Some(Money(E9)), ..drawdown("kill") };
    let guards = vec![
        guard(Scope::Account(0), Basis::Equity),
        guard(Scope::Strategy(0), Basis::Realised),
        guard(Scope::Book(0), Basis::Equity),
        guard(Scope::Book(1), Basis::Equity),
    ];
    let mut limits = limits(1_000 * E9, guards);
    let currency = |id| Currency { id, code: name("CCY") };
    let rate = |base| RateLimits {
        base: currency(base),
        quote: currency(USD),
        haircut: Bps(9_999),
        age: Nanos::from_secs(60),
        band: None,
        source: None,
    };
    limits.rates = vec![rate(BTC), rate(COIN)];
    limits.instruments[usize::from(PLAIN)].allow_negative = true;
    limits.instruments[usize::from(PERP)].kind = InstrumentKind::Quanto { rate_e9: i64::MAX };
    limits.books[1].published = Some(Nanos::from_secs(60));
    limits.books[0].max_order_notional = Some(Money(1));
    limits.capacity.executions = 64;
    limits
}

fn event(seed: &mut Seed, step: u64) -> Event {
    let (px, qty) = (Ticks(extreme(seed)), Lots(extreme(seed)));
    let fee = extreme(seed);
    let ccy = [0, USD, BTC, COIN, 77][seed.below(if step.is_multiple_of(50) { 5 } else { 4 }) as usize];
    let exec = 1 + seed.below(20);
    let number = id(1 + seed.below(40));
    let t_venue = step as i64;
    match seed.below(12) {
        0 | 1 => Event::Fill { order: seed.below(4), exec, px, qty, fee },
        2 => Event::FillCum { order: number, cum_qty: qty, cum_cost: money(seed), cum_fee: fee },
        3 => Event::FillBust { order: 0, exec, px, qty, fee },
        4 => Event::FeeAdjust { order: 0, exec, fee, ccy, exec_high: 0 },
        5 => Event::Funding { id: number, amount: money(seed), ccy, t_venue },
        6 => {
            let kind = FlowKind::from_raw(seed.below(7) as u16).unwrap();
            Event::Flow { id: number, amount: money(seed), ccy, kind, t_venue }
        }
        7 => {
            let (base, ask) = ([BTC, COIN][seed.below(2) as usize], extreme(seed));
            Event::Fx { base, quote: USD, bid: px.0, ask, sequence: step, t_venue }
        }
        8 => Event::Settle { id: number, px, qty, kind: 0, t_venue },
        9 => Event::Equity { sequence: step, amount: money(seed), ccy: 0, trusted: 1, t_venue },
        10 if step.is_multiple_of(97) => {
            let state = InstrumentStatus::from_raw(seed.below(4) as u32).unwrap();
            Event::InstrumentState { state, next_change_utc_ns: px.0, t_venue }
        }
        _ => {
            let mark = Some(px);
            Event::Mark { mark, index: None, last: None, underlying: None, sequence: step }
        }
    }
}

/// What two runs of the same tape must have in common: all money and every position.
fn digest(desk: &Desk, so_far: u64) -> u64 {
    let mut digest = so_far;
    let mut add = |word: u64| digest = (digest ^ word).wrapping_mul(0x0100_0000_01b3);
    for book in 0..5 {
        let row = desk.engine.book_row(book).unwrap();
        for amount in [row.equity, row.realised, row.unrealised, row.fees] {
            add(amount.0 as u64);
            add((amount.0 >> 64) as u64);
        }
        (0..4).for_each(|instrument| add(desk.engine.position(book, instrument) as u64));
    }
    digest
}

fn assert_sums(desk: &Desk, step: u64) {
    for (account, books) in [(0, vec![0, 1, 3]), (1, vec![2, 4])] {
        let row = |&book: &u16| desk.engine.book_row(book).unwrap().equity.0;
        let sum: i128 = books.iter().map(row).sum();
        assert_eq!(desk.engine.account_row(account).unwrap().equity.0, sum, "account {account}, step {step}");
    }
}

#[test]
fn numbers_at_the_ends_of_their_range_fit_or_halt_alike_in_every_profile() {
    let mut seed = Seed::starting_at(0x5eed, "engine_extremes");
    let is_fixed = std::env::var_os("TRIPLINE_TEST_SEED").is_none();
    let mut desk = Desk::new(wide_open());
    let mut so_far = 0xcbf2_9ce4_8422_2325;
    for step in 1..=20_000 {
        let event = event(&mut seed, step);
        let book = [0, 0, 1, 2][seed.below(4) as usize];
        let instrument = seed.below(4) as u16;
        let flags = if seed.below(2) == 0 { Flags::empty() } else { Flags::SELL };
        if matches!(event, Event::Fill { .. }) && seed.below(2) == 0 {
            desk.say(book, instrument, flags | Flags::MORE, event);
            let cause = FillCause::from_raw(seed.below(7) as u16).unwrap();
            let fee_ccy = [0, USD, BTC, COIN][seed.below(4) as usize];
            let (t_venue, cum_qty) = (extreme(&mut seed), Lots(0));
            let rest = Event::FillExt { exec_high: 0, cum_qty, t_venue, fee_ccy, cause, venue_order: 0 };
            desk.say(book, instrument, flags, rest);
        } else {
            desk.say(book, instrument, flags, event);
        }
        if step.is_multiple_of(40) {
            reset_everything(&mut desk);
        }
        desk.transitions.clear();
        assert_sums(&desk, step);
        so_far = digest(&desk, so_far);
    }
    let counters = desk.engine.counters();
    assert!(counters.overflows > 100, "the ends were reached: {counters:?}");
    assert!(counters.fills > 100 && counters.duplicate_fills > 100, "and things were booked: {counters:?}");
    if is_fixed {
        // Of debug and release alike. A change of what is booked changes it, and is to be understood first.
        assert_eq!(
            so_far, 11_230_705_979_372_690_783,
            "another digest than in the profile this was written with"
        );
    }
}

/// Whatever holds is ended, with a rebase, so that the tape goes on.
fn reset_everything(desk: &mut Desk) {
    let held: Vec<_> = desk.engine.cause_rows().collect();
    for cause in held {
        let scope = cause.scope.unwrap();
        desk.command(CommandVerb::Reset, scope, cause.guard as u16, cause.nonce, true);
    }
}
