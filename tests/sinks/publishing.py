"""A process that sends numbered readings to a sink as fast as it can, and says each as soon as it is kept.

python -m tests.sinks.publishing SPEC FIRST COUNT
"""

from __future__ import annotations

import sys

from sdk.sinks import open_sink
from tests.sinks.records import reading


def main(spec: str, first: int, count: int) -> None:
    with open_sink(spec) as sink:
        for number in range(first, first + count):
            sink.send(reading(number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
