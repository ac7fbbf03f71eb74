"""Which container images a run had: told by its builder, kept, shown on page and in the API, named in provenance."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from build_lives import Clock, Lives
from hub_parts import rows
from hubwright.hub import moves
from hubwright.hub.bounds import IMAGES, Terms, tame
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.wire import Image, Images
from kept_files import keep, keep_build
from seed import Seed, seed_week, serving
from served import Served, served_site

DIGEST, LOCAL = "sha256:" + "d" * 64, "sha256:" + "e" * 64
TOLD = [
    {"name": "ghcr.io/o/tools:1", "id": "sha256:" + "c" * 64, "digest": DIGEST},
    {"name": "<b>own</b>", "id": LOCAL, "digest": ""},
]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served_site(tmp_path, signing_key=tmp_path / "key.pem") as served:
        served.rows.keep_job()
        keep_build(served, 1, images=TOLD)
        keep(served, 1, "app.bin")
        yield served


def test_what_a_builder_tells_is_kept_once(database: Database) -> None:
    """On SQLite and PostgreSQL; the number of the message counts as any other's."""
    lives = Lives(database, Clock())
    (run,) = lives.runs(lives.build("a" * 40))
    lives.start(run)
    message = Images(run=run, lease=1, seq=1, images=tuple(Image(**one) for one in TOLD))
    for _ in range(2):
        database.write(lambda connection: moves.apply_messages(connection, [moves.Told("anvil", message, 1.0)]))
    (row,) = rows(database, schema.run, id=run)

    assert (row.images, row.seq) == (TOLD, 1)


def test_what_a_builder_tells_is_bounded() -> None:
    """S26: neither a thousand images nor a name of a megabyte."""
    image = Image(name="n" * 10**6, id="i" * 10**6, digest="d\0" * 10**6)
    tamed = tame(Images(run=1, lease=1, seq=1, images=(image,) * 1000), Terms(0.0, 1.0, 0.0, 1000))

    assert isinstance(tamed, Images)
    assert len(tamed.images) == IMAGES
    assert max(len(one.name) + len(one.id) + len(one.digest) for one in tamed.images) <= 1200
    assert "\0" not in tamed.images[0].digest


def test_the_api_shows_them(hub: Served) -> None:
    (run,) = hub.client.get("/api/v1/builds/1").json()["runs"]
    assert run["images"] == TOLD


def test_the_page_shows_them(tmp_path: Path) -> None:
    """By digest, as a tag may be another image tomorrow; names are text, not HTML."""
    seed = Seed(tmp_path)
    seed_week(seed)
    build = seed.build(seed.job("core/boxed", "octo/boxed"), 1, 500, repository="octo/boxed")
    seed.run(build, [("build", "finished", "success", "hello")], 500, finished_at=seed.now, images=TOLD)
    seed.close()
    with serving(tmp_path) as (address, _), httpx2.Client(base_url=address) as client:
        page = client.get(f"/builds/{build}", headers={"Accept": "text/html"}).text

    assert DIGEST in page
    assert LOCAL in page
    assert "<b>own</b>" not in page
    assert "&lt;b&gt;own" in page


def test_the_provenance_names_them_among_what_was_resolved(hub: Served) -> None:
    """With the digest of the registry; an image that no registry has by its id, and said to be so."""
    envelope = json.loads(hub.client.get("/api/v1/runs/1/provenance").content)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    _, known, own = statement["predicate"]["buildDefinition"]["resolvedDependencies"]

    assert (known["uri"], known["digest"]) == ("docker://ghcr.io/o/tools:1", {"sha256": "d" * 64})
    assert known["annotations"]["hubwright"] == {"image": "registry", "id": TOLD[0]["id"], "toldBy": "builder"}
    assert own["digest"] == {"sha256": "e" * 64}
    assert own["annotations"]["hubwright"]["image"] == "local"
