"""The tape drawn

What backward() reads is a graph: a node for each operation, an arrow from each operand to it. This
lesson draws two: of four operations on two numbers, and of a whole training step of a variational
autoencoder, where the modules that did the work are boxes.

Open the pictures beside this text. A node says its operation, the dtype and shape of its result,
what it keeps alive until backward() and how much memory that is, and the norm of its gradient.
"""

from pathlib import Path

import minigrad as mg
from minigrad.tools.drawing.graph import graph_of
from models.vae import mlp_vae


def main(out: Path) -> None:
    a = mg.tensor(2.0, requires_grad=True)
    b = mg.tensor(3.0, requires_grad=True)
    c = a * b + (a * a).sin()

    # The same graph as a list, which is what is drawn (minigrad/tools/drawing/graph.py).
    for i, vertex in enumerate(graph_of(c, {"a": a, "b": b, "c": c})):
        made_of = f" of {vertex.inputs}" if vertex.inputs else f" {vertex.name}"
        keeps = f", keeps {' and '.join(vertex.keeps)}" if vertex.keeps else ""
        print(f"{i}: {vertex.op}{made_of}{keeps}")
    # → 0: leaf a
    # → 1: leaf b
    # → 2: multiply of [0, 1], keeps y and x
    # → 3: multiply of [0, 0], keeps y and x
    # → 4: sin of [3], keeps x
    # → 5: add of [2, 4]

    # The x and y that are kept are the operands of the op, by the names in its rules.
    # `add` keeps nothing: its gradient rule is g for both operands. `sin` keeps its operand, since
    # its rule is g cos(x). What a rule does not name is not kept:
    #     sin.gradient("x")(lambda g, x: g * cos(x))      in minigrad/ops/elementwise.py
    mg.draw(c, out / "02_small.svg", names={"a": a, "b": b, "c": c}, gradients=True)
    c.backward()
    print(a.grad, b.grad)  # → tensor(0.3854) tensor(2.)

    # A tape is read once: its memory is given back while it is read.
    try:
        mg.draw(c, out / "02_small.svg")
    except RuntimeError as error:
        print(str(error)[:57])  # → draw: the graph behind 'add' has been freed by backward()

    # A VAE's step. Which module an operation belongs to is recorded only where it is asked for.
    mg.manual_seed(0)
    vae = mlp_vae()
    images = mg.rand(128, 1, 28, 28)
    with mg.record_modules(vae):
        loss = vae.loss(images).loss
    tape = graph_of(loss)
    leaves = [vertex for vertex in tape if vertex.op == "leaf"]
    print(len(tape) - len(leaves), "operations")  # → 25 operations
    print(len(leaves), "parameters of", sum(leaf.size for leaf in leaves), "numbers")
    # → 10 parameters of 652824 numbers

    # What the first hidden layer keeps: the linear map its input, 128 images, and the relu its
    # output. Weights are not counted, they are there with or without a tape.
    for vertex in tape[len(leaves) : len(leaves) + 2]:
        where = vertex.places[0][-1].name
        print(f"{where}: {vertex.op} {list(vertex.shape)} keeps {vertex.bytes:,} bytes")
    # → VAE.encoder.body.1: linear [128, 400] keeps 401,408 bytes
    # → VAE.encoder.body.2: relu [128, 400] keeps 204,800 bytes
    print(128 * 28 * 28 * 4, 128 * 400 * 4)  # → 401408 204800

    mg.draw(loss, out / "02_vae.svg", gradients=True)
    mg.draw(loss, out / "02_vae_by_module.svg", gradients=True, limit=30)
    mg.draw(loss, out / "02_vae.dot")  # for Graphviz: dot -Tpdf 02_vae.dot
