"""Which decisions were for tasks of `selector`'s own: a judge's, and those of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["own_work"]


def own_work(table: pa.Table) -> NDArray[np.bool_]:
    """Tell which decisions were for tasks of `selector`'s own; no user waited for them.

    Parameters
    ----------
    table
        Of logged decisions, with ``task_type`` and ``purpose``.

    Returns
    -------
    numpy.ndarray
        True for tasks of the type ``judge`` with that purpose, and for those of the type ``pair``, shape (n,).

    Examples
    --------
    >>> import pyarrow as pa
    >>> own_work(pa.table({"task_type": ["chat", "judge", "pair"], "purpose": [None, "judge", None]}))
    array([False,  True,  True])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    type_, purpose = (table[name].cast(pa.string()) for name in ("task_type", "purpose"))
    judges = pc.and_(pc.equal(type_, "judge"), pc.equal(purpose, "judge"))
    found = pc.or_kleene(judges, pc.equal(type_, "pair")).fill_null(False)  # noqa: FBT003 - what null becomes
    own: NDArray[np.bool_] = found.to_numpy().astype(bool)
    return own
