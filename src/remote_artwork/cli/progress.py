"""A progress bar on the error stream, for passes that take long."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from remote_artwork.core.report import ScanReport


@define
class ProgressBar:
    """An Observer that draws; it vanishes when the pass is over."""

    console: Console
    _progress: Progress = field(init=False)
    _task: TaskID = field(init=False)
    _names: int = 0

    def __attrs_post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._task = self._progress.add_task("reading the pending orders", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def listed(self, names: int) -> None:
        """So many more names were listed."""
        self._names += names
        self._progress.update(self._task, description=f"listing: {self._names:,} files seen")

    def working(self, done: int, total: int, order_number: str) -> None:
        """Work on the order begins."""
        self._progress.update(self._task, description=f"order {order_number}", completed=done, total=total)

    def finished(self, report: ScanReport) -> None:
        """The pass ended."""
        self._progress.update(self._task, description=f"{len(report.items)} items reported")
