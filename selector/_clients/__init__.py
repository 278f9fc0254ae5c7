"""The clients: the one place where what is executed, stored and learnt meets."""

from selector._clients._async import AsyncSelector
from selector._clients._rebuild import Rebuilt, rebuild
from selector._clients._selector import Selector
from selector._clients._status import Status

__all__ = ["AsyncSelector", "Rebuilt", "Selector", "Status", "rebuild"]
