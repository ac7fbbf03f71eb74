"""What starts a job without asking anybody must give what the job asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hubwright.domain.job_parameters import fill_parameters
from hubwright.domain.job_settings import EffectiveSettings
from hubwright.errors import DefinitionError, Wrong


def find_unanswered(settings: EffectiveSettings) -> list[Wrong]:
    """Why builds would be refused that times, ends of other jobs and releases start; pointers are of `triggers`."""
    told = settings.triggers
    wrong: list[Wrong] = []
    for at, timed in enumerate(told.schedule):
        wrong += _refuse(settings, f"/triggers/schedule/{at}", timed.parameters)
    for pointer, starts in (("/triggers/after", told.after), ("/triggers/release", told.release)):
        wrong += _refuse(settings, pointer, {}) if starts else ()
    return wrong


def _refuse(settings: EffectiveSettings, pointer: str, given: Mapping[str, str]) -> Iterator[Wrong]:
    try:
        fill_parameters(settings.parameters, given)
    except DefinitionError as error:
        timed = pointer.startswith("/triggers/schedule")
        for one in error.problems:
            hint = " give it among its `parameters`, or" if timed else ""
            mend = f":{hint} say a `default`" if one.message.endswith("is required") else ""
            where = pointer + one.pointer if timed else pointer
            yield Wrong(where, f"this starts builds and asks nobody, but {one.message}{mend}")
