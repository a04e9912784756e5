"""Integers only: what is refused, with which words, and decimal text to units."""

import unittest
from decimal import Decimal
from typing import Any

import tripline
from desk import DeskTest
from tripline import FlowKind, Intent, OrderType, Side, TimeInForce


class AnIndex:
    """An integer of another library."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Integers(DeskTest):
    def test_a_float_is_a_type_error_that_names_the_remedy(self) -> None:
        with self.trading() as (client, target):
            position = client.next_position
            calls: tuple[tuple[str, Any], ...] = (
                ("px", lambda: target.order_new(1, Side.BUY, 100.5, 10)),  # type: ignore[arg-type]
                ("qty", lambda: target.order_new(1, Side.BUY, 100, 10.0)),  # type: ignore[arg-type]
                ("order", lambda: target.order_cancel(1.0)),  # type: ignore[arg-type]
                ("px", lambda: target.mark(float("nan"), 1)),  # type: ignore[arg-type]
                ("fee", lambda: target.fill(1, Side.BUY, 1, 100, 10, fee=0.1)),  # type: ignore[arg-type]
                ("trigger_px", lambda: target.order_new(1, Side.BUY, 100, 10, trigger_px=1.0)),  # type: ignore[arg-type]
                ("amount", lambda: target.funding(1, 1.5)),  # type: ignore[arg-type]
                ("timeout_ns", lambda: client.wait(0, 0.5)),  # type: ignore[arg-type]
                ("a", lambda: target.publish(tripline.EventKind.DEPLOY, a=1.0)),  # type: ignore[arg-type]
            )
            for field, call in calls:
                with self.subTest(field), self.assertRaisesRegex(
                    TypeError, f'^{field} must be an int, not float: .* Remedy: instrument.price\\("46377.5"\\)'
                ):
                    call()
            self.assertEqual(client.next_position, position, "nothing was published")

    def test_what_is_no_integer_is_a_type_error(self) -> None:
        with self.trading() as (_, target):
            for wrong in ("100", None, Decimal(100), True, [100], object()):
                with self.subTest(repr(wrong)), self.assertRaisesRegex(TypeError, "^qty must be an int, not "):
                    target.order_new(1, Side.BUY, 100, wrong)  # type: ignore[arg-type]
            with self.assertRaisesRegex(TypeError, "^maker must be True or False"):
                target.order_new(1, Side.BUY, 100, 10, maker=1)  # type: ignore[arg-type]
            with self.assertRaisesRegex(TypeError, "an order has no 'colour'"):
                target.order_new(1, Side.BUY, 100, 10, colour=1)  # type: ignore[call-arg]

    def test_integers_of_other_libraries_are_integers(self) -> None:
        with self.trading() as (client, target):
            position = client.next_position
            self.assertEqual(target.mark(AnIndex(100), AnIndex(1)), position)  # type: ignore[arg-type]

    def test_a_number_beyond_its_field_is_an_overflow_error_that_names_the_field(self) -> None:
        with self.trading() as (client, target):
            low, high = -(2**63), 2**63 - 1
            self.assertEqual(target.mark(high, 1), client.next_position - 1)
            self.assertEqual(target.mark(low, 2), client.next_position - 1)
            position = client.next_position
            calls: tuple[tuple[str, Any], ...] = (
                ("px", lambda: target.mark(high + 1, 3)),
                ("px", lambda: target.mark(low - 1, 3)),
                ("sequence", lambda: target.mark(1, -1)),
                ("sequence", lambda: target.mark(1, 2**64)),
                ("order", lambda: target.order_cancel(2**64)),
                ("group", lambda: target.order_new(1, Side.BUY, 1, 1, group=2**32)),
                ("leg", lambda: target.order_new(1, Side.BUY, 1, 1, leg=2**16)),
                ("execution", lambda: target.fill(1, Side.BUY, 2**128, 1, 1)),
                ("amount", lambda: target.flow(1, 2**127, FlowKind.DEPOSIT)),
                ("venue_code", lambda: target.order_reject(1, venue_code=2**31)),
                ("flags", lambda: target.publish(tripline.EventKind.DEPLOY, flags=256)),
            )
            for field, call in calls:
                with self.subTest(field), self.assertRaisesRegex(OverflowError, f"^{field} must be from -?[0-9]+ to "):
                    call()
            self.assertEqual(client.next_position, position, "nothing was published")

    def test_a_number_that_is_no_member_is_a_value_error(self) -> None:
        with self.trading() as (_, target):
            calls: tuple[tuple[str, Any], ...] = (
                ("side", lambda: target.order_new(1, 2, 1, 1)),  # type: ignore[arg-type]
                ("tif", lambda: target.order_new(1, Side.BUY, 1, 1, tif=9)),  # type: ignore[arg-type]
                ("status", lambda: target.order_done(1, 4)),  # type: ignore[arg-type]
                ("kind", lambda: target.flow(1, 1, 7)),  # type: ignore[arg-type]
            )
            for field, call in calls:
                with self.subTest(field), self.assertRaisesRegex(ValueError, f"^{field}: [0-9]+ is none of its members"):
                    call()
            for call in (lambda: target.order_cancel(0), lambda: target.order_new(0, Side.BUY, 1, 1)):
                with self.assertRaisesRegex(ValueError, "^order must not be 0"):
                    call()
            self.assertRaises(ValueError, target.funding, 0, 1)

    def test_an_event_that_means_nothing_is_refused_before_it_is_published(self) -> None:
        with self.trading() as (client, target):
            position = client.next_position
            for kind in (0, 6, 127):
                self.assertRaises(tripline.InvalidEvent, target.publish, kind)
            self.assertRaises(tripline.InvalidEvent, target.publish, tripline.EventKind.DEPLOY, b=1)
            self.assertRaises(tripline.Unsupported, target.publish, 128, a=1)
            self.assertEqual(client.next_position, position)

    def test_members_and_their_numbers_are_the_same(self) -> None:
        with self.trading() as (client, target):
            before = client.next_position
            target.order_new(
                1, Side.SELL, 1000, 10, order_type=OrderType.STOP, tif=TimeInForce.IOC, intent=Intent.PROTECT
            )
            target.order_new(2, 1, 1000, 10, order_type=2, tif=2, intent=2)  # type: ignore[arg-type]
            self.assertEqual(client.next_position, before + 2)


class Decimals(DeskTest):
    def test_decimal_text_becomes_units_exactly_or_not_at_all(self) -> None:
        """Price units of 0.1 with a tick of 0.5, quantity units of 0.001 with a lot of 0.010."""
        with self.trading() as (_, target):
            instrument = target.instrument
        assert instrument is not None
        taken: tuple[tuple[str | Decimal | int, int], ...] = (
            ("46377.5", 463775),
            ("46377.50000000000000000000000000000000000000000", 463775),
            ("46377", 463770),
            (" 46377.0 ", 463770),
            ("-0.5", -5),
            ("+.5", 5),
            ("1.", 10),
            ("0", 0),
            ("-0.0", 0),
            ("0e999999999", 0),
            ("4.63775e4", 463775),
            ("4637750E-2", 463775),
            (Decimal("46377.5"), 463775),
            (Decimal("1E+3"), 10000),
            (46377, 463770),
            (-1, -10),
            ("922337203685477580.5", 2**63 - 3),
            ("-922337203685477580.5", -(2**63) + 3),
        )
        for value, units in taken:
            with self.subTest(value):
                self.assertEqual(instrument.price(value), units)
        refused: tuple[tuple[Any, type[Exception], str], ...] = (
            ("46377.3", ValueError, "not a multiple of the tick, 5 units"),
            ("46377.55", ValueError, "more than 1 decimals"),
            ("1e-40", ValueError, "more than 1 decimals"),
            ("1e-999999999", ValueError, "more than 1 decimals"),
            ("nan", ValueError, "not a finite decimal number"),
            (Decimal("NaN"), ValueError, "not a finite decimal number"),
            (Decimal("-Infinity"), ValueError, "not a finite decimal number"),
            ("", ValueError, "not a finite"),
            (".", ValueError, "not a finite"),
            ("1_000", ValueError, "not a finite"),
            ("1,5", ValueError, "not a finite"),
            ("0x10", ValueError, "not a finite"),
            ("1e", ValueError, "not a finite"),
            ("--1", ValueError, "not a finite"),
            ("٣", ValueError, "not a finite"),
            ("922337203685477581", OverflowError, "does not fit into 64 bits"),
            ("9" * 400, OverflowError, "does not fit into 64 bits"),
            ("1e30", OverflowError, "does not fit into 64 bits"),
            ("1e999999999", OverflowError, "does not fit into 64 bits"),
            (46377.5, TypeError, "price must be text, Decimal or int, not float: .* Remedy: keep the text"),
            (True, TypeError, "not bool"),
            (None, TypeError, "not NoneType"),
        )
        for value, error, words in refused:
            with self.subTest(value), self.assertRaisesRegex(error, words):
                instrument.price(value)
        self.assertEqual(instrument.qty("0.25"), 250)
        with self.assertRaisesRegex(ValueError, "qty 0.005 is not a multiple of the lot, 10 units"):
            instrument.qty("0.005")


if __name__ == "__main__":
    unittest.main()
