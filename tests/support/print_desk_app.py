"""Starts the print desk as its README says, and does what a merchant does in a browser."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from attrs import frozen
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from parts import program
from servers import free_port, running

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds that a page may take to respond, or to show the expected text."""
EVIL = "<img src=x onerror=document.title='taken'>"
"""Part of a file name that attacks a page."""


@frozen
class RunningDesk:
    url: str
    log: Path

    def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Post a form as a browser does from a page of the desk."""
        return httpx.post(f"{self.url}{path}", data=data, headers={"Origin": self.url, **headers}, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE)


@contextmanager
def desk_in(folder: Path, **environment: str) -> Iterator[RunningDesk]:
    """Start the desk with the command of its README."""
    readme = EXAMPLES.joinpath("print_desk", "README.md").read_text(encoding="utf-8")
    line = re.search(r"```sh\n(.*)\n```", readme)[1]
    command, *arguments = shlex.split(line.rpartition(" && ")[2])
    port = free_port()
    arguments[arguments.index("examples")] = str(EXAMPLES)
    environment["PRINT_DESK_HOME"] = str(folder / "data")
    command_line = [program(Path(command).name), *arguments, "--port", str(port)]
    with running(command_line, port=port, log=folder / "log", environment=environment):
        yield RunningDesk(f"http://127.0.0.1:{port}", folder / "log")


def see(page, selector, expected=""):
    """Wait until an element contains the text, and return the whole text of the element."""

    def text(_):
        found = page.find_elements(By.CSS_SELECTOR, selector)
        return next((part.text for part in found if part.text and expected in part.text), None)

    return WebDriverWait(page, PATIENCE, 0.05, [Exception]).until(text, f"{expected!r} in {selector}")


def paste(page, desk, url, keys=None):
    page.get(f"{desk.url}/storage")
    for name, value in {"access_key": keys and keys.access_key, "secret_key": keys and keys.secret_key}.items():
        page.find_element(By.NAME, name).send_keys(value or "")
    page.find_element(By.NAME, "url").send_keys(url)
