"""The numbers at the head of a module that results hang on: those that docs/ were measured with."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minigrad.data
import models
import models.measures
from tests.defaults import lines

CONSTANTS = """
minigrad.data.captions.APART = (1, 3, 0, 2)
minigrad.data.captions.LENGTH = 20
minigrad.data.captions.MOUTH = 0.15
minigrad.data.captions.SIZES = (2, 2, 2, 2, 4, 4)
minigrad.data.download.MOST = 268_435_456
minigrad.data.download.PATIENCE = 30.0
minigrad.data.download.SLOWEST = 32_768
minigrad.data.download.TIMEOUT = 5.0
minigrad.data.faces.BACKGROUND = (
    (250, 226, 178), (168, 218, 188), (132, 188, 232), (168, 148, 216))
minigrad.data.faces.EYE = 0.44
minigrad.data.faces.HAIR = ((34, 28, 34), (98, 58, 34), (166, 84, 40), (232, 190, 104))
minigrad.data.faces.SIZE = 32
minigrad.data.faces.SKIN = ((252, 220, 192), (232, 180, 140), (176, 118, 80), (112, 72, 52))
minigrad.data.faces.TURN = 0.5
minigrad.data.formats.AMAT_ROW = 1568
minigrad.data.formats.CIFAR_RECORD = 3073
minigrad.data.formats.MOST = 1_073_741_824
minigrad.data.glyphs.EDGE = 1.25
minigrad.data.glyphs.SIZE = 28
minigrad.data.glyphs.SPREAD = 1.2
minigrad.data.pairs.LOUD = 96
models.began.SMALLEST = 8
models.measures.bounds.ACTIVE = 0.01
models.measures.classifier.FEATURES = 64
models.measures.derivation.EQUAL = 1e-3
models.measures.derivation.FINE = 0.75
models.measures.derivation.NODES = 24
models.measures.derivation.POINTS = 401
models.measures.derivation.REACH = 6.0
models.measures.energies.EDGE = 4.0
models.measures.energies.POINTS = 701
models.measures.energies.REACH = 7.0
models.measures.energies.WALL = 0.2
models.measures.equations.CHOICE = 30
models.measures.equations.EXEMPLARS = 3
models.measures.equations.NUDGES = 8
models.measures.equations.TRIALS = 200
models.measures.faces.NOISE = 0.05
models.measures.faces.SMILE_WEIGHT = 3
models.measures.factors.BINS = 20
models.measures.factors.FOLLOWED = 0.5
models.measures.judge.NOISE = 0.1
models.measures.linear.FOLDS = 5
models.measures.linear.PENALTIES = (1e-4, 1e-3, 1e-2)
models.measures.linear.STEPS = 20_000
models.measures.mmd.PART = 2000
models.measures.modes.SAMPLES = 2_500
models.measures.paths.KNOWN = 10_000
models.measures.paths.POINTS = 33
models.measures.paths.STRIP = 4
models.measures.plane.CONFIDENT = 0.9
models.measures.pretraining.BATCH = 100
models.measures.pretraining.LR = 1e-3
models.measures.spectrum.CUTOFF = 0.25
models.measures.translations.CORNER = 4
"""
TABLE = dict(line.split(" = ") for line in lines(CONSTANTS))
# How many are taken at once, or where rounding is met: another number changes last digits at most.
PIECES = {"AT_ONCE", "BLOCK", "BEYOND", "CHUNK", "PIECES", "ROWS", "TESTED_AT_ONCE", "TINY"}


MODULES = [
    importlib.import_module(at.name)
    for place in (minigrad.data, models)
    for at in pkgutil.walk_packages(place.__path__, f"{place.__name__}.")
]


def assigned(module: ModuleType) -> Iterator[str]:
    """The constants that are of a module itself, and not imported."""
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            yield from (name for name in names_in(statement) if name.isupper())


def names_in(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store)


def is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(is_number, value))
    return isinstance(value, int | float)


@pytest.mark.parametrize("name", TABLE)
def test_constants(name):
    module, _, constant = name.rpartition(".")
    expected = ast.literal_eval(TABLE[name])
    found = getattr(importlib.import_module(module), constant)
    assert found == expected and type(found) is type(expected)


def test_no_constant_is_forgotten():
    found = {
        f"{module.__name__}.{name}"
        for module in MODULES
        for name in assigned(module)
        if name not in PIECES and is_number(getattr(module, name))
    }
    assert found == TABLE.keys()


def test_what_is_known_of_data_and_rules_of_games_cannot_be_changed():
    found = {
        thing
        for module in MODULES
        for thing in vars(module).values()
        if inspect.isclass(thing) and dataclasses.is_dataclass(thing)
    }
    assert len(found) > 4
    assert not [thing for thing in found if not thing.__dataclass_params__.frozen]
