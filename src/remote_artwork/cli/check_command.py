"""What ``check`` does: prints what each step came to, also where a location cannot even be opened."""

from __future__ import annotations

import typer

import remote_artwork as ra
from remote_artwork.cli.ending import with_notes
from remote_artwork.cli.setup import Options
from remote_artwork.core.visible import visible
from remote_artwork.storage.checking import CheckReport, check_storage


def run_check(options: Options, *, write_test: bool, as_json: bool) -> int:
    """Prints a verdict a line, or the report as JSON; returns the exit code.

    Raises:
        RemoteArtworkError: The location could not be opened, and no report as JSON is wanted, which would say so.
    """
    where, tried = "", "recognised"
    network = options.network()
    try:
        where, tried = str(ra.Location.parse(options.url, options.provider)), "credentials"
        location, credentials = options.place()
        tried = "open"
        storage = ra.open_storage(location, credentials=credentials, network=network)
    except ra.RemoteArtworkError as error:
        if not as_json:
            raise
        return _told(CheckReport.of_refusal(tried, error, location=where))
    steps = []
    for step in check_storage(
        storage, location=location, credentials=credentials, network=network, write_test=write_test
    ):
        steps.append(step)
        if not as_json:
            typer.echo(visible(f"{step.verdict:<9}{step.name}: {with_notes(step.message, step.error)}"))
    report = CheckReport(location=storage.location, steps=steps, requests=storage.requests)
    return _told(report) if as_json else report.exit_code


def _told(report: CheckReport) -> int:
    typer.echo(report.to_json())
    return report.exit_code
