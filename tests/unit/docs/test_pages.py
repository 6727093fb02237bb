"""The pages say what the code says, lead where they say they lead, and show resources that are valid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from switchback.api.spec import Spec

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("*.md", "docs/**/*.md", "examples/**/*.md", "requirements/*.md")
PAGES = sorted(page for pattern in FOLDERS for page in ROOT.glob(pattern))
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")
CODE = re.compile(r"`[^`\n]*`")
YAML = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Headings of a page as GitHub makes anchors of them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def resources(text: str) -> list[dict[str, Any]]:
    documents = (each for block in YAML.findall(text) for each in yaml.safe_load_all(block))
    return [each for each in documents if isinstance(each, dict) and each.get("kind") == "DatabaseMigration"]


def test_generated_sections_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reference.py", "--check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{name(page)} links to {target}, which is not there"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{name(page)} links to {target}#{anchor}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_resources_on_pages_are_valid(page: Path) -> None:
    for resource in resources(page.read_text(encoding="utf-8")):
        Spec.model_validate(resource["spec"])


def test_code_is_no_link() -> None:
    assert LINK.findall(CODE.sub("", "`^[a-z]([-a-z]*)?$` and [`code`](page.md#there)")) == [
        ("page.md", "there")
    ]


def test_there_are_resources_on_pages() -> None:
    """The test above looks at something: the first page of all shows one."""
    assert resources((ROOT / "README.md").read_text(encoding="utf-8"))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
