import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve

import remote_artwork as ra
from permissions import read_only, readable_folder
from remote_artwork.clients import orders_file
from remote_artwork.errors import InvalidOrdersFile

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TEXT = """{
    "shop": "Zoë's", "price": 1.10,
    "orders": [
        {
            "number": 1001,
            "status": "pending_approval",
            "note": "\\u00e9",
            "items": [
                {"number": "1", "sku": 5}
            ]
        },
        {"number": "1002", "status": "pending", "items": [{"number": "1"}]}
    ]
}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.json"
    path.write_text(TEXT)
    return path


@pytest.fixture
def client(path):
    return ra.OrdersFile(path, clock=lambda: NOW)


def artwork(name="1001_1.png", **more):
    return ra.Artwork(name=name, url="https://x/?s=1", media_type="image/png", size=9, version="v1", **more)


def fulfill(client, order_id="1001", key="f" * 64):
    return client.fulfill(client.get_order(order_id), {"1": [artwork()]}, idempotency_key=key)


def names_in(folder):
    return [each.name for each in folder.iterdir()]


def test_pending_orders_come_in_the_order_of_the_file(client):
    assert [order.id for order in client.pending_orders()] == ["1001", "1002"]


def test_artwork_is_stored_with_every_known_field(client, path):
    order = client.get_order("1001")
    known = artwork(expires_at=NOW, last_modified=NOW, sha256="ab", placement="front")
    client.attach_artwork(order, order.items[0], [known, artwork("b.png")], idempotency_key="a")
    [first, second] = json.loads(path.read_text())["orders"][0]["items"][0]["artwork"]
    assert first == {
        "placement": "front",
        "name": "1001_1.png",
        "url": "https://x/?s=1",
        "expires_at": "2026-03-01T09:30:00+00:00",
        "media_type": "image/png",
        "size": 9,
        "version": "v1",
        "last_modified": "2026-03-01T09:30:00+00:00",
        "sha256": "ab",
    }
    assert (second["name"], second["expires_at"]) == ("b.png", None)
    assert "sha256" not in second


def test_a_fulfilled_order_says_so_and_keeps_the_key(client, path):
    receipt = fulfill(client)
    entry = json.loads(path.read_text())["orders"][0]
    assert receipt
    assert (entry["status"], entry["fulfillment_key"]) == ("fulfilled", "f" * 64)
    assert (entry["receipt"], entry["fulfilled_at"]) == (receipt, "2026-03-01T09:30:00+00:00")
    assert entry["items"][0]["artwork"][0]["name"] == "1001_1.png"
    assert client.get_order("1001").fulfillment_key == "f" * 64


def test_a_write_changes_only_its_own_fields(client, path):
    fulfill(client)
    written = path.read_text()
    for kept in ('"shop": "Zoë\'s", "price": 1.10,', '"note": "\\u00e9"', '"number": 1001,', TEXT[-80:]):
        assert kept in written
    assert '\n            "status": "fulfilled",\n' in written


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf" + TEXT.encode(), TEXT.strip().encode(), TEXT.encode() + b"\n\n"])
def test_mark_and_trailing_lines_stay_as_they_were(client, path, before):
    path.write_bytes(before)
    fulfill(client)
    after = path.read_bytes()
    assert after[:5] == before[:5]
    assert after[-5:] == before[-5:]


def test_the_cache_after_a_write_equals_the_file(client, path):
    order = client.get_order("1001")
    client.attach_artwork(order, order.items[0], [artwork()], idempotency_key="a")
    assert client.get_order("1001") == ra.OrdersFile(path).get_order("1001") == order
    fulfill(client)
    for order_id in ("1001", "1002"):
        assert client.get_order(order_id) == ra.OrdersFile(path).get_order(order_id)
    assert client.pending_orders() == ra.OrdersFile(path).pending_orders()
    with pytest.raises(ra.AlreadyFulfilled):
        fulfill(client, key="a" * 64)


def test_a_change_by_others_is_seen_even_with_the_same_size_and_time(client, path):
    assert client.get_order("1002").state is ra.OrderState.PENDING
    before = path.stat()
    path.write_text(TEXT.replace('"pending",', '"waiting",'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert client.get_order("1002").state is ra.OrderState.OTHER


def test_the_file_is_parsed_once_for_many_writes(client, path, monkeypatch):
    many_orders(path, 5)
    read = []
    parse = orders_file.OrdersDocument.parse
    monkeypatch.setattr(orders_file.OrdersDocument, "parse", lambda *a, **k: read.append(a) or parse(*a, **k))
    for number in range(5):
        fulfill(client, str(number))
    assert statuses(path) == {"fulfilled"}
    assert len(read) == 1


def test_a_failed_write_is_not_cached(client, monkeypatch):
    order = client.get_order("1001")
    monkeypatch.setattr(orders_file.os, "fsync", fail_with(errno.ENOSPC))
    with pytest.raises(ra.Unavailable):
        client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    monkeypatch.undo()
    assert client.get_order("1001") == order


def test_a_repeat_changes_nothing(client, path):
    receipt = fulfill(client)
    before = path.read_bytes(), path.stat().st_ino
    assert fulfill(client) == receipt
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_an_unknown_item_changes_nothing(client, path):
    with pytest.raises(ra.ItemNotFound):
        client.fulfill(client.get_order("1001"), {"1": [artwork()], "7": [artwork()]}, idempotency_key="f")
    assert path.read_text() == TEXT


def test_a_missing_file_is_a_configuration_error(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InvalidOrdersFile, match="give the path"):
            ra.OrdersFile(path).pending_orders()


def test_a_file_that_is_malformed_during_a_write_is_unavailable_and_unchanged(client, path):
    order = client.get_order("1001")
    path.write_text(TEXT[:100])
    with pytest.raises(ra.Unavailable, match=r"nothing was changed: .*orders.json, line"):
        client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    assert path.read_text() == TEXT[:100]


def test_a_file_that_is_gone_at_the_write_is_unavailable(client, path):
    order = client.get_order("1001")
    path.unlink()
    with pytest.raises(ra.Unavailable, match="nothing was changed"):
        client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")


def test_mode_is_kept_and_nothing_is_left_beside_the_file(client, path):
    path.chmod(0o640)
    fulfill(client)
    assert path.stat().st_mode & 0o777 == 0o640
    assert names_in(path.parent) == ["orders.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(client, path):
    os.chown(path, 12345, 23456)
    fulfill(client)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_the_file_is_seen_to_change(client, path):
    os.utime(path, (1, 1))
    fulfill(client)
    assert path.stat().st_mtime > 1


def test_a_symbolic_link_stays_one(path, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = folder / "link.json"
    link.symlink_to(path)
    fulfill(ra.OrdersFile(link))
    assert link.is_symlink()
    assert json.loads(path.read_text())["orders"][0]["status"] == "fulfilled"
    assert names_in(folder) == ["link.json"]


def test_the_temporary_file_of_a_crash_is_removed(client, path):
    (path.parent / ".orders.json.new").write_text("half a fi")
    fulfill(client)
    assert names_in(path.parent) == ["orders.json"]
    assert client.get_order("1001").state is ra.OrderState.FULFILLED


def fail_with(number):
    def fail(*_args, **_options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("function", ["fsync", "open"])
def test_a_write_that_fails_leaves_every_byte(client, path, monkeypatch, function):
    real_open = os.open

    def fail_to_create(target, flags, mode=0o777):
        return fail_with(errno.EROFS)() if flags & os.O_CREAT else real_open(target, flags, mode)

    monkeypatch.setattr(os, function, fail_to_create if function == "open" else fail_with(errno.ENOSPC))
    order = client.get_order("1001")
    with pytest.raises(ra.Unavailable, match="nothing was changed"):
        client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    monkeypatch.undo()
    assert path.read_text() == TEXT
    assert names_in(path.parent) == ["orders.json"]


def test_a_write_that_may_not_be_durable_is_an_unknown_outcome_and_can_be_repeated(client, monkeypatch):
    order = client.get_order("1001")
    monkeypatch.setattr(orders_file, "_sync_directory", fail_with(errno.EIO))
    with pytest.raises(ra.OutcomeUnknown):
        client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    monkeypatch.undo()
    assert client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")


FULL_DISK = """
import resource, sys
import remote_artwork as ra
client = ra.OrdersFile(sys.argv[1])
order = client.get_order("1001")
piece = ra.Artwork(name="x" * 5000, url="u", media_type="image/png", size=1, version="v")
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    client.attach_artwork(order, order.items[0], [piece], idempotency_key="a")
except ra.Unavailable as error:
    print(error)
"""


def test_a_full_disk_leaves_every_byte(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, timeout=60, check=True
    )
    assert "nothing was changed: File too large" in done.stdout
    assert path.read_text() == TEXT
    assert names_in(path.parent) == ["orders.json"]


def test_a_folder_that_is_read_only_leaves_every_byte():
    with readable_folder() as folder:
        path = folder / "orders.json"
        path.write_text(TEXT)
        with read_only(folder), pytest.raises(ra.Unavailable, match="nothing was changed"):
            fulfill(ra.OrdersFile(path))
        assert path.read_text() == TEXT


def many_orders(path, count):
    entries = [{"number": str(n), "status": "pending", "items": [{"number": "1"}]} for n in range(count)]
    path.write_text(json.dumps({"orders": entries}, indent=2))


def statuses(path):
    return {entry["status"] for entry in json.loads(path.read_text())["orders"]}


ONE_OF_FOUR = """
import sys
import remote_artwork as ra
client = ra.OrdersFile(sys.argv[1])
sys.stdin.readline()
for number in range(int(sys.argv[2]), 40, 4):
    order = client.get_order(str(number))
    piece = ra.Artwork(name=f"{number}.png", url="u", media_type="image/png", size=1, version="v")
    client.attach_artwork(order, order.items[0], [piece], idempotency_key="a")
    client.fulfill(order, {"1": [piece]}, idempotency_key=f"key-{number}")
"""


def test_four_processes_lose_nothing(path):
    many_orders(path, 40)
    command = [sys.executable, "-c", ONE_OF_FOUR, str(path)]
    processes = [subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE) for n in range(4)]
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    assert statuses(path) == {"fulfilled"}
    keys = [entry["fulfillment_key"] for entry in json.loads(path.read_text())["orders"]]
    assert keys == [f"key-{number}" for number in range(40)]
    assert names_in(path.parent) == ["orders.json"]


@pytest.mark.parametrize("platform", ["with fcntl", "without"])
def test_threads_lose_nothing(path, monkeypatch, platform):
    if platform == "without":
        monkeypatch.setattr(orders_file, "fcntl", None)
    many_orders(path, 30)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: fulfill(ra.OrdersFile(path), str(n)), range(30)))
    assert statuses(path) == {"fulfilled"}


@pytest.mark.parametrize("platform", ["with fcntl", "without"])
def test_a_lock_that_is_not_released_makes_the_file_unavailable(client, path, monkeypatch, platform):
    if platform == "without":
        monkeypatch.setattr(orders_file, "fcntl", None)
    monkeypatch.setattr(orders_file, "LOCK_TIMEOUT", 0.05)
    order = client.get_order("1001")
    with orders_file.lock_file(path, timeout=1):
        assert len(list(client.pending_orders())) == 2, "readers are not kept out"
        with pytest.raises(ra.Unavailable, match="locked"):
            client.fulfill(order, {"1": [artwork()]}, idempotency_key="f")
    assert path.read_text() == TEXT


def test_a_reader_never_sees_half_a_write(path):
    many_orders(path, 60)
    client, done = ra.OrdersFile(path), threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(len(list(client.pending_orders())))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        fulfill(client, str(number))
    done.set()
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOENT, "give the path of a file"),
        (errno.ELOOP, "give the path of a file"),
        (errno.ENAMETOOLONG, "give the path of a file"),
        (errno.EACCES, "the permission to read it"),
        (errno.EPERM, "the permission to read it"),
    ],
)
def test_a_file_that_a_setting_makes_unreadable_is_invalid(tmp_path, monkeypatch, number, cure):
    def refuse(_path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InvalidOrdersFile, match=cure):
        ra.OrdersFile(tmp_path / "orders.json").pending_orders()


@pytest.mark.parametrize(("name", "text"), [("orders.json", '{"orders": []}'), ("orders.csv", "number,item,status\n")])
def test_an_item_is_added_with_all_its_fields(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    item = ra.OrderItem(
        "1",
        id="line-1",
        position=3,
        title="Blue mug",
        sku="MUG-B",
        quantity=2,
        print_size_mm=(210, 297.5),
        pages=2,
        min_pixels=(100, 200),
        sha256="ab" * 32,
    )
    plain = ra.OrderItem("2", placements=("front", "back"), requires_artwork=False)
    ra.OrdersFile(path).add("1001", [item, plain])
    [order] = ra.OrdersFile(path).pending_orders()
    assert order.items == (item, evolve(plain, position=2))
