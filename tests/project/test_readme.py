"""What README.md and the other pages show is run and checked; conventions: readme_blocks.py."""

import re
from pathlib import Path

import pytest

from tests import lines
from tests.readme_blocks import (
    ROOT,
    Block,
    commands,
    faults_of,
    in_help,
    inline,
    python_faults,
    shell_faults,
    shown_output,
)

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_print_what_they_show(page: Path, tmp_path: Path) -> None:
    assert python_faults(page.name, page.read_text("utf-8"), tmp_path) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_name_what_exists(page: Path) -> None:
    assert shell_faults(page.name, page.read_text("utf-8")) == []


def test_commands_that_programs_print_name_what_exists() -> None:
    shown = {p: in_help(p) for p in sorted([*ROOT.glob("demos/**/*.py"), *ROOT.glob("tests/*.py")])}
    assert sum(map(len, shown.values())) > 30
    assert [f for path, found in shown.items() for f in faults_of(path.name, found)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


# The checks are checked: each of these pages has one fault, or none.


def page(*python: str) -> str:
    return "A page.\n\n" + "\n".join(f"```python\n{code}\n```\n" for code in python)


def test_blocks_share_a_namespace_and_show_all_they_print(tmp_path: Path) -> None:
    good = page("x = 2", "print(x + 1)  # → 3\nprint('a   b')  # -> a b\n# an ordinary comment")
    assert python_faults("p.md", good, tmp_path) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("print(3)  # → 4", "prints ['3'], but shows ['4']"),
        ("print(3)", "prints ['3'], but shows []"),
        ("x = 3  # → 3", "prints [], but shows ['3']"),
        ("import warnings\nwarnings.warn('old')", "UserWarning"),
        ("1 / 0", 'File "p.md", line 4'),
    ],
)
def test_a_page_that_lies_is_found_out(code: str, fault: str, tmp_path: Path) -> None:
    (found,) = python_faults("p.md", page(code), tmp_path)
    assert fault in found


def test_a_block_that_is_not_run_must_compile(tmp_path: Path) -> None:
    unrun = "<!-- not run: needs a card -->\n```python\n{}\n```\n"
    assert python_faults("p.md", unrun.format("1 / 0"), tmp_path) == []
    with pytest.raises(SyntaxError):
        python_faults("p.md", unrun.format("1 /"), tmp_path)


def test_output_inside_a_string_is_not_a_comment() -> None:
    assert shown_output("s = '# → 1'\nprint(s)  # → # → 1") == ["# → 1"]


def test_shell_blocks_are_split_into_commands() -> None:
    text = "$ A=1 make test && cd x  # why\nmake output\n$ python -m m \\\n  --n 2\n"
    found = [" ".join(c) for c in commands(Block("console", text, 1))]
    assert found == ["make test", "cd x", "python -m m --n 2"]


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("make test VENV=there", None),
        ("make nothing", "no such make target: ['nothing']"),
        ("python -m demos.nothing", "no such module"),
        ("python -m pip install '.[test]' numpy", None),
        ("pip install '.[demos,nothing]'", "no such extra: ['nothing']"),
        ("python -m pytest --exitfirst", "no such module"),  # not one of the project's own
        (".ci/run", None),
        (".ci/walk", "no such file"),
        ("rm -rf x", "does not know how to check"),
        ("python -m demos.vae --latent 2 --data-dir DIR", None),
        ("python -m demos.vae --latents 2", "unrecognized arguments: --latents 2"),
        ("python -m demos.vae --dataset letters", "invalid choice: 'letters'"),
        ("python -m demos.experiments bound pca --seed N", None),
        ("python -m demos.experiments bounds", "no experiment 'bounds'"),
        ("python -m demos.internals 99", "there are lessons 1 to"),
        ("python -m tests.fakecuda demos.vae --device tpu", "invalid choice: 'tpu'"),
        ("python -m minigrad --json", None),
        ("python -m minigrad --yaml", "its docstring does not name ['--yaml']"),
    ],
)
def test_a_command_that_does_not_exist_is_found_out(command: str, fault: str | None) -> None:
    found = shell_faults("p.md", f"```sh\n{command}\n```\n")
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]
    if command.split()[0] in ("python", "make", ".ci/run"):
        assert shell_faults("p.md", f"text `{command}`\n") == [
            f.replace(":2:", ":1:") for f in found
        ]


def test_commands_in_lines_are_found_and_nothing_else() -> None:
    text = "`make test`\n```sh\n`make no`\n```\n| `python -m m a` | `make_grid`, `x` `makes it` |\n"
    assert [(b.text, b.line) for b in inline(text)] == [("make test", 1), ("python -m m a", 5)]


# ---- README.md, docs/lecture.md, zoo.md: links lead to definitions, and experiments exist --------


def lecture_rows() -> list[list[str]]:
    rows = (ROOT / "docs/lecture.md").read_text("utf-8").splitlines()
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows if row.startswith("| ")]
    return [row for row in cells if "---" not in row[0] and "on the slide" not in row[0]]


@pytest.mark.parametrize("page", lines.PAGES, ids=lambda p: p.stem)
def test_names_in_pages_lead_to_the_lines_that_define_them(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(lines.LINK.findall(text)) >= (3 if page.stem == "README" else 10)
    assert lines.faults(text, page.parent) == [], "`python -m tests.lines` writes the links anew"


def test_a_link_to_other_lines_is_found_and_mended() -> None:
    good = "[`VAE.sample`](../models/vae.py#L{}), [`OBJECTIVES`](../models/objectives.py#L{})"
    docs = ROOT / "docs"
    first, last = lines.place(ROOT / "models/vae.py", "VAE.sample")
    value, _ = lines.place(ROOT / "models/objectives.py", "OBJECTIVES")
    assert last > first > lines.place(ROOT / "models/vae.py", "VAE")[0]
    assert lines.faults(good.format(first, value), docs) == []
    assert len(lines.faults(good.format(last + 1, value), docs)) == 1
    for stale in (good.format(1, 1), good.replace("#L{}", "")):
        assert len(lines.faults(stale, docs)) == 2
        assert lines.written(stale, docs) == good.format(first, value)


def test_the_zoo_names_experiments_that_there_are() -> None:
    from demos.experiments.__main__ import entries

    text = (ROOT / "docs/zoo.md").read_text("utf-8").partition("## Not built")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    named = {cells[-1].strip("|` ") for cells in rows}
    assert {"bigan", "f-gan", "lapgan"} <= named <= set(entries())


def test_the_lecture_names_all_experiments() -> None:
    from demos.experiments.__main__ import entries

    named = {name for *_, cell in lecture_rows() for name in re.findall(r"`([^`]+)`", cell)}
    assert named == set(entries())


def test_the_results_have_a_row_for_each_experiment() -> None:
    from demos.experiments.__main__ import entries

    text = (ROOT / "docs/results.md").read_text("utf-8")
    rows = re.findall(r"`python -m demos\.experiments ([\w-]+)[^`]* --seed \d+[^`]*`", text)
    assert rows == list(entries())


def test_the_readme_has_the_figures_of_others_that_the_experiments_have() -> None:
    from demos.common import references

    text = (ROOT / "README.md").read_text("utf-8")
    elbo, bound = references.PYTORCH.values()
    assert f"| PyTorch {elbo}, {bound} |" in text
    first, second = references.PYTORCH_MLP
    assert f"| PyTorch {first} and {second}; {references.PYTORCH_CONV} |" in text
