"""lvm.3: one step of expectation maximisation for a mixture of diagonal Gaussians (Bishop 2006, section 9.2.2).

r_nk = p(k | x_n),  N_k = sum_n r_nk,  mu'_k = sum_n r_nk x_n / N_k,  var'_k = sum_n r_nk (x_n - mu'_k)^2 / N_k
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import PRECISION, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    arguments,
    does_constant_work,
    keeps_generators,
    leaves_inputs_unchanged,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.latent._em_mistakes import SENTENCES, Step
from reference.latent._mixtures import draw_mixture

LOG_2PI = math.log(2 * math.pi)

question = Question(id="lvm.3", functions=["em_step"], title="One step of EM for a mixture of Gaussians")


@question.oracle
def em_step(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    """(logits', mu', var', log-likelihood before); x is [n, dimensions], mu and var [components, dimensions]."""
    joint = log_joint(x, logits, mu, var)
    log_lik = torch.logsumexp(joint, dim=-1)
    r = torch.exp(joint - log_lik.unsqueeze(-1))
    counts = r.sum(0)
    occupied = (counts > 0).unsqueeze(-1)
    divisor = torch.where(occupied, counts.unsqueeze(-1), 1.0)
    new_mu = torch.where(occupied, r.mT @ x / divisor, mu)
    # Two passes, around the new mean.
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(occupied, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, log_lik.sum()


def log_joint(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """log p(x_n, k), shape [n, components]."""
    squares = (x.unsqueeze(1) - mu).square() / var
    return logits.log_softmax(-1) - 0.5 * (LOG_2PI + torch.log(var) + squares).sum(-1)


def log_likelihood(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Total over the data, in nats."""
    return torch.logsumexp(log_joint(x, logits, mu, var), dim=-1).sum()


def draw_clouds(source: Numbers, points: int, components: int, dimensions: int) -> Arguments:
    """Arguments (x, logits, mu, var): points around a mixture's means, and parameters that are not yet theirs."""
    mixture = draw_mixture(source, components, dimensions)
    home = torch.arange(points) % components
    x = 1.3 * mixture.mu[home] + 0.4 + source.normal((points, dimensions))
    return arguments(x, mixture.logits, mixture.mu, mixture.logvar.exp())


@st.composite
def clouds(
    draw: st.DrawFn,
    *,
    points: Sequence[int] = (7, 11),
    components: Sequence[int] = (2, 3, 4),
    dimensions: Sequence[int] = (1, 5),
) -> Arguments:
    """Arguments (x, logits, mu, var); min_var is left to its default."""
    sizes = [draw(st.sampled_from(each)) for each in (points, components, dimensions)]
    return draw_clouds(draw(numbers()), *sizes)


def assert_part(student: Student, inputs: Arguments, part: int) -> None:
    """One of the four results is right."""
    got, right = student.em_step(*inputs.args, **inputs.kwargs), em_step(*inputs.args, **inputs.kwargs)
    assert_value(got[part], right[part])


@question.check("value", points=2)
@given(inputs=clouds())
def check_weights(student: Student, inputs: Arguments) -> None:
    """The new logits are log(N_k / N), with the responsibilities of each component summed to N_k."""
    assert_part(student, inputs, 0)


@question.check("value", points=2.5)
@given(inputs=clouds())
def check_means(student: Student, inputs: Arguments) -> None:
    """The new means are those of the data, weighted with the responsibilities."""
    assert_part(student, inputs, 1)


@question.check("value", points=2.5)
@given(inputs=clouds())
def check_variances(student: Student, inputs: Arguments) -> None:
    """The new variances are the maximum-likelihood ones, weighted with the responsibilities."""
    assert_part(student, inputs, 2)


@question.check("value", points=1.5)
@given(inputs=clouds())
def check_log_likelihood(student: Student, inputs: Arguments) -> None:
    """The last result is the log-likelihood of all data under the parameters that were given."""
    assert_part(student, inputs, 3)


@question.check("value", points=0.75)
@given(inputs=clouds(dimensions=(5,)), share=st.sampled_from((0.5, 0.8)))
def check_floor(student: Student, inputs: Arguments, share: float) -> None:
    """A variance below min_var becomes min_var, and any other stays as it is."""
    floor = em_step(*inputs.args)[2].quantile(share).item()
    floored = Arguments(inputs.args, {"min_var": floor})
    assert_part(student, floored, 2)


@question.check("precision", points=1)
@given(inputs=clouds())
def check_keeps_float64_precision(student: Student, inputs: Arguments) -> None:
    """Keeps the accuracy of float64 inputs."""
    assert_value(student.em_step(*inputs.args)[:2], em_step(*inputs.args)[:2], tolerance=PRECISION)


STEPS = 50


@question.check("law", points=1.5, examples=2)
@given(source=numbers(), min_var=st.sampled_from((0.0, 0.05)))
def check_never_lowers_the_likelihood(student: Student, source: Numbers, min_var: float) -> None:
    """Over 50 steps the log-likelihood rises and never falls."""
    x, *parameters = draw_clouds(source, 60, 2, 2).args
    floor = {"min_var": min_var} if min_var else {}
    values = [log_likelihood(x, *parameters)]
    for _ in range(STEPS):
        parameters = list(student.em_step(x, *parameters, **floor)[:3])
        values.append(log_likelihood(x, *parameters))
    rises = torch.stack(values).diff()
    # Rounding of a sum of 60 terms; a step that is no EM step falls by far more.
    expect(rises > -1e-9 * values[0].abs(), "a step lowers the log-likelihood of the data.")
    expect(rises[0] > 1e-3, "the first step does not raise the log-likelihood of the data.")


@question.check("law", points=1.5)
@given(inputs=clouds())
def check_steps_along_the_slope(student: Student, inputs: Arguments) -> None:
    """The step is zero where the slope of the log-likelihood is, and has its sign and size elsewhere."""
    x, logits, mu, var = inputs.args
    leaves = [each.clone().requires_grad_() for each in (logits, mu)]
    in_logits, in_mu = torch.autograd.grad(log_likelihood(x, leaves[0], leaves[1], var), leaves)
    new_logits, new_mu, _, _ = student.em_step(x, logits, mu, var)
    counts = len(x) * new_logits.exp()
    assert_value(counts - len(x) * logits.softmax(-1), in_logits)
    assert_value(counts.unsqueeze(-1) * (new_mu - mu) / var, in_mu)


@question.check("law", points=0.75)
@given(inputs=clouds())
def check_keeps_the_mean_of_the_data(student: Student, inputs: Arguments) -> None:
    """The new mixture has the mean of the data."""
    x = inputs.args[0]
    logits, mu, _, _ = student.em_step(*inputs.args)
    assert_value(logits.exp() @ mu, x.mean(0))


@question.check("law", points=0.75)
@given(inputs=clouds())
def check_keeps_the_variance_of_the_data(student: Student, inputs: Arguments) -> None:
    """The new mixture has the variance of the data: within the components, and between their means."""
    x = inputs.args[0]
    logits, mu, var, _ = student.em_step(*inputs.args)
    assert_value(logits.exp() @ (var + (mu - x.mean(0)).square()), x.var(0, correction=0))


@question.check("law", points=0.5)
@given(inputs=clouds())
def check_weights_sum_to_one(student: Student, inputs: Arguments) -> None:
    """exp of the new logits sums to one, with every weight between zero and one."""
    weights = student.em_step(*inputs.args)[0].exp()
    expect((weights > 0) & (weights < 1), "a weight is not between zero and one.")
    assert_value(weights.sum(), torch.ones((), dtype=torch.float64))


@question.check("law", points=0.5)
@given(inputs=clouds(), source=numbers())
def check_ignores_the_order_of_components(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Renumbering the components renumbers the results, which differ between components, and nothing else."""
    x, *parameters = inputs.args
    order = source.permutation(len(parameters[0]))
    logits, mu, var, log_lik = student.em_step(x, *parameters)
    expect((mu[0] - mu[1]).abs() > 0, "two components get the same mean from different responsibilities.")
    renumbered = student.em_step(x, *(each[order] for each in parameters))
    assert_value(renumbered, (logits[order], mu[order], var[order], log_lik))


@question.check("law", points=0.5, requires=check_weights_sum_to_one)
@given(inputs=clouds(), source=numbers())
def check_ignores_the_order_of_the_data(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Reordering the data changes nothing, and every point counted twice changes the log-likelihood alone."""
    x, *parameters = inputs.args
    *step, log_lik = student.em_step(x, *parameters)
    assert_value(student.em_step(x[source.permutation(len(x))], *parameters), (*step, log_lik))
    assert_value(student.em_step(torch.cat((x, x)), *parameters), (*step, 2 * log_lik))


MU = ((0.4, -0.8, 1.9), (-1.1, 0.6, 0.3), (0.9, 1.2, -0.5))


def with_empty_component(source: Numbers, *, far: bool) -> Arguments:
    """Data that give the second of three components no mass: its mean is far away, or its logit is -inf."""
    x, mu, var = source.normal((7, 3)), torch.tensor(MU, dtype=torch.float64), source.uniform((3, 3), low=0.4, high=2.0)
    logits = source.normal((3,))
    if far:
        # So far that its squared distance overflows: its responsibilities are zero for those, too, who keep logarithms.
        mu[1] = 1e200
    else:
        logits[1] = -math.inf
    return arguments(x, logits, mu, var)


@question.check("stress", points=0.5, requires=(check_weights, check_means))
@given(source=numbers(), far=st.booleans())
def check_keeps_an_empty_component(student: Student, source: Numbers, far: bool) -> None:
    """A component that no point belongs to keeps its mean and variance, and its logit becomes -inf."""
    inputs = with_empty_component(source, far=far)
    assert_value(student.em_step(*inputs.args), em_step(*inputs.args))


@question.check("stress", points=0.25, requires=(check_weights, check_means))
@given(source=numbers())
def check_keeps_a_small_variance_of_an_empty_component(student: Student, source: Numbers) -> None:
    """The variance that an empty component keeps is not floored."""
    inputs = with_empty_component(source, far=False)
    floored = Arguments(inputs.args, {"min_var": 3.0})
    assert_value(student.em_step(*inputs.args, min_var=3.0), em_step(*inputs.args, **floored.kwargs))


@question.check("stress", points=0.5)
@given(inputs=clouds(points=(7,), components=(2, 3), dimensions=(5,)), floor=st.sampled_from((0.3, 1e-3)))
def check_survives_equal_points(student: Student, inputs: Arguments, floor: float) -> None:
    """Points that are all the same have the variance min_var, and are the mean of every component."""
    x, *parameters = inputs.args
    same = x[:1].expand(7, 5).contiguous()
    _, mu, var, _ = student.em_step(same, *parameters, min_var=floor)
    assert_value((mu, var), (same[:1].expand_as(mu), torch.full_like(var, floor)))


@question.check("stress", points=0.5, requires=(check_weights, check_means))
@given(inputs=clouds(points=(7,), components=(3,), dimensions=(5,)), distance=st.sampled_from((1e3, -3e3)))
def check_survives_distant_points(student: Student, inputs: Arguments, distance: float) -> None:
    """Stays exact where every component is a thousand standard deviations away from some points."""
    x, *parameters = inputs.args
    moved = torch.cat((x[:5], x[5:] + distance))
    assert_value(student.em_step(moved, *parameters), em_step(moved, *parameters))


# Ten times the worst error of four correct variants on 2,400 draws: E[x^2] - mu^2 keeps the rounding of x^2, 7e-6.
SINGLE = Tolerance(rtol=7e-5, atol=7e-5)


@question.check("stress", points=0.25)
@given(inputs=clouds())
def check_accurate_in_float32(student: Student, inputs: Arguments) -> None:
    """Stays accurate in float32."""
    single = inputs.to(torch.float32)
    got, exact = student.em_step(*single.args), em_step(*single.to(torch.float64).args)
    assert_value(tuple(part.double() for part in got), exact, tolerance=SINGLE)


MANY = clouds(points=(300,), components=(2,), dimensions=(5,))
FEW = clouds(points=(7,), components=(2,), dimensions=(5,))

question.check("robustness", points=0.25, requires=check_weights)(leaves_inputs_unchanged(FEW))
question.check("robustness", points=0.25, requires=(check_weights, check_means))(accepts_any_strides(em_step, FEW))


@question.check("robustness", points=0.25, requires=(check_weights, check_means))
@given(inputs=clouds(points=(0,)))
def check_accepts_no_data(student: Student, inputs: Arguments) -> None:
    """Without data every component is empty, and the log-likelihood is 0."""
    assert_value(student.em_step(*inputs.args), em_step(*inputs.args))


@question.check("robustness", points=0.25, requires=(check_weights, check_means))
@given(inputs=clouds(points=(1, 3), components=(1, 2), dimensions=(1, 5)))
def check_accepts_any_size(student: Student, inputs: Arguments) -> None:
    """Is right for one point, one component and one dimension too."""
    assert_value(student.em_step(*inputs.args, min_var=0.2), em_step(*inputs.args, min_var=0.2))


question.check("behaviour", points=0.25, requires=check_weights)(runs_on_other_devices(FEW))
question.check("behaviour", points=0.25, requires=check_weights)(keeps_generators(FEW))
question.check("behaviour", points=0.25, requires=check_weights)(does_constant_work(FEW, MANY))
for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def visits_one_component_after_another(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    n, log_weights = x.shape[0], torch.log_softmax(logits, -1)
    columns = []
    for k in range(len(logits)):
        log_density = -0.5 * (math.log(2 * math.pi) + var[k].log() + (x - mu[k]) ** 2 / var[k]).sum(-1)
        columns.append(log_weights[k] + log_density)
    joint = torch.stack(columns, dim=-1)
    log_lik = joint.logsumexp(-1)
    r = (joint - log_lik[:, None]).exp()
    new_logits, new_mu, new_var = [], [], []
    for k in range(len(logits)):
        total = r[:, k].sum()
        empty = total == 0
        mean = torch.where(empty, mu[k], (r[:, k, None] * x).sum(0) / total)
        spread = (r[:, k, None] * (x - mean) ** 2).sum(0) / total
        new_logits.append(torch.log(total) - math.log(max(n, 1)))
        new_mu.append(mean)
        new_var.append(torch.where(empty, var[k], torch.clamp(spread, min=min_var)))
    return torch.stack(new_logits), torch.stack(new_mu), torch.stack(new_var), log_lik.sum()


@question.alternative
def subtracts_the_squared_mean(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    std = var.sqrt()
    z = (x[:, None, :] - mu[None]) / std
    joint = -0.5 * z.square().sum(2) - std.log().sum(1) - mu.shape[1] / 2 * math.log(2 * math.pi) + logits
    joint = joint - torch.logsumexp(logits, 0)
    r = torch.softmax(joint, dim=1)
    counts = r.sum(dim=0)
    inverse = torch.where(counts > 0, 1 / counts, torch.zeros_like(counts))[:, None]
    mean = torch.einsum("nk,nd->kd", r, x) * inverse
    second = torch.einsum("nk,nd->kd", r, x**2) * inverse
    floored = (second - mean**2).clamp_min(min_var)
    there = counts[:, None] > 0
    weights = counts / len(x) if len(x) else torch.zeros_like(counts)
    return (
        weights.log(),
        torch.where(there, mean, mu),
        torch.where(there, floored, var),
        torch.logsumexp(joint, 1).sum(),
    )


@question.alternative
def keeps_parameters_with_a_mask(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    points = x.unsqueeze(-2)
    log_density = -0.5 * (torch.log(2 * math.pi * var) + (points - mu) ** 2 / var).sum(dim=-1)
    joint = log_density + logits - torch.log(torch.exp(logits - logits.max()).sum()) - logits.max()
    largest = joint.amax(-1, keepdim=True)
    scaled = torch.exp(joint - largest)
    r = scaled / scaled.sum(-1, keepdim=True)
    n_k = r.sum(0).unsqueeze(-1)
    empty = n_k == 0
    new_mu = ((r.T @ x) / n_k.masked_fill(empty, 1)).masked_fill(empty, 0) + mu * empty
    deviations = (points - new_mu).pow(2) * r.unsqueeze(-1)
    new_var = torch.maximum(deviations.sum(0) / n_k.masked_fill(empty, 1), torch.full_like(var, min_var))
    total = (largest.squeeze(-1) + scaled.sum(-1).log()).sum()
    return torch.log(n_k.squeeze(-1) / max(x.shape[0], 1)), new_mu, torch.where(empty, var, new_var), total


@question.alternative
def keeps_logarithms_of_the_responsibilities(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    precision = var.rsqrt()
    terms = precision.log() - 0.5 * ((x[:, None] - mu) * precision) ** 2 - 0.5 * math.log(2 * math.pi)
    joint = torch.log_softmax(logits, 0) + terms.sum(-1)
    log_lik = torch.logsumexp(joint, 1, keepdim=True)
    log_counts = torch.logsumexp(joint - log_lik, 0) if len(x) else torch.full_like(logits, -math.inf)
    empty = torch.isneginf(log_counts)
    shares = torch.exp(joint - log_lik - torch.where(empty, 0.0, log_counts))
    mean = shares.T @ x
    spread = (shares.unsqueeze(-1) * (x[:, None] - mean).square()).sum(0).clamp_min(min_var)
    new_mu, new_var = torch.where(empty[:, None], mu, mean), torch.where(empty[:, None], var, spread)
    return log_counts - math.log(max(len(x), 1)), new_mu, new_var, log_lik.sum()
