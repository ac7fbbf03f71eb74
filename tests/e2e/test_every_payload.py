"""All 329 payloads that others have recorded: accepted, kept, understood, and the hub is well afterwards."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fake_github import FakeGitHub
from hub_process import GREEN, SECRET, HubProcess
from payload_corpus import all_payloads
from waiting import until


def test_every_recorded_payload_is_accepted_and_kept(github: FakeGitHub, folder: Path, database_url: str) -> None:
    """Nothing that GitHub sends is refused, on SQLite and PostgreSQL, many at a time (R7, R12)."""
    payloads = all_payloads()
    settings = {"DATABASE_URL": database_url}
    with HubProcess(folder, github=github, settings=settings) as hub:

        def deliver(number: int) -> int:
            event, payload = payloads[number]
            status, _ = github.deliver(hub.hook, event, payload, secret=SECRET, guid=f"recorded-{number}")
            return status

        with ThreadPoolExecutor(16) as pool:
            assert Counter(pool.map(deliver, range(len(payloads)))) == {202: 329}

        kept = {}
        cursor = None
        while True:
            page = hub.get("deliveries", limit=200, **({} if cursor is None else {"cursor": cursor}))
            # a hub also writes deliveries of its own, such as when it sees a builder of a new platform
            kept |= {one["guid"]: one["event"] for one in page["items"] if one["guid"].startswith("recorded-")}
            if (cursor := page["next"]) is None:
                break
        assert kept == {f"recorded-{number}": event for number, (event, _) in enumerate(payloads)}

        repository = github.create_repository(f"octo/after-{folder.name}", GREEN)
        hub.deliver("push", repository.push_payload())
        assert hub.finished(repository)[0]["result"] == "success"
        until(lambda: not [one for one in unfinished(hub) if not waits_for_its_repository(one)], 60)
        assert not [one for one in deliveries(hub) if one["state"] == "failed"]
        assert hub.client.get("/readyz").status_code == 200
        assert "Traceback" not in hub.said


def deliveries(hub: HubProcess) -> list[dict[str, str]]:
    """Up to 200 deliveries, newest first."""
    return list(hub.get("deliveries", limit=200)["items"])


def unfinished(hub: HubProcess) -> list[dict[str, str]]:
    """Those of them that were not understood yet."""
    return [one for one in deliveries(hub) if one["state"] not in {"done", "failed"}]


def waits_for_its_repository(delivery: dict[str, str]) -> bool:
    """Pushes of repositories that are not on the fake GitHub are tried again for an hour."""
    return delivery["event"] in {"push", "pull_request", "merge_group"}
