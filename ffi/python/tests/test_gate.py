"""The gate, what closes it, and what is told about it."""

import multiprocessing
import os
import signal
import unittest

import tripline
from desk import LANE_SLOTS, DeskTest, wait_for
from tripline import Gate, Mode, Reason, ScopeKind, Side, State, StateMessage


class TheGate(DeskTest):
    def test_the_gate_is_read_anew_each_time(self) -> None:
        with self.trading() as (_, target):
            self.assertIs(target.gate, Gate.PASS)
            self.assertIs(target.may_send, True)
            self.assertEqual(self.sidecar.command("halt", "firm", "--reason", "test").returncode, 0)
            self.await_gate(target, Gate.HALTED)
            self.assertIs(target.may_send, False)

    def test_a_loss_closes_the_gate_and_the_notice_says_why(self) -> None:
        with self.trading() as (client, target):
            target.mark(1_000_000, 1)
            target.order_new(1, Side.BUY, 1_000_000, 2000)
            target.order_ack(1, 1_000_000, 2000, venue_key=7)
            # Two at 100 000 with 100 000 of capital in each of two books: 15 % are lost at 85 000.
            self.await_applied(client, target.fill(1, Side.BUY, 1, 1_000_000, 2000, fee=0))
            self.await_applied(client, target.mark(850_005, 2))
            self.assertIs(target.gate, Gate.PASS)
            self.await_applied(client, target.mark(850_000, 3))
            self.assertIs(target.gate, Gate.HALTED)
            notice = wait_for("a notice of the halt", lambda: self.halt_of(client))
            self.assertIs(notice.state, State.HALTED)
            self.assertIs(notice.mode, Mode.LIVE)
            self.assertIs(notice.reason, Reason.DRAWDOWN)
            self.assertEqual(notice.scope, (ScopeKind.ACCOUNT, 0, 0))
            self.assertGreater(notice.epoch, 0)
            self.assertGreater(notice.id, 0)
            self.assertGreater(notice.causes, 0)
            self.assertIn("HALTED reason=DRAWDOWN", repr(notice))

    def halt_of(self, client: tripline.Client) -> StateMessage | None:
        message = client.poll()
        if isinstance(message, StateMessage) and message.reason is Reason.DRAWDOWN and message.state is State.HALTED:
            return message
        return None

    def test_the_gate_closes_when_the_sidecar_is_gone(self) -> None:
        with self.trading() as (client, target):
            os.kill(self.sidecar.process.pid, signal.SIGKILL)
            self.await_gate(target, Gate.HALTED)
            self.assertIs(target.may_send, False)
            # Nobody is there to hear the goodbye.
            client.detach()

    def test_a_lost_event_closes_the_gate_for_good(self) -> None:
        with self.trading() as (client, target):
            self.stop_core()
            free = client.free_slots
            self.assertLessEqual(free, LANE_SLOTS)
            for sequence in range(free):
                target.mark(1000, sequence + 1)
            self.assertEqual(client.free_slots, 0)
            with self.assertRaises(tripline.LaneFull) as full:
                target.mark(1000, free + 1)
            self.assertEqual(full.exception.code, -11)
            self.assertIs(target.gate, Gate.HALTED)
            self.assertRaises(tripline.EventsLost, target.mark, 1000, free + 2)

    def test_a_forked_child_reads_halted_and_its_parent_goes_on(self) -> None:
        with self.trading() as (client, target):
            child = os.fork()
            if child == 0:
                os._exit(forked(client, target))
            _, status = os.waitpid(child, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), 0)
            self.assertIs(target.gate, Gate.PASS)
            client.heartbeat()

    def test_a_process_of_multiprocessing_reads_halted(self) -> None:
        with self.trading() as (client, target):
            process = multiprocessing.get_context("fork").Process(
                target=lambda: os._exit(forked(client, target)), daemon=True
            )
            process.start()
            process.join()
            self.assertEqual(process.exitcode, 0)
            self.assertTrue(target.may_send)

    def test_a_child_that_leaves_the_block_does_not_end_its_parents_client(self) -> None:
        client = self.sidecar.attach()
        target = client.target("main", "BTC-PERP")
        self.await_gate(target, Gate.PASS)
        child = os.fork()
        if child == 0:
            with client:
                pass
            client.detach()
            os._exit(0 if not client.is_attached else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        position = target.mark(1000, 1)
        self.await_applied(client, position)
        self.assertIs(target.gate, Gate.PASS)
        client.detach()

    def test_an_idle_strategy_lives_by_its_heartbeats(self) -> None:
        with self.trading("quick") as (client, target):
            self.await_gate(target, Gate.HALTED)
            self.await_gate(target, Gate.PASS, client.heartbeat)
            self.await_gate(target, Gate.HALTED)
            self.await_gate(target, Gate.PASS, lambda: self.assertIsNot(client.poll(), 0))


def forked(client: tripline.Client, target: tripline.Target) -> int:
    """What a forked child sees: 0 where all of it is as it must be."""
    if target.gate is not Gate.HALTED or target.may_send or client.is_attached:
        return 1
    for call in (
        client.heartbeat,
        client.poll,
        client.rebind,
        lambda: client.target("main"),
        lambda: target.mark(1000, 1),
        lambda: target.request_new(1, Side.BUY, 1000, 10),
        lambda: client.wait(0, 0),
    ):
        try:
            call()
        except tripline.Closed:
            continue
        except BaseException:
            return 2
        return 3
    return 0


if __name__ == "__main__":
    unittest.main()
