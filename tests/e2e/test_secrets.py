"""Secrets of a whole hub: set from the command line, given to those who may have them, found nowhere else."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

from fake_github import FakeGitHub
from file_search import files_with
from hub_process import ADMIN, GREEN, PROGRAM, HubProcess

CANARIES = {"FOR_JOB": "canary-one/4711+x", "FOR_FOLDER": "canary-two/4711+x", "FOR_ALL": "canary-three/4711+x"}
FORMS = [form for value in CANARIES.values() for form in (value.encode(), b64encode(value.encode())[:20])]
NAME = "canary/secrets"
RECIPE = """
secrets: [FOR_ALL]
stages:
- use:
    run: |
      printf '%s\\n' "$FOR_JOB" "${FOR_ALL-}" "${FOR_FOLDER-not here}"
      printf '%s' "$FOR_JOB" | base64
      env > kept.txt; echo fine > fine.txt
    secrets: [FOR_JOB, NOWHERE]
    artifacts: [kept.txt, fine.txt]
- other: printf '%s\\n' "${FOR_JOB-not here}" "$(printf %s "${FOR_ALL-}" | wc -c)"
"""
SPY = """
secrets: [FOR_ALL, FOR_JOB, FOR_FOLDER]
stages:
- spy:
    run: |
      env; cat /proc/$PPID/environ /proc/$PPID/cmdline 2>/dev/null | tr '\\000' '\\n' || true
      cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\000' '\\n' | grep 'canary[-]' || echo none: $((40 + 2))
      env > kept.txt
    secrets: [FOR_JOB]
    artifacts: [kept.txt]
"""


def run_command(hub: HubProcess, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command of this hub, with `given` at its stdin."""
    env = hub.environment | {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": ADMIN}
    command = [*PROGRAM, "secret", *words]
    return subprocess.run(command, input=given, env=env, capture_output=True, text=True, check=False, timeout=60)


def everything(hub: HubProcess, build: int, run: int) -> str:
    """What the API and the pages tell of a build and its run."""
    paths = ["builds", f"builds/{build}", f"builds/{build}/problems", "facts", "secrets", "deliveries", "queue"]
    answers = [hub.client.get(f"/api/v1/{path}").text for path in paths]
    pages = [hub.client.get(path).text for path in ("/", f"/builds/{build}", "/metrics", "/builders")]
    return "\n".join([*answers, *pages, hub.log(run).decode(errors="replace")])


def set_canaries(hub: HubProcess) -> None:
    """Each where its name says; what can't be one is refused."""
    define = hub.client.put(f"/api/v1/jobs/{NAME}", json={"repo": NAME})
    assert define.status_code == 201, define.text
    places = {"FOR_JOB": ("--job", NAME), "FOR_FOLDER": ("--folder", "canary"), "FOR_ALL": ("--global",)}
    for word, where in places.items():
        done = run_command(hub, "set", word, *where, given=CANARIES[word] + "\n")
        assert done.returncode == 0, done.stderr
        assert f"Secret {word} of {where[1] if len(where) > 1 else 'all jobs'} is set." in done.stderr
    listed = run_command(hub, "ls", "--job", "another/job")
    assert [word for word in CANARIES if word in listed.stdout] == ["FOR_ALL"]
    assert run_command(hub, "set", "SHORT", "--global", given="1234567").returncode == 1
    assert run_command(hub, "set", "TOKEN", given="whatever-it-is").returncode == 2
    listed = run_command(hub, "ls", "--job", NAME)
    assert all(word in listed.stdout for word in CANARIES)


def check_trusted(hub: HubProcess, build: dict[str, Any]) -> None:
    """The stages had what they name, and it is hidden."""
    run = build["runs"][0]["id"]
    assert (build["result"], build["trust"]) == ("success", "trusted")
    output = hub.output(run).decode()
    assert output.startswith("***\n***\nnot here\n***")
    assert output.endswith(f"not here\n{len(CANARIES['FOR_ALL'])}\n")
    assert f"There is no secret NOWHERE for {NAME}" in hub.log(run).decode()
    assert {one["path"] for one in hub.get(f"runs/{run}/artifacts")["items"]} == {"fine.txt"}
    told = everything(hub, build["id"], run)
    assert not [value for value in CANARIES.values() if value in told]


def check_untrusted(hub: HubProcess, number: int, attempt: int) -> None:
    """The spy found nothing: not in its environment, nor in that of any process, nor on a command line."""
    build = hub.build(number)
    run = build["runs"][0]
    assert (run["attempt"], run["result"], build["trust"]) == (attempt, "success", "untrusted")
    log = hub.log(run["id"]).decode(errors="replace")
    assert "none: 42" in log
    assert "What a fork brings gets no secret: FOR_ALL, FOR_JOB, FOR_FOLDER." in log
    kept = hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/kept.txt").text
    assert "CI_COMMIT_SHA" in kept
    for text in (log, kept):
        assert "canary-" not in text
        assert not [word for word in CANARIES if f"\n{word}=" in text]


def test_secrets_reach_who_may_have_them_and_nobody_else(folder: Path, github: FakeGitHub) -> None:
    """S17, S18, S20, S25, S43: a canary set through a push, a fork's pull request, reruns, rotation and removal."""
    repository = github.create_repository(NAME, {".hubwright.yml": RECIPE})
    with HubProcess(folder, github=github) as hub:
        set_canaries(hub)
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)
        check_trusted(hub, build)

        fork = github.create_repository("mallory/secrets", GREEN)
        fork.commit({".hubwright.yml": SPY}, "Spy", branch="evil")
        repository.git("fetch", "-q", str(fork.path), "refs/heads/evil:refs/pull/7/head")
        hub.deliver("pull_request", repository.pull_request_payload(7, "evil", head=fork))
        hub.approve(repository)
        (spied, _) = hub.finished(repository, 2)
        check_untrusted(hub, spied["id"], 1)
        hub.post(f"builds/{spied['id']}/rerun")
        hub.finished(repository, 2)
        check_untrusted(hub, spied["id"], 2)
        asked = hub.post(f"jobs/{NAME}/builds", {"ref": "refs/pull/7/head", "sha": spied["sha"]})
        hub.approve(repository)
        hub.finished(repository, 3)
        check_untrusted(hub, asked["id"], 1)

        rotated = run_command(hub, "rotate", "--new-key", "--data-dir", str(hub.data))
        assert (rotated.returncode, "3 secrets are sealed" in rotated.stderr) == (0, True), rotated.stderr
        assert run_command(hub, "rm", "FOR_ALL", "--global").returncode == 0
        hub.post(f"builds/{build['id']}/rerun")
        hub.finished(repository, 3)
        again = hub.log(hub.build(build["id"])["runs"][0]["id"]).decode()
        assert f"There is no secret FOR_ALL for {NAME}" in again
        assert "\n***\n" in again

        # what is left, when nothing moves any more: database, logs, artifacts, the builder's files, the hub's words
        hub.end()
        assert files_with(folder, *FORMS) == []
        assert (hub.data / "secrets.key").stat().st_mode & 0o777 == 0o600
