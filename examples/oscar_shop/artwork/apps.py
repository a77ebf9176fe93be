"""Django's configuration of this app."""

from django.apps import AppConfig


class ArtworkConfig(AppConfig):
    """The artwork of order lines, and the ledger of the scans."""

    name = "artwork"
    default_auto_field = "django.db.models.BigAutoField"
