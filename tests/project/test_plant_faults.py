"""The table of planted faults fits the code, so that `python -m tests.plant_faults` can be run."""

from tests import plant_faults
from tests.faults import FAULTS


def test_every_fault_has_its_place_and_its_tests():
    assert len(FAULTS) > 30
    assert plant_faults.misfits() == []


def test_a_fault_that_has_lost_its_place_or_its_test_is_named(monkeypatch, capsys):
    gone = FAULTS[0]._replace(what="gone", old="text that is nowhere")
    gone = gone._replace(caught_by=("engine/op::no_such",))
    monkeypatch.setattr(plant_faults, "FAULTS", [gone])
    assert plant_faults.main() == 2
    printed = capsys.readouterr().out
    assert "gone: once in minigrad/ops/elementwise.py, not 0 times" in printed
    assert "gone: tests/engine/test_op.py has no test_no_such" in printed


def test_a_fault_that_nothing_notices_is_reported(monkeypatch):
    monkeypatch.setattr(plant_faults, "failures", lambda names, fault=None: set())
    assert plant_faults.verdict(FAULTS[0])[0] is False
