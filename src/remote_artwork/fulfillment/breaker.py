"""The breaker: tells a shop or a storage that is down from an order that fails for reasons of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Literal

from attrs import define, field

Part = Literal["storage", "client"]

_SUSPECT = 2
"""After so many orders in a row that a part left without an answer, the next ones are drawn from all that wait."""
DOWN = 5
"""After so many it counts as down."""


@define
class Breaker:
    """Counts, for each part, the orders in a row that it left without an answer.

    A part that is down leaves every order without one, so a pass tries five of them. Orders that alone have no answer
    may be many, and stand together in the list. So from the third on they are drawn: as long as some order has an
    answer, each pass has a chance to reach it, whichever orders have none, and nothing need be remembered of them.

    Args:
        draw: How many wait → which of them is next, from 0.
    """

    draw: Callable[[int], int] = random.randrange
    _unanswered: Counter[Part] = field(factory=Counter, init=False)

    def note(self, *, answered: set[Part], failed: set[Part]) -> None:
        """Takes in how the work on one order went.

        Args:
            answered: Parts that answered at least once.
            failed: Parts that left the order without an answer in the end, whatever they answered before.
        """
        for part in answered - failed:
            del self._unanswered[part]
        self._unanswered.update(failed)

    def is_down(self, part: Part) -> bool:
        """Whether the part counts as down for the rest of the pass."""
        return self._unanswered[part] >= DOWN

    def next_of(self, waiting: int) -> int:
        """Which of so many orders that wait is worked on next, from 0."""
        suspect = any(count >= _SUSPECT for count in self._unanswered.values())
        return self.draw(waiting) if suspect else 0
