"""The client that the documentation shows passes the contract, by the test class that the documentation shows."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "clients" / "writing.md"

for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
    exec(compile(block, PAGE.name, "exec"), globals())
