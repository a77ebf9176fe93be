"""Cures that differ by reader: a developer changes an argument in code, an operator an option of the command line.

A message contains the developer's cure, because the library raises it. The command line shows the operator's instead.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Cure:
    """What to change, for both readers. As text it is the developer's.

    Args:
        developer: An argument, as code.
        operator: An option of the command line, or a field of a file that it reads.
    """

    developer: str
    operator: str

    def __str__(self) -> str:
        return self.developer


ALLOW_HTTP = Cure("NetworkPolicy(allow_http=True)", "--allow-private-network")
ALLOW_PRIVATE = Cure("NetworkPolicy(allow_private=True)", "--allow-private-network")
CA_FILE = Cure("NetworkPolicy(ca_file=…)", "--ca-file")
CONNECT_TIMEOUT = Cure("NetworkPolicy(connect_timeout=…)", "--connect-timeout")
READ_TIMEOUTS = Cure("NetworkPolicy(read_timeout=…, call_timeout=…)", "--read-timeout and --call-timeout")
LISTING_TIMEOUT = Cure("NetworkPolicy(listing_timeout=…)", "--listing-timeout")
FILES_TIMEOUT = Cure("NetworkPolicy(files_timeout=…)", "--files-timeout")
PASS_DEADLINE = Cure("scan_merchant(deadline=…)", "the deadline of the passes")
ROLE_KEYS = Cure("AssumeRole.base", "the keys in the credentials file")
ROLE_REGION = Cure("AssumeRole.region", "region in the credentials file")
SESSION_DURATION = Cure("AssumeRole.duration", "duration_minutes in the credentials file")
URL_LIFETIME = Cure("Scanner.url_lifetime", "the lifetime of URLs")
REUSE = Cure("Policy(reuse=True)", "--reuse")
MANIFEST = Cure("Policy(manifest=…)", "--manifest")
MANIFEST_NAME = Cure("Policy.manifest", "--manifest")
OTHER_STORAGE = Cure(
    "create an fsspec file system and pass it to ArtworkStorage(file_system, folder)",
    "use the URL of a bucket, of a web folder, or of a folder of this machine",
)

CURES: tuple[Cure, ...] = (
    ALLOW_HTTP,
    ALLOW_PRIVATE,
    CA_FILE,
    CONNECT_TIMEOUT,
    READ_TIMEOUTS,
    LISTING_TIMEOUT,
    FILES_TIMEOUT,
    PASS_DEADLINE,
    ROLE_KEYS,
    ROLE_REGION,
    SESSION_DURATION,
    URL_LIFETIME,
    REUSE,
    MANIFEST,
    MANIFEST_NAME,
    OTHER_STORAGE,
)
"""All cures that differ by reader."""


def for_operator(text: str) -> str:
    """A message with the cures of an operator in place of those of a developer."""
    for cure in CURES:
        text = text.replace(cure.developer, cure.operator)
    return text
