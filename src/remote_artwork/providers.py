"""Storage providers: how their URLs look and what their storage can do."""

from remote_artwork.storage.providers import HostRule, Provider

__all__ = ["HostRule", "Provider"]
