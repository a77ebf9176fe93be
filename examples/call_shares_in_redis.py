"""Share the calls per second of a shop API among processes, with Redis in place of the ledger's database.

Run it with: python examples/call_shares_in_redis.py redis://127.0.0.1:6379/0
Install the client of Redis: pip install redis
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from attrs import frozen
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from remote_artwork.errors import LedgerUnavailable
from remote_artwork.fleet import CallBudget, CallDemand, CallShare, Holding, divide_calls


@frozen
class RedisCallShares:
    """Implements ``remote_artwork.fleet.CallShares``. The time is that of the server."""

    redis: Redis
    forget_after: int = 600  # seconds; the library keeps no share that long

    def lease(self, api: str, demand: CallDemand) -> CallShare:
        key, shares = f"remote_artwork:call_shares:{api}", list[CallShare]()

        def divide(pipeline: Pipeline) -> None:
            stored = json.loads(pipeline.get(key) or "{}")
            seconds, microseconds = pipeline.time()
            holdings = {holder: Holding.from_dict(holding) for holder, holding in stored.items()}
            after, share = divide_calls(holdings, demand, seconds + microseconds / 1e6)
            pipeline.multi()
            data = {holder: holding.to_dict() for holder, holding in after.items()}
            pipeline.set(key, json.dumps(data), ex=self.forget_after)
            shares.append(share)

        try:
            # If another process changes the key meanwhile, Redis refuses the write, and the function runs again.
            self.redis.transaction(divide, key)
        except RedisError as error:
            raise LedgerUnavailable(f"Redis could not divide the calls of {api} ({type(error).__name__})") from error
        return shares[-1]


def make_calls(budget: CallBudget, count: int) -> list[float]:
    """Make calls, as a scanner does. Return when each began."""
    began = []
    for _ in range(count):
        permit = budget.acquire(1, tenant="acme", is_needed=lambda: True)
        if permit is not None:
            with permit.call():
                began.append(time.monotonic())
            permit.close()
    return began


if __name__ == "__main__":
    shares = RedisCallShares(Redis.from_url(sys.argv[1], socket_timeout=10))
    # Two budgets with one name. They are in one process here, but need not be.
    budgets = [CallBudget("shop.example", 10, shares) for _ in range(2)]
    with ThreadPoolExecutor(len(budgets)) as pool:
        times = sorted(at for began in pool.map(make_calls, budgets, [15, 15]) for at in began)
    for budget in budgets:
        budget.close()
    print(len(times), "calls of two budgets, 10 per second:", "2 seconds or more" if times[-1] - times[0] > 2 else "!")
