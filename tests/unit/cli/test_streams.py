"""Streams that never fail: what they encode, and what they say of themselves."""

import io
import sys

import pytest

from remote_artwork.cli.streams import print_json, safe_streams


class Terminal(io.TextIOWrapper):
    """A terminal with an encoding of its own."""

    def __init__(self, encoding):
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)

    def isatty(self):
        return True

    def fileno(self):
        return 7


def written(monkeypatch, encoding, write):
    terminal = Terminal(encoding)
    monkeypatch.setattr("sys.stdout", terminal)
    with safe_streams():
        write()
    return terminal.bytes.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "→ 3 × 4 … ★ \\udc80"),
        ("latin-1", "-> 3 × 4 ... \\u2605 \\udc80"),
        ("ascii", "-> 3 x 4 ... \\u2605 \\udc80"),
    ],
)
def test_a_character_that_the_encoding_lacks_is_replaced(monkeypatch, encoding, text):
    assert written(monkeypatch, encoding, lambda: sys.stdout.write("→ 3 × 4 … ★ \udc80")) == text


@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8", '"→ × 😀"\n'), ("ascii", '"\\u2192 \\u00d7 \\ud83d\\ude00"\n')]
)
def test_json_has_escapes_of_json(monkeypatch, encoding, text):
    assert written(monkeypatch, encoding, lambda: print_json("→ × 😀")) == text


def test_a_stream_is_a_terminal_if_that_of_the_process_is_one(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal("ascii"))
    with safe_streams():
        assert (sys.stdout.isatty(), sys.stdout.fileno(), sys.stdout.encoding) == (True, 7, "ascii")
    monkeypatch.setattr("sys.stdout", None)
    with safe_streams():
        assert not sys.stdout.isatty()
        assert sys.stdout.write("nothing") == 7
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
    assert sys.stdout is None


def test_another_error_of_an_encoding_is_raised():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "remote_artwork.text")
