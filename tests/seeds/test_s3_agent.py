"""S3.8: the file of one agent is called as it says, with the key that lies in it, which only its owner may read."""

import json
import os

import pytest

from selector import Selector, Task, create_client
from selector.errors import ConfigError, NoEligibleModelError
from selector.testing import FakeOpenAI
from tests.config.formats.fragments import AGENT, SECRET

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")

TOOLS = [{"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def agent(tmp_path):
    """Write an agent's file for a server of this machine, and give both."""

    def write(server, mode=0o600, **changes):
        file = tmp_path / "config.json"
        file.write_text(json.dumps({**json.loads(AGENT), "api_url": f"{server.base_url}/chat/completions", **changes}))
        file.chmod(mode)
        return file

    return write


def test_s3_8_an_agent_is_called_as_its_file_says(agent, tmp_path):
    with FakeOpenAI("done") as server:
        file = agent(server)
        with Selector.open(file, state=tmp_path / "state", seed=1) as selector:
            assert selector.run(Task("coding", prompt="hi", tools=TOOLS)).text == "done"
        (request,) = server.requests
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        body = request.body
        assert (body["model"], body["temperature"]) == ("model-name", 0.7)
        assert {body.get("max_tokens"), body.get("max_completion_tokens")} == {4_096, None}
        kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert kept
        assert not any(SECRET.encode() in each for each in kept)


def test_s3_8_an_agent_without_tools_is_not_given_any(agent, tmp_path):
    with FakeOpenAI("done") as server:
        file = agent(server, supports_tools=False)
        with Selector.open(file, state=tmp_path / "state", seed=1) as selector:
            client = create_client(selector=selector)
            with pytest.raises(NoEligibleModelError, match="tools"):
                client.chat.completions.create(messages=[{"role": "user", "content": "hi"}], tools=TOOLS)
        assert server.requests == []


@pytest.mark.skipif(os.name != "posix", reason="rights of files are POSIX")
def test_s3_8_a_file_that_others_may_read_is_refused_before_anything_is_called(agent, tmp_path):
    with FakeOpenAI("done") as server:
        file = agent(server, mode=0o644)
        with pytest.raises(ConfigError, match="chmod 600"):
            Selector.open(file, state=tmp_path / "state", seed=1)
        assert server.requests == []
