"""The two data sets: the plane against torch.distributions, the digits against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import distributions

from grader.frontier import data, modes


def ring() -> distributions.Distribution:
    centres = torch.from_numpy(data.ring_centres())
    parts = distributions.Independent(distributions.Normal(centres, data.RING_STD), 1)
    return distributions.MixtureSameFamily(distributions.Categorical(torch.tensor(data.RING_WEIGHTS).double()), parts)


def test_the_density_of_the_ring_is_the_mixtures() -> None:
    points = data.load("ring").test.double()
    right = ring().log_prob(points).numpy()
    assert np.allclose(data.ring_log_density(points.numpy()), right, rtol=1e-10, atol=1e-10)


def test_the_entropy_of_the_ring_is_the_mean_over_its_own_draws() -> None:
    torch.manual_seed(0)
    costs = -ring().log_prob(ring().sample((400_000,)))
    error = costs.std().item() / math.sqrt(len(costs))
    entropy = data.load("ring").entropy
    assert entropy is not None
    assert abs(costs.mean().item() - entropy) < 5 * error
    # Modes that hardly overlap: their own entropy plus that of the choice.
    apart = math.log(2 * math.pi * math.e * data.RING_STD**2) - sum(w * math.log(w) for w in data.RING_WEIGHTS)
    assert abs(apart - entropy) < 0.02


def test_all_of_the_ring_lies_in_its_box() -> None:
    space = data.load("ring").space
    points = torch.cat([data.load("ring").fit, data.load("ring").test])
    assert points.abs().max() < -space.low == space.low + space.width * space.levels


def test_digits_are_the_levels_plus_noise_and_every_image_is_in_one_part() -> None:
    digits, images = data.load("digits"), load_digits().data
    parts = [data.quantised(digits, part.double().numpy()) for part in (digits.test, digits.held_back, digits.fit)]
    together = np.concatenate(parts)
    assert sorted(map(tuple, together)) == sorted(map(tuple, images))
    noise = digits.test - digits.test.floor()
    assert abs(noise.mean().item() - 0.5) < 6 / math.sqrt(12 * noise.numel())


def test_labels_go_with_their_images() -> None:
    digits = data.load("digits")
    parts = torch.cat([digits.test, digits.held_back, digits.fit]).double().numpy()
    labels = {tuple(image): label for image, label in zip(load_digits().data, load_digits().target, strict=True)}
    found = [labels[tuple(image)] for image in data.quantised(digits, parts)]
    assert np.array_equal(found, data.digit_labels())


def test_modes_of_the_data_are_all_found_in_their_shares() -> None:
    for name in data.names():
        chosen = data.load(name)
        points = data.quantised(chosen, chosen.test.double().numpy())
        found = modes.coverage(chosen, points)
        assert found.missed == ()
        for share, right in zip(found.found, found.expected, strict=True):
            assert abs(share - right) < 6 * math.sqrt(right / len(points))


def test_a_missed_mode_and_points_between_modes_are_seen() -> None:
    chosen = data.load("ring")
    points = data.draw_ring(3000, 0).double().numpy()
    right_half = points[points[:, 0] > 1.0]
    centre = np.zeros((len(right_half) // 10, 2))
    found = modes.coverage(chosen, np.concatenate([right_half, centre]))
    assert set(found.missed) == {f"{angle} degrees" for angle in (90, 135, 180, 225, 270)}
    assert found.between is not None
    assert abs(found.between - 1 / 11) < 0.01
    assert found.sentences()[0].startswith("5 of 8 modes missed")
    assert "between the modes" in found.sentences()[1]


def test_a_sample_of_one_digit_misses_the_nine_others() -> None:
    digits = data.load("digits")
    ones = data.quantised(digits, digits.test.double().numpy())[data.digit_labels()[: len(digits.test)] == 1]
    assert len(modes.coverage(digits, ones).missed) == 9
