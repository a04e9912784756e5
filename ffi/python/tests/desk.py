"""A sidecar of its own for each test: started from the built program, ended with the test.

TRIPLINE_BIN names the program; tests/python.rs sets it, and PYTHONPATH to the built package.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import tripline

PATIENCE = 30.0  # seconds: longer than anything takes on a machine that works, however busy it is
LANE_SLOTS = 64
# Who may attach, how long each may be silent, and how much it may hold.
STRATEGIES = {"one": ("1h", "unlimited"), "quick": ("100ms", "unlimited"), "small": ("1h", "0.030")}

CONFIG = """schema = 1
[instance]
name = "test"
mode = "live"
runtime_dir = "{run}"
[core]
cpu = "none"
idle = "backoff"
lease = "100ms"
[http]
listen = "none"
[permit]
validity = "10s"
[capacity]
lanes = 8
lane_slots = {lane_slots}
return_slots = 64
positions = 64
orders = 4096
executions = 65536
[[account]]
name = "main"
venue = "test"
currency = "USD"
[[instrument]]
name = "BTC-PERP"
kind = "linear"
price_decimals = 1
qty_decimals = 3
settlement = "USD"
tick = "0.5"
lot = "0.010"
band_bps = "none"
collar_bps = "none"
mark_age = "1h"
[[drawdown]]
name = "kill"
scope = "account:main"
anchor = "trailing"
limit = "15%"
confirm_marks = 1
confirm_for = "0s"
peak_marks = 1
jump = "none"
"""

STRATEGY = """[[strategy]]
name = "{name}"
heartbeat = "{heartbeat}"
recover_for = "0s"
[[strategy.book]]
account = "main"
capital = "100000"
max_position = "{position}"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
unknown_fee_bps = 0
"""

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    """Looks again and again until there is an answer."""
    by = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > by:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.001)


class Sidecar:
    """A running sidecar in a directory nobody else uses."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="tripline-py-"))
        self.run_dir = self.place / "run"
        config = self.place / "sidecar.toml"
        strategies = (
            STRATEGY.format(name=name, heartbeat=heartbeat, position=position)
            for name, (heartbeat, position) in STRATEGIES.items()
        )
        config.write_text("".join((CONFIG.format(run=self.run_dir, lane_slots=LANE_SLOTS), *strategies)))
        with (self.place / "log").open("w") as log:
            self.process = subprocess.Popen(
                [os.environ["TRIPLINE_BIN"], "run", "--exit-with-parent", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            wait_for("the sidecar is ready", self._ready)
        except BaseException:
            self.end()
            raise

    def _ready(self) -> bool | None:
        if self.process.poll() is not None:
            raise AssertionError(f"the sidecar ended at once:\n{self.log()}")
        status = self.command("status", "--json")
        return True if status.returncode == 0 and json.loads(status.stdout).get("not_ready") is None else None

    def log(self) -> str:
        return (self.place / "log").read_text()

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the program against this sidecar."""
        environment = {**os.environ, "TRIPLINE_RUNTIME_DIR": str(self.run_dir)}
        return subprocess.run(
            [os.environ["TRIPLINE_BIN"], *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """What `tripline status --json` tells."""

        def tell() -> dict[str, Any] | None:
            done = self.command("status", "--json")
            return json.loads(done.stdout) if done.returncode == 0 else None

        return wait_for("the sidecar tells its status", tell)

    def cause(self, reason: str) -> dict[str, Any]:
        """The cause that holds for a reason, once it does."""
        return wait_for(
            f"a cause {reason}",
            lambda: next((cause for cause in self.status()["causes"] if cause["reason"] == reason), None),
        )

    def attach(self, strategy: str = "one") -> tripline.Client:
        """Attaches; where the keeper was too busy to answer, again."""

        def once() -> tripline.Client | None:
            try:
                return tripline.attach(strategy, self.run_dir)
            except tripline.Refused as refused:
                if any(text in str(refused) for text in ("not finished in time", "does not answer", "try again")):
                    return None
                raise

        return wait_for("the strategy attaches", once)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.place, ignore_errors=True)


class DeskTest(unittest.TestCase):
    """A test with a sidecar."""

    def setUp(self) -> None:
        self.sidecar = Sidecar()
        self.addCleanup(self.sidecar.end)

    @contextlib.contextmanager
    def trading(self, strategy: str = "one") -> Iterator[tuple[tripline.Client, tripline.Target]]:
        """A client whose gate is open, and its target."""
        with self.sidecar.attach(strategy) as client:
            target = client.target("main", "BTC-PERP")
            self.await_gate(target, tripline.Gate.PASS, client.heartbeat)
            yield client, target

    def await_gate(
        self, target: tripline.Target, gate: tripline.Gate, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        def look() -> bool | None:
            meanwhile()
            return True if target.gate is gate else None

        wait_for(f"the gate reads {gate.name}", look)

    def await_applied(self, client: tripline.Client, position: int) -> None:
        wait_for(
            f"event {position} is applied",
            lambda: True if client.applied_position > position else None,
        )

    def stop_core(self) -> int:
        """Stops the core, so that nothing is taken from the lanes, until the test ends."""
        core = int(self.sidecar.status()["loop"]["core_pid"])
        os.kill(core, signal.SIGSTOP)

        def go_on() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(core, signal.SIGCONT)

        self.addCleanup(go_on)
        return core
