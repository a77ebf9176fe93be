"""The error for an answer that was read here, not by an SDK."""

from __future__ import annotations

from collections.abc import Mapping


class AnswerRefused(Exception):
    """An answer that is of no use, without its words: ``translate`` goes by the status, the code and the headers."""

    def __init__(self, status: int, error_code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status} {error_code}".rstrip())
        self.status = status
        self.error_code = error_code
        self.headers = headers
