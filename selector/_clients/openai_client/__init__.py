"""A client in place of OpenAI's: calls and answers of that package's shape, served by whichever model is chosen."""

from selector._clients.openai_client._async_client import AsyncClient, create_async_client
from selector._clients.openai_client._client import Client, create_client
from selector._clients.openai_client._shape import ChatCompletion, ChatCompletionChunk
from selector._clients.openai_client._streams import AsyncCompletionStream, CompletionStream

__all__ = [
    "AsyncClient",
    "AsyncCompletionStream",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Client",
    "CompletionStream",
    "create_async_client",
    "create_client",
]
