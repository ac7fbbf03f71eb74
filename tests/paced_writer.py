"""A process of a hub that posts statuses from threads: `paced_writer.py DATABASE API TOKEN REPOSITORY@SHA NAME`."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from hubwright.github.client import GitHubClient
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.store.database import Database

THREADS, EACH = 2, 2


def main(url: str, api_url: str, token: str, commit: str, name: str) -> None:
    """Post, as soon as the gate allows; a line comes before the first one, so that all may begin together."""
    repository, _, sha = commit.partition("@")
    owner, _, called = repository.partition("/")
    database = Database(url)
    with GitHubClient(api_url, token, gate=DatabaseGate(database)) as client:

        def post(thread: int) -> None:
            for number in range(EACH):
                client.post_status(owner, called, sha, "success", f"{name} {thread} {number}")

        print("ready", flush=True)
        sys.stdin.readline()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(post, range(THREADS)))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
