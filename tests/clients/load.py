"""wrk and hey. Both end with 0 whatever they were answered, so what they counted is judged."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile


def load(url, key, ask):
    """Asks whole and streamed, four at once; and with a wrong key, for which all must be refused."""
    url += "/v1/chat/completions"
    for tool in (wrk, hey):
        if not shutil.which(tool.__name__):
            print(f"load: skipped, no {tool.__name__}")
            continue
        for stream in (False, True):
            body = json.dumps({**ask, "stream": stream})
            requests, failed = tool(url, key, body)
            assert requests >= 40 and failed == 0, (tool.__name__, stream, requests, failed)
            print(f"load: {tool.__name__}, {'streamed' if stream else 'whole'}: {requests} requests, {failed} failed")
        requests, failed = tool(url, "wrong", body)
        assert requests == failed > 0, (tool.__name__, "misses refusals", requests, failed)


def wrk(url, key, body):
    script = f"""
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        wrk.headers["Authorization"] = "Bearer {key}"
        wrk.body = [[{body}]]
    """
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, "post.lua")
        path.write_text(script)
        said = run("wrk", "-t1", "-c4", "-d2s", "-s", path, url)
    requests, refused = (found(pattern, said) for pattern in (r"(\d+) requests in", r"Non-2xx or 3xx responses: (\d+)"))
    broken = sum(int(count) for line in re.findall("Socket errors: .*", said) for count in re.findall(r"\d+", line))
    return requests, refused + broken


def hey(url, key, body):
    authorized = f"Authorization: Bearer {key}"
    said = run("hey", "-n", "200", "-c", "4", "-m", "POST", "-T", "application/json", "-H", authorized, "-d", body, url)
    answered = {status: int(count) for status, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", said)}
    return 200, 200 - answered.get("200", 0)


def run(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def found(pattern, text):
    match = re.search(pattern, text)
    return int(match.group(1)) if match else 0
