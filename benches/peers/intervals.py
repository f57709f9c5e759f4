"""Medians, and intervals of paired ratios that assume nothing about the distribution."""

import math
import statistics


def median(values):
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def quantile(values, share):
    """The value at or below which `share` of the values are: the smallest rank that covers it."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def interval(values, confidence=0.95):
    """Low end, high end and the confidence that these have for the median, from order statistics (the sign test).

    The narrowest pair of ranks whose confidence is at least the one asked for; with too few values, the extremes and the lower
    confidence that they have."""
    ordered, count = sorted(values), len(values)
    if count == 0:
        return None
    best = (0, 1 - 2 * 0.5**count)
    tail = 0.0
    for rank in range(count // 2):
        # P(fewer than rank + 1 of the values are below the median)
        tail += math.comb(count, rank) * 0.5**count
        if 1 - 2 * tail < confidence:
            break
        best = (rank, 1 - 2 * tail)
    rank, reached = best
    return ordered[rank], ordered[count - 1 - rank], max(reached, 0.0)


def ratio(ours, theirs):
    """Median of the ratios within pairs, with its interval; pairs that lack a figure are left out. None without pairs."""
    pairs = [mine / other for mine, other in zip(ours, theirs) if mine is not None and other]
    if not pairs:
        return None
    low, high, reached = interval(pairs)
    return {"median": median(pairs), "low": low, "high": high, "confidence": reached, "pairs": len(pairs)}


def ratio_text(found):
    """The ratio as the tables print it."""
    if found is None:
        return "-"
    text = f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
    return text if found["confidence"] >= 0.95 else f"{text} at {100 * found['confidence']:.0f} %"
