"""What the command line writes to the error stream: errors, the log, and a progress bar."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import NoReturn, Self

import typer
from attrs import define, field
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

import remote_artwork as ra
from remote_artwork.core.cures import for_operator
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.errors import ExitCode
from remote_artwork.events import (
    Event,
    FilesListed,
    ItemRejected,
    ItemVerified,
    OrderFulfilled,
    OrderStarted,
    ScanFinished,
)


def with_notes(message: str, error: ra.RemoteArtworkError | None) -> str:
    """A message with the notes of its error, which are meant for operators."""
    return "; ".join([message, *getattr(error, "__notes__", ())])


def finish(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its exit code. An error becomes one line on the error stream."""
    try:
        code = command()
    except ra.RemoteArtworkError as error:
        print_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        Console(stderr=True).print(
            "Stopped. The ledger holds everything that was started; the next scan continues from there."
        )
        code = ExitCode.INTERRUPTED
    raise typer.Exit(code)


def print_error(error: ra.RemoteArtworkError) -> None:
    """Print an error as one line on the error stream."""
    text = for_operator(escape_unprintable(with_notes(str(error), error)))
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "bold red"), text))


_SHOWN = ("tenant", "order_number", "item_number", "files", "receipt", "reason", "exit_code")
"""The fields of an event that a log line shows."""


class _OneLine(logging.Formatter):
    """One line with the name of the event, its error and its fields. The traceback follows only on request."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record) if self._tracebacks else f"{self.formatTime(record)} {record.getMessage()}"
        fields = [
            f"{name}={escape_unprintable(str(getattr(record, name)))}"
            for name in _SHOWN
            if getattr(record, name, None) is not None
        ]
        error = getattr(record, "error", None)
        return for_operator(" ".join([f"{line}: {error}" if error else line, *fields]))


def log_to_stderr(*, verbose: bool) -> None:
    """Write the library's warnings to the error stream. With ``verbose``, write all its events, with tracebacks."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine(tracebacks=verbose))
    logger = logging.getLogger("remote_artwork")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False


@define
class ProgressBar:
    """An ``Observer`` that shows the progress of a scan. It disappears when the scan ends."""

    console: Console
    _progress: Progress = field(init=False)
    _task: TaskID = field(init=False)
    _listed: int = 0
    _done: Counter[str] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._task = self._progress.add_task("reading pending orders", total=None, done="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_event(self, event: Event) -> None:
        """Show the progress."""
        draw = partial(self._progress.update, self._task)
        match event:
            case FilesListed():
                self._listed += event.count
                draw(description=f"listing: {counted(self._listed, 'file')} seen")
            case OrderStarted():
                order = f"order {escape(escape_unprintable(event.order_number))}"
                draw(description=order, completed=event.done, total=event.total)
            case ItemVerified() | ItemRejected() | OrderFulfilled():
                self._done[event.event_name.partition("_")[2]] += 1
                draw(done=", ".join(f"{count} {what}" for what, count in self._done.items()))
            case ScanFinished():
                draw(description=f"{counted(len(event.report.items), 'item')} reported")
            case _:
                pass
