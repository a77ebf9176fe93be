"""An operator tries a bucket of his own, with the tests that are installed with the library."""

import json
import subprocess
import sys

import pytest
from compat.benches import fresh

pytestmark = pytest.mark.server
PATIENCE = 100


@pytest.fixture
def bucket(s3_server):
    bucket = s3_server.create_bucket(fresh(), versioned=True)
    s3_server.put(bucket, "in/1001_1.png", b"some content that is there")
    return bucket


@pytest.fixture
def try_out(s3_server, bucket, tmp_path):
    """Runs them in an empty folder; gives the exit code and what was printed."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"access_key": s3_server.keys.access_key, "secret_key": s3_server.keys.secret_key}))

    def run(*options, url=True):
        # Named besides its entry point, for a tree that is not installed. Naming it twice does no harm.
        command = [sys.executable, "-m", "pytest", "-p", "remote_artwork.testing.plugin", "-p", "no:cacheprovider"]
        command += ["--pyargs", "remote_artwork.testing", "-ra", "--storage-credentials", str(keys), *options]
        command += ["--storage-url", s3_server.url(bucket, "in")] if url else []
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert s3_server.keys.secret_key not in done.stdout + done.stderr
        return done.returncode, done.stdout

    return run


def test_a_bucket_is_tried_by_reading_alone(try_out, s3_server, bucket):
    code, printed = try_out("--allow-private-network")
    assert code == 0, printed
    assert "it would write: allow it by --storage-write" in printed
    assert " passed" in printed
    assert [entry["Key"] for entry in s3_server.call("list_objects_v2", Bucket=bucket)["Contents"]] == ["in/1001_1.png"]


def test_with_leave_to_write_more_is_tried_and_all_of_it_cleaned_up(try_out, s3_server, bucket):
    code, printed = try_out("--allow-private-network", "--storage-write")
    assert "it would write" not in printed
    # moto lets wrong credentials in, which no row of a provider declares.
    assert code == 1
    failed = [line for line in printed.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, printed
    assert "test_wrong_credentials_are_denied_at_once" in failed[0]
    assert [entry["Key"] for entry in s3_server.call("list_objects_v2", Bucket=bucket)["Contents"]] == ["in/1001_1.png"]


def test_a_private_address_is_not_tried_without_leave(try_out):
    code, printed = try_out()
    assert code == 1
    assert "an operator can allow" in printed or "ask the operator to allow" in printed


def test_without_a_url_nothing_is_tried(try_out):
    code, printed = try_out(url=False)
    assert code == 0
    assert "say which storage: --storage-url URL" in printed
