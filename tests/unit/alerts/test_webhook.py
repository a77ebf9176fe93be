"""``Webhook``: the message, what counts as delivered, and the secret in its URL."""

import builtins
import re

import pytest
from attrs import evolve

from alert_reports import HOUR, STORAGE_DOWN, Inbox, item, report
from reasons import because
from remote_artwork.alerts import AlertNotDelivered, AlertOutcome, Alerts, Webhook
from remote_artwork.errors import ConfigurationError, MissingExtra
from remote_artwork.ledgers import MemoryLedger
from webhook_server import PATH, running_webhook

URL = "https://hooks.example/services/T0/B0/a-secret"


@pytest.fixture
def server():
    with running_webhook() as server:
        yield server


def digest_of(*reports):
    inbox = Inbox()
    alerts = Alerts(MemoryLedger(), inbox)
    for each in reports:
        alerts.send(each)
    return inbox.digests[-1]


ONE = digest_of(report(item("1001"), faults=(STORAGE_DOWN,)))


def test_a_digest_is_one_message(server, local_network):
    Webhook(server.url, network=local_network).send(ONE)
    [(content_type, message)] = server.messages
    assert content_type == "application/json"
    assert message["text"].splitlines() == [
        "*acme: 2 new problems*",
        "s3://prints/in/",
        "",
        "*New*",
        "• The storage could not be used: no route",
        "• Order 1001, item 1 — rejected: save it again",
    ]
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)


def test_names_cannot_mention_people_or_hide_a_link(server, local_network):
    hostile = item(
        "<!channel>", because=because("@here & <https://evil.example|click> [click](https://evil.example) \u202e\udcff")
    )
    Webhook(server.url, network=local_network).send(digest_of(report(hostile)))
    [(_, message)] = server.messages
    assert message["text"].splitlines()[-1] == (
        "• Order &lt;!channel&gt;, item 1 — rejected: "
        "@\u200bhere &amp; &lt;https://evil.example|click&gt; [click]\u200b(https://evil.example) \\u202e\\udcff"
    )


def test_a_long_message_names_the_first_problems_and_counts_the_others(server, local_network):
    before = [item(f"{number:02}") for number in range(30)]
    problems = [*before, *(item(str(number), because=because("x" * 5000)) for number in range(1000, 2000))]
    Webhook(server.url, network=local_network).send(digest_of(report(*before), report(*problems, after=HOUR)))
    [(_, message)] = server.messages
    text = message["text"]
    assert text.count("• Order") == 10
    assert "• and 990 other problems" in text
    assert text.endswith("30 other problems are still open, the oldest for 1 hour.")
    assert len(text) < 10_000


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, "does not exist any more (HTTP 404); create another one"), (429, "did not accept"), (302, "HTTP 302")],
)
def test_a_message_that_is_not_accepted_is_not_delivered(server, local_network, status, error):
    server.status = status
    webhook = Webhook(server.url, network=local_network)
    with pytest.raises(AlertNotDelivered, match=re.escape(error)):
        webhook.send(ONE)
    server.status = 200
    webhook.send(ONE)
    assert len(server.messages) == 2


@pytest.mark.parametrize(("fault", "error"), [("reset", "no complete response"), ("hang", "in time")])
def test_a_server_that_does_not_answer_has_not_delivered(faulty_server, local_network, fault, error):
    faulty_server.answer(fault)
    webhook = Webhook(faulty_server.endpoint + PATH, network=evolve(local_network, call_timeout=0.5))
    with pytest.raises(AlertNotDelivered, match=f"could not be reached: .*{error}"):
        webhook.send(ONE)
    assert len(faulty_server.requests) == 1


def test_private_addresses_are_refused_unless_they_are_allowed(server, local_network):
    webhook = Webhook(server.url, network=evolve(local_network, allow_private=False))
    with pytest.raises(AlertNotDelivered, match=r"private network address; .* allow it: .*allow_private=True"):
        webhook.send(ONE)
    assert server.messages == []


@pytest.mark.parametrize(
    "url", ["http://hooks.example/x", "hooks.example", "ftp://hooks.example/", "https://[", "https:///x", 5]
)
def test_only_https_urls_are_accepted_and_the_error_does_not_repeat_them(url):
    with pytest.raises(ConfigurationError, match="must begin with https://") as caught:
        Webhook(url)
    assert "hooks" not in str(caught.value)


def test_aiohttp_is_needed(monkeypatch):
    def no_yarl(name, *arguments):
        if name.startswith("aiohttp"):
            raise ImportError(name)
        return original(name, *arguments)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_yarl)
    with pytest.raises(MissingExtra, match=r"remote_artwork\[alerts\]"):
        Webhook(URL)


def test_the_url_is_in_no_repr_error_or_log(server, local_network, caplog):
    webhook = Webhook(server.url, network=local_network)
    server.status = 500
    result = Alerts(MemoryLedger(), webhook).send(report(item("1001")))
    assert result.outcome is AlertOutcome.NOT_DELIVERED
    seen = [repr(webhook), repr(Alerts(MemoryLedger(), webhook)), result.error, caplog.text, repr(result)]
    assert not [text for text in seen if "a-secret" in text]
