# %% [markdown]
# # Drift
#
# **Question: did a model change without a word, was it noticed, and what happened then?**
#
# In the demonstration one model, `gpt-5.4`, gets worse after twelve days and nobody says so. One provider is down
# for half a day. These are different things: a call that fails says nothing about how good the answers are.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from IPython.display import SVG

from selector import Config
from selector.report import facts
from selector.report.figures import Look, drift_rows, drift_timeline, fallbacks_by_reason, learning_curves, svg
from selector.testing import demo_state

# Your own state folder, if the environment names one; else a demonstration: twenty days of work at published prices.
state = os.environ.get("SELECTOR_STATE") or demo_state(Path(mkdtemp()) / "state").path
found = facts(state, config=Config.load(Path(state) / "selector.yaml"))
look = Look(families=found.families)

# %% [markdown]
# ## Alarms
#
# An alarm rings when a model's outcomes no longer fit what was believed of them. From then on older outcomes count
# less (`keep`), so that what comes now decides.

# %%
SVG(svg(drift_timeline(found.drift, found.days, look)))

# %%
rows = drift_rows(found.drift)  # what the picture draws, as a table
pd.DataFrame({**row, "at": f"{row['at']:%d %b %H:%M}"} for row in rows).round(2)

# %% [markdown]
# The demonstration changes `gpt-5.4`, on 14 March, and no other model. How soon that is found depends on the work it
# has: an alarm needs outcomes, and a model that is seldom chosen gives few of them a day. So little is lost meanwhile.
#
# An alarm for any other model is a false one: a run of bad luck, or of hard tasks. It costs some relearning and
# nothing else. With enough outcomes after it, what came *since* tells the two apart: after a real change it stays
# below what was *believed*. Where few were judged since, wait.
#
# ## Where the work went
#
# After an alarm the model's belief is wide again, and the work goes to others until it is known anew.

# %%
SVG(svg(learning_curves(found.learning, found.models, look)))

# %% [markdown]
# The numbers behind it, for the models with an alarm: their share of the work, run by run of decisions.

# %%
pd.DataFrame(
    {
        "model": model,
        "most": max(run.n_by_model[k] / run.n for run in found.learning),
        "last run": found.learning[-1].n_by_model[k] / found.learning[-1].n,
    }
    for k, model in enumerate(found.models)
    if model in {alarm.model for alarm in found.drift}
).round(2)

# %% [markdown]
# ## Failures are something else
#
# A provider that is down shows here, and not above. Its calls went on to the next model of the chain, and what is
# believed of the model's answers stayed as it was.

# %%
SVG(svg(fallbacks_by_reason(found.fallbacks, look)))

# %%
failed = pd.DataFrame(found.failures)[["model", "failure", "n", "n_calls", "worst_day", "n_worst_day"]]
failed.sort_values(["n_worst_day", "n"], ascending=False).head(6)

# %% [markdown]
# Many failures of one model, for one reason, on one day: so an outage looks. That of `kimi-k2.6`, on 9 March, is as
# large as the work that the model had by then, which may be a few calls, or none. The others are spread evenly over the
# days, as the few calls are that always fail.

# %%
for advice in found.advice:
    if advice.rule == "drift":
        print("-", advice.text)

# %% [markdown]
# Next: [a log that another program wrote](06_your_own_log.ipynb).
