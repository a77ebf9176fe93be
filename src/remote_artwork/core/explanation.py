"""An explanation: the whole reasoning about one file or one order, step by step."""

from __future__ import annotations

from attrs import frozen

from remote_artwork.core.visible import visible


@frozen(kw_only=True)
class Explanation:
    """Why a file or an order is where it is.

    Args:
        subject: The file name or order number asked about.
        steps: What was looked at, and what was found, from the pattern to the ledger.
        verdict: The one-sentence answer, with what to do.
        exit_code: 3 where storage, client or ledger could not be used, else 0.
    """

    subject: str
    steps: tuple[str, ...]
    verdict: str
    exit_code: int = 0

    def to_dict(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "subject": self.subject,
            "steps": list(self.steps),
            "verdict": self.verdict,
            "exit_code": self.exit_code,
        }

    def __str__(self) -> str:
        lines = [f"{place}. {step}" for place, step in enumerate(self.steps, start=1)]
        return "\n".join(map(visible, [self.subject, *lines, f"→ {self.verdict}"]))
