"""What programs say at their end."""

import pytest

from demos.common.words import farewell, listed, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (105.6182, "105.6"),
        (0.034071, "0.03407"),
        (8.0, "8"),
        (-0.69314, "-0.6931"),
        (12345.6, "12346"),
        (0.0000123456, "0.00001235"),
        (0.0, "0"),
        (1e20, "100000000000000000000"),
        (99.996, "100.00"),
        (0.5, "0.5000"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_four_digits_and_whole_ones_no_point(value: float, text: str) -> None:
    assert number(value) == text


def test_the_end_names_the_pictures_and_the_next_command(tmp_path, capsys) -> None:
    folder = tmp_path / "my run"
    folder.mkdir()
    for name in ("b.png", "a.gif", "summary.json"):
        (folder / name).touch()
    farewell(folder, explored=True)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"pictures in {folder}/: a.gif, b.png"
    assert said[1] == f"next: python -m demos.explore '{folder}'"
    assert listed({"modes": 8.0, "kl": 0.00204}) == "modes 8, kl 0.002040"
