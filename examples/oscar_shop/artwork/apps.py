"""The app's name and its keys."""

from django.apps import AppConfig


class ArtworkConfig(AppConfig):
    """Print files of the orders, and what is remembered of sending them."""

    name = "artwork"
    default_auto_field = "django.db.models.BigAutoField"
