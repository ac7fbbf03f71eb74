"""The format of definitions as a JSON Schema, for editors, the API's description and `/schema/job.json`."""

from __future__ import annotations

from typing import Any

from hubwright.domain.job_format import FOLDER, JOB
from hubwright.domain.recipe_schema import shape_schema


def job_schema(*, folder: bool = False) -> dict[str, Any]:
    """A draft-07 schema of a job's or a folder's definition, without `$id`, which the server sets.

    The reader takes a little more: null for what is not said, and the names of `job_format.ALIASES`.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Hubwright folder" if folder else "Hubwright job",
        **shape_schema(FOLDER if folder else JOB),
    }
