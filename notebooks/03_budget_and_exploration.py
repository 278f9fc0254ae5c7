# %% [markdown]
# # Budget and exploration
#
# **Question: was the money spent as was allowed, what would more of it bring, and what does trying models cost?**

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from IPython.display import SVG

from selector import Config
from selector.replay import load
from selector.report import facts
from selector.report.figures import Look, exploration_by_day, savings_forest, spend_by_day, svg
from selector.testing import demo_state

# Your own state folder, if the environment names one; else a demonstration: twenty days of work at published prices.
state = os.environ.get("SELECTOR_STATE") or demo_state(Path(mkdtemp()) / "state").path
found = facts(state, config=Config.load(Path(state) / "selector.yaml"))
look = Look(families=found.families)
totals = found.totals
print(f"{totals.spent_usd:,.2f} USD on {totals.n:,} decisions: {totals.usd_per_decision.value:.3f} USD each")
print(f"[{totals.usd_per_decision.low:.3f}, {totals.usd_per_decision.high:.3f}] is the 95 % interval of that mean")

# %% [markdown]
# ## Spent against allowed
#
# The demonstration begins with a pilot: for a tenth of its tasks all models are tried alike, without a budget. Then it
# has two: 35 cents per task on average, which is steered to, and a daily limit, which nothing may pass. The picture has
# the stricter of the two for each day, and below it the *shadow price*: how many more successes one more dollar would
# have brought.

# %%
SVG(svg(spend_by_day(found.days, look)))

# %%
days = pd.DataFrame(found.days)[["day", "n", "spent_usd", "target_usd", "shadow_price"]]
days["shadow_price"] = days.shadow_price.where(days.shadow_price < 1_000, np.inf)
days.round({"spent_usd": 2, "target_usd": 2, "shadow_price": 3}).set_index("day")

# %% [markdown]
# Days lie over or under the line, and that is meant: an average is kept over many tasks, so that what was not spent is
# spent later where it buys more, and what was spent too much is saved again. A price of 0 means that nothing was
# steered, as in the pilot. `inf` stands for a price that nothing is worth: on that day, or for a part of it, nothing
# that was within reach fitted what was left, and whatever was cheapest got all but the trials.
#
# On all other days the price is the thing to read. It tells what a larger budget is worth: if a success is worth more
# to you than one over the price, raise the budget.

# %%
price = found.shadow_price
print(f"now: one more dollar brings about {price:.2f} successes, so that one costs {1 / price:.2f} USD")

# %% [markdown]
# ## What exploring takes
#
# Some decisions are made in order to know. There are two kinds. What `selector` adds to its default policy has
# `exploration` as its reason, and the report counts it. A policy may also draw by itself, and those of the
# demonstration do: `uniform` in the pilot, `epsilon_greedy` after it. Every decision is logged with its probability, so
# that such trials can be counted, too: here they are the decisions for a model that had a probability of less than a
# half.

# %%
log = load(state).to_pandas()
log["trial"] = log.propensity < 0.5
trials = log[log.trial].groupby(log["at"].dt.date)
n, usd = trials.size(), trials.cost_usd.sum()
days = [
    day._replace(explored=float(n.get(day.day, 0)) / day.n, explored_usd=float(usd.get(day.day, 0.0)))
    for day in found.days
]
SVG(svg(exploration_by_day(days, look)))

# %%
log.groupby(["policy", "trial"], observed=True).agg(
    decisions=("cost_usd", "size"), usd=("cost_usd", "mean"), success=("score", "mean")
).round(3)

# %% [markdown]
# Hold the trials of a policy against the rest of its decisions: what they cost more, and how much less often they
# succeed, is what exploring takes. What it brings is knowledge, of two sorts: the selector notices when another model
# would do better, and the log can be asked about models that it did not choose, as the next picture does.
#
# ## Saved, against what?
#
# Savings are an estimate: what would "always this model" have cost, and have achieved, on the same tasks? They have
# an interval and a verdict, and a number whose verdict is not `supported` is no answer.

# %%
SVG(svg(savings_forest(found.savings, look, why_none=found.no_savings)))

# %%
pd.DataFrame(found.savings)[["model", "saved_usd", "saved_usd_low", "saved_usd_high", "gained", "verdict"]].round(3)

# %%
print(pd.Series([saving.verdict for saving in found.savings]).value_counts().to_dict())
for saving in found.savings[:3]:
    print(f"{saving.model}: {saving.verdict}", *saving.reasons, sep="\n  - ")

# %% [markdown]
# So do not quote a saving from this log unless its verdict allows it. `weak` says that each model was tried, so that an
# estimate can be had, but on too few tasks: the trials are shared among all models, and what is left for one is a
# handful a day. An interval may then lie wholly on one side of zero, so that who is dearer is plain, and yet be too
# wide to say by how much.
#
# What helps: more tasks (`selector replay plan` says how many), more trials on part of the work, or a comparison made
# on purpose with the one model that matters (`selector replay pairs`).
#
# Next: [which other policy would have done better, and when not to believe the answer](04_replay_and_ope.ipynb).
