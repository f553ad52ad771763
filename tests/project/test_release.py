"""What is said of a version in several places is the same in all of them."""

import re
import tomllib

import minigrad as mg
from tests.sources import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_version_is_the_citations_and_has_its_changes() -> None:
    assert re.findall(r"^version: (.*)$", text("CITATION.cff"), re.M) == [mg.__version__]
    assert re.findall(r"^## ([\d.]+)", text("CHANGELOG.md"), re.M)[0] == mg.__version__


def test_every_python_that_is_promised_is_checked() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    named = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    (matrix,) = re.findall(r"python: \[(.*)\]", text(".github/workflows/ci.yml"))
    assert re.findall(r"[\d.]+", matrix) == named
    first, last = (int(version.partition(".")[2]) for version in (named[0], named[-1]))
    assert project["requires-python"] == f">=3.{first},<3.{last + 1}"
    assert f"3.{first} to 3.{last}" in text("README.md")
