"""A strategy that does what it is told, a line at a time, and answers each with one: ``ok``, or a verdict as
``<verdict> <reason> <number> measured <n> limit <n> scope <n>``. obedient.cpp is the same in C++; tests/denials.rs says
what to do and what is to come back.
"""

import sys
import time
from typing import Any

import tripline
from tripline import Denied, EventKind, Intent, OrderType, Permit, RejectClass, Side, TimeInForce, VerdictMessage

PATIENCE_NS = 30_000_000_000
WORD = 2**64


def let_through(permit: Permit) -> str:
    return f"{permit.verdict.name} NONE 0"


def kept_back(denied: Denied) -> str:
    numbers = f"measured {denied.measured} limit {denied.limit} scope {denied.scope.value}"
    return f"{denied.verdict.name} {denied.name or 'NONE'} {denied.code} {numbers}"


def told(verdict: VerdictMessage) -> str:
    reason = verdict.reason
    text = f"{verdict.verdict.name} {reason.name if reason else 'NONE'} {reason.value if reason else 0}"
    if verdict.may_send:
        return text
    return f"{text} measured {verdict.measured} limit {verdict.limit} scope {verdict.scope.value}"


def order(words: list[str]) -> tuple[tuple[int, Side, int, int], dict[str, Any]]:
    """ORDER SIDE QTY PX, then what else it has."""
    number, side, qty, px = words[:4]
    terms: dict[str, Any] = {}
    rest = iter(words[4:])
    for word in rest:
        match word:
            case "market":
                terms["order_type"] = OrderType.MARKET
            case "reduce" | "exit":
                terms["intent"] = Intent[word.upper()]
            case "expiry":
                terms |= {"tif": TimeInForce.GTD, "expiry_utc_ns": int(next(rest))}
            case "group":
                terms["group"] = int(next(rest))
            case "list":
                terms["list_count"] = int(next(rest))
            case _:
                raise ValueError(word)
    return (int(number), Side[side.upper()], int(px), int(qty)), terms


class Strategy:
    def __init__(self, client: tripline.Client) -> None:
        self.client = client
        self.target: Any = None
        self.asked: dict[int, int] = {}  # lane positions of requests by order
        self.sequence = time.time_ns()

    def settle(self) -> str:
        """Waits until the sidecar has applied what was published."""
        while self.client.applied_position != self.client.next_position:
            self.client.heartbeat()
        return "ok"

    def obey(self, verb: str, words: list[str]) -> str:
        try:
            return self.do(verb, words)
        except Denied as denied:
            return kept_back(denied)

    def do(self, verb: str, words: list[str]) -> str:
        self.sequence += 1
        match verb:
            case "at":
                account, instrument = words
                self.target = self.client.target(account, None if instrument == "-" else instrument)
                return "ok"
            case "ask":
                given, terms = order(words)
                return let_through(self.target.permit_new(*given, timeout_ns=PATIENCE_NS, **terms))
            case "modify":
                given, terms = order(words)
                return let_through(self.target.permit_modify(*given, timeout_ns=PATIENCE_NS, **terms))
            case "request":
                given, terms = order(words)
                self.asked[given[0]] = self.target.request_new(*given, **terms)
            case "wait":
                return told(self.client.wait(self.asked[int(words[0])], PATIENCE_NS))
            case "cancel":
                return let_through(self.target.permit_cancel(int(words[0]), timeout_ns=PATIENCE_NS))
            case "mark":
                self.target.mark(int(words[0]), self.sequence)
            case "fill":
                (number, side, px, qty), _ = order(words)
                self.target.fill(number, side, self.sequence, px, qty, fee=0)
            case "reject":
                self.target.order_reject(int(words[0]), reject_class=RejectClass(int(words[1])))
            case "event":
                kind, *payload = (int(word) for word in words)
                self.target.publish(EventKind(kind), **{name: word % WORD for name, word in zip("abcde", payload)})
            case "snapshot":
                self.snapshot(*(int(word) for word in words))
            case _:
                raise ValueError(verb)
        return self.settle()

    def snapshot(self, number: int, what: int, kind: int, *row: int) -> None:
        """SNAP_BEGIN, one row, SNAP_END: the number, what it is of, and the row's kind and words from b on."""
        before = self.client.next_position
        self.target.publish(EventKind.SNAP_BEGIN, a=number, b=what, c=before)
        self.target.publish(EventKind(kind), a=number, **{name: word % WORD for name, word in zip("bcde", row)})
        self.target.publish(EventKind.SNAP_END, a=number, b=1, c=before)


def main() -> None:
    runtime_dir, strategy = sys.argv[1:]
    with tripline.attach(strategy, runtime_dir) as client:
        print("attached", flush=True)
        obedient = Strategy(client)
        for line in sys.stdin:
            verb, *words = line.split()
            print(obedient.obey(verb, words), flush=True)


main()
