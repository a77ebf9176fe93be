"""Reading a file in ranges."""

import hashlib
import os
import tracemalloc
from datetime import UTC, datetime

import pytest
from attrs import evolve

from remote_artwork.errors import FileGone, FileReplaced, StorageMisbehaved
from remote_artwork.storage import StoredFile
from remote_artwork.storage.reader import MAX_IN_MEMORY, PIECE, FilePart, PinnedFile, RangeReader


def reader_of(content):
    fetched = []

    def fetch(_file, start, end):
        fetched.append((start, end))
        return FilePart(content=content[start:end])

    file = StoredFile(name="a.pdf", size=len(content), etag="e")
    return RangeReader(PinnedFile(file, never, fetch)), fetched


def never(name):
    raise AssertionError(f"{name} is looked up")


def test_a_sequential_read_needs_few_requests():
    content = os.urandom(PIECE * 40 + 5)
    reader, fetched = reader_of(content)
    whole = b"".join(reader.read(start, 1000) for start in range(0, len(content), 1000))
    assert whole == content
    assert len(fetched) <= 7
    assert sum(end - start for start, end in fetched) == len(content)


def test_reading_both_ends_of_a_file_fetches_only_them():
    reader, fetched = reader_of(bytes(PIECE * 40))
    reader.read(0, 8)
    reader.read(PIECE * 40 - 100, 100)
    assert fetched == [(0, 8), (PIECE * 40 - 100, PIECE * 40)]


def test_overlapping_reads_fetch_nothing_twice():
    content = os.urandom(PIECE * 3)
    reader, fetched = reader_of(content)
    for start, length in [(10, 10), (30, 10), (0, 50), (15, 20), (PIECE * 2, 9), (PIECE * 2 - 5, 20), (0, PIECE * 3)]:
        assert reader.read(start, length) == content[start : start + length]
    assert sum(end - start for start, end in fetched) == len(content)


def test_a_reader_knows_whether_it_read_everything():
    reader, _ = reader_of(os.urandom(PIECE * 3))
    reader.read(PIECE, PIECE * 2)
    assert not reader.is_read_whole
    reader.read(0, PIECE * 3)
    assert reader.is_read_whole
    small, _ = reader_of(b"small")
    small.read(0, 1)
    assert small.is_read_whole


def test_a_response_that_is_too_short_is_an_error():
    file = StoredFile(name="a.pdf", size=100, etag="e")
    with pytest.raises(StorageMisbehaved, match=r"sent 5 bytes instead of 100"):
        RangeReader(PinnedFile(file, never, lambda *_: FilePart(content=b"short"))).read(0, 10)


def test_a_reader_refuses_negative_positions():
    reader, _ = reader_of(b"content")
    with pytest.raises(ValueError, match="must not be negative"):
        reader.read(-1, 2)


def test_ranges_of_a_large_file_are_kept_on_disk_until_the_reader_is_gone():
    content = os.urandom(MAX_IN_MEMORY + PIECE + 5)
    reader, fetched = reader_of(content)
    tracemalloc.start()
    whole = hashlib.sha256()
    for start in range(0, len(content), PIECE):
        whole.update(reader.read(start, PIECE))
    assert tracemalloc.get_traced_memory()[1] < MAX_IN_MEMORY
    tracemalloc.stop()
    assert whole.digest() == hashlib.sha256(content).digest()
    requests = len(fetched)
    assert reader.read(PIECE * 3 - 7, PIECE) == content[PIECE * 3 - 7 : PIECE * 4 - 7]
    assert len(fetched) == requests
    del reader  # a temporary file that is left open would be a warning, and so an error


FILE = StoredFile(name="a.pdf", size=4, etag="of HEAD", last_modified=datetime(2026, 5, 1, tzinfo=UTC))


def pinned(file, *, now, reads):
    """A file that is read with the change token ``reads``, and looked up as ``now``; the reads do not describe it."""

    def fetch(wanted, start, end):
        if wanted.etag != reads:
            raise FileGone("the file was replaced")
        return FilePart(content=b"%PDF"[start:end])

    def look_up(name):
        if now is None:
            raise FileGone(name)
        return now

    return PinnedFile(file, look_up, fetch)


@pytest.mark.parametrize("now", [FILE, evolve(FILE, etag="of another server")])
def test_a_storage_whose_lookup_and_read_disagree_is_not_a_replaced_file(now):
    with pytest.raises(StorageMisbehaved, match="different change tokens"):
        pinned(FILE, now=now, reads="of GET").read(0, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"etag": "newer"},  # within the same second
        {"etag": "newer", "last_modified": None},
        {"etag": "newer", "size": 5},
        {"version_id": "v2", "size": 5},
    ],
)
def test_a_replaced_file_is_another_one_and_not_a_deleted_one(change):
    with pytest.raises(FileReplaced, match=r"'a\.pdf' was replaced"):
        pinned(FILE, now=evolve(FILE, **change), reads="newer").read(0, 4)


def test_a_deleted_file_is_gone():
    with pytest.raises(FileGone) as error:
        pinned(FILE, now=None, reads="nothing").read(0, 4)
    assert not isinstance(error.value, FileReplaced)


def test_a_listed_file_may_have_another_change_token_than_its_lookup():
    listed = evolve(FILE, etag="of the listing", listed=True)
    file = pinned(listed, now=FILE, reads=FILE.etag)
    assert file.read(0, 4) == b"%PDF"
    assert file.read(1, 3) == b"PD"


def test_a_listed_file_that_changes_while_it_is_read_was_replaced():
    listed = evolve(FILE, etag="of the listing", listed=True)
    for other in (evolve(FILE, size=9), evolve(FILE, etag="newer")):
        with pytest.raises((FileReplaced, StorageMisbehaved)):
            pinned(listed, now=other, reads=FILE.etag).read(0, 4)


class Described:
    """A storage whose reads describe the file that they read: ``now``. Counts the lookups and the reads."""

    def __init__(self, now, *, looked_up=None):
        self.now, self.looked_up, self.reads, self.lookups = now, looked_up, [], 0

    def reader(self, file):
        return RangeReader(PinnedFile(file, self._look_up, self._fetch))

    def _look_up(self, _name):
        self.lookups += 1
        return self.looked_up or self.now

    def _fetch(self, file, start, end):
        self.reads.append(file.version_id)
        return FilePart(content=b"%PDF"[start:end], file=self.now)


LISTED = evolve(FILE, etag="of the listing", listed=True)


def test_the_first_read_of_a_listed_file_pins_the_version_that_it_describes():
    storage = Described(evolve(FILE, version_id="v2"))
    reader = storage.reader(LISTED)
    assert reader.read(0, 4) == b"%PDF"
    assert reader.pinned() == reader.file == storage.now
    assert not reader.pinned().listed
    assert (storage.lookups, len(storage.reads)) == (0, 1)


def test_every_later_read_is_of_that_version():
    large = evolve(FILE, size=PIECE * 3, version_id="v2")
    storage = Described(large)
    reader = storage.reader(evolve(large, version_id=None, listed=True))
    for start in (0, PIECE * 2):
        with pytest.raises(StorageMisbehaved, match="bytes instead of"):
            reader.read(start, 8)
    assert storage.reads == [None, "v2"]


def test_a_file_that_is_replaced_between_two_reads_was_replaced():
    storage = Described(FILE)
    file = PinnedFile(LISTED, storage._look_up, storage._fetch)
    file.read(0, 2)
    storage.now = evolve(FILE, etag="newer")
    with pytest.raises(FileReplaced):
        file.read(2, 4)


def test_a_listed_file_of_another_size_is_not_read():
    storage = Described(evolve(FILE, size=3))
    with pytest.raises(FileReplaced):
        storage.reader(LISTED).read(0, 4)
    assert storage.reader(storage.now).read(0, 4) == b"%PD"


def test_before_the_first_read_a_lookup_shows_the_version():
    storage = Described(evolve(FILE, version_id="v2"))
    reader = storage.reader(LISTED)
    assert reader.pinned() == reader.file == storage.now
    assert reader.read(0, 4) == b"%PDF"
    assert reader.pinned() == storage.now
    assert (storage.lookups, storage.reads) == (1, ["v2"])


def test_a_file_that_is_not_as_the_reader_was_opened_for_is_not_pinned():
    storage = Described(evolve(FILE, size=3))
    for file in (LISTED, FILE, evolve(storage.now, etag="before")):
        with pytest.raises(FileReplaced):
            storage.reader(file).pinned()


@pytest.mark.parametrize("listed", [False, True])
def test_a_lookup_after_the_reads_proves_the_version_if_no_read_describes_it(listed):
    file = pinned(evolve(FILE, listed=listed), now=FILE, reads=FILE.etag)
    file.read(0, 4)
    assert file.pinned() == FILE
    for change in ({"etag": "newer"}, {"size": 5}, {"changed_at": "later"}):
        file = pinned(evolve(FILE, changed_at="before", listed=listed), now=evolve(FILE, **change), reads=FILE.etag)
        file.read(0, 4)
        with pytest.raises(FileReplaced):
            file.pinned()


def test_a_file_that_can_still_be_read_by_its_change_token_was_not_replaced():
    storage = Described(FILE, looked_up=evolve(FILE, etag="of HEAD"))
    with pytest.raises(StorageMisbehaved, match="different change tokens"):
        PinnedFile(FILE, never, storage._fetch).check_replaced()
    storage.now = evolve(FILE, etag="newer")
    PinnedFile(FILE, never, storage._fetch).check_replaced()
    reads = len(storage.reads)
    PinnedFile(evolve(FILE, version_id="v1"), never, storage._fetch).check_replaced()
    assert len(storage.reads) == reads, "an older version can be read, which proves nothing"
