"""save and load: what comes back, what a crash leaves behind, what is said of wrong files."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad import nn
from minigrad.serialization import load, save
from tests.conftest import ROOT

DTYPES = ("float16", "float32", "float64", "int32", "int64", "uint64", "uint8", "bool")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


def same(a, b):
    """Whether two trees are equal in every type, key, order and bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, mg.Tensor):
        return same(a.array, b.array)
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return repr(a) == repr(b)  # NaN too


def header(content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return len(data).to_bytes(8, "little") + data


# ---- what comes back -----------------------------------------------------------------------------

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
leaves = (
    arrays
    | arrays.map(mg.from_numpy)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text() | st.integers(), trees, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tree_comes_back_as_it_was(path, tree):
    save(tree, path)
    assert same(load(path), tree)


def test_names_that_meet_are_kept_apart(path):
    tree = {"a.b": mg.ones(1), "a": {"b": mg.zeros(2)}, "": np.ones(3), "__metadata__": np.ones(4)}
    save(tree, path)
    assert same(load(path), tree)


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_are_saved_as_what_they_show(path, dtype):
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    views = {"t": x.T, "step": x[:, ::2, ::-1], "wide": np.broadcast_to(x[0, 0, :1], (3, 4))}
    save(views, path)
    found = load(path)
    for name, view in views.items():
        np.testing.assert_array_equal(found[name], view)
        assert found[name].dtype == view.dtype


def test_what_is_loaded_can_be_written_to(path):
    save({"tensor": mg.ones(2), "array": np.ones(2)}, path)
    found = load(path)
    found["tensor"].fill_(3)
    found["array"][:] = 3
    assert load(path)["tensor"].tolist() == [1, 1]


def test_a_parameter_comes_back_as_a_plain_tensor(path):
    save({"p": nn.Parameter(mg.ones(2))}, path)
    found = load(path, device="cpu")["p"]
    assert type(found) is mg.Tensor
    assert not found.requires_grad


def test_a_state_dict_is_a_file_of_its_very_names(path):
    from safetensors.numpy import load_file

    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    save(net.state_dict(), path)
    found = load_file(path)
    assert set(found) == set(net.state_dict())
    for name, x in net.state_dict().items():
        np.testing.assert_array_equal(found[name], x.array)
    assert list(load(path)) == list(net.state_dict())  # in order, which the file itself forgets
    other = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    other.load_state_dict(load(path))
    assert same(other.state_dict(), net.state_dict())


def test_any_safetensors_file_is_a_dict_of_tensors(path):
    from safetensors.numpy import save_file

    save_file({"w": np.ones((2, 2)), "b": np.zeros((), np.int64)}, path, {"format": "pt"})
    found = load(path)
    assert found["w"].tolist() == [[1, 1], [1, 1]]
    assert found["b"].dtype == np.int64 and found["b"].shape == ()


def foreign(dtype, data, shape):
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    return header({"x": entry}) + data


def test_bfloat16_is_the_upper_half_of_float32(path):
    values = np.array([[1.0, -2.5, np.inf], [0.0, 3.140625, -0.0078125]], "<f4")
    path.write_bytes(foreign("BF16", values.view("<u2")[:, 1::2].tobytes(), [2, 3]))
    found = load(path)["x"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.numpy(), values)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "C64"])
def test_numbers_that_cannot_be_read_are_named(path, dtype):
    path.write_bytes(foreign(dtype, bytes(8), [1] if dtype == "C64" else [8]))
    message = f"^load: {path}: 'x' is of type {dtype}, which cannot be read here$"
    with pytest.raises(ValueError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([mg.ones(1)], "save: needs a dict, .*got list"),
        ({"a": [1, {"b": object()}]}, r"save: 'a\.1\.b' is of type object"),
        (mg.nn.Linear(1, 1), r"save: needs a dict, as \.state_dict\(\) gives, got Linear"),
        ({"a": {"b": 1j}}, r"save: 'a\.b' is of type complex"),
        ({"a": {"b": np.complex64(1)}}, r"save: 'a\.b' is of type complex"),
        ({"a": {1, 2}}, "save: 'a' is of type set"),
        ({"a": np.array(["x"])}, "save: 'a' has dtype <U1"),
        ({"a": np.array([1j])}, "save: 'a' has dtype complex128"),
        ({"a": np.array([object()])}, "save: 'a' has dtype object"),
        ({"a": {(1, 2): 3}}, r"a key must be a str or an int, got \(1, 2\) in 'a'"),
        ({None: 1}, "a key must be a str or an int, got None"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(path, tree, message):
    save({"old": 1}, path)
    with pytest.raises(TypeError, match=message):
        save(tree, path)
    assert load(path) == {"old": 1}
    assert os.listdir(path.parent) == [path.name]


def test_a_missing_folder_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"save: there is no folder .*nowhere"):
        save({}, path.parent / "nowhere" / "x")


def test_a_missing_file_is_named(path):
    for wrong in (path, path.parent):
        with pytest.raises(FileNotFoundError, match=f"load: there is no file .*{wrong.name}"):
            load(wrong)


def test_numbers_of_numpy_come_back_as_pythons(path):
    numbers = {"loss": np.mean([1.0, 2.0]), "best": np.float32(0.5), "epoch": np.int64(3)}
    save(numbers | {"done": np.bool_(True), "name": np.str_("x"), "seen": [np.uint8(7)]}, path)
    loaded = load(path)
    assert loaded == {"loss": 1.5, "best": 0.5, "epoch": 3, "done": True, "name": "x", "seen": [7]}
    assert [type(loaded[key]) for key in ("loss", "epoch", "done")] == [float, int, bool]


@pytest.mark.parametrize(
    "location",
    [
        None, "cpu", mg.device("cpu"), {"cuda:0": "cpu"}, {"cpu": "cpu"},
        lambda storage, location: storage, lambda storage, location: None,
    ],
)  # fmt: skip
def test_pytorchs_arguments_of_load(path, location):
    save({"x": mg.ones(2)}, path)
    for weights_only in (True, False):
        x = load(path, location, weights_only=weights_only)["x"]
        assert (x.device.name, x.tolist()) == ("cpu", [1.0, 1.0])
    assert load(path, map_location=location)["x"].device is mg.device("cpu")


def test_another_place_is_asked_for_in_each_way(path):
    save({"x": mg.ones(2)}, path)
    there = lambda x, place: x.to(device="nowhere")
    for location in ("nowhere", {"cpu": "nowhere"}, there):
        with pytest.raises(ValueError, match="unknown name 'nowhere'"):
            load(path, map_location=location)


def test_a_pickle_is_told_what_to_do(path):
    for content in (b"PK\x03\x04" + bytes(99), b"\x80\x02" + bytes(99)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="looks like a pickle, which can run code"):
            load(path)


def with_tree(tree):
    return header({"__metadata__": {"minigrad": tree}})


DAMAGED = {
    "empty": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "text": b"a,b\n1,2\n" * 100,
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00" + bytes(50),
    "no JSON in the header": header(b"{{{{"),
    "no JSON in the tree": with_tree("{"),
    "a tree that names no tensor of the file": with_tree('{"dict": [["a", {"tensor": "a"}]]}'),
    "a tree of another kind": with_tree('{"dict": [["a", {"code": "1"}]]}'),
    "a tree without end": with_tree("[" * 10**5 + "]" * 10**5),
    "a tree of two kinds": with_tree('{"list": [], "dict": []}'),
}  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_such_file_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"load: .*file\.safetensors is damaged, or no safetensors"
    ):
        load(path)


def test_a_file_that_is_cut_anywhere_is_refused(path):
    save({"x": mg.ones(3), "y": {"n": 3}}, path)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"file\.safetensors is damaged"):
            load(path)


@pytest.mark.slow
def test_a_bit_that_changed_anywhere_is_found(path):
    save({"x": mg.ones(3), "y": {"n": 3, "text": "minigrad:sha256:" + "0" * 64}}, path)
    whole = path.read_bytes()
    for n in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[n // 8] ^= 1 << n % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"load: .*file\.safetensors is damaged"):
            load(path)


def test_files_without_a_checksum_are_still_read(path):
    """As `save` wrote them before it had one; and those of others, above."""
    tree = {"dict": [["a", {"tensor": "a"}], ["n", {"tuple": [1, None]}]]}
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    content = {"__metadata__": {"minigrad": json.dumps(tree)}, "a": entry}
    path.write_bytes(header(content) + np.array([1, 2], "<f4").tobytes())
    assert same(load(path), {"a": mg.tensor([1.0, 2.0]), "n": (1, None)})


def test_a_file_is_the_same_bytes_each_time(path):
    trees = []
    for _ in range(2):
        save({"x": mg.ones(3), "y": {"n": 3}, "z": np.zeros(5)}, path)
        trees.append(path.read_bytes())
    assert trees[0] == trees[1]


# ---- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(path, monkeypatch, fails):
    save({"old": mg.ones(3)}, path)

    def broken(*args, **kwargs):
        raise OSError(28, "No space left on device")

    target = {"write": "safetensors.numpy.save", "fsync": "os.fsync", "replace": "os.replace"}
    monkeypatch.setattr(target[fails], broken)
    with pytest.raises(OSError, match="No space left"):
        save({"new": mg.zeros(3)}, path)
    monkeypatch.undo()
    assert same(load(path), {"old": mg.ones(3)})
    assert os.listdir(path.parent) == [path.name]


def test_everything_is_on_the_disk_before_the_old_file_goes(path, monkeypatch):
    """The order that makes a power cut harmless: the data, the name, the folder."""
    events = []
    kinds = {True: "folder", False: "file"}
    fsync, replace = os.fsync, os.replace

    def noted_fsync(fd):
        events.append(f"fsync {kinds[os.path.isdir(f'/proc/self/fd/{fd}')]}")
        fsync(fd)

    def noted_replace(a, b):
        events.append("replace")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    save({"x": mg.ones(3)}, path)
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc to tell a folder's descriptor by")
    assert events == ["fsync file", "replace", "fsync folder"]


_SAVER = """
import sys, numpy as np
from minigrad.serialization import save
for i in range(10**6):
    save({"i": i, "x": np.full(200_000, i)}, sys.argv[1])
    if i == 0:
        print("ready", flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_file(path):
    for wait in (0.0, 0.013, 0.029):
        child = subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        with child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
        found = load(path)
        assert (found["x"] == found["i"]).all()
        left = set(os.listdir(path.parent)) - {path.name}
        assert all(name.startswith(f".{path.name}.") for name in left) and len(left) <= 1
    save({"i": 0}, path)
    assert os.listdir(path.parent) == [path.name]


def test_import_minigrad_does_not_import_safetensors():
    script = "import sys, minigrad.serialization; print('safetensors' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
