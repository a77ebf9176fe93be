"""The package that docs/how-to/providers/adding.md shows really adds a provider."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

from provider_pages import blocks, documented_urls
from remote_artwork.storage.provider_table import PROVIDERS
from shop_files import PDF

PARSE = """
import sys, remote_artwork as ra
from remote_artwork.errors import InvalidLocation
try:
    print(ra.Location.parse(sys.argv[1]))
except InvalidLocation as refusal:
    print(refusal)
"""


@pytest.fixture
def package(tmp_path):
    """A folder with the example's files as they are, and the entry points that its pyproject.toml would install."""
    files = {name: content for _, name, content in blocks("file", ["adding"])}
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n", encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    installed = tmp_path / f"acme_storage-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    points = [
        line
        for group, members in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in members.items()))
    ]
    (installed / "entry_points.txt").write_text("\n".join(points) + "\n")
    return tmp_path


def python_beside(package, *arguments, **variables):
    """Output of a fresh Python that finds the package."""
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_of_the_example_adds_a_provider(package):
    [(_, provider, content)] = blocks("urls", ["adding"])
    assert PROVIDERS.get(provider) is None, "not without that package"
    documented = documented_urls(content)
    assert [mark for _, (mark, *_) in documented] == ["→", "→", "→", "✗"]
    for url, resolved in documented:
        assert resolved[2:] in python_beside(package, "-c", PARSE, url)


@pytest.mark.server
def test_the_contract_of_the_example_runs_on_a_real_server(package, s3_server):
    bucket = s3_server.create_bucket("acme-prints", versioned=True)
    s3_server.put(bucket, "incoming/1001_1.pdf", PDF)
    output = python_beside(
        package,
        *("-m", "pytest", "-p", "no:cacheprovider", "-q", "test_acme.py"),
        ACME_URL=f"s3+{s3_server.endpoint}/{bucket}/incoming/?provider=acme",
        ACME_ACCESS_KEY=s3_server.keys.access_key,
        ACME_SECRET_KEY=s3_server.keys.secret_key,
    )
    assert re.search(r"^[1-9][0-9]* passed in", output, re.MULTILINE), output
