"""Where a run's files come from, as an in-toto statement with SLSA provenance, and the envelope that is signed.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:hubwright:build:v1"
"""Names the parameters below; docs/artifacts.md tells what each means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A kept file: its path and SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A container image of the run. `digest` is that of its registry, "" for one that was made on the builder."""

    name: str
    id: str
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What the hub knows of a finished run: by itself, but the images by the builder. Times are RFC 3339."""

    hub: str
    version: str
    run: int
    build: int
    job: str
    repository: str
    clone_url: str
    sha: str
    ref: str
    event: str
    trust: str
    builder: str | None
    platform: str
    recipe: str | None
    recipe_sha256: str
    started_at: str | None
    finished_at: str | None
    matrix: Mapping[str, str] = field(default_factory=dict)
    images: Sequence[Image] = ()


def make_statement(origin: Origin, subjects: Sequence[Subject]) -> dict[str, Any]:
    """The statement about these files."""
    source = f"git+{origin.clone_url}@{origin.ref}"
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": one.name, "digest": {"sha256": one.sha256}} for one in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "repository": origin.repository,
                    "sha": origin.sha,
                    "ref": origin.ref,
                    "event": origin.event,
                    "job": origin.job,
                    "recipe": origin.recipe,
                    "recipeSha256": origin.recipe_sha256,
                    "matrix": dict(origin.matrix),
                },
                "internalParameters": {"trust": origin.trust, "builder": origin.builder, "platform": origin.platform},
                "resolvedDependencies": [
                    {"uri": source, "digest": {"gitCommit": origin.sha}},
                    *(_describe(image) for image in origin.images),
                ],
            },
            "runDetails": {
                "builder": {"id": origin.hub, "version": {"hubwright": origin.version}},
                "metadata": {
                    "invocationId": f"{origin.hub}/builds/{origin.build}/runs/{origin.run}",
                    "startedOn": origin.started_at,
                    "finishedOn": origin.finished_at,
                },
            },
        },
    }


def _describe(image: Image) -> dict[str, Any]:
    """As a resource descriptor; the id stands for images that no registry knows."""
    told = image.digest or image.id
    kind = "registry" if image.digest else "local"
    algorithm, _, value = told.partition(":")
    return {
        "uri": f"docker://{image.name}",
        "digest": {algorithm: value},
        "annotations": {"hubwright": {"image": kind, "id": image.id, "toldBy": "builder"}},
    }


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: type and payload with their lengths, so that neither runs into the other (DSSE's PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
