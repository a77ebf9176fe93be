"""Credentials for storage locations."""

from remote_artwork.storage.credentials import (
    AccountKey,
    Ambient,
    Anonymous,
    AssumeRole,
    Credentials,
    Keys,
    SasToken,
    ServiceAccount,
)

__all__ = ["AccountKey", "Ambient", "Anonymous", "AssumeRole", "Credentials", "Keys", "SasToken", "ServiceAccount"]
