"""draw() as SVG, DOT and PNG; what it leaves behind, and its errors."""

import gc
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

import minigrad as mg
from minigrad import nn
from minigrad.tape import Node
from minigrad.tools.drawing.dot import dot
from minigrad.tools.drawing.graph import graph_of
from minigrad.tools.drawing.layout import layout
from minigrad.tools.drawing.summary import tiles_of
from minigrad.tools.drawing.svg import picture
from models.vae import mlp_vae
from tests.tools.drawings import check_dot, number, vae_step

SVG = "{http://www.w3.org/2000/svg}"


def test_svg_is_xml_that_says_what_is_joined_to_what(tmp_path: Path) -> None:
    loss = vae_step()
    mg.draw(loss, tmp_path / "step.svg", gradients=True)
    root = ElementTree.parse(tmp_path / "step.svg").getroot()
    tiles = tiles_of(graph_of(loss), 1000)
    groups = {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("id")}
    assert set(groups) == {tile.id for tile in tiles}
    drawn = {(p.get("data-from"), p.get("data-to")) for p in root.iter(f"{SVG}path")}
    assert drawn == {(source, tile.id) for tile in tiles for source in tile.sources}
    for tile in tiles:
        words = [t.text for t in groups[tile.id].iter(f"{SVG}text")]
        assert words[: len(tile.lines)] == tile.lines
    everything = "".join(root.itertext())
    for words in ("VAE.encoder: Encoder", "mu: Linear", "in 2: ReLU", "keeps out: 60 bytes"):
        assert words in everything
    width, height = (float(root.get(side, "nan")) for side in ("width", "height"))
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key, "0")) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_names_with_markup_are_escaped(tmp_path: Path) -> None:
    x = number(1.0)
    name = 'a<b> & "c\\d"\n'
    mg.draw(x * 2, tmp_path / "x.svg", names={name.strip(): x})
    assert name.strip() in "".join(ElementTree.parse(tmp_path / "x.svg").getroot().itertext())
    tiles = tiles_of(graph_of(x * 2, {name: x}), 10)
    check_dot(dot(tiles, ""), tiles)


def test_dot_has_a_cluster_for_each_module(tmp_path: Path) -> None:
    loss = vae_step()
    mg.draw(loss, tmp_path / "step.dot")
    text = (tmp_path / "step.dot").read_text("utf-8")
    tiles = tiles_of(graph_of(loss), 1000)
    check_dot(text, tiles)
    boxes = {tile.place[:n] for tile in tiles for n in range(1, len(tile.place) + 1)}
    clusters = re.findall(r'subgraph ("cluster_\w+")', text)
    assert len(clusters) == len(set(clusters)) == len(boxes)


@pytest.mark.parametrize("suffix", ["svg", "dot", "gv"])
def test_a_second_drawing_has_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    loss = vae_step()
    first, second = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
    mg.draw(loss, first, gradients=True)
    vae_step()
    mg.draw(loss, second, gradients=True)
    assert first.read_bytes() == second.read_bytes()


def test_png_is_drawn_by_matplotlib_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mg.record_modules(net := nn.Linear(2, 3)):
        loss = net(mg.ones(4, 2)).sum()
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    mg.draw(loss, first)
    mg.draw(loss, second)
    assert first.read_bytes() == second.read_bytes()
    where = layout(tiles_of(graph_of(loss), 1000))
    with Image.open(first) as shown:
        assert shown.height == pytest.approx((where.height + 30) * 1.44, abs=2)
        assert shown.width >= where.width * 1.44, "the heading may be wider"
        colours = {colour for _, colour in shown.convert("RGB").getcolors(1 << 20) or []}
    # The faces of operations, leaves, and the output.
    assert {(255, 255, 255), (227, 241, 220), (253, 238, 203)} <= colours
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"draw: .png needs matplotlib; .svg needs nothing"):
        mg.draw(loss, first)


def test_a_leaf_alone_can_be_drawn(tmp_path: Path) -> None:
    mg.draw(number(1.0), tmp_path / "x.svg", gradients=True)
    assert "|gradient| 1" in (tmp_path / "x.svg").read_text("utf-8")


# ---- what is left behind -------------------------------------------------------------------------


@pytest.mark.usefixtures("no_collector")
def test_a_drawing_keeps_nothing_alive_and_makes_no_cycles(tmp_path: Path) -> None:
    def nodes() -> int:
        return sum(issubclass(type(o), Node) for o in gc.get_objects())

    before = nodes()
    loss = vae_step()
    mg.draw(loss, tmp_path / "x.svg", gradients=True)
    del loss
    assert nodes() == before


def test_backward_is_the_same_after_a_drawing(tmp_path: Path) -> None:
    vae = mlp_vae((1, 4, 4), latent=2, hidden=(5,))
    x, eps = mg.rand(3, 1, 4, 4), mg.randn(3, 2)
    found = []
    for drawn in (False, True):
        vae.zero_grad()
        with mg.record_modules(vae):
            loss = vae.loss(x, eps).loss
        if drawn:
            mg.draw(loss, tmp_path / "x.svg", gradients=True)
        loss.backward()
        found.append([p.grad.tolist() for p in vae.parameters() if p.grad is not None])
    assert found[0] == found[1]


# ---- errors --------------------------------------------------------------------------------------


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    with pytest.raises(TypeError, match="draw: needs a tensor, got list"):
        mg.draw([x], path)
    with pytest.raises(RuntimeError, match=r"draw: this tensor \(shape \[2\]\) is not on the tape"):
        mg.draw(x.detach(), path)
    with pytest.raises(RuntimeError, match=r"gradients=True needs a single number, not shape \[2"):
        mg.draw(x * 2, path, gradients=True)
    with pytest.raises(TypeError, match="names are of tensors and modules, 'x' is int"):
        mg.draw(y, path, names={"x": 1})
    with pytest.raises(ValueError, match=r"a drawing is .svg or .png, or .dot or .gv for"):
        mg.draw(y, tmp_path / "x.pdf")
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        mg.draw(y, path, limit=0)
    with pytest.raises(TypeError, match="record_modules: model must be a module, got int"):
        mg.record_modules(model=1).__enter__()  # type: ignore[arg-type]
    y.backward()
    with pytest.raises(
        RuntimeError, match=r"behind 'sum' has been freed .* pass retain_graph=True"
    ):
        mg.draw(y, path)
    assert not path.exists()


def test_the_picture_is_as_wide_as_its_heading() -> None:
    tiles = tiles_of(graph_of(number(1.0) * 2), 10)
    text = picture(tiles, layout(tiles), "a heading of many words that is wider than what is drawn")
    root = ElementTree.fromstring(text)
    assert float(root.get("width", "0")) > 350
