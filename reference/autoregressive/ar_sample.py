"""ar.7: ancestral sampling, one conditional after another (Bishop 2006, section 8.1.2).

x_i ~ softmax(logits_i(x_1, ..., x_{i-1}) / temperature),  i = 1 .. D
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.families import described, generator
from grader.question import Question
from grader.remote import Student
from grader.sampling import FALSE_ALARM, assert_law, frequencies
from grader.standard import Arguments, arguments, does_constant_work, keeps_generators
from grader.strategies import Numbers, numbers
from reference.autoregressive import _ar_sample_habits, _ar_sample_laws, _ar_sample_noise

IN_A_TABLE = "the model and the generator are no tensors"
question = Question(
    id="ar.7",
    functions=["ar_sample"],
    title="Ancestral sampling",
    exempt={
        "mutates_its_input": IN_A_TABLE,
        "loops_over_batch": IN_A_TABLE + "; a listed misconception loops over the samples",
        "cpu_constant": "only the generator says where to compute, and on the meta device it is the CPU's",
        "float32_inside": IN_A_TABLE,
        "wrong_dtype": "samples are integers; a listed misconception returns another dtype",
        "fails_on_empty": IN_A_TABLE,
        "fails_on_noncontiguous": IN_A_TABLE,
        "input_returned": IN_A_TABLE,
        "input_summed": IN_A_TABLE,
    },
)

MANY = 400
"""Samples from which a law is judged. Each mistake of `_ar_sample_laws` was found in 92 of 100 such sets or more; a
check has 8."""

MORE = 1000
"""Samples where laws are told apart that are nearer to one another: those of two temperatures, and of a variable with
another noise than Gumbel's, which 7 of 10 such sets show where it has seven values, and none of 400."""

# A check judges up to twelve sets of samples, each twice; together they reject a right sampler once in a million.
RATE = FALSE_ALARM / 24


@question.oracle
def ar_sample(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Samples [n, D], int64; the prefix is [P] or [n, P], and temperature 0 takes the most likely value."""
    columns = [] if prefix is None else list(prefix.expand(n, -1).unbind(-1))
    while len(columns) < D:
        padded = torch.stack([*columns, *[torch.zeros(n, dtype=torch.int64)] * (D - len(columns))], dim=-1)
        logits = cond_logits_fn(padded)[:, len(columns)]
        # The largest of logits / T + Gumbel noise is a draw; at T = 0 the noise no longer counts.
        gumbel = -torch.empty_like(logits).exponential_(generator=generator).log()
        columns.append((logits + temperature * gumbel).argmax(-1))
    return torch.stack(columns, dim=-1)


@dataclass(frozen=True)
class Model:
    """An autoregressive model of D variables of V values: logits [V] * (i + 1) of each variable, and a seed."""

    tables: Sequence[Tensor]
    seed: int

    @property
    def size(self) -> int:
        """Variables."""
        return len(self.tables)

    @property
    def values(self) -> int:
        """Values of each variable."""
        return self.tables[0].shape[0]

    def __call__(self) -> object:
        """The model as an argument of the student's function."""
        return described("table_logits", tables=list(self.tables))

    def law(self, temperature: float = 1.0, start: int = 0) -> Tensor:
        """Probabilities of all outcomes, [V^D]; the first `start` variables come from elsewhere, uniformly."""
        joint = torch.ones((), dtype=torch.float64)
        for i, table in enumerate(self.tables):
            uniform = torch.full_like(table, 1 / table.shape[-1])
            joint = joint.unsqueeze(-1) * (uniform if i < start else (table / temperature).softmax(-1))
        return joint.flatten()

    def numbered(self, x: Tensor) -> Tensor:
        """Samples [n, D] as places in the law; -1 for what is no outcome."""
        place = torch.zeros_like(x[:, 0])
        for column in x.unbind(-1):
            place = place * self.values + column
        return torch.where(((x >= 0) & (x < self.values)).all(-1), place, -1)


@st.composite
def models(
    draw: st.DrawFn, *, sizes: Sequence[tuple[int, int]] = ((2, 5), (3, 4), (5, 2)), spread: float = 1.5
) -> Model:
    """Models of (D, V) with at most 64 outcomes, whose variables depend on each other."""
    size, values = draw(st.sampled_from(sizes))
    source = draw(numbers())
    tables = [source.normal((values,) * (i + 1), scale=spread) for i in range(size)]
    return Model(tables, draw(st.integers(0, 2**31)))


@st.composite
def calls(draw: st.DrawFn, *, n: int) -> Arguments:
    """Arguments of a call for n samples."""
    model = draw(models(sizes=((3, 4),)))
    return arguments(model(), n, model.size, generator=generator(model.seed))


def assert_outcomes(places: Tensor, law: Tensor) -> None:
    """Outcomes, by their places in the law, come with its frequencies and independently of one another."""
    findings = frequencies(places, law)
    # Wrong frequencies show in pairs of samples too; whoever has them should hear of them first.
    assert_law([one for one in findings if one.what == "frequencies"], false_alarm=RATE)
    assert_law(findings, false_alarm=RATE)


@question.check("value", points=3, examples=3)
@given(model=models(), wide=models(sizes=((2, 7),)))
def check_joint_law(student: Student, model: Model, wide: Model) -> None:
    """Outcomes come as often as the product of the conditionals says, independently of one another."""
    x = student.ar_sample(model(), MANY, model.size, generator=generator(model.seed))
    assert_outcomes(model.numbered(x), model.law())
    x = student.ar_sample(wide(), MORE, 2, generator=generator(wide.seed))
    assert_outcomes(wide.numbered(x), wide.law())


@question.check("value", points=1.5, requires=check_joint_law, examples=4)
@given(model=models(sizes=((3, 4), (5, 2))), source=numbers(), length=st.sampled_from((1, 2)), shared=st.booleans())
def check_prefix(student: Student, model: Model, source: Numbers, length: int, shared: bool) -> None:
    """Samples start with the prefix, one for all or one for each, and the rest is drawn given it."""
    prefix = source.integers((length,) if shared else (MANY, length), low=0, high=model.values)
    x = student.ar_sample(model(), MANY, model.size, generator=generator(model.seed), prefix=prefix)
    assert_value(x[:, :length], prefix.expand(MANY, length))
    law = model.law(start=length)
    if shared:
        # Of all outcomes only those with this prefix can come.
        kept = torch.zeros(model.values**length, 1, dtype=law.dtype)
        kept[model.numbered(prefix.unsqueeze(0))] = len(kept)
        law = (law.reshape(len(kept), -1) * kept).flatten()
    assert_outcomes(model.numbered(x), law)


@question.check("value", points=1.5, requires=check_joint_law, examples=2)
@given(model=models(), temperature=st.sampled_from((0.4, 3.0)))
def check_temperature(student: Student, model: Model, temperature: float) -> None:
    """A temperature below one makes likely outcomes more likely, one above one less."""
    seeded = generator(model.seed)
    x = student.ar_sample(model(), MORE, model.size, generator=seeded, temperature=temperature)
    assert_outcomes(model.numbered(x), model.law(temperature))


@question.check("value", points=0.5, requires=check_joint_law, examples=2)
@given(model=models())
def check_zero_temperature(student: Student, model: Model) -> None:
    """At temperature zero each value is the most likely one, given those before it."""
    x = student.ar_sample(model(), 3, model.size, generator=generator(model.seed), temperature=0.0)
    expect(model.numbered(x) >= 0, "a sample is no outcome of the model.")
    for i, table in enumerate(model.tables):
        # Logits are drawn to one decimal. Of two that are equal the limit takes either.
        logits = table.expand(3, *table.shape)[(torch.arange(3), *x[:, :i].unbind(-1))]
        taken = logits.gather(-1, x[:, i : i + 1]).squeeze(-1)
        expect(taken == logits.amax(-1), "a value is not the most likely one, given those before it.")


@question.check("behaviour", points=1, requires=check_joint_law)
@given(model=models(sizes=((5, 2), (3, 4))), length=st.sampled_from((0, 1, 2)))
def check_one_call_for_each_variable(student: Student, model: Model, length: int) -> None:
    """The model is called once for each variable that is drawn, with all samples at a time."""
    prefix = torch.ones(length, dtype=torch.int64) if length else None
    seen = student.ar_sample.observe(model(), 7, model.size, generator=generator(model.seed), prefix=prefix)
    (asked,) = seen.asked
    expect(asked.count == model.size - length, "the model is not called once for each variable that is drawn.")
    given_x = all(tuple(x.shape) == (7, model.size) for x in asked.tensors(0))
    expect(given_x, "the model is not called with all samples, of all their variables.")


@question.check("law", points=1, examples=2)
@given(model=models(), start=st.sampled_from((0, 1)))
def check_uses_one_variable_of_each_answer(student: Student, model: Model, start: int) -> None:
    """Of each answer of the model only the logits of the next variable are used; the others may be anything."""
    fresh = described("table_logits_in_turn", tables=list(model.tables), start=start)
    prefix = torch.zeros(MANY, start, dtype=torch.int64) if start else None
    x = student.ar_sample(fresh, MANY, model.size, generator=generator(model.seed), prefix=prefix)
    rest = Model([table[(0,) * start] for table in model.tables[start:]], model.seed)
    assert_outcomes(rest.numbered(x[:, start:]), rest.law())


@question.check("behaviour", points=0.75, requires=check_joint_law)
@given(model=models(sizes=((5, 2), (3, 4))))
def check_randomness_comes_from_the_generator(student: Student, model: Model) -> None:
    """The same generator state gives the same samples, and another one gives others."""
    seeds = (model.seed, model.seed, model.seed + 1)
    first, again, other = (student.ar_sample(model(), 50, model.size, generator=generator(seed)) for seed in seeds)
    # Numbers drawn elsewhere are others at each call: no answers can be compared, so the mistake is named here.
    expect(
        (first == again).all(),
        "two generators with the same seed give different samples.",
        misconception="uses_global_randomness",
    )
    expect(
        (first != other).any(),
        "two generators with different seeds give the same samples.",
        misconception="seeds_a_generator_of_its_own",
    )


question.check("behaviour", points=0.25, requires=check_joint_law)(keeps_generators(calls(n=5)))
question.check("behaviour", points=0.25, requires=check_joint_law)(does_constant_work(calls(n=3), calls(n=300)))


@question.check("stress", points=0.25, requires=check_joint_law)
@given(model=models(sizes=((1, 5), (3, 1), (1, 1))))
def check_single_samples_and_variables(student: Student, model: Model) -> None:
    """One sample, one variable or one value are nothing special."""
    for n in (1, 7):
        x = student.ar_sample(model(), n, model.size, generator=generator(model.seed))
        expect(model.numbered(x) >= 0, "a sample is no outcome of the model.")


for bank in (_ar_sample_laws, _ar_sample_noise, _ar_sample_habits):
    for mistake, sentence in bank.SENTENCES.items():
        question.misconception(sentence)(mistake)


@question.alternative
def inverts_the_distribution(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    given = torch.empty(n, 0, dtype=torch.int64) if prefix is None else prefix.expand(n, -1)
    x = torch.cat((given, torch.full((n, D - given.shape[1]), -1)), dim=1)
    for i in range(given.shape[1], D):
        logits = cond_logits_fn(x)[:, i, :]
        if temperature == 0:
            x[:, i] = logits.argmax(dim=-1)
            continue
        weights = torch.exp((logits - logits.amax(-1, keepdim=True)) / temperature)
        edges = (weights / weights.sum(-1, keepdim=True)).cumsum(-1)
        u = torch.rand(n, 1, generator=generator, dtype=edges.dtype)
        x[:, i] = torch.searchsorted(edges, u).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    return x


@question.alternative
def adds_gumbel_noise(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    x = torch.zeros((n, D), dtype=torch.long)
    first = 0
    if prefix is not None:
        first = prefix.size(-1)
        x[:, :first] = prefix
    for i in range(first, D):
        logits = cond_logits_fn(x)[:, i]
        u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype).clamp(min=1e-300)
        x[:, i] = torch.argmax(logits - temperature * torch.log(-torch.log(u)), dim=-1)
    return x


@question.alternative
def starts_from_noise(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    x = torch.randint(0, 2, (n, D), generator=generator)
    known = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[..., :known] = prefix
    for i in range(known, D):
        logits = cond_logits_fn(x).select(1, i)
        if temperature < 1e-8:
            draws = torch.max(logits, dim=1).indices
        else:
            draws = torch.multinomial(torch.exp(torch.log_softmax(logits / temperature, -1)), 1, generator=generator)[
                :, 0
            ]
        x[:, i] = draws
    return x
