"""C5: what two reported log-likelihoods allow to conclude, marked by a person."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="C5",
    title="Which model is better?",
    rubric=(
        RubricItem(
            points=2,
            text="It cannot be concluded: the autoregressive model's number is exact, the VAE's is a lower bound on "
            "its log-likelihood, so that what is above -86.8 is open, -85.1 and more included. One point for the "
            "conclusion with another reason, or for saying only that one of the numbers is a bound.",
        ),
        RubricItem(
            points=1,
            text="The gap of the bound, KL(q || p(z | x)), is not known, and can be estimated: importance-weighted "
            "bounds with growing K (IWAE), or annealed importance sampling; these raise the bound, and where it "
            "passes -85.1 the VAE is better (up to their sampling error); an upper bound below -85.1 would settle the "
            "opposite.",
        ),
        RubricItem(
            points=1,
            text="Both numbers must be of the same thing: the same preprocessing, number of dimensions and unit (nats "
            "or bits, per image or per dimension), and the same measure: probabilities of integers, or densities of "
            "data in the same scale; a density of dequantised data is a bound on the probability.",
        ),
        RubricItem(
            points=1,
            text="One image is one draw: an average over a test set, with its standard error, says which model is "
            "better on the data. And a higher likelihood does not mean better samples, nor the other way round.",
        ),
    ),
)
