"""What a call costs from Python: the compiled package against ctypes over the same library, in the same run.

Question: how many nanoseconds does a strategy in Python pay for each call, and what would it pay without the package?

Method: one sidecar, two clients in one thread, one of each kind, on two strategies of one account. Batches of the two
alternate, each going first every other time; a batch's time over its calls is one reading, less that of an empty loop
measured beside it. Told are the median and the 90th percentile of the readings. Results are looked at before anything is
timed, and a checksum of what came back is printed. ctypes gets its best case: bound functions, prepared pointers.

`permit` is request, poll until the verdict is there, and is mostly the way to the sidecar and back.

Usage: make bench-python ARGS="[--json] [--rounds N]"
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ctypes import byref, c_uint64
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))

import ctypes_client  # noqa: E402
import tripline  # noqa: E402
from tripline import Side, VerdictMessage  # noqa: E402

CONFIG = """schema = 1
[instance]
name = "bench"
mode = "live"
runtime_dir = "{run}"
[core]
cpu = "none"
idle = "spin"
lease = "1s"
[http]
listen = "none"
[[account]]
name = "main"
venue = "test"
currency = "USD"
[[instrument]]
name = "X"
kind = "linear"
price_decimals = 0
qty_decimals = 0
settlement = "USD"
band_bps = "none"
collar_bps = "none"
mark_age = "1h"
[[drawdown]]
name = "kill"
scope = "account:main"
anchor = "trailing"
limit = "15%"
"""
STRATEGY = """[[strategy]]
name = "{name}"
role = "maker"
heartbeat = "1h"
recover_for = "0s"
[[strategy.book]]
account = "main"
capital = "1000000"
max_position = "unlimited"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
"""
PX, QTY = 1000, 1
# Calls of a batch: short enough that the sidecar keeps up, long enough for the clock.
GATES, EVENTS, PERMITS = 2000, 500, 20

Batch = Callable[[int], int]
"""Makes so many calls and tells how long they took together, in nanoseconds."""


class Package:
    """The compiled package."""

    def __init__(self, run_dir: str) -> None:
        self.client = tripline.attach("package", run_dir)
        self.target = self.client.target("main", "X")
        self.sequence = 0
        self.checksum = 0

    def settle(self) -> None:
        while self.client.applied_position < self.client.next_position:
            pass
        while self.client.poll() is not None:
            pass

    def may_send(self, calls: int) -> int:
        target, passes = self.target, 0
        begun = time.perf_counter_ns()
        for _ in range(calls):
            if target.may_send:
                passes += 1
        took = time.perf_counter_ns() - begun
        self.checksum += passes
        return took

    def publish(self, calls: int) -> int:
        mark, sequence, position = self.target.mark, self.sequence, 0
        begun = time.perf_counter_ns()
        for _ in range(calls):
            sequence += 1
            position = mark(PX, sequence)
        took = time.perf_counter_ns() - begun
        self.sequence = sequence
        assert position == self.client.next_position - 1
        self.checksum += calls
        self.settle()
        return took

    def permit(self, calls: int) -> int:
        request, poll, took = self.target.request_new, self.client.poll, 0
        for _ in range(calls):
            self.sequence += 1
            order = self.sequence
            begun = time.perf_counter_ns()
            request(order, Side.BUY, PX, QTY)
            while (message := poll()) is None:
                pass
            took += time.perf_counter_ns() - begun
            assert isinstance(message, VerdictMessage) and message.may_send and message.order == order
            self.checksum += 1
            self.target.not_sent(order)
        self.settle()
        return took


class Ctypes:
    """The same library by ctypes."""

    def __init__(self, run_dir: str) -> None:
        self.client = ctypes_client.Client(run_dir, "ctypes", "main", "X")
        self.sequence = 0
        self.checksum = 0
        self.mark_event = self.client.event(ctypes_client.MARK, PX, flags=1)
        self.new_event = self.client.event(ctypes_client.ORDER_NEW, 0, PX, QTY, ctypes_client.LIMIT_GTC_OPEN)

    def settle(self) -> None:
        client = self.client
        next_one, applied = c_uint64(1), c_uint64(0)
        while applied.value < next_one.value:
            client.call("positions", client.client, byref(next_one), byref(applied))
        while client.poll() == 1:
            pass

    def may_send(self, calls: int) -> int:
        client, passes = self.client, 0
        call, handle, target = client.may_send_call, client.client, client.its_target
        begun = time.perf_counter_ns()
        for _ in range(calls):
            if call(handle, target):
                passes += 1
        took = time.perf_counter_ns() - begun
        self.checksum += passes
        return took

    def publish(self, calls: int) -> int:
        client, event, sequence, failed = self.client, self.mark_event, self.sequence, 0
        call, handle, pointer = client.publish_call, client.client, byref(self.mark_event)
        begun = time.perf_counter_ns()
        for _ in range(calls):
            sequence += 1
            event.e = sequence
            if call(handle, pointer, None):
                failed += 1
        took = time.perf_counter_ns() - begun
        self.sequence = sequence
        assert failed == 0
        self.checksum += calls
        self.settle()
        return took

    def permit(self, calls: int) -> int:
        client, event, message, took = self.client, self.new_event, self.client.message, 0
        handle, pointer, its_message = client.client, byref(event), client.its_message
        request, poll = client.calls["request"], client.calls["poll"]
        for _ in range(calls):
            self.sequence += 1
            order = self.sequence
            begun = time.perf_counter_ns()
            event.a = order
            asked = request(handle, pointer, None)
            while poll(handle, its_message) == 0:
                pass
            took += time.perf_counter_ns() - begun
            assert asked == 0 and message.id == order and message.state == ctypes_client.PASS
            self.checksum += 1
            client.publish(client.event(17, order))
        self.settle()
        return took


def empty(calls: int) -> int:
    """What the loop itself costs."""
    begun = time.perf_counter_ns()
    for _ in range(calls):
        pass
    return time.perf_counter_ns() - begun


def measure(name: str, calls: int, rounds: int, package: Batch, by_ctypes: Batch) -> dict[str, object]:
    readings: dict[str, list[float]] = {"package": [], "ctypes": []}
    batches = [("package", package), ("ctypes", by_ctypes)]
    for number in range(rounds + rounds // 10):
        loop = 0 if name == "permit" else empty(calls)
        for which, batch in batches if number % 2 == 0 else reversed(batches):
            reading = (batch(calls) - loop) / calls
            if number >= rounds // 10:  # what comes before warms up
                readings[which].append(reading)
    told: dict[str, object] = {"call": name}
    for which, values in readings.items():
        told[f"{which}_p50_ns"] = round(statistics.median(values), 1)
        told[f"{which}_p90_ns"] = round(statistics.quantiles(values, n=10)[8], 1)
    told["ctypes_over_package"] = round(
        statistics.median(readings["ctypes"]) / statistics.median(readings["package"]), 2
    )
    return told


def start(place: Path) -> "subprocess.Popen[bytes]":
    config = place / "sidecar.toml"
    strategies = "".join(STRATEGY.format(name=name) for name in ("package", "ctypes"))
    config.write_text(CONFIG.format(run=place / "run") + strategies)
    program = os.environ["TRIPLINE_BIN"]
    sidecar = subprocess.Popen(
        [program, "run", "--exit-with-parent", "--config", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {**os.environ, "TRIPLINE_RUNTIME_DIR": str(place / "run")}
    by = time.monotonic() + 30
    while subprocess.run([program, "status"], env=environment, capture_output=True, check=False).returncode != 0:
        if sidecar.poll() is not None or time.monotonic() > by:
            sys.exit("the sidecar did not start")
        time.sleep(0.01)
    return sidecar


def run(run_dir: str, rounds: int) -> tuple[list[dict[str, object]], int]:
    package, by_ctypes = Package(run_dir), Ctypes(run_dir)
    by = time.monotonic() + 30
    for client in (package, by_ctypes):
        client.publish(1)
    while not (package.target.may_send and by_ctypes.client.may_send()):
        if time.monotonic() > by:
            sys.exit("the gates do not open")
    gc.disable()
    results = [
        measure("may_send", GATES, rounds, package.may_send, by_ctypes.may_send),
        measure("publish", EVENTS, rounds, package.publish, by_ctypes.publish),
        measure("permit", PERMITS, rounds, package.permit, by_ctypes.permit),
    ]
    gc.enable()
    if package.checksum != by_ctypes.checksum:
        sys.exit(f"the two did not get the same answers: {package.checksum} and {by_ctypes.checksum}")
    package.client.detach()
    by_ctypes.client.call("detach", by_ctypes.client.client)
    return results, package.checksum


def main() -> None:
    parser = argparse.ArgumentParser(description="Costs of calls from Python, the package against ctypes.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=200, help="readings of each call (200)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tripline-bench-") as place:
        sidecar = start(Path(place))
        try:
            results, checksum = run(str(Path(place) / "run"), arguments.rounds)
        finally:
            sidecar.kill()
            sidecar.wait()
    if arguments.json:
        document = {
            "schema": "tripline.bench.python_calls/1",
            "python": sys.version.split()[0],
            "rounds": arguments.rounds,
            "checksum": checksum,
            "calls": results,
        }
        print(json.dumps(document))
        return
    print(f"Python {sys.version.split()[0]}, {arguments.rounds} readings each, checksum {checksum}")
    print(f"{'ns a call':<10} {'package p50':>12} {'p90':>8} {'ctypes p50':>12} {'p90':>8} {'times':>7}")
    for row in results:
        print(
            f"{row['call']:<10} {row['package_p50_ns']:>12} {row['package_p90_ns']:>8} "
            f"{row['ctypes_p50_ns']:>12} {row['ctypes_p90_ns']:>8} {row['ctypes_over_package']:>7}"
        )


if __name__ == "__main__":
    main()
