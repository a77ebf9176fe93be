"""OpenStack Swift with its S3 API for tests: one node on loopback, without root. Fixture: ``swift_server``.

Swift wants an older setuptools than anybody else here. So it is installed apart, once, into the user's cache.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

import remote_artwork as ra
from parts import cached, package
from servers import S3Server, free_port, running

SWIFT = "swift==2.38.3"
KEYS = ra.Keys("test:tester", "testing")
REGION = "us-east-1"
"""The one region whose signatures it takes."""

PAGE = 20
"""Objects a page. Writing more than the usual 1,000 takes it most of a minute."""

_FILTERS = {
    "catch_errors": "",
    "gatekeeper": "",
    "healthcheck": "",
    "listing_formats": "",
    "bulk": "",
    "s3api": f"location = {REGION}\ns3_acl = no\nmax_bucket_listing = {PAGE}",
    "tempauth": "user_test_tester = testing .admin",
    "copy": "",
    "slo": "",
    "dlo": "",
    "versioned_writes": "allow_object_versioning = true",
    "symlink": "",
}
"""What a request goes through on its way to the objects, in this order."""

_RINGS = """
import sys
from swift.common.ring import RingBuilder
home, *pairs = sys.argv[1:]
for kind, _, port in (pair.partition(":") for pair in pairs):
    builder = RingBuilder(2, 1, 1)
    address = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder.add_dev({"region": 1, "zone": 1, "device": "disk", "weight": 1, "meta": "", **address})
    builder.rebalance()
    builder.get_ring().save(f"{home}/{kind}.ring.gz")
"""


def installed() -> Path:
    """The folder that Swift and all it needs is installed in; installs it first where it is not."""
    return cached(
        f"{SWIFT.replace('==', '-')}-python{sys.version_info.major}.{sys.version_info.minor}",
        f"OpenStack Swift ({SWIFT}, by pip)",
        lambda into: [
            *[sys.executable, "-m", "pip", "install", "--quiet"],
            *["--target", str(into), SWIFT, "setuptools<81"],
        ],
    )


class _Node:
    """The folder of one node: its configuration, its rings and its objects."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.programs = installed()
        self.environment: Mapping[str, str] = {"PYTHONPATH": str(self.programs), "PYTHONWARNINGS": "ignore"}
        (home / "node" / "disk").mkdir(parents=True)
        home.joinpath("swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
            "[storage-policy:0]\nname = gold\ndefault = yes\n"
        )

    def command(self, program: str, *arguments: str) -> list[str]:
        return [sys.executable, str(self.programs / "bin" / f"swift-{program}"), *arguments]

    def configured(self, program: str, port: int, sections: str) -> list[str]:
        """The command of a server, after its configuration is written."""
        user = getpass.getuser()
        path = self.home / f"{program}.conf"
        path.write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = {user}\nswift_dir = {self.home}\n"
            f"devices = {self.home / 'node'}\nmount_check = false\ndisable_fallocate = true\n"
            f"recon_cache_path = {self.home / 'recon'}\n{sections}"
        )
        return self.command(program, str(path), "verbose")

    def make_rings(self, ports: Mapping[str, int]) -> None:
        """One ring a kind of server, of one disk with one copy of everything."""
        pairs = [f"{kind}:{port}" for kind, port in ports.items()]
        command = [sys.executable, "-c", _RINGS, str(self.home), *pairs]
        subprocess.run(command, env={**os.environ, **self.environment}, check=True, capture_output=True)


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Swift with s3api: checks keys and regions, keeps versions, serves nothing that is not signed."""
    package("s3fs")
    node = _Node(tmp_path_factory.mktemp("swift"))
    with ExitStack() as servers:

        def start(program: str, port: int, sections: str) -> None:
            command = node.configured(program, port, sections)
            log = node.home / f"{program}.log"
            servers.enter_context(running(command, port=port, log=log, environment=node.environment))

        ports = {kind: free_port() for kind in ("account", "container", "object")}
        node.make_rings(ports)
        for kind, port in ports.items():
            name = f"{kind}-server"
            start(name, port, f"[pipeline:main]\npipeline = {name}\n[app:{name}]\nuse = egg:swift#{kind}\n")
        proxy_port = free_port()
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{more}\n" for name, more in _FILTERS.items())
        proxy = (
            f"[pipeline:main]\npipeline = {' '.join(_FILTERS)} proxy-server\n{filters}"
            "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n"
        )
        start("proxy-server", proxy_port, proxy)
        yield S3Server(f"http://127.0.0.1:{proxy_port}", KEYS)
