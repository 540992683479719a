"""Clients that nobody here wrote, against `harpoon mock`: OpenAI's SDK, curl, wrk and hey.

    clients.py HARPOON SCENARIO

Exits with an error at the first answer that is not what such a client is promised.
"""

import json
import subprocess
import sys

import openai

from load import load
from mock import serving

KEY = "the right key"
MODEL = "known"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "twelve bytes"}], "max_tokens": 16}


def main(harpoon, scenario):
    with serving(harpoon, scenario, "--speed", "20", key=KEY, shares=1) as url:
        sdk(url)
        curl(url)
        load(url, KEY, ASK)


def sdk(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).object == "model"

    whole = client.chat.completions.create(**ASK)
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (3, 16, 19)
    assert whole.choices[0].finish_reason == "length" and whole.object == "chat.completion"

    chunks = list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(words) == 16 and "".join(words) == whole.choices[0].message.content
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "length"

    parts = [{"role": "user", "content": [{"type": "text", "text": "twelve bytes"}]}]
    assert client.chat.completions.create(**{**ASK, "messages": parts}).usage == whole.usage

    text = client.completions.create(model=MODEL, prompt="twelve bytes", max_tokens=16)
    assert text.choices[0].text == whole.choices[0].message.content
    streamed = client.completions.create(model=MODEL, prompt="twelve bytes", max_tokens=16, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == text.choices[0].text

    refused(openai.NotFoundError, lambda: client.chat.completions.create(**{**ASK, "model": "gpt"}))
    refused(openai.BadRequestError, lambda: client.chat.completions.create(**ASK, n=2))
    stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0)
    refused(openai.AuthenticationError, stranger.models.list)
    # Hanging up in the middle of a stream stops it.
    with client.chat.completions.create(**{**ASK, "max_tokens": 100_000}, stream=True) as stream:
        next(iter(stream))


def refused(kind, ask):
    try:
        ask()
    except kind as error:
        assert error.message and error.body["message"], error
        return
    raise AssertionError(f"no {kind.__name__}")


def curl(url):
    def ask(path, *more):
        command = ["curl", "-sS", "-i", "-H", f"Authorization: Bearer {KEY}", *more, url + path]
        head, _, body = subprocess.run(command, capture_output=True, check=True, text=True).stdout.partition("\n\n")
        return head.lower(), body

    as_json = ["-H", "Content-Type: application/json", "-H", "x-request-id: mine"]
    head, body = ask("/v1/chat/completions", *as_json, "-d", json.dumps(ASK))
    assert head.startswith("http/1.1 200") and "x-request-id: mine" in head, head
    assert json.loads(body)["usage"]["completion_tokens"] == 16
    head, body = ask("/v1/chat/completions", *as_json, "-N", "-d", json.dumps({**ASK, "stream": True}))
    assert "content-type: text/event-stream" in head and body.rstrip().endswith("data: [DONE]"), (head, body)


if __name__ == "__main__":
    main(*sys.argv[1:])
