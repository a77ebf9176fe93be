"""Which faults a run has, and where they strike. Each run has only some kinds, so that their combinations differ."""

import random as randomness
from collections.abc import Sequence

from attrs import define, frozen

from history import Died, History, Note
from simulation.scheduler import Killed, Process, Scheduler

STALLS = (0.5, 3.0, 6.0, 40.0, 100.0, 250.0)
"""Seconds that a request may take: within the five seconds after an intent, beyond them, and beyond a lease."""

KINDS = ("die", "refuse", "lose", "stall", "late")


@frozen(kw_only=True)
class Profile:
    """What may go wrong in one run.

    Args:
        kinds: The kinds of faults.
        rate: How often a request has one, from 0 to 1.
        focus: The only requests that have faults: those of ``storage``, ``shop``, ``call`` or ``ledger``. Empty: all.
        latency: The mean duration of a request, in seconds. Zero: only the scheduler decides which task is faster.
        answers_at_once: No other task runs between the effect of a request and its answer. What follows an answer is
            no business of other processes until the next request, so the exploration needs half the interleavings.
        keep: How often a task goes on at a switch point although others could, from 0 to 1.
    """

    kinds: tuple[str, ...] = ()
    rate: float = 0.0
    focus: str = ""
    latency: float = 0.0
    answers_at_once: bool = False
    keep: float = 0.5

    @classmethod
    def drawn(cls, draw: randomness.Random) -> "Profile":
        """A profile by the seed. One in eight has no faults at all."""
        kinds = tuple(kind for kind in KINDS if draw.random() < 0.5)
        focus = draw.choice(("", "", "storage", "shop", "call", "call", "ledger"))
        return cls(
            kinds=kinds if draw.random() < 0.875 else (),
            rate=draw.choice((0.1, 0.3, 0.6) if focus else (0.01, 0.03, 0.1)),
            focus=focus,
            latency=draw.choice((0.0, 0.0, 0.05, 0.5)),
            keep=draw.choice((0.0, 0.5, 0.8, 0.95)),
        )


NO_FAULTS = Profile()


@define(eq=False)
class Faults:
    """Decides about each request, by the seed. ``active`` is False once the run is to come to its end."""

    scheduler: Scheduler
    history: History
    random: randomness.Random
    profile: Profile
    active: bool = True

    def strike(self, process: Process, service: str, what: str, kinds: Sequence[str]) -> str | None:
        """The kind of fault that this request has; None for most.

        Args:
            process: Whose request it is.
            service: What the request is for: ``storage``, ``shop``, ``call`` or ``ledger``.
            what: The request, for the trace.
            kinds: The faults that this request can have.
        """
        profile = self.profile
        if not self.active or not profile.kinds or self.random.random() >= profile.rate:
            return None
        if profile.focus not in ("", service):
            return None
        possible = [kind for kind in kinds if kind in profile.kinds]
        if not possible:
            return None
        kind = self.random.choice(possible)
        self.note(process, f"FAULT    {kind}: {service} {what}")
        return kind

    def travel(self) -> None:
        """The time that a request is under way."""
        if self.profile.latency and self.active:
            self.scheduler.wait(self.random.expovariate(1 / self.profile.latency))
        else:
            self.scheduler.switch_point()

    def answer(self) -> None:
        """The time that an answer is under way."""
        if not self.profile.answers_at_once:
            self.travel()

    def stall(self) -> None:
        """Wait for one of the durations in ``STALLS``."""
        self.scheduler.wait(self.random.choice(STALLS))

    def coin(self) -> bool:
        """True or False."""
        return self.random.random() < 0.5

    def die(self, process: Process) -> None:
        """End the process here.

        Raises:
            Killed: Always, if the process runs this task.
        """
        if process.dead:
            raise Killed
        self.history.add(Died(self.scheduler.now, process.name))
        self.scheduler.kill(process)

    def note(self, process: Process, text: str) -> None:
        """Add a line to the trace."""
        self.history.add(Note(self.scheduler.now, process.name, text))
