"""What is made of a source, and what a verdict says: `python -m tests.mutants` does the rest."""

import pytest

from tests import mutants
from tests.mutations import mutants as made_of
from tests.sources import relative, sources


def changed(source: str) -> set[str]:
    code = source.encode()
    return {mutant.applied(code).decode() for mutant in made_of("a.py", code)}


@pytest.mark.parametrize(
    ("source", "results"),
    [
        ("y = a + b", {"y = (a - b)", "y = a", "y = b", "y = (a.__iadd__(b))"}),
        ("y = f(x) @ b", {"y = (b @ f(x))"}),
        ("x = x - g()", {
            "x -= g()", "x = (x + g())", "x = x", "x = (g())", "x = (x.__isub__(g()))",
        }),
        ("x += b", {"pass", "x -= b"}),
        ("y = 'é', a < b", {"y = 'é', (a <= b)", "y = 'é', (a > b)"}),
        ("if f(x):\n    del y", {"if (not (f(x))):\n    del y", "if f(x):\n    pass"}),
        ("y = min(x, key=k)", {"y = (max(x, key=k))", "y = (min(x))"}),
        ("y = max(a, b)", {"y = (min(a, b))"}),
        ("y = x.copy()", {"y = x"}),
        ("y = f(a, b)", {"y = (f(b, a))"}),
        ("y = f(a, a)", set()),
        ("y = zip(a, b, strict=c)", {"y = (zip(b, a, strict=c))"}),
        ("y = 2 if c else 1.5", {
            "y = 3 if c else 1.5", "y = 1 if c else 1.5", "y = 2 if c else 3.0",
            "y = 2 if c else -0.5", "y = (2 if not c else 1.5)",
        }),
        ("y = a and b or c", {
            "y = ((a and b) and c)", "y = (a and b)", "y = c", "y = (a or b) or c",
            "y = b or c", "y = a or c",
        }),
    ],
)  # fmt: skip
def test_changes(source, results):
    assert changed(source) == results


def test_what_is_there_for_people_and_checkers_stays_as_it_is():
    source = '''"""Words."""
from a import b
T = TypeVar("T", bound=b)
if TYPE_CHECKING:
    x = 1
__all__ = ["y"]
Shape: TypeAlias = tuple[int, ...] | None
def f(a: Literal[1, 2] = "b") -> Literal[3]:
    """1 + 1."""
    raise ValueError(f"{a + 1}" + g(2))
def g(a):
    raise NotImplementedError
'''
    assert changed(source) == {source.replace('raise ValueError(f"{a + 1}" + g(2))', "pass")}


def test_a_draw_is_the_same_for_a_seed_and_can_be_made_at_a_line(capsys):
    drawn = []
    for seed in ("1", "1", "2"):
        few = ["--at", "models/penalties.py", "--seed", seed, "--count", "9"]
        assert mutants.main([*few, "--list"]) == 0
        drawn.append(capsys.readouterr().out.splitlines())
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 9
    file, line, _ = drawn[0][0].split(":", 2)
    assert mutants.main(["--at", f"{file}:{line}", "--list"]) == 0
    assert drawn[0][0] in capsys.readouterr().out.splitlines()
    assert mutants.main(["--at", drawn[0][0], "--list"]) == 0
    assert set(capsys.readouterr().out.splitlines()) == {drawn[0][0]}


def test_the_tests_of_every_file_are_somewhere():
    """Where a folder is not there, pytest ends with an error of its own, which kills no mutant."""
    files = [*mutants.FILES, *map(relative, sources(*mutants.FOLDERS))]
    homes = {mutants.home_of(file) for file in files}
    assert [name for name in homes if not (mutants.ROOT / "tests" / name).is_dir()] == []


def test_the_first_stage_that_notices_kills_and_the_copy_is_whole_again(monkeypatch, tmp_path):
    mutant = mutants.every_mutant("models/penalties.py")[0]
    source = (mutants.ROOT / mutant.file).read_bytes()
    copy = tmp_path / mutant.file
    copy.parent.mkdir()
    copy.write_bytes(source)
    seen = []

    def run(folder, stage):
        seen.append((stage.what, copy.read_bytes()))
        return "tests/a.py::test_b" if stage.what == killer else None

    monkeypatch.setattr(mutants, "run", run)
    plan = [mutants.Stage(what, ()) for what in ("fast", "slow", "PyTorch")]
    for killer, expected in [("slow", ("slow", "tests/a.py::test_b")), ("", ("", ""))]:
        seen.clear()
        assert mutants.verdict(mutant, tmp_path, plan) == expected
        assert [what for what, _ in seen] == ["fast", "slow", "PyTorch"][: len(killer) // 2 or 3]
        assert {text for _, text in seen} == {mutant.applied(source)}
        assert copy.read_bytes() == source
