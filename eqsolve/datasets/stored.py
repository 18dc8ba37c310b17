"""Results of a batch on disk: chunk by chunk, so that no more than a chunk is in memory."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqsolve.chunks import Chunk
from eqsolve.equilibrium import Equilibrium

if TYPE_CHECKING:
    import xarray


def store(chunks: Iterable[Chunk], path: str | Path) -> "xarray.Dataset":
    """Write equilibria to a Zarr store as they are solved.

    **Arguments:** `chunks`: from `Batch.stream`, whose task returns an `Equilibrium`. `path`: a folder that does not
    exist yet.
    **Returns:** the stored dataset, opened lazily: one named variable per action, outcome and objective, along the
    dimension `batch`.
    **Errors:** `ImportError` that names the extra where xarray or zarr is missing, `FileExistsError` for a path in use,
    `TypeError` for other results than equilibria. What was written before an error stays.

    >>> import tempfile
    >>> import numpy as np
    >>> from eqsolve import batch
    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> def make(a):
    ...     return Cournot(LinearInverseDemand(a, 1.0), cost=[1.0, 1.0]).game()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stored = store(batch(make, block=4).stream(np.linspace(4.0, 10.0, 9)), f"{folder}/cournot.zarr")
    ...     stored.sizes["batch"]
    9
    """
    try:
        xr = importlib.import_module("xarray")
        importlib.import_module("zarr")  # xarray would miss it later, with a message that does not name the extra
    except ImportError as error:
        raise ImportError('Storing results needs xarray and zarr: pip install "eqsolve[study]".') from error
    if isinstance(chunks, Equilibrium):
        raise TypeError("store got an Equilibrium; give the chunks of Batch.stream(params), or use to_dataset().")
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists already; give another path or remove it.")
    for chunk in chunks:
        _append(chunk.result, path)
    return xr.open_zarr(path, consolidated=False)


def _append(result: Any, path: Path) -> None:
    if not isinstance(result, Equilibrium):
        raise TypeError(
            f"store got a chunk of {type(result).__name__}; stream a batch whose task returns an Equilibrium."
        )
    dataset = result.to_dataset()
    if path.exists():
        dataset.to_zarr(path, append_dim="batch", zarr_format=3, consolidated=False)
    else:
        dataset.to_zarr(path, zarr_format=3, consolidated=False)
