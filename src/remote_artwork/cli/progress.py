"""A progress bar on the error stream, for passes that take long."""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import TracebackType
from typing import Self

from attrs import define, field
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

import remote_artwork as ra
from remote_artwork.core.visible import visible


@define
class ProgressBar:
    """An Observer that draws; it vanishes when the pass is over."""

    console: Console
    _progress: Progress = field(init=False)
    _task: TaskID = field(init=False)
    _listed: int = 0
    _done: Counter[str] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._task = self._progress.add_task("reading the pending orders", total=None, done="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_event(self, event: ra.Event) -> None:
        """Draws what happened."""
        draw = partial(self._progress.update, self._task)
        match event:
            case ra.FilesListed():
                self._listed += event.count
                draw(description=f"listing: {self._listed:,} files seen")
            case ra.OrderStarted():
                order = f"order {escape(visible(event.order_number))}"
                draw(description=order, completed=event.done, total=event.total)
            case ra.ItemVerified() | ra.ItemRejected() | ra.OrderFulfilled():
                self._done[event.event_name.partition("_")[2]] += 1
                draw(done=", ".join(f"{count} {what}" for what, count in self._done.items()))
            case ra.PassFinished():
                draw(description=f"{len(event.report.items)} items reported")
            case _:
                pass
