"""What g++ makes: the fake libraries, and the kernels that CuPy and the project ask them for."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.standin.gcc import library
from tests.standin.kernels import EMULATOR, FUSED, has_fma

HERE = Path(__file__).parent
DRIVER, INCLUDE = HERE / "driver", HERE / "include"


def fake(soname: str, files: Sequence[str], asked: Iterable[str]) -> Path:
    """A fake library of some files of driver/; of the functions that are `asked` of it, those that
    they lack are there too, and say that they are not part of the fake."""
    parts = [(DRIVER / name).read_text("utf-8") for name in files]
    has = set(re.findall(r"\b(?:BATCHED\()?(\w+)(?:\(|, \w+\)$)", "\n".join(parts), re.MULTILINE))
    stubs = [
        f'extern "C" int {name}() {{ return fake::unsupported("{name}"); }}'
        for name in sorted(set(asked) - has)
    ]
    text = "\n".join([f'#include "{DRIVER}/{name}"' for name in ("fake.h", *files)] + stubs)
    headers = [DRIVER / "fake.h", DRIVER / "kernel.h"]
    included = [*headers, *[DRIVER / name for name in files]]
    return library(soname, text, included, "-O3", "-Wall", f"-Wl,-soname,{soname}")


def undefined(path: Path) -> list[str]:
    """The functions that a library has from others."""
    return re.findall(r" U (\w+)", _symbols(path, "-D"))


def defined(path: Path, prefix: str) -> list[tuple[int, str]]:
    """Where functions of that prefix lie in a library, hidden ones too."""
    found = re.findall(rf"^(\w+) [tT] ({prefix}[A-Z]\w*)", _symbols(path), re.MULTILINE)
    return [(int(address, 16), name) for address, name in found]


def _symbols(path: Path, *options: str) -> str:
    command = ["nm", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# ---- kernels -------------------------------------------------------------------------------------


def kernels(source: str, defines: Sequence[str]) -> Path:
    """The kernels of a CUDA source as a library, each described by a Kernel (driver/kernel.h).

    A multiplication and an addition are fused where the chip would, if this processor can.
    """
    cupys = "cupy/carray.cuh" in source
    shares = not cupys or "__syncthreads" in source
    fused = FUSED if has_fma() else ["-ffp-contract=off"]
    single = "double" not in (" ".join(defines) if "REAL" in source else source)
    lines = [
        f'#include "{EMULATOR}"' if shares else "#define ONE_THREAD",
        f'#include "{DRIVER}/kernel.h"',
        _shared_memory(source),
        *[_entrance(name, source, shares, cupys, single) for name in _names(source)],
    ]
    included = [*sorted(INCLUDE.rglob("*.*")), DRIVER / "kernel.h", EMULATOR]
    flags = ["-O1", "-w", "-fpermissive", *fused, f"-I{INCLUDE}", *defines]
    return library("kernels.so", "\n".join(lines), included, *flags)


def _shared_memory(source: str) -> str:
    """Shared memory with the alignment, and where the launch says its size, the most of both."""
    aligned = source.replace("__shared__ char", "alignas(16) __shared__ char")
    most = r"alignas(16) static \1 \2[49152 / sizeof(\1)];"
    return re.sub(r"extern __shared__ (\w+) (\w+)\[\];", most, aligned)


_DECLARED = r'^\s*(?:KERNEL|extern "C" __global__ void)\s+(?:__launch_bounds__\([^)]*\)\s*)?'


def _names(source: str) -> list[str]:
    return re.findall(_DECLARED + r"(\w+)\s*\(", source, re.MULTILINE)


def _entrance(name: str, source: str, shares: bool, cupys: bool, single: bool) -> str:
    """The C++ that describes a kernel and runs it on arguments that are given by pointers."""
    start = re.search(_DECLARED + rf"{name}\s*\(", source, re.MULTILINE)
    assert start is not None
    parameters = [_parameter(p) for p in _split(source[start.end() :]) if p]
    table = ", ".join(
        f"{{sizeof({kind}), '{access}', {item}}}" for kind, access, item in parameters
    )
    values = ", ".join(f"*({kind}*)v[{i}]" for i, (kind, _, _) in enumerate(parameters))
    body = f"{name}({values}); return 0;"
    if shares:
        inside = source[start.end() :].partition("\n}")[0]
        # A loop over the whole grid does in one block what it does in many.
        one_block = cupys and ("CUPY_FOR" in source or "gridDim" in source)
        grid = "1, 1, 1" if one_block else "(int)g[0], (int)g[1], (int)g[2]"
        body = (
            f"int grid[] = {{{grid}}}, block[] = {{(int)b[0], (int)b[1], (int)b[2]}};"
            f"emulator::strict = {str(not cupys).lower()};"
            f"return emulator::launch(grid, block, false, {str('__shared__' in inside).lower()}, "
            f"[=] {{ {name}({values}); }});"
        )
    return (
        f"static int run_{name}(void** v, const unsigned* g, const unsigned* b) {{ {body} }}\n"
        f"static const Parameter parameters_{name}[] = {{{table or '{}'}}};\n"
        f'extern "C" const Kernel kernel_{name} = {{{len(parameters)}, parameters_{name}, '
        f"{str(single).lower()}, run_{name}}};"
    )


def _split(text: str) -> list[str]:
    """The parameters of a declaration, from behind its bracket; those in < > stay together."""
    depth, parts = 0, [""]
    for c in text:
        if c == ")" and depth == 0:
            break
        depth += (c in "(<") - (c in ")>")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts]


def _parameter(text: str) -> tuple[str, str, str]:
    """Type, access and size of the items of one parameter (driver/kernel.h)."""
    kind = re.sub(r"\s*(?:__restrict__\s*)?\w+$", "", text)
    access = "r" if kind.startswith("const ") else "w"
    kind = kind.removeprefix("const ").strip()
    if kind.endswith("*"):
        return kind, access, f"sizeof({kind[:-1]})"
    if kind.startswith("CArray"):
        return kind, access.upper(), f"sizeof({kind}::item)"
    return kind, "v", "0"
