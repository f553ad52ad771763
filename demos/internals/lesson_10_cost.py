"""What a training step costs, op by op

`with mg.profile(model) as p:` measures every operation that runs inside, forward and backward
apart: time, the memory of what was made, and what the tape keeps until backward. `print(p)` is a
table, `p.draw(path)` a picture. It is an observer, which the engine calls around each operation,
each node's rules and each module of its thread; while it is off, that costs a look at whether there
is one.

Times differ from machine to machine, so what is printed here are counts: of calls, bytes, and
multiplications. They say why the times are as they are: open the picture beside them.
"""

from pathlib import Path

import minigrad as mg
from minigrad import optim
from models.model import Learner
from models.vae import mlp_vae

BATCH, PIXELS, HIDDEN, LATENT = 128, 784, 400, 20
FLOAT = 4  # bytes of a float32


def main(out: Path) -> None:
    mg.manual_seed(0)
    vae = mlp_vae()
    learner = Learner(vae, optim.Adam(vae.parameters()))
    images = mg.rand(BATCH, 1, 28, 28)
    learner.train_step(images)  # the first step also makes the optimizer's memory
    with mg.profile(vae) as p:
        learner.train_step(images)

    # Five matrix products forward. Backward has two for each, the operand's gradient and the
    # weight's, but for the first, whose operand is data and needs none.
    widths = [(PIXELS, HIDDEN), (HIDDEN, LATENT), (HIDDEN, LATENT), (LATENT, HIDDEN)]
    widths.append((HIDDEN, PIXELS))
    forward = sum(2 * BATCH * a * b for a, b in widths)
    backward = 2 * forward - 2 * BATCH * PIXELS * HIDDEN
    print(p.ops["linear"].calls, "products forward")  # → 5 products forward
    print(f"{forward / 1e6:.1f} + {backward / 1e6:.1f} million operations")
    # → 166.7 + 253.1 million operations

    # What the forward made and what the tape kept of it. A linear map's result is made, but not
    # kept: the relu that follows keeps its own, and the next map reads that.
    linear, relu = p.ops["linear"], p.ops["relu"]
    print(linear.bytes == sum(BATCH * b * FLOAT for _, b in widths))  # → True
    print(relu.bytes, relu.kept, 2 * BATCH * HIDDEN * FLOAT)  # → 409600 409600 409600
    print(linear.kept, BATCH * (PIXELS + LATENT) * FLOAT)  # → 411648 411648

    # Gradients are as large as the weights: with a batch of 128, more than what the tape keeps. The
    # optimizer passes over weights, gradients and two moments at every step.
    weights = sum(weight.numel() for weight in vae.parameters()) * FLOAT
    kept = sum(row.kept for row in p.ops.values())
    print(f"weights {weights / 1e6:.2f} MB, kept by the tape {kept / 1e6:.2f} MB")
    # → weights 2.61 MB, kept by the tape 1.67 MB

    # By module: the rows of a table, of which each shows all that is below it.
    for name in ("VAE.encoder", "VAE.encoder.body", "VAE.encoder.mu", "VAE.decoder"):
        row = p.below(name)
        print(f"{name}: calls {row.calls}, {row.bytes:,} bytes made, {row.kept:,} kept")
    # → VAE.encoder: calls 5, 430,080 bytes made, 606,208 kept
    # → VAE.encoder.body: calls 3, 409,600 bytes made, 606,208 kept
    # → VAE.encoder.mu: calls 1, 10,240 bytes made, 0 kept
    # → VAE.decoder: calls 4, 811,008 bytes made, 215,040 kept

    # Everything is in some op or outside of all: shares that add up to the whole step.
    inside = sum(row.total for row in p.ops.values())
    by_module = sum(row.total for row in p.modules.values())
    print(0 < inside < p.seconds, abs(inside - by_module) < 1e-9)  # → True True
    p.draw(out / "10_cost.svg")
    (out / "10_cost.txt").write_text(f"{p}\n", "utf-8")
