"""The oracles of frontier's flows and adversarial losses against sources that share no code with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.spatial.distance
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from grader import catalog
from grader.catalog import LoadedAssignment
from grader.marking import Marker
from grader.model import Outcome, QuestionResult, Submission
from grader.question import Question
from grader.remote import Student
from grader.strategies import Numbers
from grader.task import Task
from grader.transports import LocalTransport
from grader.variants import StandIn
from grader.worker import families
from reference.frontier import affine_coupling, flow_log_prob, gan_d_loss, optimal_discriminator
from reference.frontier._banana import ENTROPY, Banana, ExactFlow, banana
from reference.frontier._coupling import AffineCoupling
from reference.frontier.train_flow import MAX_ERRORS, SEEDS, Report, differences, examined, train_flow
from tests.tiny_course import grade_all, plan

ROOT = Path(__file__).parents[2]
HANDOUT = ROOT / "assignments" / "frontier" / "README.md"
POINTS = {"fr.1": 10, "fr.2": 15, "fr.3": 15, "fr.4": 10, "fr.8": 10}


@pytest.fixture(scope="module")
def assignment() -> LoadedAssignment:
    return catalog.load(ROOT, "frontier")


@pytest.fixture
def source() -> Numbers:
    return Numbers(seed=7, decimals=17)


def by_id(assignment: LoadedAssignment, identity: str) -> Question:
    return next(question for question in assignment.questions if question.id == identity)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), np.asarray(expected, dtype=np.float64), rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("identity", POINTS)
def test_questions_are_worth_what_the_catalogue_says(assignment: LoadedAssignment, identity: str) -> None:
    question = by_id(assignment, identity)
    assert question.points == POINTS[identity]
    assert all(check.points * 4 == int(check.points * 4) > 0 for check in question.checks)


def test_the_whole_assignment_is_worth_a_hundred_points(assignment: LoadedAssignment) -> None:
    assert sum(question.points for question in (*assignment.questions, *assignment.written)) == 100


# fr.1


def a_flow(source: Numbers, kind: str, dim: int) -> tuple[Any, Any]:
    """A map and a base, built."""
    return families.built((flow_log_prob.flow(source, kind, dim), flow_log_prob.base(source, dim)), "cpu")


@pytest.mark.parametrize("kind", flow_log_prob.KINDS)
@pytest.mark.parametrize("dim", flow_log_prob.SIZES)
def test_log_determinants_of_the_maps_against_autograd(source: Numbers, kind: str, dim: int) -> None:
    """The described maps say the log-determinant that numpy takes of the Jacobian by autograd."""
    inverse, _ = a_flow(source, kind, dim)
    for x in source.normal((4, dim)):
        jacobian = torch.autograd.functional.jacobian(lambda point: inverse(point)[0], x)
        exactly(inverse(x)[1], np.linalg.slogdet(jacobian.numpy())[1], rtol=1e-9)


@pytest.mark.parametrize("kind", flow_log_prob.KINDS)
def test_flow_log_prob_against_scipy_and_quadrature(source: Numbers, kind: str) -> None:
    """The base by scipy.stats, the slope by central differences, and the integral by scipy.integrate."""
    inverse, base = a_flow(source, kind, 1)

    def log_density(x: float) -> float:
        return flow_log_prob.flow_log_prob(numbers(x), inverse, base).item()

    mu, scale = flow_log_prob.base(Numbers(seed=3, decimals=17), 1).parameters.values()
    law = scipy.stats.norm(mu.item(), scale.item())
    own = families.built(flow_log_prob.base(Numbers(seed=3, decimals=17), 1), "cpu")
    for x in (-1.3, 0.2, 2.1):
        z, ahead, behind = (inverse(numbers(x + step))[0].item() for step in (0.0, 1e-5, -1e-5))
        exact = law.logpdf(z) + math.log(abs(ahead - behind) / 2e-5)
        exactly(flow_log_prob.flow_log_prob(numbers(x), inverse, own), exact, rtol=1e-8)
    total, _ = scipy.integrate.quad(lambda x: math.exp(log_density(x)), -30, 30, limit=200)
    assert abs(total - 1) < 1e-7


def test_composed_log_prob_against_the_jacobian_of_the_whole(source: Numbers) -> None:
    """numpy's determinant of the Jacobian of three maps in a row."""
    maps = [a_flow(source, kind, 2)[0] for kind in ("bent", "affine", "bent")]
    base = families.built(flow_log_prob.base(source, 2), "cpu")

    def through(x: Tensor) -> Tensor:
        for inverse in maps:
            x, _ = inverse(x)
        return x

    for x in source.normal((3, 2)):
        jacobian = torch.autograd.functional.jacobian(through, x)
        exact = base(through(x)).item() + np.linalg.slogdet(jacobian.numpy())[1]
        exactly(flow_log_prob.composed_log_prob(x, maps, base), exact, rtol=1e-9)


def test_flow_worked_numbers() -> None:
    """Docstrings and handout."""

    def half(x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, torch.full(x.shape[:-1], math.log(0.5), dtype=x.dtype)

    def less(x: Tensor) -> tuple[Tensor, Tensor]:
        return x - 1, torch.zeros(x.shape[:-1], dtype=x.dtype)

    def base(z: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(scipy.stats.norm.logpdf(z.numpy()).sum(-1)))

    for x, exact in ((0.0, -1.612), (2.0, -2.112), (-4.0, -3.612)):
        assert round(flow_log_prob.flow_log_prob(numbers(x), half, base).item(), 3) == exact
    for maps, exact in (([half, less], -2.112), ([less, half], -1.737)):
        assert round(flow_log_prob.composed_log_prob(numbers(0.0), maps, base).item(), 3) == exact


# fr.2


@pytest.mark.parametrize("dim", affine_coupling.SIZES)
def test_coupling_against_numpy(source: Numbers, dim: int) -> None:
    """The layer entry by entry, with the network and the bound written out in numpy."""
    mask, weights = affine_coupling.parts(source, dim)
    module = AffineCoupling(*families.built(affine_coupling.layer(mask, weights).args, "cpu"))
    x, numeric = source.normal((3, dim)), {name: tensor.numpy() for name, tensor in weights.items()}
    for point in x:
        seen = np.where(mask.numpy() == 1, point.numpy(), 0.0)
        hidden = np.tanh(numeric["net.0.weight"] @ seen + numeric["net.0.bias"])
        out = numeric["net.2.weight"] @ hidden + numeric["net.2.bias"]
        z, total = point.numpy().copy(), 0.0
        for d in range(dim):
            if mask[d] == 0:
                s = 8 * math.tanh(out[d] / 8)
                z[d] = point[d].item() * math.exp(s) + out[dim + d]
                total += s
        found, log_det = module(point)
        exactly(found, z)
        exactly(log_det, total)
        back, opposite = module.inverse(found)
        exactly(back, point.numpy(), rtol=1e-10)
        exactly(opposite, -total)


def test_log_determinants_of_the_coupling_against_autograd(source: Numbers) -> None:
    """numpy's determinant of the whole Jacobian, of both directions."""
    module = AffineCoupling(*families.built(affine_coupling.layer(*affine_coupling.parts(source, 5)).args, "cpu"))
    for method in (module.forward, module.inverse):
        x = source.normal((5,))
        jacobian = torch.autograd.functional.jacobian(lambda point, method=method: method(point)[0], x)
        exactly(method(x)[1], np.linalg.slogdet(jacobian.numpy())[1], rtol=1e-9)


def test_coupling_worked_numbers() -> None:
    """Docstring and handout."""
    net = torch.nn.Linear(2, 4).double()
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(numbers(1.0, 1.0, 0.5, 0.5))
    z, log_det = AffineCoupling(numbers(1.0, 0.0), net)(numbers(3.0, 2.0))
    assert [round(value, 3) for value in (*z.tolist(), log_det.item())] == [3.0, 5.908, 0.995]


# fr.3


def test_gan_losses_against_mpmath() -> None:
    """Fifty digits, for logits from -120 to 120; and 2 log 2 at 0."""
    logits = (-120.0, -20.0, -1.3, 0.0, 0.4, 20.0, 120.0)
    with mpmath.workdps(80):
        minus_log_d = [float(mpmath.log1p(mpmath.exp(-mpmath.mpf(logit)))) for logit in logits]
        minus_log_rest = [float(mpmath.log1p(mpmath.exp(mpmath.mpf(logit)))) for logit in logits]
    for i, logit in enumerate(logits):
        exactly(gan_d_loss.gan_d_loss(numbers(logit), numbers(0.0)), minus_log_d[i] + math.log(2))
        exactly(gan_d_loss.gan_d_loss(numbers(0.0), numbers(logit)), math.log(2) + minus_log_rest[i])
        exactly(gan_d_loss.gan_g_loss(numbers(logit), "nonsaturating"), minus_log_d[i])
        exactly(gan_d_loss.gan_g_loss(numbers(logit), "saturating"), -minus_log_rest[i])


def test_gan_losses_against_cross_entropies(source: Numbers) -> None:
    """torch's binary cross entropy of probabilities, which are float64 and far from 0 and 1."""
    cross_entropy = torch.nn.functional.binary_cross_entropy
    real, fake = source.normal((5, 1)), source.normal((3,))
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    right = cross_entropy(d_real, torch.ones_like(real)) + cross_entropy(d_fake, torch.zeros_like(fake))
    exactly(gan_d_loss.gan_d_loss(real, fake), right.item())
    exactly(gan_d_loss.gan_g_loss(fake, "nonsaturating"), cross_entropy(d_fake, torch.ones_like(fake)).item())
    exactly(gan_d_loss.gan_g_loss(fake, "saturating"), -cross_entropy(d_fake, torch.zeros_like(fake)).item())


def test_the_table_of_the_handout() -> None:
    lines = [
        f"| {logit:g} | {1 / (1 + math.exp(-logit)):.3g} | {-math.log1p(math.exp(logit)):.3f} "
        f"| {-1 / (1 + math.exp(-logit)):.3g} | {math.log1p(math.exp(-logit)):.3f} "
        f"| {-1 / (1 + math.exp(logit)):.3g} |"
        for logit in (-20, -5, -1, 0, 1, 5)
    ]
    assert "\n".join(lines) in HANDOUT.read_text(encoding="utf-8")


OPPOSITE_SIGN = """

def gan_g_loss(fake_logits, kind):
    d = torch.sigmoid(fake_logits)
    loss = -torch.log(1 - d).mean()
    return loss if kind == "nonsaturating" else -loss
"""


def test_generator_loss_of_the_opposite_sign_is_rejected_with_its_sentence(assignment: LoadedAssignment) -> None:
    """The false accept of a public grader, which looks at D = 0.5 alone with a tolerance of 0.05."""
    source = assignment.solution_source + OPPOSITE_SIGN
    module = StandIn(name="opposite_sign", kind="listed", source=source).defined()
    undecided = torch.zeros(3)
    right = gan_d_loss.gan_g_loss(undecided, "nonsaturating")
    assert torch.allclose(module["gan_g_loss"](undecided, "nonsaturating"), right, atol=0.05)
    question = graded(source, "fr.3")
    failed = {check.name for check in question.checks if check.outcome is Outcome.FAILED}
    assert {"values_of_the_nonsaturating_loss", "generator_wants_higher_logits"} <= failed
    assert question.score is not None
    assert question.score <= question.max_score - 4
    assert question.misconception == "labels_fakes_as_fake"
    assert "Raise every fake logit: does *your* generator loss fall?" in (question.hint or "")


OTHER_GANS = {
    "wasserstein": ("fake_logits.mean() - real_logits.mean()", "-fake_logits.mean()"),
    "half of it": ("(fake_logits.mean() - real_logits.mean()) / 2", "-fake_logits.mean() / 2"),
    "hinge": ("torch.relu(1 - real_logits).mean() + torch.relu(1 + fake_logits).mean()", "-fake_logits.mean()"),
    "least squares": (
        "(real_logits - 1).square().mean() + fake_logits.square().mean()",
        "(fake_logits - 1).square().mean()",
    ),
    "least squares of probabilities": (
        "(torch.sigmoid(real_logits) - 1).square().mean() + torch.sigmoid(fake_logits).square().mean()",
        "(torch.sigmoid(fake_logits) - 1).square().mean() if kind == 'nonsaturating' "
        "else -torch.sigmoid(fake_logits).square().mean()",
    ),
}


def test_losses_of_another_gan_earn_nothing(assignment: LoadedAssignment) -> None:
    """Some of their laws are those of the losses asked for: signs, a symmetry, slopes that cancel."""
    right = assignment.solution_source
    answers = [
        (
            f"\n\ndef gan_d_loss(real_logits, fake_logits):\n    return {of_d}\n",
            f"\n\ndef gan_g_loss(fake_logits, kind):\n    return {of_g}\n",
        )
        for of_d, of_g in OTHER_GANS.values()
    ]
    both = [right + of_d + of_g for of_d, of_g in answers]
    one = [right + answer for answer in answers[0]]
    scores = [question.score for question in all_graded([*both, *one], "fr.3")]
    assert scores == [0] * len(both) + [7.5, 6.5]


def graded(source: str, identity: str) -> QuestionResult:
    """What the grader says of one question of a submission."""
    (question,) = all_graded([source], identity)
    return question


def all_graded(sources: list[str], identity: str) -> list[QuestionResult]:
    """What the grader says of one question of each submission."""
    course = plan(course=ROOT, protected=(ROOT / "reference", ROOT / "solutions"))
    handed_in = [
        Task(
            submission=Submission(
                id=f"ada{number}", assignment="frontier", source=source, sha256=f"{number:064}", filename="frontier.py"
            ),
            device="cpu",
            key=f"{identity} {number}",
            questions=(identity,),
        )
        for number, source in enumerate(sources)
    ]
    with Marker(course) as marker:
        results = list(grade_all(marker, handed_in))
    return [question for result in results for question in result.questions]


# fr.4


@pytest.mark.parametrize("zeros", [False, True])
def test_jsd_against_scipy(source: Numbers, zeros: bool) -> None:
    """The square of scipy's Jensen-Shannon distance, with and without impossible outcomes."""
    p, q = source.simplex((4, 6)), source.simplex((4, 6))
    if zeros:
        p[:, :2], q[:, 1:3] = 0.0, 0.0
        p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)
    distance = scipy.spatial.distance.jensenshannon(p.numpy(), q.numpy(), axis=-1)
    exactly(optimal_discriminator.jsd(p, q), distance**2, rtol=1e-10)


def test_the_best_discriminator_against_scipy(source: Numbers) -> None:
    """scipy.optimize finds, outcome by outcome, what the formula says, and scipy.special its value."""
    p, q = source.simplex((5,)), source.simplex((5,))
    best = optimal_discriminator.optimal_discriminator(p, q)
    for a, b, found in zip(p.tolist(), q.tolist(), best.tolist(), strict=True):

        def loss(d: float, a: float = a, b: float = b) -> float:
            return float(-scipy.special.xlogy(a, d) - scipy.special.xlog1py(b, -d))

        numeric = scipy.optimize.minimize_scalar(
            loss, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-9}
        )
        assert abs(numeric.x - found) < 1e-6
    d = source.uniform((5,), low=0.1, high=0.9)
    value = scipy.special.xlogy(p.numpy(), d.numpy()) + scipy.special.xlog1py(q.numpy(), -d.numpy())
    exactly(optimal_discriminator.gan_value(p, q, d), value.sum())


def test_impossible_outcomes_of_the_oracles() -> None:
    p, q = numbers(0.5, 0.5, 0.0, 0.0), numbers(0.5, 0.0, 0.5, 0.0)
    d = optimal_discriminator.optimal_discriminator(p, q)
    exactly(d, [0.5, 1.0, 0.0, 0.5])
    exactly(optimal_discriminator.gan_value(p, q, d), -math.log(2))
    assert optimal_discriminator.gan_value(p, q, 1 - d).item() == -math.inf


def test_discriminator_worked_numbers() -> None:
    """Docstrings and handout."""
    p, q = numbers(0.75, 0.25), numbers(0.25, 0.75)
    d = optimal_discriminator.optimal_discriminator(p, q)
    exactly(d, [0.75, 0.25])
    found = (optimal_discriminator.gan_value(p, q, d).item(), optimal_discriminator.jsd(p, q).item())
    assert [round(value, 3) for value in found] == [-1.125, 0.131]


# fr.8


@pytest.mark.parametrize("seed", range(4))
def test_the_banana_against_scipy(seed: int) -> None:
    """The density by scipy.stats of the long entry and of the other one given it, and moments of its points."""
    law = banana(seed)
    assert 0.3 <= abs(law.bend) <= 0.6
    shift = law.shift.numpy()

    def density(first: float, second: float) -> float:
        y = np.array([first, second]) - shift
        y_1, y_2 = y[::-1] if law.swapped else y
        along, across = scipy.stats.norm(0, 1.5), scipy.stats.norm(law.bend * (y_1**2 - 2.25), 0.5)
        return float(along.pdf(y_1) * across.pdf(y_2))

    e = Numbers(seed=seed, decimals=17).normal((20_000, 2))
    points = law.at(e)
    for x in points[:20]:
        exactly(law.log_density(x), math.log(density(*x.tolist())), rtol=1e-9)
    assert (points.mean(0) - law.shift).abs().max() < 0.06
    assert abs(-law.log_density(points).mean().item() - ENTROPY) < 0.03
    exactly(law.flow()(points)[0], e.numpy(), rtol=1e-6)


def test_the_entropy_and_the_gaussian_of_the_handout() -> None:
    """By scipy.stats' own entropies, of what is bent and moved, and of the Gaussian with the banana's covariance."""
    base = scipy.stats.multivariate_normal(np.zeros(2), np.diag([1.5**2, 0.5**2])).entropy()
    assert abs(base - ENTROPY) < 1e-12
    assert "2.550" in HANDOUT.read_text(encoding="utf-8")
    for bend, said in ((0.3, 0.77), (0.6, 1.37)):
        # Var(y_1^2) = 2 * 1.5^4, and y_1 is not correlated with its square.
        covariance = np.diag([1.5**2, 0.5**2 + bend**2 * 2 * 1.5**4])
        gap = scipy.stats.multivariate_normal(np.zeros(2), covariance).entropy() - ENTROPY
        assert abs(gap - 0.5 * math.log(1 + 40.5 * bend**2)) < 1e-12
        assert round(gap, 2) == said


class Trained:
    """A module in place of what a student trains, whatever the data are."""

    def __init__(self, model: Callable[[Banana], Any]) -> None:
        self.model = model

    def report(self, seed: int) -> Report:
        law = banana(seed % SEEDS)
        module = {"train_flow": lambda x_train, *, generator, budget_s: self.model(law)}
        student = Student(
            ["train_flow"], LocalTransport(module, quiet=False), LocalTransport({"train_flow": train_flow})
        )
        return examined(student, Numbers(seed=seed, decimals=17))


def test_the_exact_flow_has_no_gap() -> None:
    report = Trained(lambda law: law.flow(torch.float32)).report(11)
    assert abs(report.gap) < 1e-5
    assert abs(report.mass - 1) < 1e-5
    assert report.stated_error < 1e-5
    assert report.errors_above < MAX_ERRORS


def test_a_map_that_folds_has_too_much_mass() -> None:
    """All of the line comes to lie between -1 and 1, in many layers: no density, and better than the true one."""

    class Folded(torch.nn.Module):
        def __init__(self, law: Banana) -> None:
            super().__init__()
            self.flow = law.flow(torch.float32)

        def forward(self, x: Tensor) -> Any:
            z, log_det = self.flow(x)
            folded = ((z[..., :1] + 1) % 4 - 2).abs() - 1
            return torch.cat((folded, z[..., 1:]), dim=-1), log_det

        def inverse(self, z: Tensor) -> Any:
            return self.flow.inverse(z)

    report = Trained(Folded).report(12)
    assert report.mass > 1.02
    assert report.errors_above > MAX_ERRORS
    assert report.returned_error > 1e-2
    assert report.stated_error < 1e-4


def test_a_log_det_that_is_too_large_is_no_log_det() -> None:
    """What a model states of itself does not count."""

    class Boasting(ExactFlow):
        def forward(self, x: Tensor) -> Any:
            z, log_det = super().forward(x)
            return z, log_det + 1

    report = Trained(lambda law: Boasting(law.bend, law.swapped, law.shift, torch.float32)).report(13)
    assert abs(report.gap) < 1e-5
    assert report.stated_error > 0.9


def test_far_points_cannot_spoil_a_mean() -> None:
    """One point in 20,000 that the model calls impossible costs a quarter of a thousandth of a nat."""
    law = banana(3)
    x = law.at(Numbers(seed=1, decimals=17).normal((20_000, 2)))
    z, log_det = law.flow()(x)
    z[7] = 1e6
    found = differences(law, x, z, log_det)
    assert -3e-4 < found.mean().item() < 0
