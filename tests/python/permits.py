"""Permit mode and directives from Python, against a stand-in that answers as tests/abi/answers.rs says.

Usage: permits.py RUNTIME_DIR
"""

import sys
import threading
import time
import unittest
from collections.abc import Iterator

import tripline
from tripline import (
    Directive,
    DirectiveMessage,
    DirectiveStatus,
    EventKind,
    Intent,
    Leg,
    OrderAction,
    Reason,
    ScopeKind,
    Side,
    Verdict,
    VerdictMessage,
)

SECOND = 1_000_000_000
PATIENCE = 30 * SECOND
DENY, PASS, PASS_EXIT, PAPER, SILENCE, RELEASED, DROPPED, UNVERIFIED, TOO_LATE, OVERTAKEN = range(10)
DIRECTIVES, LEASE_ENDS, OPEN = 1, 2, 3

client: tripline.Client
target: tripline.Target
orders = iter(range(1, 1_000_000))


def ask_stand_in(what: int) -> None:
    position = target.publish(EventKind.DEPLOY, a=what)
    while client.applied_position <= position:
        time.sleep(0)


def messages() -> Iterator[object]:
    while (message := client.poll()) is not None:
        yield message


class Permits(unittest.TestCase):
    def permit(self, px: int, **terms: bool) -> tripline.Permit:
        return target.permit_new(next(orders), Side.BUY, px, 10, timeout_ns=PATIENCE, **terms)  # type: ignore[arg-type]

    def test_what_may_be_sent_is_a_permit(self) -> None:
        for px, verdict, extra in ((PASS, Verdict.PASS, 0), (PASS_EXIT, Verdict.PASS_EXIT, 70), (RELEASED, Verdict.RELEASED, 600)):
            with self.subTest(verdict):
                position = client.next_position
                permit = self.permit(px)
                self.assertIs(permit.verdict, verdict)
                self.assertEqual((permit.position, permit.extra), (position, extra))
                self.assertGreater(permit.valid_until_ns, time.monotonic_ns())
                self.assertIn(f"order={permit.order}>", repr(permit))

    def test_a_queued_request_is_told_so_and_then_answered(self) -> None:
        position = target.request_new(next(orders), Side.BUY, RELEASED, 10)
        verdicts: list[VerdictMessage] = []
        while not (verdicts and verdicts[-1].is_final):
            message = client.poll()
            if isinstance(message, VerdictMessage) and message.position == position:
                verdicts.append(message)
        told = [(message.verdict, message.extra, message.is_final, message.may_send) for message in verdicts]
        self.assertEqual(told, [(Verdict.QUEUED, 500, False, False), (Verdict.RELEASED, 600, True, True)])
        self.assertIn("RELEASED", repr(verdicts[-1]))

    def test_what_must_not_be_sent_is_an_exception_that_says_why(self) -> None:
        for px, kind, verdict, reason, numbers in (
            (DENY, tripline.Denied, Verdict.DENY, Reason.MAX_POSITION, (11, 10, 5)),
            (PAPER, tripline.PaperOnly, Verdict.PAPER, Reason.PAPER_MODE, None),
            (DROPPED, tripline.Denied, Verdict.DROPPED, Reason.EXPIRED, (0, 0, 600)),
            (UNVERIFIED, tripline.Denied, Verdict.EXIT_UNVERIFIED, Reason.EXIT_UNVERIFIED, (0, 0, 0)),
            (TOO_LATE, tripline.Denied, Verdict.DROPPED, Reason.EXPIRED, (0, 0, 0)),
        ):
            with self.subTest(verdict), self.assertRaises(tripline.Denied) as refused:
                self.permit(px)
            denied = refused.exception
            self.assertIs(type(denied), kind)
            self.assertIs(denied.verdict, verdict)
            self.assertEqual((denied.code, denied.name), (int(reason), reason.name))
            if numbers is not None:
                self.assertEqual((denied.measured, denied.limit, denied.extra), numbers)
            self.assertIn(reason.name, str(denied))
            list(messages())
        with self.assertRaises(tripline.Denied) as refused:
            self.permit(DENY)
        self.assertEqual(refused.exception.guard, 3)
        self.assertIs(refused.exception.scope, ScopeKind.BOOK)
        self.assertGreater(refused.exception.order, 0)
        self.assertLess(refused.exception.position, client.next_position)

    def test_a_halt_behind_a_pass_denies_it(self) -> None:
        with self.assertRaises(tripline.Denied) as refused:
            self.permit(OVERTAKEN)
        self.assertEqual(refused.exception.name, "EPOCH_STALE")
        self.assertFalse(target.may_send)
        ask_stand_in(OPEN)
        self.assertTrue(target.may_send)

    def test_an_exit_nobody_could_verify_may_leave_where_the_venue_enforces_it(self) -> None:
        self.assertIs(self.permit(UNVERIFIED, venue_reduce_only=True).verdict, Verdict.EXIT_UNVERIFIED)

    def test_changes_and_cancels_are_permitted_too(self) -> None:
        permit = target.permit_modify(7, Side.SELL, PASS, 10, timeout_ns=PATIENCE, new_order=8)
        self.assertEqual((permit.verdict, permit.order), (Verdict.PASS, 7))
        self.assertRaises(tripline.Denied, target.permit_modify, 7, Side.SELL, DENY, 10, timeout_ns=PATIENCE)
        self.assertEqual(target.permit_cancel(7, timeout_ns=PATIENCE).order, 7)
        verdict = client.wait(target.request_cancel_all(increasing_only=True), PATIENCE)
        self.assertEqual((verdict.verdict, verdict.action, verdict.order), (Verdict.PASS, OrderAction.CANCEL, 0))

    def test_requests_are_answered_by_poll_under_their_positions(self) -> None:
        asked = {
            target.request_new(next(orders), Side.BUY, PASS, 10): Verdict.PASS,
            target.request_modify(7, Side.BUY, DENY, 10): Verdict.DENY,
            target.request_cancel(7): Verdict.PASS,
        }
        got: dict[int, VerdictMessage] = {}
        while len(got) < len(asked):
            message = client.poll()
            if isinstance(message, VerdictMessage):
                got[message.position] = message
        self.assertEqual({position: message.verdict for position, message in got.items()}, asked)
        denied = next(message for message in got.values() if message.verdict is Verdict.DENY)
        self.assertIs(denied.reason, Reason.MAX_POSITION)
        self.assertEqual((denied.measured, denied.limit, denied.extra, denied.guard), (11, 10, 5, 3))
        self.assertEqual((denied.scope, denied.action, denied.order), (ScopeKind.BOOK, OrderAction.MODIFY, 7))
        self.assertEqual((denied.may_send, denied.is_final), (False, True))
        self.assertIn("MAX_POSITION", repr(denied))
        self.assertRaises(tripline.NotRequested, client.wait, denied.position, 0)

    def test_an_order_with_more_to_say_is_one_request(self) -> None:
        position = client.next_position
        permit = target.permit_new(next(orders), Side.SELL, PASS, 10, timeout_ns=PATIENCE, trigger_px=5)
        self.assertEqual((permit.position, client.next_position), (position, position + 2))

    def test_a_verdict_that_does_not_come_in_time_leaves_the_request_outstanding(self) -> None:
        order = next(orders)
        with self.assertRaises(tripline.TimedOut) as late:
            target.permit_new(order, Side.BUY, SILENCE, 10, timeout_ns=1_000_000)
        position = late.exception.position
        self.assertEqual((position, late.exception.code), (client.next_position - 1, -20))
        self.assertRaises(tripline.TimedOut, client.wait, position, 0)
        ask_stand_in(order << 32 | position)
        self.assertIs(client.wait(position, PATIENCE).verdict, Verdict.RELEASED)

    def test_other_threads_go_on_while_one_waits(self) -> None:
        order, counted, over = next(orders), 0, threading.Event()

        def count() -> None:
            nonlocal counted
            while not over.is_set():
                counted += target.may_send

        thread = threading.Thread(target=count)
        position = target.request_new(order, Side.BUY, SILENCE, 10)
        threading.Timer(0.05, over.set).start()
        thread.start()
        # Whoever waits holds neither the interpreter nor the gate.
        with self.assertRaises(tripline.TimedOut):
            client.wait(position, SECOND // 10)
        thread.join()
        self.assertGreater(counted, 100)
        ask_stand_in(order << 32 | position)
        client.wait(position, PATIENCE)

    def test_ctrl_c_ends_a_wait(self) -> None:
        import signal

        order = next(orders)
        position = target.request_new(order, Side.BUY, SILENCE, 10)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        with self.assertRaises(KeyboardInterrupt):
            client.wait(position, PATIENCE)
        signal.signal(signal.SIGALRM, before)
        ask_stand_in(order << 32 | position)
        self.assertIs(client.wait(position, PATIENCE).verdict, Verdict.RELEASED)

    def test_no_room_for_another_verdict_is_busy_and_loses_nothing(self) -> None:
        waiting = []
        with self.assertRaises(tripline.Busy) as busy:
            for order in orders:
                waiting.append((order, target.request_new(order, Side.BUY, SILENCE, 10)))
        self.assertEqual(busy.exception.code, -19)
        self.assertGreater(len(waiting), 1)
        self.assertTrue(target.may_send)
        for order, position in waiting:
            ask_stand_in(order << 32 | position)
            self.assertIs(client.wait(position, PATIENCE).verdict, Verdict.RELEASED)
        self.permit(PASS)

    def test_directives_tell_what_to_do_and_are_acknowledged(self) -> None:
        list(messages())
        ask_stand_in(DIRECTIVES)
        told = [message for message in messages() if isinstance(message, DirectiveMessage)]
        self.assertEqual(
            [message.directive for message in told],
            [Directive.CANCEL, Directive.CANCEL_INCREASING, Directive.CANCEL_ALL, Directive.FLATTEN, Directive.REVOKE],
        )
        self.assertEqual([message.id for message in told], [1, 2, 3, 4, 5])
        for message in told:
            self.assertIs(message.reason, Reason.DRAWDOWN)
            self.assertEqual((message.epoch, message.deadline_ns), (2, 90 * SECOND))
            self.assertIn("reason=DRAWDOWN", repr(message))
        cancel, increasing, everything, flatten, revoke = told
        self.assertEqual((cancel.order, cancel.venue_key, cancel.scope), (4, 2**64 - 1, None))
        self.assertEqual(increasing.scope, (ScopeKind.BOOK, 0, 0))
        self.assertEqual(everything.scope, (ScopeKind.BOOK, 0, 0))
        self.assertEqual((flatten.scope, flatten.qty), ((ScopeKind.INSTRUMENT, 0, 0), -70))
        self.assertIs(flatten.leg, Leg.LONG)
        self.assertIs(cancel.leg, Leg.NET)
        self.assertEqual((revoke.revoked, revoke.qty, revoke.order), (4, 0, 0))
        for message in told:
            client.acknowledge(message, DirectiveStatus.RECEIVED)
        client.acknowledge(flatten, DirectiveStatus.FAILED, remaining=-70, detail=-5)

    def test_without_a_live_sidecar_only_cancels_and_enforced_exits_may_leave(self) -> None:
        ask_stand_in(LEASE_ENDS)
        self.assertFalse(target.may_send)
        with self.assertRaises(tripline.Denied) as refused:
            self.permit(PASS)
        self.assertEqual((refused.exception.verdict, refused.exception.name), (Verdict.DROPPED, "LEASE_EXPIRED"))
        self.assertIs(target.permit_cancel(7, timeout_ns=PATIENCE).verdict, Verdict.PASS)
        for enforced in (False, True):
            try:
                permit = target.permit_new(
                    next(orders), Side.SELL, PASS, 10, timeout_ns=PATIENCE, intent=Intent.EXIT, venue_reduce_only=enforced
                )
            except tripline.Denied as denied:
                self.assertIs(denied.verdict, Verdict.EXIT_UNVERIFIED)
                self.assertFalse(enforced)
            else:
                self.assertIs(permit.verdict, Verdict.EXIT_UNVERIFIED)
                self.assertTrue(enforced)


def main() -> None:
    global client, target
    with tripline.attach("mm1", sys.argv[1]) as client:
        target = client.target("main", "BTC-PERP")
        tests = unittest.defaultTestLoader.loadTestsFromTestCase(Permits)
        # The lease ends last.
        last = [test for test in tests if "without_a_live_sidecar" in str(test)]
        first = [test for test in tests if test not in last]
        result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite([*first, *last]))
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 10 else 1)


if __name__ == "__main__":
    main()
