"""A lesson's source as a chapter: its words, its code, and behind each line what it printed.

In the source the words are the docstring and the comments on lines of their own, and what is
printed stands in comments that begin with an arrow. These are where the real output goes.
"""

import ast
import re
from collections.abc import Iterator

_SHOWN = re.compile(r"(?:^|  )# → .*$")
CODE, RESULT = "    ", "  → "


def chapter(source: str, printed: list[str]) -> str:
    """The chapter of a lesson that printed these lines: as many as its source shows, or they come
    at the end."""
    lines, left = source.splitlines(), list(printed)
    fits = sum(bool(_SHOWN.search(line)) for line in lines) == len(printed)
    told = [ast.get_docstring(ast.parse(source)) or "", ""]
    for part in _parts(source):
        told += _told(part, left if fits else [])
        told.append("")
    told += [RESULT + line for line in left]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(told)).strip()


def _parts(source: str) -> Iterator[list[str]]:
    """The lines of what is defined, `main`'s without the `def` around them; not what draws."""
    lines = source.splitlines()
    end = 0
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(each.lineno for each in decorators)]) - 1
        while start > end and lines[start - 1].startswith("#"):
            start -= 1
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
            continue
        if not isinstance(node, ast.FunctionDef) or node.name != "main":
            if getattr(node, "name", "") != "draw":
                yield lines[start:end]
            continue
        while end < len(lines) and re.match(r"\s+#|\s*$", lines[end]):  # comments after the last
            end += 1
        yield [line.removeprefix("    ") for line in lines[node.lineno : end]]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _told(lines: list[str], printed: list[str]) -> Iterator[str]:
    """Words as they are, code indented, and in the place of each shown line the real one."""
    words = False
    for line in lines:
        before, words = words, line.startswith("# ") and not _SHOWN.match(line)
        if not line.strip():
            yield ""
        elif words:
            yield line[2:]
        else:
            if before:
                yield ""
            shown = _SHOWN.search(line)
            code = _SHOWN.sub("", line) if shown and printed else line
            if code.strip():
                yield CODE + code
            if shown and printed:
                yield RESULT + printed.pop(0)
