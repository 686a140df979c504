"""Seeds: every random number, frozen as it was when the first results were made."""

import numpy as np
import pytest

from inbench.words import seeds


def as_seeds(*numbers):
    return np.array(numbers, dtype=np.uint64)


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ((0, "init"), 4685603706313682440),
        ((1, "init"), 66884083289460260),
        ((0, "order", 3), 1694343754039593773),
        ((0, "holes", 17), 336088531662362892),
        ((0, "answer", "000001.jpg", 0), 3272716067677312253),
    ],
)
def test_a_stream_never_changes(told, number):
    assert seeds.stream(*told) == number


def test_a_stream_fits_a_signed_64_bit_integer():
    assert all(0 <= seeds.stream(seed, "init") < 2**63 for seed in range(100))


def test_streams_of_other_seeds_purposes_and_places_differ():
    told = [(0, "init"), (1, "init"), (0, "order"), (0, "order", 0), (0, "order", 1), (0, "order", "1", "2"), (0, "order", 12)]
    assert len({seeds.stream(*each) for each in told}) == len(told)


def test_bits_never_change():
    assert seeds.bits(as_seeds(0, 1, 2**63), 2).tolist() == [
        [12035550249420947055, 12935080325729570654],
        [6791897765849424158, 17405687883870564846],
        [9717522146979266976, 6636771913028173382],
    ]


def test_bits_of_another_purpose_never_change():
    assert seeds.bits(as_seeds(0), 2, purpose=1).tolist() == [[5095610196844313600, 3982070227906906278]]


def test_bits_are_those_of_splitmix64():
    mask = 2**64 - 1

    def mixed(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    golden = 0x9E3779B97F4A7C15
    start = mixed((5 + golden) & mask)
    assert seeds.bits(as_seeds(5), 3).tolist() == [[mixed((start + count * golden) & mask) for count in (1, 2, 3)]]


def test_each_seed_has_its_bits_whatever_stands_beside_it():
    together = seeds.bits(as_seeds(7, 8, 9), 5)
    assert (seeds.bits(as_seeds(8), 5)[0] == together[1]).all()


def test_more_numbers_begin_with_the_same_ones():
    assert (seeds.bits(as_seeds(3), 10)[:, :4] == seeds.bits(as_seeds(3), 4)).all()


def test_the_seeds_given_stay_as_they_are():
    given = as_seeds(1, 2)
    seeds.bits(given, 3)
    assert given.tolist() == [1, 2]


def test_unit_numbers_are_even_over_zero_to_one():
    numbers = seeds.unit(as_seeds(*range(100)), 1000)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    shares = np.histogram(numbers, bins=20, range=(0, 1))[0] / numbers.size
    assert np.abs(shares - 0.05).max() < 0.003  # 4.4 standard deviations


def test_unit_numbers_of_neighbours_do_not_go_together():
    numbers = seeds.unit(as_seeds(*range(2000)), 2)
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.1
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.1


def test_an_image_has_its_seed_in_every_subset_and_order():
    ids = [f"{number:06d}.jpg" for number in range(20)]
    whole = dict(zip(ids, seeds.of_ids(ids, "hole").tolist(), strict=True))
    assert seeds.of_ids(ids[:4:-3], "hole").tolist() == [whole[image_id] for image_id in ids[:4:-3]]


def test_the_subset_by_hash_never_changes():
    ids = [f"{number:06d}.jpg" for number in range(12)]
    assert seeds.by_hash(ids) == [5, 11, 1, 9, 6, 7, 10, 4, 3, 0, 2, 8]


def test_the_subset_by_hash_does_not_depend_on_the_order():
    ids = [f"{number:06d}.jpg" for number in range(50)]
    first = {ids[place] for place in seeds.by_hash(ids)[:10]}
    turned = ids[::-1]
    assert {turned[place] for place in seeds.by_hash(turned)[:10]} == first


def test_a_larger_subset_holds_the_smaller():
    ids = [f"{number:06d}.jpg" for number in range(50)]
    order = seeds.by_hash(ids)
    assert sorted(order) == list(range(50))
    without_one = [image_id for image_id in ids if image_id != ids[order[0]]]
    assert [without_one[place] for place in seeds.by_hash(without_one)] == [ids[place] for place in order[1:]]
