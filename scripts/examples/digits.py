"""Digits drawn by procedure, so that the examples need no download: 28 x 28 pixels, light on dark.

Each digit is a bitmap of 5 x 7 dots, enlarged, slanted, moved and covered with noise. They are easier than MNIST's.
"""

import numpy as np

DOTS = """
.###.  ..#..  .###.  #####  ...#.  #####  ..##.  #####  .###.  .###.
#...#  .##..  #...#  ...#.  ..##.  #....  .#...  ....#  #...#  #...#
#..##  ..#..  ....#  ..#..  .#.#.  ####.  #....  ...#.  #...#  #...#
#.#.#  ..#..  ...#.  ...#.  #..#.  ....#  ####.  ..#..  .###.  .####
##..#  ..#..  ..#..  ....#  #####  ....#  #...#  .#...  #...#  ....#
#...#  ..#..  .#...  #...#  ...#.  #...#  #...#  .#...  #...#  ...#.
.###.  .###.  #####  .###.  ...#.  .###.  .###.  .#...  .###.  .##..
"""
ROWS = [row.split() for row in DOTS.split("\n") if row]
BITMAPS = np.array([[[dot == "#" for dot in row[digit]] for row in ROWS] for digit in range(10)])
SIDE = 28
NOTHING = 10
"""The label of an image between two digits, or without one."""


def draw(count, seed, nothing=False):
    """``count`` images, (count, 1, 28, 28) uint8, and their labels, (count) int64.

    With ``nothing`` there is an eleventh class: halves of two neighbours, or noise alone.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, 11 if nothing else 10, count)
    images = np.stack([_between(random) if label == NOTHING else _digit(label, random) for label in labels])
    return images[:, None], labels


def scene(digits, seed):
    """A strip of 28 rows with ``digits`` side by side, (1, 28, 28 n) uint8."""
    random = np.random.default_rng(seed)
    return np.concatenate([_digit(digit, random) for digit in digits], axis=1)[None]


def _digit(digit, random):
    large = np.kron(BITMAPS[digit], np.ones((3, 3)))  # 21 x 15 pixels
    picture = np.zeros((SIDE, SIDE))
    slant, left, top = random.uniform(-0.2, 0.2), random.integers(4, 10), random.integers(1, 7)
    for row, pixels in enumerate(large):
        start = round(np.clip(left + slant * (10 - row), 0, SIDE - 15))
        picture[top + row, start : start + 15] = pixels
    return _noisy(picture, random)


def _between(random):
    if random.random() < 0.2:
        return _noisy(np.zeros((SIDE, SIDE)), random)
    left, right = (_digit(digit, random) for digit in random.integers(0, 10, 2))
    cut = random.integers(10, 19)
    return np.concatenate([left[:, cut:], right[:, :cut]], axis=1)


def _noisy(picture, random):
    light = picture * random.uniform(130, 220) + random.normal(20, 15, picture.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def as_text(image):
    """An image (H, W) in characters, one for two pixels high and one wide."""
    image = np.asarray(image, float)
    low, high = image.min(), max(image.max(), image.min() + 1e-9)
    pairs = image[: len(image) // 2 * 2].reshape(-1, 2, image.shape[1]).mean(1)
    return "\n".join("".join(" .:-=+*#%@"[int(9.99 * (x - low) / (high - low))] for x in row) for row in pairs)
