"""Load generators that nobody here wrote, against an engine whose times are known.

    harnesses.py HARPOON SCENARIO PLACE

PLACE has `tools/bin/oha` and virtual environments `guidellm` and `aiperf`; `.ci/run harnesses` makes it. Each asks
40 times, four at once, whole and streamed. Prints what they measured; exits with an error if a request failed, or if a
median is less than the truth or more than half above it.
"""

import json
import os
import pathlib
import subprocess
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mock import serving

MODEL = "known"
REQUESTS = 40
TOKENS = 16
# In milliseconds: the scenario's times.
TRUTH = {"ttft": 50, "itl": 10, "e2e": 50 + 10 * (TOKENS - 1)}
# A client that reads two chunks at once sees no gap between them.
LEAST, MOST = 0.9, 1.5


def main(harpoon, scenario, place):
    place = pathlib.Path(place)
    tokenizer = made_tokenizer(place / "tokenizer")
    wrong = []
    with serving(harpoon, scenario, "--requests-per-share", "1") as url:
        print(f"{'client':<10}{'answers':<10}{'requests':>9}{'failed':>8}" + "".join(f"{name + ' p50':>10}" for name in TRUTH))
        for client in (oha, guidellm, aiperf):
            for stream in (False, True):
                requests, failed, medians = client(place, url, tokenizer, stream)
                row = f"{client.__name__:<10}{'streamed' if stream else 'whole':<10}{requests:>9}{failed:>8}"
                row += "".join(f"{medians[name]:>10.1f}" if name in medians else f"{'-':>10}" for name in TRUTH)
                print(row, flush=True)
                far = [name for name, ms in medians.items() if not LEAST * TRUTH[name] <= ms <= MOST * TRUTH[name]]
                if failed or requests != REQUESTS or far:
                    wrong.append(f"{row.strip()}: {far or 'requests failed'}")
    if wrong:
        sys.exit("\n".join(["error: not as expected:", *wrong]))


def made_tokenizer(place):
    """Byte pairs of a few words, so that none is downloaded."""
    place.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|end|>"])
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog"], trainer)
    tokenizer.save(str(place / "tokenizer.json"))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<|end|>"}
    (place / "tokenizer_config.json").write_text(json.dumps({**kind, "model_max_length": 8192}))
    (place / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    return place


def oha(place, url, _, stream):
    ask = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": TOKENS, "stream": stream}
    how = ["-n", REQUESTS, "-c", 4, "--no-tui", "--output-format", "json", "-m", "POST", "-T", "application/json"]
    said = run(place / "tools/bin/oha", *how, "-d", json.dumps(ask), f"{url}/v1/chat/completions")
    told = json.loads(said)
    statuses = told["statusCodeDistribution"]
    requests = sum(statuses.values()) + sum(told["errorDistribution"].values())
    return requests, requests - statuses.get("200", 0), {"e2e": told["latencyPercentiles"]["p50"] * 1e3}


def guidellm(place, url, tokenizer, stream):
    out = place / "guidellm.json"
    run(
        *[place / "guidellm/bin/guidellm", "run", "--disable-console", "--output", f"kind=json,path={out}"],
        *["--backend", f"kind=openai_http,target={url},model={MODEL},stream={str(stream).lower()}"],
        *["--profile", "kind=concurrent,streams=4", "--constraint", f"kind=max_requests,count={REQUESTS}"],
        *["--tokenizer", f"kind=huggingface_auto,model={tokenizer}"],
        *["--data", f"kind=synthetic_text,prompt_tokens=64,output_tokens={TOKENS}"],
        HF_HUB_OFFLINE="1",
    )
    told = json.loads(out.read_text())["benchmarks"][0]["metrics"]
    median = lambda name: told[name]["successful"]["median"]
    medians = {"e2e": median("request_latency") * 1e3}
    if stream:
        medians |= {"ttft": median("time_to_first_token_ms"), "itl": median("inter_token_latency_ms")}
    totals = told["request_totals"]
    return totals["total"], totals["total"] - totals["successful"], medians


def aiperf(place, url, tokenizer, stream):
    out = place / "aiperf-out"
    run(
        *[place / "aiperf/bin/aiperf", "profile", "-m", MODEL, "--url", url, "--endpoint-type", "chat"],
        *["--tokenizer", tokenizer, "--use-server-token-count", "--isl", 64, "--osl", TOKENS],
        *["--concurrency", 4, "--request-count", REQUESTS, "--ui", "none"],
        *["--no-gpu-telemetry", "--no-server-metrics", "--artifact-dir", out, *["--streaming"] * stream],
    )
    told = json.loads((out / "profile_export_aiperf.json").read_text())
    names = {"e2e": "request_latency"}
    if stream:
        names |= {"ttft": "time_to_first_token", "itl": "inter_token_latency"}
    # It counts those that failed apart.
    done, failed = told["request_count"]["avg"], (told.get("error_request_count") or {"avg": 0})["avg"]
    return int(done + failed), int(failed), {ours: told[name]["p50"] for ours, name in names.items()}


def run(*command, **more):
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **more}, timeout=600)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
