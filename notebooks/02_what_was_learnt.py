# %% [markdown]
# # What was learnt
#
# **Question: which model is good at what, at which cost, and how sure is that?**
#
# All of it is read from a state folder, which is what a running `selector` leaves behind.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from IPython.display import SVG

from selector import Config
from selector.report import facts
from selector.report.figures import (
    Look,
    belief_ridges,
    evidence_heat_map,
    learning_curves,
    success_cost_maps,
    svg,
    work_by_type,
)
from selector.testing import demo_state

# Your own state folder, if the environment names one; else a demonstration: twenty days of work at published prices.
state = os.environ.get("SELECTOR_STATE") or demo_state(Path(mkdtemp()) / "state").path
found = facts(state, config=Config.load(Path(state) / "selector.yaml"))
look = Look(families=found.families)
print(f"{found.totals.n:,} decisions on {len(found.task_types)} task types, among {len(found.models)} models;")
print(f"{found.totals.n_judged:,} were judged, with a success of {found.totals.success.value:.0%}")

# %% [markdown]
# ## Who gets which work
#
# What was decided is the first thing to look at. A type where one long bar stands alone is settled. One with many
# short bars is either cheap to spread (several models are as good for the money) or not yet known.

# %%
SVG(svg(work_by_type(found.work, look)))

# %% [markdown]
# The short bars are trials. In the demonstration the first tenth of the tasks went to all models alike, and some go to
# whatever model ever since. The long bars are what was learnt, and no model has them all:

# %%
leads = {}
for row in sorted(found.work, key=lambda row: row.share):
    leads[row.task_type] = row  # the last of a type stays: the one with most of its work
pd.DataFrame(
    {
        "task type": lead.task_type,
        "most work": lead.model,
        "share": lead.share,
        "success": lead.success.value,
        "USD": lead.usd_per_decision.value,
    }
    for lead in sorted(leads.values(), key=lambda row: row.task_type)
).round(2)

# %% [markdown]
# ## What is believed
#
# A hill is a belief: where it lies is how often the model succeeds, its width is how sure that is. Pale hills rest on
# few outcomes, and so mostly on what is known of the model elsewhere. Two hills that overlap are not told apart.

# %%
SVG(svg(belief_ridges(found.beliefs, look)))

# %% [markdown]
# The narrow hills are those of the models that get the work, and that is as it should be: evidence goes where it
# decides something. A wide hill that lies high is the one to look at: such a model may be better than what is used.
# Dear models have such hills, for they are hardly tried where they would have to bring much. So has a model for which
# an alarm rang, and whose older outcomes count little since.
#
# ## Success against cost
#
# Being good is half of it. Up is better, left is cheaper; the line joins the models that nobody beats on both.

# %%
SVG(svg(success_cost_maps(found.beliefs, found.work, look)))

# %% [markdown]
# Where the line rises steeply a dollar buys much, and the budget is spent there first; where it is flat the cheap
# model takes the work.
#
# ## Where the evidence is thin
#
# A cell counts outcomes, old ones less since a drift or with time. Only the thin ones that *may be best* are worth a
# trial: the others are thin because they are believed worse, or too dear for what they would bring.

# %%
SVG(svg(evidence_heat_map(found.beliefs, look, thin_below=found.thin_below)))

# %%
thin = pd.DataFrame(
    found.thin,
    columns=["task_type", "model", "evidence", "n_outcomes", "mean", "high", "best_model", "best_mean", "n_type"],
)
thin["beyond"] = thin.high - thin.best_mean  # how much better than the best it may be
columns = ["task_type", "model", "evidence", "n_outcomes", "mean", "high", "best_model", "best_mean", "beyond"]
thin.sort_values("beyond", ascending=False)[columns].head(8).round(2)

# %% [markdown]
# ## Over time
#
# First all are tried alike, then the work goes to whom the money is worth. Success need not rise for that to be right:
# under a budget the same success for less money is also something learnt.

# %%
SVG(svg(learning_curves(found.learning, found.models, look)))

# %%
tenth = max(len(found.learning) // 10, 1)
for name, runs in (("the first tenth", found.learning[:tenth]), ("the rest", found.learning[tenth:])):
    success = sum(run.success.value * run.success.n for run in runs if run.success.n) / sum(r.success.n for r in runs)
    usd = sum(run.usd_per_decision.value * run.n for run in runs) / sum(run.n for run in runs)
    print(f"{name}: {success:.0%} succeed, at {usd:.3f} USD each")

# %% [markdown]
# Do not read a story into every dip: where two bars overlap, chance is enough. That a model really changed is told by
# an alarm, [as another notebook shows](05_drift.ipynb).
#
# What to do about it is told in words, the most urgent first:

# %%
for advice in found.advice:
    print("-", advice.text)

# %% [markdown]
# Next: [what the budget did, and what exploring cost](03_budget_and_exploration.ipynb).
