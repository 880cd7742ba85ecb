"""The built site in Chromium: no broken link, no message on the console, formulas set, readable on a telephone.

    make docs && pytest -m slow tests/test_site.py

The browser reads the site from this machine and has no network. Skipped without Chromium or without a site.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

SITE = Path(__file__).resolve().parents[1] / "site"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site; make docs builds it"),
]

PHONE = 390
"""Width of a telephone, CSS pixels."""

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
        if path.suffix != ".html":
            return super().do_GET()
        content = path.read_text(encoding="utf-8").replace("<head>", "<head>" + PROBE, 1).encode()
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


def pages() -> list[Path]:
    """Every page of the site."""
    return sorted(SITE.rglob("*.html"))


def test_no_link_is_broken() -> None:
    found = {}
    for page in pages():
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
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for mark in ('src="http', 'src="//', 'rel="stylesheet" type="text/css" href="http'):
            assert mark not in text, page


def look(url: str, folder: Path, width: int, picture: Path | None = None) -> dict[str, object]:
    """What the probe has found on a page, in a window of this width."""
    assert CHROMIUM is not None
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    words = [CHROMIUM, "--headless", "--no-sandbox", *quiet, "--disable-component-update", "--hide-scrollbars"]
    words += [f"--user-data-dir={folder}", f"--window-size={width},900", "--virtual-time-budget=20000"]
    out = [f"--screenshot={picture}"] if picture else ["--dump-dom"]
    shown = subprocess.run([*words, *out, url], capture_output=True, text=True, timeout=180, check=True).stdout
    if picture:
        return {}
    mark = 'data-found="'
    assert mark in shown, f"{url}: the page did not finish"
    text = shown.split(mark, 1)[1].split('"', 1)[0]
    return json.loads(text.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


NAMES = [
    *("index", "first-steps", "load", "quench", "label", "training", "predict", "transfer", "compare", "simulate"),
    *("report", "theory", "methods", "observables", "data", "results", "history", "gallery", "contributing"),
    *("reference/index", "reference/commands", "reference/modules/observables", "reference/modules/model"),
]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; apt-get install chromium")
@pytest.mark.parametrize("name", NAMES)
def test_a_page_in_the_browser(name: str, server: str, tmp_path: Path) -> None:
    wide = look(f"{server}/{name}.html", tmp_path / "wide", 1280)
    assert wide["met"] == []
    assert wide["set"] == wide["formulas"]
    assert wide["wrong"] == 0
    assert wide["plain"] == []
    # Chromium's window is at least 500 wide, so the page stands in a frame as wide as a telephone.
    frame = SITE / f"_telephone_{name.replace('/', '_')}.html"
    frame.write_text(FRAME.format(width=PHONE, page=f"/{name}.html"), encoding="utf-8")
    try:
        narrow = look(f"{server}/{frame.name}", tmp_path / "narrow", 800)
    finally:
        frame.unlink()
    assert narrow["window"] == PHONE
    assert narrow["width"] <= PHONE, f"{name} is {narrow['width']} wide on a telephone"


FRAME = """<!doctype html><html><body><iframe width="{width}" height="800" style="border: 0" src="{page}"></iframe>
<script>
setInterval(() => {{
  const found = document.querySelector("iframe").contentDocument.body.getAttribute("data-found");
  if (found) document.body.setAttribute("data-found", found);
}}, 50);
</script></body></html>
"""
