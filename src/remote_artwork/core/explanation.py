"""An explanation: the whole reasoning about one file or one order, step by step."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Explanation:
    """Why a file or an order is where it is.

    Args:
        subject: The file name or order number asked about.
        steps: What was looked at, and what was found, from the pattern to the ledger.
        verdict: The one-sentence answer, with what to do.
    """

    subject: str
    steps: tuple[str, ...]
    verdict: str

    def __str__(self) -> str:
        lines = [f"{place}. {step}" for place, step in enumerate(self.steps, start=1)]
        return "\n".join([self.subject, *lines, f"→ {self.verdict}"])
