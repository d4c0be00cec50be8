"""Every model, trained for a moment on the density whose entropy is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from grader.frontier import data, models, modes
from grader.frontier.evaluation import evaluate
from grader.frontier.models import _training
from grader.frontier.records import Finding
from tests.frontier.conftest import project_pieces

UNIFORM_EXCESS = 2 * np.log(9.0) - 2.3134
"""Nats that the uniform density of the box has above the entropy: what no training would reach."""


@pytest.fixture(autouse=True)
def _one_thread() -> object:
    """As in the experiment, where processor time is what counts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def briefly(name: str, steps: int) -> Finding:
    """What some steps on the ring make of a model, however fast they are."""
    ring = data.load("ring")
    model = _training.make(name, project_pieces(name), ring.space, ring.fit, seed=0)
    ticks = itertools.count()
    told = _training.train(
        model, ring.fit, ring.held_back, budget_s=float(steps), seed=1, now=lambda: float(next(ticks))
    )
    assert steps - 2 <= told["steps"] <= steps
    finding, arrays = evaluate(model, name, ring, told, seed=2, uses={}, judged_by="project", confined=False)
    assert arrays["samples"].shape == (2000, 2)
    return finding


@pytest.mark.parametrize(
    ("name", "steps", "reached"),
    [
        ("autoregressive", 400, 0.6),
        ("flow", 250, 1.2),
        ("vae", 400, 1.1),
        ("score", 600, 1.9),
        ("flow_matching", 600, 0.5),
        ("energy", 150, 1.9),
    ],
)
def test_no_model_is_better_than_the_entropy_and_each_learns(name: str, steps: int, reached: float) -> None:
    """And so few steps come as near to it as they do, which for all is nearer than a uniform density."""
    finding = briefly(name, steps)
    assert finding.evidence
    for row in finding.evidence:
        assert row.excess is not None
        assert row.excess.value > -6 * row.excess.error
        assert row.nats.value - row.excess.value == pytest.approx(2.3134, abs=6 * row.nats.error)
    assert min(row.excess.value for row in finding.evidence if row.excess) < reached < UNIFORM_EXCESS
    assert not any("true density" in failure for failure in finding.failures)


def test_a_gan_has_no_likelihood_and_says_why() -> None:
    finding = briefly("gan", 400)
    assert finding.evidence == ()
    assert "no density" in finding.no_likelihood
    assert finding.energy_distance is not None
    # Noise on one point would be 1.9 away.
    assert finding.energy_distance.value < 1.0


def test_costs_of_sampling_are_counted_not_claimed() -> None:
    ring = data.load("ring")
    costs = {}
    for name in models.names():
        model = _training.make(name, project_pieces(name), ring.space, ring.fit, seed=0)
        model.sample(10, torch.Generator().manual_seed(0))
        costs[name] = model.calls
    assert costs == {
        "autoregressive": 2,
        "flow": 8,
        "vae": 1,
        "score": 240,
        "flow_matching": 50,
        "energy": 500,
        "gan": 1,
    }


def test_a_trained_state_is_plain_tensors_that_another_model_takes_over() -> None:
    ring = data.load("ring")
    for name in models.names():
        pieces = project_pieces(name)
        one, other = (_training.make(name, pieces, ring.space, ring.fit, seed=seed) for seed in (0, 1))
        state = one.state()
        assert all(type(tensor) is torch.Tensor for tensor in state.values())
        other.load(state)
        draws = [model.sample(20, torch.Generator().manual_seed(0)) for model in (one, other)]
        assert torch.equal(*draws), name
        lost = {key: 0 * value + torch.nan for key, value in state.items()}
        for wrong in ({}, {**state, "more": torch.zeros(1)}, lost):
            with pytest.raises(ValueError, match="the trained state"):
                other.load(wrong)


def test_building_and_training_leave_the_global_generator_alone() -> None:
    ring = data.load("ring")
    before = torch.random.get_rng_state()
    model = _training.make("flow", project_pieces("flow"), ring.space, ring.fit, seed=0)
    _training.train(model, ring.fit, ring.held_back, budget_s=0.05, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_samples_of_pieces_that_break_are_told_as_not_finite() -> None:
    ring = data.load("ring")
    pieces = {**project_pieces("flow_matching"), "frontier.euler_flow": lambda v, x, n: x * torch.nan}
    model = _training.make("flow_matching", pieces, ring.space, ring.fit, seed=0)
    told = {"steps": 0.0, "seconds": 0.0}
    finding, _ = evaluate(model, "flow_matching", ring, told, seed=0, uses={}, judged_by="student", confined=False)
    assert (finding.energy_distance, finding.told_apart, finding.coverage) == (None, None, None)
    assert "samples that are not finite" in finding.failures


def test_a_vae_whose_encoder_says_nothing_has_unused_latents() -> None:
    ring = data.load("ring")
    model = _training.make("vae", project_pieces("vae"), ring.space, ring.fit, seed=0)
    with torch.no_grad():
        for parameter in model.nets["encoder"].parameters():
            parameter.zero_()
    assert model.failures(ring.test) == ["2 of 2 latents unused (KL below 0.05 nats)"]


def test_the_reader_of_digits_is_right_about_held_out_images() -> None:
    digits = data.load("digits")
    images = data.quantised(digits, digits.test.double().numpy())
    right = np.asarray(modes._reader().predict(images)) == data.digit_labels()[: len(images)]
    assert right.mean() > 0.97
