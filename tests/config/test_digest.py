"""The digest stands for how a configuration decides, and for nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from selector.config import Config


class TestDigest:
    def test_it_changes_with_any_value(self):
        one = Config.load({"models": {"a": {"usd_per_mtok_in": 1}}})
        assert one.digest != Config.load({"models": {"a": {"usd_per_mtok_in": 1.5}}}).digest
        assert one.digest == Config.load({"models": {"a": {"usd_per_mtok_in": 1.0}}}).digest

    @given(st.randoms(use_true_random=False))
    def test_the_order_of_keys_does_not_matter(self, random):
        def shuffled(value):
            if not isinstance(value, dict):
                return value
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}

        plain = {
            "models": {"a": {"usd_per_mtok_in": 1, "id": "x"}, "b": {"of": "a"}, "c": {"params": {"p": 1, "q": 2}}},
            "policy": {"name": "thompson", "floor": 0.01},
            "task_types": {"coding": {"needs": ["tools"], "explore": False}, "email": {}},
        }
        assert Config.load(shuffled(plain)).digest == Config.load(plain).digest

    def test_it_is_pinned(self):
        """A change here is a change of what is logged: raise the format's version, or say so."""
        assert Config.load({"models": {"a": {}}}).digest == "90e7239d417d2370"
