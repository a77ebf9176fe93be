"""Every example runs in a process of its own, in an empty folder, and prints what ``expected/NAME.txt`` holds."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from mail_server import running_mail_server
from redis_server import running_redis

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.py"))
EXPECTED = Path(__file__).with_name("expected")


def arguments_of_s3_bucket(server, folder):
    """A bucket with one of two awaited files, on a server that checks keys."""
    picture = resources.files("remote_artwork.cli").joinpath("shop", "poster.jpg").read_bytes()
    bucket = server.create_bucket("example-bucket")
    server.put(bucket, "incoming/1001_1.jpg", picture)
    items = [{"number": "1"}]
    orders = [{"number": number, "status": "pending_approval", "items": items} for number in ("1001", "1002")]
    folder.joinpath("orders.json").write_text(json.dumps({"orders": orders}), encoding="utf-8")
    url = server.url(bucket, "incoming")
    return [url, server.keys.access_key, server.keys.secret_key, "orders.json", "--local"]


@pytest.fixture
def mail_server():
    with running_mail_server() as server:
        yield server


@pytest.fixture
def redis_server(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def arguments(example, tmp_path, request):
    """What the example is called with: nothing, but where it needs a server."""
    if example.stem == "alerts_by_mail":
        server = request.getfixturevalue("mail_server")
        return ["127.0.0.1", str(server.port), "--local"]
    if example.stem == "call_shares_in_redis":
        return [request.getfixturevalue("redis_server")]
    if example.stem != "s3_bucket":
        return []
    return arguments_of_s3_bucket(request.getfixturevalue("rclone_server"), tmp_path)


def test_there_are_examples_and_each_has_its_expected_output():
    assert EXAMPLES
    assert {file.stem for file in EXPECTED.glob("*.txt")} == {file.stem for file in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_prints_what_it_should(example, arguments, tmp_path):
    command = [sys.executable, "-W", "error", str(example), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    expected = EXPECTED.joinpath(f"{example.stem}.txt").read_text(encoding="utf-8")
    assert done.stdout.splitlines() == expected.splitlines()
