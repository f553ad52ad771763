"""The course: each step runs by itself and prints what stands behind its lines."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.readme_blocks import ROOT, shown_output

FOLDER = ROOT / "docs" / "course"
STEPS = sorted(FOLDER.glob("step_*.py"))


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_a_step_prints_what_it_shows(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))  # as `python docs/course/step_18.py` has it
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        for name in ("engine", "step_18"):
            if name not in before:
                sys.modules.pop(name, None)
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    shown = [" ".join(line.split()) for line in shown_output(path.read_text("utf-8"))]
    assert shown and printed == shown


def test_there_are_twenty_and_the_page_has_their_titles() -> None:
    titles = [re.match(r'"""(\d+)\. (.*)\n', path.read_text("utf-8")) for path in STEPS]
    rows = [f"| [{t[1]}]({p.name}) | {t[2]} |" for t, p in zip(titles, STEPS, strict=True) if t]
    page = (FOLDER / "README.md").read_text("utf-8")
    assert len(rows) == 20 and [line for line in page.splitlines() if line in rows] == rows


def test_what_the_last_step_names_in_the_library_is_there() -> None:
    text = (FOLDER / "step_20.py").read_text("utf-8").partition('"""\n\n')[0]
    named = re.findall(r"\b((?:\w+/)?\w+)\.py(?:, `(\w+)`)?", text)
    assert len(named) >= 10
    for module, name in named:
        file = FOLDER / f"{module}.py"
        file = file if file.exists() else ROOT / "minigrad" / f"{module}.py"
        assert name in file.read_text("utf-8"), (module, name)
