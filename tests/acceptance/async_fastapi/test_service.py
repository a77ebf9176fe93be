"""The service as its README starts it: with SeaweedFS, which reports uploads."""

from __future__ import annotations

import re
import shlex
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from parts import package, program
from remote_artwork.notifications.receiving import MAX_BYTES
from servers import PATIENCE, free_port, running
from shop_files import JPEG

pytestmark = pytest.mark.server

EXAMPLES = Path(__file__).parents[3] / "examples"


@contextmanager
def service_in(folder, *, merchants):
    """Start the service with the command of its README. Yields a client of it, and its process."""
    for name in ("fastapi", "aiosqlite", "s3fs"):
        package(name)
    program("weed")
    readme = EXAMPLES.joinpath("async_fastapi", "README.md").read_text(encoding="utf-8")
    line = re.search(r"```sh\n(.*)\n```", readme)[1]
    variable, command, *arguments = shlex.split(line.rpartition(" && ")[2])
    assert variable == "PYTHONPATH=examples"
    port = free_port()
    command_line = [program(Path(command).name), "-W", "error", *arguments]
    command_line += ["--merchants", str(merchants), "--port", str(port)]
    environment = {"PYTHONPATH": str(EXAMPLES), "MERCHANTS_HOME": str(folder / "data"), "MERCHANTS_EVERY": "3600"}
    log = folder / "log"
    with (
        running(command_line, port=port, log=log, environment=environment) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
    ):
        yield client, process, log


def wait_until(holds):
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        if holds():
            return
        waiting.wait(0.1)
    pytest.fail("it did not happen")


def test_an_upload_is_fulfilled_and_the_service_ends_cleanly(tmp_path):
    from async_fastapi.demo import upload

    with service_in(tmp_path, merchants=3) as (client, process, log):
        endpoint = re.search(r"http://\S+?(?=/prints/)", log.read_text())[0]

        def orders(merchant):
            return client.get(f"/merchants/{merchant}/orders").json()

        # Merchants that were never scanned are due at once; then each is scanned at its place in the hour.
        wait_until(lambda: len(client.get("/merchants").json()) == 3)
        wait_until(lambda: all(each["succeeded_at"] for each in client.get("/merchants").json()))
        assert orders("m-0001") == {"1001": "fulfilled", "1002": "pending"}
        [state] = client.get("/merchants/m-0001").json()
        assert state["result"]["counts"] == {"fulfilled": 1, "missing": 1}
        upload(endpoint, {"m-0001/1002_1.jpg": JPEG})
        wait_until(lambda: orders("m-0001") == {"1001": "fulfilled", "1002": "fulfilled"})
        assert orders("m-0002") == {"1001": "fulfilled", "1002": "pending"}

        assert client.post("/merchants/m-0002/orders/1002/scan").status_code == 202
        assert client.post("/merchants/m-9999/orders/1002/scan").status_code == 404
        forged = {"Authorization": "Bearer another secret"}
        assert client.post("/notifications/seaweedfs", content=b"{}", headers=forged).status_code == 401
        signed = {"Authorization": "Bearer a-secret-of-this-machine"}
        assert client.post("/notifications/seaweedfs", content=b"{", headers=signed).status_code == 400
        assert client.post("/notifications/seaweedfs", content=bytes(MAX_BYTES + 1), headers=signed).status_code == 413
        assert client.post("/notifications/elsewhere", content=b"{}", headers=signed).status_code == 404

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in log.read_text()
        with pytest.raises(httpx.TransportError):
            httpx.get(endpoint)
