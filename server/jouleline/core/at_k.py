"""What is to be expected of the best of k candidates, given n that were tried.

Both are unbiased estimates over all ways to draw k of the n: pass@k of Chen et al. (arXiv 2107.03374)
and energy-reduction@k of LASSI-EE (arXiv 2505.02184).
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def pass_at_k(tried: int, passed: int, k: int) -> float:
    """Probability that at least one of ``k`` out of ``tried`` candidates is one of the ``passed``.

    Raises:
        ValueError: unless 0 <= passed <= tried and 1 <= k <= tried.
    """
    _check(tried, k)
    if not 0 <= passed <= tried:
        raise ValueError(f"{passed} of {tried} candidates cannot have passed")
    return 1.0 - math.comb(tried - passed, k) / math.comb(tried, k)


def energy_reduction_at_k(reductions: Sequence[float], k: int) -> float:
    """Expected energy reduction (a share of the baseline's energy) when the best of ``k`` is kept.

    ``reductions`` has one figure for each candidate that was tried, 0 for one that failed.

    Raises:
        ValueError: unless 1 <= k <= number of candidates.
    """
    tried = len(reductions)
    _check(tried, k)
    best_first = sorted(reductions, reverse=True)
    # The i-th best is the best of those drawn when the other k - 1 come from the n - i behind it.
    ways = math.fsum(
        reduction * math.comb(tried - place, k - 1) for place, reduction in enumerate(best_first, start=1)
    )
    return ways / math.comb(tried, k)


def _check(tried: int, k: int) -> None:
    if not 1 <= k <= tried:
        raise ValueError(f"k must be between 1 and the {tried} candidates that were tried, not {k}")
