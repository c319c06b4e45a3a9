"""blocktune in PyTorch: the same recipe, selection and adapter, for as many GPUs as there are."""

__version__ = "0.1.0"

from . import smt  # noqa: E402
from .adapter import load_adapter, merge, save_adapter  # noqa: E402

__all__ = ["load_adapter", "merge", "save_adapter", "smt"]
