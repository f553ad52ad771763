"""All experiments: each shows one claim of the lecture by a picture, and by numbers with a control.

    python -m demos.experiments                      says what there is
    python -m demos.experiments quick                does all that take less than a minute each
    python -m demos.experiments all                  does all: hours
    python -m demos.experiments bound pca            does these two
    python -m demos.experiments --table              what is found in --out, as tables

Those that are done, with the same data set and seed, are not done again. Each writes NAME.png and
NAME.json; those of many trainings keep each as it is done, and go on from there when they are
stopped. With --dataset all take that data set, else each its own.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from demos.common import cli
from demos.common.kept import Setting
from demos.common.run import CommandError, one_writer
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
}
PLACES = {"factors-faces": "factors run_on_faces", "dcgan": "dcgan_samples run"}
# Less than a minute each on the drawn data sets, on one core.
QUICK = ("reparameterization", "optimal-discriminator", "flat-gradient", "critic-distance")


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
    add("--out", default="runs/experiments", metavar="DIR", help="(default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    cli.spell_out()
    try:
        if args.table:
            print("\n\n".join(tables.of(Path(args.out), entries())))
        elif args.list or not args.names:
            print(listed())
        else:
            with one_writer(args.out):
                do(args)
        sys.stdout.flush()
    except cli.ERRORS as error:
        return cli.told(parser(), error)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the parts that it kept", file=sys.stderr)
        return 130
    return 0


def do(args: Namespace) -> None:
    """Does the experiments that were asked for and are not done yet."""
    known = entries()
    setting = Setting(args.seed, Path(args.out), args.dataset, args.data_dir)
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


def listed() -> str:
    """Every experiment in a line, with what its module says of it."""
    lines = []
    for name, (model, experiment) in entries().items():
        says = (sys.modules[experiment.__module__].__doc__ or "").split("\n\n")[0]
        lines.append(f"{model:12} {name:22} {' '.join(says.split())}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
