"""Faults: every call that leaves the process is counted, and any of them can fail, be delayed, or be the last one.

    faults = Faults()
    scanner = ra.Scanner(
        FaultyStorage(storage, faults), FaultyClient(client, faults), ledger=FaultyLedger(ledger, faults)
    )
    faults.fail("client.fulfill", ra.OutcomeUnknown("time-out"), moment="after")

Calls are named ``storage.list``, ``storage.head``, ``storage.get``, ``client.pending_orders``, ``client.get_order``,
``client.attach_artwork``, ``client.fulfill``, ``ledger.claim``, ``ledger.advance``, ``ledger.find``, ``ledger.forget``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NoReturn

from attrs import define, field, frozen

Moment = Literal["before", "after"]


class Killed(BaseException):
    """The process dies here. No ``except`` of the library catches it, as none catches a SIGKILL."""


@frozen
class CrashPoint:
    """One place at which a process can die.

    Args:
        number: The how-manieth call of the scan, from 1.
        moment: Whether the call has had its effect.
        call: The call's name.
    """

    number: int
    moment: Moment
    call: str

    def __str__(self) -> str:
        return f"{self.moment} call {self.number}, {self.call}"


@define
class _Trap:
    call: str
    number: int
    moment: Moment
    act: Callable[[], object]
    seen: int = 0

    def springs_at(self, call: str) -> bool:
        """Whether this call is the one; counts it if it is of the kind."""
        if not call.startswith(self.call):
            return False
        self.seen += 1
        return self.seen == self.number


@define
class Faults:
    """What is to go wrong, and the calls that were made. May be used from several threads.

    Args:
        calls: The name of every call so far, in order.
        dead: Whether the process counts as dead: every further call raises ``Killed``.
    """

    calls: list[str] = field(factory=list, init=False)
    dead: bool = field(default=False, init=False)
    _traps: list[_Trap] = field(factory=list, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def fail(self, call: str, error: BaseException, *, number: int = 1, moment: Moment = "before") -> None:
        """Makes one call raise an error.

        Args:
            call: How the call's name begins; empty for any call.
            error: What it raises.
            number: The how-manieth such call from now on.
            moment: Instead of the call's effect, or once it has had it.
        """

        def raise_it() -> NoReturn:
            raise error

        self.meanwhile(call, raise_it, number=number, moment=moment)

    def meanwhile(self, call: str, act: Callable[[], object], *, number: int = 1, moment: Moment = "before") -> None:
        """Does something right before or after one call, for example replaces a file; arguments as of ``fail``."""
        self._traps.append(_Trap(call, number, moment, act))

    def die(self) -> NoReturn:
        """Ends the process, as far as calls can tell.

        Raises:
            Killed: Always.
        """
        self.dead = True
        raise Killed

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        """What a faulty double makes its call in.

        Raises:
            Killed: The process is dead.
        """
        with self._lock:
            if self.dead:
                raise Killed
            self.calls.append(call)
            sprung = [trap for trap in self._traps if trap.springs_at(call)]
        _act(sprung, "before")
        try:
            yield
        except Exception:
            _act(sprung, "after")
            raise
        _act(sprung, "after")


def _act(traps: list[_Trap], moment: Moment) -> None:
    for trap in traps:
        if trap.moment == moment:
            trap.act()


def crash_points(scan: Callable[[Faults], object]) -> Iterator[CrashPoint]:
    """Runs a scan once to count its calls, then once for each place at which it can die, and dies there.

    After each death the place is yielded, so that the loop's body can look at what is left, start a fresh scanner on
    it, or let that one die too, with a loop of its own.

    Args:
        scan: Prepares the same things each time, and scans with doubles that use the faults it is given. It must not
            catch ``Killed``.

    Raises:
        AssertionError: The scan makes other calls each time, so that not all of its places were tried.
    """
    unharmed = Faults()
    scan(unharmed)
    for number, call in enumerate(unharmed.calls, start=1):
        for moment in ("before", "after"):
            point = CrashPoint(number, moment, call)
            faults = Faults()
            faults.meanwhile("", faults.die, number=number, moment=moment)
            try:
                scan(faults)
            except Killed:
                if faults.calls != unharmed.calls[: len(faults.calls)]:
                    raise AssertionError(f"another run made other calls before it died {point}") from None
            else:
                raise AssertionError(f"the scan was to die {point}, and ended; prepare the same things each time")
            yield point
