"""Standard output and standard error that never fail: a scan that was done keeps its exit code.

A character that the encoding of a stream lacks is replaced. After a write error, for example on a full disk or a closed
pipe, the rest of the output is dropped.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from attrs import define

from remote_artwork.core.cures import for_operator
from remote_artwork.core.report import ScanReport

_REPLACED = {"→": "->", "…": "...", "×": "x", "✓": "ok", "·": "-", "–": "-", "━": "-", "╸": "-", "╺": "-", "•": "*"}
"""Characters of the library's own texts, and what a stream receives that cannot encode them."""


def _escape(error: UnicodeError, replaced: dict[str, str]) -> tuple[str, int]:
    """Replace what cannot be encoded, by default by an escape of JSON, which Python and JavaScript also understand."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(replaced.get(char) or json.dumps(char)[1:-1] for char in text), error.end


codecs.register_error("remote_artwork.text", lambda error: _escape(error, _REPLACED))
codecs.register_error("remote_artwork.json", lambda error: _escape(error, {}))


class _Stream(io.TextIOBase):
    """A standard stream that never fails.

    Args:
        stream: The stream of the process; None if the process has none.
    """

    failure: OSError | None = None

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich and click read it
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str, /) -> int:
        encodable = text.encode(self.encoding, "remote_artwork.text").decode(self.encoding)
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(encodable)
            except OSError as error:
                self.failure = error
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.failure = error

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("the process has no such stream")
        return self._stream.fileno()

    def close_after_failure(self) -> None:
        """Prevent Python from writing the rest at its end, which would fail again and change the exit code."""
        if self._stream is not None and self.failure is not None:
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Use standard streams that never fail. A write error of the output is named on the error stream."""
    before = sys.stdout, sys.stderr
    output, errors = _Stream(sys.stdout), _Stream(sys.stderr)
    sys.stdout, sys.stderr = output, errors
    try:
        yield
    finally:
        output.flush()
        if output.failure is not None and output.failure.errno != errno.EPIPE:
            errors.write(f"Error: the output could not be written completely: {output.failure.strerror}\n")
        errors.flush()
        sys.stdout, sys.stderr = before
        output.close_after_failure()
        errors.close_after_failure()


@define
class _JsonOutput:
    """Standard output for JSON, with the cures of an operator.

    A character that the encoding lacks is written as an escape of JSON.
    """

    def write(self, text: str, /) -> None:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.write(for_operator(text).encode(encoding, "remote_artwork.json").decode(encoding))


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    _JsonOutput().write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_report_json(report: ScanReport, *, indent: int | None) -> None:
    """Print a report as JSON, at once: ``watch`` prints one, and then waits for an hour."""
    report.write_json(_JsonOutput(), indent=indent)
    sys.stdout.write("\n")
    sys.stdout.flush()
