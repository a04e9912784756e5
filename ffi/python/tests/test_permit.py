"""Permit mode against a real sidecar: what it answers, and what becomes of it."""

import unittest

import tripline
from desk import DeskTest, wait_for
from tripline import Gate, Intent, Reason, ScopeKind, Side, Verdict, VerdictMessage

PATIENCE_NS = 30_000_000_000


class Permits(DeskTest):
    def test_an_order_is_permitted_reserved_and_resolved(self) -> None:
        with self.trading() as (client, target):
            target.mark(1000, 1)
            permit = target.permit_new(1, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            self.assertIs(permit.verdict, Verdict.PASS)
            with self.assertRaises(tripline.Denied) as twice:
                target.permit_new(1, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            self.assertEqual(twice.exception.name, "DUPLICATE_ID")
            target.order_ack(1, 1000, 20)
            self.await_applied(client, target.fill(1, Side.BUY, 1, 1000, 20, fee=0, t_venue=1) + 1)
            self.assertEqual(target.permit_cancel(1, timeout_ns=PATIENCE_NS).order, 1)

    def test_a_limit_denies_with_the_measured_value_and_the_limit(self) -> None:
        """The book of `small` may hold 30 quantity units."""
        with self.trading("small") as (_, target):
            target.mark(1000, 1)
            target.permit_new(1, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            with self.assertRaises(tripline.Denied) as refused:
                target.permit_new(2, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            denied = refused.exception
            self.assertIs(type(denied), tripline.Denied)
            self.assertIs(denied.verdict, Verdict.DENY)
            self.assertEqual((denied.code, denied.name), (Reason.MAX_POSITION, "MAX_POSITION"))
            self.assertEqual((denied.measured, denied.limit, denied.extra, denied.order), (40, 30, 10, 2))
            self.assertIs(denied.scope, ScopeKind.BOOK)
            target.permit_new(3, Side.BUY, 1000, denied.extra, timeout_ns=PATIENCE_NS)
            # What was not sent after all is given back.
            target.not_sent(3)
            target.permit_new(4, Side.BUY, 1000, 10, timeout_ns=PATIENCE_NS)

    def test_an_off_tick_price_is_denied_by_name(self) -> None:
        with self.trading() as (_, target):
            for px, qty, reason in ((1001, 20, Reason.TICK), (1000, 15, Reason.LOT)):
                with self.assertRaises(tripline.Denied) as refused:
                    target.permit_new(px, Side.BUY, px, qty, timeout_ns=PATIENCE_NS)
                self.assertEqual(refused.exception.code, reason)

    def test_a_halt_denies_what_opens_and_lets_the_position_leave(self) -> None:
        with self.trading() as (client, target):
            target.mark(1000, 1)
            target.permit_new(1, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            self.await_applied(client, target.fill(1, Side.BUY, 1, 1000, 20, fee=0))
            self.assertEqual(self.sidecar.command("halt", "firm", "--reason", "test").returncode, 0)
            self.await_gate(target, Gate.HALTED)
            exits = {"intent": Intent.EXIT, "timeout_ns": PATIENCE_NS}
            for order, side, qty, terms in (
                (2, Side.BUY, 10, {"timeout_ns": PATIENCE_NS}),
                (3, Side.SELL, 30, exits),
            ):
                self.assertRaises(tripline.Denied, target.permit_new, order, side, 1000, qty, **terms)
            permit = target.permit_new(4, Side.SELL, 1000, 20, intent=Intent.EXIT, timeout_ns=PATIENCE_NS)
            self.assertIs(permit.verdict, Verdict.PASS_EXIT)
            # A second exit while the first lives could sell twice; one that the venue itself holds to reducing cannot.
            with self.assertRaises(tripline.Denied):
                target.permit_new(5, Side.SELL, 1000, 20, intent=Intent.EXIT, timeout_ns=PATIENCE_NS)
            target.permit_new(
                6, Side.SELL, 1000, 20, intent=Intent.EXIT, venue_reduce_only=True, timeout_ns=PATIENCE_NS
            )

    def test_requests_are_answered_in_their_order(self) -> None:
        with self.trading() as (client, target):
            target.mark(1000, 1)
            asked = [target.request_new(order, Side.BUY, 1000 + 5 * order, 10) for order in range(1, 9)]
            answered: list[int] = []

            def take() -> bool | None:
                while (message := client.poll()) is not None:
                    if isinstance(message, VerdictMessage):
                        self.assertIs(message.verdict, Verdict.PASS)
                        answered.append(message.position)
                return True if len(answered) == len(asked) else None

            wait_for("every verdict", take)
            self.assertEqual(answered, asked)

    def test_a_dead_sidecar_lets_only_cancels_and_enforced_exits_leave(self) -> None:
        with self.trading() as (client, target):
            target.permit_new(1, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            self.sidecar.process.kill()
            self.await_gate(target, Gate.HALTED)
            with self.assertRaises(tripline.Denied) as refused:
                target.permit_new(2, Side.BUY, 1000, 20, timeout_ns=PATIENCE_NS)
            self.assertEqual((refused.exception.verdict, refused.exception.name), (Verdict.DROPPED, "LEASE_EXPIRED"))
            self.assertIs(target.permit_cancel(1, timeout_ns=PATIENCE_NS).verdict, Verdict.PASS)
            permit = target.permit_new(
                3, Side.SELL, 1000, 20, intent=Intent.EXIT, venue_reduce_only=True, timeout_ns=PATIENCE_NS
            )
            self.assertIs(permit.verdict, Verdict.EXIT_UNVERIFIED)
            client.detach()


if __name__ == "__main__":
    unittest.main()
