"""All experiments: each shows one claim of the lecture by a picture, and by numbers with a control.

    python -m demos.experiments                      says what there is, and how long each takes
    python -m demos.experiments quick                does all that take less than a minute each
    python -m demos.experiments all                  does all: hours
    python -m demos.experiments bound pca            does these two
    python -m demos.experiments --table              what is found in --out, as tables

Those that are done, with the same data set and seed, are not done again. Each writes NAME.png and
NAME.json; those of many trainings keep each as it is done, and go on from there when they are
stopped. With --dataset all take that data set, else each its own. With --device cuda networks are
trained on a GPU, most of them by CUDA graphs, and measured on the CPU.
"""

import re
import shutil
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from demos.common import cli
from demos.common.kept import Setting
from demos.common.run import CommandError, one_writer
from demos.common.training import Stopped
from demos.experiments import tables
from demos.experiments.finding import Experiment, command_of, perform
from minigrad import data

# By the model that they are about, in the order of the lecture; each is `run` in a file of its
# name, but for those that PLACES knows.
EXPERIMENTS = {
    "autoencoder": "pca depth few-labels not-generative aae",
    "vae": "bound posteriors energies posterior-time reparameterization manifold factors "
    "factors-faces total-correlation feature likelihood colour blur",
    "autoregressive": "pixelcnn pixelvae taxonomy",
    "gan": "optimal-discriminator flat-gradient k-steps modes critic-distance",
    "dcgan": "dcgan interpolation arithmetic conditional guidelines",
    "translation": "cyclegan pix2pix captions",
    "zoo": "began vaegan f-gan mode-collapse bigan infogan acgan cogan lapgan",
}
PLACES = {"factors-faces": "factors run_on_faces", "dcgan": "dcgan_samples run"}
# Less than a minute each on the drawn data sets, on one core.
QUICK = ("reparameterization", "optimal-discriminator", "flat-gradient", "critic-distance")


RESULTS = Path(__file__).parents[2] / "docs" / "results.md"
FOOTNOTE = (
    "The times are those of docs/results.md, with the commands there; + is for networks besides, "
    "which are kept, and trained by the first that needs them: minutes each."
)
# What trains a network that is kept: an experiment that knows one needs it.
TRAINERS = {
    "autoencoder",
    "dcgan",
    "dcgans",
    "judge_of",
    "kept",
    "kept_vae",
    "trained",
    "vae",
    "vaes",
}


class Entry(NamedTuple):
    """An experiment, and the model that it is about."""

    model: str
    experiment: Experiment


def entries() -> dict[str, Entry]:
    """All experiments by name."""
    found = {}
    for model, names in EXPERIMENTS.items():
        for name in names.split():
            module, function = PLACES.get(name, f"{name.replace('-', '_')} run").split()
            experiment = getattr(import_module(f"demos.experiments.{module}"), function)
            found[name] = Entry(model, experiment)
    return found


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.experiments", __doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="of an experiment; quick; all")
    add("--list", action="store_true", help="say what there is, as without arguments")
    add("--table", action="store_true", help="print the results in --out as a table")
    add("--dataset", choices=data.NAMES)
    add("--data-dir", metavar="DIR", help="where the real data are")
    add("--seed", type=cli.whole(0), default=0, metavar="N", help="(default: %(default)s)")
    add(
        "--seeds", type=cli.whole(1), metavar="N",
        help="how many, from --seed on, of experiments that have several",
    )  # fmt: skip
    add("--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)")
    add(
        "--longer", type=cli.positive, default=1.0, metavar="K",
        help="train K times as long as usual (default: 1)",
    )  # fmt: skip
    add("--out", default="runs/experiments", metavar="DIR", help="(default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    cli.spell_out()
    try:
        if args.table:
            print("\n\n".join(tables.of(Path(args.out), entries())))
        elif args.list or not args.names:
            print(listed(shutil.get_terminal_size((100, 24)).columns - 1))
        else:
            with one_writer(args.out):
                do(args)
        sys.stdout.flush()
    except cli.ERRORS as error:
        return cli.told(parser(), error)
    except Stopped as stopped:
        print(f"{stopped}; the same command goes on from there", file=sys.stderr)
        return 128 + stopped.signum
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the parts that it kept", file=sys.stderr)
        return 130
    return 0


def do(args: Namespace) -> None:
    """Does the experiments that were asked for and are not done yet."""
    known = entries()
    cli.check_device(args.device)
    places = (Path(args.out), args.dataset, args.data_dir)
    setting = Setting(args.seed, *places, args.device, args.longer, args.seeds)
    failed = []
    for name in chosen(args.names, known):
        if done(name, setting):
            print(f"{name} is done")
            continue
        print(f"{name} ...", flush=True)
        try:
            perform(name, known[name].experiment, setting)
        except CommandError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise CommandError("; ".join(failed))


def chosen(names: Iterable[str], known: dict[str, Entry]) -> list[str]:
    """The names of experiments that are meant, each once."""
    groups = {"quick": QUICK, "all": tuple(known)}
    listed = [name for given in names for name in groups.get(given, (given,))]
    if wrong := [name for name in listed if name not in known]:
        raise CommandError(f"no experiment {wrong[0]!r}; there are {', '.join(known)}")
    return list(dict.fromkeys(listed))


def done(name: str, setting: Setting) -> bool:
    """Whether its result is there."""
    found = tables.read(setting.folder / f"{name}.json")
    return found is not None and found["command"] == command_of(name, setting)


def listed(width: int) -> str:
    """Every experiment, how long it took and what its module says first, in lines of a width."""
    took, lines, before = tables.costs(RESULTS), [], ""
    for name, (model, experiment) in entries().items():
        if model != before:
            lines += ["", model]
            before = model
        module = sys.modules[experiment.__module__]
        says = re.split(r"(?<=[.?])\s+(?=[A-Z])", module.__doc__ or "")[0]
        time = took.get(name, "") + ("+" if TRAINERS & vars(module).keys() else " ")
        head = f"  {name:22}{time:>7} {'quick' if name in QUICK else '':5} "
        lines += textwrap.wrap(
            says, max(width, 72), initial_indent=head, subsequent_indent=" " * 38
        )
    lines += ["", *textwrap.wrap(FOOTNOTE, max(width, 72))]
    return "\n".join(lines[1:])


if __name__ == "__main__":
    sys.exit(main())
