"""libtripline.so through ctypes: the ABI as a program sees it that was not compiled against the header, and what the
compiled package is measured against. TRIPLINE_LIBRARY names the library.

Usage: ctypes_client.py RUNTIME_DIR    against a stand-in that answers as tests/abi/answers.rs says
"""

import ctypes
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p

OK, ERR_TIMEOUT = 0, -20
GATE_PASS = 3
ORDER_NEW, ORDER_CANCEL, FILL, MARK, DEPLOY = 10, 14, 30, 40, 5
SELL = 0x01
VERDICT, DENY, PASS, QUEUED = 1, 0, 1, 4
LIMIT_GTC_OPEN = 1 | 1 << 8


class AttachOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("runtime_dir", c_char_p), ("strategy", c_char_p)]


class Target(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("handle", "account_at", "book_at", "instrument_at")]


class Instrument(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("size", "kind", "price_decimals", "qty_decimals")] + [
        (name, c_int64) for name in ("multiplier_e9", "tick", "lot")
    ]


class Event(ctypes.Structure):
    _fields_ = [("kind", c_uint8), ("flags", c_uint8), ("reserved", c_uint16), ("handle", c_uint32)] + [
        (word, c_uint64) for word in "abcde"
    ]


class Message(ctypes.Structure):
    _fields_ = [(name, c_uint8) for name in ("kind", "state", "mode", "reserved")] + [
        ("reason", c_uint16),
        ("guard", c_uint16),
        ("id", c_uint64),
        ("scope", c_uint64),
        ("epoch", c_uint64),
        ("measured", c_int64),
        ("limit", c_int64),
        ("extra", c_uint64),
        ("position", c_uint64),
    ]


SIZES = {AttachOptions: 24, Target: 16, Instrument: 40, Event: 48, Message: 64}
POSITION = POINTER(c_uint64)
SIGNATURES = {
    "abi_version": (c_uint32, []),
    "strerror": (c_char_p, [c_int32]),
    "last_error": (c_char_p, []),
    "reason_name": (c_char_p, [c_uint16]),
    "attach": (c_int32, [POINTER(AttachOptions), POINTER(c_void_p)]),
    "detach": (c_int32, [c_void_p]),
    "look_up": (c_int32, [c_void_p, c_char_p, c_char_p, POINTER(Target)]),
    "describe": (c_int32, [c_void_p, POINTER(Target), POINTER(Instrument)]),
    "gate": (c_int32, [c_void_p, POINTER(Target)]),
    "may_send": (c_int32, [c_void_p, POINTER(Target)]),
    "publish": (c_int32, [c_void_p, POINTER(Event), POSITION]),
    "positions": (c_int32, [c_void_p, POSITION, POSITION]),
    "heartbeat": (c_int32, [c_void_p]),
    "poll": (c_int32, [c_void_p, POINTER(Message)]),
    "request": (c_int32, [c_void_p, POINTER(Event), POSITION]),
    "wait": (c_int32, [c_void_p, c_uint64, c_uint64, POINTER(Message)]),
    "permit": (c_int32, [c_void_p, POINTER(Event), c_uint64, POINTER(Message)]),
}


class Client:
    """An attached client on one target. A call that fails raises OSError with its code."""

    def __init__(self, runtime_dir: str, strategy: str, account: str, instrument: str) -> None:
        library = ctypes.CDLL(os.environ["TRIPLINE_LIBRARY"])
        self.calls = {}
        for name, (result, arguments) in SIGNATURES.items():
            call = getattr(library, f"tripline_{name}")
            call.restype, call.argtypes = result, arguments
            self.calls[name] = call
        self.client, self.target, self.message = c_void_p(), Target(), Message()
        self.its_target, self.its_message = byref(self.target), byref(self.message)
        self.may_send_call, self.publish_call = self.calls["may_send"], self.calls["publish"]
        options = AttachOptions(ctypes.sizeof(AttachOptions), 0, runtime_dir.encode(), strategy.encode())
        self.call("attach", byref(options), byref(self.client))
        self.call("look_up", self.client, account.encode(), instrument.encode(), self.its_target)

    def call(self, name: str, *arguments: object) -> int:
        code = self.calls[name](*arguments)
        if code < OK:
            text = f"tripline_{name}: {self.calls['strerror'](code)}: {self.calls['last_error']()}"
            raise OSError(code, text)
        return int(code)

    def may_send(self) -> bool:
        return bool(self.may_send_call(self.client, self.its_target))

    def event(self, kind: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0, flags: int = 0) -> Event:
        return Event(kind, flags, 0, self.target.handle, a, b, c, d, e)

    def publish(self, event: Event) -> int:
        position = c_uint64()
        self.call("publish", self.client, byref(event), byref(position))
        return position.value

    def request(self, event: Event) -> int:
        position = c_uint64()
        self.call("request", self.client, byref(event), byref(position))
        return position.value

    def wait(self, position: int, timeout_ns: int) -> int:
        return self.call("wait", self.client, position, timeout_ns, self.its_message)

    def poll(self) -> int:
        return self.call("poll", self.client, self.its_message)


def conforms(client: Client) -> None:
    """Every call answers what the header says."""
    for structure, size in SIZES.items():
        assert ctypes.sizeof(structure) == size, structure
    assert client.calls["abi_version"]() == 1
    assert client.calls["reason_name"](602) == b"DRAWDOWN"
    instrument = Instrument(ctypes.sizeof(Instrument))
    client.call("describe", client.client, client.its_target, byref(instrument))
    assert (instrument.price_decimals, instrument.qty_decimals, instrument.tick, instrument.lot) == (1, 3, 5, 10)
    assert client.may_send() and client.call("gate", client.client, client.its_target) == GATE_PASS
    first = client.publish(client.event(MARK, 100, e=1, flags=1))
    assert client.publish(client.event(FILL, 0, 7, 100, 10, 0, flags=SELL)) == first + 1
    for px, state in ((PASS, PASS), (DENY, DENY)):
        position = client.request(client.event(ORDER_NEW, 9, px, 10, LIMIT_GTC_OPEN))
        assert client.wait(position, 30_000_000_000) == 1
        told = client.message
        assert (told.kind, told.state, told.id, told.position) == (VERDICT, state, 9, position)
    assert (client.message.measured, client.message.limit, client.message.extra) == (11, 10, 5)
    assert client.calls["reason_name"](client.message.reason) == b"MAX_POSITION"
    cancel = client.event(ORDER_CANCEL, 9)
    assert client.call("permit", client.client, byref(cancel), 30_000_000_000, client.its_message) == 1
    silent = client.event(ORDER_NEW, 10, QUEUED, 10, LIMIT_GTC_OPEN)
    try:
        client.call("permit", client.client, byref(silent), 1_000, client.its_message)
    except OSError as late:
        assert late.errno == ERR_TIMEOUT, late
    else:
        raise AssertionError("nobody answers this one")
    position = client.message.position
    client.publish(client.event(DEPLOY, 10 << 32 | position))
    while client.poll() == 0:
        client.call("heartbeat", client.client)
    assert (client.message.id, client.message.position) == (10, position)
    client.call("detach", client.client)


if __name__ == "__main__":
    conforms(Client(sys.argv[1], "mm1", "main", "BTC-PERP"))
