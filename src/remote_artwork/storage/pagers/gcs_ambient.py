"""This machine's own credentials for Google Cloud Storage. Imports the SDK."""

from __future__ import annotations

from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError

from remote_artwork.errors import ConfigurationError


def own_credentials(scope: str) -> Any:
    """Google's application default credentials; looks for them on this machine, and asks its metadata service.

    Args:
        scope: What they are to be good for.

    Raises:
        ConfigurationError: There are none, or they cannot be used.
    """
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"this machine has no credentials for Google Cloud that can be used ({type(error).__name__}); "
            "run gcloud auth application-default login, or give a ServiceAccount"
        ) from error
    return credentials
