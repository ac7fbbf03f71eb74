"""How the site is built from the pages (`make docs`): Sphinx with MyST and the theme Furo.

The pages stay readable where they are. The source folder is the repository, so that links between `docs/` and the files
above it are links of the site too; those to other files lead to the repository on GitHub.
"""

import re
import sys
from pathlib import Path
from posixpath import normpath

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))

from endpoints import write_endpoints  # noqa: E402 - found by the line above

REPOSITORY = "https://github.com/hubwright/hubwright"
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")

project = "Hubwright"
author = "the authors of Hubwright"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "build/reference/*.md",
    "examples/README.md",
]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 4
myst_enable_extensions = ["strikethrough"]
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = "Hubwright"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "first.html"}
templates_path = ["_templates"]
html_show_sourcelink = False
html_show_sphinx = False
html_copy_source = False

write_endpoints(ROOT / "build" / "reference" / "endpoints.md")


def link_to_repository(app, name, content):
    """Lead links to files that are no pages to the repository."""
    folder = Path(name).parent.as_posix()

    def rewrite(found):
        path = normpath(f"{folder}/{found[1]}")
        is_page = path.removesuffix(".md") in app.env.found_docs or path.endswith((".png", ".svg"))
        if is_page or not (ROOT / path).exists():
            return found[0]
        return f"{REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}{found[2] or ''}"

    parts, end = [], 0
    for fence in FENCE.finditer(content[0]):
        parts += [LINK.sub(rewrite, content[0][end : fence.start()]), fence[0]]
        end = fence.end()
    content[0] = "".join([*parts, LINK.sub(rewrite, content[0][end:])])


def setup(app):
    """Sphinx asks for this."""
    app.connect("source-read", link_to_repository)
    return {"parallel_read_safe": True}
