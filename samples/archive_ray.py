"""Count the photos of an archive on all cores, or on a cluster, into a folder of Parquet files; go on where it ended.

python samples/archive_ray.py PHOTOS COUNTS [--model PACKAGE] [--workers 4]

Needs `pip install 'skt-edge[archive]'`. With RAY_ADDRESS set the workers are those of that Ray cluster, whose machines
have the SDK, too, and see both folders under the same paths. A photo that cannot be read has its error in its row.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import ray

from sdk.batch import BatchCounter
from sdk.parts import Parts
from sdk.sources import walk_photos


class Worker:
    """Counts one part after the other; Ray makes one in each of its processes."""

    def __init__(self, model: str | None, counts: Path) -> None:
        self.counter = BatchCounter(model)
        self.parts = Parts(counts, self.counter.model)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Write the batch's part; what comes back is only how many photos it held, and how many failed."""
        columns = self.counter(batch)
        self.parts.write(columns)
        return {"photos": np.array([len(columns["photo"])]), "failed": np.array([np.isnan(columns["count"]).sum()])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("counts", type=Path)
    parser.add_argument("--model", help="a package; the shipped one if absent")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--part", type=int, default=256, help="photos in a Parquet file, which are lost by a kill")
    options = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    counts = options.counts.resolve()
    with BatchCounter(options.model) as counter:
        parts = Parts(counts, counter.model)
    left = parts.left(walk_photos(options.photos.resolve()))
    print(f"{len(left)} photos to count, {len(parts.table(['photo']))} counted before", flush=True)
    blocks = [left.slice(start, options.part) for start in range(0, len(left), options.part)]
    if blocks:
        ray.init(log_to_driver=False, logging_level="warning")
        ray.data.DataContext.get_current().enable_progress_bars = False
        pool = ray.data.ActorPoolStrategy(size=options.workers)
        work = {"compute": pool, "batch_size": None, "fn_constructor_args": (options.model, counts)}
        for row in ray.data.from_arrow(blocks).map_batches(Worker, **work).iter_rows():
            print(f"a part of {row['photos']} photos, {row['failed']} of them unreadable", flush=True)
    table = parts.table()
    print(f"{len(table)} photos, {pc.sum(table['count']).as_py():.1f} people, {table['count'].null_count} unreadable")
