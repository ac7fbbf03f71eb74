"""System 3 from end to end: a repository at a plain address is registered, polled, rebuilt, and another job follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from git_repositories import GitRepository
from hub_process import GREEN, HubProcess
from waiting import until


def test_what_moves_at_a_plain_address_is_built_and_what_comes_after_it_too(folder: Path) -> None:
    """One repository that is gone does not keep the other from being looked at."""
    repositories = [GitRepository(folder / "elsewhere" / "octo" / f"{name}.git") for name in ("lib", "gone")]
    settings = {
        "REBUILD__INTERVAL": "1",
        "GIT__ALLOW_PROTOCOLS": "https,file",
        "GITHUB__CLONE_BASE": f"file://{folder}/none",
    }
    with HubProcess(folder, settings=settings) as hub:
        for repository in repositories:
            repository.commit(GREEN)
            url = repository.path.as_uri()
            answer = hub.client.post("/builds/register", json={"git_repository_url": url})
            assert answer.status_code == 200, answer.text
            assert answer.json()["git_repository_url"] == url
        lib, gone = repositories
        gone.path.rename(gone.path.with_name("away.git"))
        said = {"repository": "octo/lib", "clone_url": lib.path.as_uri(), "triggers": {"after": "octo/lib"}}
        assert hub.client.put("/api/v1/jobs/docs", json=said).status_code == 201
        head = lib.commit({"README": "2\n"}, "Moved")

        def find() -> list[dict[str, Any]] | None:
            ended = hub.get("builds", sha=head, state="finished")["items"]
            return ended if len(ended) == 2 else None

        builds = until(find, 60, "the builds of the moved head")
        assert builds is not None
        assert {(one["job"], one["event"], one["result"]) for one in builds} == {
            ("octo/lib", "push", "success"), ("docs", "dependency", "success"),
        }  # fmt: skip
        listed = hub.client.get("/builds").json()
        assert [one["build_id"] for one in listed] == sorted((one["build_id"] for one in listed), reverse=True)
        assert {one["git_repository_url"] for one in listed} == {one.path.as_uri() for one in repositories}
        assert len(hub.get("builds", sha=head)["items"]) == 2
