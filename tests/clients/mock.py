"""`harpoon mock` for as long as a client asks it."""

import contextlib
import os
import re
import signal
import subprocess


@contextlib.contextmanager
def serving(harpoon, scenario, *more, key=None, shares=None):
    """Its address; at the end everything has to be given back, of so many shares if that is known."""
    own = {name: value for name, value in os.environ.items() if name not in ("HOSTED_AI_API_KEY", "OPENAI_API_KEY")}
    mock = subprocess.Popen(
        [harpoon, "mock", scenario, "--listen", "127.0.0.1:0", *more],
        env={**own, "HOSTED_AI_API_KEY": key} if key else own,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield re.search(r"http://\S+", mock.stderr.readline()).group()
    finally:
        mock.send_signal(signal.SIGINT)
        said = mock.communicate(timeout=60)[1]
    assert mock.returncode in (0, 130), (mock.returncode, said)
    assert shares is None or f"{shares} given back at the end" in said, said
    print("mock:", said.strip().splitlines()[-1])
