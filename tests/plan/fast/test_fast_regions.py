"""Steps to regions: per-image steps join, others where they are independent; none overtakes what it depends on."""

from minicaffe.kernels.fast.copy_rows import Copy, copy
from minicaffe.plan.fast.builder import Buffer, PlainStep, Step
from minicaffe.plan.fast.regions import make_regions

A, B, C, D, E = (Buffer(name, "images", 16) for name in "abcde")


def image_step(x, y) -> Step:
    return Step(copy, Copy(x, y, 16), None, 1, (), 0)


def flat_step(x, y) -> Step:
    return Step(copy, Copy(x, y, 16), 8, 1, (), 0)


def shape(parts):
    """For each program the number of steps in each region; P for a plain layer."""
    return ["P" if isinstance(part, PlainStep) else [len(region.steps) for region in part] for part in parts]


def test_image_steps_run_depth_first_together():
    assert shape(make_regions([image_step(A, B), image_step(B, C), image_step(C, A)])) == [[3]]


def test_a_flat_step_ends_the_region():
    parts = make_regions([image_step(A, B), flat_step(B, C), image_step(C, D)])
    assert shape(parts) == [[1, 1, 1]]
    assert [region.by_image for region in parts[0]] == [True, False, True]


def test_independent_flat_steps_share_a_region():
    assert shape(make_regions([flat_step(A, B), flat_step(C, D)])) == [[2]]
    assert shape(make_regions([flat_step(A, B), flat_step(A, C)])) == [[2]]  # both only read a


def test_dependent_flat_steps_do_not():
    assert shape(make_regions([flat_step(A, B), flat_step(B, C)])) == [[1, 1]]  # reads what was written
    assert shape(make_regions([flat_step(A, B), flat_step(C, A)])) == [[1, 1]]  # writes what is read
    assert shape(make_regions([flat_step(A, B), flat_step(C, B)])) == [[1, 1]]  # writes the same


def test_private_work_space_is_no_dependence():
    work = Buffer("work", "private", 16)
    assert shape(make_regions([flat_step(A, work), flat_step(B, work)])) == [[2]]


def order(parts) -> list[list[Step]]:
    return [region.steps for region in parts[0]]


def test_a_step_joins_the_first_region_that_its_data_allow():
    first, over, second, other = image_step(A, B), flat_step(B, C), image_step(C, D), image_step(A, E)
    assert order(make_regions([first, over, second, other])) == [[first, other], [over], [second]]


def test_flat_steps_of_several_branches_run_together():
    images = [image_step(A, B), image_step(A, C)]
    overs = [flat_step(B, D), flat_step(C, E)]
    assert order(make_regions([images[0], overs[0], images[1], overs[1]])) == [images, overs]


def test_no_step_overtakes_what_it_depends_on():
    write, over, again = image_step(A, B), flat_step(B, C), image_step(D, B)  # overwrites what ``over`` reads
    assert order(make_regions([write, over, again])) == [[write], [over], [again]]
    read, late = flat_step(C, D), image_step(D, E)
    assert order(make_regions([write, over, read, late])) == [[write], [over], [read], [late]]
    twice = flat_step(A, C)  # written by ``over`` as well
    assert order(make_regions([write, over, twice])) == [[write], [over], [twice]]


def test_plain_layers_separate_programs():
    plain = PlainStep(3, False)
    assert shape(make_regions([plain, image_step(A, B), plain, plain, flat_step(A, B)])) == ["P", [1], "P", "P", [1]]


def test_no_steps_no_regions():
    assert make_regions([]) == []
