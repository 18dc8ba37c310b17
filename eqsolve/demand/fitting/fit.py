"""Demand distributions from data: estimates, their standard errors and how well they fit."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from eqsolve._tables import number, table
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.fitting.closed import CLOSED
from eqsolve.demand.fitting.data import checked_data
from eqsolve.demand.fitting.estimate import log_likelihood, maximum_likelihood, moments
from eqsolve.demand.fitting.goodness import Goodness, goodness_of_fit
from eqsolve.demand.fitting.model import model_of

Method = Literal["mle", "moments"]
Criterion = Literal["aic", "bic", "ks"]


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted law; `str()` prints a table.

    **Fields:** `law`: the fitted distribution. `estimates`, `standard_errors`: by parameter. `held`: parameters that
    were not estimated. `log_likelihood`, `aic`, `bic`: of the sample, smaller criteria being better. `count`: the
    number of observations. `goodness`: distances from the sample. `method`: how it was fitted.
    """

    law: Distribution
    estimates: dict[str, float]
    standard_errors: dict[str, float]
    held: dict[str, float]
    log_likelihood: float
    count: float
    goodness: Goodness
    method: str

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * len(self.estimates) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian (Schwarz) criterion."""
        return float(len(self.estimates) * np.log(self.count) - 2 * self.log_likelihood)

    def __str__(self) -> str:
        rows = [(name, number(value), number(self.standard_errors[name])) for name, value in self.estimates.items()]
        rows += [(name, number(value), "held") for name, value in self.held.items()]
        goodness, discrete = self.goodness, self.law.discrete
        summary = [
            ("log-likelihood", number(self.log_likelihood)),
            ("AIC", number(self.aic)),
            ("BIC", number(self.bic)),
            ("Kolmogorov-Smirnov", number(goodness.ks)),
        ]
        if discrete:
            chi_square = f"{number(goodness.chi_square)} (p {number(goodness.chi_square_pvalue)})"
            summary.append(("chi-square", chi_square))
        else:
            summary.append(("p-value, not adjusted for estimation", number(goodness.ks_pvalue)))
            summary.append(("Anderson-Darling", number(goodness.anderson_darling)))
        head = f"{type(self.law).__name__} fitted to {number(self.count)} observations ({self.method})"
        parameters = table(("parameter", "estimate", "standard error"), rows)
        return "\n".join([head, parameters, "", table(("fit", "value"), summary)])


def fit(
    family: type[Distribution],
    data: Any,
    method: Method = "mle",
    weights: Any = None,
    fixed: Mapping[str, float] | None = None,
) -> Fit:
    """Fit a family of demand distributions to observations.

    Parameters that move an end of the support (a location of positive demand) are held at their defaults unless `fixed`
    says otherwise: the likelihood has no smooth maximum in them. `Normal`, `LogNormal`, `Exponential` and `Uniform`
    have closed forms.

    **Arguments:**

    - `family`: the class, such as `Uniform`; any `Distribution` with single-number parameters.
    - `data`: observations [units], shape `[n]`, n >= 2, not all equal.
    - `method`: "mle", maximum likelihood by Newton steps in logarithms of positive parameters, from the best of many
      starts; or "moments", which matches the mean, and the variance where two parameters are free.
    - `weights`: how often each value was seen, >= 0, shape `[n]`; None for once each.
    - `fixed`: parameters to hold, by name.

    **Returns:** a `Fit`. Standard errors are from the observed information (maximum likelihood) or the delta method
    (moments); those of a uniform law's ends are exact for the estimated law.
    **Errors:** `ValueError` or `TypeError` for data or families that cannot be fitted, naming the value and the remedy.
    **Source:** `scipy.stats.fit`; Casella and Berger, Statistical Inference (2002), chapters 7 and 10.

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = fit(Uniform, [3.0, 4.0, 7.0, 5.0])
    >>> found.estimates, round(found.aic, 4)
    ({'loc': 3.0, 'scale': 4.0}, 15.0904)
    """
    if method not in ("mle", "moments"):
        raise ValueError(f'fit: method is {method!r}; give "mle" or "moments".')
    sample = checked_data(data, weights)
    closed = CLOSED.get(family) if method == "mle" and not fixed else None
    if closed is not None:
        estimates, errors, held = *closed(sample), {}
    else:
        model = model_of(family, fixed)
        theta, covariance = (maximum_likelihood if method == "mle" else moments)(model, sample)
        estimates = dict(zip(model.names, map(float, theta), strict=True))
        spread = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), np.nan))
        errors, held = dict(zip(model.names, map(float, spread), strict=True)), dict(model.held)
    law = family(**estimates, **held)
    likelihood = float(log_likelihood(law, jnp.asarray(sample.values), jnp.asarray(sample.weights)))
    goodness = goodness_of_fit(law, sample, len(estimates))
    return Fit(law, estimates, errors, held, likelihood, sample.count, goodness, method)


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Fits of several families, best first; `str()` prints a table.

    **Fields:** `fits`: ranked. `failed`: family name -> why it could not be fitted. `criterion`: what ranks them.
    """

    fits: tuple[Fit, ...]
    failed: dict[str, str]
    criterion: str

    @property
    def best(self) -> Fit:
        """The first of the ranking."""
        return self.fits[0]

    def __str__(self) -> str:
        header = ("family", "log-likelihood", "AIC", "BIC", "Kolmogorov-Smirnov", "estimates")
        rows = [
            (type(fit.law).__name__, *map(number, (fit.log_likelihood, fit.aic, fit.bic, fit.goodness.ks)), _short(fit))
            for fit in self.fits
        ]
        lines = [f"ranked by {self.criterion}", table(header, rows)]
        return "\n".join([*lines, *(f"{name} not fitted: {reason}" for name, reason in self.failed.items())])


def fit_best(
    families: Iterable[type[Distribution]], data: Any, criterion: Criterion = "aic", weights: Any = None
) -> Ranking:
    """Fit several families by maximum likelihood and rank them.

    Likelihoods of discrete and of continuous families are only comparable for counts, where a density approximates the
    probability of a whole number.

    **Arguments:** `families`: classes. `data`, `weights`: as in `fit`. `criterion`: "aic", "bic" or "ks" (the
    Kolmogorov-Smirnov distance).
    **Returns:** a `Ranking`; families that cannot be fitted to these data are listed with the reason.
    **Errors:** as `fit` for bad data; `ValueError` where no family can be fitted.
    **Source:** Burnham and Anderson, Model Selection and Multimodel Inference (2002), chapter 2.

    >>> from eqsolve.demand.uniform import Uniform
    >>> fit_best([Uniform], [3.0, 4.0, 7.0, 5.0]).best.estimates["scale"]
    4.0
    """
    if criterion not in ("aic", "bic", "ks"):
        raise ValueError(f'fit_best: criterion is {criterion!r}; give "aic", "bic" or "ks".')
    checked_data(data, weights)  # bad data are an error, not a reason against every family
    fits: list[Fit] = []
    failed: dict[str, str] = {}
    for family in families:
        try:
            fits.append(fit(family, data, weights=weights))
        except ValueError as error:
            failed[family.__name__] = str(error)
    if not fits:
        raise ValueError("fit_best: no family could be fitted; " + "; ".join(failed.values() or ["none was given"]))
    ranked = sorted(fits, key=lambda fit: fit.goodness.ks if criterion == "ks" else getattr(fit, criterion))
    return Ranking(tuple(ranked), failed, criterion)


def _short(fit: Fit) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in fit.estimates.items())
