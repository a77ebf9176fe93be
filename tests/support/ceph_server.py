"""Ceph's S3 gateway for tests: a cluster of one node in memory, on loopback. Fixture: ``ceph_server``.

Its packages are the system's (Debian: radosgw ceph-mon ceph-osd ceph-common), so root has to install them.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import remote_artwork as ra
from parts import missing, package
from servers import S3Server, free_port, running

KEYS = ra.Keys("compatibility", "a-secret-of-tests")
ATTEMPTS = 5
STEP = 60
"""Seconds that one command on the way to a running cluster may take."""

_CONFIGURATION = """\
[global]
fsid = {cluster}
mon host = v1:127.0.0.1:{monitor_port}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 2000
mon warn on pool no redundancy = false
ms bind msgr2 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = {home}
admin socket = {home}/$name.asok
log file = {home}/$name.log
[mon.a]
mon data = {home}/monitor
mon data avail crit = 1
[osd.0]
osd data = {home}/disk
osd objectstore = memstore
memstore device bytes = 1G
osd max object name len = 2048
osd max object namespace len = 64
[client.rgw]
rgw data = {home}/gateway
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw thread pool size = 16
"""


def _run(*command: str) -> str:
    """What a command prints; a monitor that is not quite up refuses it at first."""
    deadline = time.monotonic() + STEP
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STEP, check=False)
        if not done.returncode:
            return done.stdout.strip()
        if "EPERM" not in done.stderr or time.monotonic() > deadline:
            pytest.fail(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")


@pytest.fixture(scope="session")
def ceph_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Ceph RGW: checks keys, keeps versions, and has public buckets."""
    package("s3fs")
    for name in ("ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool"):
        if shutil.which(name) is None:
            missing(f"Ceph RGW ({name}, by the system's packages: see CONTRIBUTING)")
    with running_ceph(tmp_path_factory.mktemp("ceph")) as endpoint:
        yield S3Server(endpoint, KEYS)


@contextmanager
def running_ceph(home: Path) -> Iterator[str]:
    """Runs it in a folder; returns the URL of its S3 API."""
    for folder in ("monitor", "disk", "gateway"):
        home.joinpath(folder).mkdir()
    with ExitStack() as servers:
        yield f"http://127.0.0.1:{_cluster(home, servers)}"


def _cluster(home: Path, servers: ExitStack) -> int:
    """Brings up monitor, disk and gateway, and makes one user; returns the gateway's port."""
    monitor_port, port = free_port(), free_port()
    cluster, disk = str(uuid.uuid4()), str(uuid.uuid4())
    path = home / "ceph.conf"
    path.write_text(_CONFIGURATION.format(cluster=cluster, monitor_port=monitor_port, home=home, port=port))
    ours = ("-c", str(path))

    def start(name: str, *command: str, at: int | None) -> subprocess.Popen[bytes]:
        # Killed at the end: all of it is in memory, so there is nothing to write back.
        log = home / f"{name}.out"
        return servers.enter_context(running([*command], port=at, log=log, ending=signal.SIGKILL))

    def disk_is_up(process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + STEP
        while process.poll() is None and time.monotonic() < deadline:
            if json.loads(_run("ceph", *ours, "osd", "stat", "--format", "json"))["num_up_osds"]:
                return True
        return False

    address = f"v1:127.0.0.1:{monitor_port}"
    monitors = str(home / "monitors")
    _run("monmaptool", "--create", "--clobber", "--addv", "a", f"[{address}]", "--fsid", cluster, monitors)
    _run("ceph-mon", *ours, "--mkfs", "-i", "a", "--monmap", monitors)
    start("monitor", "ceph-mon", *ours, "-f", "-i", "a", "--public-addr", address, at=monitor_port)
    number = _run("ceph", *ours, "--connect-timeout", "30", "osd", "new", disk)
    _run("ceph-osd", *ours, "-i", number, "--mkfs", "--osd-uuid", disk)
    # A disk that asks before it has heard of its cluster is refused, and ends.
    if not any(disk_is_up(start("disk", "ceph-osd", *ours, "-f", "-i", number, at=None)) for _ in range(ATTEMPTS)):
        pytest.fail(f"ceph-osd did not start:\n{(home / 'disk.out').read_text()}")
    start("gateway", "radosgw", *ours, "-n", "client.rgw", "-f", at=port)
    user = ("user", "create", "--uid=tests", "--display-name=tests")
    keys = (f"--access-key={KEYS.access_key}", f"--secret-key={KEYS.secret_key}")
    _run("radosgw-admin", *ours, "-n", "client.rgw", *user, *keys)
    return port
