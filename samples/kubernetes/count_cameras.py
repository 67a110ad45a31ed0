"""Not verified on a cluster. Count the cameras of a config with a network that runs on a model server.

python count_cameras.py cameras.yaml --server http://crowd-model:8000 --name crowd [--model crowd.skt]

The package says how frames are cut and padded; it is the one that was laid out for the server. SIGTERM lets the sinks
write what is left. A server that is away for a minute ends the program, and Kubernetes starts it again.
"""

import argparse
import signal
import sys
from pathlib import Path

from sdk import SktError
from sdk.served import open_served
from sdk.streams.cameras import Cameras, read_cameras


def main() -> None:
    """Count until all sources end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cameras", type=Path)
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--name", default="", help="of the model on the server; the package's if absent")
    parser.add_argument("--model", help="the package; the shipped one if absent")
    options = parser.parse_args()
    config = read_cameras(options.cameras)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        open_served(options.server, options.model, model=options.name) as counter,
        Cameras(counter.count, config) as cameras,
    ):
        for taken in cameras:
            seen = taken.stream
            what = f"{seen.result.count:.1f} people" if seen.result is not None else f"{seen.state} {seen.error or ''}"
            print(f"{seen.time:%H:%M:%S} {taken.camera}: {what}  {', '.join(taken.said)}".rstrip(), flush=True)


if __name__ == "__main__":
    try:
        main()
    except SktError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
