"""Every likelihood that the experiment reports, against one that is known otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor, distributions

from grader.frontier import data
from grader.frontier.evaluation import evaluate
from grader.frontier.models import _dynamics, _training, score
from grader.frontier.models._base import Model, log_normal
from grader.frontier.models._space import Space
from tests.frontier.conftest import project_pieces

SMALL = Space(dim=2, levels=5, low=-1.0, width=0.5, centre=0.25, scale=0.7)


def fresh(name: str, space: Space, fit: Tensor | None = None, *, shaken: float = 0.0) -> Model:
    """A model before training; `shaken` moves all its parameters at random, so that none is a special case."""
    points = torch.zeros(4, space.dim) + torch.arange(4).unsqueeze(-1) if fit is None else fit
    model = _training.make(name, project_pieces(name), space, points, seed=0)
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.nets.parameters():
            parameter += shaken * torch.randn(parameter.shape, generator=source)
    return model


def evidence(model: Model, y: Tensor) -> dict[str, Tensor]:
    return {each.way: each.log_density.detach() for each in model.evidence(y, torch.Generator().manual_seed(2))}


def centres(space: Space, per_cell: int = 1) -> tuple[Tensor, float]:
    """Midpoints of a grid over the box, and the area of each."""
    n = space.levels * per_cell
    line = space.low + space.width * (torch.arange(n) + 0.5) / per_cell
    return torch.cartesian_prod(line, line), (space.width / per_cell) ** 2


def test_uniform_levels_cost_the_logarithm_of_their_number() -> None:
    """An autoregressive model that says nothing costs log2(17) bits a pixel of 17 levels, dequantised."""
    digits = data.load("digits")
    model = fresh("autoregressive", digits.space)
    with torch.no_grad():
        for parameter in model.nets.parameters():
            parameter.zero_()
    finding, _ = evaluate(
        model, "autoregressive", digits, {"steps": 0.0, "seconds": 0.0}, seed=0, uses={}, judged_by="", confined=False
    )
    (row,) = finding.evidence
    assert row.kind == "exact"
    assert row.bits_per_dim.value == pytest.approx(math.log2(17), rel=1e-6)
    assert row.bits_per_dim.error < 1e-6


def test_units_move_a_density_by_the_logarithm_of_their_size() -> None:
    """The same model of the same data in boxes of another size: bits a dimension grow by log2 of the factor."""
    wide = Space(dim=2, levels=5, low=-10.0, width=5.0, centre=2.5, scale=7.0)
    y = centres(SMALL)[0]
    for name in ("autoregressive", "vae", "flow", "score", "flow_matching", "energy"):
        # Where the first layer of the flow starts depends on the data's size, and undoes it.
        small, large = fresh(name, SMALL, y, shaken=0.1), fresh(name, wide, 10 * y, shaken=0.1)
        pairs = zip(evidence(small, y).values(), evidence(large, 10 * y).values(), strict=True)
        for one, other in pairs:
            assert torch.allclose(one - other, torch.tensor(2 * math.log(10)), atol=2e-3), name


def test_an_autoregressive_model_sums_to_one() -> None:
    y, area = centres(SMALL)
    (log_density,) = evidence(fresh("autoregressive", SMALL, shaken=0.5), y).values()
    assert (log_density.exp() * area).sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["flow", "energy"])
def test_a_continuous_model_integrates_to_one(name: str) -> None:
    space = data.load("ring").space
    y, area = centres(space, per_cell=5)
    # Wide enough for its own middle: what lies outside of the box is not seen here.
    model = fresh(name, space, data.load("ring").fit / 3, shaken=0.02)
    (log_density,) = evidence(model, y).values()
    assert (log_density.double().exp() * area).sum().item() == pytest.approx(1.0, abs=2e-3)


def test_a_flow_that_does_nothing_is_a_gaussian() -> None:
    fit = data.load("digits").fit
    model = fresh("flow", data.load("digits").space, fit)
    (log_density,) = evidence(model, data.load("digits").test).values()
    right = distributions.Normal(fit.mean(0), fit.std(0)).log_prob(data.load("digits").test).sum(-1)
    assert torch.allclose(log_density, right, rtol=1e-4)


def test_the_bounds_of_a_vae_lie_below_its_likelihood() -> None:
    """log P(cell) is an integral over two latents, done here on a grid."""
    from grader.frontier.models.vae import Vae

    model = fresh("vae", SMALL, shaken=0.2)
    assert isinstance(model, Vae)
    y, area = centres(SMALL)
    line = torch.linspace(-6, 6, 241)
    z = torch.cartesian_prod(line, line)
    x, asked = model.hurdles(y)
    with torch.no_grad():
        logits = model.nets["decoder"](z).unsqueeze(1)
    passed = torch.where(x == 1, logits, -logits).sigmoid().log() * asked
    log_prior = log_normal(z) + 2 * math.log(0.05)
    exact = torch.logsumexp(passed.sum(-1) + log_prior.unsqueeze(-1), 0) + SMALL.log_cell
    assert (exact.exp() * area).sum().item() == pytest.approx(1.0, abs=1e-4)
    draws = [list(model.evidence(y, torch.Generator().manual_seed(seed))) for seed in range(60)]
    for position in (0, 1):
        bounds = torch.stack([some[position].log_density for some in draws]).mean(1)
        error = bounds.std().item() / math.sqrt(len(bounds))
        assert bounds.mean().item() < exact.mean().item() + 5 * error
    elbo, iwae = (torch.stack([some[position].log_density for some in draws]).mean().item() for position in (0, 1))
    assert elbo < iwae


def test_hurdles_say_a_cell_in_the_students_bound() -> None:
    """Given z, the probabilities of all cells of one variable add up to 1."""
    from grader.frontier.models.vae import NEVER, Vae

    line = Space(dim=1, levels=5, low=0.0, width=1.0, centre=2.0, scale=1.0)
    model = fresh("vae", line, shaken=0.2)
    assert isinstance(model, Vae)
    y = torch.arange(5).unsqueeze(-1) + 0.5
    x, asked = model.hurdles(y)
    logits = model.nets["decoder"](torch.tensor([[0.3, -1.0]])).masked_fill(~asked, NEVER)
    _, recon, _ = project_pieces("vae")["elbo.vae_elbo"](x, logits, torch.zeros(5, 2), torch.zeros(5, 2))
    assert recon.exp().sum().item() == pytest.approx(1.0, abs=1e-6)


UNIT = Space(dim=2, levels=10, low=-5.0, width=1.0, centre=0.0, scale=1.0)


def test_both_densities_of_a_score_model_are_exact_for_a_gaussian() -> None:
    """Before training the score is that of N(0, 1 + sigma^2): both must give N(0, 1 + sigma_min^2)."""
    points = 1.5 * torch.randn((400, 2), generator=torch.Generator().manual_seed(0))
    found = evidence(fresh("score", UNIT), points)
    right = log_normal(points, math.sqrt(1 + score.Score.SIGMA_MIN**2))
    assert torch.allclose(found["ODE"], right, rtol=1e-3, atol=1e-3)
    away = found["diffusion"] - right
    assert abs(away.mean().item()) < 5 * away.std().item() / math.sqrt(len(away))


@pytest.mark.parametrize("slope", [0.5, 1.5])
def test_the_bound_of_the_diffusion_lies_below_its_density(slope: float) -> None:
    """With a wrong linear score the reverse diffusion is still Gaussian, and its variance solves an equation."""
    low, high, base_std = 0.1, 5.0, math.sqrt(26)

    def field(x: Tensor, sigma: Tensor) -> Tensor:
        return -slope * x / (1 + sigma.square()).unsqueeze(-1)

    # Backwards in v = sigma^2, dx = s dv + dW: d var / dv = -(2 slope / (1 + v)) (-var) - 1 from v = high^2 down.
    solved = solve_ivp(
        lambda v, var: 2 * slope / (1 + v) * var - 1, (high**2, low**2), [base_std**2], rtol=1e-10, atol=1e-12
    )
    std = math.sqrt(solved.y[0, -1])
    points = torch.randn((3000, 2), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    bound = _dynamics.sde_log_density_bound(field, points, low, high, base_std, generator, draws=64)
    gap = log_normal(points, std) - bound
    error = gap.std().item() / math.sqrt(len(gap))
    assert gap.mean().item() > 5 * error
    # And not absurdly far: the bound of a slope of 1 is tight.
    assert gap.mean().item() < 2.0


def test_the_bound_uses_its_draws_without_bias() -> None:
    """Its mean does not depend on how many times are drawn."""
    points = torch.randn((4000, 3), generator=torch.Generator().manual_seed(0))

    def field(x: Tensor, sigma: Tensor) -> Tensor:
        return -0.7 * torch.tanh(x) / (1 + sigma.square()).unsqueeze(-1)

    means = []
    for draws in (16, 128):
        generator = torch.Generator().manual_seed(draws)
        bound = _dynamics.sde_log_density_bound(field, points, 0.1, 5.0, math.sqrt(26), generator, draws=draws)
        means.append((bound.mean().item(), bound.std().item() / math.sqrt(len(bound))))
    (first, error_first), (second, error_second) = means
    assert abs(first - second) < 5 * math.hypot(error_first, error_second)


@pytest.mark.parametrize(("dim", "tolerance"), [(2, 1e-3), (6, 1e-3)])
def test_a_linear_field_carries_a_gaussian(dim: int, tolerance: float) -> None:
    """dx/dt = A x from t = 0 to 1: x(1) ~ N(0, e^A e^A'), whatever estimates the divergence of a diagonal A."""
    rates = torch.linspace(-0.7, 0.9, dim)
    x = torch.randn((50, dim), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    divergence = _dynamics.divergence_of(project_pieces("score"), x, generator)
    times = [1 - i / 100 for i in range(101)]
    found = _dynamics.ode_log_density(lambda y, t: y * rates, divergence, x, times, log_normal)
    right = distributions.Normal(torch.zeros(dim), rates.exp()).log_prob(x).sum(-1)
    assert torch.allclose(found, right, atol=tolerance * dim)


def test_random_directions_are_right_on_average() -> None:
    matrix = torch.randn((6, 6), generator=torch.Generator().manual_seed(0))
    x = torch.randn((3000, 6), generator=torch.Generator().manual_seed(1))
    divergence = _dynamics.divergence_of(project_pieces("score"), x, torch.Generator().manual_seed(2))
    found = divergence(lambda y: y @ matrix, x).detach().numpy()
    assert abs(found.mean() - matrix.trace().item()) < 5 * found.std() / math.sqrt(len(found))
    assert np.ptp(found) > 0


def test_noise_stays_noise_where_nothing_flows() -> None:
    """Flow matching before training has a field of zero, and the density of its noise."""
    points = torch.randn((20, 2), generator=torch.Generator().manual_seed(0))
    (log_density,) = evidence(fresh("flow_matching", UNIT), points).values()
    assert torch.allclose(log_density, log_normal(points), atol=1e-5)
