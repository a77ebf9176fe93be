"""Change tokens: a file counts as unchanged, or as replaced, only if answers of one kind show it."""

import hashlib
import os
from datetime import UTC, datetime

import pytest
from attrs import evolve
from fsspec import AbstractFileSystem

import remote_artwork as ra
from remote_artwork.events import ItemVerified
from remote_artwork.testing import FakeShop
from shop_files import PDF, uploaded

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Gateway(AbstractFileSystem):
    """A storage whose listings have other ETags and sizes than its lookups, as one that encrypts files has."""

    protocol = "gateway"
    overhead = 16
    cachable = False

    def __init__(self, **files):
        super().__init__()
        self.files = {f"in/{name}.pdf": content for name, content in files.items()}
        self.lookups = []

    def ls(self, path, *, detail=True, **_options):
        names = [name for name in self.files if path == "in"]
        return [self._listed(name) for name in names] if detail else names

    def info(self, path, **_options):
        if path not in self.files:
            raise FileNotFoundError(path)
        self.lookups.append(path)
        return self._entry(path, self._md5(path))

    def cat_file(self, path, start=None, end=None, **_options):
        return self.files[path][start:end]

    def sign(self, path, expiration=100, **_options):
        return f"https://files.example.com/{path}?for={expiration}"

    def _listed(self, name):
        entry = self._entry(name, "0x8D" + self._md5(name)[:12].upper())
        return {**entry, "size": entry["size"] + self.overhead}

    def _entry(self, path, etag):
        return {"name": path, "type": "file", "size": len(self.files[path]), "ETag": f'"{etag}"', "mtime": NOON}

    def _md5(self, path):
        return hashlib.md5(self.files[path], usedforsecurity=False).hexdigest()


def order(number, *items, order_id=""):
    return ra.Order(number, [ra.OrderItem(item) for item in items or ("1",)], id=order_id)


def statuses(report):
    return {(item.order_number, item.item_number): str(item.status) for item in report.items}


def test_a_printed_file_stays_a_conflict_if_its_listed_etag_differs():
    files = Gateway(**{"1_1_1": PDF})
    shop = FakeShop([order("1", "1_1")])
    scanner = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger())
    assert statuses(scanner.scan()) == {("1", "1_1"): "fulfilled"}
    shop.put(order("1_1", "1"))
    assert statuses(scanner.plan()) == statuses(scanner.scan()) == {("1_1", "1"): "conflict"}
    files.files["in/1_1_1.pdf"] = PDF + b"% for the other order"
    assert statuses(scanner.scan()) == {("1_1", "1"): "fulfilled"}


def test_an_unchanged_file_is_neither_replaced_nor_rejected_anew_if_its_listed_etag_differs():
    files = Gateway(**{"1001_1": PDF, "2000_1": b"no print file"})
    shop = FakeShop([order("1001"), order("2000")])
    scanner = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger())
    assert statuses(scanner.scan()) == {("1001", "1"): "fulfilled", ("2000", "1"): "rejected"}
    again = scanner.scan(sweep=True)
    assert [(item.order_number, str(item.status), item.now) for item in again.items] == [("2000", "rejected", False)]
    assert not [file for file in again.files if file.status == "superseded"]
    assert again.requests["get"] == 0
    files.files["in/1001_1.pdf"] = PDF + b"% newer"
    replaced = scanner.scan(sweep=True)
    assert [file.name for file in replaced.files if file.status == "superseded"] == ["1001_1.pdf"]


def test_a_dry_run_reads_files_whose_listed_etag_and_size_differ():
    files = Gateway(**{"1001_1": PDF, "2000_1": b"no print file"})
    shop = FakeShop([order("1001"), order("2000")])
    scanner = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger())
    assert statuses(scanner.plan(verify=True)) == {("1001", "1"): "matched", ("2000", "1"): "rejected"}


def test_a_lookup_that_fails_leaves_the_file_unreadable():
    files = Gateway(**{"1_1_1": PDF})
    shop = FakeShop([order("1", "1_1")])
    storage = ra.ArtworkStorage(files, "in", retry=ra.RetryPolicy(attempts=1))
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    scanner.scan()
    shop.put(order("1_1", "1"))
    files.info = lambda _path, **_options: {"name": "in/1_1_1.pdf", "type": "file"}
    assert statuses(scanner.scan()) == {("1_1", "1"): "unreadable"}


class InPlace:
    """Rewrites a file in place once it is checked: the same size, inode and time of the last change."""

    def __init__(self, path, content):
        self.path, self.content = path, content

    def on_event(self, event):
        if isinstance(event, ItemVerified) and self.content:
            before = self.path.stat()
            with self.path.open("r+b") as file:
                file.write(self.content.ljust(before.st_size, b"!"))
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self.content = b""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no time of the last change of attributes")
def test_a_file_rewritten_in_place_with_its_time_put_back_is_checked_again(tmp_path):
    uploaded(tmp_path / "1001_1.pdf", PDF)
    shop = FakeShop([order("1001")])
    storage = ra.open_storage(tmp_path.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    observer = InPlace(tmp_path / "1001_1.pdf", b"never checked")
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), observer=observer).scan()
    assert statuses(report) == {("1001", "1"): "rejected"}
    assert "fulfill" not in {made.name for made in shop.journal}


def test_a_file_whose_permissions_changed_is_still_the_one_that_was_printed(tmp_path):
    path = tmp_path / "1001_1.pdf"
    uploaded(path, PDF)
    shop = FakeShop([order("1001", order_id="a")])
    storage = ra.open_storage(tmp_path.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    assert statuses(scanner.scan()) == {("1001", "1"): "fulfilled"}
    path.chmod(0o600)
    shop.put(order("1001", order_id="b"))
    [item] = scanner.scan().items
    assert (item.status, item.code) == ("conflict", "printed_for_other_order")


def test_a_file_whose_permissions_changed_before_it_was_sent_is_only_checked_again(tmp_path):
    path = tmp_path / "1001_1.pdf"
    uploaded(path, PDF)
    shop = FakeShop([order("1001", "1", "2")])
    storage = ra.open_storage(tmp_path.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    assert statuses(scanner.scan())["1001", "1"] == "matched"
    path.chmod(0o600)
    uploaded(tmp_path / "1001_2.pdf", PDF)
    assert set(statuses(scanner.scan()).values()) == {"fulfilled"}


def test_a_file_without_any_proof_of_a_replacement_is_unreadable():
    class Timeless(Gateway):
        def _entry(self, path, _etag):
            return {"name": path, "type": "file", "size": len(self.files[path]), "mtime": 0}

    files, shop = Timeless(**{"1001_1": PDF}), FakeShop([order("1001")])
    [item] = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger()).scan().items
    assert item.status == "unreadable"
    assert "replaced file would not be noticed" in item.reason


def test_the_state_of_the_shop_does_not_matter_for_the_tokens():
    """The order that was sent may be gone: what its file was printed for stays known."""
    files, shop = Gateway(**{"1_1_1": PDF}), FakeShop([order("1", "1_1")])
    scanner = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger())
    scanner.scan()
    shop.put(evolve(shop.get_order("1"), state=ra.OrderState.CANCELLED))
    shop.put(order("1_1", "1"))
    assert statuses(scanner.scan()) == {("1_1", "1"): "conflict"}


@pytest.mark.parametrize(("newer", "status"), [(None, "missing"), (b"never checked", "rejected")])
def test_a_file_that_changes_while_the_order_is_read_again_is_not_sent(newer, status):
    files = Gateway(**{"1001_1": PDF})

    class Slow(FakeShop):
        def get_order(self, order_id):
            if newer is None:
                files.files.pop("in/1001_1.pdf", None)
            else:
                files.files["in/1001_1.pdf"] = newer
            return super().get_order(order_id)

    shop = Slow([order("1001")], attaching=ra.Attaching.WITH_FULFILL)
    report = ra.Scanner(ra.ArtworkStorage(files, "in"), shop, ledger=ra.MemoryLedger()).scan()
    assert (statuses(report), shop.artwork) == ({("1001", "1"): status}, {})
