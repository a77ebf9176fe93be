"""Rate limits over a connection: how long a read waits, and that a change does not."""

import pytest

import remote_artwork as ra
from remote_artwork.clients.api import Page, ShopApi, iter_by_cursor
from scripted_shop import ScriptedShop, data, errors


@pytest.fixture
def shop():
    shop = ScriptedShop((200, [], {}))
    yield shop
    shop.close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def api(shop, waits):
    return ShopApi(shop.url, keep_free=0.5, retry=ra.RetryPolicy(first_wait=0.0, sleep=waits.append))


def with_cost(answer, available, restored=100):
    status = {"maximumAvailable": 1000, "currentlyAvailable": available, "restoreRate": restored}
    extensions = {"cost": {"requestedQueryCost": 300, "throttleStatus": status}}
    return answer[0], {**answer[1], "extensions": extensions}, answer[2]


def test_a_throttled_query_is_repeated_when_its_cost_points_are_back(shop, api, waits):
    shop.answers = [with_cost(errors("THROTTLED"), 0), data(orders=[])]
    assert api.query("{ orders }") == {"orders": []}
    assert waits == [3]


def test_a_throttled_mutation_raises_how_long_to_wait(shop, api, waits):
    shop.answers = [with_cost(errors("THROTTLED"), 100)]
    with pytest.raises(ra.RateLimited) as refusal:
        api.mutate("mutation { release }")
    assert (refusal.value.retry_after, waits) == (2, [])


def test_the_header_of_order_desk_says_how_long_to_wait(shop, api):
    shop.answers = [(429, {}, {"X-Retry-After": "4", "X-Tokens-Remaining": "0"})]
    with pytest.raises(ra.RateLimited) as refusal:
        api.read("GET", "/orders", wait_if_limited=False)
    assert refusal.value.retry_after == 4


@pytest.mark.parametrize("patient", [True, False])
def test_only_a_read_that_may_wait_leaves_calls_to_others(shop, api, waits, patient):
    shop.answers = [with_cost(data(orders=True), 200, restored=1)]
    for _ in range(3):
        api.query("{ orders }", wait_if_limited=patient)
    api.mutate("mutation { orders }")
    assert waits == ([20.0] * 2 if patient else [])


def test_one_wait_is_never_longer_than_the_policy_says(shop, api, waits):
    shop.answers = [(200, [], {"X-RateLimit-Remaining": "1", "X-RateLimit-Limit": "9", "X-RateLimit-Reset": "3600"})]
    api.read("GET", "/orders")
    assert waits == []
    api.read("GET", "/orders")
    assert waits == [20.0]


LAST = "https://other.example/orders?page=2"


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ('<{url}/orders?page=2>; rel="next"', "/orders?page=2"),
        ('<{url}/orders?page=1>; rel="prev", <{url}/orders?page=3>; rel="next"', "/orders?page=3"),
        ('<{url}/orders?ids=1,2>; rel="first next"; title="a, b"', "/orders?ids=1,2"),
        ("<?page=2>; rel=next", "/?page=2"),
        ('<{url}/orders?page=1>; rel="previous"', None),
        (f'<{LAST}>; rel="last"', None),
        ("", None),
    ],
)
def test_the_path_of_the_next_page_is_read_from_the_link_header(shop, api, header, path):
    shop.answers = [(200, [], {"Link": header.format(url=shop.url)} if header else {})]
    assert api.next_path(api.read("GET", "/orders")) == path


@pytest.mark.parametrize("target", [LAST, "//other.example/orders", "{url}.other.example/orders", "{url}1/orders"])
def test_a_next_page_on_another_server_is_an_error(shop, api, target):
    shop.answers = [(200, [], {"Link": f'<{target.format(url=shop.url)}>; rel="next"'})]
    response = api.read("GET", "/orders")
    with pytest.raises(ra.Unavailable, match="another server"):
        api.next_path(response)


def test_a_list_with_links_is_read_to_its_end(shop, api):
    link = {"Link": f'<{shop.url}/orders?after=2>; rel="next"'}
    shop.answers = [(200, [{"id": 1}, {"id": 2}], link), (200, [{"id": 2}, {"id": 3}], {})]

    def fetch(path):
        response = api.read("GET", path or "/orders")
        return Page(response.json(), next=api.next_path(response))

    assert [record["id"] for record in iter_by_cursor(fetch)] == [1, 2, 3]
    assert shop.requests == ["GET /orders", "GET /orders?after=2"]
