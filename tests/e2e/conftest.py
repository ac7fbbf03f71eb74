"""For whole-process tests: one fake GitHub and one hub for all tests of a worker that don't disturb each other."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from builder_process import open_folder
from chromium import open_chromium
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from git_repositories import Files
from hub_process import GREEN, SAID, HubProcess, Make, living

expect.set_options(timeout=20_000)
"""Milliseconds that a page has to become what a test expects: Playwright's five seconds are few where five Chromiums
share two processors."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its processes said."""
    report = yield
    if report.failed:
        for program in sorted(living, key=lambda one: str(one.folder)):
            report.sections.append((f"{program.name} in {program.folder}", program.said[-SAID:]))
    return report


@pytest.fixture(scope="session")
def github() -> Iterator[FakeGitHub]:
    """The fake GitHub of this worker."""
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture(scope="session")
def hub(github: FakeGitHub) -> Iterator[HubProcess]:
    """`hubwright up` on SQLite, for tests that leave it as it was, save for a repository of their own."""
    with open_folder() as folder, HubProcess(folder, github=github) as process:
        yield process


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a hub of this test's own."""
    with open_folder() as path:
        yield path


@pytest.fixture
def tmp_path(folder: Path) -> Path:
    """pytest's own is below a folder that only root may enter: builds of root's builder run as another user."""
    return folder


_numbers = itertools.count(1)


@pytest.fixture
def make(github: FakeGitHub) -> Make:
    """Make a repository of a name that no other test has, with a first commit of `files` (default: GREEN)."""

    def create(files: Files | None = GREEN, **more: Any) -> FakeRepository:
        return github.create_repository(f"octo/r{next(_numbers)}", files, **more)

    return create


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of this module's own."""
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test for anything that reaches the browser's console as an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "net::" not in text] == []  # the server goes before the page
