"""The main job against a public web folder, by the API and by the command line."""

import json
import urllib.request

import pytest

import remote_artwork as ra
from faulty_web_server import FaultyServer
from remote_artwork.cli.app import run
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG
from web_server import listing

PATIENT = ra.NetworkPolicy(allow_private=True, allow_http=True)
ONCE_MORE = ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None)


@pytest.fixture
def shop():
    return FakeShop(
        [
            ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")]),
            ra.Order("1002", [ra.OrderItem("1")]),
            ra.Order("1003", [ra.OrderItem("1")]),
        ]
    )


@pytest.fixture
def furnished(web_server):
    web_server.folder.files = {"1001_1.jpg": JPEG, "1001_2.PDF": PDF, "1002_1.pdf": PDF[:400], "9999_1.png": PNG}
    return web_server


def scanner(server, shop, **options):
    storage = ra.open_storage(server.url, network=PATIENT, retry=ONCE_MORE)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), **options)


def statuses(report):
    return [item.status for item in report.items]


def test_orders_are_planned_and_fulfilled_once_from_a_public_folder(furnished, shop):
    scan = scanner(furnished, shop)
    plan = scan.plan()
    assert statuses(plan) == ["matched", "matched", "matched", "missing"]
    assert (plan.coverage, plan.names_seen, plan.exit_code) == ("partial", 3, 0)
    assert plan.requests == {"list": 1, "head": 4 * 8 + 3 + 1, "get": 0}
    assert len(furnished.folder.requests) == sum(plan.requests.values())

    report = scan.scan()
    assert statuses(report) == ["fulfilled", "fulfilled", "rejected", "missing"]
    (artwork,) = shop.artwork["1001", "2"]
    assert (artwork.url, artwork.expires_at) == (f"{furnished.origin}/in/1001_2.PDF", None)
    with urllib.request.urlopen(artwork.url, timeout=10) as answer:
        assert answer.read() == PDF
    assert statuses(scan.scan()) == ["rejected", "missing"]


def test_no_pending_order_means_no_request(furnished):
    report = scanner(furnished, FakeShop([])).scan()
    assert report.items == ()
    assert furnished.folder.requests == []


def test_a_folder_with_a_listing_is_listed(furnished, shop):
    furnished.folder.pages = {"": listing("1001_1.jpg", "1001-2.pdf", following="m"), "m": listing("1003_1.png")}
    report = scanner(furnished, shop).plan(sweep=True)
    assert statuses(report) == ["matched", "missing", "missing", "matched"]
    assert (report.coverage, report.requests) == ("full", {"list": 2, "head": 0, "get": 0})
    assert report.file_counts["near_miss"] == 1


def test_a_file_that_may_not_be_read_is_unreadable_and_its_siblings_go_on(furnished, shop):
    furnished.folder.refused = frozenset({"1003_1.jpg"})
    report = scanner(furnished, shop).scan()
    assert statuses(report) == ["fulfilled", "fulfilled", "rejected", "unreadable"]
    assert "HTTP 403" in report.items[3].reason
    assert report.exit_code == 1


def test_two_files_for_one_item_are_a_conflict(furnished, shop):
    furnished.folder.files["1003_1.jpg"] = JPEG
    furnished.folder.files["1003_1.png"] = PNG
    assert statuses(scanner(furnished, shop).plan())[3] == "conflict"


def test_a_server_that_answers_everything_fulfills_nothing(furnished, shop):
    furnished.folder.missing = 200
    report = scanner(furnished, shop).scan()
    assert set(statuses(report)) == {"unreadable"}
    assert report.exit_code == 3
    assert "reports a random name ending in .jpg as existing" in report.faults[0].message


def test_where_a_403_is_what_missing_files_get_the_reason_says_so(furnished, shop):
    furnished.folder.missing = 403
    report = scanner(furnished, shop).plan()
    assert statuses(report) == ["matched", "matched", "matched", "missing"]
    assert "responds with HTTP 403 for every missing file" in report.items[3].reason


@pytest.mark.parametrize("fault", ["501", "redirect nowhere"])
def test_a_server_that_keeps_to_no_rules_is_never_read_as_an_empty_folder(shop, fault):
    server = FaultyServer()
    server.answer(fault)
    server.url = f"web+{server.endpoint}/in/"
    report = scanner(server, shop).scan()
    server.close()
    assert set(statuses(report)) == {"unreadable"}
    assert report.exit_code == 3
    assert "fulfill" not in {call.name for call in shop.journal}
    assert len(server.requests) <= 1 + 4 * 2 + 1


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("1001_1.jpg", "matched"),
        ("1003_1.pdf", "missing"),
        ("1003_1.png", "unreadable"),
        ("1003-1.png", "near_miss"),
        ("9999_1.png", "early"),
        ("secret.png", "unreadable"),
        ("../x.png", "there is nothing to do"),
    ],
)
def test_a_name_is_looked_up_directly_to_explain_it(furnished, shop, name, verdict):
    furnished.folder.files["1003-1.png"] = PNG
    furnished.folder.refused = frozenset({"secret.png"} | ({name} if name == "1003_1.png" else set()))
    explanation = scanner(furnished, shop).explain(name)
    assert explanation.verdict.startswith(verdict)
    assert not any(".." in path for path in furnished.folder.asked("HEAD"))


def test_a_name_is_looked_up_also_where_no_order_waits(furnished):
    assert scanner(furnished, FakeShop([])).explain("9999_1.png").verdict.startswith("early")
    assert len(furnished.folder.requests) == 3  # the folder, the name, its canary


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.json"
    items = [{"number": "1"}, {"number": "2"}]
    path.write_text(json.dumps({"orders": [{"number": "1001", "status": "pending_approval", "items": items}]}))
    return path


def test_the_command_line_plans_and_fulfills(furnished, orders, capsys):
    place = [furnished.url, "--orders-file", str(orders), "--allow-private-network", "--json"]
    assert run(["plan", *place]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [item["status"] for item in plan["items"]] == ["matched", "matched"]
    assert plan["location"] == furnished.url
    assert run(["plan", *place[:-1]]) == 0
    assert "Only expected names were requested" in capsys.readouterr().out
    assert run(["scan", *place]) == 0
    assert json.loads(orders.read_text())["orders"][0]["status"] == "fulfilled"
    assert run(["plan", furnished.url, "--orders-file", str(orders)]) == 2
    said = capsys.readouterr().err
    assert "an operator can allow it: --allow-private-network" in said
    assert "allow_http" not in said


def test_the_command_line_says_that_such_a_folder_cannot_be_swept(furnished, orders, capsys):
    place = [furnished.url, "--orders-file", str(orders), "--allow-private-network"]
    assert run(["plan", *place, "--sweep"]) == 2
    assert "has no listing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "code", "says"),
    [(404, 0, "responds with HTTP 404, as it should"), (403, 0, "also looks missing"), (200, 3, "respond with 404")],
)
def test_check_reports_what_the_servers_answers_prove(furnished, capsys, missing, code, says):
    furnished.folder.missing = missing
    assert run(["check", furnished.url, "--allow-private-network"]) == code
    assert says in capsys.readouterr().out
