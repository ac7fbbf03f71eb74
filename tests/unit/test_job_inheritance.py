"""Settings that come down the folders, and where each comes from."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.job_inheritance import (
    NAMED,
    OWN,
    Effective,
    Layer,
    Origin,
    Source,
    lay,
    lay_all,
    lay_copy,
)
from hubwright.domain.pointers import read_pointer, write_pointer

WORDS = st.sampled_from(["a", "b", "c", "d/e", "~f"])
VALUES = st.one_of(st.none(), st.integers(0, 9), st.lists(WORDS, max_size=2))
PARAMETERS = st.lists(
    st.fixed_dictionaries({"name": WORDS, "title": WORDS}), max_size=3, unique_by=lambda one: one["name"]
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("timeout", "platforms", "priority", "title"), VALUES),
        **{key: st.dictionaries(WORDS, VALUES, max_size=3) for key in ("environment", "triggers")},
        NAMED: PARAMETERS,
    },
)


@st.composite
def some_layers(draw: st.DrawFn) -> list[Layer]:
    documents = draw(st.lists(DOCUMENTS, max_size=5))
    kinds = draw(st.lists(st.sampled_from(list(Source)), min_size=5, max_size=5))
    return [Layer(Origin(kinds[at], f"layer-{at}"), document) for at, document in enumerate(documents)]


def said_in(document: dict[str, Any], pointer: str) -> Any:
    """What a sparse document says at a place of the effective one."""
    key, *inner = read_pointer(pointer)
    if not inner:
        return document.get(key)
    if key == NAMED:
        return next((one for one in document.get(key, []) if one["name"] == inner[0]), None)
    return (document.get(key) or {}).get(inner[0])


def test_a_job_adds_to_what_its_folders_say() -> None:
    layers = [
        Layer(Origin(Source.DEFAULT), {"timeout": 3600, "commits": "each"}),
        Layer(Origin(Source.FOLDER, "team"), {"timeout": 600, "environment": {"CC": "gcc", "LANG": "C"}}),
        Layer(Origin(Source.JOB, "team/app"), {"environment": {"CC": "clang"}, "platforms": ["linux"]}),
    ]

    effective = lay_all(layers)

    assert effective.document() == {
        "timeout": 600,
        "commits": "each",
        "environment": {"CC": "clang", "LANG": "C"},
        "platforms": ["linux"],
    }
    assert {pointer: str(origin) for pointer, origin in effective.origins().items()} == {
        "/timeout": "folder team",
        "/commits": "default",
        "/environment/CC": "job team/app",
        "/environment/LANG": "folder team",
        "/platforms": "job team/app",
    }


def test_parameters_are_inherited_by_name_and_keep_their_order() -> None:
    folder = Layer(Origin(Source.FOLDER), {NAMED: [{"name": "A", "title": "a"}, {"name": "B", "title": "b"}]})
    job = Layer(Origin(Source.JOB, "app"), {NAMED: [{"name": "C"}, {"name": "A", "default": "x"}]})

    assert lay_all([folder, job]).document()[NAMED] == [
        {"name": "A", "default": "x"},
        {"name": "B", "title": "b"},
        {"name": "C"},
    ]


def test_null_says_nothing() -> None:
    """So a value that is reset shows what is inherited, in maps too."""
    folder = Layer(Origin(Source.FOLDER), {"timeout": 5, "environment": {"A": "1"}})
    job = Layer(Origin(Source.JOB, "app"), {"timeout": None, "environment": {"A": None}})

    assert lay_all([folder, job]) == lay(folder)


def test_what_a_job_is_comes_from_no_folder() -> None:
    """A folder that names a repository would make all of its jobs the same one."""
    said = dict.fromkeys(OWN, "x")

    assert lay(Layer(Origin(Source.FOLDER, "team"), said)) == Effective()
    assert lay(Layer(Origin(Source.JOB, "team/app"), said)).document() == said


def test_a_copy_has_all_of_its_parent_but_what_must_happen_once() -> None:
    """Two hundred pull requests must not run the nightly build two hundred times."""
    parent = lay_all(
        [
            Layer(Origin(Source.FOLDER, ""), {"triggers": {"poll": True, "push": ["main"]}}),
            Layer(
                Origin(Source.JOB, "app"),
                {"triggers": {"schedule": [{"cron": "0 3 * * *"}], "after": [{"job": "lib"}]}, "timeout": 60},
            ),
        ]
    )

    copy = lay_copy(parent, Layer(Origin(Source.COPY, "app_pr25"), {"priority": 5}))

    assert copy.document() == {"triggers": {"push": ["main"]}, "timeout": 60, "priority": 5}
    assert str(copy.origins()["/timeout"]) == "job app"
    assert str(copy.origins()["/priority"]) == "copy app_pr25"


@settings(deadline=None)
@given(some_layers(), st.data())
def test_layers_may_be_put_together_in_any_grouping(layers: list[Layer], data: st.DataObject) -> None:
    """The parent's settings are folded once, and each copy only adds its own layer."""
    at = data.draw(st.integers(0, len(layers)))
    split = lay_all(layers[:at]).under(lay_all(layers[at:]))

    assert split == lay_all(layers)
    assert split.document() == lay_all(layers).document()


@settings(deadline=None)
@given(some_layers())
def test_each_origin_is_the_last_layer_that_says_something(layers: list[Layer]) -> None:
    effective = lay_all(layers)
    by_origin = {layer.origin: layer for layer in layers}
    order = [layer.origin for layer in layers]

    for pointer, origin in effective.origins().items():
        held = said_in(effective.document(), pointer)
        assert said_in(dict(by_origin[origin].document), pointer) == held
        above = layers[order.index(origin) + 1 :]
        own = pointer[1:] in OWN
        assert all(
            said_in(dict(layer.document), pointer) is None
            or (own and layer.origin.source in {Source.HUB, Source.FOLDER})
            for layer in above
        )


@settings(deadline=None)
@given(some_layers())
def test_what_holds_is_a_document_again(layers: list[Layer]) -> None:
    """Effective settings, read as a layer of their own, are the same settings: nothing is lost or made up."""
    effective = lay_all(layers)
    whole = Layer(Origin(Source.JOB, "whole"), effective.document())

    assert lay(whole).document() == effective.document()
    assert lay(whole).said.keys() == effective.said.keys()


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=4))
def test_pointers_lead_back(parts: list[str]) -> None:
    assert read_pointer(write_pointer(parts)) == tuple(parts)
