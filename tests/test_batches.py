"""Batches: the batch of a step is known by the seed and the step alone; training holes come from a bank drawn as it is used."""

import numpy as np
import pytest
import torch
from handmade import tiles

from inbench.joints import choices, masks, registry
from inbench.joints.batches import BANK_BYTES, Batches, held_on, to_image
from inbench.joints.store import Part

CPU = torch.device("cpu")
COUNT = 22


def part(count=COUNT, size=32):
    return Part(tiles(0, count, size), [f"{place:03d}" for place in range(count)], None)


def batches(text="box", *, of=None, batch=8, seed=0, **more):
    mask = choices.mask(text, 32, registry.load()).mask if isinstance(text, str) else text
    return Batches(of or part(), mask, batch=batch, seed=seed, device=CPU, **more)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Counting(masks.Box):
    """Boxes that note for how many holes they were asked."""

    asked = 0

    def holes(self, seeds, size):
        self.asked += len(seeds)
        return super().holes(seeds, size)


def counting():
    return Counting(Counting.settle(Counting.Params(), 32))


def pictures_of(image):
    """The place in the part of each picture of a batch."""
    known = {pixels.tobytes(): place for place, pixels in enumerate(part().images)}
    pixels = (image * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return [known[one.tobytes()] for one in pixels]


# Batches


def test_pictures_are_copied_onto_a_device_a_few_at_a_time_and_all_of_them(monkeypatch):
    monkeypatch.setattr("inbench.joints.batches.COPY_BYTES", 5 * 32 * 32 * 3)
    images = part().images
    assert torch.equal(held_on(images, CPU), torch.from_numpy(images))


def test_a_batch_is_images_and_holes():
    image, hole = batches().at(3)
    assert (image.dtype, image.shape) == (torch.float32, (8, 3, 32, 32))
    assert (hole.dtype, hole.shape) == (torch.bool, (8, 1, 32, 32))
    assert 0 <= image.min() < image.max() <= 1
    assert hole.flatten(1).any(1).all()  # True is missing
    assert not hole.flatten(1).all(1).any()


def test_an_image_is_the_pixels_over_255_whatever_they_are_kept_in():
    pixels = part(2).images
    for held in (pixels, torch.from_numpy(pixels)):
        image = to_image(held, CPU)
        assert torch.equal(image, torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
        assert image.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("batch", [1, 8, 22, 50])
def test_every_picture_comes_once_before_any_comes_again(batch):
    served = batches(batch=batch)
    found = [place for step in range(-(-3 * COUNT // batch)) for place in pictures_of(served.at(step)[0])]
    orders = [found[start : start + COUNT] for start in range(0, 3 * COUNT, COUNT)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


def test_flips_turn_half_of_the_pictures_left_right_and_nothing_else():
    straight, flipped = batches(batch=22), batches(batch=22, flips=True)
    turned = 0
    for step in range(20):
        (image, hole), (other, same_hole) = straight.at(step), flipped.at(step)
        assert torch.equal(hole, same_hole)
        for one, two in zip(image, other, strict=True):
            is_turned = not torch.equal(one, two)
            assert torch.equal(two, one.flip(2) if is_turned else one)
            turned += is_turned
    assert 0.4 < turned / 440 < 0.6
    assert flipped.at(0)[0].is_contiguous(memory_format=torch.channels_last)


def test_flips_follow_from_seed_and_step():
    assert same(batches(flips=True).at(3), batches(flips=True).at(3))
    flipped = batches(flips=True)._flipped
    assert not torch.equal(flipped(0, 64), flipped(1, 64))
    assert not torch.equal(flipped(0, 64), batches(flips=True, seed=1)._flipped(0, 64))


def test_reading_ahead_gives_the_same_batches_in_any_order_of_steps():
    straight, ahead = batches(flips=True), batches(flips=True, ahead=True)
    assert all(same(straight.at(step), ahead.at(step)) for step in (0, 1, 2, 7, 8, 3, 3))


def test_reading_ahead_ends_a_single_pass_as_reading_does():
    straight, ahead = batches(one_pass=True), batches(one_pass=True, ahead=True)
    assert all(same(straight.at(step), ahead.at(step)) for step in range(3))


def test_one_pass_stops_where_the_pictures_do():
    served = batches(one_pass=True)
    sizes = [len(image) for image, hole in (served.at(step) for step in range(3)) if len(image) == len(hole)]
    assert sizes == [8, 8, 6]
    assert same(served.at(1), batches().at(1))


def test_a_step_does_not_depend_on_which_were_asked_for_before():
    steps = [0, 1, 2, 3, 7, 40]
    forth, back = batches(), batches()
    expected = {step: forth.at(step) for step in steps}
    assert all(same(back.at(step), expected[step]) for step in reversed(steps))
    assert all(same(batches().at(step), expected[step]) for step in steps)
    assert all(same(forth.at(step), expected[step]) for step in (7, 7, 0, 40))


def test_another_seed_gives_other_pictures_and_other_holes():
    one, other = batches(seed=0).at(0), batches(seed=1).at(0)
    assert not torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_another_mask_gives_the_same_pictures():
    assert torch.equal(batches("box").at(5)[0], batches("center").at(5)[0])


# The bank of holes


@pytest.mark.parametrize(("size", "count"), [(32, 4096), (64, 4096), (128, 2048), (256, 512)])
def test_the_bank_is_of_4096_holes_at_most_and_of_32_megabytes(size, count):
    mask = choices.mask("box", size, registry.load()).mask
    bank = Batches(part(2, size), mask, batch=2, seed=0, device=CPU).bank
    assert bank.shape == (count, 1, size, size)
    assert bank.nbytes <= BANK_BYTES


@pytest.mark.parametrize("text", ["box", "half", "mix(box,random80)"])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_hole_at_a_place_of_the_bank_is_the_masks_own(text, seed):
    served = batches(text, batch=64, seed=seed)
    whole = served.mask.draw(len(served.bank), 32, seed)
    for step in (0, 9, 3):
        _, hole = served.at(step)
        known = {one.tobytes() for one in whole[served.drawn]}
        assert {one.tobytes() for one in hole.numpy()} <= known
    assert 100 < served.drawn.sum() <= 3 * 64
    assert (served.bank[served.drawn] == whole[served.drawn]).all()


@pytest.mark.parametrize("text", ["thin", "medium", "thick", "brush[ratio=10-20]", "pattern25"])
def test_strokes_are_the_masks_own_too(text):
    served = batches(text, batch=6)
    _, hole = served.at(2)
    (places,) = np.nonzero(served.drawn)
    assert (served.bank[places] == served.mask.draw(places.tolist(), 32, 0)).all()
    assert {one.tobytes() for one in hole.numpy()} == {one.tobytes() for one in served.bank[places]}


def test_a_bank_holds_nothing_before_it_is_asked():
    mask = counting()
    served = batches(mask)
    assert (mask.asked, served.drawn.sum()) == (0, 0)


def test_each_hole_is_drawn_once_when_it_is_first_asked_for():
    mask = counting()
    served = batches(mask, batch=512)
    served.at(0)
    assert 400 < mask.asked == served.drawn.sum() <= 512
    served.at(0)
    assert mask.asked == served.drawn.sum() <= 512
    for step in range(60):
        served.at(step)
        assert mask.asked == served.drawn.sum()
    assert served.drawn.mean() > 0.99
    assert (served.bank[served.drawn] == mask.draw(4096, 32, 0)[served.drawn]).all()


def test_the_holes_of_a_step_are_from_all_over_the_bank():
    served = batches("center", batch=2048)
    served.at(0)
    counts, _ = np.histogram(np.flatnonzero(served.drawn), bins=8, range=(0, 4096))
    assert counts.min() > 150  # about 200 of 512


def test_what_is_done_to_a_batch_does_not_reach_the_bank_or_the_pictures():
    served = batches()
    image, hole = served.at(4)
    expected = image.clone(), hole.clone()
    image.zero_()
    hole.logical_not_()
    assert same(served.at(4), expected)
