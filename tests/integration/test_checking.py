from __future__ import annotations

import itertools
import json
import sys
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

import gcs_server as gcs
import remote_artwork as ra
from remote_artwork.errors import InvalidLocation, MissingExtra
from remote_artwork.storage import check_location
from remote_artwork.storage.doctor import CheckReport, Verdict, check_storage

pytestmark = pytest.mark.server

numbers = itertools.count(1)
ALL = ["list", "start-after", "missing", "read", "sign", "fetch", "clock"]


@pytest.fixture
def check(local_network):
    def check_(storage, **options):
        options.setdefault("network", local_network)
        steps = list(check_storage(storage, **options))
        return CheckReport(location=storage.location, steps=steps, requests=storage.requests)

    return check_


def verdicts(report, *, ignore=("recognized", "network")):
    return {step.name: step.verdict for step in report.steps if step.name not in ignore}


def message(report, name):
    [text] = [step.message for step in report.steps if step.name == name]
    return text


def opened(url, network, credentials=None):
    return ra.open_storage(url, credentials=credentials, network=network, retry=ra.RetryPolicy(attempts=1))


@pytest.fixture
def bucket(s3_server):
    bucket = s3_server.create_bucket(f"checked-{next(numbers)}", versioned=True)
    s3_server.put(bucket, "in/1001_1.png", b"a picture of some bytes")
    return bucket


def test_a_location_that_works_costs_five_requests_and_one_without_credentials(s3_server, bucket, local_network, check):
    url = s3_server.url(bucket, "in")
    report = check(opened(url, local_network, s3_server.keys), location=ra.Location.parse(url))
    assert [step.name for step in report.steps] == ["recognized", "network", *ALL]
    assert set(verdicts(report).values()) == {Verdict.OK}
    assert report.requests == {"list": 2, "head": 2, "get": 1}
    assert "keeps versions" in message(report, "read")
    assert f"bucket {bucket}, folder in/" in message(report, "recognized")
    assert (report.verdict, report.exit_code) == (Verdict.WARNING, 0)
    assert "never for a merchant's URL" in message(report, "network")


def test_a_public_location_is_fetched_by_its_plain_url(s3_server, bucket, local_network, check):
    s3_server.call("put_object", Bucket=bucket, Key="odd/a b+ü.png", Body=b"a picture", ACL="public-read")
    report = check(opened(s3_server.url(bucket, "odd"), local_network))
    assert verdicts(report) == dict.fromkeys(ALL, Verdict.OK)
    assert "unsigned URL" in message(report, "sign")


def test_an_empty_file_is_fetched_too(s3_server, bucket, local_network, check):
    s3_server.put(bucket, "empty/1001_1.png", b"")
    report = check(opened(s3_server.url(bucket, "empty"), local_network, s3_server.keys))
    assert verdicts(report) == dict.fromkeys(ALL, Verdict.OK)


def test_google_and_azure_storages_are_checked(gcs_server, azure_server, local_network, check):
    bucket = gcs_server.create_bucket(f"checked-{next(numbers)}")
    gcs_server.put(bucket, "in/1001_1.png", b"a picture")
    report = check(gcs.open_gcs(gcs_server, bucket, local_network))
    assert verdicts(report)["start-after"] in (Verdict.OK, Verdict.WARNING)  # the emulator does not support startOffset
    assert {name for name, verdict in verdicts(report).items() if verdict is Verdict.FAILED} <= {"fetch"}
    container = azure_server.create_container(f"checked-{next(numbers)}")
    azure_server.put(container, "in/1001_1.png", b"a picture")
    report = check(azure_server.open(f"{container}/in", azure_server.key, local_network), write_test=True)
    assert verdicts(report) == {
        **dict.fromkeys(["list", "missing", "read", "sign", "fetch", "clock"], Verdict.OK),
        "write": Verdict.WARNING,
    }


def test_an_empty_location_still_checks_missing_files_and_the_clock(s3_server, bucket, local_network, check):
    report = check(opened(s3_server.url(bucket, "none"), local_network, s3_server.keys))
    assert verdicts(report) == {
        "list": Verdict.WARNING,
        "missing": Verdict.OK,
        "sign": Verdict.OK,
        "clock": Verdict.OK,
    }
    assert "upload a file" in message(report, "list")
    assert report.exit_code == 0


def test_a_missing_permission_is_named(faulty_server, local_network, check):
    faulty_server.answer("403")
    location = ra.Location.parse("s3://prints/in/?region=eu-west-1")
    report = check(opened(faulty_server.url("prints"), local_network, ra.Keys("AKTESTKEY", "hush")), location=location)
    assert verdicts(report) == {
        "list": Verdict.FAILED,
        "missing": Verdict.WARNING,
        "sign": Verdict.OK,
        "clock": Verdict.OK,
    }
    assert "s3:ListBucket on arn:aws:s3:::prints" in message(report, "list")
    assert "a missing file and a forbidden file look the same" in message(report, "missing")
    assert report.exit_code == 3


def test_wrong_keys_fail_once_and_name_no_permission(rclone_server, local_network, check):
    bucket = rclone_server.create_bucket(f"checked-{next(numbers)}")
    url = rclone_server.url(bucket, "in")
    storage = opened(url, local_network, ra.Keys("AKTESTKEY", "a-wrong-secret"))
    report = check(storage, location=ra.Location.parse(url))
    assert verdicts(report) == {"list": Verdict.FAILED, "clock": Verdict.OK}
    assert message(report, "list").endswith("copy both keys again")
    assert report.requests == {"list": 1, "head": 0, "get": 0}
    assert report.exit_code == 3


def test_a_wrong_clock_fails_beside_the_refused_listing(faulty_server, local_network, check):
    faulty_server.BODIES = {**faulty_server.BODIES, "skewed": (403, faulty_server.ERROR % b"RequestTimeTooSkewed")}
    faulty_server.answer("skewed")
    storage = opened(faulty_server.url(), local_network, ra.Keys("AKTESTKEY", "hush"))
    report = check(storage, clock=lambda: datetime.now(UTC) + timedelta(minutes=20))
    assert verdicts(report) == {"list": Verdict.FAILED, "clock": Verdict.FAILED}


@pytest.mark.parametrize("name", ["1001_1.jpg", "1001_1.PDF"])
def test_a_folder_named_like_a_picture_is_a_warning(s3_server, bucket, local_network, check, name):
    url = s3_server.url(bucket, f"in/{name}")
    report = check(opened(url, local_network, s3_server.keys), location=ra.Location.parse(url))
    [recognized] = [step for step in report.steps if step.name == "recognized"]
    assert recognized.verdict is Verdict.WARNING
    assert (
        f"{name} is named like a file; if it is a file, use the URL of the folder that contains it"
        in recognized.message
    )


def test_a_missing_bucket_and_an_outage_end_the_check(faulty_server, local_network, check):
    storage = opened(faulty_server.url(), local_network)
    faulty_server.BODIES = {**faulty_server.BODIES, "gone": (404, faulty_server.ERROR % b"NoSuchBucket")}
    for answer, code in (("gone", 2), ("503", 3)):
        faulty_server.answer(answer)
        report = check(storage)
        assert verdicts(report) == {"list": Verdict.FAILED}
        assert report.exit_code == code
        assert len(faulty_server.requests) == 1


def test_a_listing_that_cannot_start_after_a_name_is_a_warning(faulty_server, local_network, check):
    whole = faulty_server.EMPTY_LISTING % (
        b"false", b"<Contents><Key>in/a.png</Key><Size>1</Size><ETag>e</ETag></Contents>"
    )  # fmt: skip
    astray = whole.replace(b"in/a.png", b"other/a.png")
    for second, verdict in ((whole, Verdict.WARNING), (astray, Verdict.FAILED)):
        faulty_server.BODIES = {**faulty_server.BODIES, "whole": (200, whole), "second": (200, second)}
        faulty_server.answer("whole", "second", "404")
        report = check(opened(faulty_server.url(), local_network))
        assert verdicts(report)["start-after"] is verdict
        assert "start-after=in%2Fa.png" in faulty_server.requests[1]
        assert verdicts(report)["read"] is Verdict.FAILED


def test_google_listing_files_of_other_folders_is_a_failure(faulty_google, local_network, check):
    def listing(key):
        item = {"name": key, "size": "1", "generation": "1"}
        return 200, json.dumps({"kind": "storage#objects", "items": [item]}).encode()

    faulty_google.BODIES |= {"whole": listing("in/a.png"), "astray": listing("other/a.png")}
    faulty_google.answer("whole", "astray", "404")
    assert verdicts(check(gcs.open_gcs(faulty_google, "b", local_network)))["start-after"] is Verdict.FAILED


def test_a_url_that_does_not_open_the_file_is_a_failure(rclone_server, local_network, check, s3_server, bucket):
    place = rclone_server.create_bucket(f"checked-{next(numbers)}")
    rclone_server.put(place, "in/a.png", b"a picture")
    storage = opened(rclone_server.url(place, "in"), local_network, rclone_server.keys)
    assert verdicts(check(storage))["fetch"] is Verdict.OK
    hidden = storage.url
    storage.url = lambda file, *, expires_in: (hidden(file, expires_in=expires_in)[0].partition("?")[0], None)
    report = check(storage)
    assert verdicts(report)["fetch"] is Verdict.FAILED
    assert "make it public, or use credentials that can sign URLs" in message(report, "fetch")
    elsewhere = opened(s3_server.url(bucket, "in"), local_network, s3_server.keys)
    s3_server.put(bucket, "in/2.png", b"something else")
    other, _ = elsewhere.url(elsewhere.stat("2.png"), expires_in=timedelta(hours=1))
    storage.url = lambda _file, *, expires_in: (other, datetime.now(UTC) + expires_in)
    assert "something other than the file" in message(check(storage), "fetch")


def test_the_url_is_fetched_under_the_network_policy(s3_server, bucket, local_network, check):
    storage = opened(s3_server.url(bucket, "in"), local_network, s3_server.keys)
    report = check(storage, network=ra.NetworkPolicy(allow_http=True))
    assert verdicts(report)["fetch"] is Verdict.FAILED
    assert "the server has a private network address" in message(report, "fetch")
    assert report.exit_code == 2


@pytest.mark.parametrize(
    ("minutes", "verdict", "way"), [(4, "ok", "240"), (7, "failed", "7 minutes ahead"), (-60, "failed", "behind")]
)
def test_a_clock_that_is_five_minutes_wrong_is_a_failure(
    s3_server, bucket, local_network, check, minutes, verdict, way
):
    def clock():
        return datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)

    report = check(opened(s3_server.url(bucket, "in"), local_network, s3_server.keys), clock=clock)
    assert verdicts(report)["clock"] == verdict
    assert way in message(report, "clock").replace("241", "240").replace("239", "240")


def test_a_role_whose_sessions_are_too_short_is_a_warning(s3_server, bucket, sts_server, local_network, check):
    role = ra.AssumeRole(
        "arn:aws:iam::123456789012:role/prints", base=ra.Keys("AKSHOP", "hush"), sts_endpoint=sts_server.endpoint
    )
    report = check(opened(s3_server.url(bucket, "in"), local_network, role))
    assert verdicts(report)["sign"] is Verdict.WARNING
    assert "valid for 1 hour, not for 1 day" in message(report, "sign")
    assert "use longer sessions (AssumeRole.duration)" in message(report, "sign")
    temporary = ra.Keys("AKTESTKEY", "hush", "a-session-token")
    report = check(opened(s3_server.url(bucket, "in"), local_network, temporary))
    assert "together with the temporary keys" in message(report, "sign")


def test_credentials_that_cannot_sign_are_a_failure(azure_server, local_network, check):
    container = azure_server.create_container(f"checked-{next(numbers)}")
    azure_server.put(container, "in/1001_1.png", b"a picture")
    report = check(azure_server.open(f"{container}/in", ra.SasToken(azure_server.sas(container)), local_network))
    assert verdicts(report)["sign"] is Verdict.FAILED
    assert "share_sas=True" in message(report, "sign")
    assert report.exit_code == 2


def keys_in(server, bucket):
    return {entry["Key"] for entry in server.call("list_objects_v2", Bucket=bucket).get("Contents", ())}


def test_a_write_test_leaves_nothing_and_warns_of_the_permission(s3_server, local_network, check):
    for versioned in (True, False):
        bucket = s3_server.create_bucket(f"checked-{next(numbers)}", versioned=versioned)
        report = check(opened(s3_server.url(bucket, "in"), local_network, s3_server.keys), write_test=True)
        assert verdicts(report)["write"] is Verdict.WARNING
        assert "read and list only" in message(report, "write")
        assert ("stay in the bucket" in message(report, "write")) is versioned
        assert keys_in(s3_server, bucket) == set()


def test_credentials_that_cannot_write_are_ok(azure_server, local_network, check):
    container = azure_server.create_container(f"checked-{next(numbers)}")
    sas = ra.SasToken(azure_server.sas(container), share_sas=True)
    report = check(azure_server.open(f"{container}/in", sas, local_network), write_test=True)
    assert verdicts(report)["write"] is Verdict.OK
    assert "does not need to write" in message(report, "write")


class KeepsFiles(LocalFileSystem):
    """Refuses to delete files."""

    def rm_file(self, path):
        raise PermissionError(path)


class OneVersion(LocalFileSystem):
    """Gives every file the same ETag."""

    def info(self, path, **options):
        return {**super().info(path, **options), "ETag": "e"}


def test_a_file_that_a_write_test_could_not_delete_is_named(tmp_path, check):
    report = check(ra.ArtworkStorage(KeepsFiles(skip_instance_cache=True), str(tmp_path)), write_test=True)
    [left] = tmp_path.iterdir()
    assert verdicts(report)["write"] is Verdict.FAILED
    assert left.name in message(report, "write")


def test_a_storage_that_hides_replacements_is_a_failure(tmp_path, check):
    report = check(ra.ArtworkStorage(OneVersion(skip_instance_cache=True), str(tmp_path)), write_test=True)
    assert verdicts(report)["write"] is Verdict.FAILED
    assert list(tmp_path.iterdir()) == []


def test_without_a_write_test_nothing_is_written(s3_server, bucket, local_network, check):
    before = keys_in(s3_server, bucket)
    check(opened(s3_server.url(bucket, "in"), local_network, s3_server.keys))
    assert keys_in(s3_server, bucket) == before


def test_a_storage_made_from_a_file_system_is_checked(check):
    files = fsspec.filesystem("memory", skip_instance_cache=True)
    files.pipe("/checked-in/1001_1.png", b"a picture")
    report = check(ra.ArtworkStorage(files, "/checked-in"))
    assert verdicts(report) == {
        "list": Verdict.OK,
        "missing": Verdict.OK,
        "read": Verdict.OK,
        "sign": Verdict.WARNING,
    }
    files.rm("/checked-in", recursive=True)


def test_check_location_checks_a_pasted_url(s3_server, bucket, local_network):
    report = check_location(s3_server.url(bucket, "in"), credentials=s3_server.keys, network=local_network)
    assert [step.name for step in report.steps] == ["recognized", "credentials", "network", *ALL]
    assert report.requests == {"list": 2, "head": 2, "get": 1}
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("url", "step", "where"),
    [("https://user:hush@files.example/in/", "recognized", ""), ("file:///srv/in/", "open", "file:///srv/in/")],
)
def test_a_refused_url_gives_a_report_with_one_failed_step(url, step, where):
    report = check_location(url)
    [refusal] = report.steps
    assert (refusal.name, refusal.verdict, report.location, report.exit_code) == (step, "failed", where, 2)
    assert isinstance(refusal.error, InvalidLocation)
    assert "hush" not in str(report.to_dict())


def test_what_only_an_operator_can_allow_is_a_note_of_the_error(s3_server, bucket):
    url = s3_server.url(bucket, "in")
    [*_, plain] = check_location(url).steps
    [*_, private] = check_location(url, network=ra.NetworkPolicy(allow_http=True)).steps
    for step, setting in ((plain, "allow_http"), (private, "allow_private")):
        assert "NetworkPolicy" not in step.message
        assert f"NetworkPolicy({setting}=True)" in step.error.__notes__[0]


def test_a_web_folder_that_redirects_is_a_failure(faulty_server, local_network):
    faulty_server.redirect_to = "https://elsewhere.example/in/"
    faulty_server.answer(*["redirect"] * 3)
    [*_, step] = check_location(f"web+{faulty_server.endpoint}/in/", network=local_network).steps
    assert (step.name, step.verdict) == ("list", "failed")
    assert "redirects (HTTP 302), and redirects are not followed; use the address to which it redirects" in step.message


def test_a_missing_package_raises(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules, "remote_artwork.storage.backends.s3_client", raising=False)
    with pytest.raises(MissingExtra, match="s3"):
        check_location("s3://prints/in/?region=eu-south-2")
