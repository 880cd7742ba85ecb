"""Checks that a tag, the versions in the files and the changelog agree, and prints the notes of the release.

python .ci/release.py v0.3.0
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(tag: str) -> str:
    """The section of the changelog; SystemExit with a sentence where something disagrees."""
    version = tag.removeprefix("v")
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        sys.exit(f"The tag {tag} is not vMAJOR.MINOR.PATCH.")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    recipe = re.search(r'^  version: "(.+)"$', (ROOT / "conda/recipe.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    for file, found in (
        ("pyproject.toml", project["version"]),
        ("CITATION.cff", citation and citation[1]),
        ("conda/recipe.yaml", recipe and recipe[1]),
    ):
        if found != version:
            sys.exit(f"{file} has the version {found}, and the tag is {tag}.")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(version)}\b.*?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        sys.exit(f"CHANGELOG.md has no heading '## {version}'.")
    return section[1].strip()


if __name__ == "__main__":
    print(notes(sys.argv[1]))
