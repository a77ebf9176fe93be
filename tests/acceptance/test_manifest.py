"""A manifest names the files of prints. It is strict, and it never sends what it does not say any more."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.cli.app import run
from remote_artwork.errors import StorageDenied
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG, memory_folder

HEADER = "order_number,order_item_number,placement,file\n"
BY_MANIFEST = ra.Policy(manifest="artwork.csv")
PATIENT = ra.NetworkPolicy(allow_private=True, allow_http=True)


class World:
    """Order 1001 with one item, 1002 with a front and a back, and a folder."""

    def __init__(self, root):
        self.root = root
        self.files, self.storage = memory_folder(root)
        self.shop = FakeShop(
            [
                ra.Order("1001", [ra.OrderItem("1")]),
                ra.Order("1002", [ra.OrderItem("1", placements=("front", "back"))]),
            ]
        )
        self.pattern = "{order_number}_{order_item_number}[_{placement}]"
        self.scanner = self.make(BY_MANIFEST)

    def make(self, policy):
        return ra.Scanner(
            self.storage, self.shop, ledger=ra.MemoryLedger(), pattern=self.pattern, policy=policy, orders_at_once=1
        )

    def put(self, name, content=PNG):
        self.files.pipe(f"{self.root}/{name}", content)

    def write(self, *rows, header=HEADER):
        self.put("artwork.csv", (header + "".join(f"{row}\n" for row in rows)).encode())

    def outcomes(self, number="1001", **options):
        report = self.scanner.scan(**options)
        return [(item.status, item.code) for item in report.items if item.order_number == number]

    def finish(self):
        """Scan until the order is fulfilled."""
        while ("fulfilled", "fulfilled") not in self.outcomes():
            assert len(self.shop.effects) == 0

    def sent(self):
        return {key: [artwork.name for artwork in artworks] for key, artworks in self.shop.artwork.items()}


@pytest.fixture
def world(root):
    return World(root)


def test_a_row_names_the_file_and_wins_over_the_pattern(world):
    world.put("final/rose.png")
    world.put("1001_1.png")
    world.put("a.png")
    world.put("b.pdf", PDF)
    world.write("1001,1,,final/rose.png", "1002,1,front,a.png", "1002,1,back,b.pdf")
    report = world.scanner.scan(sweep=True)
    assert {item.status for item in report.items} == {"fulfilled"}
    assert world.sent() == {("1001", "1"): ["final/rose.png"], ("1002", "1"): ["a.png", "b.pdf"]}
    assert "artwork.csv" not in [file.name for file in report.files]


def test_without_the_policy_or_a_row_the_pattern_decides(world):
    world.put("rose.png")
    world.put("1001_1.png")
    world.write("1001,1,,rose.png")
    world.scanner = world.make(ra.Policy())
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    assert world.sent() == {("1001", "1"): ["1001_1.png"]}


@pytest.mark.parametrize("manifest", [None, HEADER], ids=["no manifest", "no rows"])
def test_an_order_without_a_row_is_found_by_the_pattern(world, manifest):
    world.put("1001_1.png")
    if manifest:
        world.write()
    assert world.outcomes() == [("fulfilled", "fulfilled")]


def test_the_column_placement_is_optional(world):
    world.put("rose.png")
    world.write("rose.png,1,1001", header="\ufefffile,order_item_number,order_number\r\n\r\n")
    assert world.outcomes() == [("fulfilled", "fulfilled")]


def test_a_missing_file_is_said_with_its_line_and_no_other_file_is_used(world):
    world.put("1001_1.png")
    world.put("rose.jpg", JPEG)
    world.write("1001,1,,rose.png")
    item = world.scanner.scan().items[0]
    assert (item.status, item.code) == ("missing", "named_in_manifest")
    assert item.reason == "waits for exactly rose.png, which line 2 of artwork.csv names"
    assert world.sent() == {}


@pytest.mark.parametrize("late_after", [None, timedelta(days=1)])
def test_an_item_can_wait_for_a_name_of_the_pattern_and_one_of_the_manifest(world, late_after):
    ordered = datetime.now(UTC) - timedelta(days=2)
    items = [ra.OrderItem("1", placements=("front", "back"))]
    world.shop = FakeShop([ra.Order("1002", items, created_at=ordered)])
    world.scanner = world.make(ra.Policy(manifest="artwork.csv", late_after=late_after))
    world.write("1002,1,back,b.pdf")
    [item] = world.scanner.scan().items
    waits = "waits for exactly b.pdf, which line 2 of artwork.csv names"
    names = "1002_1_front.<jpg|png|pdf>"
    if late_after:
        assert item.reason.startswith("has waited 2 days")
        assert item.reason.endswith(waits)
    else:
        assert item.reason == f"waits for {names}; {waits}"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_may_separate_the_cells_by_semicolons_or_tabs(world, separator):
    world.put("a,b.png")
    world.write(separator.join(["1001", "1", "", "a,b.png"]), header=HEADER.replace(",", separator))
    assert world.outcomes() == [("fulfilled", "fulfilled")]


def test_a_second_format_is_a_conflict_even_if_the_policy_prefers_one(world):
    world.scanner = world.make(ra.Policy(manifest="artwork.csv", several_files="prefer:jpg"))
    world.put("rose.png")
    world.put("rose.jpg", JPEG)
    world.write("1001,1,,rose.png")
    assert world.outcomes() == [("conflict", "several_files")]
    world.files.rm(f"{world.root}/rose.jpg")
    assert world.outcomes() == [("fulfilled", "fulfilled")]


@pytest.mark.parametrize(
    ("rows", "code", "details"),
    [
        (["1001,2,,rose.png"], "manifest_unknown_item", {"line": 2, "item_number": "2", "items": ["1"]}),
        (
            ["1001,1,front,rose.png"],
            "manifest_unknown_placement",
            {"line": 2, "placement": "front", "placements": ["default"]},
        ),
        (["1001,1,,rose.png", "1001,1,default,rose.png"], "manifest_print_twice", {"lines": [2, 3]}),
        (
            ["1001,1,,rose.png", "9999,1,,Rose.PNG"],
            "manifest_file_twice",
            {"file": "rose.png", "lines": [2, 3]},
        ),
        (["1001,1,,../rose.png"], "manifest_file_name", {"line": 2, "file": "../rose.png"}),
        (["1001,1,,/rose.png"], "manifest_file_name", {"line": 2, "file": "/rose.png"}),
        (["1001,1,,a\\rose.png"], "manifest_file_name", {"line": 2, "file": "a\\rose.png"}),
        (["1001,1,,https://x.example/rose.png"], "manifest_file_name", {"line": 2}),
        ([f"1001,1,,{'x' * 1001}.png"], "manifest_file_name", {"line": 2}),
        (["1001,1,,rose.svg"], "manifest_file_format", {"line": 2, "file": "rose.svg"}),
        (["1001,1,,rose"], "manifest_file_name", {"line": 2, "file": "rose"}),
    ],
)
def test_a_mistake_in_a_row_stops_its_order_alone(world, rows, code, details):
    world.put("1001_1.png")
    world.put("rose.png")
    world.put("1002_1_front.png")
    world.put("1002_1_back.png")
    world.write(*rows)
    report = world.scanner.scan()
    wrong, other = report.items
    assert (wrong.status, wrong.code, other.status) == ("conflict", code, "fulfilled")
    assert wrong.details.items() >= details.items()
    assert all(str(line) in wrong.reason for line in details.get("lines", [2]))
    assert ("1001", "1") not in world.sent()


def test_every_mistake_of_an_order_is_said_at_once(world):
    world.write("1001,2,,a.svg", "1001,1,,../b.png")
    item = world.scanner.plan().items[0]
    assert [each.code for each in item.reasons] == [
        "manifest_unknown_item",
        "manifest_file_format",
        "manifest_file_name",
    ]


def test_one_file_that_the_pattern_gives_to_another_order_is_a_conflict_of_both(world):
    world.put("1002_1_front.png")
    world.write("1001,1,,1002_1_front.png")
    assert {item.code for item in world.scanner.scan().items} == {"name_not_unique"}
    assert world.sent() == {}


@pytest.mark.parametrize(
    ("content", "code", "details"),
    [
        (b"", "manifest_columns", {"line": 1, "columns": []}),
        (b"order_number|order_item_number|file\n", "manifest_columns", {"line": 1}),
        (HEADER.replace("file", "file,color").encode(), "manifest_columns", {"line": 1}),
        (HEADER.replace("file", "file,file").encode(), "manifest_columns", {"line": 1}),
        (HEADER.encode() + b"1001,1,,ok.png\n1002,1,\xff,a.png\n", "manifest_not_utf8", {"line": 3}),
        (HEADER.encode() + b"1001,1,a.png\n", "manifest_cells", {"line": 2, "cells": 3, "columns": 4}),
        (HEADER.encode() + b'1001,1,,"a"b.png\n', "manifest_not_csv", {"line": 2}),
        (HEADER.encode() + b"1001,,,a.png\n", "manifest_cell", {"line": 2, "column": "order_item_number"}),
        (HEADER.encode() + b" 1001,1,,a.png\n", "manifest_cell", {"line": 2, "column": "order_number"}),
        (HEADER.encode() + b"1001,1,,a\0.png\n", "manifest_cell", {"line": 2, "column": "file"}),
        (b"x" * (4 * 1024**2 + 1), "manifest_too_large", {"manifest": "artwork.csv"}),
    ],
)
def test_a_manifest_that_cannot_be_read_stops_all_orders(world, content, code, details):
    world.put("1001_1.png")
    world.put("artwork.csv", content)
    report = world.scanner.scan()
    (fault,) = report.faults
    assert (fault.part, fault.code) == ("manifest", code)
    assert code != "manifest_columns" or "order_number, order_item_number and file" in fault.message
    assert fault.details.items() >= details.items()
    assert {(item.status, item.code) for item in report.items} == {("failed", "manifest_not_read")}
    assert (report.exit_code, world.sent()) == (1, {})
    world.write()
    assert world.outcomes() == [("fulfilled", "fulfilled")]


def test_rows_of_orders_that_are_not_pending_are_reported_once_and_stop_nothing(world):
    world.put("1001_1.png")
    world.write("900,1,,a.png", "901,1,,b.png")
    report = world.scanner.scan()
    assert [(file.name, file.status, file.details) for file in report.files] == [
        (
            "artwork.csv",
            "early",
            {"rows": 2, "order_numbers": ["900", "901"], "lines": [2, 3]},
        )
    ]
    assert (report.items[0].status, report.exit_code) == ("fulfilled", 0)


def test_an_unchanged_manifest_costs_one_request(world):
    world.write("1001,1,,rose.png")
    plain = world.make(ra.Policy())
    assert world.scanner.plan().items[0].status == "missing"
    with_manifest, without = world.scanner.plan().requests, plain.plan().requests
    assert sum(with_manifest.values()) - sum(without.values()) == 1
    world.write("1001,1,,lily.png")
    world.put("lily.png")
    assert world.scanner.plan().items[0].files == ("lily.png",)


class RestlessStorage(ra.ArtworkStorage):
    """Lets something happen after each lookup of the manifest."""

    def __init__(self, *args):
        super().__init__(*args)
        self.after = []

    def stat(self, name):
        try:
            return super().stat(name)
        finally:
            if name == "artwork.csv" and self.after:
                self.after.pop(0)()


@pytest.fixture
def restless(world):
    world.storage = RestlessStorage(world.files, world.root)
    world.scanner = world.make(BY_MANIFEST)
    world.put("rose.png")
    world.put("lily.png")
    world.write("1001,1,,lily.png")
    return world


def rewrite(world):
    return lambda: world.write("1001,1,,rose.png", f"{uuid.uuid4()},1,,x.png")


def test_a_manifest_that_changes_while_it_is_read_is_read_again(restless):
    restless.storage.after = [rewrite(restless), rewrite(restless)]
    assert restless.outcomes() == [("fulfilled", "fulfilled")]
    assert restless.sent() == {("1001", "1"): ["rose.png"]}


def test_a_manifest_that_is_deleted_while_it_is_read_is_not_used(restless):
    restless.put("1001_1.png")
    restless.storage.after = [lambda: restless.files.rm(f"{restless.root}/artwork.csv")]
    assert restless.outcomes() == [("fulfilled", "fulfilled")]
    assert restless.sent() == {("1001", "1"): ["1001_1.png"]}


def test_a_manifest_that_always_changes_sends_nothing(restless):
    restless.storage.after = [rewrite(restless)] * 20
    assert restless.outcomes() == [("unreadable", "storage_not_read")]
    assert restless.sent() == {}


class Shop(FakeShop):
    """Lets something happen while an order is read, which is just before it is sent."""

    while_reading = None

    def get_order(self, order_id):
        if self.while_reading:
            self.while_reading()
        return super().get_order(order_id)


@pytest.mark.parametrize("at_first", [True, False], ids=["a manifest", "no manifest"])
def test_nothing_is_sent_if_the_manifest_changed_since_it_was_read(world, at_first):
    world.shop = Shop([ra.Order("1001", [ra.OrderItem("1")])])
    world.scanner = world.make(BY_MANIFEST)
    world.storage.concurrent_reads = False  # the look at the files comes after the order was read
    world.put("1001_1.png")
    world.put("rose.png")
    world.put("lily.png")
    if at_first:
        world.write("1001,1,,lily.png")
    world.shop.while_reading = lambda: world.write("1001,1,,rose.png")
    assert world.outcomes() == [("settling", "manifest_changed")]
    assert not world.shop.calls("fulfill")
    world.shop.while_reading = None
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    assert world.sent() == {("1001", "1"): ["rose.png"]}


def test_nothing_is_sent_if_the_manifest_cannot_be_looked_up_again(restless):
    def refuse():
        raise StorageDenied("HTTP 403")

    restless.storage.after = [lambda: None, lambda: None, refuse]
    assert restless.outcomes() == [("unreadable", "nothing_sent_unreadable")]
    assert not restless.shop.calls("fulfill")
    assert restless.outcomes() == [("fulfilled", "fulfilled")]


@pytest.mark.parametrize("rows", [["1001,1,,rose.png"], []], ids=["another file", "no row"])
def test_a_repeated_call_does_not_send_a_file_that_the_manifest_names_no_more(world, rows):
    for name in ("lily.png", "rose.png", "1001_1.png"):
        world.put(name)
    world.write("1001,1,,lily.png")
    world.shop.call_limit = timedelta(milliseconds=1)
    world.scanner = world.make(BY_MANIFEST)
    world.shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    assert world.outcomes()[0][0] == "uncertain"
    world.write(*rows)
    world.finish()
    assert world.sent() == {("1001", "1"): ["rose.png" if rows else "1001_1.png"]}
    assert len(world.shop.effects) == 1


def test_a_call_is_not_repeated_while_the_manifest_cannot_be_used(world):
    world.put("lily.png")
    world.write("1001,1,,lily.png")
    world.shop.call_limit = timedelta(milliseconds=1)
    world.scanner = world.make(BY_MANIFEST)
    world.shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    assert world.outcomes()[0][0] == "uncertain"
    world.write(header="a,b")
    while world.outcomes()[0][1] != "retry_needs_storage":
        assert not world.shop.effects
    world.write("1001,1,,lily.png")
    world.finish()
    assert len(world.shop.effects) == 1


def test_a_file_that_was_printed_for_another_order_is_a_conflict(world):
    world.put("rose.png")
    world.write("1001,1,,rose.png")
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    world.shop.orders["1003"] = ra.Order("1003", [ra.OrderItem("1")])
    world.write("1003,1,,rose.png")
    assert world.outcomes("1003") == [("conflict", "printed_for_other_order")]


def test_two_orders_with_one_number_get_nothing(world):
    world.shop.orders["other"] = ra.Order("1001", [ra.OrderItem("1")], id="other")
    world.put("rose.png")
    world.write("1001,1,,rose.png")
    assert world.outcomes() == [("conflict", "number_not_unique")] * 2


def test_explain_knows_the_file_of_a_row(world):
    world.put("rose.png")
    world.write("1001,1,,rose.png")
    assert "file_found" in [step.code for step in world.scanner.explain("rose.png").steps]


@pytest.mark.parametrize("name", ["", " ", "../artwork.csv", 7, True])
def test_the_name_of_the_manifest_is_validated(name):
    with pytest.raises(ra.ConfigurationError, match="manifest"):
        ra.Policy(manifest=name)


def orders_file(folder):
    path = folder / "orders.json"
    order = {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}
    path.write_text(json.dumps({"orders": [order]}))
    return path


def test_the_command_line_uses_a_manifest_that_is_old_enough(tmp_path, capsys):
    folder = tmp_path / "prints"
    folder.mkdir()
    (folder / "rose.png").write_bytes(PNG)
    (folder / "names.csv").write_text(f"{HEADER}1001,1,,rose.png\n")
    orders = orders_file(tmp_path)
    command = ["scan", folder.as_uri(), "--orders-file", str(orders), "--manifest", "names.csv", "--json"]
    assert run(command) == 0
    item = json.loads(capsys.readouterr().out)["items"][0]
    assert (item["code"], item["details"]["file"]) == ("file_just_changed", "names.csv")
    assert run([*command, "--settle-for", "none"]) == 0
    assert json.loads(orders.read_text())["orders"][0]["items"][0]["artwork"][0]["name"] == "rose.png"


@pytest.mark.server
def test_a_manifest_in_a_bucket(s3_server, local_network, tmp_path):
    bucket = s3_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}", versioned=True)
    s3_server.put(bucket, "in/rose.png", PNG)
    s3_server.put(bucket, "in/artwork.csv", f"{HEADER}1001,1,,rose.png\n".encode())
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    shop = ra.OrdersFile(orders_file(tmp_path))
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=BY_MANIFEST)
    assert scanner.plan().requests["get"] == 1
    assert scanner.plan().requests["get"] == 0
    assert [(item.status, item.files) for item in scanner.scan().items] == [("fulfilled", ("rose.png",))]


def test_a_manifest_in_a_web_folder(web_server):
    web_server.folder.files = {"rose.png": PNG, "artwork.csv": f"{HEADER}1001,1,,rose.png\n".encode()}
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    storage = ra.open_storage(web_server.url, network=PATIENT)
    scanner = ra.Scanner(
        storage, shop, ledger=ra.MemoryLedger(), policy=ra.Policy(manifest="artwork.csv", settle_for=None)
    )
    assert [item.status for item in scanner.scan().items] == ["fulfilled"]
    del web_server.folder.files["artwork.csv"]
    shop.orders["1004"] = ra.Order("1004", [ra.OrderItem("1")])
    assert [item.status for item in scanner.scan().items] == ["missing"]
