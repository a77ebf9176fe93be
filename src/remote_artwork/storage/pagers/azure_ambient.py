"""This machine's own credentials for Azure. Imports the SDK."""

from __future__ import annotations

from typing import Any

from remote_artwork.errors import MissingExtra


def own_credentials() -> Any:
    """Azure's default credential: environment, workload or managed identity, or a signed-in tool. Asks nobody yet.

    Raises:
        MissingExtra: Azure's package for it is not installed.
    """
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise MissingExtra("Ambient() on Azure needs azure-identity: pip install 'remote_artwork[azure]'") from error
    return DefaultAzureCredential()
