"""Files by key in a folder or an object store: artifacts, caches, what builds leave."""

from hubwright.storage.folder import MARKER
from hubwright.storage.store import PART, Storage, Stored

__all__ = ["MARKER", "PART", "Storage", "Stored"]
