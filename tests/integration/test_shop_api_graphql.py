"""GraphQL and JSON-RPC: an answer with HTTP 200 is a result only if it contains no error."""

import pytest

import remote_artwork as ra
from remote_artwork.clients.api import AuthenticationExpired, Effect, Refusal, ShopApi
from scripted_shop import ScriptedShop, data, errors

ONCE = ra.RetryPolicy(attempts=1)
ERRORS = {"NOT_MODIFYING": ra.NotPending, "NO_SUCH_ORDER": ra.OrderGone, "BAD_FILE": ra.ArtworkRejected}
MUTATION = "mutation { release(id: 1) { __typename } }"


@pytest.fixture
def shop():
    shop = ScriptedShop(data(release={"id": 1}))
    yield shop
    shop.close()


@pytest.fixture
def api(shop):
    return ShopApi(shop.url, errors=ERRORS, retry=ONCE)


def user_errors(*found, **more):
    return data(release={"order": None, "userErrors": list(found), **more})


def raised_by(call, *arguments):
    with pytest.raises(ra.ClientError) as refusal:
        call(*arguments)
    return refusal.value


def test_a_document_and_its_variables_are_sent_and_the_data_returned(shop, api):
    assert api.mutate(MUTATION, {"id": "1"}, path="/admin") == {"release": {"id": 1}}
    assert shop.requests == ["POST /admin"]
    assert shop.bodies == [{"query": MUTATION, "variables": {"id": "1"}}]


@pytest.mark.parametrize("result", [{"id": 1}, {"order": {"id": 1}, "userErrors": []}, True, 7, "done", [{"id": 1}]])
def test_an_answer_without_errors_is_a_result(shop, api, result):
    shop.answers = [data(release=result)]
    assert api.mutate(MUTATION) == {"release": result}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (errors("THROTTLED"), ra.RateLimited),
        (errors("UNAUTHENTICATED", path=["release"], data=None), AuthenticationExpired),
        (errors("ACCESS_DENIED", path=["release"], data={"release": None}), ra.AuthenticationFailed),
        (errors("GRAPHQL_VALIDATION_FAILED"), ra.ClientError),
        (errors("NOT_MODIFYING", path=["release"], data=None), ra.NotPending),
        ((200, {"errors": [{"code": "THROTTLED"}]}, {}), ra.RateLimited),
        ((400, {"errors": [{"message": "m", "extensions": {"code": "GRAPHQL_PARSE_FAILED"}}]}, {}), ra.ClientError),
        ((422, {"errors": [{"message": "m", "extensions": {"code": "NOT_MODIFYING"}}]}, {}), ra.NotPending),
        (user_errors({"field": ["id"], "message": "no"}), ra.ClientError),
        (user_errors({"code": "NO_SUCH_ORDER", "message": "no"}), ra.OrderGone),
        (user_errors({"code": "OTHER", "message": "no"}), ra.ClientError),
        (data(release={"errors": [{"code": "BAD_FILE", "message": "no"}]}), ra.ArtworkRejected),
        (data(release={"errorCode": "NOT_MODIFYING", "message": "no"}), ra.NotPending),
        (data(release={"__typename": "PaymentError", "message": "no"}), ra.ClientError),
        (data(release=[{"errorCode": "NOT_MODIFYING"}]), ra.NotPending),
    ],
)
def test_a_refusal_with_http_200_has_no_effect(shop, api, answer, error):
    shop.answers = [answer]
    assert type(raised_by(api.mutate, MUTATION)) is error
    assert len(shop.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        errors("INTERNAL_SERVER_ERROR"),
        errors("SOMETHING_NEW"),
        errors(None),
        errors("NOT_MODIFYING", path=["release", "order", "total"], data=None),
        errors("NOT_MODIFYING", data={"release": {"id": 1}}),
        errors("NOT_MODIFYING", "THROTTLED"),
        (200, {"errors": "broken"}, {}),
        (200, {"errors": ["broken"]}, {}),
        (200, {"data": None}, {}),
        (200, {"result": True}, {}),
        (200, [], {}),
        (200, {"data": {}}, {}),
        data(release=None),
        data(release=False),
        data(release={}),
        data(release=[]),
        data(attach={"id": 1}, release={"errorCode": "NOT_MODIFYING"}),
        data(attach={"errorCode": "NOT_MODIFYING"}, release=None),
        (404, {"message": "no such path"}, {}),
        (502, {"errors": [{"extensions": {"code": "OTHER"}}]}, {}),
    ],
    ids=str,
)
def test_a_mutation_that_may_have_had_its_effect_is_unknown(shop, api, answer):
    shop.answers = [answer]
    assert type(raised_by(api.mutate, MUTATION)) is ra.OutcomeUnknown


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (errors("INTERNAL_SERVER_ERROR"), ra.Unavailable),
        (errors("SOMETHING_NEW", data={"orders": []}), ra.Unavailable),
        (errors("FORBIDDEN", path=["orders", "total"], data={"orders": []}), ra.AuthenticationFailed),
        ((200, {"data": None}, {}), ra.Unavailable),
        ((404, {"message": "no such path"}, {}), ra.Unavailable),
    ],
)
def test_a_query_with_an_error_is_never_an_empty_list(shop, api, answer, error):
    shop.answers = [answer]
    assert type(raised_by(api.query, "{ orders { id } }")) is error


def test_a_query_is_repeated_and_a_mutation_is_not(shop):
    api = ShopApi(shop.url, retry=ra.RetryPolicy(first_wait=0.0, sleep=lambda _seconds: None))
    shop.answers = [errors("INTERNAL_SERVER_ERROR"), errors("THROTTLED"), data(order=None)]
    assert api.query("{ order }") == {"order": None}
    assert len(shop.bodies) == 3
    shop.answers = [errors("THROTTLED"), data(release=True)]
    assert isinstance(raised_by(api.mutate, MUTATION), ra.RateLimited)
    assert len(shop.bodies) == 4


def test_the_messages_of_the_shop_are_repeated_without_keys(shop):
    api = ShopApi(shop.url, headers={"X-Token": "hush-hush"}, secrets=["password"], retry=ONCE)
    shop.answers = [user_errors({"message": "one hush-hush"}, {"message": "two password"})]
    assert str(raised_by(api.mutate, MUTATION)).endswith("HTTP 200: one ***; two ***")
    shop.answers = [user_errors({"code": "hush-hush"})]
    assert str(raised_by(api.mutate, MUTATION)).endswith("HTTP 200: ***")


def rpc(**answer):
    return 200, {"jsonrpc": "2.0", "id": 1, **answer}, {}


def test_a_method_and_its_parameters_are_sent_and_the_result_returned(shop, api):
    for result in ([1], None, False):
        shop.answers = [rpc(result=result)]
        assert api.rpc_read("orders.list", ["pending"]) == result
        assert api.rpc_change("orders.release", {"id": 1}, path="/rpc") == result
    first, second = shop.bodies[:2]
    assert first == {"jsonrpc": "2.0", "id": 1, "method": "orders.list", "params": ["pending"]}
    assert second["params"] == {"id": 1}


def test_a_shop_that_refuses_the_version_of_json_rpc_does_not_receive_it(shop):
    """Tryton answers with a bare result if a call has any other field."""
    shop.answers = [lambda body: rpc(result=1) if set(body) == {"id", "method", "params"} else (200, 1, {})]
    assert ShopApi(shop.url, rpc_version=None, retry=ONCE).rpc_read("common.db.list") == 1
    with pytest.raises(ra.Unavailable, match="not JSON-RPC"):
        ShopApi(shop.url, retry=ONCE).rpc_read("common.db.list")


@pytest.mark.parametrize(
    ("error", "change", "read"),
    [
        ({"code": -32601, "message": "no such method"}, ra.ClientError, ra.ClientError),
        ({"code": -32000, "message": "Odoo", "data": {"name": "NOT_MODIFYING"}}, ra.NotPending, ra.NotPending),
        (["NOT_MODIFYING", ["the order", "…"]], ra.NotPending, ra.NotPending),
        ({"code": -32000, "message": "broken"}, ra.OutcomeUnknown, ra.Unavailable),
        (["UserError", [["the order"]]], ra.OutcomeUnknown, ra.Unavailable),
        (["UserError", 7], ra.OutcomeUnknown, ra.Unavailable),
        ("broken", ra.OutcomeUnknown, ra.Unavailable),
        ({"message": "broken"}, ra.OutcomeUnknown, ra.Unavailable),
    ],
    ids=str,
)
def test_a_json_rpc_error_is_an_error_of_known_meaning_or_unknown(shop, api, error, change, read):
    shop.answers = [rpc(error=error)]
    assert type(raised_by(api.rpc_change, "m")) is change
    assert type(raised_by(api.rpc_read, "m")) is read


def test_an_answer_that_is_not_json_rpc_is_unknown(shop, api):
    for answer in ({"id": 1}, []):
        shop.answers = [(200, answer, {})]
        assert type(raised_by(api.rpc_change, "m")) is ra.OutcomeUnknown


def find_refusal(content):
    if content["status"] == "ok":
        return None
    effect = Effect.NONE if content["status"] == "refused" else Effect.BY_CODE
    return Refusal(content.get("text", ""), content.get("code", ""), effect, content.get("item"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": "refused"}, ra.ClientError),
        ({"status": "refused", "code": "NO_SUCH_ORDER"}, ra.OrderGone),
        ({"status": "error", "code": "NO_SUCH_ORDER"}, ra.OrderGone),
        ({"status": "error", "code": "OTHER"}, ra.OutcomeUnknown),
    ],
)
def test_a_rest_api_that_reports_errors_with_http_200_has_its_own_rule(shop, answer, error):
    api = ShopApi(shop.url, errors=ERRORS, find_refusal=find_refusal, retry=ONCE)
    shop.answers = [(200, answer, {})]
    assert type(raised_by(lambda: api.change("POST", "/release", json={}))) is error
    shop.answers = [(200, {"status": "ok"}, {})]
    assert api.change("POST", "/release", json={}).json() == {"status": "ok"}


def test_a_refused_file_names_its_item(shop):
    api = ShopApi(shop.url, errors=ERRORS, find_refusal=find_refusal, retry=ONCE)
    shop.answers = [(200, {"status": "error", "code": "BAD_FILE", "text": "too small", "item": "2"}, {})]
    error = raised_by(lambda: api.change("POST", "/release", json={}))
    assert (type(error), error.item_number) == (ra.ArtworkRejected, "2")
    assert "too small" in error.reason


@pytest.mark.parametrize(
    "content",
    [
        {"code": "NO_SUCH_ORDER"},
        {"errorCode": "NO_SUCH_ORDER", "message": "gone"},
        {"error": {"reason": "NO_SUCH_ORDER", "message": "gone"}},
        {"error": "NO_SUCH_ORDER", "error_description": "gone"},
        {"errors": [{"code": "NO_SUCH_ORDER", "detail": "gone"}]},
    ],
    ids=str,
)
def test_the_code_of_a_refused_request_has_priority_over_its_status(shop, api, content):
    for status in (400, 409, 422, 500):
        shop.answers = [(status, content, {})]
        assert type(raised_by(lambda: api.change("POST", "/release", json={}))) is ra.OrderGone


def test_a_code_that_stands_for_an_unknown_outcome_is_unavailable_for_a_read(shop):
    api = ShopApi(shop.url, errors={"LATER": ra.OutcomeUnknown}, retry=ONCE)
    shop.answers = [(409, {"code": "LATER"}, {})]
    assert type(raised_by(lambda: api.change("POST", "/release", json={}))) is ra.OutcomeUnknown
    assert type(raised_by(lambda: api.read("GET", "/orders"))) is ra.Unavailable


@pytest.mark.parametrize(
    "content", [{"errors": ["no such order"]}, {"error": "no such order"}, {"errors": "no such order"}]
)
def test_the_message_of_a_refusal_is_found_where_shops_put_it(shop, api, content):
    shop.answers = [(400, content, {})]
    assert str(raised_by(lambda: api.read("GET", "/orders"))).endswith("HTTP 400: no such order")
