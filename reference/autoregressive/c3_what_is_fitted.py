"""C3: the likelihood of a linear-Gaussian autoregressive model as least squares, marked by a person."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="C3",
    title="What is being fitted?",
    rubric=(
        RubricItem(
            points=1,
            text="The chain rule: log p(x) = sum_i log p(x_i | x_1, ..., x_{i-1}), and the sum over independent data.",
        ),
        RubricItem(
            points=1,
            text="The log-density of a normal for each factor: -1/2 log(2 pi) - log sigma - (x_i - mu_i)^2 "
            "/ (2 sigma^2), with mu_i = b_i + sum_{j<i} W_ij x_j.",
        ),
        RubricItem(
            points=1,
            text="The terms with log sigma and 2 pi do not depend on W and b, and 1 / (2 sigma^2) is a positive "
            "factor: neither moves the minimum.",
        ),
        RubricItem(
            points=1,
            text="What is left is the sum over data and dimensions of squared errors; it falls apart into one "
            "least-squares problem for each dimension.",
        ),
        RubricItem(
            points=1,
            text="Names the model: linear-Gaussian autoregressive, fitted by least-squares prediction of the next "
            "value. With a network for the mean it is autoregressive (nonlinear) regression; also right: a flow from "
            "noise to data whose Jacobian has a constant diagonal.",
        ),
    ),
)
