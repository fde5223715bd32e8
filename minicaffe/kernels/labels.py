"""Labels as class indices, and the share of predictions that are right."""

from ._jit import kernel

IGNORED, WRONG = -1, -2


@kernel
def class_indices(start, stop, label, classes, ignored, index):
    """index = label as an integer; IGNORED where it equals ``ignored``; WRONG where it is no class. Flat arrays.

    ``ignored`` is a number, NaN for none. A label that is not a whole number, or not in [0, classes), is no class.
    """
    for i in range(start, stop):
        value = label[i]
        if value == ignored:
            index[i] = IGNORED
        elif 0 <= value < classes and value == int(value):
            index[i] = int(value)
        else:
            index[i] = WRONG


@kernel
def top_hits(start, stop, score, label, top, hit):
    """hit = 1 where fewer than ``top`` other classes score at least as much as the label's; units are outer indices.

    score is (outer, classes, inner), label and hit are (outer, inner); 0 where the label is negative. A score of
    NaN counts as higher than any other.
    """
    _, classes, inner = score.shape
    for o in range(start, stop):
        for i in range(inner):
            wanted = label[o, i]
            hit[o, i] = 0
            if wanted >= 0:
                mine = score[o, wanted, i]
                better = 0
                for c in range(classes):
                    if c != wanted and not score[o, c, i] < mine:
                        better += 1
                hit[o, i] = 1 if better < top else 0


@kernel
def count_hits(start, stop, label, hit, right, seen):
    """right[c] and seen[c] are the hits and the labels of each class; run over all of the flat arrays at once."""
    right[:] = 0
    seen[:] = 0
    for i in range(start, stop):
        if label[i] >= 0:
            right[label[i]] += hit[i]
            seen[label[i]] += 1
