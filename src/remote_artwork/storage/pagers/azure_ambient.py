"""This machine's own credentials for Azure. Imports the SDK."""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ClientAuthenticationError

from remote_artwork.errors import ConfigurationError, MissingExtra


class OfThisMachine:
    """Azure's default credential: environment, workload or managed identity, or a signed-in tool. Asks when it is used.

    Raises:
        MissingExtra: Azure's package for it is not installed.
    """

    def __init__(self) -> None:
        try:
            from azure.identity.aio import DefaultAzureCredential
        except ImportError as error:
            raise MissingExtra(
                "Ambient() on Azure needs azure-identity: pip install 'remote_artwork[azure]'"
            ) from error
        self._found = DefaultAzureCredential()

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token for the SDK.

        Raises:
            ConfigurationError: This machine has no credentials that Azure takes.
        """
        try:
            return await self._found.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise ConfigurationError(
                "this machine has no credentials for Azure that can be used; "
                "run az login, give it a managed identity, or pass a SasToken"
            ) from error

    async def close(self) -> None:
        """Ends the connections to whoever gives out tokens."""
        await self._found.close()
