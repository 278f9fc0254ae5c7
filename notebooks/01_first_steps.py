# %% [markdown]
# # First steps
#
# **Question: how do I let `selector` choose a model, tell it what came of that, and see that it learns?**
#
# Two models, one cheap and one good, at a price that you may spend on average. No model is called here: what they
# would have answered is made up, so that this notebook runs anywhere and comes out the same each time.

# %%
from tempfile import mkdtemp

import numpy as np
import pandas as pd

from selector import Outcome, Selector, Task
from selector.testing import HandClock

config = {
    "models": {
        "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4, "max_output_tokens": 8_000},
        "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 8_000},
    },
    "budgets": [{"usd_per_request": 0.008}],  # on average; a call of the large one costs about twice that
}
selector = Selector.open(config, state=mkdtemp(), seed=7, clock=HandClock(1_772_409_600.0))

# %% [markdown]
# `state` is a folder: in life one that stays, for all that is learnt lies in it. The seed and the clock are there to
# repeat this notebook; leave both out in a program.
#
# ## The loop: select, call, record
#
# For each task `select` names a model. You make the call, and `record` what it used and whether the answer was good.
# Here the small model can translate as well as the large one, and does a third of the coding.

# %%
chance = {
    ("coding", "small"): 0.35,
    ("coding", "large"): 0.9,
    ("translation", "small"): 0.9,
    ("translation", "large"): 0.9,
}
rng = np.random.default_rng(1)
rows = []
for number in range(400):
    kind = ("coding", "translation")[number % 2]
    decision = selector.select(Task(kind, input_tokens=1_200))
    good = bool(rng.random() < chance[kind, decision.model])  # here you would call the model
    selector.record(decision, Outcome(output_tokens=850, success=good, source="tests"))
    rows.append({"block": number // 100, "task type": kind, "model": decision.model, "good": good})

chosen = pd.DataFrame(rows)
pd.crosstab([chosen["task type"], chosen["block"]], chosen["model"])

# %% [markdown]
# Read it from top to bottom, a block being a hundred tasks. The dollars go where they buy something: coding gets most
# of what the large model may cost, and translation goes to the small one, which is as good at it. Neither was told.
#
# ## Why this one?
#
# A decision carries what it was made from: what is believed of each candidate, what it is expected to cost, and the
# probability with which it was chosen. That probability is what later lets other policies be judged from the log.

# %%
decision = selector.select(Task("coding", input_tokens=1_200))
print(decision.model, f"with probability {decision.propensity:.2f};", "if it fails:", ", ".join(decision.chain))
print(f"one more dollar is worth {decision.shadow_price:.1f} successes")
pd.DataFrame(
    {"model": c.model, "believed success": c.mean, "outcomes": c.n, "USD": c.cost_usd, "probability": c.probability}
    for c in decision.candidates
).round(4)

# %% [markdown]
# ## What is believed now
#
# `beliefs()` is a table, a row per model and task type. The mean is drawn towards what is known of the model
# elsewhere, and of the task type with other models, for as long as there are few outcomes.

# %%
selector.beliefs().select(["task_type", "model", "n_outcomes", "alpha", "beta"]).to_pandas().round(1)

# %% [markdown]
# A belief of `alpha` and `beta` has its mean at `alpha / (alpha + beta)`. The model that gets little of a type's work
# has few outcomes there, and a wide belief: it is still tried now and then, so that a change would be noticed.

# %%
selector.close()

# %% [markdown]
# Next: [what was learnt](02_what_was_learnt.ipynb) in twenty days of mixed work.
