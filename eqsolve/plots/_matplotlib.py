"""The one place that says what to install where matplotlib is missing."""

from types import ModuleType


def require_matplotlib() -> ModuleType:
    """Matplotlib, or an `ImportError` that names the extra."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError('Figures need matplotlib: pip install "eqsolve[plots]".') from error
    return mpl
