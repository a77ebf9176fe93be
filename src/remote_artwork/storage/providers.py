"""The provider table, and who is looked up in it by name or by host.

A provider is added by a row. Another package adds one by an entry point of the group ``remote_artwork.providers``
that leads to a ``Provider`` with the protocol ``s3``; a row of this table goes before it, by id and by host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from attrs import frozen

from remote_artwork.storage import provider_s3 as s3
from remote_artwork.storage.provider_clouds import AWS, AZURE, GCS
from remote_artwork.storage.provider_row import Capability, HostRule, Provider

ENTRY_POINTS = "remote_artwork.providers"

_log = logging.getLogger(__name__)

MINIO = Provider(
    id="minio",
    title="MinIO",
    custom_hosts=True,
    console_path=r"/(?:browser|object-browser|buckets|minio|login)(?:/.*)?",
    default_region="us-east-1",
    quirks=("Often on a private address, which the operator must allow.",),
    verified="stand-in",
    verified_by="rclone, OpenStack Swift, Ceph RGW",
)
CUSTOM_S3 = Provider(
    id="s3",
    title="Any other S3 server",
    custom_hosts=True,
    default_region="us-east-1",
    verified="same server software",
    verified_by="OpenStack Swift, Ceph RGW, rclone, moto",
)
WEB = Provider(
    id="web",
    title="A public folder of a web server",
    protocol="http",
    quirks=(
        "Seldom has a listing: expected names are asked for one by one. A 403 does not prove that a file is missing.",
        "Has to send an ETag or Last-Modified, and 404 for what is not there. Redirects are not followed.",
    ),
    hosts=(
        HostRule(
            host=r"link\.(?:[a-z0-9-]+\.)?storjshare\.io",
            refusal="a share link holds a credential in its path; use Storj's S3 gateway with keys",
        ),
    ),
    verified="same server software",
    verified_by="a web server",
)
_OF_THIS_MACHINE: Mapping[Capability, str] = {
    "order": "a folder lists its files as they come",
    "start_after": "a folder is listed whole",
    "pages": "a page is a folder",
    "odd_names": "repeated slashes mean nothing to a file system",
    "replacement": "a file is read as it is now",
    "versions": "only the latest file is kept",
    "access": "whoever runs this programme is let in",
    "signed_url": "a path on this machine is not signed",
    "public": "there is no public side to it",
}
FILE = Provider(
    id="file",
    title="A local folder",
    protocol="file",
    lacks=_OF_THIS_MACHINE,
    verified="live",
    verified_by="the file system",
)
MEMORY = Provider(
    id="memory",
    title="Memory, for tests",
    protocol="memory",
    lacks=_OF_THIS_MACHINE,
    verified="live",
    verified_by="fsspec",
)

BUILT_IN: tuple[Provider, ...] = (
    AWS,
    GCS,
    AZURE,
    s3.DIGITALOCEAN,
    s3.ZADARA,
    s3.IBM,
    MINIO,
    s3.IDRIVE,
    s3.WASABI,
    s3.R2,
    s3.B2,
    s3.LINODE,
    s3.SCALEWAY,
    s3.HETZNER,
    s3.OVH,
    s3.ORACLE,
    s3.ALIBABA,
    s3.TENCENT,
    CUSTOM_S3,
    WEB,
    FILE,
    MEMORY,
)


@frozen
class HostMatch:
    """A host that belongs to a provider: by which rule, and which parts of it mean what."""

    provider: Provider
    rule: HostRule
    groups: dict[str, str]


def all_providers() -> Iterator[Provider]:
    """The rows of this table, then those of other packages, which are loaded when they are come to."""
    yield from BUILT_IN
    yield from _from_other_packages()


def provider_named(name: str) -> Provider | None:
    """The row with this id, or None."""
    return next((row for row in all_providers() if row.id == name), None)


def match_host(host: str, path: str) -> HostMatch | None:
    """Whose host this is, by the first rule that matches wholly; None when nobody's.

    Args:
        host: Lower case, without port.
        path: Decoded, from the first ``/`` on.
    """
    for row in all_providers():
        for rule in row.hosts:
            groups = rule.match(host, path)
            if groups is not None:
                return HostMatch(row, rule, groups)
    return None


@cache
def _from_other_packages() -> tuple[Provider, ...]:
    taken = {row.id for row in BUILT_IN}
    rows = []
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        row = _load(entry_point)
        if row is not None and row.id not in taken:
            taken.add(row.id)
            rows.append(row)
    return tuple(rows)


def _load(entry_point: EntryPoint) -> Provider | None:
    try:
        row = entry_point.load()
    except Exception:  # noqa: BLE001 - whatever another package does wrong must not stop a URL from being read
        _log.warning("provider_entry_point_broken", extra={"entry_point": entry_point.name}, exc_info=True)
        return None
    if not isinstance(row, Provider) or row.protocol != "s3":
        _log.warning("provider_entry_point_is_no_s3_provider", extra={"entry_point": entry_point.name})
        return None
    return row
