"""What stops the command line from outside: the order in hand is finished, and the next scan does the rest."""

import json
import signal

import pytest

from command_line import PROGRAM, Shop, run, started
from shop_files import uploaded

SIGNALLED = """
import os, signal, remote_artwork as ra

class Signalled(ra.OrdersFile):
    def fulfill(self, *arguments, **options):
        receipt = super().fulfill(*arguments, **options)
        os.kill(os.getpid(), signal.{name})
        return receipt

def make():
    return Signalled("orders.json")
"""


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.png")


def scan_until(name, shop, *more):
    """A scan whose own client raises a signal once the first order is fulfilled."""
    (shop.home / "signalled.py").write_text(SIGNALLED.format(name=name))
    ledger = ("--ledger", f"sqlite:///{shop.home}/orders.ledger.db")
    return run(
        "scan",
        shop.artwork.as_uri(),
        *ledger,
        "--client",
        "signalled:make",
        "--orders-at-once",
        "1",
        *more,
        cwd=shop.home,
    )


def the_next_scan_does_the_rest(shop):
    assert list(shop.statuses().values()) == ["fulfilled", "pending_approval"]
    after = shop.run("scan")
    assert after.returncode == 0
    assert set(shop.statuses().values()) == {"fulfilled"}


def test_130_for_ctrl_c_and_the_next_scan_continues(shop):
    ended = scan_until("SIGINT", shop)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    the_next_scan_does_the_rest(shop)


def test_sigterm_ends_a_scan_after_the_order_in_hand_and_the_report_is_whole(shop):
    page = shop.home / "page.html"
    ended = scan_until("SIGTERM", shop, "--json", "--report", page)
    assert (ended.returncode, ended.stderr) == (0, "")
    items = json.loads(ended.stdout)["items"]
    assert [item["status"] for item in items] == ["fulfilled", "matched"]
    assert "stopped before the order" in items[1]["reason"]
    assert "1002" in page.read_text()
    the_next_scan_does_the_rest(shop)


def test_sigterm_does_not_hide_that_a_person_is_needed(shop):
    orders = json.loads(shop.orders.read_text())
    orders["orders"].insert(0, {"number": "1000", "status": "pending_approval", "items": [{"number": "1"}]})
    shop.orders.write_text(json.dumps(orders))
    uploaded(shop.artwork / "1000_1.pdf", b"no PDF")
    ended = scan_until("SIGTERM", shop)
    assert ended.returncode == 1
    assert list(shop.statuses().values()) == ["pending_approval", "fulfilled", "pending_approval"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_watch_scans_until_it_is_stopped(shop, number, code):
    with started(*PROGRAM, "watch", *shop.place, "--every", "1h", "--json", PYTHONUNBUFFERED="") as process:
        line = process.stdout.readline()
        assert line, f"it ended: {process.wait(timeout=60)}, {process.stderr.read()}"
        report = json.loads(line)
        assert [item["status"] for item in report["items"]] == ["fulfilled", "fulfilled"]
        process.send_signal(number)
        assert process.wait(timeout=60) == code


def test_watch_writes_a_page_after_its_first_scan(shop):
    page = shop.home / "page.html"
    with started(*PROGRAM, "watch", *shop.place, "--every", "1h", "--json", "--report", page) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert "1001" in page.read_text()


def test_watch_replaces_the_page_after_each_scan(shop):
    page = shop.home / "page.html"
    with started(*PROGRAM, "watch", *shop.place, "--every", "0.2s", "--json", "--report", page) as process:
        reports = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert [len(report["items"]) for report in reports] == [2, 0]
    assert "1001" not in page.read_text()
    assert list(shop.home.glob("*.new")) == []


def test_watch_continues_if_a_page_cannot_be_written(shop):
    folder = shop.home / "pages"
    folder.mkdir()
    page = folder / "page.html"
    with started(*PROGRAM, "watch", *shop.place, "--every", "0.2s", "--json", "--report", page) as process:
        process.stdout.readline()
        folder.rename(shop.home / "moved")
        while "cannot be written" not in (line := process.stderr.readline()):
            assert line
        assert json.loads(process.stdout.readline())["items"] == []
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_watch_refuses_an_invalid_duration(shop):
    ended = shop.run("watch", "--every", "soon")
    assert (ended.returncode, "soon" in ended.stderr) == (2, True)


def test_watch_refuses_a_report_in_a_missing_folder_before_its_first_scan(shop):
    ended = shop.run("watch", "--report", shop.home / "nowhere" / "page.html")
    assert (ended.returncode, "the folder does not exist" in ended.stderr) == (2, True)
    assert set(shop.statuses().values()) == {"pending_approval"}


@pytest.mark.parametrize("command", ["plan", "scan", "watch"])
@pytest.mark.parametrize("folder", [".", "/"])
def test_a_folder_in_place_of_the_file_of_the_report_is_refused_before_the_scan(shop, command, folder):
    ended = shop.run(command, "--report", folder)
    assert ended.returncode == 2
    assert "it is a folder; add the name of a file" in ended.stderr
    assert shop.statuses() == dict.fromkeys(shop.statuses(), "pending_approval")
