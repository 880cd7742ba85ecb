"""The built site in Chromium: no broken link, no message on the console, formulas set, readable on a telephone.

    make docs && pytest -m slow tests/test_site.py

The browser reads the site from this machine and has no network. Skipped without Chromium or without a site.
"""

from __future__ import annotations

import functools
import html
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

SITE = Path(__file__).resolve().parents[1] / "site"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site; make docs builds it"),
]

PHONE, SCREEN = 390, 1280
"""Widths of a telephone and of a screen, CSS pixels."""

NAMES = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
"""Every page of the site."""

WORK = [(f"/{name}", width) for name in NAMES for width in (SCREEN, PHONE)]

PATIENCE = 20000
"""Milliseconds until a page must have finished."""

START = "_look"
"""Address of the page that opens all others."""

PROBE = """<script>
const met = [];
addEventListener("error", e => met.push(String(e.message || (e.target && (e.target.src || e.target.href)))), true);
addEventListener("unhandledrejection", e => met.push(String(e.reason)));
for (const kind of ["error", "warn"]) {
  const plain = console[kind];
  console[kind] = (...words) => { met.push(words.join(" ")); plain(...words); };
}
addEventListener("load", async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await document.fonts.ready;
  const found = {
    met,
    formulas: document.querySelectorAll(".math").length,
    set: document.querySelectorAll(".math mjx-container").length,
    wrong: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
    plain: (document.querySelector("article") || document.body).innerText.match(/\\\\(frac|mathbf|langle|sum)/g) || [],
    width: document.documentElement.scrollWidth,
    window: innerWidth,
  };
  document.body.setAttribute("data-found", JSON.stringify(found));
});
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the site; every page has the probe in its head."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if self.path == f"/{START}":
            text = LOOK.replace("WORK", json.dumps(WORK)).replace("PATIENCE", str(PATIENCE))
        elif path.suffix == ".html" and path.exists():
            text = path.read_text(encoding="utf-8").replace("<head>", "<head>" + PROBE, 1)
        else:
            return super().do_GET()
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(SITE))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


class Targets(HTMLParser):
    """Links, sources and anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := given.get(key))}
        self.links += [value for key in ("href", "src") if (value := given.get(key))]


def test_no_link_is_broken() -> None:
    found = {}
    for page in (SITE / name for name in NAMES):
        parser = Targets()
        parser.feed(page.read_text(encoding="utf-8"))
        found[page] = parser
    broken = []
    for page, parser in found.items():
        for link in parser.links:
            target, anchor = urldefrag(urljoin(page.as_uri(), link))
            if not target.startswith("file:"):
                continue
            path = Path(unquote(urlsplit(target).path))
            if not path.exists() or (anchor and path in found and unquote(anchor) not in found[path].anchors):
                broken.append(f"{page.relative_to(SITE)}: {link}")
    assert not broken


def test_nothing_is_loaded_from_elsewhere() -> None:
    for page in (SITE / name for name in NAMES):
        text = page.read_text(encoding="utf-8")
        for mark in ('src="http', 'src="//', 'rel="stylesheet" type="text/css" href="http'):
            assert mark not in text, page


LOOK = """<!doctype html><html><body><script>
(async () => {
  const found = {};
  for (const [page, width] of WORK) {
    const frame = document.createElement("iframe");
    frame.style.border = 0;
    frame.width = width;
    frame.height = 800;
    frame.src = page;
    document.body.replaceChildren(frame);
    const start = Date.now();
    found[page + " " + width] = await new Promise(done => {
      const timer = setInterval(() => {
        const said = frame.contentDocument.body && frame.contentDocument.body.getAttribute("data-found");
        if (!said && Date.now() - start < PATIENCE) return;
        clearInterval(timer);
        done(said ? JSON.parse(said) : null);
      }, 50);
    });
  }
  document.body.setAttribute("data-found", JSON.stringify(found));
})();
</script></body></html>"""
"""Every page in a frame as wide as a screen, then as a telephone, because a window of Chromium is at least 500 wide."""


@pytest.fixture(scope="module")
def found(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe has found on every page, by page and width, by one start of the browser."""
    assert CHROMIUM is not None
    folder = tmp_path_factory.mktemp("chromium")
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    words = [CHROMIUM, "--headless", "--no-sandbox", *quiet, "--disable-component-update", "--hide-scrollbars"]
    budget = len(WORK) * PATIENCE
    words += [f"--user-data-dir={folder}", "--window-size=1400,900", f"--virtual-time-budget={budget}", "--dump-dom"]
    done = subprocess.run([*words, f"{server}/{START}"], capture_output=True, text=True, timeout=1500, check=True)
    mark = 'data-found="'
    assert mark in done.stdout, "the browser did not finish"
    return json.loads(html.unescape(done.stdout.split(mark, 1)[1].split('"', 1)[0]))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; apt-get install chromium")
@pytest.mark.parametrize("page", NAMES)
def test_a_page_in_the_browser(page: str, found: dict[str, Any]) -> None:
    wide, narrow = found[f"/{page} {SCREEN}"], found[f"/{page} {PHONE}"]
    assert wide, "the page did not finish"
    assert narrow, "the page did not finish on a telephone"
    assert wide["met"] == narrow["met"] == []
    assert wide["set"] == wide["formulas"]
    assert wide["wrong"] == 0
    assert wide["plain"] == []
    assert narrow["window"] == PHONE
    assert narrow["width"] <= PHONE, f"{narrow['width']} wide on a telephone"
