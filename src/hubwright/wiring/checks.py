"""What `hubwright doctor`, and the page of administration, look at: each says how it is, and how to mend it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hubwright.builder.executors import Furnishing
from hubwright.builder.executors.choice import choose_executor
from hubwright.config import LOOPBACK, Settings, local_address
from hubwright.domain.diagnosis import Finding, Verdict
from hubwright.domain.wording import word_count, word_size
from hubwright.errors import GitHubError, GitHubRefusedError, HubwrightError, SettingsError
from hubwright.github.apps import AppTokens
from hubwright.github.client import GitHubClient
from hubwright.hub.github_credentials import APP, TOKEN, Kept
from hubwright.store.database import Database
from hubwright.store.report_troubles import count_given_up
from hubwright.wiring.secret_keys import find_missing_keys, load_kept

OLDEST_GIT = (2, 31)  # the first that reads GIT_CONFIG_COUNT
LITTLE_DISK = 2 * 1024**3
FEW_REQUESTS = 200
CLOCK_DRIFT = 30.0  # seconds; GitHub refuses an App's signature that is a minute off


def run_checks(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other; those of GitHub only with credentials. Takes a few seconds at most."""
    for check in (
        check_git, check_compiler, check_folder, check_disk, check_database, check_port, check_sandbox, check_secrets,
        check_keys, check_reports,
    ):  # fmt: skip
        yield check(settings)
    for name, url in (("broker", settings.broker_url), ("redis", settings.redis_url)):
        if url:
            yield check_server(name, url)
    if settings.github.token or settings.github.app_id or _find_kept(settings):
        yield check_clock(settings)
    yield check_github(settings)


def check_git(_settings: Settings) -> Finding:
    """Is git new enough?"""
    fix = "apt-get install git (2.31 or newer)"
    try:
        said = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return Finding(name="git", verdict=Verdict.FAIL, seen="git can't be started", fix=fix)
    found = re.search(r"(\d+)\.(\d+)", said)
    new = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GIT
    return Finding(name="git", verdict=Verdict.OK if new else Verdict.FAIL, seen=said.strip(), fix="" if new else fix)


def check_compiler(_settings: Settings) -> Finding:
    """Can the demo project be built here?"""
    missing = [name for name in ("cc", "make") if not shutil.which(name)]
    if not missing:
        return Finding(name="compiler", verdict=Verdict.OK, seen="cc and make are here")
    seen = f"{' and '.join(missing)} not found: the demo project and other C projects can't be built here"
    return Finding(name="compiler", verdict=Verdict.WARN, seen=seen, fix="apt-get install gcc libc6-dev make")


def check_folder(settings: Settings) -> Finding:
    """May the data folder be written?"""
    there = _existing(settings.data_dir)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding(name="data folder", verdict=Verdict.OK, seen=str(settings.data_dir))
    seen = f"{settings.data_dir} can't be written"
    return Finding(name="data folder", verdict=Verdict.FAIL, seen=seen, fix=f"chown it, or set DATA_DIR: {there}")


def check_disk(settings: Settings) -> Finding:
    """Is there room for builds?"""
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    seen = f"{word_size(free)} free at {settings.data_dir}"
    if free >= LITTLE_DISK:
        return Finding(name="disk", verdict=Verdict.OK, seen=seen)
    return Finding(name="disk", verdict=Verdict.WARN, seen=seen, fix="free some space, or set DATA_DIR elsewhere")


def check_database(settings: Settings) -> Finding:
    """Can the database be opened and written?"""
    url = settings.database_url
    file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if file and not file.exists():
        return Finding(name="database", verdict=Verdict.OK, seen=f"{file} will be made at the first start")
    fix = f"chown {file} to the hub's user" if file else "check DATABASE_URL, and that the server runs"
    try:
        database = Database(url, readers=1)
        try:
            database.write(lambda connection: connection.execute(text("SELECT 1")).scalar())
        finally:
            database.close()
    except (DBAPIError, HubwrightError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return Finding(name="database", verdict=Verdict.FAIL, seen=reason, fix=fix)
    return Finding(name="database", verdict=Verdict.OK, seen="it answers and can be written")


def check_port(settings: Settings) -> Finding:
    """Is the port free, or does a hub answer there already?"""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _busy_port(settings, where, error)
    return Finding(name="port", verdict=Verdict.OK, seen=f"{where} is free")


def _busy_port(settings: Settings, where: str, error: OSError) -> Finding:
    if error.errno != errno.EADDRINUSE:
        return Finding(name="port", verdict=Verdict.FAIL, seen=f"{where}: {error.strerror}", fix="set HOST and PORT")
    try:
        if httpx2.get(f"{local_address(settings)}/livez", timeout=5).is_success:
            return Finding(name="port", verdict=Verdict.OK, seen=f"a hub answers at {where}")
    except httpx2.HTTPError:
        pass
    return Finding(name="port", verdict=Verdict.FAIL, seen=f"another program has {where}", fix="--port N or PORT")


def check_sandbox(settings: Settings) -> Finding:
    """Can builds run in a sandbox?"""
    try:
        executor, warning = choose_executor(settings.executor, ())
    except SettingsError as error:
        return Finding(name="sandbox", verdict=Verdict.FAIL, seen=str(error), fix="start Docker, or another EXECUTOR")
    if warning is None:
        more = ", and in containers" if isinstance(executor, Furnishing) and executor.name != "container" else ""
        return Finding(name="sandbox", verdict=Verdict.OK, seen=f"builds run with the executor {executor.name}{more}")
    return Finding(name="sandbox", verdict=Verdict.WARN, seen=warning, fix="apt-get install bubblewrap")


def check_secrets(settings: Settings) -> Finding:
    """Will webhooks be taken?"""
    kept = _find_kept(settings).values()
    if settings.github.webhook_secrets or any(one.secret.get("webhook_secret") for one in kept):
        return Finding(name="webhooks", verdict=Verdict.OK, seen="signatures are checked")
    if settings.host in LOOPBACK:
        return Finding(name="webhooks", verdict=Verdict.OK, seen="no secret is set; taken from this machine only")
    seen = "no secret is set, so every webhook is refused"
    return Finding(name="webhooks", verdict=Verdict.FAIL, seen=seen, fix="set GITHUB__WEBHOOK_SECRETS")


def check_keys(settings: Settings) -> Finding:
    """Can the secrets in the database be opened?"""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Finding(name="secrets", verdict=Verdict.OK, seen="there are none yet")
    try:
        missing = find_missing_keys(settings)
    except DBAPIError:  # the check of the database tells
        return Finding(name="secrets", verdict=Verdict.OK, seen="there are none yet")
    except SettingsError as error:
        return Finding(name="secrets", verdict=Verdict.FAIL, seen=str(error), fix="restore the key file from its copy")
    if not missing:
        return Finding(name="secrets", verdict=Verdict.OK, seen="each can be opened")
    fix = "add them to SECRETS__KEYS, or set those secrets anew"
    return Finding(name="secrets", verdict=Verdict.FAIL, seen=f"keys are missing: {missing}", fix=fix)


def check_reports(settings: Settings) -> Finding:
    """Was everything told that is to be told at GitHub?"""
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        return Finding(name="reports", verdict=Verdict.OK, seen="there are none yet")
    try:
        database = Database(settings.database_url, readers=1)
        try:
            with database.reading() as connection:
                count, reason = count_given_up(connection)
        finally:
            database.close()
    except (DBAPIError, HubwrightError, ValueError):
        return Finding(name="reports", verdict=Verdict.OK, seen="not known: the database has none, or does not answer")
    if not count:
        return Finding(name="reports", verdict=Verdict.OK, seen="none was given up")
    seen = f"{word_count(count, 'report')} given up, the newest: {reason}"
    return Finding(
        name="reports", verdict=Verdict.WARN, seen=seen, fix="mend that, then *Tell again* at the build's page"
    )


def check_server(name: str, url: str) -> Finding:
    """Does a server that a setting names take connections?"""
    parts = urlsplit(url)
    port = parts.port or {"amqp": 5672, "amqps": 5671}.get(parts.scheme, 6379)
    where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{port}"
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(5)
                probe.connect(parts.path)
        else:
            socket.create_connection((parts.hostname or "localhost", port), timeout=5).close()
    except OSError as error:
        fix = f"start it, or correct {name.upper()}_URL"
        return Finding(name=name, verdict=Verdict.FAIL, seen=f"{where}: {error}", fix=fix)
    return Finding(name=name, verdict=Verdict.OK, seen=f"{where} answers")


def check_clock(settings: Settings) -> Finding:
    """Does this machine's clock agree with GitHub's?"""
    try:
        said = httpx2.head(settings.github.api_url, timeout=10).headers.get("date", "")
        drift = abs(parsedate_to_datetime(said).timestamp() - time.time())
    except (httpx2.HTTPError, ValueError):
        return Finding(name="clock", verdict=Verdict.WARN, seen="GitHub told no time", fix="see github below")
    seen = f"{drift:.0f} s off GitHub's"
    if drift <= CLOCK_DRIFT:
        return Finding(name="clock", verdict=Verdict.OK, seen=seen)
    return Finding(name="clock", verdict=Verdict.FAIL, seen=seen, fix="apt-get install systemd-timesyncd, or set it")


def check_github(settings: Settings) -> Finding:
    """Does GitHub answer, does it take our credentials, and how many requests are left?"""
    url, who = settings.github.api_url, _identify(settings)
    if who is None:
        seen = "no credentials: builds run, but GitHub is not told how they went"
        fix = "make a GitHub App on the hub's page GitHub, or `hubwright github set-token`"
        return Finding(name="github", verdict=Verdict.WARN, seen=seen, fix=fix)
    try:
        return _ask_as_app(url, *who) if isinstance(who, tuple) else _ask_with_token(url, who)
    except GitHubRefusedError as error:
        fix = "make a new token (commit statuses: write, contents: read), or check the App's id and key"
        return Finding(name="github", verdict=Verdict.FAIL, seen=str(error), fix=fix)
    except (GitHubError, HubwrightError, KeyError, TypeError) as error:
        return Finding(name="github", verdict=Verdict.FAIL, seen=str(error), fix=f"can this machine reach {url}?")


def _ask_with_token(url: str, token: str) -> Finding:
    with GitHubClient(url, token) as client:
        rate = client.get("/rate_limit").json["resources"]["core"]
    seen = f"{url} takes our token; {rate['remaining']} of {rate['limit']} requests are left"
    if rate["remaining"] > FEW_REQUESTS:
        return Finding(name="github", verdict=Verdict.OK, seen=seen)
    return Finding(name="github", verdict=Verdict.WARN, seen=seen, fix="wait an hour, or use a GitHub App")


def _ask_as_app(url: str, number: str, private_key: str) -> Finding:
    """An App's requests are counted for each installation, so there is no one figure."""
    with closing(AppTokens(url, number, private_key)) as tokens:
        owners = tokens.fetch_installations()
    if owners:
        seen = f"{url} takes the key of App {number}; installed for {', '.join(sorted(owners)[:10])}"
        return Finding(name="github", verdict=Verdict.OK, seen=seen)
    seen = f"{url} takes the key of App {number}, which is installed nowhere"
    return Finding(name="github", verdict=Verdict.WARN, seen=seen, fix="install it: the hub's page GitHub leads there")


def _identify(settings: Settings) -> tuple[str, str] | str | None:
    """Who the hub is to GitHub: an App's number and key, a token, or nobody. The settings count first."""
    github, kept = settings.github, _find_kept(settings)
    if github.app_id and github.app_private_key:
        return github.app_id, github.app_private_key
    if github.token:
        return github.token
    if app := kept.get(APP):
        return str(app.about["id"]), str(app.secret["pem"])
    token = kept.get(TOKEN)
    return None if token is None else str(token.secret["token"])


def _find_kept(settings: Settings) -> Mapping[str, Kept]:
    """What was made or entered at the hub; nothing where the database or the keys can't be had, which others tell."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return {}
    try:
        return load_kept(settings)
    except (DBAPIError, SettingsError):
        return {}


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())
