# %% [markdown]
# # Your own log
#
# **Question: I have a table of calls that another program made. What can be learnt from it?**
#
# `06_calls.csv` beside this notebook stands for it. It is made up: 1,200 calls of a support desk which drew between
# two models with known probabilities. Only its shape is that of a real one.

# %%
from dataclasses import replace

import pandas as pd
from IPython.display import SVG

from selector.replay import Columns, compare, gate_log, load_foreign, plan_log
from selector.report.figures import comparison_figure, svg

pd.read_csv("06_calls.csv").head()

# %% [markdown]
# ## Which column is which
#
# Say it once. Only the time, the task type and the model must be there; the more there is, the more can be said.
# Empty cells are unknown: a call without a judgement is not a failure.

# %%
columns = Columns(at="created", task_type="kind", model="llm", propensity="probability", score="solved", cost_usd="usd")
log = load_foreign("06_calls.csv", columns)
compared = compare(log)
print(compared.answer)

# %%
SVG(svg(comparison_figure(compared.as_dict())))

# %% [markdown]
# Here everything is solid: each model had a probability of 40 % or more at every call, so that the log can speak for
# both. The large model alone would have solved more, at almost twice the cost.
#
# ## By task type
#
# The whole hides what matters. Each row is "this model always" less what was done, for one task type.

# %%
pd.DataFrame(
    {
        "task type": each.task_type,
        "policy": each.policy,
        "difference": each.value,
        "low": each.low,
        "high": each.high,
        "conclusion": each.conclusion,
        "verdict": each.verdict.word,
    }
    for each in compared.evaluation.differences(by_type=True)
    if each.policy.startswith("fixed:")
).round(3)

# %% [markdown]
# The large model is worth its price for refunds, and only there: questions and translations come out alike with
# either.
#
# ## May I switch?
#
# A gate asks the other way round: is it shown that always taking the small model is *no worse* than what is done, in
# all and for each task type, by more than 2 points? Only then is a switch safe, and `open` is not `pass`.

# %%
gate = gate_log(log, "fixed:small")
print(gate.result)
for check in gate.checks:
    print(f"- {check.what}, {check.task_type or 'all'}: {check.state}", check.why)

# %% [markdown]
# It fails for refunds, as the table above lets one expect. How much more of a log would settle the rest?

# %%
plan = plan_log(log)
pd.DataFrame(
    {
        "policy": need.policy,
        "task type": need.task_type or "all",
        "has": need.n,
        "needs": need.decisions,
        "days more": need.days,
    }
    for need in plan.needs
    if need.policy.startswith("fixed:")
).round(1)

# %% [markdown]
# ## Without probabilities
#
# Most programs do not log how likely their choice was. The same table without that column still gives numbers. They
# rest on the shares of the models in each task type, and are wrong wherever hard tasks went to the better model; so
# no verdict on them is ever `supported`.

# %%
blind = compare(load_foreign("06_calls.csv", replace(columns, propensity=None)))
print(blind.answer)
for row in blind.rows:
    print(f"- {row.policy}: {row.verdict.word}")

# %% [markdown]
# The way out is cheap: log the probability from now on. Whoever draws between models knows it; `selector` writes it
# with each decision, which is why its own logs can be replayed ([as here](04_replay_and_ope.ipynb)).
