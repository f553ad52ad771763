"""The lessons: each prints exactly what its source says that it prints, and draws its pictures."""

import re
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from demos.internals.__main__ import LESSONS, main, title
from demos.internals.chapter import chapter
from tests.readme_blocks import ROOT, shown_output

pytestmark = pytest.mark.slow

FOLDER = ROOT / "demos" / "internals"


def plain(text: str) -> list[str]:
    """Lines, with runs of spaces as one, so that what is shown may be aligned."""
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_prints_what_it_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_module(f"demos.internals.{name}").main(tmp_path)
    shown = plain("\n".join(shown_output((FOLDER / f"{name}.py").read_text("utf-8"))))
    assert len(shown) >= 4
    assert plain(capsys.readouterr().out) == shown
    drawn = list(tmp_path.iterdir())
    assert {path.name[:3] for path in drawn} == {name.removeprefix("lesson_")[:2] + "_"}
    for path in drawn:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
        elif path.suffix == ".svg":
            assert len(list(ElementTree.parse(path).iter())) > 10


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_can_be_read_in_five_minutes(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text("utf-8")
    assert 50 <= text.count("\n") <= 100
    assert (import_module(f"demos.internals.{name}").__doc__ or "").count("\n") >= 6


def test_what_a_lesson_names_in_the_library_is_there() -> None:
    for name in LESSONS:
        text = (FOLDER / f"{name}.py").read_text("utf-8")
        for path, members in re.findall(r"\(?((?:minigrad|models)/[\w/]+\.py)(?:, `(\w+)`)?", text):
            assert (ROOT / path).is_file(), (name, path)
            assert members in (ROOT / path).read_text("utf-8"), (name, path, members)


def test_lessons_are_numbered_from_1() -> None:
    assert [int(name.split("_")[1]) for name in LESSONS] == list(range(1, 14))


def test_without_a_number_the_lessons_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  1  One number and its derivative"
    assert lines[9] == f" 10  {title(LESSONS[9])}"


@pytest.mark.parametrize("name", LESSONS)
def test_a_chapter_has_the_words_the_code_and_the_results(name: str) -> None:
    source = (FOLDER / f"{name}.py").read_text("utf-8")
    printed = [f"result {i}" for i in range(len(shown_output(source)))]
    told = chapter(source, printed).splitlines()
    assert [line[4:] for line in told if line.startswith("  → ")] == printed
    words = [re.sub(r"^\s*# ", "", line) for line in source.splitlines() if "# " in line[:6]]
    words = [line for line in words if not line.startswith("→")]
    assert not [line for line in words if line not in told]
    assert "import" not in [line.split()[0] for line in told if line.startswith("    ")]
    assert chapter(source, ["one more", *printed]).endswith(f"  → {printed[-1]}")


def test_bare_lessons_print_the_results_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["4", "--bare", "--out", str(tmp_path)]) == 0
    bare = capsys.readouterr().out
    assert main(["4", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    results = [line for line in bare.splitlines()[2:-2] if line.strip()]
    assert results and all(f"  → {line}" in told for line in results)
    assert "def main" not in told and "def main" not in bare


def test_lessons_are_run_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "folder"
    assert main(["4", "10", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "4. Broadcasting and its gradient (demos/internals/lesson_04_broadcasting.py)" in printed
    assert f"pictures: {out / '04_broadcasting.png'}\n" in printed
    assert "5 products forward" in printed


def test_what_is_wrong_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["14"])
    assert "there are lessons 1 to 13, not '14'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["1", "--out", str(tmp_path / "file")]) == 2
    assert "error: --out" in capsys.readouterr().err
