#!/usr/bin/env python3
"""What a million messages cost on AWS, reckoned from the figures that `make bench` leaves in target/bench.json.

Measured: requests, the processor's time and the bytes of log of every kind of invocation, and where Linux lets us, how much longer it
takes with the share of a processor that comes with a memory size; elsewhere that is reckoned. Assumed, and to be set by options: how long
the services make us wait. docs/cost.md tells the rest.
"""

import argparse
import json
import math
import pathlib

# List prices of us-east-1 in US dollars without free tiers and discounts, as of November 2026. They change: look them up.
MILLION = 1_000_000
LAMBDA_REQUEST = 0.20 / MILLION  # https://aws.amazon.com/lambda/pricing/
LAMBDA_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
API_GATEWAY_REQUEST = 1.00 / MILLION  # HTTP API, up to 512 kB: https://aws.amazon.com/api-gateway/pricing/
SQS_REQUEST = 0.50 / MILLION  # FIFO, up to 64 kB: https://aws.amazon.com/sqs/pricing/
DYNAMODB_WRITE = 0.625 / MILLION  # on demand, by the unit: https://aws.amazon.com/dynamodb/pricing/on-demand/
DYNAMODB_READ = 0.125 / MILLION
LOG_BYTE = 0.50 / 1e9  # CloudWatch, taking in: https://aws.amazon.com/cloudwatch/pricing/

# At so many megabytes a function has one whole processor, with fewer a share of it.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
WHOLE_PROCESSOR = 1769
# What Lambda itself writes for every invocation: start, end and report.
PLATFORM_LOG_BYTES = 400
# A line of API Gateway's access log, in the format of template.yaml.
ACCESS_LOG_BYTES = 250
# Receiving and deleting, by which Lambda takes a message out of the queue.
SQS_REQUESTS_OF_LAMBDA = 2
MEMORY_SIZES = [128, 192, 256, 512, 1024, 1769]
# delivered and read; `sent` is counted by itself.
OTHER_STATUSES = 2


def main():
    root = pathlib.Path(__file__).parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--figures", type=pathlib.Path, default=root / "target/bench.json", help="what make bench has left")
    parser.add_argument("--memory", type=int, default=256, help="memory size of the function in MB")
    parser.add_argument("--architecture", choices=LAMBDA_GB_SECOND, default="x86_64", help="processor of the function")
    parser.add_argument("--agent-ms", type=float, default=2000, help="how long the agent takes")
    parser.add_argument("--graph-ms", type=float, default=300, help="how long a call of Graph takes")
    parser.add_argument("--dynamodb-ms", type=float, default=6, help="how long a request of DynamoDB takes")
    parser.add_argument("--sqs-ms", type=float, default=12, help="how long a request of SQS takes")
    parser.add_argument("--slower", type=float, default=1, help="a processor of Lambda takes so many times our time")
    parser.add_argument("--units", type=int, default=1, help="units of a write: kilobytes of the conversation, rounded up")
    choice = parser.parse_args()
    if not choice.figures.exists():
        parser.error(f"{choice.figures} is missing: run `make bench` first")
    figures = json.loads(choice.figures.read_text())

    one, three = (bill(figures, replies, choice) for replies in (1, 3))
    print(f"A million messages at {choice.memory} MB, {choice.architecture}, with an agent that takes {choice.agent_ms:.0f} ms:\n")
    print("| US dollars | one reply each | three replies each |\n| --- | --: | --: |")
    for service in one:
        print(f"| {service} | {one[service] * MILLION:.2f} | {three[service] * MILLION:.2f} |")
    print(f"| **together** | **{total(one):.2f}** | **{total(three):.2f}** |")

    print("\nWith one reply, by memory size:\n")
    print("| memory | a turn takes | of it computing | a million messages |\n| --: | --: | --: | --: |")
    for memory in MEMORY_SIZES:
        sized = argparse.Namespace(**{**vars(choice), "memory": memory})
        took, price = milliseconds(figures, "turn_1", sized), total(bill(figures, 1, sized))
        print(f"| {memory} MB | {took} ms | {computing(figures, 'turn_1', sized):.1f} ms | $ {price:.2f} |")


def bill(figures, replies, choice):
    """What one message costs with all that follows from it, by service, in dollars."""
    webhooks = {"webhook": 1, "status_sent": replies, "status_other": OTHER_STATUSES * replies}
    names = {**webhooks, f"turn_{replies}": 1}
    everything = [(figures["kinds"][name], times) for name, times in names.items()]
    seconds = sum(milliseconds(figures, name, choice) * times for name, times in names.items()) / 1000
    gigabytes = choice.memory / 1024
    log_bytes = sum((kind["log_bytes"] + PLATFORM_LOG_BYTES) * times for kind, times in everything)
    log_bytes += sum(webhooks.values()) * ACCESS_LOG_BYTES
    return {
        "API Gateway": sum(webhooks.values()) * API_GATEWAY_REQUEST,
        "Lambda, requests": sum(names.values()) * LAMBDA_REQUEST,
        "Lambda, time": seconds * gigabytes * LAMBDA_GB_SECOND[choice.architecture],
        "SQS": (calls(everything, "SQS") + SQS_REQUESTS_OF_LAMBDA) * SQS_REQUEST,
        "DynamoDB, writes": calls(everything, "DynamoDB UpdateItem") * choice.units * DYNAMODB_WRITE,
        "DynamoDB, reads": calls(everything, "DynamoDB GetItem") * DYNAMODB_READ,
        "CloudWatch Logs": log_bytes * LOG_BYTE,
    }


def total(services):
    return sum(services.values()) * MILLION


def calls(everything, service):
    counts = [(count, times) for kind, times in everything for name, count in kind["calls"].items() if name.startswith(service)]
    return sum(count * times for count, times in counts)


def milliseconds(figures, name, choice):
    """How long an invocation takes, rounded up as Lambda does: computing, and waiting for one call after the other."""
    kind = figures["kinds"][name]

    def count(service):
        return calls([(kind, 1)], service)

    waiting = count("DynamoDB") * choice.dynamodb_ms + count("SQS") * choice.sqs_ms + count("Graph message") * choice.graph_ms
    # The read receipt goes out beside the question to the agent.
    waiting += max(count("agent") * choice.agent_ms, count("Graph read") * choice.graph_ms)
    return math.ceil(waiting + computing(figures, name, choice))


def computing(figures, name, choice):
    """The milliseconds of an invocation that are no waiting for others: with less than a processor some of them pass idly."""
    whole = figures["kinds"][name]["processor_us"] / 1000
    sizes = {size["memory"]: size["took_ms"][name] for size in figures.get("by_memory", {}).get("sizes", [])}
    if not sizes:
        return whole * choice.slower * max(1, WHOLE_PROCESSOR / choice.memory)
    measured = max((size for size in sizes if size <= choice.memory), default=min(sizes))
    return (whole + max(0, sizes[measured] - sizes[max(sizes)])) * choice.slower


if __name__ == "__main__":
    main()
