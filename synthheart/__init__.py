"""Synthetic patients from a table of real ones, and how good and how private they are."""

__version__ = "0.1.0"

# The rooms that add records to a list, by what they add: a registry imports them at its first look.
ROOMS: dict[str, tuple[str, ...]] = {
    "dataset": ("cohorts",),
    "model": ("training", "vae", "rnn", "baselines", "gan"),
    "metric": ("evaluation",),
    "attack": ("privacy",),
    "figure": ("evaluation", "clinical", "privacy", "comparison", "exposure", "report"),
}
