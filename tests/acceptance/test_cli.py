"""The command line as a person meets it, in processes of its own."""

import json
import os
import subprocess
import sys

import pytest

from command_line import Shop, run, tree
from shop_files import OF

CLIENTS = """
import remote_artwork as ra
from remote_artwork.testing import FakeShop

ITEMS = [ra.OrderItem("1"), ra.OrderItem("2", placements=["front", "back"]), ra.OrderItem("3", requires_artwork=False)]
ORDERS = [ra.Order("1001", ITEMS), ra.Order("1002", [ra.OrderItem("1", requires_artwork=False)], id="gid")]

class ForReading(FakeShop):
    def attach_artwork(self, *_, **__):
        raise AssertionError("the shop was changed")
    fulfill = attach_artwork

class Shop(ForReading):
    def pending_orders(self):
        return [*super().pending_orders(), ra.UnreadableOrder(number="1003", error="no lines")]

class Refused(ForReading):
    def pending_orders(self):
        raise ra.AuthenticationFailed("the key is not valid")

class Broken(ForReading):
    def pending_orders(self):
        yield {}["orders"]

class Edited(ForReading):
    def get_order(self, order_id):
        return ra.Order(order_id, ITEMS[:1])

class Asynchronous(ForReading):
    async def fulfill(self, order, artworks, *, idempotency_key):
        pass

def make():
    return Shop(ORDERS)

def refused():
    return Refused(ORDERS)

def broken():
    return Broken(ORDERS)

def edited():
    return Edited(ORDERS[:1])

def asynchronous():
    return Asynchronous(ORDERS)

def empty():
    return ForReading([])
"""


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.png")


class TestDemo:
    def test_shows_every_outcome_and_fulfills_the_good_orders(self, tmp_path):
        ended = run("demo", tmp_path / "demo")

        assert ended.returncode == 0, ended.stderr
        for text in ("1006-1.png", "near_miss", "2001_1.jpg", "early", "conflict", "rejected", "not_required"):
            assert text in ended.stdout
        orders = json.loads((tmp_path / "demo" / "orders.json").read_text())["orders"]
        fulfilled = {order["number"]: order for order in orders if order["status"] == "fulfilled"}
        assert sorted(fulfilled) == ["1001", "1002", "1003", "1004", "1007"]
        assert fulfilled["1004"]["items"][0]["artwork"][0]["name"] == "1004_1.PDF"

    def test_the_lines_it_prints_work(self, tmp_path):
        ended = run("demo", tmp_path / "demo")
        lines = [line.strip() for line in ended.stdout.split("Try next")[1].splitlines()[1:] if line.strip()]
        program = next(line for line in lines if " scan " in line).partition(" scan ")[0]
        codes = []
        for line in lines:
            command = line.replace(program, f"{sys.executable} -c 'from remote_artwork.cli import main; main()'")
            codes.append(subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False).returncode)
        assert codes == [0, 1, 0, 1, 0]

    def test_overwrites_nothing(self, shop):
        before = tree(shop.home)
        ended = run("demo", shop.home)
        assert ended.returncode == 2
        assert "already contains a shop" in ended.stderr
        assert tree(shop.home) == before


class TestNewFiles:
    def test_a_file_that_may_still_be_written_waits_by_default(self, shop):
        os.utime(shop.artwork / "1001_1.jpg")
        waiting = shop.run("scan")
        assert (waiting.returncode, shop.statuses()["1001"]) == (0, "pending_approval")
        assert "its upload may not be finished" in waiting.stdout
        assert shop.run("scan", "--settle-for", "none").returncode == 0
        assert set(shop.statuses().values()) == {"fulfilled"}

    def test_an_invalid_duration_is_refused(self, shop):
        ended = shop.run("scan", "--settle-for", "soon")
        assert ended.returncode == 2
        cause = "--settle-for 'soon': write none, or a number above 0 with a unit"
        assert f"{cause}, for example 90s, 15m, 1h or 2d" in ended.stderr


class TestScan:
    def test_fulfills_and_reports_it_in_the_second_scan_too(self, shop):
        first = shop.run("scan")
        assert (first.returncode, first.stderr) == (0, "")
        assert set(shop.statuses().values()) == {"fulfilled"}

        second = shop.run("scan")
        assert second.returncode == 0
        assert "Items fulfilled in this scan: 0." in second.stdout
        assert "no file was read" in second.stdout

    def test_json_is_alone_on_stdout(self, shop):
        ended = shop.run("scan", "--json")
        report = json.loads(ended.stdout)
        assert report["schema_version"] == 2
        assert [item["status"] for item in report["items"]] == ["fulfilled", "fulfilled"]
        assert ended.stderr == ""

    def test_only_the_named_orders(self, tmp_path):
        shop = Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.png", "1003_1.png")
        planned = json.loads(shop.run("plan", "--json", "--order", "1002").stdout)
        assert [item["order_number"] for item in planned["items"]] == ["1002"]
        shop.run("scan", "--order", "1003", "--order", "1001")
        assert shop.statuses() == {"1001": "fulfilled", "1002": "pending_approval", "1003": "fulfilled"}

    def test_a_limit(self, shop):
        shop.run("scan", "--limit", "1")
        assert list(shop.statuses().values()) == ["fulfilled", "pending_approval"]

    def test_your_own_client(self, shop):
        (shop.home / "my_shop.py").write_text(
            "import remote_artwork as ra\nfrom remote_artwork.testing import FakeShop\n"
            "def make():\n    return FakeShop([ra.Order('1001', [ra.OrderItem('1')])])\n"
        )
        url = shop.artwork.as_uri()
        ended = run("scan", url, "--client", "my_shop:make", "--ledger", f"sqlite:///{shop.home}/l.db", cwd=shop.home)
        assert ended.returncode == 0, ended.stderr
        assert "fulfilled" in ended.stdout
        without = run("scan", url, "--client", "my_shop:make", cwd=shop.home)
        assert (without.returncode, "--ledger" in without.stderr) == (2, True)


class TestCheck:
    def test_a_folder_that_works(self, shop):
        before = tree(shop.home)
        ended = run("check", shop.artwork.as_uri())
        assert ended.returncode == 0
        assert [line.partition(":")[0].split() for line in ended.stdout.splitlines()] == [
            ["ok", "recognized"],
            ["ok", "credentials"],
            ["ok", "list"],
            ["ok", "missing"],
            ["ok", "read"],
            ["warning", "sign"],
        ]
        assert tree(shop.home) == before

    @pytest.mark.parametrize("option", ["--ledger", "--tenant", "--settle-for"])
    def test_it_has_no_option_that_only_a_scan_uses(self, shop, option):
        ended = run("check", shop.artwork.as_uri(), option, "x")
        assert (ended.returncode, "No such option" in ended.stderr) == (2, True)

    def test_a_client_is_read_and_not_changed(self, tmp_path):
        (tmp_path / "my_shop.py").write_text(CLIENTS)
        ended = run("check", "--client", "my_shop:make", cwd=tmp_path)
        assert ended.stdout.splitlines() == [
            "ok       declarations: recovery queryable, attaching separate, call limit 120 s",
            "ok       login: the shop accepts the login and returns its pending orders",
            "ok       order: order 1001 (id 1001) needs files for: 1, 2/front, 2/back; items that need none: 1",
            "ok       order: order 1002 (id gid) has no item that needs artwork",
            "warning  order: order 1003 cannot be read: no lines; correct it in the shop",
        ]
        assert ended.returncode == 0, ended.stderr

    @pytest.mark.parametrize(
        ("factory", "step", "message", "code"),
        [
            ("refused", "login", "the key is not valid", 3),
            ("broken", "orders", "pending_orders raised KeyError: 'orders'", 3),
            ("edited", "order", "order 1001 has other values in get_order than in pending_orders", 2),
            ("asynchronous", "declarations", "fulfill is an async method", 2),
            ("empty", "orders", "no order is pending", 0),
        ],
    )
    def test_a_client_that_cannot_be_used(self, tmp_path, factory, step, message, code):
        (tmp_path / "my_shop.py").write_text(CLIENTS)
        ended = run("check", "--client", f"my_shop:{factory}", cwd=tmp_path)
        assert ended.returncode == code, ended.stdout + ended.stderr
        [line] = [line for line in ended.stdout.splitlines() if message in line]
        assert line.split()[1] == f"{step}:"
        report = json.loads(run("check", "--client", f"my_shop:{factory}", "--json", cwd=tmp_path).stdout)
        assert (report["exit_code"], report["location"]) == (code, f"my_shop:{factory}")
        assert message in report["steps"][-1]["message"]

    def test_without_a_location_and_orders_there_is_nothing_to_check(self):
        ended = run("check")
        assert (ended.returncode, "there is nothing to check; write the URL of a location" in ended.stderr) == (2, True)

    def test_as_json_and_with_a_write_test(self, shop):
        before = tree(shop.home)
        ended = run("check", shop.artwork.as_uri(), "--json", "--write-test")
        report = json.loads(ended.stdout)
        assert (report["schema_version"], report["exit_code"], report["verdict"]) == (2, 0, "warning")
        assert report["steps"][-1]["name"] == "write"
        assert report["requests"] == {"list": 1, "head": 4, "get": 3}
        assert tree(shop.home) == before

    def test_names_and_errors_are_shown_without_what_moves_or_turns_text(self, tmp_path):
        name = "1001_1\u202egnp.png"
        shop = Shop(tmp_path / "turned", name)
        shown = [run("check", shop.artwork.as_uri()), shop.run("plan"), run("explain", name, *shop.place)]
        for ended in shown:
            assert r"\u202e" in ended.stdout + ended.stderr
            assert "\u202e" not in ended.stdout + ended.stderr

    def test_an_empty_folder_and_none(self, tmp_path):
        assert "is empty" in run("check", tmp_path.as_uri()).stdout
        ended = run("check", (tmp_path / "nowhere").as_uri())
        assert (ended.returncode, "does not exist" in ended.stdout) == (2, True)

    @pytest.mark.parametrize(
        ("url", "credentials", "step", "location"),
        [
            ("s3://", "anonymous", "recognized", ""),
            (
                "s3://prints/in/?region=eu-west-1",
                "no-such-file.json",
                "credentials",
                "s3://prints/in/?region=eu-west-1",
            ),
            (
                "s3+http://127.0.0.1:9/prints/in/",
                "anonymous",
                "open",
                "s3+http://127.0.0.1:9/prints/in/?region=us-east-1",
            ),
        ],
    )
    def test_as_json_what_is_refused_at_once_is_a_failed_step(self, url, credentials, step, location):
        ended = run("check", url, "--json", "--credentials", credentials)
        report = json.loads(ended.stdout)
        assert (ended.returncode, report["exit_code"], report["verdict"]) == (2, 2, "failed")
        assert [(tried["name"], tried["verdict"]) for tried in report["steps"]] == [(step, "failed")]
        assert report["location"] == location
        assert report["requests"] == {"list": 0, "head": 0, "get": 0}
        assert report["steps"][0]["message"] in run("check", url, "--credentials", credentials).stderr

    def test_an_s3_server_with_right_and_wrong_keys(self, rclone_server, tmp_path):
        bucket = rclone_server.create_bucket("checked-by-the-cli")
        rclone_server.put(bucket, "in/1001_1.jpg", OF["jpg"])
        keys = {"access_key": rclone_server.keys.access_key, "secret_key": rclone_server.keys.secret_key}
        file = tmp_path / "keys.json"
        place = ("check", rclone_server.url(bucket, "in"), "--allow-private-network", "--credentials", file)

        file.write_text(json.dumps(keys))
        good = run(*place)
        assert (good.returncode, "signed URL" in good.stdout) == (0, True)

        elsewhere = run("check", rclone_server.url(bucket, "inn"), *place[2:])
        assert "is empty" in elsewhere.stdout
        assert "the bucket has files outside it, for example in/1001_1.jpg" in elsewhere.stdout
        unused = run("check", rclone_server.url(rclone_server.create_bucket("unused"), "in"), *place[2:])
        assert "the bucket has no files at all" in unused.stdout

        file.write_text(json.dumps(keys | {"secret_key": "not-this-one"}))
        bad = run(*place)
        assert bad.returncode == 3
        assert "ListBucket" not in bad.stdout
        assert "not-this-one" not in bad.stdout + bad.stderr

    def test_private_addresses_are_refused_unless_allowed(self, rclone_server):
        ended = run("check", rclone_server.url("checked-by-the-cli", "in"))
        assert ended.returncode == 2
        assert "use https; an operator can allow it" in ended.stderr
        ended = run("check", "web+https://10.0.0.5/in/")
        assert ended.returncode == 2
        assert "use a storage that is reachable on the public Internet; an operator can allow it" in ended.stdout
        assert "--allow-private-network" in ended.stdout


class TestPlan:
    def test_leaves_every_byte_as_it_was(self, shop):
        before = tree(shop.home)
        ended = shop.run("plan", "--verify")
        assert ended.returncode == 0
        assert "matched" in ended.stdout
        assert tree(shop.home) == before

    def test_leaves_a_ledger_that_is_in_use_as_it_was(self, shop):
        shop.run("scan", "--limit", "1")
        # a process that dies without closing leaves the write-ahead log behind
        die = (
            f"import os, sqlite3; c = sqlite3.connect({str(shop.home / 'orders.ledger.db')!r});"
            "c.execute('pragma journal_mode=wal'); c.execute('update remote_artwork_order set reason = reason');"
            "c.commit(); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", die], check=True)
        before = tree(shop.home)
        assert any(str(name).endswith("-wal") for name in before)

        ended = shop.run("plan")

        assert ended.returncode == 0, ended.stderr
        assert tree(shop.home) == before


class TestExitCodes:
    def test_1_when_a_person_is_needed(self, tmp_path):
        shop = Shop(tmp_path / "s", "1001_1.jpg", "1001_1.png", orders={"1001": [{"number": "1"}]})
        assert shop.run("scan").returncode == 1

    def test_0_when_orders_wait_for_files(self, tmp_path):
        shop = Shop(tmp_path / "s", orders={"1001": [{"number": "1"}]})
        assert shop.run("scan").returncode == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--pattern", "{order}_{order_item_number}"], "position 1: unknown variable {order}"),
            (["--pattern", "{order_number}.pdf"], "the pattern has no extension"),
            (["--client", "a:b"], "--orders-file and --client were both given"),
            (["--ledger", "ledger.db"], "sqlite:///"),
            (["--credentials", "nowhere.json"], "nowhere.json"),
            (["--limit", "0"], "greater than or equal to 1"),
            (["--tenant", " "], "tenant"),
            (["--provider", "nobody"], "its provider is not known"),
        ],
    )
    def test_2_for_usage(self, shop, arguments, words):
        before = tree(shop.home)
        ended = shop.run("scan", *arguments)
        assert ended.returncode == 2
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
        assert ended.stdout == ""
        assert tree(shop.home) == before

    def test_2_for_an_invalid_key_of_a_service_account(self, shop, tmp_path):
        key = tmp_path / "key.json"
        key.write_text('{"type": "service_account", "token_uri": "https://hush.example.com"}')
        ended = run("scan", "gs://prints/in/", "--orders-file", shop.orders, "--credentials", key)
        assert ended.returncode == 2
        assert "ServiceAccount: token_uri is not" in ended.stderr.replace("\n", " ")
        assert "hush" not in ended.stderr

    def test_2_for_a_location_that_does_not_exist(self, shop):
        ended = run("scan", (shop.home / "nowhere").as_uri(), "--orders-file", shop.orders)
        assert ended.returncode == 2
        assert "The storage could not be used" in ended.stdout
        assert "nowhere" in ended.stdout
        assert set(shop.statuses().values()) == {"pending_approval"}

    def test_2_for_a_ledger_that_is_not_a_database(self, shop):
        text = shop.home / "notes.txt"
        text.write_text("not a database, but somebody's notes" * 99)
        before = tree(shop.home)
        ended = shop.run("scan", "--ledger", f"sqlite:///{text}")
        assert ended.returncode == 2
        assert "notes.txt" in ended.stderr
        assert tree(shop.home) == before

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"orders": [\n  {"number": "1", "status": "pending_approval"\n]}', "line 3"),
            (
                '{"orders": [\n {"number": "1", "status": "pending_approval", "items": [\n {}]}]}',
                "line 3, orders[0].items[0]",
            ),
            (
                '{"orders": [' + ",\n".join(['{"number":"1","status":"pending_approval","items":[]}'] * 2) + "]}",
                "line 2",
            ),
        ],
    )
    def test_2_for_a_malformed_orders_file(self, shop, text, words):
        shop.orders.write_text(text)
        before = tree(shop.home)
        ended = shop.run("scan")
        assert ended.returncode == 2
        assert words in ended.stderr
        assert tree(shop.home) == before


class TestExplain:
    def test_a_file_and_an_order(self, shop):
        url, *orders = shop.place
        assert "matched" in run("explain", "1001_1.jpg", url, *orders).stdout
        assert "the next scan fulfills it" in run("explain", "--order", "1001", url, *orders).stdout
        ended = run("explain", url, *orders)
        assert (ended.returncode, "explain NAME URL" in ended.stderr) == (2, True)

    def test_a_file_that_served_an_order(self, shop):
        shop.run("scan")
        url, *orders = shop.place
        assert "it was used for order 1001" in run("explain", "1001_1.jpg", url, *orders).stdout

    def test_an_order_that_was_sent_does_not_wait_for_an_item(self, shop):
        before = shop.orders.read_text()
        shop.run("scan")
        shop.orders.write_text(before)
        url, *orders = shop.place
        verdict = run("explain", "--order", "1001", url, *orders).stdout.splitlines()[-1]
        assert verdict.startswith("→ fulfilled earlier on ")


class TestLedger:
    def test_a_ledger_without_orders_of_a_tenant(self, shop):
        shop.run("scan")
        ended = run("ledger", "list", "--orders-file", shop.orders, "--tenant", "acme")
        assert ended.returncode == 0
        assert "no orders for the tenant acme" in ended.stdout

    def test_a_person_resolves_an_uncertain_order(self, shop):
        (shop.home / "vague.py").write_text(
            "import remote_artwork as ra\nfrom remote_artwork.testing import FakeShop\n"
            "def make():\n"
            "    shop = FakeShop([ra.Order('1001', [ra.OrderItem('1')])], recovery=ra.Recovery.NONE)\n"
            "    shop.fail_next('fulfill', ra.OutcomeUnknown('time-out'))\n"
            "    return shop\n"
        )
        ledger = ("--ledger", f"sqlite:///{shop.home}/l.db")
        scan = ("scan", shop.artwork.as_uri(), "--client", "vague:make", *ledger)
        first = run(*scan, cwd=shop.home)
        assert (first.returncode, "ledger resolve" in first.stdout) == (1, True)
        assert "1001" in run("ledger", "list", *ledger, "--state", "uncertain").stdout
        assert json.loads(run("ledger", "show", "1001", "--json", *ledger).stdout)[0]["state"] == "uncertain"
        undecided = run("ledger", "resolve", "1001", *ledger)
        assert (undecided.returncode, "--fulfilled" in undecided.stderr) == (2, True)

        settled = run("ledger", "resolve", "1001", "--fulfilled", *ledger)

        assert settled.returncode == 0, settled.stderr
        (row,) = json.loads(run("ledger", "list", "--json", *ledger).stdout)
        assert row["state"] == "fulfilled"
        again = run("ledger", "resolve", "1001", "--not-fulfilled", *ledger)
        assert (again.returncode, "no uncertain" in again.stderr) == (2, True)

    def test_not_fulfilled_lets_the_next_scan_send_the_order(self, shop):
        stuck = (
            "import remote_artwork as ra\n"
            "from remote_artwork.client import advance_one, claim_one\n"
            "from remote_artwork.core.lifecycle import *\nfrom datetime import timedelta\n"
            f"ledger = ra.SqlLedger('sqlite:///{shop.home}/orders.ledger.db')\n"
            "key = OrderKey('default', '1001')\n"
            "lease = claim_one(ledger, key, order_number='1001', owner='x', lease_for=timedelta(0))\n"
            "for a, b in (('open', 'fulfill_intent'), ('fulfill_intent', 'uncertain')):\n"
            "    advance_one(ledger, lease, [OrderStep(before=FulfillState(a), after=FulfillState(b))])\n"
        )
        subprocess.run([sys.executable, "-c", stuck], check=True)
        assert shop.run("scan").returncode == 1
        assert run("ledger", "resolve", "1001", "--not-fulfilled", "--orders-file", shop.orders).returncode == 0
        assert shop.run("scan").returncode == 0
        assert set(shop.statuses().values()) == {"fulfilled"}

    def test_an_order_it_does_not_know(self, shop):
        shop.run("scan")
        ended = run("ledger", "show", "7", "--orders-file", shop.orders)
        assert (ended.returncode, "has no order 7" in ended.stderr) == (2, True)
