"""What several tests of the configuration share."""

import pytest

from selector.config import Config, ModelConfig, ProviderConfig, RouteConfig
from selector.config._quotas import LATER_QUOTAS, LATER_ROUTE_BY


@pytest.fixture
def nothing_of_quotas_waits(monkeypatch):
    """Accept the keys whose sections are ready, whether or not what honours them is."""
    for section in (Config, ModelConfig, ProviderConfig, RouteConfig):
        monkeypatch.setattr(section, "later", section.later - LATER_QUOTAS - LATER_ROUTE_BY)
