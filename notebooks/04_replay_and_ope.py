# %% [markdown]
# # Replay, and when not to believe it
#
# **Question: would another policy have done better on the same tasks, and can this log tell?**
#
# Every decision was logged with its probability. From that one can estimate, without a single new call, what another
# policy would have earned: outcomes of choices that it would have made more often count more. The estimates here are
# doubly robust: they also use what was believed of the models.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from IPython.display import SVG

from selector.replay import CompareOptions, compare, load, overlap, published_world
from selector.report.figures import comparison_figure, svg
from selector.testing import demo_state

# Your own state folder, if the environment names one; else a demonstration: twenty days of work at published prices.
state = os.environ.get("SELECTOR_STATE") or demo_state(Path(mkdtemp()) / "state").path
log = load(state)
compared = compare(log)
print(compared.answer)

# %% [markdown]
# That is the answer in a line, and it says nothing that cannot be relied on. `ours` is what `selector` does by default,
# where a dollar is worth what it was worth in the log; `logging` is what was done, its trials and its pilot with it.
#
# ## All policies

# %%
SVG(svg(comparison_figure(compared.as_dict())))

# %% [markdown]
# Solid points can be relied on, pale ones cannot, however tempting: the picture keeps them in, so that nobody has to
# wonder, and puts their names in parentheses.

# %%
table = pd.DataFrame(
    {
        "policy": row.policy,
        "success": row.success.value,
        "low": row.success.low,
        "high": row.success.high,
        "USD": row.cost.value,
        "verdict": row.verdict.word,
        "effective n": row.success.diagnostics.effective_n,
        "largest weight": row.success.diagnostics.largest_weight,
        "not covered": row.success.diagnostics.uncovered,
    }
    for row in compared.rows
)
print(f"the least effective n among {log.num_rows:,} decisions: {table['effective n'].min():.0f}")
table.round(3)

# %% [markdown]
# ## When not to believe an estimate
#
# Three things are looked at, and the limits are in `selector.replay.Limits`.
#
# - **Effective n**: how many outcomes the estimate really rests on. Of thousands of decisions it can be dozens,
#   or two.
# - **Largest weight**: how much one single decision matters. If it is a fifth of all, the next log says something else.
# - **Not covered**: the share of the policy's choices that the log practically never makes. Of these there is no
#   evidence at all, and no interval knows that.

# %%
for row in compared.rows:
    if row.verdict.word != "supported":
        print(f"{row.policy}: {row.verdict.word}; {row.verdict.reasons[0]}")

# %% [markdown]
# Does it matter? This is a demonstration, so the truth is known: what each model would have scored on every task
# (before one of them got worse). Hold the estimates of "always this model" against it.

# %%
world = published_world(3_000, np.random.default_rng([0, 1]))  # the tasks of the demonstration
truth = pd.Series(
    world.matrix.score.mean(axis=0), index=[f"fixed:{model}" for model in world.matrix.models], name="truth"
)
held = table.merge(truth, left_on="policy", right_index=True)[["policy", "success", "low", "high", "truth", "verdict"]]
held = held.assign(within=held.truth.between(held.low, held.high))
print(f"{held.within.sum()} of {len(held)} intervals hold the truth;", end=" ")
print(f"the estimates miss it by up to {(held.success - held.truth).abs().max():.2f}")
held.round(3)

# %% [markdown]
# An interval of 95 % should hold the truth in nineteen of twenty rows. With so few outcomes behind each it is itself a
# rough guess: some intervals miss, and others hold the truth because they are so wide that they decide nothing; one may
# even reach beyond a success of 1. That is what `weak` and `none` are there for. The number does not show it, and its
# interval does not; only the diagnostics do.
#
# ## Other estimators are no way out
#
# Plain importance weighting (`ips`), its self-normalised form and clipped weights stand beside it to be compared.
# Where they agree, the weights are harmless. Where they lie far apart, there is too little in the log, and none of them
# is the better one. Compare what is done, which the log has plenty of, with one model always:

# %%
options = CompareOptions(estimators=("ips", "snips", "clipped_dr"))
others = compare(log, ["ours", "fixed:gpt-5.5"], options=options)
beside = pd.DataFrame(
    {"policy": each.policy, "estimator": each.estimator, "success": each.value} for each in others.others
).pivot_table(index="policy", columns="estimator", values="success")
beside.assign(apart=beside.max(axis=1) - beside.min(axis=1)).round(3)

# %% [markdown]
# ## What would help: overlap
#
# For each task type and model: how often it was chosen, and how many outcomes that is worth to "always this model". A
# model with a handful of effective outcomes needs exploring before any log can speak of it.

# %%
pd.DataFrame(overlap(log).to_pylist()).query("task_type == 'coding'")[
    ["model", "n_chosen", "least_propensity", "ess", "uncovered"]
].round(3)

# %% [markdown]
# Also not in any log of single decisions: what a policy does to the tasks that come after. If answers change what
# users ask, or a warm prompt cache makes the next call cheaper, try the policy on part of the traffic instead
# (`selector replay gate` and `selector.replay.ab_test`).
#
# Next: [noticing that a model changed](05_drift.ipynb).
