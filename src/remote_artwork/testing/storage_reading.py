# ruff: noqa: S101, D102 - a contract asserts, and a test's name says what
"""What can be shown of a storage without writing to it, on the files that it happens to hold."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from attrs import evolve

from remote_artwork.core.model import StoredFile
from remote_artwork.errors import ConfigurationError, FileGone
from remote_artwork.storage.provider_row import Capability
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.storage_bench import shows

HOUR = timedelta(hours=1)
FEW = 16
PATIENCE = 30.0


def download(url: str, *, length: int = FEW) -> bytes:
    """The first bytes behind a URL, as a host without any credentials gets them.

    Raises:
        OSError: It is refused, or nobody answers.
    """
    if not url.startswith(("http://", "https://", "file://")):
        raise ValueError("this is no URL that a host could download from")
    request = urllib.request.Request(url, headers={"Range": f"bytes=0-{length - 1}"})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=PATIENCE, context=ssl.create_default_context()) as answer:  # noqa: S310
        return bytes(answer.read(length))


class StorageReading:
    """Tests that only read. ``storage`` must hold a file; those of its first page that have a byte are looked at."""

    @pytest.fixture
    def lacks(self) -> Mapping[Capability, str]:
        """What this storage cannot do, and why; see ``StorageBench``."""
        return {}

    @pytest.fixture
    def storage(self) -> ArtworkStorage:
        """An open storage."""
        raise NotImplementedError("override the fixture `storage` with one that returns your own")

    @pytest.fixture
    def file(self, storage: ArtworkStorage) -> StoredFile:
        """Some file of the storage, as the listing describes it."""
        for page in storage.pages():
            for position in islice(range(len(page.names)), 100):
                file = page.file(position)
                if file.size:
                    return file
        pytest.fail(f"{storage.location} holds no file to look at: upload one, then try again")

    @shows("listing")
    def test_names_are_relative_and_lead_nowhere_else(self, storage: ArtworkStorage) -> None:
        first = next(page for page in storage.pages() if page.names)
        assert len(set(first.names)) == len(first.names)
        assert not [name for name in first.names if name.startswith("/") or ".." in name.split("/")]

    @shows("order")
    def test_a_listing_is_in_the_order_of_the_names_bytes(
        self, storage: ArtworkStorage, lacks: Mapping[Capability, str]
    ) -> None:
        if "order" in lacks:
            pytest.skip(lacks["order"])  # files that happen to be in order show nothing
        for page in islice(storage.pages(), 3):
            assert list(page.names) == sorted(page.names, key=str.encode)

    @shows("reading")
    def test_a_listing_and_a_stat_agree(self, storage: ArtworkStorage, file: StoredFile) -> None:
        now = storage.stat(file.name)
        assert evolve(now, version_id=None, last_modified=None) == evolve(file, version_id=None, last_modified=None)

    @shows("reading")
    def test_both_ends_of_a_file_can_be_read_on_their_own(self, storage: ArtworkStorage, file: StoredFile) -> None:
        begin = storage.reader(file).read(0, FEW)
        assert len(begin) == min(FEW, file.size)
        reader = storage.reader(storage.stat(file.name))
        assert reader.read(file.size - 1, FEW) == reader.read(0, file.size)[-1:]

    @shows("reading")
    def test_a_file_that_is_not_there_is_gone_after_one_request(self, storage: ArtworkStorage) -> None:
        with pytest.raises(FileGone):
            storage.stat("there-is-no-such-file_1.png")
        assert storage.requests == {"list": 0, "head": 1, "get": 0}

    @shows("signed_url")
    def test_a_signed_url_gives_the_bytes_to_whoever_has_it(
        self, storage: ArtworkStorage, file: StoredFile, lacks: Mapping[Capability, str]
    ) -> None:
        file = storage.stat(file.name)
        if "signed_url" in lacks:
            try:
                _, expires_at = storage.url(file, expires_in=HOUR)
            except ConfigurationError:
                return
            assert expires_at is None
            return
        before = datetime.now(UTC).replace(microsecond=0)
        url, expires_at = storage.url(file, expires_in=HOUR)
        assert expires_at is not None
        assert before + HOUR <= expires_at <= datetime.now(UTC) + HOUR
        assert download(url) == storage.reader(file).read(0, FEW)

    @shows("access")
    def test_without_its_signature_a_url_gives_nothing(
        self, storage: ArtworkStorage, file: StoredFile, lacks: Mapping[Capability, str]
    ) -> None:
        for capability in ("signed_url", "access"):
            if capability in lacks:
                pytest.skip(lacks[capability])
        bare = storage.url(file, expires_in=HOUR)[0].partition("?")[0]
        with pytest.raises(urllib.error.HTTPError):
            download(bare)
