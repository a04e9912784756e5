use super::after_kill::AfterKill;
use super::burst::{Burst, LIMIT, WINDOW_NS};
use super::*;
use crate::model::TradingState;

fn ask(action: OrderAction, order: u64) -> Ask {
    Ask { action, order, qty: 1 }
}

fn answer(action: OrderAction, order: u64, verdict: Verdict, at_ns: u64) -> Answer {
    Answer { action, order, verdict, reason: None, extra: at_ns, at_ns }
}

fn new(order: u64, verdict: Verdict, at_ns: u64) -> Answer {
    answer(OrderAction::New, order, verdict, at_ns)
}

/// A transcript in which everything that was answered had been asked.
fn answered(answers: Vec<Answer>) -> Transcript {
    let mut asked: Vec<Ask> = Vec::new();
    for one in &answers {
        if !asked.iter().any(|ask| one.is_to(ask)) {
            asked.push(ask(one.action, one.order));
        }
    }
    Transcript { asked, answers }
}

#[test]
fn each_request_has_exactly_one_final_answer_and_waits_at_most_once() {
    use Verdict::{Pass, Queued, Released};
    let told = |verdicts: &[Verdict]| {
        let answers = verdicts.iter().map(|&verdict| new(1, verdict, 0)).collect();
        Transcript { asked: vec![ask(OrderAction::New, 1)], answers }.finals()
    };
    for (verdicts, last) in [(&[Pass][..], Pass), (&[Queued, Released], Released)] {
        assert_eq!(told(verdicts), Ok(vec![new(1, last, 0)]), "{verdicts:?}");
    }
    for (verdicts, lapse) in [
        (&[][..], "NEW 1 got no answer"),
        (&[Queued], "NEW 1 was queued and never decided"),
        (&[Pass, Queued], "NEW 1 was queued and never decided"),
        (&[Pass, Pass], "NEW 1 got 2 answers: one more than it may"),
        (&[Queued, Released, Released], "NEW 1 got 3 answers: one more than it may"),
        (&[Queued, Queued, Released], "NEW 1 got 3 answers: one more than it may"),
    ] {
        assert_eq!(told(verdicts), Err(lapse.to_owned()), "{verdicts:?}");
    }
    let stray = Transcript { asked: Vec::new(), answers: vec![answer(OrderAction::Cancel, 7, Pass, 0)] };
    assert_eq!(stray.finals(), Err("the sidecar answered CANCEL 7, which was not asked".to_owned()));
}

/// One order passes, one waits; the cancel comes as told.
fn burst(cancel: Answer) -> Vec<Answer> {
    let mut answers =
        vec![new(1, Verdict::Pass, 1), new(2, Verdict::Queued, 2), new(2, Verdict::Released, 9)];
    let at = answers.iter().filter(|before| before.at_ns <= cancel.at_ns).count();
    answers.insert(at, cancel);
    answers
}

#[test]
fn a_burst_is_shown_only_by_what_it_is_to_show() {
    let cancel = |at_ns| answer(OrderAction::Cancel, 1, Verdict::Pass, at_ns);
    let shown = Burst::of(&answered(burst(cancel(3)))).expect("it shows everything");
    assert_eq!((shown.orders, shown.cancels, shown.at_once), (2, 1, 2));
    assert_eq!((shown.queued, shown.queued_cancels, shown.released), (1, 0, 1));
    assert_eq!((shown.longest_wait_ns, shown.most_in_window), (9, 3));

    let lapse = |answers| Burst::of(&answered(answers)).expect_err("it does not show it");
    assert_eq!(lapse(burst(cancel(10))), "order burst: a cancel waited behind new orders");
    let (one, waits) = (new(1, Verdict::Pass, 1), new(2, Verdict::Queued, 2));
    assert_eq!(lapse(vec![one]), "order burst: 1 requests passed at once and 0 waited");
    assert_eq!(
        lapse(vec![one, waits, new(2, Verdict::Released, 9)]),
        "order burst: a cancel waited behind new orders"
    );
    let mut stopped = burst(cancel(3));
    stopped[3] = Answer { reason: Some(Reason::Expired), ..new(2, Verdict::Dropped, 9) };
    let told = lapse(stopped);
    assert!(told.starts_with("order burst: a request on order 2 was not to be stopped: DROPPED, "), "{told}");
}

#[test]
fn a_window_of_the_venue_holds_the_limit_and_not_one_more() {
    // All at once, and then what waited: at the edge of the window the first have left it.
    let sent = |at_once: u64, released_at: u64| {
        let mut answers: Vec<Answer> = (1..at_once).map(|order| new(order, Verdict::Pass, 0)).collect();
        answers.push(answer(OrderAction::Cancel, 1, Verdict::Pass, 0));
        answers.push(new(at_once, Verdict::Queued, 0));
        answers.push(new(at_once, Verdict::Released, released_at));
        Burst::of(&answered(answers)).map(|burst| burst.most_in_window)
    };
    assert_eq!(sent(LIMIT - 1, 1), Ok(LIMIT));
    assert_eq!(sent(LIMIT, WINDOW_NS), Ok(LIMIT));
    let told = sent(LIMIT, WINDOW_NS - 1).expect_err("one more");
    assert_eq!(told, "order burst: 21 requests left within 400.00 ms, the venue takes 20");
}

#[test]
fn after_the_kill_every_verdict_is_the_one_to_be_shown() {
    use Verdict::{Deny, Pass, PassExit};
    let verdicts = [Deny, Pass, Deny, PassExit, Deny, Pass];
    let played = |verdicts: &[Verdict], gate| {
        let answers = verdicts.iter().zip(1..).map(|(&verdict, order)| new(order, verdict, 0)).collect();
        AfterKill::of(&answered(answers), gate)
    };
    assert!(played(&verdicts, TradingState::Halted).is_ok_and(|after| after.is_shown()));
    assert!(played(&[], TradingState::Active).is_ok_and(|after| !after.is_shown()));
    assert!(played(&verdicts, TradingState::Active).is_err(), "the gate passes");
    assert!(played(&verdicts[..5], TradingState::Halted).is_err(), "a request is missing");
    for wrong in 0..verdicts.len() {
        let mut verdicts = verdicts;
        verdicts[wrong] = if verdicts[wrong] == Deny { Pass } else { Deny };
        assert!(played(&verdicts, TradingState::Halted).is_err(), "request {wrong}");
    }
}
