r"""The contract between a manufacturer and its outlets: every instrument of the paper, each optional.

With sales $t = \min(y, D)$ an outlet earns, besides salvage and goodwill,

$$\pi = (1 - \mu) p t - r t + b (y - t) - w y - F, \qquad \text{floor} \le p \le \text{ceiling},$$

and the manufacturer gets what the outlet pays.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import concrete, require_finite
from eqsolve._fields import as_fields, require_values
from eqsolve.mechanisms.vertical.demand import Pair

Terms = Float[Array, "*outlets"]


class Contract(eqx.Module):
    r"""What an outlet pays and which prices it may ask; each field one number, or one per outlet.

    **Arguments:**

    - `wholesale_price` $w$: per unit ordered [money/unit]. `fee` $F$: fixed [money].
    - `buy_back` $b$: paid to the outlet per unit left over [money/unit]; negative for a disposal charge. The outlet
      keeps the salvage value. (Markdown money is the same payment.)
    - `royalty` $r$: per unit sold [money/unit]. `revenue_royalty` $\mu$: in [0, 1], the share of revenue.
    - `floor`, `ceiling`: the lowest and highest price allowed [money/unit]; None for none.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; a traced floor above the
    ceiling is an infeasible game.
    **Source:** Krishnan and Winter (paper 003), sections 2 to 3.3.

    >>> contract = Contract(wholesale_price=4.0, buy_back=1.0, ceiling=9.0)
    >>> contract.payment(jnp.array([9.0, 9.0]), stock=jnp.array([6.0, 6.0]), sales=jnp.array([5.0, 4.0])).tolist()
    [23.0, 22.0]
    """

    wholesale_price: Terms
    fee: Terms
    buy_back: Terms
    royalty: Terms
    revenue_royalty: Terms
    floor: Terms | None
    ceiling: Terms | None

    def __init__(
        self,
        wholesale_price: Any,
        fee: Any = 0.0,
        buy_back: Any = 0.0,
        royalty: Any = 0.0,
        revenue_royalty: Any = 0.0,
        floor: Any = None,
        ceiling: Any = None,
    ):
        fields = as_fields(
            "Contract",
            wholesale_price=wholesale_price,
            fee=fee,
            buy_back=buy_back,
            royalty=royalty,
            revenue_royalty=revenue_royalty,
            floor=floor,
            ceiling=ceiling,
        )
        for name, value in fields.items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and value.shape not in ((), (2,)):
                raise ValueError(f"Contract.{name} has shape {value.shape}; give one number, or two, one per outlet.")
        require_finite(self, "Contract")
        require_values(
            self.revenue_royalty, lambda m: (m >= 0) & (m <= 1), "Contract.revenue_royalty", "give shares from 0 to 1"
        )
        if self.floor is not None and self.ceiling is not None:
            gap = concrete(self.ceiling - self.floor)
            if gap is not None and not np.all(gap >= 0):
                raise ValueError(
                    f"Contract.floor is {self.floor} and ceiling {self.ceiling}; give a floor of at most the ceiling."
                )

    def payment(self, price: Pair, stock: Pair, sales: Pair) -> Pair:
        """What each outlet pays the manufacturer [money], linear in stock and expected sales."""
        per_sale = self.revenue_royalty * price + self.royalty + self.buy_back
        return self.fee + (self.wholesale_price - self.buy_back) * stock + per_sale * sales

    def price_limits(self, highest: Array) -> tuple[Pair, Pair]:
        """The lowest and highest price of each outlet, where no price may exceed `highest`."""
        low = jnp.zeros(2, highest.dtype) if self.floor is None else jnp.broadcast_to(self.floor, (2,))
        high = jnp.broadcast_to(highest, (2,))
        return jnp.where(low > 0, low, 0.0), high if self.ceiling is None else jnp.minimum(high, self.ceiling)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return jnp.all((self.revenue_royalty >= 0) & (self.revenue_royalty <= 1))


def dictated_price(
    price: Any,
    wholesale_price: Any,
    fee: Any = 0.0,
    buy_back: Any = 0.0,
    royalty: Any = 0.0,
    revenue_royalty: Any = 0.0,
) -> Contract:
    """A contract under which the manufacturer sets the price: floor and ceiling are the same.

    **Arguments:** `price`: the price [money/unit], one number or one per outlet; the others as for `Contract`.
    **Source:** Krishnan and Winter (paper 003), proposition 2.

    >>> contract = dictated_price(9.0, wholesale_price=4.0)
    >>> float(contract.floor), float(contract.ceiling)
    (9.0, 9.0)
    """
    return Contract(wholesale_price, fee, buy_back, royalty, revenue_royalty, floor=price, ceiling=price)
