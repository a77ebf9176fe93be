"""Every interleaving of a run with few preemptions, one after another, as the tool CHESS explores them.

A preemption takes the turn from a process that could go on. When a process waits or ends, the choice of the next one is
free. Most faults of concurrent programs show with one or two preemptions.

Only processes are interleaved, and only at requests: each of them does nothing at once. What happens between two
requests of one process concerns no other one.
"""

from collections.abc import Callable, Iterator

from attrs import define, field

from simulation.scheduler import Process, Task


@define(eq=False)
class Replay:
    """Chooses as a list of decisions says, and then never preempts. Keeps what it could have chosen otherwise.

    Args:
        decisions: For each choice, the position among the tasks that could be chosen. The first is always the one that
            goes on without a preemption.
        preemptions: How many are allowed in the whole run.
    """

    decisions: list[int]
    preemptions: int
    alternatives: list[int] = field(factory=list, init=False)
    """For each choice so far, how many tasks could be chosen."""
    active: bool = field(default=True, init=False)
    _process: Process | None = field(default=None, init=False)

    def __call__(self, ready: list[Task], current: Task | None) -> Task:
        """See ``Chooser``."""
        if not self.active:
            return current or ready[0]
        options = self._options(ready, current)
        if len(options) == 1:
            self._process = options[0].process
            return options[0]
        position = len(self.alternatives)
        self.alternatives.append(len(options))
        if position == len(self.decisions):
            self.decisions.append(0)
        chosen = options[self.decisions[position]]
        if current is not None and chosen is not current:
            self.preemptions -= 1
        self._process = chosen.process
        return chosen

    def stop(self) -> None:
        """The processes that are to be interleaved have ended. What follows has one order."""
        self.active = False

    def _options(self, ready: list[Task], current: Task | None) -> list[Task]:
        if current is not None and not self.preemptions:
            return [current]
        same = [task for task in ready if task.process is self._process]
        if current is None and same:
            return same[:1]
        first_of = {id(task.process): task for task in sorted(ready, key=lambda task: -task.number)}
        if current is not None:
            del first_of[id(current.process)]
            return [current, *reversed(first_of.values())]
        return list(reversed(first_of.values()))


def interleavings(run: Callable[[Replay], None], *, preemptions: int) -> Iterator[list[int]]:
    """Run every interleaving once. Yields the decisions of each, after its run.

    Args:
        run: One run, which must be the same for the same choices.
        preemptions: How many each run has at most.
    """
    waiting: list[list[int]] = [[]]
    while waiting:
        first = waiting.pop()
        replay = Replay(list(first), preemptions)
        run(replay)
        for position in range(len(first), len(replay.decisions)):
            waiting += [[*replay.decisions[:position], other] for other in range(1, replay.alternatives[position])]
        yield replay.decisions
