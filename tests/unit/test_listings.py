"""The table of listings: addresses as GitHub takes them, pages, items, parameters for what hangs below."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.github.listings import (
    LISTINGS,
    PER_PAGE,
    form_address,
    form_further_pages,
    form_page_address,
    read_given,
    read_items,
)
from hubwright.hub.loads import Load, name_scope

HELLO = {"owner": "octo", "repo": "hello"}


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_list_is_asked_for_whole_and_oldest_first() -> None:
    """What is added while it is read then moves no page."""
    address = form_address(LISTINGS["issues"], HELLO)

    assert urlsplit(address).path == "/repos/octo/hello/issues"
    assert query_of(address) == {"sort": "created", "direction": "asc", "per_page": "100", "state": "all"}


def test_options_count_where_the_list_takes_them() -> None:
    options = {"state": "open", "type": "owner"}

    assert query_of(form_address(LISTINGS["pulls"], HELLO, options))["state"] == "open"
    assert "state" not in query_of(form_address(LISTINGS["labels"], HELLO, options))
    assert "type" not in query_of(form_address(LISTINGS["labels"], HELLO, options))
    assert query_of(form_address(LISTINGS["own_repos"], {}, options))["type"] == "owner"


def test_since_is_githubs_where_it_has_it_and_an_order_where_not() -> None:
    since = "2026-02-01T00:00:00Z"

    assert query_of(form_address(LISTINGS["issues"], HELLO, since=since))["since"] == since
    walked = query_of(form_address(LISTINGS["pulls"], HELLO, since=since))
    assert (walked["sort"], walked["direction"], walked.get("since")) == ("updated", "desc", None)


@given(st.text(min_size=1))
def test_a_name_never_leaves_its_part_of_the_address(name: str) -> None:
    """S-cases: a label may be called `../../user?x#y`."""
    address = form_address(LISTINGS["label"], {**HELLO, "name": name.encode(errors="ignore").decode() or "x"})

    assert address.count("/") == 5
    assert "?" not in address
    assert "#" not in address


@pytest.mark.parametrize("last", ["", "1", "0", "-3", "x", "²", "99999999999"])
def test_numbers_of_pages_that_make_no_sense_lead_nowhere(last: str) -> None:
    assert form_further_pages(f"https://api.github.com/repositories/1/issues?page={last}") == []


def test_further_pages_keep_the_rest_of_the_address() -> None:
    base = "https://api.github.com/repositories/1/issues?state=all&labels=&page="

    assert form_further_pages(f"{base}3") == [f"{base}2", f"{base}3"]
    assert form_page_address(f"{base}3", 7) == f"{base}7"


@pytest.mark.parametrize(
    ("name", "document", "count"),
    [
        ("issues", [{"id": 1}, None, "x", {"id": 2}], 2),
        ("issues", {"message": "odd"}, 0),
        ("check_runs", {"total_count": 1, "check_runs": [{"id": 1}]}, 1),
        ("check_runs", {"total_count": 1}, 0),
        ("check_runs", [{"id": 1}], 1),
        ("issue", {"id": 1}, 1),
        ("issue", None, 0),
    ],
)
def test_items_are_what_is_an_object(name: str, document: Any, count: int) -> None:
    assert len(read_items(LISTINGS[name], document)) == count


def test_what_an_item_lacks_it_does_not_give() -> None:
    """Nothing hangs below a fork whose owner is gone."""
    listing = LISTINGS["user_repos"]

    assert read_given(listing, {"id": 7, "name": "hello", "owner": {"login": "octo"}}) == {
        "owner": "octo", "repo": "hello", "repository_id": 7,
    }  # fmt: skip
    assert read_given(listing, {"id": 7, "name": "hello", "owner": None}) is None


def test_only_what_has_an_address_of_its_own_is_asked_for_one_by_one() -> None:
    for listing in LISTINGS.values():
        assert (listing.single is None) == (not listing.single_by)
        assert listing.single is None or not LISTINGS[listing.single].many
        assert listing.many or listing.swept is None
        assert (listing.swept is None) == (not listing.scope)


@given(st.dictionaries(st.sampled_from(["owner", "repo", "name"]), st.text(max_size=400)), st.booleans())
def test_the_key_of_a_load_fits_its_column(where: dict[str, str], children: bool) -> None:
    """And two different loads have two keys."""
    load = Load(listings=("label",), where=where, children=children)

    assert len(f"after {load.key}") <= 400
    assert load.key != Load(listings=("label",), where=where, children=not children).key


def test_scopes_are_called_as_people_call_them() -> None:
    where = {**HELLO, "number": 7, "repository_id": 1}

    assert name_scope(LISTINGS["issues"], where) == "octo/hello"
    assert name_scope(LISTINGS["pull_files"], where) == "octo/hello#7"
    assert name_scope(LISTINGS["org_members"], {"org": "octo"}) == "octo"
    assert PER_PAGE == 100
