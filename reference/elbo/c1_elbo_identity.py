"""C1: the identity behind every question of this assignment, marked by a person."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="C1",
    title="Where the bound comes from",
    rubric=(
        RubricItem(
            points=2,
            text="Starts from log p(x) = E_q[log p(x)], with the reason that log p(x) does not depend on z and q sums "
            "to one. One point without the reason.",
        ),
        RubricItem(
            points=3,
            text="Writes p(x) = p(x, z) / p(z | x) and multiplies and divides by q(z | x) inside the logarithm, so "
            "that the expectation of a logarithm of a product is left. Jensen's inequality alone gives the bound but "
            "not the gap: at most one of the three points.",
        ),
        RubricItem(
            points=4,
            text="Splits into E_q[log p(x, z) - log q(z | x)] = ELBO and E_q[log q(z | x) - log p(z | x)] = "
            "KL(q || p(z | x)): two points for each term with its arguments in the right order and its sign.",
        ),
        RubricItem(
            points=2,
            text="log p(x) does not depend on q, so maximising the ELBO over q is minimising the KL to the posterior.",
        ),
        RubricItem(
            points=2,
            text="Over the parameters of the model both parts move: the ELBO can rise because log p(x) does, or "
            "because the model's posterior comes closer to q; the fit is traded against a posterior that q can follow.",
        ),
        RubricItem(points=1, text="The gap is zero if and only if q = p(z | x) almost everywhere, because a KL is."),
        RubricItem(
            points=1,
            text="Names both parts of the gap: approximation (the best q of the family is not the posterior) and "
            "amortisation (one network does not give the best q for each x).",
        ),
    ),
)
