"""Compressed files, archives, and which files of a folder are read and which are named as passed over."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import load, save
from samples.damaged import LIQUID, SHIBA_NAME, dump_lines, glassbench_arrays, labelled_arrays, shiba_arrays, xyz_lines

DUMP = "\n".join([*dump_lines(), ""]).encode()
XYZ = "\n".join([*xyz_lines(), ""]).encode()


def zstd(content: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


PACKINGS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("suffix", PACKINGS)
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.lammpstrj", DUMP), ("a.xyz", XYZ), ("dump.0", DUMP), ("plain", XYZ), ("a.npz", npz(labelled_arrays()))],
)
def test_compressed(tmp_path: Path, name: str, content: bytes, suffix: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "packed").mkdir()
    packed = tmp_path / "packed" / f"{name}{suffix}"
    packed.write_bytes(PACKINGS[suffix](content))
    (plain,), (system,), (in_folder,) = load(tmp_path / name), load(packed), load(tmp_path / "packed")
    assert plain.name == system.name == in_folder.name
    np.testing.assert_array_equal(plain.positions, system.positions)


def test_a_compressed_file_under_a_plain_name(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(gzip.compress(XYZ))
    assert load(tmp_path)[0].name == "a"


@pytest.mark.parametrize("suffix", PACKINGS)
def test_messages_name_the_given_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.xyz{suffix}"
    path.write_bytes(PACKINGS[suffix](XYZ.replace(b"A ", b"Ni ")))
    with pytest.raises(EquiglassError, match=f"^{path}: the species B, Ni"):
        load(path)
    path.write_bytes(
        PACKINGS[suffix](
            XYZ.replace(b"species:S:1", b"species:S:1:propensity_7:R:1").replace(b"A ", b"A 1 ").replace(b"B ", b"B 1 ")
        )
    )
    with pytest.warns(EquiglassWarning, match=f"^{path}: the propensity columns are left out"):
        load(path)


@pytest.mark.parametrize("suffix", PACKINGS)
def test_a_compressed_file_that_is_cut_short(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    frames = b"".join(XYZ.replace(b"pbc", b"note=%r pbc" % rng.bytes(9).hex()) for _ in range(200))
    content = PACKINGS[suffix](frames)
    path = tmp_path / f"a.xyz{suffix}"
    path.write_bytes(content[: len(content) * 2 // 3])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            systems = load(path, copies=True)
        except EquiglassError as error:
            # A block of bzip2 or Zstandard holds the whole file.
            assert "incomplete" in str(error)  # noqa: PT017
            return
    assert 1 < len(systems) < 200
    assert any("compressed file is incomplete" in str(each.message) for each in caught)
    np.testing.assert_allclose(systems[-1].positions, LIQUID.positions, atol=1e-12)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_the_whole_frames_of_a_short_compressed_file_that_is_cut(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.xyz{suffix}").write_bytes(PACKINGS[suffix](XYZ * 3)[:-20])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(load(tmp_path, copies=True)) >= 2
    assert "the compressed file is incomplete" in str(caught[0].message)


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
@pytest.mark.parametrize("suffix", [".xyz", ".h5"])
def test_a_name_that_is_no_utf8(tmp_path: Path, suffix: str) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xf6sse.lammpstrj"))
    path.write_bytes(DUMP)
    (system,) = load(path)
    save(system, tmp_path / f"copy{suffix}")
    assert load(tmp_path / f"copy{suffix}")[0].name == system.name == "gr?sse"


def test_unfinished_results_in_a_folder_are_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(XYZ)
    (tmp_path / "x.xyz.partial").mkdir()
    (tmp_path / "x.xyz.partial" / "0.npz").write_bytes(b"PK")
    assert len(load(tmp_path)) == 1


def test_zstandard_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xyz.zst").write_bytes(zstd(XYZ))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(EquiglassError, match=r"a\.xyz\.zst: .*pip install 'equiglass\[zstd\]'"):
        load(tmp_path)


def test_an_archive_as_glassbench_has_it(tmp_path: Path) -> None:
    members = {
        f"T0.44/{part}/N60T0.44_{k}.npz": npz(glassbench_arrays())
        for part, k in (("train", 2), ("train", 10), ("test", 401))
    }
    path = tar(tmp_path / "T0.44.tar.gz", {**members, "T0.44/README.md": b"read me"})
    assert [system.name for system in load(path, copies=True)] == ["T0.44_401", "T0.44_2", "T0.44_10"]
    assert [system.name for system in load(tmp_path, copies=True)] == ["T0.44_401", "T0.44_2", "T0.44_10"]
    assert load(path, copies=True)[0].temperature == 0.44


def test_the_temperature_of_a_member_from_its_folder(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"T0.50/one.npz": npz(glassbench_arrays())})
    assert load(path)[0].temperature == 0.5


def test_files_of_one_configuration_in_an_archive(tmp_path: Path) -> None:
    names = [SHIBA_NAME, SHIBA_NAME.replace("tc07", "tc08")]
    (system,) = load(tar(tmp_path / "a.tgz", {name: npz(shiba_arrays()) for name in names}))
    assert system.time_labels == ("7", "8")


def test_compressed_members_and_what_is_passed_over(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"x/dump.0.gz": gzip.compress(DUMP), "x/log.lammps": b"LAMMPS", "x/.hidden": b"1"})
    with pytest.warns(EquiglassWarning, match=r"a\.tar: passed over x/log\.lammps") as caught:
        assert len(load(path)) == 1
    assert len(caught) == 1


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"x/a.xyz": XYZ[: len(XYZ) // 2]})
    with pytest.raises(EquiglassError, match=f"^{path}/x/a.xyz: frame 1 announces"):
        load(path)


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar.gz", {f"{k}.npz": npz(shiba_arrays()) for k in range(3)})
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(EquiglassError, match="incomplete"):
        load(path)


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    path = tar(tmp_path / "here" / "a.tar", {"../../../witness.xyz": XYZ})
    with pytest.raises(EquiglassError, match=r"a\.tar"):
        load(path)
    assert not list(tmp_path.rglob("witness*"))


# --- folders ---


def test_numbered_dumps_in_natural_order(tmp_path: Path) -> None:
    for step in (0, 1000, 200):
        (tmp_path / f"dump.{step}").write_bytes(DUMP.replace(b"TIMESTEP\n0", b"TIMESTEP\n%d" % step))
    systems = load(tmp_path, copies=True)
    assert [system.timestep for system in systems] == [0, 200, 1000]
    assert [system.name for system in systems] == ["dump.0", "dump.200", "dump.1000"]


def test_a_half_compressed_folder(tmp_path: Path) -> None:
    for k in range(4):
        content = gzip.compress(DUMP) if k > 1 else DUMP
        (tmp_path / f"conf_{k}.lammpstrj{'.gz' if k > 1 else ''}").write_bytes(content)
    assert [system.name for system in load(tmp_path, copies=True)] == ["conf_0", "conf_1", "conf_2", "conf_3"]


def test_what_is_passed_over_is_named(tmp_path: Path) -> None:
    save(LIQUID, tmp_path / "a.h5")
    (tmp_path / "README").write_text("read me")
    (tmp_path / "submit.sh").write_text("sbatch")
    (tmp_path / "empty").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path)
    (tmp_path / "times.txt").write_text("10\n0.1 1.0\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "b.xyz").write_bytes(XYZ)
    (tmp_path / "notes.txt.gz").write_bytes(gzip.compress(b"notes"))
    with pytest.warns(EquiglassWarning, match=r"passed over notes\.txt\.gz, times\.txt, old/") as caught:
        assert len(load(tmp_path)) == 1
    assert len(caught) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: (folder / "a.zip").write_bytes(b"PK\x03\x04 no archive"),
        lambda folder: (folder / "word.docx").write_bytes(npz({}).replace(b"npy", b"xml")),
        lambda folder: (folder / "a.bin").write_bytes(bytes(range(256)) * 20),
    ],
)
def test_a_folder_without_configurations(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path)
    with pytest.raises(EquiglassError, match="no configuration in this folder"):
        load(tmp_path)
