"""How a command ends: its exit code, and an error as one readable line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

import remote_artwork as ra
from remote_artwork.core.visible import visible


def with_notes(message: str, error: ra.RemoteArtworkError | None) -> str:
    """A message with the notes of its error: whoever types a command is an operator, for whom they are meant."""
    return "; ".join([message, *getattr(error, "__notes__", ())])


def finish(command: Callable[[], int]) -> NoReturn:
    """Runs a command and leaves with its exit code; an error becomes one line on the error stream."""
    try:
        code = command()
    except ra.ConfigurationError as error:
        code = _complain(error, 2)
    except ra.RemoteArtworkError as error:
        code = _complain(error, 3)
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. What was begun is in the ledger; the next scan goes on from there.")
        code = 130
    raise typer.Exit(code)


def _complain(error: ra.RemoteArtworkError, code: int) -> int:
    told = visible(with_notes(str(error), error))
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "bold red"), told))
    return code
