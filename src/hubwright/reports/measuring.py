"""What is told to a collector each minute: what `/metrics` shows, and pipelines and workers by the conventions.

https://opentelemetry.io/docs/specs/semconv/cicd/cicd-metrics/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample
from sqlalchemy import Connection, func, select, text

from hubwright.domain.figures import OTHER, SUM, Kind, name_bound
from hubwright.domain.measurements import Histogram, Measurement, Shape, Spread
from hubwright.domain.pipeline_figures import DURATION, ERRORS, EXECUTING, PENDING, SYSTEM_ERRORS, PipelineNames
from hubwright.domain.traces import Attributes
from hubwright.reports.pipeline_counting import SINCE
from hubwright.store.builders import AWAY, GONE
from hubwright.store.figures import load_counts
from hubwright.store.schema import build, builder, job, run

MAX_NAMED = 200
"""Jobs with open builds whose names are looked up; more than `MAX_PIPELINES`, for copies share one."""

_PARENT = job.alias("parent")
_STATES = {"queued": PENDING, "running": EXECUTING}
_UNITS = {"_seconds": "s", "_bytes": "By"}
_SHAPES = {"gauge": Shape.GAUGE, "counter": Shape.COUNTER}

Found = Mapping[tuple[str, ...], float]


def load_measurements(connection: Connection) -> Iterator[Measurement | Histogram]:
    """Pipelines and workers."""
    counts = load_counts(connection)
    since = counts.get(SINCE[0], {}).get(SINCE[1])
    durations = counts.get(DURATION.name, {})
    yield _write_durations(durations, since)
    for kind in (ERRORS, SYSTEM_ERRORS):
        points = [(_label(kind, labels), value) for labels, value in counts.get(kind.name, {}).items()]
        yield Measurement(
            name=kind.name, unit="{error}", text=kind.text, shape=Shape.COUNTER, points=points, since=since
        )
    yield _write_active(_load_active(connection), {labels[0] for labels in durations})
    yield _load_workers(connection)


def translate(families: Iterable[Metric]) -> Iterator[Measurement | Histogram]:
    """What Prometheus scrapes, under the same names; `_total` and its kin belong to Prometheus."""
    for family in families:
        unit = next((unit for end, unit in _UNITS.items() if family.name.endswith(end)), "1")
        if family.type == "histogram":
            spreads = list(_gather(family.samples))
            yield Histogram(name=family.name, unit=unit, text=family.documentation, points=spreads)
        elif family.type in _SHAPES:
            points = [(dict(sample.labels), float(sample.value)) for sample in family.samples]
            shape = _SHAPES[family.type]
            yield Measurement(name=family.name, unit=unit, text=family.documentation, shape=shape, points=points)


def _gather(samples: Iterable[Sample]) -> Iterator[tuple[Attributes, Spread]]:
    """The buckets of each series, which Prometheus adds up, as they are by themselves."""
    below: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in samples:
        key = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
        if sample.name.endswith("_bucket"):
            below.setdefault(key, []).append((float(sample.labels["le"]), float(sample.value)))
        elif sample.name.endswith("_sum"):
            sums[key] = float(sample.value)
    for key, parts in below.items():
        parts.sort()
        counts = [count for _, count in parts]
        alone = tuple(int(more - less) for more, less in zip(counts, [0.0, *counts], strict=False))
        yield dict(key), Spread(tuple(bound for bound, _ in parts if bound < inf), alone, sums.get(key, 0.0))


def _label(kind: Kind, labels: Iterable[str]) -> Attributes:
    """The attributes of a series; what has no value is no attribute."""
    return {name: value for name, value in zip(kind.labels, labels, strict=False) if value}


def _write_durations(found: Found, since: float | None) -> Histogram:
    parts: dict[tuple[str, ...], dict[str, float]] = {}
    for (*labels, part), value in found.items():
        parts.setdefault(tuple(labels), {})[part] = value
    bounds = (*DURATION.buckets, inf)
    points = [
        (
            _label(DURATION, labels),
            Spread(DURATION.buckets, tuple(int(one.get(name_bound(bound), 0)) for bound in bounds), one.get(SUM, 0.0)),
        )
        for labels, one in parts.items()
    ]
    return Histogram(name=DURATION.name, unit="s", text=DURATION.text, points=points, since=since)


def _load_active(connection: Connection) -> dict[tuple[str, str], int]:
    """Builds that have not ended, by job (of a copy its job) and state; beyond `MAX_NAMED` jobs together."""
    amount, of = (
        func.count().label("amount"),
        (build.c.job_id + 0).label("job_id"),
    )  # SQLite would go by job, finished too
    rows = connection.execute(
        select(of, build.c.state, amount)
        .where(text("build.state <> 'finished'"))  # as the partial index says it
        .group_by(of, build.c.state)
        .order_by(amount.desc())
    ).all()
    ids = list(dict.fromkeys(row.job_id for row in rows))[:MAX_NAMED]
    named = select(job.c.id, func.coalesce(_PARENT.c.path, job.c.path).label("pipeline"))
    named = named.outerjoin(_PARENT, _PARENT.c.id == job.c.copy_of).where(job.c.id.in_(ids))
    names = {row.id: row.pipeline for row in connection.execute(named)} if ids else {}
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = names.get(row.job_id, OTHER), row.state
        found[key] = found.get(key, 0) + row.amount
    return found


def _write_active(found: Mapping[tuple[str, str], int], known: set[str]) -> Measurement:
    names = PipelineNames(known)
    sums = {(name, state): 0.0 for name in sorted(known) for state in _STATES.values()}
    for (pipeline, state), amount in found.items():
        key = pipeline if pipeline == OTHER else names.bound(pipeline), _STATES.get(state, PENDING)
        sums[key] = sums.get(key, 0.0) + amount
    points = [
        ({"cicd.pipeline.name": name, "cicd.pipeline.run.state": state}, sum_) for (name, state), sum_ in sums.items()
    ]
    said = "The number of pipeline runs currently active in the system by state."
    return Measurement(name="cicd.pipeline.run.active", unit="{run}", text=said, shape=Shape.LEVEL, points=points)


def _load_workers(connection: Connection) -> Measurement:
    gone = func.coalesce(builder.c.state, AWAY).in_(GONE)
    total, offline = connection.execute(select(func.count(), func.count().filter(gone)).select_from(builder)).one()
    working = select(func.count(run.c.builder.distinct())).where(text("run.state = 'running'"))
    busy = min(connection.execute(working).scalar_one(), total - offline)
    states = {"available": total - offline - busy, "busy": busy, "offline": offline}
    points = [({"cicd.worker.state": state}, float(count)) for state, count in states.items()]
    said = "The number of workers on the CI/CD system by state."
    return Measurement(name="cicd.worker.count", unit="{worker}", text=said, shape=Shape.LEVEL, points=points)
