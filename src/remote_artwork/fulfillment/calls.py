"""Calls of the host's code, whatever it raises, and what is known of each when it has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from remote_artwork.errors import ClientError, OutcomeUnknown
from remote_artwork.fulfillment.progress import Progress
from remote_artwork.retry import RetryPolicy

log = logging.getLogger(__name__)

T = TypeVar("T")


@frozen
class Calls:
    """Calls about one order."""

    retry: RetryPolicy
    progress: Progress

    def make(
        self,
        function: Callable[[], T],
        retry: RetryPolicy | None = None,
        *,
        intend: Callable[[], None] | None = None,
    ) -> T:
        """A call of the host's code: what it raises beside client errors leaves the outcome unknown.

        Args:
            function: The call.
            retry: How it is repeated, where that differs from the pass's own policy.
            intend: For calls with an effect; the last write to the ledger before each attempt, which also makes sure
                that nobody has taken the order over.

        Raises:
            ClientError: What the host said, or ``OutcomeUnknown``.
            LedgerError: The intent is not recorded, or the order is no longer ours; the call was not made.
        """
        progress = self.progress

        def guarded() -> T:
            if intend is not None:
                intend()
            progress.unanswered = None
            try:
                answer = function()
                progress.answered.add("client")
                return answer
            except ClientError as error:
                progress.attaching = None
                progress.answered.add("client")  # if it is none, the order's failures say so
                progress.unanswered = error if isinstance(error, OutcomeUnknown) else None
                raise
            except Exception as error:
                progress.attaching = None
                log.exception("client_raised", extra={"order_id": progress.plan.order.id})
                progress.unanswered = OutcomeUnknown(f"{type(error).__name__}: {error}")
                raise progress.unanswered from error

        return (retry or self.retry).call(guarded, on=ClientError)
