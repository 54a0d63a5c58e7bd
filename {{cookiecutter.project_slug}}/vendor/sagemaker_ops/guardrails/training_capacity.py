"""Settings that AWS refuses for a training job on spare capacity (spot) or with a warm pool."""

from __future__ import annotations

from collections.abc import Iterator

# https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html
MAX_KEEP_ALIVE_MINUTES = 60


def conflicts(
    spot: bool, max_wait_minutes: int | None, keep_alive_minutes: int, max_runtime_minutes: int
) -> Iterator[tuple[str, str]]:
    """(the name of the setting that is wrong, a sentence) for each conflict.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html, and train-warm-pools.html there.
    """
    if spot and keep_alive_minutes:
        yield "keep_alive_minutes", "AWS does not keep the instances of a spot job; write 0, or turn spot off."
    if max_wait_minutes is not None and not spot:
        yield "max_wait_minutes", "this is only for spot jobs; remove it, or turn spot on."
    elif max_wait_minutes is not None and max_wait_minutes < max_runtime_minutes:
        yield (
            "max_wait_minutes",
            f"{max_wait_minutes} is less than [pipeline].max_runtime_minutes, which it includes; "
            f"write {max_runtime_minutes} or more.",
        )
    if not 0 <= keep_alive_minutes <= MAX_KEEP_ALIVE_MINUTES:
        yield (
            "keep_alive_minutes",
            f"AWS keeps instances for at most {MAX_KEEP_ALIVE_MINUTES} minutes; write 0 to {MAX_KEEP_ALIVE_MINUTES}.",
        )
