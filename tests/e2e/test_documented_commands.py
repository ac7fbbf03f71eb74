"""Every command of the documentation that a test can run is run, page by page, as a reader would type it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import s3_server
import servers
from builder_process import open_folder
from command_line import environment_for
from documented_commands import EMPTY_WORLD, PAGES, ROOT, blocks_of, name_of, read_blocks
from documented_world import World, write_program
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from git_repositories import GitRepository
from hub_process import ADMIN, HubProcess
from server_programs import free_port

RECIPE = """stages:
- build: make
- test: {run: make test, reports: junit.xml, artifacts: [app.txt]}
"""
MAKEFILE = """all:
\techo built > app.txt
test:
\tcp good.xml junit.xml
"""
GOOD = '<testsuite tests="1"><testcase classname="app" name="adds"/></testsuite>\n'
BAD = "test:\n\techo 'app.c:3:5: error: no such thing'; exit 2\nall:\n"
FILES = {".hubwright.yml": RECIPE, "Makefile": MAKEFILE, "good.xml": GOOD, "README": "An app\n"}
GITCONFIG = "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"

BUCKET = "s3://BUCKET"

WALKED = {
    name_of(page): [block for block in blocks_of(page) if block.is_walked]
    for page in PAGES
    if any(block.is_walked and not block.hidden for block in blocks_of(page))
}


@dataclass(frozen=True)
class Served:
    """A hub with a repository whose first build passed and whose last one failed."""

    hub: HubProcess
    repository: FakeRepository
    failed: str
    passed: str


@pytest.fixture(scope="module")
def served(github: FakeGitHub) -> Iterator[Served]:
    """One for all pages that begin with a hub that is there."""
    repository = github.create_repository("octo/app", FILES)
    with open_folder() as folder, HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        hub.finished(repository, 1)
        hub.deliver("push", repository.push({"Makefile": BAD}, "Break it"))
        failed, passed = hub.finished(repository, 2)
        assert (failed["result"], passed["result"]) == ("failure", "success")
        yield Served(hub, repository, str(failed["id"]), str(passed["id"]))


def own(folder: Path) -> dict[str, str]:
    """What a reader's shell knows."""
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG + f"[core]\n\thooksPath = {folder}\n")
    (home / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "CHECKOUT": str(ROOT)}


def world_of_a_hub(folder: Path, served: Served) -> World:
    """The reader is the operator of a hub, in a working copy of a repository that it builds."""
    hub, repository = served.hub, served.repository
    subprocess.run(["git", "clone", "-q", repository.path, folder / "app"], check=True)
    known = {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": ADMIN, "FAILED": served.failed, "PASSED": served.passed}
    return World(
        folder, environment_for(hub, {**own(folder), **known}), placeholders(hub.url, repository), folder / "app"
    )


def world_without_a_hub(folder: Path, github: FakeGitHub, page: str) -> World:
    """The reader has a machine, a repository at GitHub, and the address of Hubwright's source."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    repository = github.create_repository(f"octo/{Path(page).stem.lower()}", FILES)
    world = own(folder)
    pushed = f'[url "{repository.path.as_uri()}"]\n\tpushInsteadOf = {repository.clone_url}\n'
    with Path(world["GIT_CONFIG_GLOBAL"]).open("a") as file:
        file.write(pushed)
    known = {
        "HUBWRIGHT_URL": url, "HUBWRIGHT_PORT": str(port), "HUBWRIGHT_EXECUTOR": "process",
        "HUBWRIGHT_GITHUB__CLONE_BASE": github.clone_base, "HUBWRIGHT_GITHUB__API_URL": github.api_url,
        "HUBWRIGHT_GITHUB__POLL_INTERVAL": "1", "REPOSITORY": repository.path.as_uri(),
    }  # fmt: skip
    source = {"https://github.com/hubwright/hubwright": make_source(folder)}
    known_here = source | placeholders(url, repository) | (a_bucket() if BUCKET in (ROOT / page).read_text() else {})
    return World(folder, environment_for(None, {**world, **known}), known_here, folder / "home")


def a_bucket() -> dict[str, str]:
    """What a reader who has a bucket writes: an address, a place of its own in the bucket, and its keys."""
    return {
        "https://s3.example.org": servers.url_of("s3"),
        BUCKET: f"s3://{s3_server.BUCKET}/docs{servers.next_number('bucket')}",
        "ACCESS-KEY": s3_server.KEY,
        "SECRET-KEY": s3_server.SECRET,
    }


def placeholders(url: str, repository: FakeRepository) -> dict[str, str]:
    """What pages write where a reader has something of their own; longer ones first."""
    return {
        "https://github.com/OWNER/NAME": repository.clone_url,
        "OWNER/NAME": repository.full_name,
        "http://127.0.0.1:8010": url,
        "https://ci.example.org": url,
    }


def make_source(folder: Path) -> str:
    """Where Hubwright can be cloned from; a clone has its virtual environment at once, as if pip had been there."""
    source = GitRepository(folder / "hubwright.git")
    source.commit({name: (ROOT / name).read_text() for name in ("Makefile", "pyproject.toml", "scripts/venv.py")})
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True)
    write_program(venv / "bin" / "hubwright")
    hook = folder / "post-checkout"
    hook.write_text(
        f"#!/bin/sh\ntest ! -e scripts/venv.py || {{ cp -r {venv} .venv && touch .venv/.hub .venv/.dev; }}\n"
    )
    hook.chmod(0o755)
    return source.path.as_uri()


@pytest.mark.parametrize("page", WALKED)
def test_the_commands_of_a_page_work(
    page: str, folder: Path, github: FakeGitHub, request: pytest.FixtureRequest
) -> None:
    """What a reader copies into a terminal does what the page says; nobody copies a command that was never run."""
    if EMPTY_WORLD in (ROOT / page).read_text():
        world = world_without_a_hub(folder, github, page)
    else:
        world = world_of_a_hub(folder, request.getfixturevalue("served"))

    world.walk(WALKED[page])


def test_a_wrong_command_or_answer_is_found(folder: Path) -> None:
    """A walk that can't fail proves nothing."""
    world = World(folder, environment_for(None, own(folder)), {}, folder)

    def walk(text: str) -> None:
        world.walk(read_blocks("page", text))

    walk("```sh\na=1\n```\n```console\n$ echo $a\n1\n$ echo 2 a 3; echo 4\n2 … 3\n…\n```\n")
    walk("<!-- fails with 1 -->\n```sh\nfalse\n```\n<!-- sh\nsoon true\n-->\n")
    walk("<!-- file a/b -->\n```text\n$one\n```\n<!-- shows a/b -->\n```text\n$one\n```\n")
    with pytest.raises(AssertionError, match=r"page:7: diff"):
        walk("<!-- file a/b -->\n```text\n1\n```\n<!-- shows a/b -->\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match=r"page:2: hubwright nothing failed"):
        walk("```sh\nhubwright nothing\n```\n")
    with pytest.raises(AssertionError, match=r"page:2: echo 1 said"):
        walk("```console\n$ echo 1\n2\n```\n")
    with pytest.raises(AssertionError, match=r"page:3: true failed"):
        walk("<!-- fails with 1 -->\n```sh\ntrue\n```\n")
