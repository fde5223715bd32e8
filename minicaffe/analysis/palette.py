"""The colours of plots.

The lines' colours were chosen by search: any two of them stay apart, also for eyes that lack one kind of cone (Machado,
Oliveira and Fernandes, 2009), and each has a contrast of 3 to its ground. Marks tell lines apart without any colour.
"""

from __future__ import annotations

LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "faint": "#d5d9df", "weak": "#59636e"}
DARK = {"paper": "#14171c", "ink": "#e6e8eb", "faint": "#353b44", "weak": "#a0a8b3"}

COLOURS = {
    False: ("#273aa9", "#b31d00", "#149f93", "#c074d4", "#5b3869", "#763032", "#8600ff", "#86965e"),
    True: ("#5387e6", "#e08d30", "#17e59a", "#a879a0", "#ffeb17", "#bf2e3c", "#ccf1ff", "#8233ff"),
}
"""By whether the ground is dark; the first of them are the farthest apart."""

MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLES = ("-", "--", ":", "-.")


def colour(index: int, dark: bool = False) -> str:
    return COLOURS[dark][index % len(COLOURS[dark])]


def mark(index: int) -> str:
    """A mark for each line; where colours begin again, the marks go with others of them."""
    return MARKS[(index + index // len(MARKS)) % len(MARKS)]
