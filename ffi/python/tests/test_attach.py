"""Attach, the context manager, threads: how a client begins and ends."""

import contextlib
import gc
import json
import subprocess
import threading
import unittest

import tripline
from desk import DeskTest
from tripline import Gate


class Attach(DeskTest):
    def test_a_client_that_leaves_its_block_leaves_in_order(self) -> None:
        with self.trading() as (client, target):
            self.assertTrue(client.is_attached)
            self.assertEqual(client.strategy, "one")
            self.assertIs(target.client, client)
            self.assertEqual(target.account, "main")
        self.assertFalse(client.is_attached)
        self.assertIs(target.gate, Gate.HALTED)
        self.assertFalse(target.may_send)
        with self.trading():
            self.assertEqual(self.sidecar.status()["causes"], [])

    def test_a_client_that_leaves_its_block_by_an_exception_is_halted_until_a_reset(self) -> None:
        class Bug(Exception):
            pass

        with contextlib.suppress(Bug), self.trading() as (client, target):
            raise Bug
        self.assertFalse(client.is_attached)
        self.assertIs(target.gate, Gate.HALTED)
        self.halted_for_death()

    def test_a_client_that_is_dropped_without_detach_is_halted_until_a_reset(self) -> None:
        client = self.sidecar.attach()
        self.assertTrue(client.is_attached)
        del client
        gc.collect()
        self.halted_for_death()

    def halted_for_death(self) -> None:
        cause = self.sidecar.cause("CLIENT_DEAD")
        with self.sidecar.attach() as again:
            target = again.target("main", "BTC-PERP")
            self.assertIs(target.gate, Gate.HALTED)
            reset = self.sidecar.command(
                "reset", "--scope", cause["scope"], "--guard", cause["guard"], "--nonce", cause["nonce"], "--reason", "x"
            )
            self.assertEqual(reset.returncode, 0, reset)
            self.await_gate(target, Gate.PASS)

    def test_detaching_twice_is_as_good_as_once(self) -> None:
        client = self.sidecar.attach()
        client.detach()
        client.detach()
        with client:
            pass
        with self.assertRaises(tripline.Closed) as refused:
            client.heartbeat()
        self.assertEqual((refused.exception.code, tripline.Closed.code), (-9, -9))
        for call in (client.poll, client.rebind, lambda: client.target("main"), lambda: client.free_slots):
            self.assertRaises(tripline.Closed, call)

    def test_a_client_belongs_to_the_thread_that_attached_it(self) -> None:
        with self.trading() as (client, target):
            seen: list[object] = []

            def elsewhere() -> None:
                seen.append(target.may_send)
                for call in (
                    client.heartbeat,
                    client.poll,
                    client.detach,
                    lambda: client.target("main"),
                    lambda: target.mark(1000, 1),
                    lambda: client.wait(0, 0),
                    lambda: client.__exit__(None, None, None),
                ):
                    try:
                        seen.append(call())
                    except tripline.WrongThread as refused:
                        seen.append(refused.code)
                client.rebind()
                seen.append(target.mark(1000, 1))

            position = client.next_position
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            self.assertEqual(seen, [True, -10, -10, -10, -10, -10, -10, -10, position])
            self.assertRaises(tripline.WrongThread, client.heartbeat)
            client.rebind()
            client.heartbeat()

    def test_the_last_reference_may_be_dropped_by_another_thread(self) -> None:
        held = [self.sidecar.attach()]
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
        self.sidecar.cause("CLIENT_DEAD")

    def test_every_failed_attach_is_an_attach_error_that_says_why(self) -> None:
        for strategy, where, kind, words in (
            ("one", self.sidecar.place, tripline.Unreachable, "cannot reach a sidecar at"),
            ("two", self.sidecar.run_dir, tripline.Refused, "no strategy of that name is configured"),
        ):
            with self.assertRaisesRegex(kind, words) as refused:
                tripline.attach(strategy, where)
            self.assertIsInstance(refused.exception, tripline.AttachError)
            self.assertLess(refused.exception.code, 0)
        with self.assertRaisesRegex(ValueError, "strategy: a name"):
            tripline.attach("not a name", self.sidecar.run_dir)

    def test_the_directory_comes_from_the_environment_when_none_is_given(self) -> None:
        program = "import tripline; print(tripline.attach('one').is_attached)"
        import os
        import sys

        environment = {**os.environ, "TRIPLINE_RUNTIME_DIR": str(self.sidecar.run_dir)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.stdout, "True\n", done.stderr)

    def test_a_look_up_finds_what_is_configured_and_names_what_is_not(self) -> None:
        with self.trading() as (client, target):
            instrument = target.instrument
            assert instrument is not None
            self.assertEqual(
                (instrument.name, instrument.kind, instrument.price_decimals, instrument.qty_decimals),
                ("BTC-PERP", 0, 1, 3),
            )
            self.assertEqual((instrument.multiplier_e9, instrument.tick, instrument.lot), (1_000_000_000, 5, 10))
            self.assertEqual(instrument, client.target("main", "BTC-PERP").instrument)
            self.assertIsNone(client.target("main").instrument)
            for account in ("other", "", "not a name"):
                self.assertRaises(tripline.UnknownAccount, client.target, account, "BTC-PERP")
            for name in ("ETH-PERP", "", "x" * 40):
                self.assertRaises(tripline.UnknownInstrument, client.target, "main", name)

    def test_objects_tell_what_they_are(self) -> None:
        with self.trading() as (client, target):
            self.assertEqual(repr(client), "<tripline.Client one attached>")
            self.assertEqual(repr(target), "<tripline.Target main BTC-PERP>")
            self.assertIn("tick=5 lot=10", repr(target.instrument))
        self.assertEqual(repr(client), "<tripline.Client one not attached>")

    def test_a_client_cannot_be_made_copied_or_pickled(self) -> None:
        import copy
        import pickle

        for make in (tripline.Client, tripline.Target, tripline.Instrument, tripline.VerdictMessage, tripline.Permit):
            self.assertRaises(TypeError, make)
        with self.trading() as (client, target):
            for held in (client, target):
                self.assertRaises(TypeError, copy.deepcopy, held)
                self.assertRaises(TypeError, pickle.dumps, held)
                self.assertRaises(TypeError, json.dumps, held)


if __name__ == "__main__":
    unittest.main()
