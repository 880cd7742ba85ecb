"""The report: well formed, self-contained, safe against what files hold, and alive in a browser."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pandas import DataFrame

import equiglass
from equiglass import report
from equiglass.__main__ import main
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.figures import figure_png, training_curves
from equiglass.methods.loading import read_configuration
from equiglass.prediction.model import Model, Prediction
from equiglass.report import write_report
from equiglass.report.fields import view_data
from equiglass.report.results import json_parts, results
from equiglass.report.scores import Scored, comparison, score
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid
from samples.outline import Outline

ARCHITECTURE = {"l_max": 1, "layers": 1, "channels": 2}
EVIL = "<script>document.body.dataset.evil = 1</script>\"'&<img src=x onerror=document.body.dataset.evil=1>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models trained on four configurations, one validating, and a folder of results with hostile texts."""
    folder = tmp_path_factory.mktemp("report")
    systems = [labelled_liquid(seed) for seed in range(5)]
    for seed in (1, 2):
        settings = {"seed": seed, "architecture": ARCHITECTURE, "epochs": 2}
        configuration = equiglass.Configuration.model_validate(settings)
        equiglass.train(systems[:4], folder / f"run-{seed}", configuration, validation=systems[4:])
    results = folder / "results"
    results.mkdir()
    (results / "transfer.png").write_bytes(
        figure_png(training_curves(DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0]}), {}))
    )
    (results / "transfer.csv").write_text(f'name,rho\n"{EVIL.replace(chr(34), chr(34) * 2)}",0.5\nplain,-\n')
    (results / "transfer.txt").write_text(f"│ matrix │ {EVIL}")
    content = {"command": "equiglass transfer a b", EVIL: EVIL, "matrix": [[0.25, None]], "deep": {"x": [[1, [2]]]}}
    (results / "transfer.json").write_text(json.dumps(content))
    return folder


def systems_of_report() -> list[equiglass.System]:
    """One that trained, one that validated, two that were not seen; one with a hostile name, one with a NaN."""
    hostile = labelled_liquid(7)
    propensity = np.array(hostile.propensity)
    propensity[1, 3] = np.nan
    hostile = replace(hostile, name=EVIL, propensity=propensity)
    return [labelled_liquid(0), labelled_liquid(4), labelled_liquid(6), hostile]


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    """A report of everything."""
    sources = [str(folder / name) for name in ("run-1", "run-2", "results")]
    write_report(folder / "all.html", sources, systems_of_report(), command=f"equiglass report {EVIL}")
    return folder / "all.html"


def test_page_is_well_formed_and_fetches_nothing(page: Path) -> None:
    outline = Outline(page.read_text(encoding="utf-8"))
    assert len(set(outline.ids)) == len(outline.ids)
    inner = [address for address in outline.addresses if address.startswith("#")]
    assert {address[1:] for address in inner} <= set(outline.ids)
    assert all(a.startswith("data:image/png;base64,") for a in outline.addresses if a not in inner)
    assert outline.tags.count("script") == 3, "the data of the view, and the two scripts of the page"
    titles = ("Propensity fields", "run-1", "run-2", "results", "Comparison", "Commands", "Learning curves", "Model")
    assert all(title in outline.text for title in titles)
    assert "equiglass transfer a b" in outline.text
    assert f"│ matrix │ {EVIL}" in outline.text
    assert f"equiglass report {EVIL}" in outline.text, "shown as it is, not run"


def test_scores_are_of_configurations_that_the_model_has_not_seen(page: Path, folder: Path) -> None:
    text = Outline(page.read_text(encoding="utf-8")).text
    assert "Of 4 configurations 1 trained the model, 1 validated it; scores are of the 2 others." in text
    model, systems = equiglass.load_model(folder / "run-1"), systems_of_report()
    predictions = [model.predict(system) for system in systems[2:]]
    rows = equiglass.evaluate(systems[2:], predictions)
    assert [row.configurations for row in rows] == [2] * 4
    for row in rows:
        assert f"{row.type} {row.time:g} {row.label} {row.per_configuration:.3f}" in text


def test_models_of_different_potentials_quench_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inherent structure of one potential is none of the other."""
    for name in ("kob-andersen", "kob-andersen-wca"):
        settings = read_configuration(None, [f"potential={name}", "fold=0"], "energy")
        equiglass.train(
            [replace(labelled_liquid(seed), potential=None) for seed in range(3)], tmp_path / name, settings
        )
    seen = []

    def recorded(model: Model, systems: Sequence[equiglass.System], *rest: Any) -> Scored:
        seen.append([system.positions_inherent is None for system in systems])
        return score(model, systems, *rest)

    monkeypatch.setattr(report, "score", recorded)
    bare = replace(labelled_liquid(6), potential=None, positions_inherent=None)
    write_report(tmp_path / "both.html", [str(tmp_path / "kob-andersen"), str(tmp_path / "kob-andersen-wca")], [bare])
    assert seen == [[True], [True]]


def test_view_holds_the_fields_to_single_precision(folder: Path) -> None:
    systems = systems_of_report()
    scored = [score(equiglass.load_model(folder / f"run-{k}"), systems) for k in (1, 2)]
    data = view_data(scored, [3, 0])
    assert data["labels"] == ["1", "7"]
    assert [one["name"] for one in data["configurations"]] == [EVIL, "liquid-0"]
    for one, k in zip(data["configurations"], (3, 0), strict=True):
        system, n = systems[k], systems[k].n_particles
        assert one["times"] == [0.1, 16.5]
        assert system.propensity is not None
        read = np.frombuffer(base64.b64decode(one["measured"]), "<f4").reshape(2, n)
        np.testing.assert_array_equal(read, system.propensity.astype(np.float32))
        np.testing.assert_array_equal(np.frombuffer(base64.b64decode(one["types"]), "u1"), system.types)
        read = np.frombuffer(base64.b64decode(one["positions"]), "<f4").reshape(n, 3)
        np.testing.assert_array_equal(read, system.positions.astype(np.float32))
        for encoded, model in zip(one["predicted"], scored, strict=True):
            expected = model.model.predict(system).propensity.astype(np.float32)
            np.testing.assert_array_equal(np.frombuffer(base64.b64decode(encoded), "<f4").reshape(2, n), expected)


def test_fields_of_4096_particles_at_ten_times_take_two_thirds_of_a_megabyte(folder: Path) -> None:
    times = {str(k): 10.0**k for k in range(10)}
    scored = score(equiglass.load_model(folder / "run-1"), [], {})
    predictions = [Prediction(random_liquid(4096), times, np.zeros((10, 4096)))]
    scored = replace(scored, model=replace(scored.model, times=times), predictions=predictions)
    size = len(json.dumps(view_data([scored], [0])))
    assert 4096 * (3 * 4 + 1 + 2 * 10 * 4) < size < 0.6e6


def test_a_model_without_data_and_unlabelled_data(folder: Path) -> None:
    write_report(folder / "card.html", [str(folder / "run-1")])
    text = Outline((folder / "card.html").read_text()).text
    assert "16.5 (7)" in text
    assert "Propensity fields" not in text
    assert "highest degree of the spherical harmonics" in text

    unlike = replace(random_liquid(64, density=1.0), potential=None)
    unlike = replace(unlike, positions_inherent=unlike.positions)
    with pytest.warns(EquiglassWarning, match="density"):
        write_report(folder / "unlabelled.html", [str(folder / "run-1")], [unlike])
    text = Outline((folder / "unlabelled.html").read_text()).text
    assert "no measured propensities at the times of the model" in text
    assert "is unlike the training data" in text
    assert "Propensity fields" in text


def test_command_line(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    equiglass.save([labelled_liquid(8)], folder / "new.h5")
    words = ["report", str(folder / "run-1"), "--data", str(folder / "new.h5"), "--out", str(folder / "line.html")]
    monkeypatch.setattr(sys, "argv", ["equiglass", *words])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "line.html" in capsys.readouterr().out
    text = Outline((folder / "line.html").read_text()).text
    assert f"equiglass {' '.join(words)}" in text
    assert f"equiglass train --data DATA --out OUT --config {folder / 'run-1' / 'configuration.yaml'}" in text


def test_the_command_of_a_training_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data are as they were named, also after --resume, which need not name all."""
    equiglass.save([labelled_liquid(seed) for seed in range(2)], tmp_path / "my data.h5")
    settings = ("--set", "architecture={l_max: 1, layers: 1, channels: 2}", "--set", "epochs=1", "--set", "fold=0")
    words = ["train", "--data", "my data.h5", "--out", "run", *settings]
    monkeypatch.chdir(tmp_path)
    for line in (words, [*words[:5], "--resume"], ["report", "run", "--out", "report.html"]):
        monkeypatch.setattr(sys, "argv", ["equiglass", *line])
        with pytest.raises(SystemExit, match="0"):
            main()
    command = shlex.join(["equiglass", *words])
    assert yaml.safe_load((tmp_path / "run" / "environment.yaml").read_text())["command"] == command
    text = Outline((tmp_path / "report.html").read_text()).text
    assert f"command of the training {command}" in text
    assert text.count(command) == 2, "in the card and among the commands; environment.yaml folds its lines"
    assert "DATA" not in text


def test_json_becomes_tables() -> None:
    value = {
        "a": 1,
        "b": [0.1, None],
        "rows": [{"x": 1, "y": "p"}, {"x": 2}],
        "matrix": [[1.0, 2.5]] * 2,
        "c": {"d": 1, "none": {}},
        "long": list(range(13)),
    }
    found = [Outline(part) for part in json_parts("t", value)]
    assert [one.text for one in found] == [
        "t name value a 1 b 0.1, - c: d 1",
        "t: rows x y 1 p 2 -",
        "t: matrix 1 2.5 1 2.5",
        "t: c: none {}",
        "t: long [ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 ]",
    ]
    assert [one.tags.count("table") for one in found] == [1, 1, 1, 0, 0]
    assert [one.tags.count("th") for one in found] == [2, 2, 0, 0, 0]


def test_models_named_like_columns_are_compared(folder: Path) -> None:
    models = [replace(equiglass.load_model(folder / f"run-{k}"), name=name) for k, name in ((1, "time"), (2, "ρ<b>"))]
    part, _ = comparison([score(model, [labelled_liquid(6)]) for model in models])
    rows = re.split(r" (?=[AB] [\d.]+ [17] )", Outline(part).text)
    assert rows[0].endswith("type time label time ρ<b> noise ceiling")
    assert [re.sub(r"-?0\.\d{3}", "rho", row) for row in rows[1:]] == [
        f"{kind} {time} rho rho rho" for time in ("0.1 1", "16.5 7") for kind in "AB"
    ]


@pytest.mark.parametrize(("rows", "shown", "folded"), [(24, 24, 0), (25, 25, 1), (501, 500, 1)])
def test_long_tables_are_folded_and_cut(tmp_path: Path, rows: int, shown: int, folded: int) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"row {k}\n" for k in range(rows)))
    (tmp_path / "b.json").write_text(json.dumps([{"x": f"row {k}"} for k in range(rows)]))
    (of_csv, of_json), _ = results(tmp_path)
    for part, outer in ((of_csv, 0), (of_json, 1)):
        outline = Outline(part)
        assert outline.tags.count("td") == shown
        assert outline.tags.count("details") == folded + outer
        assert ("the first 500 of 501 rows" in outline.text) == (rows > shown)


def damaged(name: str, content: bytes) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return [str(folder)]

    return make


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (lambda folder: [str(folder / "nothing")], "neither a model"),
        (lambda folder: [str(folder)], "neither a model"),
        (damaged("a.json", b"{"), r"a\.json: cannot be read"),
        (damaged("a.csv", b"\xff\xfe\x00"), r"a\.csv: cannot be read"),
        (damaged("a.png", b"GIF89a"), r"a\.png: this is no PNG"),
    ],
)
def test_bad_sources_are_sentences_and_leave_no_file(
    tmp_path: Path, sources: Callable[[Path], list[str]], sentence: str
) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(EquiglassError, match=sentence):
        write_report(tmp_path / "out.html", sources(tmp_path / "source"))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_place_that_cannot_be_written_to_is_named_before_the_work(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "missing" / "out.html"):
        with pytest.raises(EquiglassError, match="name a file in a folder"):
            write_report(out, ["kalj-T0.44"])


def browse(page: Path, *, before: str = "", probe: str = "") -> tuple[str, list[str], np.ndarray]:
    """What Chromium makes of a page: the document without its data, the console's lines, and a picture (900, 1200, 3).

    Args:
        page: the HTML file.
        before: a script to run before those of the page; the page's policy is lifted for it.
        probe: a script to run after them.
    """
    from matplotlib.image import imread

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    if probe:
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
        text = text.replace("<head>", f"<head><script>{before}</script>")
        page = page.with_name("probed.html")
        page.write_text(text.replace("</body>", f"<script>{probe}</script></body>"), encoding="utf-8")
    picture = page.with_suffix(".png")
    flags = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    flags += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", f"--screenshot={picture}"]
    flags += ["--window-size=1200,900"]
    flags += [f"--user-data-dir={page.parent / 'chromium'}", page.resolve().as_uri()]
    done = subprocess.run([chromium, *flags], capture_output=True, text=True, timeout=60, check=True)
    console = [line for line in done.stderr.splitlines() if re.search(r":CONSOLE[:(]\d", line)]
    document = re.sub(r"base64,[^\"]*|<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    return document, console, imread(picture)[..., :3]


def assert_spheres(picture: np.ndarray) -> None:
    """Coloured pixels on the left and on the right."""
    assert picture.shape == (900, 1200, 3)
    coloured = np.ptp(picture, axis=-1) > 0.15
    assert min(np.mean(coloured[:, :600]), np.mean(coloured[:, 600:])) > 0.05


def test_opens_in_a_browser_without_errors(page: Path) -> None:
    document, console, picture = browse(page)
    assert console == []
    assert 'data-state="ready"' in document
    assert "data-evil" not in document
    assert_spheres(picture)


# Chromium makes next to no frames in its virtual time.
FRAMES = "window.requestAnimationFrame = (act) => setTimeout(act, 1);"
# The view declines WebGL in software, which is all there is without a screen.
WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, wanted) {
  return get.call(this, kind, { ...wanted, failIfMajorPerformanceCaveat: false });
};
"""
CANVAS = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, wanted) {
  return kind === "webgl2" ? null : get.call(this, kind, wanted);
};
"""
PROBE = """
const control = (name) => document.querySelector(`[name="${name}"]`);
const canvas = document.querySelector("canvas");
const frame = () => new Promise((done) => setTimeout(() => done(canvas.toDataURL()), 50));
const change = (element, value) => {
  element.value = value;
  for (const kind of ["input", "change"]) element.dispatchEvent(new Event(kind));
};
const pointer = (kind, set) => canvas.dispatchEvent(new PointerEvent(kind, set));
const touch = (kind, pointerId, clientX, clientY) => pointer(kind, { pointerId, clientX, clientY });
const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
(async () => {
  const seen = { start: await frame() };
  const edge = canvas.getBoundingClientRect();
  touch("pointermove", 1, edge.left + edge.width / 2, edge.top + edge.height / 2);
  document.body.dataset.probe = document.querySelector(".probe").value;
  touch("pointerdown", 1, 100, 100); touch("pointermove", 1, 160, 120);
  seen.turned = await frame();
  touch("pointerdown", 2, 200, 120); touch("pointermove", 2, 260, 120);
  touch("pointerup", 1, 160, 120); touch("pointerup", 2, 260, 120);
  seen.pinched = await frame();
  press("0");
  seen.reset = await frame();
  press("+");
  seen.closer = await frame();
  press("0");
  change(control("axis"), 2);
  seen.cut = await frame();
  change(control("thickness"), 0.6);
  seen.thicker = await frame();
  change(control("centre"), 0.2);
  seen.lower = await frame();
  change(control("particles"), 2);
  seen.onlyB = await frame();
  change(control("axis"), ""); change(control("particles"), 0); change(control("time"), 0);
  seen.time = await frame();
  const colour = document.querySelector(".panel select");
  for (const option of colour.options) { change(colour, option.value); seen[option.text] = await frame(); }
  change(control("configuration"), 1);
  seen.configuration = await frame();
  document.body.dataset.options = JSON.stringify(Array.from(colour.options, (option) => option.text));
  document.body.dataset.marks = document.querySelector(".ticks").textContent;
  document.body.dataset.same = String(seen.start === seen.reset);
  const names = Object.keys(seen).filter((name) => name !== "reset" && name !== "measured propensity");
  document.body.dataset.different = `${new Set(names.map((name) => seen[name])).size} of ${names.length}`;
})();
"""


@pytest.mark.parametrize(("renderer", "before"), [("webgl", WEBGL), ("canvas", CANVAS)])
def test_every_control_changes_the_picture(page: Path, renderer: str, before: str) -> None:
    document, console, picture = browse(page, before=FRAMES + before, probe=PROBE)
    assert console == []
    assert f'data-renderer="{renderer}"' in document
    assert_spheres(picture)
    assert 'data-same="true"' in document, "what was turned and zoomed comes back"
    # What stands in "seen", each picture unlike every other: five quantities besides the measured one.
    assert 'data-different="15 of 15"' in document
    assert re.search(r'data-probe="particle \d+ \(from 0\), type [AB]: measured propensity [\d.]+', document)
    assert 'data-marks="AB"' in document
    for text in (
        "measured propensity",
        "predicted propensity, run-1",
        "error: predicted minus measured, run-2",
        "type",
    ):
        assert f"&quot;{text}&quot;" in document
