"""System 1's own build, from `examples/nim`, with stand-ins for nim and koch, on two builders of two platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from separate_builder import builder_of, new_token

RECIPE = (Path(__file__).parents[2] / "examples" / "nim" / ".hubwright.yml").read_text()

BUILD_SH = """\
echo building the C sources
mkdir -p bin
cat > bin/nim <<'END'
#!/bin/sh
echo "nim $*"
cp koch.sh koch && chmod +x koch
END
chmod +x bin/nim
"""

KOCH = """\
#!/bin/sh
echo "koch $*"
mkdir -p build
case $1 in
zip) echo zip > build/nim-2.0.zip ;;
tests) echo '{"total": 3, "passed": 2, "skipped": 1}' > testresults.json ;;
csource) echo c > build/csources.zip ;;
docs) mkdir -p web/upload && echo docs > web/upload/index.html ;;
inno) test -e web/upload/index.html && echo exe > build/nim-installer.exe ;;
esac
"""

EVERYWHERE = ["C sources", "koch", "boot", "boot release", "archive", "test"]
ONCE = ["csources", "docs", "installer"]


def stages(run: dict[str, Any]) -> list[str]:
    assert {stage["result"] for stage in run["stages"]} == {"success"}, run
    return [stage["name"] for stage in run["stages"]]


def config(sources: FakeRepository) -> str:
    return f"nim_csourcesUrl={sources.clone_url}\nnim_csourcesHash={sources.head()}\n"


def push(hub: HubProcess, repository: FakeRepository, count: int, files: dict[str, str]) -> list[dict[str, Any]]:
    """The runs of the build of a push, in the order of the plan."""
    hub.deliver("push", repository.push(files))
    newest, *_ = hub.finished(repository, count, 90)
    assert newest["result"] == "success", [hub.log(run["id"]) for run in newest["runs"]]
    return list(newest["runs"])


def test_two_platforms_build_and_one_makes_csources_docs_and_installer(
    folder: Path, github: FakeGitHub, make: Make
) -> None:
    """NimBuild's five jobs with their kinds; C sources are built again only when they have changed."""
    sources = make({"build.sh": BUILD_SH})
    repository = make({"koch.sh": KOCH})
    with HubProcess(folder, ("up", "--no-demo", "--no-builder"), github=github) as hub:
        linux = builder_of(hub, folder, "oak", new_token(hub, "oak"), "--platform", "linux-x86_64")
        freebsd = builder_of(hub, folder, "fern", new_token(hub, "fern"), "--platform", "freebsd-amd64")
        with linux, freebsd:
            first = push(hub, repository, 1, {".hubwright.yml": RECIPE, "config/build_config.txt": config(sources)})
            assert [(run["platform"], run["builder"]) for run in first] == [
                ("freebsd-amd64", "fern"),
                ("linux-x86_64", "oak"),
            ]
            assert [stages(run) for run in first] == [EVERYWHERE + ONCE, EVERYWHERE]
            kinds = {stage["name"]: stage["kind"] for stage in first[0]["stages"]}
            assert [kinds[name] for name in ("C sources", "test", *ONCE)] == [
                "build", "test", "csources", "docs", "installer",
            ]  # fmt: skip
            for run in first:
                said = hub.output(run["id"])
                assert b"building the C sources" in said
                assert said.index(b"koch boot\n") < said.index(b"koch boot -d:release\n") < said.index(b"koch tests\n")
                assert (run["tests"]["total"], run["tests"]["passed"], run["tests"]["skipped"]) == (3, 2, 1)
            kept = [[one["path"] for one in hub.get(f"runs/{run['id']}/artifacts")["items"]] for run in first]
            everything = ["build/csources.zip", "build/nim-2.0.zip", "build/nim-installer.exe", "web/upload/index.html"]
            assert [sorted(paths) for paths in kept] == [everything, ["build/nim-2.0.zip"]]

            for run in push(hub, repository, 2, {"compiler/nim.nim": "echo 1"}):
                assert b"The C sources have not changed" in hub.output(run["id"])
            sources.commit({"c_code/1.c": "int x;"}, "More C")
            for run in push(hub, repository, 3, {"config/build_config.txt": config(sources)}):
                assert b"building the C sources" in hub.output(run["id"])
