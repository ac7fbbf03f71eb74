"""The pages of the documentation that `/help` leads to, by what somebody wants. `docs/index.md` has all of them."""

from __future__ import annotations

MANUAL = (
    (
        "Begin",
        (
            ("tutorial", "Ten minutes to a green build"),
            ("connect-github", "Connect GitHub"),
            ("importing", "Moving here from another system"),
            ("recipe", "The build file"),
        ),
    ),
    (
        "Every day",
        (
            ("results", "Test results and problems"),
            ("logs", "Logs"),
            ("artifacts", "Artifacts"),
            ("queue", "The queue"),
            ("bisect", "The commit that broke it"),
            ("forks", "Pull requests from forks"),
            ("notices", "Notices: who is told what a build's end means"),
            ("irc", "IRC"),
            ("cli", "Commands"),
            ("api", "The REST API"),
        ),
    ),
    (
        "Running it",
        (
            ("how-it-works", "How it works"),
            ("settings", "Settings"),
            ("jobs", "Definitions of jobs and folders"),
            ("secrets", "Secrets"),
            ("access", "Access"),
            ("builders", "Builders and their walls"),
            ("deployment", "Deployment"),
            ("object-store", "Keep files in an object store"),
            ("backup", "Backup and restore"),
            ("upgrading", "Upgrading"),
            ("doctor", "The doctor"),
            ("scaling", "Several hubs"),
            ("metrics", "Metrics"),
            ("delivery", "What is delivered, and how often"),
            ("threat-model", "Threat model"),
        ),
    ),
)
"""Groups of pages: each is its name below `docs/`, and its title."""


def find_manual(address: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The groups with the address and title of each page. `address` has `{page}` in the name's place."""
    return [(group, [(address.replace("{page}", page), title) for page, title in pages]) for group, pages in MANUAL]
