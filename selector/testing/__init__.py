"""For your own tests: providers that fail on demand, laws that every policy keeps, and random views to try one on."""

from selector.testing._clock import HandClock
from selector.testing._laws import PolicyLaws
from selector.testing._ledger import Received
from selector.testing._month import DemoState, demo_state
from selector.testing._openai import FakeOpenAI
from selector.testing._provider import FakeProvider
from selector.testing._script import Fault, Reply, Script, Step, flaky
from selector.testing._views import random_view

__all__ = [
    "DemoState",
    "FakeOpenAI",
    "FakeProvider",
    "Fault",
    "HandClock",
    "PolicyLaws",
    "Received",
    "Reply",
    "Script",
    "Step",
    "demo_state",
    "flaky",
    "random_view",
]
