"""A login that expires: it is repeated once, and never together with a request that may have had its effect."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import remote_artwork as ra
from remote_artwork.clients.api import AuthenticationExpired, ShopApi
from scripted_shop import ScriptedShop, data, errors

ONCE = ra.RetryPolicy(attempts=1)


class Shop(ScriptedShop):
    """Knows one login at a time. ``expire`` ends it; ``expires`` is the answer to a request without a valid one."""

    def __init__(self):
        super().__init__(data(release=True))
        self.logins, self.valid, self.expires = 0, None, (401, {"message": "who are you?"}, {})
        self.login_answers = []

    def expire(self):
        self.valid = None

    def answer(self, method, path, query, body, headers):
        if path == "/login":
            if self.login_answers:
                return self.login_answers.pop(0)
            self.logins += 1
            self.valid = f"token-{self.logins}"
            return 200, {"token": self.valid}, {}
        if headers.get("Authorization") != f"Bearer {self.valid}":
            self.bodies.append("refused")
            return self.expires
        return super().answer(method, path, query, body, headers)


def log_in(api):
    token = api.read("POST", "/login", json={"user": "u", "password": "p"}).json()["token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def api(shop):
    return ShopApi(shop.url, login=log_in, retry=ONCE)


def calls(api):
    return {
        "read": lambda: api.read("GET", "/orders"),
        "change": lambda: api.change("PUT", "/orders/1", json={}),
        "query": lambda: api.query("{ release }"),
        "mutate": lambda: api.mutate("mutation { release }"),
    }


CALLS = ["read", "change", "query", "mutate"]


@pytest.mark.parametrize("call", CALLS)
def test_one_login_serves_all_requests_until_it_expires(shop, api, call):
    for _ in range(3):
        calls(api)[call]()
    assert shop.logins == 1
    shop.expire()
    calls(api)[call]()
    assert shop.logins == 2
    assert shop.bodies.count("refused") == 1


@pytest.mark.parametrize("call", ["query", "mutate"])
def test_a_code_of_the_shop_can_stand_for_an_expired_login(shop, call):
    api = ShopApi(shop.url, login=log_in, errors={"FORBIDDEN": AuthenticationExpired}, retry=ONCE)
    shop.expires = errors("FORBIDDEN", path=["release"], data=None)
    calls(api)[call]()
    shop.expire()
    calls(api)[call]()
    assert (shop.logins, shop.bodies.count("refused")) == (2, 1)


def test_a_mutation_that_may_have_had_its_effect_is_not_repeated(shop, api):
    shop.answers = [errors("UNAUTHENTICATED", path=["release", "order"], data=None)]
    with pytest.raises(ra.OutcomeUnknown):
        api.mutate("mutation { release }")
    assert (shop.logins, len(shop.bodies)) == (1, 1)


@pytest.mark.parametrize("call", CALLS)
def test_a_login_that_is_refused_again_is_not_repeated_again(shop, api, call):
    shop.answers = [(401, {}, {})]
    with pytest.raises(ra.AuthenticationFailed):
        calls(api)[call]()
    assert (shop.logins, len(shop.bodies)) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"message": "wrong password"}, {}), ra.AuthenticationFailed),
        ((503, {}, {}), ra.Unavailable),
        ((429, {}, {"Retry-After": "9"}), ra.RateLimited),
        ((200, {}, {}), ra.AuthenticationFailed),
        ((200, [], {}), ra.AuthenticationFailed),
    ],
)
@pytest.mark.parametrize("call", ["change", "mutate"])
def test_a_change_whose_login_fails_is_never_sent(shop, api, answer, error, call):
    """Even though its login gave no usable answer: the login is not the change."""
    shop.login_answers = [answer]
    with pytest.raises(error):
        calls(api)[call]()
    assert shop.bodies == []


def test_a_login_without_a_usable_answer_says_nothing_about_the_change_that_needs_it(shop):
    """The login is a mutation, and its outcome is unknown. The change was never sent."""

    def log_in_by_mutation(api):
        return {"Authorization": api.mutate("mutation { login }", path="/login")["login"]}

    api = ShopApi(shop.url, login=log_in_by_mutation, retry=ONCE)
    shop.login_answers = [(503, {}, {})]
    with pytest.raises(ra.Unavailable):
        api.change("PUT", "/orders/1", json={})
    assert shop.bodies == []


def test_a_change_does_not_wait_for_the_rate_limit_of_a_login(shop):
    waits = []
    api = ShopApi(shop.url, login=log_in, retry=ra.RetryPolicy(first_wait=0.0, sleep=waits.append))
    shop.login_answers = [(429, {}, {"Retry-After": "2"})]
    with pytest.raises(ra.RateLimited):
        api.change("PUT", "/orders/1", json={})
    assert waits == []
    shop.login_answers = [(429, {}, {"Retry-After": "2"})]
    api.read("GET", "/orders")
    assert waits == [2]


def test_a_login_with_an_invalid_key_is_refused_without_showing_it(shop):
    api = ShopApi(shop.url, login=lambda _api: {"Authorization": "hush\nhush"}, retry=ONCE)
    with pytest.raises(ra.ConfigurationError, match="copy it again") as refusal:
        api.read("GET", "/orders")
    assert "hush" not in str(refusal.value)
    assert shop.bodies == []


def test_a_login_without_a_token_is_refused(shop):
    api = ShopApi(shop.url, login=lambda _api: {"Authorization": None}, retry=ONCE)
    with pytest.raises(ra.AuthenticationFailed, match="TypeError"):
        api.change("PUT", "/orders/1", json={})


def test_the_token_of_a_login_is_redacted(shop, api):
    shop.answers = [(400, {"message": "token-1 may not do this"}, {})]
    with pytest.raises(ra.ClientError, match=r"\*\*\* may not do this"):
        api.read("GET", "/orders")


def test_threads_share_one_new_login(shop, api):
    api.read("GET", "/orders")
    everyone, answer = threading.Barrier(4), shop.expires

    def refuse():
        shop.expire()
        with ThreadPoolExecutor(4) as pool:
            return [future.result() for future in [pool.submit(ask) for _ in range(4)]]

    def ask():
        everyone.wait(60)
        return api.read("GET", "/orders").status

    assert refuse() == [200] * 4
    assert shop.logins == 2
    assert answer[0] == 401
