"""Names, recipes and repositories that mean harm, or are just broken: they end in a sentence, and others go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from git_repositories import NO_COMMIT, Files
from hub_process import GREEN, HubProcess, Make
from separate_builder import builder_of, new_token
from waiting import until

HOSTILE = [
    'zzz";echo${IFS}"hello";#', "$(touch${IFS}x)", "`id>x`", "a;touch${IFS}x", "a|b", "a&b", "a'b", 'a"b', "<script>",
    "<img/src=x/onerror=alert(1)>", "a%2Fb", "@", "-rf", "--upload-pack=x", "HEAD", "größe/日本語", "🐛", "a\u202eb",
    "${PATH}", "%s%n", "=cmd()", "refs/heads/main", "CON", "\u200bmain",
]  # fmt: skip


@pytest.mark.timeout(300)
def test_hostile_branch_names_are_data(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """S14, S15: each is built from its real branch; the build sees exactly that name, and nobody runs any of it."""
    recipe = 'stages:\n- show: printf "[%s]" "$CI_COMMIT_BRANCH"; printf "[%s]" "$(ls -A | tr "\\n" " ")"\n'
    repository = make({".hubwright.yml": recipe})
    sha = str(repository.head())
    for name in HOSTILE:
        repository.move(name, sha)
        payload = repository.push_payload(before=NO_COMMIT, after=sha, ref=f"refs/heads/{name}")
        hub.deliver("push", payload | {"commits": []})

    builds = hub.finished(repository, len(HOSTILE), 120)
    assert {build["branch"]: build["result"] for build in builds} == dict.fromkeys(HOSTILE, "success")
    for build in builds:
        output = hub.output(build["runs"][0]["id"]).decode()
        assert output == f"[{build['branch']}][.git .hubwright.yml ]"
        page = hub.client.get(f"/builds/{build['id']}").text
        assert "<script>" not in page.split("</head>")[1].replace("<script src=", "").replace("<script type=", "")
        assert "<img/src" not in page
        assert "\u202e" not in page
    assert not [path for path in (hub.folder, Path.cwd()) if (path / "x").exists()]
    home = hub.client.get("/").text
    assert "<img/src" not in home
    github.wait_for(lambda: [s for s in github.statuses(sha, "hubwright") if s["state"] == "success"])


REFUSED = ["refs/heads/a..b", "refs/heads/a b", "refs/heads/a\nb", "--upload-pack=x", "refs/heads/../../x", "a\x00"]


@pytest.mark.parametrize("ref", REFUSED)
def test_refs_that_git_refuses_start_nothing(hub: HubProcess, make: Make, ref: str) -> None:
    """Nobody but a forger sends them: kept with the reason, nothing built, the next delivery goes on (R12)."""
    repository = make()
    guid = hub.deliver("push", repository.push_payload() | {"ref": ref})["delivery"]

    def look() -> dict[str, Any] | None:
        found = [one for one in hub.get("deliveries", limit=200)["items"] if one["guid"] == guid]
        return found[0] if found and found[0]["state"] == "failed" else None

    reason = str(until(look, 20))
    assert "not a name that git allows" in reason or "no `ref`" in reason
    assert hub.builds(repository) == []
    hub.deliver("push", repository.push_payload())
    assert hub.finished(repository)[0]["result"] == "success"


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
BOMBS: dict[str, str] = {
    "laughs": f"{LAUGHS}stages:\n- build: echo built\n",
    "merges": "x: &x {a: 1}\n" + "y: &y\n" + "  <<: [" + ", ".join(["*x"] * 5000) + "]\nstages:\n- build: echo built\n",
    "deep-list": "stages: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "deep-map": "{a: " * 10_000 + "1" + "}" * 10_000 + "\n",
    "deep-indent": "".join(" " * n + "a:\n" for n in range(3000)),
    "huge": "stages:\n- build: echo built\n#" + "x" * 5_000_000 + "\n",
    "matrix": "matrix:\n"
    + "".join(f"  a{n}: [{', '.join(map(str, range(100)))}]\n" for n in range(5))
    + "stages:\n- b: echo b\n",
    "many-stages": "stages:\n" + "".join(f"- s{n}: echo {n}\n" for n in range(5_000)),
    "objects": "stages: !!python/object/apply:os.system ['touch x']\n",
    "binary": "stages:\n- build: \x00\x01\n",
    "empty": "",
    "text": "hello\n",
    "number": "1e999999999\n",
    "long-number": "version: " + "9" * 100_000 + "\nstages:\n- b: echo b\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_recipe_bomb_is_a_failed_build(hub: HubProcess, make: Make, bomb: str) -> None:
    """S16: within seconds and without memory; the hub answers all the while."""
    repository = make({".hubwright.yml": BOMBS[bomb]})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository, seconds=30)
    assert (build["result"], build["runs"]) == ("failure", [])
    assert build["problem"].startswith(".hubwright.yml:")
    assert len(build["problem"]) < 20_000
    assert hub.client.get(f"/builds/{build['id']}").status_code == 200
    assert hub.client.get("/readyz").status_code == 200
    assert hub.process is not None
    peak = Path(f"/proc/{hub.process.pid}/status").read_text().split("VmHWM:")[1].split()[0]
    assert int(peak) < 400_000  # kB; a bomb that went off takes all there is


def test_a_repository_that_does_not_answer_delays_no_other(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """Its build waits and says why; other repositories go on; when it answers again, the build becomes green."""
    lost, other = make(), make()
    payload, sha = lost.push_payload(), lost.head()
    github.remove(lost.full_name)
    hub.deliver("push", payload)
    waiting = until(lambda: [build for build in hub.builds(lost) if build["problem"]], 20)[0]
    assert waiting["state"] == "queued"
    assert f"{lost.full_name} can't be fetched" in waiting["problem"]
    why = hub.get(f"builds/{waiting['id']}/why")
    told = why["reasons"][0]["reason"]
    assert (why["waiting"], told.startswith("It is tried again by itself")) == (True, True)
    assert told.endswith(f": {waiting['problem']}")
    assert lost.full_name in hub.client.get(f"/builds/{waiting['id']}").text
    hub.deliver("push", other.push_payload())
    assert hub.finished(other)[0]["result"] == "success"

    assert github.create_repository(lost.full_name, GREEN).head() == sha
    (build,) = hub.finished(lost, seconds=60)
    assert (build["id"], build["result"], build["problem"]) == (waiting["id"], "success", None)


def test_a_commit_that_vanished_is_an_error_that_says_so(hub: HubProcess, make: Make) -> None:
    """Pushed over before anybody fetched it: nothing to wait for; the next push is built."""
    repository = make()
    base = str(repository.head())
    gone = repository.push({"a": "1"})
    repository.move("main", base)
    after = repository.push_payload(before=gone["after"], after=repository.commit({"a": "2"}, "Instead"))
    repository.prune()
    hub.deliver("push", gone)
    hub.deliver("push", after)

    builds = {build["sha"]: build for build in hub.finished(repository, 2)}
    assert builds[after["after"]]["result"] == "success"
    lost = builds[gone["after"]]
    assert (lost["result"], lost["runs"]) == ("error", [])
    assert f"no longer has commit {gone['after'][:12]}" in lost["problem"]


FULL = [
    ("stage", {".hubwright.yml": "stages:\n- fill: cat /dev/zero > big\n"}, "disk is full"),
    ("checkout", GREEN | {"big": os.urandom(16 * 2**20)}, "disk is full"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "files", "says"), FULL, ids=[one[0] for one in FULL])
def test_a_full_disk_is_our_error_and_the_builder_goes_on(
    github: FakeGitHub, make: Make, folder: Path, where: str, files: Files, says: str
) -> None:
    """R16: `error`, not `failure`: the code is not to blame; one sentence says it; the next build is green."""
    full, other = make(files), make()
    work = folder / "small"
    work.mkdir()
    with HubProcess(folder, ("hub",), github=github) as hub, builder_of(
        hub, folder, "small", new_token(hub, "small"), "--mirrors", str(folder / "mirrors"),
        prefix=on_a_disk_of(8 * 2**20, work),
    ):  # fmt: skip
        hub.deliver("push", full.push_payload())
        (build,) = hub.finished(full, seconds=60)
        assert build["result"] == "error"
        assert says in build["runs"][0]["detail"]
        assert says in hub.log(build["runs"][0]["id"]).decode()
        github.wait_for(lambda: [s for s in github.statuses(build["sha"], "hubwright") if s["state"] == "error"])
        hub.deliver("push", other.push_payload())
        assert hub.finished(other)[0]["result"] == "success"


def on_a_disk_of(size: int, folder: Path) -> tuple[str, ...]:
    """What makes a command see a file system of so many bytes at `folder`, as root or not."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    return ("unshare", *user, "--mount", "sh", "-c", script, str(folder))
