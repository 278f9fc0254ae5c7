"""Record what Open Bandit Pipeline 0.5.7 computes from fixed arrays: `python tests/replay/obp_reference.py FOLDER`.

FOLDER is its unpacked source (`pip download --no-deps --no-binary :all: --ignore-requires-python obp==0.5.7`). Its
package does not install on Python 3.11 and later, but the module of its estimators is plain numpy: it is loaded as it
is, from its own file, beside an empty stand-in for torch, which that module's imports name in annotations alone. Made
with Python 3.11.7, numpy 1.26.4, scikit-learn 1.3.2, scipy 1.11.4, pandas 3.0.6.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np

N, K, CLIP = 60, 4, 3.0


def estimators(folder):
    """Load obp/ope/estimators.py without the package's own __init__, which needs torch."""
    for name, path in (("obp", folder / "obp"), ("obp.ope", folder / "obp" / "ope")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    sys.modules["torch"] = torch = types.ModuleType("torch")
    torch.tensor = torch.Tensor = type("Tensor", (), {})
    return importlib.import_module("obp.ope.estimators")


def main():
    obp, rng = estimators(Path(sys.argv[1])), np.random.default_rng(2022)
    e, pi = rng.dirichlet(np.full(K, 2.0), N), rng.dirichlet(np.ones(K), N)
    e[:, -1] = 1.0 - e[:, :-1].sum(1)
    arm = (e.cumsum(1) > rng.random(N)[:, None]).argmax(1)
    arrays = {
        "arm": arm,
        "reward": np.round(rng.random(N), 3),
        "probabilities": e,
        "target": pi / pi.sum(1, keepdims=True),
        "mean_reward": np.round(rng.random((N, K)), 3),
    }
    pi = arrays["target"]
    given = {"reward": arrays["reward"], "action": arm, "pscore": e[np.arange(N), arm], "action_dist": pi[:, :, None]}
    given["estimated_rewards_by_reg_model"] = arrays["mean_reward"][:, :, None]
    made = {
        "dm": obp.DirectMethod(),
        "ips": obp.InverseProbabilityWeighting(),
        "snips": obp.SelfNormalizedInverseProbabilityWeighting(),
        "dr": obp.DoublyRobust(),
        "clipped_dr": obp.DoublyRobust(lambda_=CLIP),
        "sn_dr": obp.SelfNormalizedDoublyRobust(),
    }
    values = {name: float(each.estimate_policy_value(**given)) for name, each in made.items()}
    record = {"made_with": "obp 0.5.7", "clip": CLIP, "values": values}
    record |= {name: value.tolist() for name, value in arrays.items()}
    Path(__file__).with_name("obp_reference.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
