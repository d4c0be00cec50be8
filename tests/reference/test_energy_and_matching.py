"""The oracles of fr.5 to fr.7 against sources that share no code with them."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from torch import Tensor

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.errors import CheckFailed
from grader.examples import Recording, record_question, run_body
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.transports import LocalTransport
from grader.worker import families

SECRET = b"frontier" * 4
Oracle = Callable[..., Any]
COURSE = Path(__file__).parents[2]
POINTS = {"fr.5": 15, "fr.6": 10, "fr.7": 10}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(COURSE, "frontier")


@pytest.fixture(scope="module")
def oracles(assignment: LoadedAssignment) -> dict[str, Oracle]:
    return {name: oracle for question in assignment.questions for name, oracle in question.oracles.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def normal(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.normal(size=shape))


def exactly(actual: Tensor, expected: object, rtol: float = 1e-11) -> None:
    wanted = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("id", POINTS)
def test_points_are_the_catalogues(assignment: LoadedAssignment, id: str) -> None:
    (question,) = (one for one in assignment.questions if one.id == id)
    assert question.points == POINTS[id]


def test_the_written_question_is_worth_five_points(assignment: LoadedAssignment) -> None:
    (written,) = assignment.written
    assert (written.id, [item.points for item in written.rubric]) == ("C5", [2, 1, 1, 1])


# fr.5


@pytest.mark.parametrize("shift", [0, -2000, 2000])
def test_log_partition_in_fifty_digits(oracles: dict[str, Oracle], random: np.random.Generator, shift: int) -> None:
    """mpmath, term by term, also where exp(-E) is no float."""
    grid = normal(random, 7, 2)
    with mpmath.workdps(50):
        terms = [mpmath.exp(-(mpmath.mpf(float(a)) ** 2 + 3 * mpmath.mpf(float(b)) + shift)) for a, b in grid]
        right = float(mpmath.log(mpmath.fsum(terms) * mpmath.mpf(0.04)))
    exactly(oracles["log_partition"](lambda x: x[:, 0] ** 2 + 3 * x[:, 1] + shift, grid, 0.04), right)


def test_log_partition_against_quadrature(oracles: dict[str, Oracle]) -> None:
    """scipy's adaptive quadrature of a double well."""
    right, _ = scipy.integrate.quad(lambda x: math.exp(-((x**2 - 2) ** 2) / 3 - x / 4), -8, 8, epsabs=1e-12)
    grid = torch.arange(-800, 801, dtype=torch.float64)[:, None] / 100
    got = oracles["log_partition"](lambda x: ((x**2 - 2) ** 2 / 3 + x / 4)[:, 0], grid, 0.01)
    exactly(got, math.log(right), rtol=1e-9)


def test_log_partition_of_a_gaussian(oracles: dict[str, Oracle]) -> None:
    """The normaliser of scipy's multivariate normal, on a grid of two dimensions."""
    covariance = np.array([[1.3, 0.4], [0.4, 0.8]])
    axis = torch.arange(-60, 61, dtype=torch.float64) / 6
    precision = torch.from_numpy(np.linalg.inv(covariance))
    got = oracles["log_partition"](
        lambda x: 0.5 * torch.einsum("ni,ij,nj->n", x, precision, x), torch.cartesian_prod(axis, axis), 1 / 36
    )
    exactly(got, -scipy.stats.multivariate_normal([0, 0], covariance).logpdf([0, 0]), rtol=1e-10)


def test_surrogate_gradient_by_enumeration(oracles: dict[str, Oracle]) -> None:
    """Sixteen states whose energies are -log n make n of 136 samples each, counted here with fractions."""
    states = list(itertools.product((0, 1), repeat=4))
    copies = range(1, 17)
    table = torch.tensor([-math.log(n) for n in copies], dtype=torch.float64).requires_grad_()

    def energy(x: Tensor) -> Tensor:
        return table[(x @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)).long()]

    samples = torch.tensor([s for s, n in zip(states, copies, strict=True) for _ in range(n)], dtype=torch.float64)
    x_data = torch.tensor([states[3], states[3], states[12]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(oracles["ebm_surrogate"](energy, x_data, samples), table)
    seen = {3: Fraction(2, 3), 12: Fraction(1, 3)}
    right = [seen.get(state, Fraction(0)) - Fraction(n, 136) for state, n in enumerate(copies)]
    exactly(gradient, [float(each) for each in right])


def test_surrogate_in_numpy(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    parameters = {
        "weights": [normal(random, 4, 2), normal(random, 1, 4)],
        "biases": [normal(random, 4), normal(random, 1)],
    }
    energy = families.built(described("mlp_energy", **parameters), "cpu")
    x_data, x_model = normal(random, 3, 2), normal(random, 5, 2)

    def by_hand(x: Tensor) -> float:
        (first, second), (a, b) = ([p.numpy() for p in parameters[name]] for name in ("weights", "biases"))
        return float(np.mean(np.log1p(np.exp(x.numpy() @ first.T + a)) @ second.T + b))

    exactly(oracles["ebm_surrogate"](energy, x_data, x_model), by_hand(x_data) - by_hand(x_model))


# fr.6


@pytest.mark.parametrize("shape", [(3, 5), (3, 2, 4, 5), (2, 3, 5), (5,)])
def test_pair_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator, shape: tuple[int, ...]) -> None:
    """In numpy, one example at a time."""
    batch = {(3, 5): 1, (3, 2, 4, 5): 1, (2, 3, 5): 2, (5,): 0}[shape]
    x0, x1, t = normal(random, *shape), normal(random, *shape), torch.from_numpy(random.random(shape[:batch]))
    x_t, u = oracles["cfm_pair"](x0, x1, t)
    for index in np.ndindex(*shape[:batch]):
        time, a, b = float(t[index]), x0[index].numpy(), x1[index].numpy()
        exactly(x_t[index], np.stack([np.full_like(a, 1 - time) * a, np.full_like(b, time) * b]).sum(0))
        exactly(u[index], b - a)


def test_matching_loss_entry_by_entry(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """Images, in plain Python."""
    x0, x1, t = normal(random, 2, 3, 2), normal(random, 2, 3, 2), torch.tensor([0.2, 0.7], dtype=torch.float64)
    got = oracles["cfm_loss"](lambda x, time: x * time[:, None, None] + 1, x0, x1, t)
    total = 0.0
    for b, i, j in np.ndindex(2, 3, 2):
        time, start, end = float(t[b]), float(x0[b, i, j]), float(x1[b, i, j])
        total += ((start + time * (end - start)) * time + 1 - (end - start)) ** 2
    exactly(got, total / 2)


def gaussian_field(mean: float, std: float) -> Callable[[Tensor, Tensor], Tensor]:
    numbers = {"mean": [mean], "std": [std]}
    parameters = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
    field: Callable[[Tensor, Tensor], Tensor] = families.built(described("gaussian_velocity", **parameters), "cpu")
    return field


@pytest.mark.parametrize("time", [0.0, 0.3, 0.8, 1.0])
def test_the_field_between_two_gaussians_is_the_mean_velocity(time: float) -> None:
    """E[x1 - x0 | x_t = x], by quadrature over x1; at the ends one of the two is known."""
    mean, std, x = 1.3, 0.6, 0.45
    got = gaussian_field(mean, std)(torch.tensor([[x]], dtype=torch.float64), torch.tensor([time], dtype=torch.float64))
    if time == 1.0:
        exactly(got, [[x]])  # E[x0] is 0.
        return

    def weight(x1: float) -> float:
        return float(scipy.stats.norm(mean, std).pdf(x1) * scipy.stats.norm.pdf((x - time * x1) / (1 - time)))

    ends = mean - 10 * std, mean + 10 * std
    mass, _ = scipy.integrate.quad(weight, *ends, epsabs=1e-13)
    moment, _ = scipy.integrate.quad(lambda x1: weight(x1) * (x1 - x) / (1 - time), *ends, epsabs=1e-13)
    exactly(got, [[moment / mass]], rtol=1e-8)


def test_flow_converges_to_a_solver(oracles: dict[str, Oracle]) -> None:
    """scipy's solve_ivp; with 200 and 400 steps, extrapolated once."""
    field, start = gaussian_field(1.3, 0.6), torch.tensor([[0.4], [-1.1]], dtype=torch.float64)

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        points = torch.from_numpy(x.reshape(2, 1))
        value: np.ndarray = field(points, torch.full((2,), t, dtype=torch.float64)).numpy().ravel()
        return value

    right = scipy.integrate.solve_ivp(slope, (0, 1), start.numpy().ravel(), rtol=1e-10, atol=1e-12).y[:, -1]
    coarse, fine = (oracles["euler_flow"](field, start, n) for n in (200, 400))
    np.testing.assert_allclose((2 * fine - coarse).numpy().ravel(), right, atol=2e-5)
    np.testing.assert_allclose(right, 1.3 + 0.6 * start.numpy().ravel(), atol=1e-8)


def test_flow_in_fractions(oracles: dict[str, Oracle]) -> None:
    """Euler's recursion for v = 2 x + t, exactly."""
    x = Fraction(3, 4)
    for step in range(5):
        x += (2 * x + Fraction(step, 5)) / 5
    start = torch.tensor([[0.75], [0.75]], dtype=torch.float64)
    exactly(oracles["euler_flow"](lambda x, t: 2 * x + t[:, None], start, 5), [[float(x)]] * 2)
    single = oracles["euler_flow"](lambda x, t: 2 * x + t, start[0], 5)
    exactly(single, [float(x)])


# fr.7


def test_bound_against_quadrature(oracles: dict[str, Oracle]) -> None:
    """Gauss-Legendre draws with equal weights do not exist; a fine midpoint rule stands for the mean over u."""
    mean, std = 0.3, 0.8
    u = ((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000)[:, None, None]
    x_int = torch.tensor([[-2], [0], [3]])
    scale = torch.tensor([[std]], dtype=torch.float64)
    density = families.built(
        described("gaussian_log_density", mu=torch.tensor([mean], dtype=torch.float64), scale_tril=scale), "cpu"
    )
    got = oracles["dequantized_log_mass_bound"](density, x_int, u)
    normal_law = scipy.stats.norm(mean, std)
    right = [scipy.integrate.quad(lambda v, x=x: normal_law.logpdf(x + v), 0, 1)[0] for x in (-2, 0, 3)]
    exactly(got, right, rtol=1e-6)
    masses = [normal_law.cdf(x + 1) - normal_law.cdf(x) for x in (-2, 0, 3)]
    assert (got.exp().numpy() < masses).all()


def test_bound_draw_by_draw(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """torch.distributions, one point at a time, for both shapes of u."""
    x_int, u = torch.from_numpy(random.integers(-3, 4, (2, 3))), torch.from_numpy(random.random((5, 2, 3)))
    law = torch.distributions.Laplace(torch.tensor(0.2, dtype=torch.float64), 1.5)

    def log_density(x: Tensor) -> Tensor:
        return law.log_prob(x).sum(-1)

    got = oracles["dequantized_log_mass_bound"](log_density, x_int, u)
    for row in range(2):
        each = [sum(float(law.log_prob(x_int[row, d] + u[s, row, d])) for d in range(3)) for s in range(5)]
        exactly(got[row], np.mean(each))
    exactly(oracles["dequantized_log_mass_bound"](log_density, x_int, u[0]), log_density(x_int + u[0]))


Known = dict[str, Any]


def truths(one: Known, measure: str, grid: range) -> set[int]:
    """Which log-likelihoods are possible, of some whole numbers: by trial, without any rule of comparison."""
    density = {
        value
        for value in grid
        if (one["kind"] == "exact" and value == one["nats"])
        or (one["kind"] == "lower" and value >= one["nats"])
        or (one["kind"] == "upper" and value <= one["nats"])
    }
    if one["measure"] == measure:
        return density
    # The mass of a cube may be anything from the mean log-density upwards.
    return {mass for mass in grid if any(mass >= value for value in density)}


def test_ranking_by_trying_all_truths(oracles: dict[str, Oracle]) -> None:
    """All 108 pairs of kinds, measures and orders, in units of one nat on a grid wide enough."""
    grid, seen = range(-9, 10), set()
    cases = itertools.product(("exact", "lower", "upper"), ("counting", "lebesgue"), repeat=2)
    for (first, measure_a, second, measure_b), (low, high) in itertools.product(cases, ((-2, 3), (3, -2), (1, 1))):
        a = {"kind": first, "measure": measure_a, "nats": low}
        b = {"kind": second, "measure": measure_b, "nats": high}
        common = measure_a if measure_a == measure_b else "counting"
        pairs = set(itertools.product(truths(a, common, grid), truths(b, common, grid)))
        right = "undetermined"
        if all(x > y for x, y in pairs):
            right = "a"
        elif all(x < y for x, y in pairs):
            right = "b"
        records = [SimpleNamespace(**{**one, "nats": float(one["nats"])}, n_dims=3, unit_scale=1.0) for one in (a, b)]
        assert oracles["rank_models"](*records) == right, (a, b)
        seen.add(right)
    assert seen == {"a", "b", "undetermined"}


def test_scaling_shifts_a_log_density(oracles: dict[str, Oracle], random: np.random.Generator) -> None:
    """scipy's density of a scaled normal vector, against that of the vector itself."""
    covariance = np.cov(random.normal(size=(4, 30)))
    x, c = random.normal(size=4), 1 / 256
    raw = float(scipy.stats.multivariate_normal(np.zeros(4), covariance).logpdf(x))
    scaled = float(scipy.stats.multivariate_normal(np.zeros(4), c**2 * covariance).logpdf(c * x))

    def against(nats: float) -> str:
        one = SimpleNamespace(kind="exact", nats=scaled, measure="lebesgue", n_dims=4, unit_scale=c)
        other = SimpleNamespace(kind="exact", nats=nats, measure="lebesgue", n_dims=4, unit_scale=1.0)
        return str(oracles["rank_models"](one, other))

    assert [against(raw - 1e-5), against(raw), against(raw + 1e-5)] == ["a", "undetermined", "b"]


@pytest.mark.parametrize("answer", ["a", "b", "undetermined", "", None])
def test_a_constant_ranking_earns_nothing(assignment: LoadedAssignment, answer: str | None) -> None:
    """Every check that asks for a ranking fails, or is never reached."""
    (question,) = (one for one in assignment.questions if one.id == "fr.7")
    ranked = {"rank_models"}
    constant = LocalTransport({**question.oracles, "rank_models": lambda a, b: answer})
    failed: set[str] = set()
    for recording in record_question(question, SECRET):
        if not {call.function for call in recording.calls} <= ranked:
            continue
        check = recording.check
        assert failed.intersection(check.requires) or fails(question, recording, constant), check.name
        failed.add(check.name)
    assert sum(check.points for check in question.checks if check.name in failed) == 5.5


def fails(question: Question, recording: Recording, transport: LocalTransport) -> bool:
    for example in recording.examples:
        student = Student(question.functions, transport, LocalTransport(question.oracles))
        try:
            run_body(recording.check, student, example.drawn)
        except CheckFailed:
            return True
    return False


def test_the_table_is_right_where_its_public_test_says_so(assignment: LoadedAssignment) -> None:
    """Each failure belongs to one family, and the first column agrees with what the other questions train."""
    names: dict[str, Any] = {}
    source = assignment.solution_source
    exec(source[source.rindex("TAXONOMY = (") : source.index("### END SOLUTION", source.rindex("TAXONOMY = ("))], names)
    families_, likelihoods, costs, failures = zip(*names["TAXONOMY"], strict=True)
    assert len(set(families_)) == len(set(failures)) == 10
    assert (set(likelihoods), set(costs)) == (
        {"exact", "bound", "none"},
        {"one pass", "one pass per dimension", "many passes"},
    )
    stub = " ".join((COURSE / "assignments" / "frontier" / "frontier.py").read_text().replace("#", " ").split())
    assert all(f'"{failure}"' in stub for failure in failures)
    public = (COURSE / "assignments" / "frontier" / "test_frontier.py").read_text()
    for row in names["TAXONOMY"]:
        assert hashlib.sha256("|".join(row).encode()).hexdigest()[:16] in public
