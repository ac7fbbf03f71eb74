"""Whether GitHub answers, believes us, and sends what we need."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from hubwright.config import Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.github_app import form_manifest
from hubwright.domain.github_budget import Figures
from hubwright.domain.github_hooks import DOOR, HookState
from hubwright.domain.github_tokens import find_lacks
from hubwright.errors import GitHubError, GitHubRefusedError, HubwrightError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import form_path
from hubwright.hub.github_credentials import APP, TOKEN
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from hubwright.store.github_budget import load_budgets
from hubwright.store.healing_figures import load_figures
from hubwright.store.views_names import load_newest_repositories
from hubwright.wiring.checks_database import ask_database
from hubwright.wiring.checks_keys import find_kept
from hubwright.wiring.extras import load_app_tokens
from hubwright.wiring.github import GitHubAccess, make_app_hook, make_hooks, make_setup, open_github

FEW_REQUESTS = 200
CLOCK_DRIFT = 30.0  # seconds; GitHub refuses an App's signature that is a minute off
FEW_DAYS = 7
"""Days before its end in which a token should have been replaced."""

PATIENCE = 5.0
"""Seconds for a connection."""

HOOKS = 3
"""Repositories whose hooks are looked at: those that built last."""

_DAY = 86_400.0
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


def is_known(settings: Settings) -> bool:
    """Whether the hub is anybody to GitHub."""
    return identify(settings) is not None


def check_clock(settings: Settings) -> Sight:
    """Does this machine's clock agree with GitHub's?"""
    try:
        said = httpx2.head(settings.github.api_url, timeout=10).headers.get("date", "")
        drift = abs(parsedate_to_datetime(said).timestamp() - time.time())
    except (httpx2.HTTPError, ValueError):
        return doubtful("GitHub told no time", "see github below")
    seen = f"{drift:.0f} s off GitHub's"
    return well(seen) if drift <= CLOCK_DRIFT else wrong(seen, "apt-get install systemd-timesyncd, or set it")


def check_github(settings: Settings) -> Sight:
    """Does GitHub answer, does it take our credentials, and how many requests are left?"""
    url, who = settings.github.api_url, identify(settings)
    if who is None:
        seen = "no credentials: builds run, but GitHub is not told how they went"
        return doubtful(seen, "make a GitHub App on the hub's page GitHub, or `hubwright github set-token`")
    try:
        return _ask_as_app(settings, *who) if isinstance(who, tuple) else _ask_with_token(url, who)
    except GitHubRefusedError as error:
        return wrong(
            str(error), "make a new token (commit statuses: write, contents: read), or check the App's id and key"
        )
    except (GitHubError, HubwrightError, KeyError, TypeError) as error:
        return wrong(str(error), f"can this machine reach {url}?")


def _ask_with_token(url: str, token: str) -> Sight:
    with GitHubClient(url, token) as client:
        rate = client.get("/rate_limit").json["resources"]["core"]
    seen = f"{url} takes our token; {rate['remaining']} of {rate['limit']} requests are left"
    return well(seen) if rate["remaining"] > FEW_REQUESTS else doubtful(seen, "wait an hour, or use a GitHub App")


def _ask_as_app(settings: Settings, number: str, private_key: str) -> Sight:
    with closing(load_app_tokens()(settings.github.api_url, number, private_key)) as tokens:
        owners = tokens.fetch_installations()
    seen = f"{settings.github.api_url} takes the key of App {number}"
    if not owners:
        return doubtful(f"{seen}, which is installed nowhere", "install it: the hub's page GitHub leads there")
    seen += f"; installed for {', '.join(sorted(owners)[:10])}"
    least = _find_least(settings, owners)
    if least is None:
        return well(seen)
    owner, figures = least
    seen += f"; {figures.remaining} of {figures.limit} requests are left for {owner}"
    return well(seen) if figures.remaining > FEW_REQUESTS else doubtful(seen, "wait an hour: loads go on by themselves")


def _find_least(settings: Settings, owners: Mapping[str, int]) -> tuple[str, Figures] | None:
    """The owner whose installation has the fewest requests left of this hour, as GitHub told the hub last.

    An App's requests are counted for each installation.
    """
    budgets, now = ask_database(settings, load_budgets) or {}, time.time()
    told = [
        (owner, budgets[name].figures) for owner, id_ in owners.items() if (name := f"installation {id_}") in budgets
    ]
    known = [(owner, figures) for owner, figures in told if figures is not None and figures.reset_at > now]
    return min(known, key=lambda one: one[1].remaining, default=None)


def check_rights(settings: Settings) -> Sight:
    """May the token or the App do what the settings want?"""
    url, who = settings.github.api_url, identify(settings)
    try:
        if isinstance(who, tuple):
            return _compare_permissions(settings, *who)
        return _compare_scopes(settings, url, str(who))
    except (HubwrightError, KeyError, TypeError, ValueError) as error:
        return well(f"not known: {error}")  # the check of GitHub tells why


def _compare_scopes(settings: Settings, url: str, token: str) -> Sight:
    with GitHubClient(url, token) as client:
        answer = client.get("/user", remember=False)
    if answer.token_ends:
        days = (time.mktime(time.strptime(answer.token_ends[:19], "%Y-%m-%d %H:%M:%S")) - time.time()) / 86_400
        if days < FEW_DAYS:
            return doubtful(f"the token ends in {days:.0f} days", "make a new one, and `hubwright github set-token`")
    if answer.scopes is None:
        return well("GitHub does not tell the rights of a fine-grained token: see docs/connect-github.md")
    talks = settings.github.comment != "off" or settings.github.issue != "off"
    lacks = find_lacks(token, answer.scopes, talks=talks)
    if lacks:
        return doubtful("; ".join(lacks), "make a token with these scopes, and `hubwright github set-token`")
    return well(f"the token has {', '.join(answer.scopes)}")


def _compare_permissions(settings: Settings, number: str, private_key: str) -> Sight:
    github = settings.github
    wanted = form_manifest("", host="", comments=github.comment != "off", issues=github.issue != "off")
    with closing(load_app_tokens()(github.api_url, number, private_key)) as tokens:
        given = tokens.client.get("/app", remember=False).json["permissions"]
    lacks = [
        f"{name}: {right}"
        for name, right in wanted["default_permissions"].items()
        if given.get(name) not in {right, "write", "admin"}
    ]
    if lacks:
        fix = "give it these on its page at GitHub, and accept them for each installation"
        return doubtful(f"the App lacks {', '.join(lacks)}", fix)
    return well("the App has all permissions that it needs")


def check_hooks(settings: Settings) -> Sight:
    """Do the webhooks send what they should, and were the last deliveries taken?"""
    try:
        with _open_access(settings) as (database, access):
            if access.app is not None:
                return _judge_hook(
                    "the App", make_app_hook(settings, access, settings.public_url + DOOR).look(), "--app"
                )
            return join_sights(list(_look_at_repositories(settings, database, access)))
    except (HubwrightError, KeyError, TypeError) as error:
        return well(f"not known: {error}")  # the check of GitHub tells why


def check_login(settings: Settings) -> Sight:
    """Can people log in with GitHub, and can the repository be seen that says what they may?"""
    name = str(settings.github.login_repository)
    try:
        with _open_access(settings) as (_, access):
            if not make_setup(settings, access, lambda: None).can_log_in:
                seen = "people can't log in with GitHub: no OAuth client is known"
                return doubtful(seen, "set GITHUB__OAUTH_CLIENT_ID and its secret, or make the App on the page GitHub")
            access.client.get(form_path("repos", *name.split("/")), owner=name.partition("/")[0], remember=False)
    except GitHubRefusedError as error:
        return wrong(f"{name} can't be seen, so nobody may log in: {error}", "let the token or the App see it")
    except HubwrightError as error:
        return well(f"not known: {error}")  # the check of GitHub tells why
    return well(f"who may what is said by {name}")


def check_missed(settings: Settings) -> Sight:
    """Did all deliveries of the last day arrive, and can that be known?"""
    since = time.time() - _DAY
    figures = ask_database(settings, lambda connection: load_figures(connection, since))
    if figures is None:
        return well("not known: there is no database yet, or it does not answer")
    sights = [well(f"{figures.delivered} came within a day, {figures.recovered} more were recovered")]
    if figures.missing:
        seen = f"{figures.missing} of the last day's deliveries did not arrive"
        sights.append(doubtful(seen, "see that GitHub reaches PUBLIC_URL; the page Deliveries asks for them again"))
    sights += [
        doubtful(f"{one.place} can't be looked at: {one.why}", "the page Deliveries tells what helps")
        for one in figures.unseen[:3]
    ]
    return join_sights(sights)


def check_git_host(settings: Settings) -> Sight:
    """Does the host answer that repositories are cloned from?"""
    parts = urlsplit(settings.github.clone_base)
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None or not parts.hostname:
        return well(f"{settings.github.clone_base}: not looked at")
    try:
        socket.create_connection((parts.hostname, port), timeout=PATIENCE).close()
    except OSError as error:
        seen = f"{parts.hostname}:{port} can't be reached: {error}"
        return doubtful(seen, "let this machine reach it; through a proxy, git needs `http.proxy`")
    return well(f"{parts.hostname}:{port} answers")


def _look_at_repositories(settings: Settings, database: Database, access: GitHubAccess) -> Iterator[Sight]:
    names = ask_database(settings, lambda connection: load_newest_repositories(connection, HOOKS)) or []
    hooks = make_hooks(settings, database, access)
    if not names:
        yield well("no repository has built yet")
    for name in names:
        owner, _, own = name.partition("/")
        try:
            yield _judge_hook(name, hooks.look(owner, own), name)
        except GitHubRefusedError:
            yield well(f"{name}: our token may not see its hooks")


def _judge_hook(who: str, state: HookState, argument: str) -> Sight:
    fix = f"`hubwright hook install {argument}`"
    if state.word == "none":
        return well(f"{who} has no hook: pushes are found by asking")
    if state.word == "failing":
        seen = f"the hook of {who}: its last delivery was answered with {state.code} {state.answer or ''}".rstrip()
        return doubtful(seen, "see that GitHub reaches PUBLIC_URL, and that the secrets are the same")
    if state.word == "on":
        return well(f"the hook of {who} is as it should be")
    return doubtful(f"the hook of {who}: {', '.join(state.differences)}", fix)


@contextmanager
def _open_access(settings: Settings) -> Iterator[tuple[Database, GitHubAccess]]:
    with (
        closing(Database(settings.database_url, readers=1)) as database,
        closing(open_github(settings, database, Tally())) as access,
    ):
        yield database, access


def identify(settings: Settings) -> tuple[str, str] | str | None:
    """Who the hub is to GitHub: an App's number and key, a token, or nobody. The settings count first."""
    github, kept = settings.github, find_kept(settings)
    if github.app_id and github.app_private_key:
        return github.app_id, github.app_private_key
    if github.token:
        return github.token
    if app := kept.get(APP):
        return str(app.about["id"]), str(app.secret["pem"])
    token = kept.get(TOKEN)
    return None if token is None else str(token.secret["token"])
