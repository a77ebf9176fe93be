"""S3 servers whose listings are odd: what is there is found, and what is not known is not called missing."""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from urllib.parse import quote, quote_plus

import pytest

import remote_artwork as ra
from odd_s3_server import OddS3, serving
from remote_artwork.storage.doctor import Verdict, check_storage
from remote_artwork.testing import FakeShop

pytestmark = pytest.mark.server


def statuses(storage, *numbers, sweep=False):
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in numbers])
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).plan(sweep=sweep)
    return [item.status.value for item in report.items]


def scrambled(key):
    return sha256(key.encode()).hexdigest()


@pytest.mark.parametrize("count", [3, 40])
def test_files_of_a_storage_without_order_are_found(count):
    numbers = [str(1001 + n) for n in range(count)]
    with serving(OddS3(order=scrambled, page_size=20)) as bucket:
        bucket.keys |= {f"incoming/{number}_1.pdf" for number in numbers}
        assert statuses(bucket.open(), *numbers, "9999") == ["matched"] * count + ["missing"]


@pytest.mark.parametrize(
    ("encode", "declares"),
    [
        (quote_plus, "<Encoding-Type>url</Encoding-Type>"),
        (lambda key: quote_plus(key, safe="/"), ""),
        (lambda key: quote(key, safe="/+"), "<EncodingType>url</EncodingType>"),
        (lambda key: quote(key, safe="/"), "<EncodingType>url</EncodingType>"),
        (str, ""),
        (str, "<EncodingType>url</EncodingType>"),
    ],
    ids=["hyphen", "not declared", "plus left alone", "as declared", "plain", "declared and plain"],
)
@pytest.mark.parametrize(
    ("folder", "number"), [("Print Files/", "1001"), ("a+b/", "1001"), ("incoming/", "Müller 7"), ("incoming/", "10+2")]
)
def test_files_are_found_however_a_storage_encodes_keys(encode, declares, folder, number):
    with serving(OddS3(encode=encode, declares=declares)) as bucket:
        bucket.keys.add(f"{folder}{number}_1.pdf")
        for sweep in (False, True):
            assert statuses(bucket.open(folder), number, sweep=sweep) == ["matched"]


def test_keys_that_no_encoding_explains_are_unreadable_and_not_missing():
    with serving(OddS3(encode=lambda key: quote(quote(key)))) as bucket:
        bucket.keys.add("Print Files/1001_1.pdf")
        assert statuses(bucket.open("Print Files/"), "1001") == ["unreadable"]


@pytest.mark.parametrize("page_size", [50, 1000])
def test_a_full_page_that_is_called_the_last_hides_no_file(page_size):
    numbers = [str(10_000 + n) for n in range(page_size * 2 + 7)]
    with serving(OddS3(page_size=page_size, says_more=False)) as bucket:
        bucket.keys |= {f"incoming/{number}_1.pdf" for number in numbers}
        for sweep in (False, True):
            assert statuses(bucket.open(), numbers[0], numbers[-1], "99999", sweep=sweep) == [
                "matched",
                "matched",
                "missing",
            ]


def test_a_server_that_knows_only_the_older_listing_is_searched_and_swept():
    numbers = [str(1001 + n) for n in range(350)]
    with serving(OddS3(page_size=100, version_2=False)) as bucket:
        bucket.keys |= {f"incoming/{number}_1.pdf" for number in numbers}
        for sweep in (False, True):
            assert statuses(bucket.open(), *numbers[300:310], "9999", sweep=sweep) == ["matched"] * 10 + ["missing"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_folder_is_found_in_the_unicode_form_of_its_upload(form):
    with serving(OddS3()) as bucket:
        bucket.keys.add(unicodedata.normalize(form, "Aufträge/") + "1001_1.pdf")
        for given in ("NFC", "NFD"):
            folder = unicodedata.normalize(given, "Aufträge/")
            assert statuses(bucket.open(folder), "1001", "1002") == ["matched", "missing"]


@pytest.mark.parametrize(
    ("names", "order", "verdict", "codes"),
    [
        (["1001_1", "1002_1"], str.encode, Verdict.OK, ["listing_starts_after", "listing_order_unproven"]),
        ([f"{n}_1" for n in range(30)], str.encode, Verdict.OK, ["listing_starts_after"]),
        ([f"{n}_1" for n in range(1000)], scrambled, Verdict.WARNING, None),
    ],
    ids=["few", "sorted", "not sorted"],
)
def test_a_check_says_whether_a_storage_lists_in_order(names, order, verdict, codes):
    with serving(OddS3(order=order, page_size=300)) as bucket:
        bucket.keys |= {f"incoming/{name}.pdf" for name in names}
        [step] = [step for step in check_storage(bucket.open()) if step.name == "start-after"]
    assert step.verdict is verdict
    found = [step.because.code, *(note.code for note in step.notes)]
    assert found == codes if codes else found[0] in {"listing_unsorted", "listing_restarts"}


@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize(
    ("folder", "key", "shown", "code"),
    [
        ("incoming/", "incoming//1001_1.pdf", "/1001_1.pdf", "key_in_nameless_folder"),
        ("", "/1001_1.pdf", "/1001_1.pdf", "key_in_nameless_folder"),
        ("", "incoming\\1001_1.pdf", "incoming\\1001_1.pdf", "key_with_backslash"),
        ("incoming/", "incoming/1001_1\t.pdf", "1001_1\\t.pdf", "key_unprintable"),
        ("incoming/", "incoming/../1001_1.pdf", "../1001_1.pdf", "key_with_dot_folder"),
    ],
)
def test_a_file_whose_key_cannot_be_used_is_a_near_miss_with_the_reason(folder, key, shown, code, sweep):
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    with serving(OddS3()) as bucket:
        bucket.keys |= {key, f"{folder}\\other", f"{folder}sub/"}
        report = ra.Scanner(bucket.open(folder), shop, ledger=ra.MemoryLedger()).plan(sweep=sweep)
        [step] = [step for step in check_storage(bucket.open(folder)) if step.name == "list"]
    assert report.file_counts == {"near_miss": 1, "unrelated": 1}
    [near_miss] = [file for file in report.files if file.status == "near_miss"]
    assert (near_miss.name, near_miss.code) == (shown, code)
    assert (step.verdict, step.because.code, step.because.details["count"]) == (Verdict.WARNING, "files_unusable", 2)


@pytest.mark.parametrize(
    ("refusal", "methods", "words"),
    [
        ((400, "InvalidRequest", "a form of Server Side Encryption"), ("GET",), "only its uploader has"),
        ((400, "InvalidRequest", "a form of Server Side Encryption"), ("GET", "HEAD"), "SSE-C"),
        ((403, "AccessDenied", "to perform: kms:Decrypt on resource"), ("GET",), "permit kms:Decrypt"),
        ((400, "KMS.DisabledException", "is disabled"), ("GET",), "is disabled, deleted or not permitted"),
        ((403, "AccessDenied", "Transaction cap exceeded"), ("GET",), "a cap of the account"),
        ((403, "AccessDenied", "Access Denied"), ("GET", "HEAD"), "another account owns"),
    ],
)
def test_a_scan_says_why_a_file_is_refused_and_what_to_do(refusal, methods, words):
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    with serving(OddS3()) as bucket:
        bucket.keys.add("incoming/1001_1.pdf")
        bucket.refuse = lambda method, key: refusal if key and method in methods else None
        [item] = ra.Scanner(bucket.open(), shop, ledger=ra.MemoryLedger()).scan().items
    assert item.status == "unreadable"
    assert words in item.reason
