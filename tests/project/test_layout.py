"""The rules of the house that can be read off the source without running it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, parse, relative, sources

# Where NumPy is meant: the backend, and code whose data is the host's.
HOST = (
    *("minigrad/backend/", "minigrad/data/", "minigrad/utils/", "models/measures/"),
    *("minigrad/tools/jacobian.py", "minigrad/tools/machine.py", "minigrad/serialization.py"),
)
# Elsewhere it may only name types, constants, and questions about types and shapes.
NUMPY_NAMES = {
    *("bool_", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64", "intp"),
    *("dtype", "generic", "number", "integer", "signedinteger", "floating", "inexact", "ndarray"),
    *("pi", "e", "inf", "nan", "newaxis", "finfo", "iinfo"),
    *("result_type", "promote_types", "can_cast", "issubdtype", "isscalar"),
    *("broadcast_shapes", "errstate", "typing"),
}
# And in these files, these names besides, for what is on the host whatever the device.
HOST_NAMES = {
    "minigrad/creation.py": {"array", "asarray", "uint64"},  # elements written as Python lists
    "minigrad/op.py": {"asarray"},  # NumPy's forwards give scalars where CuPy's give arrays
    "minigrad/random.py": {"asarray"},  # the state of a generator, to be saved
    "minigrad/ops/indexing.py": {"asarray"},  # an index written as Python lists
    "minigrad/tensor.py": {"array", "array2string"},  # __array__ and repr: what has left
}


def numpy_faults(path: Path, tree: ast.Module) -> list[str]:
    """Where code that runs on any device names NumPy for more than a type or a constant."""
    named = [
        (n.attr, n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and ast.unparse(n.value) in ("np", "numpy")
    ] + [
        (a.name, n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module == "numpy"
        for a in n.names
    ]
    return [
        f"{relative(path)}:{line}: numpy.{name} outside of the backend"
        for name, line in named
        if name not in NUMPY_NAMES | HOST_NAMES.get(relative(path), set())
    ]


@pytest.mark.parametrize("path", sources("minigrad", "models"), ids=relative)
def test_numpy_is_named_only_where_data_is_the_hosts(path: Path) -> None:
    if relative(path).startswith(HOST):
        return
    assert numpy_faults(path, parse(path)) == []


@pytest.mark.parametrize("path", sources(*PACKAGES, "benchmarks", "tests"), ids=relative)
def test_no_allow_pickle(path: Path) -> None:
    keywords = [n for n in ast.walk(parse(path)) if isinstance(n, ast.keyword)]
    given = {ast.unparse(k.value) for k in keywords if k.arg == "allow_pickle"}
    assert given <= {"False"}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = np.float32(2) if d == np.dtype(t) else np.pi", False),
        ("y = np.exp(x)", True),
        ("y = numpy.random.rand()", True),
        ("from numpy import exp", True),
    ],
)
def test_the_numpy_rule_finds_a_fault(source: str, fault: bool) -> None:
    assert bool(numpy_faults(ROOT / "minigrad" / "ops" / "planted.py", ast.parse(source))) is fault


def test_import_minigrad_is_light() -> None:
    unwanted = ("cupy", "matplotlib", "tqdm", "torch", "scipy", "urllib.request", "ssl", "asyncio")
    script = f"import sys, minigrad; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=relative)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= 350


@pytest.mark.parametrize("path", sources("tests"), ids=relative)
def test_a_file_of_tests_has_one_theme(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= 400


@pytest.mark.parametrize("path", sources("models"), ids=relative)
def test_models_can_be_copied_under_any_name(path: Path) -> None:
    """They are not in the wheel: a project takes the folder along."""
    named = [
        n.module or ""
        for n in ast.walk(parse(path))
        if isinstance(n, ast.ImportFrom) and not n.level
    ]
    named += [a.name for n in ast.walk(parse(path)) if isinstance(n, ast.Import) for a in n.names]
    assert not [name for name in named if name.partition(".")[0] in ("models", "demos")]


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listing.returncode:
        pytest.skip(f"not a git checkout: {listing.stderr.strip()}")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


_SOMEBODYS = re.compile(rb"(?<![\w.}$)/*~-])/(?:tmp|root|work|home|Users|opt)/[\w.]+")
_INDEX_HOST = re.compile(
    rb"pypi\.org|pythonhosted\.org|download\.pytorch\.org|--(?:extra-)?index-url"
)


def test_no_tracked_file_names_a_path_or_a_package_index_of_one_machine() -> None:
    planted = b"see /ro" + b"ot/x"
    assert _SOMEBODYS.search(planted)
    assert _INDEX_HOST.search(b"https://py" + b"pi.org/simple")
    found = []
    for path in tracked():
        text = path.read_bytes()
        if b"\0" in text or path == Path(__file__).resolve():
            continue
        found += [
            f"{relative(path)}: {m[0].decode()}"
            for pattern in (_SOMEBODYS, _INDEX_HOST)
            for m in pattern.finditer(text)
        ]
    assert found == []
