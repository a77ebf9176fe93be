"""Everything that is run on this project. ``nox`` runs the default sessions; ``nox --session NAME`` runs one.

``.ci/run`` and the workflows in ``.github`` run these sessions, so that there is one definition of each check.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "tests", "docs", "examples", "build"]
nox.options.reuse_venv = "no" if os.environ.get("CI") else "yes"
nox.options.error_on_external_run = True

PROJECT = nox.project.load_toml("pyproject.toml")
TWO_WORKERS = "--numprocesses=2"  # tests spend most of their time waiting for servers


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def install_for_tests(session: nox.Session, *options: str) -> None:
    """Install the built package and the test tools in one command: moto and s3fs must agree on one botocore."""
    session.install(*options, ".[all]", *group("test"))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the direction of imports, and the workflows."""
    session.install(".", *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")  # the cache does not notice a new module
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types strictly, and check that the public API is completely typed for a second type checker."""
    session.install(".[all]", *group("typing"))
    session.run("mypy")
    session.run("pyright", "--verifytypes", "remote_artwork", "--ignoreexternal")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests against the built package, with real servers; arguments go to pytest."""
    install_for_tests(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", TWO_WORKERS, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    # A part of the tests covers a part of the code.
    session.run("coverage", "report", *["--fail-under=0"] * bool(session.posargs))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with the package as it is without extras."""
    session.install(".", *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "--fresh-env", "docs", "docs/_build/html")


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example in a process of its own and compare its output."""
    install_for_tests(session)
    session.run("pytest", "tests/acceptance/test_examples.py", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the source archive and the wheel, then use the wheel far from this tree."""
    session.install(*group("build"))
    workplace = Path(session.create_tmp()).resolve()
    dist, fresh = workplace / "dist", workplace / "fresh"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    [wheel] = dist.glob("*.whl")
    session.run("python", "-m", "venv", "--clear", str(fresh))
    session.chdir(workplace)
    python, program = str(fresh / "bin" / "python"), str(fresh / "bin" / "remote-artwork")
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
    session.run(python, "-W", "error", "-c", "import remote_artwork; print(remote_artwork.__version__)", external=True)
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli]", external=True)
    session.run(program, "demo", external=True)
    session.run(python, "-m", "pip", "install", "--quiet", *group("contract"), external=True)
    uploads = workplace / "uploads"
    uploads.mkdir(exist_ok=True)
    uploads.joinpath("1001_1.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    # An operator tests a storage; this tree's pytest settings do not apply there.
    options = ["-ra", "-c", os.devnull, "--pyargs", "remote_artwork.testing", "--storage-url", uploads.as_uri()]
    session.run(python, "-m", "pytest", *options, external=True)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests that need no server with the lowest supported version of every dependency."""
    extras = PROJECT["project"]["optional-dependencies"]
    requirements = [*PROJECT["project"]["dependencies"], *(line for lines in extras.values() for line in lines)]
    floors = Path(session.create_tmp(), "lowest.txt").resolve()
    pins = sorted({line.replace(">=", "==") for line in requirements if ">=" in line})
    floors.write_text("".join(re.sub(r"\[.*?\]", "", f"{pin}\n") for pin in pins))  # a constraint names no extra
    install_for_tests(session, "--constraint", str(floors))
    session.run("pytest", TWO_WORKERS, "tests/unit", "tests/property", "tests/contract", *session.posargs)


@nox.session
def ledgers(session: nox.Session) -> None:
    """Run the tests of the ledgers; REMOTE_ARTWORK_TEST_POSTGRES names a PostgreSQL server to use."""
    install_for_tests(session)
    names = ["tests/unit/ledgers", "tests/contract/test_ledgers.py", "tests/acceptance/test_ledger_costs.py"]
    names += sorted(str(path) for path in Path("tests/integration").glob("test_sql_ledger*.py"))
    session.run("pytest", TWO_WORKERS, *names, *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Run the long proofs: every double crash, hundreds of kills, a thousand runs of the state machine."""
    install_for_tests(session)
    options = ["--thorough", "-m", "thorough", "--ignore=tests/crash/test_vendure.py"]  # has a session of its own
    session.run("pytest", "tests/crash", "tests/property", *options, *session.posargs)


@nox.session
def vendure(session: nox.Session) -> None:
    """Run all tests with a real Vendure, also the long ones: 40 processes are killed; measure its throughput."""
    install_for_tests(session)
    names = [f"tests/{folder}/test_vendure.py" for folder in ("contract", "integration", "crash")]
    session.run("pytest", "--thorough", *names, *session.posargs)
    session.run("python", "tests/benchmarks/vendure_throughput.py", "docs/explanation/throughput_vendure.md")


@nox.session
def simulate(session: nox.Session) -> None:
    """Run 100,000 simulated histories and write the result into the docs; arguments go to the script."""
    install_for_tests(session)
    env = {"PYTHONPATH": "tests/support"}
    session.run("python", "tests/crash/simulate.py", "--write", *session.posargs, env=env)


@nox.session
def fleet_simulation(session: nox.Session) -> None:
    """Run 10,000 merchants for 24 simulated hours and write the result into the docs; arguments go to the script."""
    install_for_tests(session)
    env = {"PYTHONPATH": "tests/support"}
    session.run("python", "tests/crash/simulate_fleet.py", "--write", *session.posargs, env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks and write the tables of the performance page; arguments go to pytest."""
    session.install(".[all]", *group("test"), *group("bench"))
    session.run("pytest", "tests/benchmarks", *session.posargs)
    session.run("python", "tests/benchmarks/listing_peers.py", "docs/explanation/performance_table.md")
    session.run("python", "tests/benchmarks/throughput.py", "docs/explanation")


@nox.session
def fleet(session: nox.Session) -> None:
    """Scan 1,000 merchants with Celery while workers are killed; write the figures into the docs. Needs Redis."""
    install_for_tests(session)
    env = {"PYTHONPATH": os.pathsep.join(["tests/support", "examples"])}
    session.run("python", "tests/benchmarks/fleet_rounds.py", "docs/explanation/throughput_fleet.md", env=env)


@nox.session
def async_merchants(session: nox.Session) -> None:
    """Measure the async example with 500 merchants, and uploads to Ceph, and write the tables of the docs."""
    install_for_tests(session)
    session.run("python", "tests/benchmarks/async_merchants.py", "docs/explanation")


@nox.session
def call_budget(session: nox.Session) -> None:
    """Measure how exactly several processes keep a shared limit of calls; write the table of the performance page."""
    install_for_tests(session)
    session.run("python", "tests/benchmarks/call_budget.py", "docs/explanation/throughput_budgets.md")


@nox.session
def compat(session: nox.Session) -> None:
    """Test every provider against its stand-in server and write the compatibility page."""
    install_for_tests(session)
    session.run("pytest", "tests/compat", "--write-page", *session.posargs)


@nox.session
def outages(session: nox.Session) -> None:
    """Measure every kind of outage with the default policies and write the tables of the outages page."""
    install_for_tests(session)
    session.run("python", "tests/benchmarks/measure_outages.py", env={"PYTHONPATH": "tests/support"})


@nox.session
def release(session: nox.Session) -> None:
    """Build dist/ from a clean tree, check it, and write sbom.cdx.json; a maintainer then pushes the tag."""
    session.install(*group("release"))
    if session.run("git", "status", "--porcelain", external=True, silent=True):
        session.error("the working tree has changes that are not committed; commit them, then build the release")
    dist = Path("dist")
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    artifacts = sorted(str(path) for path in dist.iterdir())
    session.run("twine", "check", "--strict", *artifacts)
    session.run("check-wheel-contents", *(name for name in artifacts if name.endswith(".whl")))
    packed = Path(session.create_tmp(), "packed").resolve()
    session.run("python", "-m", "venv", "--clear", str(packed))
    python = str(packed / "bin" / "python")
    [wheel] = dist.glob("*.whl")
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[all]", external=True)
    session.run("cyclonedx-py", "environment", python, "--output-file", "sbom.cdx.json")
    version = wheel.name.split("-")[1]
    session.log("%s is ready in dist/, its bill of materials in sbom.cdx.json.", version)
    session.log("To publish a release: git tag v1.2.0 && git push origin v1.2.0 (with the version you release)")
