"""The command line: ``remote-artwork``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what to install when its packages are missing."""
    try:
        import rich
        import typer
    except ImportError:
        sys.stderr.write("remote-artwork: the command line needs more packages: pip install 'remote_artwork[cli]'\n")
        sys.exit(2)
    del rich, typer
    from remote_artwork.cli.app import run

    sys.exit(run(sys.argv[1:]))
