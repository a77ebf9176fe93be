"""An operator tests their own bucket with the tests that are installed with the library."""

import json
import subprocess
import sys

import pytest
from compat.benches import fresh

pytestmark = pytest.mark.server
TIMEOUT = 100


@pytest.fixture
def bucket(s3_server):
    bucket = s3_server.create_bucket(fresh(), versioned=True)
    s3_server.put(bucket, "in/1001_1.png", b"some content that is there")
    return bucket


@pytest.fixture
def try_out(s3_server, bucket, tmp_path):
    """Run the installed tests in an empty folder. Return the exit code and the output."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"access_key": s3_server.keys.access_key, "secret_key": s3_server.keys.secret_key}))

    def run(*options, url=True):
        # -p loads the plugin also where the package is not installed. Loading it twice does no harm.
        command = [sys.executable, "-m", "pytest", "-p", "remote_artwork.testing.plugin", "-p", "no:cacheprovider"]
        command += ["--pyargs", "remote_artwork.testing", "-ra", "--storage-credentials", str(keys), *options]
        command += ["--storage-url", s3_server.url(bucket, "in")] if url else []
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert s3_server.keys.secret_key not in done.stdout + done.stderr
        return done.returncode, done.stdout

    return run


def test_without_write_permission_only_reading_is_tested(try_out, s3_server, bucket):
    code, printed = try_out("--allow-private-network")
    assert code == 0, printed
    assert "this test writes files; add --storage-write to allow it" in printed
    assert " passed" in printed
    assert [entry["Key"] for entry in s3_server.call("list_objects_v2", Bucket=bucket)["Contents"]] == ["in/1001_1.png"]


def test_with_write_permission_writing_is_tested_and_cleaned_up(try_out, s3_server, bucket):
    code, printed = try_out("--allow-private-network", "--storage-write")
    assert "this test writes files" not in printed
    # moto accepts wrong credentials; no provider declares that, so this test fails as it should.
    assert code == 1
    failed = [line for line in printed.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, printed
    assert "test_wrong_credentials_are_denied_without_a_retry" in failed[0]
    assert [entry["Key"] for entry in s3_server.call("list_objects_v2", Bucket=bucket)["Contents"]] == ["in/1001_1.png"]


def test_a_private_address_needs_permission(try_out):
    code, printed = try_out()
    assert code == 1
    assert "an operator can allow" in printed or "ask the operator to allow" in printed


def test_without_a_url_nothing_is_tested(try_out):
    code, printed = try_out(url=False)
    assert code == 0
    assert "no storage was given; add --storage-url URL" in printed
