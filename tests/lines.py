"""Links from pages to the lines of what they name: `python -m tests.lines` writes them.

A name in a link is a function, a class, a method (VAE.sample) or a value of the file linked to.
"""

import ast
import re
from functools import cache
from pathlib import Path

from tests.sources import ROOT, parse

PAGES = [ROOT / name for name in ("README.md", "docs/lecture.md", "docs/zoo.md")]
LINK = re.compile(r"\[`([^`]+)`\]\(([^)#]+)(?:#L(\d+))?\)")
ABOVE = 10  # lines above a definition from which it is still seen


@cache
def definitions(path: Path) -> dict[str, tuple[int, int]]:
    """The first and last line of what a file defines, by name, and of methods by CLASS.NAME."""
    found: dict[str, tuple[int, int]] = {}

    def note(node: ast.stmt, before: str) -> None:
        names = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        for name in names:
            found[before + name] = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                note(inner, f"{before}{node.name}.")

    for node in parse(path).body:
        note(node, "")
    return found


def place(path: Path, name: str) -> tuple[int, int]:
    """The lines of a definition; of an inherited method, those of its name anywhere in the file."""
    found = definitions(path)
    if name in found:
        return found[name]
    last = name.rpartition(".")[2]
    return next(lines for other, lines in found.items() if other.rpartition(".")[2] == last)


def faults(text: str, folder: Path) -> list[str]:
    """The links of a page that do not lead to what they name."""
    wrong = []
    for name, link, line in LINK.findall(text):
        first, last = place(folder / link, name)
        if not line or not first - ABOVE <= int(line) <= last:
            wrong.append(f"{name}: {link} has it in lines {first} to {last}, not {line or 'none'}")
    return wrong


def written(text: str, folder: Path) -> str:
    """The page with each link to the first line of what it names."""

    def link(m: re.Match[str]) -> str:
        return f"[`{m[1]}`]({m[2]}#L{place(folder / m[2], m[1])[0]})"

    return LINK.sub(link, text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text("utf-8"), page.parent), "utf-8")
