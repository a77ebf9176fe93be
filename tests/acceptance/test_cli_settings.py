"""A wrong setting ends every command with exit code 2, before anything is done; ``check`` says what would fit."""

import json
import logging

import pytest
from typer.testing import CliRunner

import remote_artwork as ra
from command_line import Shop, tree
from permissions import read_only, readable_folder
from remote_artwork.cli.app import app
from remote_artwork.cli.check import check_manifest


@pytest.fixture
def shop(tmp_path):
    logger = logging.getLogger("remote_artwork")
    before = logger.handlers[:], logger.level, logger.propagate
    yield Shop(tmp_path / "shop", "1001_1.jpg")
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


def run(*arguments):
    ended = CliRunner().invoke(app, [str(each) for each in arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


COMMANDS = {
    "plan": ["plan"],
    "scan": ["scan"],
    "watch": ["watch", "--every", "1h"],
    "explain": ["explain", "--order", "1001"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
class TestBeforeAnythingIsDone:
    def refuse(self, shop, words, url, *more):
        before = tree(shop.home)
        ended = run(*words, url, "--orders-file", shop.orders, *more)
        assert ended.exit_code == 2, ended.output
        assert tree(shop.home) == before
        return ended.output.replace("\n", "")

    def test_the_folder_of_the_ledger_does_not_exist(self, shop, words):
        said = self.refuse(shop, words, shop.artwork.as_uri(), "--ledger", f"sqlite:///{shop.home}/nowhere/ledger.db")
        assert f"create the folder {shop.home}/nowhere first" in said

    def test_the_orders_file_does_not_exist(self, shop, words):
        shop.orders.unlink()
        assert "give the path of a file with the orders" in self.refuse(shop, words, shop.artwork.as_uri())

    def test_the_orders_file_is_malformed(self, shop, words):
        shop.orders.write_text('{"orders": [{}]}')
        assert "orders[0].number: is missing" in self.refuse(shop, words, shop.artwork.as_uri())

    def test_the_location_does_not_exist(self, shop, words):
        assert "does not exist" in self.refuse(shop, words, (shop.home / "nowhere").as_uri())

    @pytest.mark.parametrize(
        ("option", "value", "cure"),
        [
            ("--settle-for", "9999999d", "write at most 365d"),
            ("--settle-for", "0m", "write none, or a number above 0 with a unit"),
            ("--connect-timeout", "nan", "--connect-timeout nan: write a number of seconds from 0.001 to 86400"),
            ("--files-timeout", "-1", "--files-timeout -1: write a number of seconds"),
            ("--orders-at-once", "9999999", "1000"),
            ("--tenant", " ", "--tenant is empty; write the name of the shop"),
        ],
    )
    def test_a_value_is_out_of_range(self, shop, words, option, value, cure):
        assert cure in self.refuse(shop, words, shop.artwork.as_uri(), option, value)

    def test_a_folder_that_is_not_a_url(self, shop, words):
        assert f"write {shop.artwork.as_uri()}" in self.refuse(shop, words, str(shop.artwork))


@pytest.mark.parametrize("words", [["scan"], ["watch"]], ids=" ".join)
def test_a_scan_needs_an_orders_file_that_can_be_written(words):
    with readable_folder() as home:
        shop = Shop(home / "shop", "1001_1.jpg")
        with read_only(shop.home):
            ended = run(*words, *shop.place, "--ledger", f"sqlite:///{home}/l.db")
        assert ended.exit_code == 2
        assert "cannot be written, but a scan records in it what is done" in ended.output
        assert set(shop.statuses().values()) == {"pending_approval"}


def test_an_interval_that_is_too_long_is_refused(shop):
    ended = run("watch", shop.artwork.as_uri(), "--orders-file", shop.orders, "--every", "1" + "0" * 400 + "d")
    assert (ended.exit_code, "--every" in ended.output, "write at most 365d" in ended.output) == (2, True, True)


def test_the_ledger_is_shown_to_people_and_as_json(shop):
    assert run("scan", *shop.place).exit_code == 0
    shown = run("ledger", "show", "1001", "--orders-file", shop.orders).output
    assert shown.startswith("Order 1001: fulfilled\n  last change: 20")
    assert "1001_1.jpg (" in shown
    assert "{" not in shown
    [row] = json.loads(run("ledger", "show", "1001", "--orders-file", shop.orders, "--json").output)
    assert (row["state"], row["forgotten"]) == ("fulfilled", False)
    assert " UTC" in run("ledger", "list", "--orders-file", shop.orders).output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_receives_its_completion_script_and_its_completions(shell, monkeypatch):
    monkeypatch.setenv("_REMOTE_ARTWORK_COMPLETE", f"source_{shell}")
    script = CliRunner().invoke(app, [], prog_name="remote-artwork").output
    assert "remote-artwork" in script
    assert f"complete_{shell}" in script
    monkeypatch.setenv("_REMOTE_ARTWORK_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", "remote-artwork ledger re")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "remote-artwork ledger re")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "resolve" in CliRunner().invoke(app, [], prog_name="remote-artwork").output


@pytest.mark.parametrize("words", [["list"], ["show", "1001"], ["resolve", "1001", "--fulfilled"]], ids=" ".join)
def test_a_ledger_that_does_not_exist_is_an_error(shop, words):
    before = tree(shop.home)
    ended = run("ledger", *words, "--orders-file", shop.orders)
    assert ended.exit_code == 2
    assert "there is no ledger at" in ended.output
    assert "check --orders-file" in ended.output
    ended = run("ledger", *words, "--ledger", f"sqlite:///{shop.home}/other.db")
    assert (ended.exit_code, "check --ledger" in ended.output) == (2, True)
    assert tree(shop.home) == before


def test_the_name_of_a_file_and_the_url_may_be_in_any_order(shop):
    orders = ("--orders-file", shop.orders)
    shown = [
        run("explain", *words, *orders).output
        for words in (["1001_1.jpg", shop.artwork.as_uri()], [shop.artwork.as_uri(), "1001_1.jpg"])
    ]
    assert "→ matched" in shown[0]
    assert shown[0] == shown[1]


def test_an_empty_name_is_refused(shop):
    ended = run("explain", "", shop.artwork.as_uri(), "--orders-file", shop.orders)
    assert (ended.exit_code, "the name of the file is empty" in ended.output) == (2, True)


def test_verbose_may_follow_the_command(shop):
    ended = run("plan", shop.artwork.as_uri(), "--orders-file", shop.orders, "--verbose")
    assert ended.exit_code == 0
    assert "scan_started" in ended.output


class TestCheckWithOrders:
    def steps(self, *arguments):
        ended = run("check", *arguments, "--json")
        report = json.loads(ended.output)
        assert ended.exit_code == report["exit_code"]
        return {step["name"]: step for step in report["steps"]}

    @pytest.fixture
    def shop(self, tmp_path):
        names = ["1001_1.jpg", "1002_1.png", "1003-1.png", "notes_about_it.png", "x.txt"]
        orders = {
            "1001": [{"number": "1"}],
            "1002": [{"number": "1"}, {"number": "2"}],
            "1003": [{"number": "1"}, {"number": "2", "requires_artwork": False}],
            "1004": [{"number": "1", "requires_artwork": False}],
        }
        shop = Shop(tmp_path / "shop", *(name for name in names if not name.endswith("txt")), orders=orders)
        (shop.artwork / "x.txt").write_text("x")
        return shop

    def test_it_counts_names_and_orders_and_shows_near_misses(self, shop):
        before = tree(shop.home)
        steps = self.steps(*shop.place)
        assert steps["pattern"]["details"] == {
            "pattern": "{order_number}_{order_item_number}",
            "files": 5,
            "following": 3,
        }
        assert steps["files"]["details"] == {"orders": 3, "all": 1, "some": 1, "none": 1}
        assert steps["files"]["verdict"] == "ok"
        assert steps["misnamed"]["verdict"] == "warning"
        assert "1003-1.png: it has " in steps["misnamed"]["message"]
        assert "order" in steps
        assert tree(shop.home) == before

    def test_a_pattern_that_no_name_follows_is_a_warning(self, shop):
        step = self.steps(shop.artwork.as_uri(), "--pattern", "order-{order_number}-{order_item_number}")["pattern"]
        assert (step["verdict"], step["details"]["following"]) == ("warning", 0)

    def test_many_near_misses_are_counted(self, tmp_path):
        numbers = [str(number) for number in range(1001, 1009)]
        orders = {number: [{"number": "1"}] for number in numbers}
        shop = Shop(tmp_path / "misnamed", *(f"{number}-1.png" for number in numbers), orders=orders)
        lines = [line for line in run("check", *shop.place).output.splitlines() if " misnamed: " in line]
        assert [line.split()[2] for line in lines[:-1]] == [f"{number}-1.png:" for number in numbers[:5]]
        assert "further files with a similar name: 3" in lines[-1]

    def test_placements_that_share_a_name_are_conflicts_and_not_files(self, tmp_path):
        numbers = [str(number) for number in range(1001, 1008)]
        sides = {"number": "1", "placements": ["front", "back"]}
        shop = Shop(tmp_path / "sides", "1001_2.png", orders={number: [sides, {"number": "2"}] for number in numbers})
        lines = run("check", *shop.place).output.splitlines()
        assert "with all their files: 0; with some: 1; without any: 6" in "".join(lines)
        conflicts = [line for line in lines if " conflict: " in line]
        assert "order 1001, item 1: the pattern" in conflicts[0]
        assert "add {placement} to it" in conflicts[0]
        assert (len(conflicts), "further items with a conflict: 2" in conflicts[-1]) == (6, True)

    def test_two_files_for_one_print_are_a_conflict_of_an_order_that_has_its_files(self, tmp_path):
        shop = Shop(tmp_path / "twice", "1001_1.png", "1001_1.jpg", orders={"1001": [{"number": "1"}]})
        steps = self.steps(*shop.place)
        assert steps["files"]["details"]["all"] == 1
        assert "delete all but the right one" in steps["conflict"]["message"]

    def test_an_example_of_another_name_is_a_print_file_if_there_is_one(self, tmp_path):
        shop = Shop(tmp_path / "names", "1001_1.png", "zoo.png", orders={"1001": [{"number": "1"}]})
        (shop.artwork / "about.txt").write_text("x")
        assert "for example, zoo.png does not" in self.steps(*shop.place)["pattern"]["message"]

    @pytest.mark.parametrize("with_orders", [True, False])
    @pytest.mark.parametrize(
        ("content", "verdict", "message", "exit_code"),
        [
            (None, "warning", "there is no file artwork.csv in the folder", 0),
            ("order_number,order_item_number,file\n1001,1,rose.png\n", "ok", "rows in artwork.csv: 1", 0),
            ("number,item,file\n1001,1,rose.png\n", "failed", "line 1 of artwork.csv must name the columns", 2),
        ],
    )
    def test_a_manifest_is_read(self, tmp_path, with_orders, content, verdict, message, exit_code):
        shop = Shop(tmp_path / "manifest", "rose.png", orders={"1001": [{"number": "1"}]})
        if content:
            (shop.artwork / "artwork.csv").write_text(content)
        place = shop.place if with_orders else [shop.artwork.as_uri()]
        ended = run("check", *place, "--manifest", "artwork.csv")
        assert ended.exit_code == exit_code
        assert any(line.split()[:2] == [verdict, "manifest:"] and message in line for line in ended.output.splitlines())
        if with_orders and verdict == "ok":
            assert "with all their files: 1" in ended.output

    def test_a_manifest_that_cannot_be_read_is_a_failed_step(self):
        storage = ra.open_storage(
            "s3+http://127.0.0.1:1/prints/in/",  # nothing listens there
            credentials=ra.Keys("key", "secret"),
            network=ra.NetworkPolicy(allow_private=True, allow_http=True),
            retry=ra.RetryPolicy(attempts=1),
        )
        [step] = check_manifest(storage, "artwork.csv")
        assert (step.name, step.verdict) == ("manifest", "failed")
        assert "no server accepts connections" in step.message

    def test_an_empty_folder_and_no_pending_order(self, tmp_path):
        shop = Shop(tmp_path / "empty", orders={"1001": [{"number": "1"}]})
        steps = self.steps(*shop.place)
        assert "pattern" not in steps
        assert (steps["files"]["verdict"], steps["files"]["details"]["none"]) == ("warning", 1)
        shop.orders.write_text('{"orders": []}')
        assert self.steps(*shop.place)["files"]["details"]["orders"] == 0

    def test_the_orders_file_alone(self, shop):
        assert list(self.steps("--orders-file", shop.orders)) == ["orders", "order"]

    @pytest.mark.parametrize(
        ("arguments", "step", "cure"),
        [
            (["--pattern", "{order}"], "pattern", "unknown variable {order}"),
            (
                ["--orders-file", "nowhere.json", "--client", "a:b"],
                "client",
                "--orders-file and --client were both given",
            ),
            (["--client", "nowhere:make"], "client", "name a function without arguments"),
            (["--manifest", "a/"], "manifest", "--manifest must be the name of a file"),
            (["--credentials", "nowhere.json"], "credentials", "use anonymous, ambient or a JSON file"),
        ],
    )
    def test_every_option_is_validated(self, shop, arguments, step, cure):
        url = shop.artwork.as_uri()
        [refused] = [each for each in self.steps(url, *arguments).values() if each["verdict"] == "failed"]
        assert (refused["name"], cure in refused["message"]) == (step, True)
        ended = run("check", url, *arguments)
        assert (ended.exit_code, cure in ended.output) == (2, True)

    def test_a_missing_orders_file_is_a_failed_step(self, shop):
        steps = self.steps(shop.artwork.as_uri(), "--orders-file", "nowhere.json")
        assert "give the path of a file with the orders" in steps["orders"]["message"]
        assert "files" not in steps

    @pytest.mark.parametrize(
        "option",
        [
            ["--credentials", "ambient"],
            ["--provider", "minio"],
            ["--call-timeout", "5"],
            ["--manifest", "a.csv"],
            ["--write-test"],
        ],
    )
    def test_an_option_of_a_location_needs_a_url(self, shop, option):
        ended = run("check", "--orders-file", shop.orders, *option)
        assert (ended.exit_code, f"{option[0]} belongs to the check of a location" in ended.output) == (2, True)

    def test_a_timeout_is_validated_without_a_url_too(self, shop):
        ended = run("check", "--orders-file", shop.orders, "--call-timeout", "0")
        assert (ended.exit_code, "--call-timeout 0: write a number of seconds" in ended.output) == (2, True)


class TestNamedOrders:
    SHOP = """
import remote_artwork as ra
from remote_artwork.testing import FakeShop

class Once(FakeShop):
    reads = 0
    def pending_orders(self):
        self.reads += 1
        assert self.reads == 1, "the orders are read once"
        return super().pending_orders()

def make():
    return FakeShop([ra.Order("1001", [ra.OrderItem("1")])])

def once():
    return Once([ra.Order("1001", [ra.OrderItem("1")])])

def done():
    return FakeShop([])
"""

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            ("1010", "No pending order has the number 1010; did you mean 1001?"),
            ("#1001", "No pending order has the number #1001; did you mean 1001?"),
            ("x", "No pending order has the number x; check the number, and the order in the shop"),
        ],
    )
    @pytest.mark.parametrize("command", ["plan", "scan"])
    def test_an_unknown_number_is_named(self, shop, command, number, said):
        ended = run(command, *shop.place, "--order", number, "--order", number)
        assert ended.exit_code == 2
        assert ended.output.replace("\n", "").count(said) == 1
        ended = run(command, *shop.place, "--order", number, "--json")
        assert (json.loads(ended.stdout)["items"], ended.exit_code) == ([], 2)

    def test_an_order_that_is_done_is_no_mistake(self, shop):
        assert run("scan", *shop.place, "--order", "1001").exit_code == 0
        ended = run("scan", *shop.place, "--order", "1001")
        assert ended.exit_code == 0
        assert "Order 1001 is not pending: its state in the orders file is fulfilled." in ended.output

    def test_with_a_client_the_ledger_is_asked(self, shop, monkeypatch):
        (shop.home / "named_shop.py").write_text(self.SHOP)
        monkeypatch.syspath_prepend(str(shop.home))
        where = [shop.artwork.as_uri(), "--ledger", f"sqlite:///{shop.home}/l.db", "--client"]
        assert run("scan", *where, "named_shop:make").exit_code == 0
        ended = run("scan", *where, "named_shop:done", "--order", "1001")
        assert (ended.exit_code, "its state in the ledger is fulfilled" in ended.output) == (0, True)
        ended = run("plan", *where, "named_shop:once", "--order", "1009")
        assert ended.exit_code == 2
        assert "No pending order has the number 1009; did you mean 1001?" in ended.output.replace("\n", "")
