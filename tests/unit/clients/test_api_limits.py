"""What shops say about their rate limits."""

import pytest

import remote_artwork as ra
from remote_artwork.clients.api.limits import Allowance, Pace, parse_allowance, parse_retry_after

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
EPOCH = 1767225600
"""The same time in seconds since 1970."""


def cost(available, requested=100, **more):
    status = {"maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": 50.0}
    return {"extensions": {"cost": {"requestedQueryCost": requested, "throttleStatus": {**status, **more}}}}


def wait(headers, content=None):
    headers = {name.lower(): value for name, value in headers.items()}
    return parse_retry_after(headers, parse_allowance(headers, content))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, "7"),
        ({"Retry-After": DATE}, DATE),
        ({"X-Retry-After": "3", "X-Tokens-Remaining": "0"}, "3"),
        ({"Retry-After": "7", "X-RateLimit-Reset": "60"}, "7"),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, 60.0),
        ({"X-RateLimit-Reset": "60"}, 60.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "5"}, 5.0),
        ({"X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "2500"}, 2.5),
        ({"X-RateLimit-Reset": str(EPOCH + 30), "Date": DATE}, 30.0),
        ({"X-RateLimit-Reset": str((EPOCH + 30) * 1000), "Date": DATE}, 30.0),
        ({"X-RateLimit-Reset": "2026-01-01T00:00:30.000Z", "Date": DATE}, 30.0),
        ({"X-RateLimit-Reset": str(EPOCH - 30), "Date": DATE}, 0.0),
        ({"X-RateLimit-Reset": str(EPOCH + 30)}, None),
        ({"X-RateLimit-Reset": str(EPOCH + 30), "Date": "today"}, None),
        ({"X-RateLimit-Reset": "soon", "Date": DATE}, None),
        ({"X-RateLimit-Remaining": "-1"}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_wait_that_headers_request(headers, seconds):
    assert wait(headers) == seconds


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (cost(666, 752), 1.72),
        (cost(0, 50), 1.0),
        (cost(666, 10), None),
        (cost("?", 10), None),
        (cost(0, None), 0.02),
        (cost(0, 10, restoreRate=0), None),
        ({"extensions": {"cost": {}}}, None),
        ({"extensions": {"cost": None}}, None),
        ({"extensions": None}, None),
        ([], None),
    ],
    ids=str,
)
def test_cost_points_are_waited_for_until_the_query_fits(content, seconds):
    assert wait({}, content) == seconds


@pytest.mark.parametrize("header", ["x-retry-after", "retry-after"])
def test_a_rate_limited_error_understands_each_form(header):
    assert ra.RateLimited(retry_after=parse_retry_after({header: "1.5"}, Allowance())).retry_after == 1.5


@pytest.mark.parametrize(
    ("headers", "content", "allowance"),
    [
        ({"x-shopify-shop-api-call-limit": "32/40"}, None, Allowance(remaining=8.0, limit=40.0)),
        ({"x-shopify-shop-api-call-limit": "?/40"}, None, Allowance(remaining=40.0, limit=40.0)),
        ({"x-tokens-remaining": "19"}, None, Allowance(remaining=19.0)),
        ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "9"}, None, Allowance(remaining=9.0, limit=100.0)),
        ({"x-ratelimit-remaining": "many"}, None, Allowance()),
        ({"x-ratelimit-remaining": "inf", "x-ratelimit-limit": "nan"}, None, Allowance()),
        ({}, cost(400), Allowance(remaining=400.0, limit=1000.0, per_second=50.0, cost=100.0)),
    ],
    ids=str,
)
def test_what_is_left_is_read(headers, content, allowance):
    assert parse_allowance(headers, content) == allowance


class TestPace:
    @pytest.fixture
    def now(self):
        return [100.0]

    def pace(self, now, keep_free):
        return Pace(keep_free, clock=lambda: now[0])

    def test_a_read_waits_until_the_share_of_others_is_left(self, now):
        pace = self.pace(now, 0.5)
        assert pace.seconds() == 0
        pace.update(Allowance(remaining=400, limit=1000, per_second=50))
        assert pace.seconds() == 2
        now[0] += 1.5
        assert pace.seconds() == 0.5
        now[0] += 9
        assert pace.seconds() == 0

    def test_a_shop_that_says_only_when_all_is_back_is_waited_for_until_then(self, now):
        pace = self.pace(now, 0.1)
        pace.update(Allowance(remaining=3, limit=100, reset_after=20))
        assert pace.seconds() == 20
        pace.update(Allowance(remaining=100, limit=100))
        assert pace.seconds() == 0

    @pytest.mark.parametrize("allowance", [Allowance(), Allowance(remaining=0), Allowance(remaining=0, limit=9)])
    def test_there_is_no_wait_if_the_shop_does_not_say_how_long(self, now, allowance):
        pace = self.pace(now, 0.5)
        pace.update(allowance)
        assert pace.seconds() == 0

    def test_there_is_no_wait_unless_a_share_is_kept_free(self, now):
        pace = self.pace(now, 0.0)
        pace.update(Allowance(remaining=0, limit=100, per_second=1))
        assert pace.seconds() == 0
