"""What a proposition says of one model: its hypotheses, its conclusion, and the margins of both."""

import dataclasses
from collections.abc import Mapping

from eqsolve._tables import number, table


@dataclasses.dataclass(frozen=True)
class Claim:
    """A proposition applied to a model.

    **Fields:** `statement`: the true statement. `hypotheses`: by name, how far each is met; `conclusions`: by name, how
    far each holds. A margin of at least zero means met (or, where `strict`, above zero).
    """

    statement: str
    hypotheses: Mapping[str, float]
    conclusions: Mapping[str, float]
    strict: bool = False

    @property
    def applies(self) -> bool:
        """Whether all hypotheses are met."""
        return all(margin >= 0 for margin in self.hypotheses.values())

    @property
    def holds(self) -> bool:
        """Whether all conclusions are true of this model, hypotheses met or not."""
        return all(margin > 0 if self.strict else margin >= 0 for margin in self.conclusions.values())

    @property
    def refuted(self) -> bool:
        """Whether the hypotheses are met and a conclusion fails all the same."""
        return self.applies and not self.holds

    def __str__(self) -> str:
        rows = [("if", name, number(margin)) for name, margin in self.hypotheses.items()]
        rows += [("then", name, number(margin)) for name, margin in self.conclusions.items()]
        verdict = ("holds" if self.holds else "fails") if self.applies else "does not apply"
        return f"{self.statement}: {verdict}\n\n" + table(("", "", "margin"), rows)


def truth(value: object) -> float:
    """A yes or no as a margin.

    >>> truth(True), truth(False)
    (1.0, -1.0)
    """
    return 1.0 if bool(value) else -1.0
