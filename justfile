# One recipe per check, the same for people and for CI: each is a step of .ci/run, where its command is.

# Lists the recipes.
default:
    @just --list --unsorted

# All checks, with the time each took.
all:
    .ci/run

# The layout of the code.
fmt:
    .ci/run fmt

# Lints; warnings are errors.
clippy:
    .ci/run clippy

# All tests.
test:
    .ci/run test

# Readers of foreign bytes under libFuzzer, ten seconds each; installs cargo-fuzz below target.
fuzz:
    .ci/run fuzz

# The durable ledger in PostgreSQL; installs the server where it can.
postgres:
    .ci/run postgres

# The rules that no compiler checks.
tidy:
    .ci/run tidy

# Documentation builds, its links hold.
doc:
    .ci/run doc

# The first command of the README.
quickstart:
    .ci/run quickstart

# Each shipped scenario gives the same digest twice.
scenarios:
    .ci/run scenarios

# The FOCUS export of a run against focus-validator; installs it where there is python3.
focus:
    .ci/run focus

# OpenAI's SDK, curl, wrk and hey against the mock; installs them where there is python3.
clients:
    .ci/run clients

# oha, guidellm and aiperf against the mock; installs them: 7 GB, many minutes, no part of .ci/run.
harnesses:
    .ci/run harnesses

# Every bench runs, once.
bench-smoke:
    .ci/run bench-smoke

# Licences, bans and sources of dependencies.
deny:
    .ci/run deny
