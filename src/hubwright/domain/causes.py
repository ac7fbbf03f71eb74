"""Why there is a build, and why one that has ended ended as it did, in words."""

from __future__ import annotations

from hubwright.domain.waiting import Reason
from hubwright.domain.wording import look_of


def explain_build(event: str, ref: str, pull_request: int | None, author: str | None) -> Reason:
    """What asked for the build; `ref` is a branch or a whole ref."""
    who = author or "Somebody"
    sentence = {
        "push": f"{who} pushed the commit to {ref}.",
        "tag": f"{who} pushed the tag {ref.removeprefix('refs/tags/')}.",
        "pull_request": f"It is the head of pull request #{pull_request} by {who}.",
        "merge_group": f"GitHub's merge queue asks about {ref}.",
        "manual": f"{who} asked for it.",
        "schedule": f"Its time had come: the newest commit of {ref}.",
        "dependency": "A build of a job that it comes after had ended.",
        "release": f"{ref.removeprefix('refs/tags/')} was released.",
        "bisect": "A search for the commit that broke something asked for it.",
        "backfill": "A platform had not yet built the newest commit.",
    }
    return Reason(kind=event, sentence=sentence.get(event, f"{event} of {ref}."))


def explain_end(result: str | None, problem: str | None, cancelled: str | None) -> Reason:
    """Why a build that has ended ended so; `cancelled` is why it was cancelled."""
    if result == "cancellation":
        return Reason(kind="cancelled", sentence=cancelled or "It was cancelled.")
    if problem is not None:
        return Reason(kind="skipped" if result == "skip" else "no_runs", sentence=problem)
    if result == "skip":
        return Reason(kind="skipped", sentence="Nothing in the recipe applied.")
    return Reason(kind="ran", sentence=f"It ran: {look_of('finished', result).word.lower()}.")
