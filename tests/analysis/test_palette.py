"""Colours that every eye tells apart, and that stand out from the ground."""

from itertools import combinations

import numpy as np
import pytest

from minicaffe.analysis.palette import COLOURS, DARK, LIGHT, MARKS, colour, mark

LACKING = {  # what eyes without one kind of cone see, in linear RGB (Machado, Oliveira and Fernandes, 2009)
    "none": np.eye(3),
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(name):
    values = np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("dark, ground", [(False, LIGHT["paper"]), (True, DARK["paper"])])
@pytest.mark.parametrize("lacking", LACKING)
def test_any_two_colours_are_far_apart(dark, ground, lacking):
    seen = [lab(LACKING[lacking] @ linear(name)) for name in COLOURS[dark]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 25
    for name in COLOURS[dark]:
        low, high = sorted(XYZ[1] @ linear(one) for one in (name, ground))
        assert (high + 0.05) / (low + 0.05) > 3


def test_no_two_of_many_lines_look_alike():
    assert len({(colour(i), mark(i)) for i in range(len(MARKS) * 8)}) == len(MARKS) * 8
