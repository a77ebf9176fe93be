"""The migrations match the models."""

from django.core.management import call_command


def test_every_model_change_has_a_migration() -> None:
    call_command("makemigrations", "artwork", check_changes=True, dry_run=True)  # exits with 1 if one is missing
