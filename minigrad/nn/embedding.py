"""Lookup tables."""

from .. import creation
from ..options import whole_number
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Embedding(Module):
    """Integers (...) -> the rows of weight (num_embeddings, embedding_dim) that they name.

    The row `padding_idx` starts as zeros and gets no gradient. ValueError if there is no such row.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        if max_norm is not None or scale_grad_by_freq or sparse:
            raise ValueError("Embedding: max_norm, scale_grad_by_freq and sparse are not there")
        whole_number("Embedding", "num_embeddings", num_embeddings, 1)
        whole_number("Embedding", "embedding_dim", embedding_dim, 1)
        if padding_idx is not None:
            whole_number("Embedding", "padding_idx", padding_idx, -num_embeddings)
            if padding_idx >= num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows"
                )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        if _weight is not None:
            if _weight.shape != (num_embeddings, embedding_dim):
                raise ValueError(
                    f"Embedding: weight {list(_weight.shape)} is not [{num_embeddings}, "
                    f"{embedding_dim}]"
                )
            self.weight = Parameter(_weight, requires_grad=not _freeze)
            return
        made = creation.empty(num_embeddings, embedding_dim, dtype=dtype, device=device)
        self.weight = Parameter(made, requires_grad=not _freeze)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> "Embedding":
        """A table with these rows (V, D), which stay as they are if frozen."""
        if embeddings.ndim != 2:
            raise ValueError(f"Embedding: expected rows (V, D), got {list(embeddings.shape)}")
        rows, size = embeddings.shape
        return cls(rows, size, padding_idx, _weight=embeddings, _freeze=freeze)

    def reset_parameters(self) -> None:
        """Draw new rows from the standard normal distribution."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
