"""The files of examples/schedule that are no Python: run, or checked by the scheduler's own tools."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line import PROGRAM, Shop
from parts import package, program
from shop_files import uploaded

ROOT = Path(__file__).parents[2]
FILES = ROOT / "examples" / "schedule"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def shop(tmp_path):
    """A shop of two orders, in a folder that also holds the files of the page."""
    shop = Shop(tmp_path / "shop", "1001_1.jpg", "1002_1.png")
    shutil.copytree(FILES, shop.home, dirs_exist_ok=True)
    return shop


@pytest.fixture
def command(tmp_path):
    """A folder for the PATH that holds ``remote-artwork``, of this tree."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "remote-artwork"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    script.chmod(0o755)
    return folder


def is_hourly(crontab: str) -> bool:
    return is_every(HOUR, crontab)


def is_every(interval: timedelta, crontab: str) -> bool:
    """By APScheduler's strict reading of the five fields."""
    trigger = package("apscheduler.triggers.cron").CronTrigger.from_crontab(crontab, timezone=UTC)
    first = trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    return trigger.get_next_fire_time(first, first + timedelta(seconds=1)) - first == interval


def understood(arguments: list[str]) -> None:
    """Reads arguments as the command line does, without doing anything; it exits where it does not know one."""
    from typer.main import get_command

    from remote_artwork.cli.app import app

    group = get_command(app)
    name, found, rest = group.resolve_command(group.make_context("remote-artwork", ["scan", "-"]), list(arguments))
    found.make_context(name, rest)


def settings_of(shop) -> Path:
    """``prints.env`` with other values: a folder, for which there are no keys."""
    given = {
        "LOCATION": shop.artwork.as_uri(),
        "OPTIONS": f"--orders-file {shop.orders}",
        "KEYS": "anonymous",
    }
    text = FILES.joinpath("prints.env").read_text()
    for name, value in given.items():
        text, found = re.subn(rf'^{name}=".*"$', f'{name}="{value}"', text, flags=re.MULTILINE)
        assert found == 1
    path = shop.home / "prints.env"
    path.write_text(text)
    return path


class TestCron:
    @staticmethod
    def lines():
        lines = FILES.joinpath("crontab").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def test_the_table_is_hourly_and_has_no_percent_sign_that_cron_would_take_for_a_new_line(self):
        *settings, job, _ = self.lines()
        assert all(re.fullmatch(r"[A-Z]+=\S+", line) for line in settings)
        fields, command = job.split(maxsplit=5)[:5], job.split(maxsplit=5)[5]
        assert is_hourly(" ".join(fields))
        assert "%" not in command
        assert command.split() == ["/srv/prints/scan-and-report", "/etc/prints/prints.env"]

    def test_one_scan_a_day_is_a_sweep(self, shop, command):
        *fields, script, settings, option = self.lines()[-1].split()
        assert (is_every(DAY, " ".join(fields)), option) == (True, "--sweep")
        assert [script, settings] == ["/srv/prints/scan-and-report", "/etc/prints/prints.env"]
        command.joinpath("remote-artwork").write_text('#!/bin/sh\necho "$@"\nexit 1\n')
        arguments = self.run(shop, command, "--sweep").stdout.split()
        understood(arguments)
        assert [given for given in arguments if given not in self.run(shop, command).stdout.split()] == ["--sweep"]

    def run(self, shop, command, *options, **more):
        environment = {**os.environ, "PATH": f"{command}:/usr/bin:/bin", "WAIT": "0", **more}
        job = [shop.home / "scan-and-report", settings_of(shop), *options]
        return subprocess.run(job, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def test_a_scan_that_needs_no_person_prints_nothing_and_leaves_no_file(self, shop, command, tmp_path):
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        ended = self.run(shop, command, TMPDIR=str(scratch))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        assert set(shop.statuses().values()) == {"fulfilled"}
        assert list(scratch.iterdir()) == []

    def test_one_that_needs_a_person_prints_the_report_and_is_not_repeated(self, shop, command):
        uploaded(shop.artwork / "1001_1.jpg", b"no picture")
        ended = self.run(shop, command)
        assert ended.returncode == 1
        assert "rejected" in ended.stdout

    def test_an_outage_is_tried_again(self, shop, command, tmp_path):
        codes = tmp_path / "codes"
        codes.write_text("3 0")
        fake = "#!/bin/sh\nread -r first rest < {0}\necho $rest > {0}\necho tried\nexit $first\n"
        command.joinpath("remote-artwork").write_text(fake.format(codes))
        assert (self.run(shop, command).returncode, codes.read_text().strip()) == (0, "")
        codes.write_text("3 3 0")
        ended = self.run(shop, command)
        assert (ended.returncode, ended.stdout, codes.read_text().strip()) == (3, "tried\n", "0")


class TestSystemd:
    UNITS = ("prints.service", "prints.timer", "prints-alert.service", "prints-watch.service")

    @staticmethod
    def setting(unit, section, name):
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.optionxform = str
        parser.read(FILES / unit)
        return parser[section][name]

    def test_systemd_finds_no_fault_in_the_units(self, shop, command):
        analyze = program("systemd-analyze")
        for unit in self.UNITS:
            text = FILES.joinpath(unit).read_text()
            (shop.home / unit).write_text(text.replace("/srv/prints/venv/bin", str(command)))
        units = [str(shop.home / unit) for unit in self.UNITS]
        ended = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_systemd_would_find_a_fault(self, shop):
        analyze = program("systemd-analyze")
        unit = shop.home / "wrong.service"
        unit.write_text(FILES.joinpath("prints.service").read_text().replace("Restart=", "Restrat="))
        ended = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False, timeout=60)
        assert "Restrat" in ended.stderr

    def test_the_timer_is_hourly(self):
        analyze, calendar = program("systemd-analyze"), self.setting("prints.timer", "Timer", "OnCalendar")
        output = subprocess.run(
            [analyze, "calendar", "--iterations=2", "--base-time=2026-01-01 00:30:00 UTC", calendar],
            capture_output=True, text=True, check=True, timeout=60, env={**os.environ, "TZ": "UTC"},
        ).stdout  # fmt: skip
        times = re.findall(r"2026-01-01 (\d\d:\d\d:\d\d)", output)
        assert {"01:00:00", "02:00:00"} <= set(times)

    @pytest.mark.parametrize("unit", ["prints.service", "prints-watch.service"])
    def test_the_command_line_understands_the_service(self, unit):
        settings = dict(re.findall(r'^(\w+)="(.*)"$', FILES.joinpath("prints.env").read_text(), re.MULTILINE))
        executable, *arguments = shlex.split(self.setting(unit, "Service", "ExecStart"))
        assert Path(executable).name == "remote-artwork"
        whole = [settings["LOCATION"] if argument == "${LOCATION}" else argument for argument in arguments]
        place = whole.index("$OPTIONS")
        understood([*whole[:place], *settings["OPTIONS"].split(), *whole[place + 1 :]])

    def test_the_command_line_would_not_understand_another_option(self):
        with pytest.raises(Exception, match="--nowhere"):
            understood(["scan", "s3://prints/", "--nowhere"])


class TestKubernetes:
    @pytest.fixture
    def cron_job(self):
        return package("yaml").safe_load(FILES.joinpath("cronjob.yaml").read_text())

    def test_it_is_valid_and_has_no_field_that_kubernetes_does_not_know(self, cron_job):
        validate = package("kubernetes_validate")
        validate.validate(cron_job, validate.latest_version(), strict=True)
        cron_job["spec"]["jobTemplate"]["spec"]["deadline"] = 1
        with pytest.raises(validate.ValidationError):
            validate.validate(cron_job, validate.latest_version(), strict=True)

    def test_it_is_hourly_and_a_scan_ends_before_the_next(self, cron_job):
        spec = cron_job["spec"]
        assert is_hourly(spec["schedule"])
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < HOUR.total_seconds()

    def test_a_person_is_not_waited_for_and_an_outage_is_tried_again(self, cron_job):
        job = cron_job["spec"]["jobTemplate"]["spec"]
        pod = job["template"]["spec"]
        [fails] = [rule for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
        assert fails["onExitCodes"]["values"] == [1, 2]
        assert fails["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
        assert (job["backoffLimit"], pod["restartPolicy"]) == (2, "Never")

    def test_the_command_line_understands_its_arguments_and_no_secret_is_among_them(self, cron_job):
        pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["command"] == ["remote-artwork"]
        understood(container["args"])
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        keys = container["args"][container["args"].index("--credentials") + 1]
        assert keys.startswith(mounts["secrets"] + "/")
        assert {volume["name"] for volume in pod["volumes"]} == set(mounts)


def test_each_file_is_shown_on_the_page():
    page = ROOT.joinpath("docs", "how-to", "schedule.md").read_text()
    shown = set(re.findall(r"\{literalinclude\} \.\./\.\./examples/schedule/(\S+)", page))
    assert shown == {file.name for file in FILES.iterdir() if file.is_file()}
