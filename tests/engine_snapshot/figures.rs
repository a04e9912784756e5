//! How large a snapshot is, and how long it takes: `cargo test --release --test engine_snapshot figures -- --nocapture`.

use std::time::Instant;

use super::*;
use tripline::model::event::FillCause;

/// Prints the figures, checks the engine that comes back, and returns the size.
fn measure(what: &str, engine: &Engine) -> usize {
    let mut best = [u128::MAX; 2];
    let mut size = 0;
    for _ in 0..5 {
        let start = Instant::now();
        let bytes = engine.snapshot();
        best[0] = best[0].min(start.elapsed().as_micros());
        let start = Instant::now();
        let restored = Engine::restore(&bytes).expect("its own snapshot");
        best[1] = best[1].min(start.elapsed().as_micros());
        assert!(restored.snapshot() == bytes);
        size = bytes.len();
    }
    println!("{what}: {size} bytes, snapshot {} us, restore {} us", best[0], best[1]);
    size
}

#[test]
fn figures_of_the_example_empty_and_with_200_000_executions_and_10_000_orders() {
    let mut limits = example();
    limits.books[0].max_open_orders = None;
    limits.strategies[0].duplicates = None;
    limits.strategies[0].heartbeat = Nanos::from_secs(1_000_000);
    let mut engine = Engine::new(limits, Nanos(1));
    assert!(measure("empty", &engine) < 300_000);
    let (strategy, account) = {
        let book = &engine.limits().books[0];
        (book.strategy, book.account)
    };
    let lane = 0;
    engine.apply(Nanos(1), Source::Sidecar, &sidecar(Event::Lane { lane, strategy, open: 1, generation: 1 }));
    let mut say = |flags, event, position| {
        let (epoch, handle) = (engine.epoch() as u16, Handle::new(lane, account, Some(0)));
        let source = Source::Lane { lane, strategy, position };
        engine.apply(Nanos(position * 1_000), source, &Message { flags, epoch, handle, event });
    };
    for order in 1..=10_000 {
        say(Flags::empty(), order_with(Intent::Open, 0, order, 1, 1_000), order);
    }
    for exec in 1..=200_000_u64 {
        let side = if exec % 2 == 0 { Flags::SELL } else { Flags::empty() };
        let px = Ticks(900_000 + (exec.wrapping_mul(2_654_435_761) % 100_000) as i64);
        let first = Event::Fill { order: 0, exec: exec << 20, px, qty: Lots(1_000), fee: 12_345 };
        let rest = Event::FillExt {
            exec_high: 0,
            cum_qty: Lots(0),
            t_venue: 1_700_000_000_000_000_000 + exec as i64,
            fee_ccy: 0,
            cause: FillCause::Normal,
            venue_order: 0,
        };
        say(side | Flags::MORE, first, 10_000 + 2 * exec);
        say(side, rest, 10_001 + 2 * exec);
    }
    let counters = engine.counters();
    assert_eq!((counters.orders, counters.fills), (10_000, 200_000), "{counters:?}");
    measure("10 000 orders, 200 000 executions", &engine);
}
