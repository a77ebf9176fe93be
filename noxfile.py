"""The project's sessions. ``nox`` runs those of ``nox.options``; ``nox --session NAME`` runs any one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "tests", "docs", "examples", "build"]
nox.options.reuse_venv = "no" if os.environ.get("CI") else "yes"
nox.options.error_on_external_run = True

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """The requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def install_for_tests(session: nox.Session) -> None:
    """Installs the built package and the test tools by one command: moto and s3fs must agree on one botocore."""
    session.install(".[all]", *group("test"))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, and the one way in which imports go."""
    session.install(".", *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")  # its cache does not notice a module that has come to be


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types of the library and the examples, and the public API as a host's type checker sees it."""
    session.install(".[all]", *group("typing"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests against the built package, real servers included; arguments go to pytest."""
    install_for_tests(session)
    session.run("coverage", "erase")
    two_at_once = "--numprocesses=2"  # they wait most of the time
    session.run("coverage", "run", "-m", "pytest", two_at_once, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, with the package as it is without its extras."""
    session.install(".", *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "--fresh-env", "docs", "docs/_build/html")


@nox.session
def examples(session: nox.Session) -> None:
    """Every example in a process of its own; its output is compared."""
    install_for_tests(session)
    session.run("pytest", "tests/acceptance/test_examples.py", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Source archive and wheel; the wheel alone is imported, then its demo runs, both far from this tree."""
    session.install(*group("build"))
    workplace = Path(session.create_tmp()).resolve()
    dist, fresh = workplace / "dist", workplace / "fresh"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    [wheel] = dist.glob("*.whl")
    session.run("python", "-m", "venv", "--clear", str(fresh))
    session.chdir(workplace)
    python, demo = str(fresh / "bin" / "python"), str(fresh / "bin" / "remote-artwork")
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
    session.run(python, "-W", "error", "-c", "import remote_artwork; print(remote_artwork.__version__)", external=True)
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli]", external=True)
    session.run(demo, "demo", external=True)
    session.run(python, "-m", "pip", "install", "--quiet", *group("contract"), external=True)
    uploads = workplace / "uploads"
    uploads.mkdir(exist_ok=True)
    uploads.joinpath("1001_1.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    # An operator tries a storage of his own; this tree's settings for pytest are none of his.
    own = ["-ra", "-c", os.devnull, "--pyargs", "remote_artwork.testing", "--storage-url", uploads.as_uri()]
    session.run(python, "-m", "pytest", *own, external=True)


@nox.session
def crash(session: nox.Session) -> None:
    """The proofs that take long: every double crash, hundreds of kills, a thousand runs; arguments go to pytest."""
    install_for_tests(session)
    session.run("pytest", "tests/crash", "tests/property", "--thorough", "-m", "thorough", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; arguments go to pytest. Writes the table of the page Performance."""
    session.install(".[all]", *group("test"), *group("bench"))
    session.run("pytest", "tests/benchmarks", *session.posargs)
    session.run("python", "tests/benchmarks/listing_peers.py", "docs/performance_table.md")


@nox.session
def compat(session: nox.Session) -> None:
    """Tries every provider on its stand-ins, prints what was shown, and writes that into the documentation."""
    install_for_tests(session)
    session.run("pytest", "tests/compat", "--write-page", *session.posargs)


@nox.session
def outages(session: nox.Session) -> None:
    """Measures every outage with the policies that everybody gets, and writes the tables of docs/outages.md."""
    install_for_tests(session)
    session.run("python", "tests/benchmarks/measure_outages.py", env={"PYTHONPATH": "tests/support"})
