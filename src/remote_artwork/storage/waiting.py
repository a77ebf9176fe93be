"""Waits for a request that runs on fsspec's loop, and shows the loop nothing of its outcome.

With asyncio's debugging on, a loop logs tasks that take long together with their results and exceptions, as warnings
and outside of the request's own context. Either can repeat a storage's words, which can repeat what it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import define
from fsspec.asyn import sync

T = TypeVar("T")


@define(repr=False)
class _Outcome(Generic[T]):
    result: T | None = None
    error: Exception | None = None


def wait_for(
    loop: asyncio.AbstractEventLoop,
    request: Callable[..., Awaitable[T]],
    *arguments: object,
    timeout: float,
    **options: object,
) -> T:
    """What ``request(*arguments, **options)`` gives.

    Args:
        loop: Where it runs, in another thread.
        request: Makes the coroutine.
        arguments: Its arguments.
        timeout: Seconds until it is given up.
        options: Its further arguments.

    Raises:
        TimeoutError: It took longer.
        Exception: Whatever it raised.
    """

    async def hidden() -> _Outcome[T]:
        try:
            return _Outcome(result=await request(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - it is raised again, where the loop does not see it
            return _Outcome(error=error)

    outcome: Any = sync(loop, hidden, timeout=timeout)
    try:
        if outcome.error is not None:
            raise outcome.error
        result: T = outcome.result
        return result
    finally:
        del outcome  # it would hold the error, whose frames hold it
