"""Uses one location after another on a hostile server. Prints a JSON line for each, with the peak memory.

Arguments: the protocol, the endpoint, and the names of the attacks.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import remote_artwork as ra
from merchant_locations import USES, open_at

PATIENT = ra.NetworkPolicy(allow_private=True, allow_http=True, call_timeout=20.0, listing_timeout=1.0)
WAITING = attrs.evolve(PATIENT, call_timeout=1.0)
"""For attacks that end only with a timeout."""

protocol, endpoint, *names = sys.argv[1:]
for name in names:
    network = WAITING if name.startswith("waiting") else PATIENT
    storage = open_at(protocol, endpoint, f"{name}/in", None, network, retry=ra.RetryPolicy(attempts=1))
    for kind in ("list", "get"):
        use = USES[kind]
        begin = time.monotonic()
        error_text, result = "", None
        try:
            result = use(storage)
        except ra.RemoteArtworkError as error:
            error_text = f"{type(error).__name__}: {error}"
        print(
            json.dumps(
                {
                    "attack": name,
                    "use": kind,
                    "error": error_text,
                    "result": repr(result)[:200],
                    "seconds": round(time.monotonic() - begin, 2),
                    "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                    "requests": sum(storage.requests.values()),
                }
            ),
            flush=True,
        )
