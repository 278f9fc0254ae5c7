# %% [markdown]
# # Drift
#
# **Question: did a model change without a word, was it noticed, and what happened then?**
#
# In the demonstration one model, `minimax-m3`, gets worse after twelve days and nobody says so. One provider is down
# for half a day. These are different things: a call that fails says nothing about how good the answers are.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from IPython.display import SVG

from selector import Config
from selector.report import facts
from selector.report.figures import Look, drift_timeline, fallbacks_by_reason, learning_curves, svg
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
alarms = pd.DataFrame(
    {
        "at": f"{alarm.at:%d %b %H:%M}",
        "model": alarm.model,
        "direction": alarm.direction,
        "believed": alarm.believed,
        "recent": alarm.recent.value,
        "since": alarm.since.value,
        "judged since": alarm.since.n,
        "keep": alarm.keep,
    }
    for alarm in found.drift
)
alarms.round(2)

# %% [markdown]
# The change came on 14 March and was found the same day, and it is real: what came since is lower still than what
# raised the alarm. Not every alarm is. That of 20 March was a run of bad luck: what came since is back at what had
# been believed. It costs some relearning and nothing else. So look at *since* before you act on *recent*.
#
# ## Where the work went
#
# After an alarm the model's belief is wide again, and the work goes to others until it is known anew.

# %%
SVG(svg(learning_curves(found.learning, found.models, look)))

# %% [markdown]
# `minimax-m3` had up to half of the work; after the alarm it has next to none, and `deepseek-v4-pro` and
# `claude-fable-5` do what it did. Success was low in one run of decisions, and then as before.
#
# ## Failures are something else
#
# A provider that is down shows here, and not above. Its calls went on to the next model of the chain, and what is
# believed of the model's answers stayed as it was.

# %%
SVG(svg(fallbacks_by_reason(found.fallbacks, look)))

# %%
failed = pd.DataFrame(found.failures)[["model", "failure", "n", "n_calls", "worst_day", "n_worst_day"]]
failed.head(6)

# %% [markdown]
# The half day of `kimi-k2.6` stands out: many failures for one reason on one day, 9 March. The others are spread
# evenly, as the few calls that always fail are.

# %%
for advice in found.advice:
    if advice.rule == "drift":
        print("-", advice.text)

# %% [markdown]
# Next: [a log that another program wrote](06_your_own_log.ipynb).
