"""Elasticsearch and OpenSearch by the three requests that both have always understood: a template, bulks, searches.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx2
import orjson

from hubwright.errors import OutletError, OutletRefusedError

MAX_BULK = 4 * 1024 * 1024
"""Bytes of one bulk, unless a single document is larger; engines refuse far more (100 MB)."""

TIMEOUT = 30.0
"""Seconds for each step of a request."""

_LATER = frozenset({429, 500, 502, 503, 504})
"""Statuses that say nothing of the document: the engine is full, or not whole at the moment."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document and where it belongs: sent again, it takes its own place."""

    index: str
    id: str
    body: Mapping[str, Any]


class SearchEngine:
    """An engine at `url`, which may hold a user and a password; `api_key` goes into the header instead. Thread-safe."""

    def __init__(self, url: str, api_key: str | None = None, *, timeout: float = TIMEOUT) -> None:
        headers = {"Authorization": f"ApiKey {api_key}"} if api_key else {}
        self._http = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Have new indices made by an index template. Raises OutletError, OutletRefusedError."""
        self._ask("PUT", f"/_index_template/{name}", orjson.dumps(template), "application/json")

    def keep(self, documents: Iterable[Document]) -> list[str]:
        """Put documents in their places, in bulks; why some were refused for good, which harms no other.

        Raises OutletError when the engine is away or full: all may be sent again.
        """
        refused: list[str] = []
        for lines in _pack(documents):
            answer = self._ask("POST", "/_bulk", b"".join(lines), "application/x-ndjson")
            refused += _read_bulk(answer)
        return refused

    def ask(self, indices: str, question: Mapping[str, Any]) -> Any:
        """The answer to a search in the indices of this pattern; none of them need be there.

        Raises OutletError, OutletRefusedError.
        """
        path = f"/{indices}/_search?ignore_unavailable=true&allow_no_indices=true"
        return self._ask("POST", path, orjson.dumps(question), "application/json")

    def _ask(self, method: str, path: str, body: bytes, kind: str) -> Any:
        try:
            answer = self._http.request(method, path, content=body, headers={"Content-Type": kind})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OutletError(f"The search engine does not answer: {str(error) or type(error).__name__}") from error
        if answer.status_code >= 300:
            told = answer.text[:300].strip()
            message = f"The search engine answered {answer.status_code}: {told}"
            known = answer.status_code in _LATER or answer.status_code in {401, 403, 404}  # keys and places are mended
            raise OutletError(message) if known else OutletRefusedError(message)
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError as error:
            raise OutletError("What answers is no search engine: its answer is not JSON.") from error


def _pack(documents: Iterable[Document]) -> Iterator[list[bytes]]:
    """The lines of bulks, none larger than `MAX_BULK` unless a single document is."""
    lines: list[bytes] = []
    size = 0
    for one in documents:
        order = orjson.dumps({"index": {"_index": one.index, "_id": one.id}}) + b"\n"
        body = orjson.dumps(one.body, option=orjson.OPT_NON_STR_KEYS) + b"\n"
        if lines and size + len(order) + len(body) > MAX_BULK:
            yield lines
            lines, size = [], 0
        lines += (order, body)
        size += len(order) + len(body)
    if lines:
        yield lines


def _read_bulk(answer: Any) -> list[str]:
    """Why documents were refused. Raises OutletError if one of them may be taken later."""
    items: Sequence[Any] = answer.get("items", ()) if isinstance(answer, dict) else ()
    refused = []
    for item in items:
        done: Mapping[str, Any] = next(iter(item.values()), {})
        status = int(done.get("status", 500))
        if status < 300:
            continue
        error = done.get("error") or {}
        reason = error.get("reason") if isinstance(error, dict) else error
        if status in _LATER:
            raise OutletError(f"The search engine takes no more at the moment: {str(reason)[:200]}")
        refused.append(f"{done.get('_id', '?')}: {str(reason)[:200]}")
    return refused
