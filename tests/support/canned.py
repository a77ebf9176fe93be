"""Starts and asks the server of ``canned_s3.py``."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, str(Path(__file__).with_name("canned_s3.py")))
"""Starts it; the port follows."""


class Canned:
    """A server whose keys are made up as they are listed."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"

    def control(self, command: str = "count") -> Any:
        """Sends a command; returns the requests so far by kind, which are forgotten by that."""
        with urllib.request.urlopen(f"{self.endpoint}/-/{command}", timeout=10) as answer:
            answered: Mapping[str, int] | int = json.loads(answer.read())
            return answered
