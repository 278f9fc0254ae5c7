# %% [markdown]
# # Budget and exploration
#
# **Question: was the money spent as was allowed, what would more of it bring, and what does trying models cost?**

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from IPython.display import SVG

from selector import Config
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
# The demonstration has two budgets: 20 cents per task on average, which is steered to, and a daily limit, which
# nothing may pass. The picture has the stricter of the two for each day, and below it the *shadow price*: how many
# more successes one more dollar would have brought.

# %%
SVG(svg(spend_by_day(found.days, look)))

# %%
days = pd.DataFrame(found.days)[["day", "n", "spent_usd", "target_usd", "shadow_price"]]
days.round({"spent_usd": 2, "target_usd": 2, "shadow_price": 3}).set_index("day")

# %% [markdown]
# Two things are seen. In the first days less was spent than allowed: nothing was known, the price began far too high
# and fell as outcomes came in, some hours late each. From then on days lie a little over or under the line, and that
# is meant: what was not spent is banked, and spent later where it buys more.
#
# The price is the thing to read. It tells what a larger budget is worth: if a success is worth more to you than one
# over the price, raise the budget.

# %%
price = found.shadow_price
print(f"now: one more dollar brings about {price:.2f} successes, so that one costs {1 / price:.2f} USD")

# %% [markdown]
# ## What exploring takes
#
# Some decisions are made in order to know. They are counted, not estimated: their share, and their dollars.

# %%
SVG(svg(exploration_by_day(found.days, look)))

# %%
explored = pd.DataFrame(found.days)[["n", "explored", "explored_usd", "spent_usd"]]
n, usd = (explored.n * explored.explored).sum(), explored.explored_usd.sum()
print(f"{n:.0f} decisions ({n / totals.n:.1%}) and {usd:.2f} USD ({usd / totals.spent_usd:.1%} of what was spent)")

# %% [markdown]
# That is little, because the budget is tight: exploring may take 2 % of what may be spent. Most of what was learnt
# came for free, from the choices themselves, which are drawn from what is believed. The price of so little
# exploration is paid elsewhere: a model that is hardly ever tried cannot be judged afterwards, as the next picture
# shows.
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
for saving in found.savings[:3]:
    print(f"{saving.model}: {saving.verdict}", *saving.reasons, sep="\n  - ")

# %% [markdown]
# So do not quote a saving from this log unless its verdict allows it. What helps: a larger floor of exploration on
# part of the work, a wider budget for some days, or a comparison made on purpose (`selector replay pairs`).
#
# Next: [which other policy would have done better, and when not to believe the answer](04_replay_and_ope.ipynb).
