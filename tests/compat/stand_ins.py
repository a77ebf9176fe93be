"""Which servers play which provider, and the provider's front door: the host names and the URL of its console."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from remote_artwork.storage.provider_table import PROVIDERS

CEPH = "Ceph RGW"
MOTO = "moto"
RCLONE = "rclone"
SWIFT = "OpenStack Swift"
AZURITE = "Azurite"
EMULATOR = "gcp-storage-emulator"


@frozen(kw_only=True)
class FrontDoor:
    """How a merchant comes to a provider.

    Args:
        servers: What plays it here; the first one is the nearest to it.
        url: What its console shows, with ``{bucket}``.
        hosts: The host names that are asked on the way, with ``{bucket}``.
    """

    servers: tuple[str, ...]
    url: str
    hosts: tuple[str, ...]


FRONT_DOORS: Mapping[str, FrontDoor] = {
    "aws": FrontDoor(
        servers=(MOTO,),
        url="https://{bucket}.s3.eu-west-1.amazonaws.com/in/",
        hosts=("{bucket}.s3.eu-west-1.amazonaws.com",),
    ),
    "gcs": FrontDoor(
        servers=(EMULATOR,),
        url="https://console.cloud.google.com/storage/browser/{bucket}/in",
        hosts=("storage.googleapis.com",),
    ),
    "azure": FrontDoor(
        servers=(AZURITE,),
        url="https://devstoreaccount1.blob.core.windows.net/{bucket}/in/",
        hosts=("devstoreaccount1.blob.core.windows.net",),
    ),
    "digitalocean": FrontDoor(
        servers=(CEPH,),
        url="https://{bucket}.nyc3.digitaloceanspaces.com/in/",
        hosts=("nyc3.digitaloceanspaces.com",),
    ),
    "zadara": FrontDoor(
        servers=(SWIFT,),
        url="https://vsa-0000007b-prints.zadarazios.com/{bucket}/in/",
        hosts=("vsa-0000007b-prints.zadarazios.com",),
    ),
    "ibm": FrontDoor(
        servers=(CEPH, RCLONE),
        url="https://{bucket}.s3.eu-de.cloud-object-storage.appdomain.cloud/in/",
        hosts=("s3.eu-de.cloud-object-storage.appdomain.cloud",),
    ),
    "minio": FrontDoor(
        servers=(RCLONE, SWIFT, CEPH),
        url="https://minio.prints.example:9000/{bucket}/in/?provider=minio",
        hosts=("minio.prints.example",),
    ),
    "idrive": FrontDoor(
        servers=(RCLONE, CEPH),
        url="https://{bucket}.q4n8.or.idrivee2-24.com/in/",
        hosts=("q4n8.or.idrivee2-24.com",),
    ),
    "wasabi": FrontDoor(
        servers=(CEPH, RCLONE),
        url="https://s3.eu-central-2.wasabisys.com/{bucket}/in/",
        hosts=("s3.eu-central-2.wasabisys.com",),
    ),
}

CONTRACT = {provider: door.servers[:1] for provider, door in FRONT_DOORS.items()}
"""Where the whole contract is run. Providers that are played by the same server differ in their host names alone."""

_LETS_EVERYBODY_IN = "it lets wrong credentials in"
_KEEPS_NONE = "it keeps none"
LACKS: Mapping[str, Mapping[str, str]] = {
    MOTO: {"access": _LETS_EVERYBODY_IN},
    RCLONE: {
        "versions": _KEEPS_NONE,
        "public": "it has no public buckets",
        "odd_names": "// in a name is not taken",
    },
    SWIFT: {},
    CEPH: {},
    EMULATOR: {"access": _LETS_EVERYBODY_IN, "versions": _KEEPS_NONE},
    AZURITE: {"versions": _KEEPS_NONE},
}
"""What a stand-in lacks and the provider itself does not."""


def what_is_lacked(provider: str, server: str) -> dict[str, str]:
    """What a provider's own row declares, and what its stand-in lacks besides."""
    return {**LACKS[server], **PROVIDERS.get(provider).lacks}
