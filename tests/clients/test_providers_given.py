"""What stands in for a configured provider can be called, or is refused at once."""

import pytest

from selector import Selector
from selector.errors import ConfigError

CONFIG = {
    "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9"}},
    "models": {"m": {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 1}},
}


@pytest.mark.parametrize("given", [{"kind": "openai"}, "http://127.0.0.1:9", None])
def test_what_cannot_be_called_is_refused_when_it_is_given(folder, given):
    with pytest.raises(ConfigError, match=f"'work' is a {type(given).__name__}, which cannot be called"):
        Selector.open(CONFIG, state=folder, providers={"work": given})
