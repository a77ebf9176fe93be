"""A bucket that keeps versions: whatever is uploaded meanwhile, the shop downloads the version that was checked."""

import hashlib
import uuid
from urllib.request import urlopen

import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop, Faults, FaultyClient, FaultyLedger, FaultyStorage
from shop_files import JPEG

pytestmark = pytest.mark.server


class Witness:
    """Remembers the contents that it has checked."""

    def __init__(self):
        self.seen = set()

    def check(self, artwork, _item):
        content = artwork.read(0, artwork.file.size)
        self.seen.add(hashlib.sha256(content).hexdigest())
        return ()


def download(artwork):
    with urlopen(artwork.url, timeout=10) as answer:
        return answer.read()


def test_a_file_replaced_at_any_call_is_downloaded_as_the_version_that_was_checked(s3_server, local_network):
    bucket = s3_server.create_bucket(f"versions-{uuid.uuid4().hex[:12]}", versioned=True)
    storage = ra.open_storage(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)

    def scan(faults):
        s3_server.put(bucket, "in/1001_1.jpg", JPEG)
        shop, witness = FakeShop([ra.Order("1001", [ra.OrderItem("1")])], download=download), Witness()
        report = ra.Scanner(
            FaultyStorage(storage, faults),
            FaultyClient(shop, faults),
            ledger=FaultyLedger(ra.MemoryLedger(), faults),
            checks=[witness],
        ).scan()
        return shop, witness, report

    counting = Faults()
    scan(counting)
    for number, call in enumerate(counting.calls, start=1):
        faults = Faults()
        faults.intercept("", lambda: s3_server.put(bucket, "in/1001_1.jpg", JPEG + b"newer"), number=number)
        shop, witness, report = scan(faults)
        assert {item.status for item in report.items} <= {"fulfilled", "late_replacement"}, (number, call)
        effects = [made for made in shop.journal if made.effect]
        assert effects[-1].name == "fulfill"
        assert {sha for made in effects for sha in made.downloaded} <= witness.seen, (number, call)
        [artwork] = shop.artwork["1001", "1"]
        assert effects[-1].downloaded == (hashlib.sha256(download(artwork)).hexdigest(),), (number, call)
        assert f"versionId={artwork.version}" in artwork.url
