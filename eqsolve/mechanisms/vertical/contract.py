r"""The contract between a manufacturer and its outlets: all instruments of the paper and more, each optional.

With sales $t = \min(y, D)$ an outlet earns, besides salvage and goodwill,

$$\pi = (1 - \mu) p t - r t + b (y - t) - w y - F, \qquad \text{floor} \le p \le \text{ceiling},$$

and the manufacturer gets what the outlet pays. The cited literature adds quantity flexibility, under which the share
$\varphi$ of the order can be returned at the full wholesale price, and a sales rebate $u$ per unit beyond $T$:

$$+\, (w - b - v)^+ \min(y - t, \varphi y) + u (t - T)^+.$$

Markdown money (a payment per unit left over, which the outlet keeps) is the buy-back $b$ by another name.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import concrete, require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_values
from eqsolve.mechanisms.vertical.demand import Pair

Terms = Float[Array, "*outlets"]


class Contract(eqx.Module):
    r"""What an outlet pays and which prices it may ask; each field one number, or one per outlet.

    **Arguments:**

    - `wholesale_price` $w$: per unit ordered [money/unit]. `fee` $F$: fixed [money].
    - `buy_back` $b$: paid to the outlet per unit left over [money/unit]; negative for a disposal charge. The outlet
      keeps the salvage value. Markdown money is this payment.
    - `royalty` $r$: per unit sold [money/unit]. `revenue_royalty` $\mu$: in [0, 1], the share of revenue.
    - `floor`, `ceiling`: the lowest and highest price allowed [money/unit]; None for none.
    - `flexibility` $\varphi$: in [0, 1], the share of the order that can be returned at the wholesale price. The outlet
      gives up buy-back and salvage value $v$ of what it returns, and keeps it if they are worth more.
    - `rebate` $u$: paid to the outlet per unit sold beyond `rebate_from` $T$ >= 0 [money/unit, units]; give both.
      None, the default of all three, is free of cost.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; a traced floor above the
    ceiling is an infeasible game.
    **Source:** Krishnan and Winter (paper 003), sections 2 to 3.3; Cachon, Supply chain coordination with contracts
    (2003), section 2, for quantity flexibility and sales rebates.

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
    flexibility: Terms | None
    rebate: Terms | None
    rebate_from: Terms | None

    def __init__(
        self,
        wholesale_price: Any,
        fee: Any = 0.0,
        buy_back: Any = 0.0,
        royalty: Any = 0.0,
        revenue_royalty: Any = 0.0,
        floor: Any = None,
        ceiling: Any = None,
        flexibility: Any = None,
        rebate: Any = None,
        rebate_from: Any = None,
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
            flexibility=flexibility,
            rebate=rebate,
            rebate_from=rebate_from,
        )
        for name, value in fields.items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and value.shape not in ((), (2,)):
                raise ValueError(f"Contract.{name} has shape {value.shape}; give one number, or two, one per outlet.")
        require_finite(self, "Contract")
        for name in ("revenue_royalty", "flexibility"):
            share = getattr(self, name)
            if share is not None:
                require_values(share, lambda m: (m >= 0) & (m <= 1), f"Contract.{name}", "give shares from 0 to 1")
        if (self.rebate is None) != (self.rebate_from is None):
            raise ValueError(
                f"Contract.rebate is {self.rebate} and rebate_from {self.rebate_from}; give both, or neither."
            )
        if self.rebate_from is not None:
            require_nonnegative(self.rebate_from, "Contract.rebate_from")
        if self.floor is not None and self.ceiling is not None:
            gap = concrete(self.ceiling - self.floor)
            if gap is not None and not np.all(gap >= 0):
                raise ValueError(
                    f"Contract.floor is {self.floor} and ceiling {self.ceiling}; give a floor of at most the ceiling."
                )

    def payment(
        self,
        price: Pair,
        stock: Pair,
        sales: Pair,
        returned: Pair | None = None,
        rewarded: Pair | None = None,
        salvage: Pair | float = 0.0,
    ) -> Pair:
        """What each outlet pays the manufacturer [money], linear in all expected numbers of units.

        **Arguments:** `price`, `stock`, `sales`; where the contract has flexibility, units `returned` and what a
        leftover is worth, `salvage`; where it has a rebate, units `rewarded` (sold beyond `rebate_from`).
        **Errors:** `ValueError` where one of the latter is needed and not given.
        """
        paid = self.fee + self.per_order * stock + self.per_sale(price) * sales
        if self.flexibility is not None:
            paid -= self.per_return(salvage) * _given(returned, "flexibility", "returned")
        return paid if self.rebate is None else paid - self.rebate * _given(rewarded, "rebate", "rewarded")

    @property
    def per_order(self) -> Terms:
        """What a unit ordered costs an outlet for good [money/unit]."""
        return self.wholesale_price - self.buy_back

    def per_sale(self, price: Pair) -> Pair:
        """What the outlet owes for a unit sold, the buy-back forgone included [money/unit]."""
        return self.revenue_royalty * price + self.royalty + self.buy_back

    def per_return(self, salvage: Pair | float) -> Terms:
        """What a unit returned under flexibility is worth to the outlet beyond keeping it [money/unit]."""
        return jnp.maximum(self.wholesale_price - self.buy_back - salvage, 0.0)

    def price_limits(self, highest: Array) -> tuple[Pair, Pair]:
        """The lowest and highest price of each outlet, where no price may exceed `highest`."""
        low = jnp.zeros(2, highest.dtype) if self.floor is None else jnp.broadcast_to(self.floor, (2,))
        high = jnp.broadcast_to(highest, (2,))
        return jnp.where(low > 0, low, 0.0), high if self.ceiling is None else jnp.minimum(high, self.ceiling)

    @property
    def _valid(self) -> Bool[Array, ""]:
        sound = jnp.all((self.revenue_royalty >= 0) & (self.revenue_royalty <= 1))
        if self.flexibility is not None:
            sound &= jnp.all((self.flexibility >= 0) & (self.flexibility <= 1))
        return sound if self.rebate_from is None else sound & jnp.all(self.rebate_from >= 0)


def _given(units: Pair | None, instrument: str, name: str) -> Pair:
    if units is None:
        raise ValueError(f"Contract.payment: the contract has a {instrument}; give the expected units {name}.")
    return units


def dictated_price(
    price: Any,
    wholesale_price: Any,
    fee: Any = 0.0,
    buy_back: Any = 0.0,
    royalty: Any = 0.0,
    revenue_royalty: Any = 0.0,
    flexibility: Any = None,
    rebate: Any = None,
    rebate_from: Any = None,
) -> Contract:
    """A contract under which the manufacturer sets the price: floor and ceiling are the same.

    **Arguments:** `price`: the price [money/unit], one number or one per outlet; the others as for `Contract`.
    **Source:** Krishnan and Winter (paper 003), proposition 2.

    >>> contract = dictated_price(9.0, wholesale_price=4.0)
    >>> float(contract.floor), float(contract.ceiling)
    (9.0, 9.0)
    """
    return Contract(
        wholesale_price, fee, buy_back, royalty, revenue_royalty, price, price, flexibility, rebate, rebate_from
    )
