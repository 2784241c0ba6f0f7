#!/usr/bin/env python3
"""What the endpoint's code consists of: bytes of machine code by feature and by library, from the symbols of an unstripped build.

A function counts for the first part that its name holds: generic code of a library that is made for a type of ours is ours. Constants,
tables for panics and relocations have no such names and are told in one sum.
"""

import argparse
import collections
import pathlib
import re
import subprocess

# Parts of our own, by the beginning of the path; the first that fits counts.
OURS = [
    ("agents::openai", "agent: openai"),
    ("agents::a2a", "agent: a2a"),
    ("agents::cognigy", "agent: cognigy"),
    ("agents::http", "agent: http"),
    ("agents::rasa", "agent: rasa"),
    ("agents::aws::lex", "agent: lex"),
    ("agents::aws::agentcore", "agent: agentcore"),
    ("agents::aws", "agents on AWS: lambda, and signing"),
    ("agents::demo", "agent: demo"),
    ("agents", "agents: what all share"),
    ("whatsapp::inbound", "webhooks: reading"),
    ("whatsapp::signature", "webhooks: reading"),
    ("whatsapp::outbound::markdown", "Markdown"),
    ("whatsapp::outbound", "messages: fitting and writing"),
    ("whatsapp", "Graph"),
    ("ingress", "doors"),
    ("turn", "turn and outbox"),
    ("outbox", "turn and outbox"),
    ("store", "store"),
    ("queue", "queue and dead letters"),
    ("conversation", "conversation"),
    ("", "settings, secrets, start, logs"),
]
# Libraries, by the beginning of the crate's name.
LIBRARIES = [
    ("pulldown_cmark", "Markdown"),
    ("unicode_segmentation", "messages: fitting and writing"),
    ("aws_sdk_dynamodb", "library: DynamoDB"),
    ("aws_sdk_secretsmanager", "library: Secrets Manager"),
    ("aws_sdk_sqs", "library: SQS"),
    ("aws_lambda_events", "library: Lambda runtime and events"),
    ("aws_", "library: what the AWS clients share"),
    ("regex_lite", "library: what the AWS clients share"),
    ("lambda_", "library: Lambda runtime and events"),
    ("encoding_rs", "library: Lambda runtime and events"),
    ("query_map", "library: Lambda runtime and events"),
    ("rustls", "library: TLS"),
    ("ring", "library: TLS"),
    ("webpki", "library: TLS"),
    ("tokio_rustls", "library: TLS"),
    ("hyper_rustls", "library: TLS"),
    ("serde", "library: JSON"),
    ("zmij", "library: JSON"),
    ("ryu", "library: JSON"),
    ("tokio", "library: tasks"),
    ("futures", "library: tasks"),
    ("mio", "library: tasks"),
    ("tracing", "library: logs"),
    ("sharded_slab", "library: logs"),
    ("nu_ansi_term", "library: logs"),
    ("jiff", "library: time"),
    ("time", "library: time"),
    ("std", "Rust's own"),
    ("core", "Rust's own"),
    ("alloc", "Rust's own"),
    ("hashbrown", "Rust's own"),
    ("gimli", "Rust's own"),
    ("addr2line", "Rust's own"),
    ("rustc_demangle", "Rust's own"),
    ("miniz_oxide", "Rust's own"),
    ("", "library: HTTP client, URLs and the rest"),
]
FUNCTION = re.compile(r"^[0-9a-f]+ ([0-9a-f]+) [tTwW] (.+)$", re.MULTILINE)
OUR_PATH = re.compile(r"whatsapp_endpoint::((?:\w+::)*\w+)")
CRATE = re.compile(r"(?<![\w:])([a-z_]\w*)::")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path, help="an unstripped build of the endpoint")
    program = parser.parse_args().program
    names = subprocess.run(["nm", "--demangle", "--print-size", program], check=True, capture_output=True, text=True)
    weights = collections.Counter()
    for size, symbol in FUNCTION.findall(names.stdout):
        weights[part(symbol)] += int(size, 16)
    code = sum(weights.values())
    print("| code of | bytes | share |\n| --- | --: | --: |")
    for name, weight in weights.most_common():
        print(f"| {name} | {weight / 1e3:.0f} kB | {weight / code:.1%} |")
    print(f"| **together** | **{code / 1e3:.0f} kB** | |")


def part(symbol):
    """The part that a function belongs to."""
    if ours := OUR_PATH.search(symbol):
        return first(OURS, ours[1])
    crates = CRATE.findall(symbol)
    # What a library makes of Rust's own generics is the library's.
    foreign = [crate for crate in crates if crate not in ("std", "core", "alloc")]
    return first(LIBRARIES, (foreign or crates or [symbol])[0])


def first(table, path):
    return next(name for start, name in table if path.startswith(start))


if __name__ == "__main__":
    main()
