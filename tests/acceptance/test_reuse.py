"""With ``{sku}`` and ``reuse=True``, one file serves every order of a product. All other rules stay as they are."""

import hashlib
import json
import unicodedata
import uuid
from datetime import timedelta

import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.cli.app import run
from remote_artwork.errors import InvalidPattern
from remote_artwork.scan.client_check import check_client
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG, memory_folder

REUSE = ra.Policy(reuse=True)


def order(number, *skus, **fields):
    """An order with one item for each SKU."""
    return ra.Order(number, [ra.OrderItem(str(i), sku=sku) for i, sku in enumerate(skus, start=1)], **fields)


class World:
    """A shop, and a folder with files that are named by SKU."""

    def __init__(self, root, *orders, names=("MUG.png",), shop=FakeShop, **fields):
        self.root = root
        self.files, self.storage = memory_folder(root, *names)
        self.shop = shop(orders, **fields)
        self.ledger = ra.MemoryLedger()
        self.scanner = self.make()

    def make(self, pattern="{sku}[/{placement}]", policy=REUSE):
        return ra.Scanner(self.storage, self.shop, ledger=self.ledger, pattern=pattern, policy=policy, orders_at_once=1)

    def put(self, name, content=PNG):
        self.files.pipe(f"{self.root}/{name}", content)

    def add(self, order):
        self.shop.orders[order.id] = order

    def outcomes(self, **options):
        return [(item.status, item.code) for item in self.scanner.scan(**options).items]

    def sent(self):
        return {key: [artwork.name for artwork in artworks] for key, artworks in self.shop.artwork.items()}


# --- One file serves every order ---


def test_one_file_serves_two_items_two_orders_and_later_ones(root):
    world = World(root, order("1001", "MUG", "MUG"), order("1002", "MUG"))
    assert world.outcomes() == [("fulfilled", "fulfilled")] * 3
    world.add(order("1003", "MUG"))
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    assert set(map(tuple, world.sent().values())) == {("MUG.png",)}
    assert len(world.sent()) == 4


def test_each_side_has_a_file(root):
    shirt = ra.OrderItem("1", sku="SHIRT", placements=("front", "back"))
    world = World(
        root, ra.Order("1001", [shirt]), ra.Order("1002", [shirt]), names=("SHIRT/front.png", "SHIRT/back.pdf")
    )
    assert world.outcomes() == [("fulfilled", "fulfilled")] * 2
    assert world.sent()["1002", "1"] == ["SHIRT/front.png", "SHIRT/back.pdf"]


def test_two_orders_with_one_number_are_both_served(root):
    world = World(root, order("1001", "MUG"), order("1001", "MUG", id="other"))
    assert world.outcomes() == [("fulfilled", "fulfilled")] * 2
    assert len(world.shop.effects) == 2


class HalfList(FakeShop):
    """Breaks off after the first order."""

    def pending_orders(self):
        yield from list(super().pending_orders())[:1]
        raise ra.Unavailable("HTTP 502")


def test_an_incomplete_list_holds_no_order_back(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"), shop=HalfList)
    assert world.outcomes() == [("fulfilled", "fulfilled")]


def test_the_ledger_is_not_asked_for_all_orders_of_a_product(root):
    asked = []

    class Ledger(ra.MemoryLedger):
        def find(self, tenant, **selection):
            asked.append(selection)
            return super().find(tenant, **selection)

        def find_used_files(self, tenant, names):
            asked.append({"file_names": names})
            return super().find_used_files(tenant, names)

    world = World(root, order("1001", "MUG"))
    world.ledger = Ledger()
    world.scanner = world.make()
    world.outcomes()
    world.add(order("1002", "MUG"))
    assert world.outcomes(sweep=True) == [("fulfilled", "fulfilled")]
    assert world.scanner.explain("MUG.png").because.code == "status_of_file"
    assert not [selection for selection in asked if selection.get("file_names") or selection.get("order_numbers")]


def test_only_the_named_order_is_sent(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"))
    assert world.outcomes(orders=["1002"]) == [("fulfilled", "fulfilled")]
    assert list(world.sent()) == [("1002", "1")]


# --- The setting and the pattern must fit ---


@pytest.mark.parametrize("pattern", ["{sku}", "{sku}[/{placement}]", "products/{sku}/print"])
def test_a_pattern_without_order_number_needs_reuse(root, pattern):
    world = World(root)
    assert world.make(pattern).pattern.is_reusable
    with pytest.raises(InvalidPattern, match=r"serves every order of a product; add Policy\(reuse=True\) if that"):
        world.make(pattern, ra.Policy())


@pytest.mark.parametrize("pattern", ["{order_number}_{order_item_number}", "{order_number}_{sku}"])
def test_reuse_is_refused_for_a_pattern_with_order_number(root, pattern):
    with pytest.raises(ra.ConfigurationError, match=r"remove Policy\(reuse=True\), or change the pattern"):
        World(root).make(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{placement}", "position 12: {order_number} is missing; .* or {sku} if one file serves every order"),
        ("PRINT[_{sku}_{placement}]", "{order_number} is missing"),
        ("{sku}[_{order_number}_{placement}]", "{order_number} is missing"),
        ("{sku}_{order_item_number}", "position 7: {order_item_number} means nothing without {order_number}"),
        ("{sku}[_{placement}]", "position 8: {sku} and {placement} must be in different folders"),
        ("[{placement}-]x/x{sku}{placement}", "position 23: {sku} and {placement} must be in different folders"),
        ("{order_item_position}_{sku}", "position 1: {order_item_position} means nothing without {order_number}"),
    ],
)
def test_other_patterns_without_order_number_are_refused(pattern, message):
    with pytest.raises(InvalidPattern, match=message):
        ra.FilenamePattern(pattern)


def test_a_manifest_names_the_files_of_single_orders():
    with pytest.raises(ra.ConfigurationError, match=r"remove Policy\(reuse=True\) or Policy\(manifest="):
        ra.Policy(reuse=True, manifest="artwork.csv")
    with pytest.raises(ra.ConfigurationError, match=r"Policy.reuse must be True or False"):
        ra.Policy(reuse="yes")


def test_with_the_order_number_a_sku_is_a_name_like_others(root):
    world = World(root, order("1001", "MUG", "POSTER"), names=("1001_MUG.png", "1001_POSTER.png"))
    world.scanner = world.make("{order_number}_{sku}", ra.Policy())
    assert world.outcomes() == [("fulfilled", "fulfilled")] * 2
    world.add(order("1002", "MUG", "MUG"))
    world.put("1002_MUG.png")
    assert world.outcomes() == [("conflict", "name_not_unique")] * 2


# --- SKUs that cannot name a file ---


@pytest.mark.parametrize(
    ("sku", "code", "words"),
    [
        (None, "sku_missing", "the item has no SKU, and the pattern {sku}[/{placement}] names files by it; enter the"),
        (" \t", "sku_missing", "enter the SKU of the product in the shop"),
        ("A/B", "sku_not_possible", "the SKU 'A/B' contains a slash, a backslash or a control character; change the"),
        ("../MUG", "sku_not_possible", "contains a slash"),
        ("A\\B", "sku_not_possible", "a backslash"),
        ("A\nB", "sku_not_possible", r"the SKU 'A\nB' contains"),
        ("A\0B", "sku_not_possible", "a control character"),
        ("A\ud800", "sku_not_possible", "a control character"),
        (".", "sku_not_possible", "begins with a dot, so its file would be hidden"),
        ("..", "sku_not_possible", "begins with a dot"),
        (".MUG", "sku_not_possible", "begins with a dot"),
        ("MUG.PNG", "sku_not_possible", "the SKU 'MUG.PNG' ends like the name of a file; change the SKU in the shop"),
        ("é" * 128, "sku_not_possible", "is longer than 255 bytes"),
    ],
)
def test_an_item_without_a_usable_sku_says_what_to_do_and_stops_no_other_order(root, sku, code, words):
    world = World(root, order("1001", sku), order("1002", "MUG"), names=("MUG.png", "AB.png", "A B.png"))
    report = world.scanner.scan(sweep=True)
    bad, good = report.items
    assert (bad.status, bad.code, good.status) == ("failed", code, "fulfilled")
    assert words in bad.reason
    assert json.loads(report.to_json())["items"][0]["code"] == code
    assert report.to_html()
    assert list(world.sent()) == [("1002", "1")]


def test_an_item_that_needs_no_artwork_needs_no_sku(root):
    bag = ra.OrderItem("2", requires_artwork=False)
    world = World(root, ra.Order("1001", [ra.OrderItem("1", sku="MUG"), bag]))
    assert world.outcomes() == [("fulfilled", "fulfilled"), ("not_required", "no_artwork_needed")]


def test_upper_and_lower_case_are_different_products(root):
    world = World(root, order("1001", "mug"), order("1002", "MUG"))
    assert world.outcomes() == [("missing", "waiting_for_files"), ("fulfilled", "fulfilled")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_unicode_forms_of_a_sku_are_one_product(root, form):
    forms = [unicodedata.normalize(each, "TASSE-É") for each in ("NFC", "NFD")]
    world = World(root, order("1001", forms[0]), order("1002", forms[1]), names=())
    world.put(f"{unicodedata.normalize(form, 'TASSE-É')}.png")
    assert world.outcomes() == [("fulfilled", "fulfilled")] * 2


def test_dots_and_spaces_in_a_sku_are_kept(root):
    world = World(root, order("1001", "MUG v1.2"), order("1002", "MUG  v1.2"), names=("MUG v1.2.png",))
    assert world.outcomes() == [("fulfilled", "fulfilled"), ("missing", "waiting_for_files")]


# --- What stays a conflict ---


def test_two_files_for_a_product_are_a_conflict_for_all_its_orders(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"), names=("MUG.png", "MUG.pdf"))
    assert world.outcomes() == [("conflict", "several_files")] * 2
    assert not world.sent()


@pytest.mark.parametrize("placements", [("front", "back"), ("front",)])
def test_a_pattern_without_placement_is_for_items_without_sides(root, placements):
    shirt = ra.OrderItem("1", sku="MUG", placements=placements)
    world = World(root, ra.Order("1001", [shirt]), order("1002", "MUG"))
    world.scanner = world.make("{sku}")
    report = world.scanner.scan(sweep=True)
    assert [(item.status, item.code) for item in report.items] == [
        ("conflict", "placements_share_name"),
        ("fulfilled", "fulfilled"),
    ]
    assert report.files == ()


def test_an_item_that_is_excluded_for_another_side_keeps_no_file_from_others(root):
    odd = ra.OrderItem("1", sku="MUG", placements=("front", "x" * 1000))
    plain = ra.OrderItem("1", sku="MUG", placements=("front",))
    world = World(root, ra.Order("1001", [odd]), ra.Order("1002", [plain]), names=("MUG/front.png",))
    assert world.outcomes() == [("failed", "name_not_possible"), ("fulfilled", "fulfilled")]


def test_a_bad_file_is_rejected_for_each_order(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"))
    world.put("MUG.png", PNG[:200])
    assert [status for status, _ in world.outcomes()] == ["rejected", "rejected"]


def test_a_file_of_one_order_is_still_no_file_for_another_without_reuse(root):
    world = World(root, order("1001", "MUG"))
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    world.add(order("MUG", "POSTER"))
    world.scanner = world.make("{order_number}", ra.Policy())
    assert world.outcomes() == [("conflict", "printed_for_other_order")]


# --- Changes between two orders, and between match and call ---


class Replacing(FakeShop):
    """Runs ``after_fulfill`` once, when the first order is fulfilled. Downloads what it is sent."""

    after_fulfill = staticmethod(lambda: None)

    def fulfill(self, *given, **options):
        receipt = super().fulfill(*given, **options)
        then, self.after_fulfill = self.after_fulfill, lambda: None
        then()
        return receipt


def test_each_order_gets_the_file_as_it_was_checked_for_it(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"), shop=Replacing)
    world.shop.download = lambda artwork: world.files.cat(f"{root}/{artwork.name}")
    newer = PNG + b"newer"
    world.shop.after_fulfill = lambda: world.put("MUG.png", newer)
    statuses = []
    for _ in range(3):
        statuses.append([status for status, _ in world.outcomes()])
        if len(world.shop.effects) == 2:
            break
    assert len(world.shop.effects) == 2, statuses
    downloaded = {call.order_id: call.downloaded for call in world.shop.journal if call.downloaded}
    assert downloaded["1001"] == (hashlib.sha256(PNG).hexdigest(),)
    assert downloaded["1002"] == (hashlib.sha256(newer).hexdigest(),)
    records = {record.key.order_id: record for record in world.ledger.find("default", order_ids=["1001", "1002"])}
    sizes = {order_id: record.sent_files[0].size for order_id, record in records.items()}
    assert sizes == {"1001": len(PNG), "1002": len(newer)}


def test_a_file_that_is_replaced_by_a_bad_one_stops_the_next_order(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"), shop=Replacing)
    world.shop.after_fulfill = lambda: world.put("MUG.png", b"not a picture")
    world.outcomes()
    assert [status for status, _ in world.outcomes()] == ["rejected"]
    assert len(world.shop.effects) == 1


class Changing(FakeShop):
    """Shows another SKU when an order is read again."""

    sku = None

    def get_order(self, order_id):
        read = super().get_order(order_id)
        return evolve(read, items=[evolve(item, sku=self.sku or item.sku) for item in read.items])


def test_an_order_whose_sku_changed_since_the_match_is_not_sent(root):
    world = World(root, order("1001", "MUG"), names=("MUG.png", "CUP.jpg"), shop=Changing)
    world.shop.sku = "CUP"
    assert world.outcomes()[0][1] == "order_changed"
    assert not world.shop.effects
    world.add(order("1001", "CUP"))
    assert world.outcomes() == [("fulfilled", "fulfilled")]
    assert world.sent() == {("1001", "1"): ["CUP.jpg"]}


@pytest.mark.parametrize("sku", ["CUP", None])
def test_a_call_in_doubt_is_not_repeated_for_another_sku(root, sku):
    world = World(
        root,
        order("1001", "MUG"),
        names=("MUG.png", "CUP.png"),
        recovery=ra.Recovery.IDEMPOTENT,
        call_limit=timedelta(milliseconds=1),
    )
    world.shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    assert world.outcomes()[0][0] == "uncertain"
    world.add(order("1001", sku))
    assert world.outcomes()[0][0] == "uncertain"
    assert not world.shop.effects


# --- Reports ---


def test_a_file_without_orders_is_early(root):
    world = World(root, order("1001", "POSTER"), names=("MUG.png",))
    world.put("notes.txt")
    files = {file.name: (file.status, file.code) for file in world.scanner.scan(sweep=True).files}
    assert files == {"MUG.png": ("early", "no_order_of_product"), "notes.txt": ("unrelated", "other_file")}


def test_a_near_miss_names_the_product_and_how_many_wait(root):
    world = World(root, *(order(str(number), "MUG-B") for number in range(1001, 1004)), names=("mug_b (1).png",))
    report = world.scanner.scan(sweep=True)
    [file] = report.files
    assert (file.status, file.suggestion) == ("near_miss", "MUG-B.png")
    assert "item 1: MUG-B of order 1001 (and 2 more) waits for MUG-B.png" in file.reason
    assert [item.notes[0].details["file"] for item in report.items] == ["mug_b (1).png"] * 3


@pytest.mark.parametrize("name", ["1001.png", "1001_1.png", "1001/MUG-B.png", "Order 1001.png"])
def test_a_file_that_names_an_order_is_never_suggested_for_the_product(root, name):
    world = World(root, order("1001", "MUG-B"), names=())
    world.files.makedirs(f"{root}/1001", exist_ok=True)
    world.put(name)
    [file] = world.scanner.scan(sweep=True).files
    assert (file.status, file.code, file.suggestion) == ("near_miss", file.code, None)
    assert "MUG-B" in file.reason


def test_explain_names_the_orders_that_share_a_file(root):
    world = World(root, *(order(str(number), "MUG") for number in range(1001, 1008)))
    explanation = world.scanner.explain("MUG.png")
    assert [step.code for step in explanation.steps].count("file_found") == 5
    assert explanation.steps[-1].details == {"count": 2}
    assert explanation.because.details["status"] == "matched"
    world.shop.orders.clear()
    assert "no_order_of_product" in str(world.scanner.explain("MUG.png").because.details)


def test_a_reviewed_order_is_accepted_with_the_shared_file(root):
    world = World(root, order("1001", "MUG"), order("1002", "MUG"))
    world.scanner = world.make(policy=ra.Policy(reuse=True, review=True))
    report = world.scanner.scan()
    assert {item.status for item in report.items} == {"awaiting_review"}
    world.scanner.accept("1002", files=report.items[1].details["digest"], by="Ada")
    assert [item.status for item in world.scanner.scan().items] == ["awaiting_review", "fulfilled"]


# --- Command line, orders files, other storages ---

ORDERS = {
    "orders.json": json.dumps(
        {
            "orders": [
                {"number": number, "status": "pending", "items": [{"number": "1", "sku": "MUG"}]}
                for number in ("1001", "1002")
            ]
        }
    ),
    "orders.csv": "number,item,status,sku\n1001,1,pending,MUG\n1002,1,pending,MUG\n",
}


@pytest.fixture
def prints(tmp_path):
    folder = tmp_path / "prints"
    folder.mkdir()
    (folder / "MUG.jpg").write_bytes(JPEG)
    (folder / "mug.pdf").write_bytes(PDF)
    return folder


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_the_command_line_reuses_files(tmp_path, prints, capsys, name):
    orders = tmp_path / name
    orders.write_text(ORDERS[name])
    options = [prints.as_uri(), "--orders-file", str(orders), "--pattern", "{sku}"]
    for command in ("scan", "check"):
        assert run([command, *options]) == 2
        assert "add --reuse if that is right" in capsys.readouterr().err
    assert run(["check", *options, "--reuse"]) == 0
    assert "artwork: 2; with all their files: 2" in capsys.readouterr().out
    assert run(["scan", *options, "--reuse", "--settle-for", "none", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(item["status"], item["files"]) for item in items] == [("fulfilled", ["MUG.jpg"])] * 2


def test_reuse_with_a_manifest_is_refused_in_the_words_of_the_command_line(tmp_path, prints, capsys):
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS["orders.csv"])
    options = [prints.as_uri(), "--orders-file", str(orders), "--reuse", "--manifest", "artwork.csv"]
    assert run(["scan", *options]) == 2
    assert "remove --reuse or --manifest" in capsys.readouterr().err


def test_check_compares_the_sku_of_an_order_that_is_read_again():
    shop = Changing([order("1001", "MUG")])
    shop.sku = "CUP"
    assert [step.because.code for step in check_client(shop, skus=True)][-1] == "order_reads_differently"
    assert [step.because.code for step in check_client(shop)][-1] == "order_read"


@pytest.mark.server
def test_a_bucket_is_searched_for_the_names_of_products(s3_server, local_network):
    bucket = s3_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}", versioned=False)
    s3_server.put_many(bucket, [f"in/A-{number}.png" for number in range(1100)], PNG)
    s3_server.put(bucket, "in/MUG/front.png", PNG)
    s3_server.put(bucket, "in/MUG-B.png", PNG)
    mug = ra.OrderItem("1", sku="MUG", placements=("front",))
    shop = FakeShop([ra.Order("1001", [mug]), ra.Order("1002", [mug]), order("1003", "MUG-B"), order("1004", "CUP")])
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    ledger = ra.MemoryLedger()
    scanner = ra.Scanner(storage, shop, ledger=ledger, pattern="{sku}[/{placement}]", policy=REUSE)
    report = scanner.scan()
    assert report.strategy == ("skip-scan",)
    assert [item.status for item in report.items] == ["fulfilled", "fulfilled", "fulfilled", "missing"]


def test_a_web_folder_is_searched_for_the_names_of_products(web_server):
    web_server.folder.files = {"MUG.png": PNG}
    shop = FakeShop([order("1001", "MUG"), order("1002", "MUG"), order("1003", "CUP")])
    storage = ra.open_storage(web_server.url, network=ra.NetworkPolicy(allow_private=True, allow_http=True))
    policy = ra.Policy(reuse=True, settle_for=None)
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), pattern="{sku}", policy=policy)
    assert [item.status for item in scanner.scan().items] == ["fulfilled", "fulfilled", "missing"]
