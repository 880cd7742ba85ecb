"""Links to files of the repository: to a page where the site has one, to the published repository, else plain text."""

import os
import re
from pathlib import Path

PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(
    r"(?<!!)\[([^\]]*)\]\(((?:\.\./|docs/|data/|results/|src/|tests/|\.github/|[A-Z])[^)\s#]*)(#[^)]*)?\)"
)
REPOSITORY = os.environ.get("GITHUB_REPOSITORY")


def rewritten(text, folder):
    """The text of a page in the given folder of the repository, with its links led elsewhere."""

    def target(match):
        words, link, anchor = match.group(1), match.group(2), match.group(3) or ""
        path = os.path.normpath(os.path.join(folder, link))
        if path.startswith("docs/"):
            return f"[{words}](/{path.removeprefix('docs/')}{anchor})"
        if path in PAGES:
            return f"[{words}](/{PAGES[path]}{anchor})"
        return f"[{words}](https://github.com/{REPOSITORY}/blob/main/{path}{anchor})" if REPOSITORY else words

    return LINK.sub(target, text)


def page(app, name, source):
    """A page of docs/."""
    if str(app.env.doc2path(name)).endswith(".md"):
        source[0] = rewritten(source[0], os.path.dirname(f"docs/{name}"))


def included(app, path, name, source):
    """A file of the repository that a page includes."""
    root = Path(app.srcdir).parent
    source[0] = rewritten(source[0], os.path.dirname((Path(app.srcdir) / path).resolve().relative_to(root)))


def setup(app):
    """Before the pages are parsed."""
    app.connect("source-read", page)
    app.connect("include-read", included)
    return {"parallel_read_safe": True}
