"""``--alerts``: the command line sends what changed to a webhook whose URL is in a file."""

import pytest

from command_line import PROGRAM, Shop, started, tree, wait_until
from webhook_server import running_webhook

PROGRAM_ENDS = 60


@pytest.fixture
def webhook():
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture
def shop(tmp_path, webhook):
    shop = Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.pdf")
    shop.artwork.joinpath("1002_1.pdf").write_bytes(b"not a PDF")
    shop.url_file = tmp_path / "webhook.url"
    shop.url_file.write_text(f"{webhook.url}\n")
    shop.url_file.chmod(0o600)
    shop.options = ("--settle-for", "none", "--alerts", shop.url_file)
    return shop


def lines(webhook):
    return [message["text"].splitlines() for _, message in webhook.messages]


def test_a_scan_sends_what_is_new_and_the_next_one_nothing(shop, webhook):
    first = shop.run("scan", *shop.options, "--allow-private-network")
    assert (first.returncode, first.stderr) == (1, "")
    [message] = lines(webhook)
    assert message[0] == "*default: 1 new problem*"
    assert message[4].startswith("• Order 1002, item 1 — rejected: 1002_1.pdf: ")
    again = shop.run("scan", *shop.options, "--allow-private-network", "--json")
    assert (again.returncode, len(webhook.messages)) == (1, 1)


def test_a_message_that_is_not_sent_is_a_warning_and_is_sent_by_the_next_scan(shop, webhook):
    webhook.status = 500
    failed = shop.run("scan", *shop.options, "--allow-private-network")
    assert failed.returncode == 1
    assert "alert_not_delivered: the webhook did not accept the message (HTTP 500)" in failed.stderr
    webhook.status = 200
    assert shop.run("scan", *shop.options, "--allow-private-network").stderr == ""
    assert len(webhook.messages) == 2


def test_watch_sends_alerts(shop, webhook):
    arguments = ["watch", *shop.place, *shop.options, "--allow-private-network", "--every", "1h"]

    with started(*PROGRAM, *arguments) as process:
        assert wait_until(lambda: webhook.messages)
        process.terminate()
        assert process.wait(PROGRAM_ENDS) == 0


@pytest.mark.parametrize(
    ("content", "message", "command"),
    [
        ("", "the URL of the webhook must begin with https://", ("watch", "--every", "1h")),
        ("http://hooks.example/a-secret", "the URL of the webhook must begin with https://", ("scan",)),
        (b"\xff", "it is not text; use a file with the URL of a webhook", ("scan",)),
        (None, "No such file or directory; use a file with the URL of a webhook", ("scan",)),
    ],
)
def test_a_file_without_a_usable_url_ends_the_command_before_the_scan(shop, content, message, command):
    shop.url_file.unlink()
    if content is not None:
        shop.url_file.write_bytes(content if isinstance(content, bytes) else content.encode())
        shop.url_file.chmod(0o600)
    before = tree(shop.home)
    ended = shop.run(*command, *shop.options)
    assert ended.returncode == 2
    assert f"--alerts {shop.url_file}: {message}" in ended.stderr
    assert "a-secret" not in ended.stderr
    assert tree(shop.home) == before


def test_a_file_that_others_can_read_is_warned_about(shop, webhook):
    shop.url_file.chmod(0o644)
    ended = shop.run("scan", *shop.options, "--allow-private-network")
    assert f"run chmod 600 {shop.url_file}" in ended.stderr
    assert len(webhook.messages) == 1
