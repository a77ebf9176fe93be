"""The local servers that stand in for each provider, with the provider's host names and console URL."""

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
class ProviderSetup:
    """How the tests reach a provider.

    Args:
        servers: The servers that stand in for it. The first one is the most similar.
        url: The URL that its console shows, with ``{bucket}``.
        hosts: The host names that the library requests, with ``{bucket}``.
    """

    servers: tuple[str, ...]
    url: str
    hosts: tuple[str, ...]


SETUPS: Mapping[str, ProviderSetup] = {
    "aws": ProviderSetup(
        servers=(MOTO,),
        url="https://{bucket}.s3.eu-west-1.amazonaws.com/in/",
        hosts=("{bucket}.s3.eu-west-1.amazonaws.com",),
    ),
    "gcs": ProviderSetup(
        servers=(EMULATOR,),
        url="https://console.cloud.google.com/storage/browser/{bucket}/in",
        hosts=("storage.googleapis.com",),
    ),
    "azure": ProviderSetup(
        servers=(AZURITE,),
        url="https://devstoreaccount1.blob.core.windows.net/{bucket}/in/",
        hosts=("devstoreaccount1.blob.core.windows.net",),
    ),
    "digitalocean": ProviderSetup(
        servers=(CEPH,),
        url="https://{bucket}.nyc3.digitaloceanspaces.com/in/",
        hosts=("nyc3.digitaloceanspaces.com",),
    ),
    "zadara": ProviderSetup(
        servers=(SWIFT,),
        url="https://vsa-0000007b-prints.zadarazios.com/{bucket}/in/",
        hosts=("vsa-0000007b-prints.zadarazios.com",),
    ),
    "ibm": ProviderSetup(
        servers=(CEPH, RCLONE),
        url="https://{bucket}.s3.eu-de.cloud-object-storage.appdomain.cloud/in/",
        hosts=("s3.eu-de.cloud-object-storage.appdomain.cloud",),
    ),
    "minio": ProviderSetup(
        servers=(RCLONE, SWIFT, CEPH),
        url="https://minio.prints.example:9000/{bucket}/in/?provider=minio",
        hosts=("minio.prints.example",),
    ),
    "idrive": ProviderSetup(
        servers=(RCLONE, CEPH),
        url="https://{bucket}.q4n8.or.idrivee2-24.com/in/",
        hosts=("q4n8.or.idrivee2-24.com",),
    ),
    "wasabi": ProviderSetup(
        servers=(CEPH, RCLONE),
        url="https://s3.eu-central-2.wasabisys.com/{bucket}/in/",
        hosts=("s3.eu-central-2.wasabisys.com",),
    ),
}

CONTRACT = {provider: setup.servers[:1] for provider, setup in SETUPS.items()}
"""The servers that run the whole contract. Providers with the same server differ only in their host names."""

_NO_ACCESS_CHECK = "it accepts wrong credentials"
_NO_VERSIONS = "it keeps no older versions"
LACKS: Mapping[str, Mapping[str, str]] = {
    MOTO: {"access": _NO_ACCESS_CHECK},
    RCLONE: {
        "versions": _NO_VERSIONS,
        "public": "it has no public buckets",
        "odd_names": "it does not accept // in a name",
    },
    SWIFT: {},
    CEPH: {},
    EMULATOR: {"access": _NO_ACCESS_CHECK, "versions": _NO_VERSIONS},
    AZURITE: {"versions": _NO_VERSIONS},
}
"""What a stand-in cannot do, although the provider can."""


def known_gaps(provider: str, server: str) -> dict[str, str]:
    """What the provider's row declares, and what its stand-in cannot do."""
    return {**LACKS[server], **PROVIDERS.get(provider).lacks}
