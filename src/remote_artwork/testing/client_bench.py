"""``ClientBench``: what the contract needs from the sandbox of a shop, and what a sandbox cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NoReturn

import pytest

from remote_artwork.testing.plugin import LEFT_OUT

Capability = Literal["cancel", "delete", "pending_ids", "read_urls", "reset_client", "break_after_write"]
"""What a sandbox may lack. The tests that need it are left out."""


def leave_out(capability: Capability, lacks: Mapping[Capability, str]) -> NoReturn:
    """Skips the test because the sandbox lacks a capability."""
    reason = lacks.get(capability) or f"override the fixture `{capability}` to test this"
    pytest.skip(f"{LEFT_OUT}{capability}: {reason}")
