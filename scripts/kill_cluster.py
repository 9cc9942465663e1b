"""Kill workers and drivers of a sweep at random moments until it is finished; compare its records with a straight run's.

A driver that was killed is begun again by the same command. The sweep is of successive halving with continued agents on a
probe, in rounds, so that its records do not depend on which run is finished first. Sweeps are repeated until there were as
many kills as are asked for.

    .venv/bin/python scripts/kill_cluster.py [--kills 50] [--seed 0]
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

import hpo
from arl.records.sweep import SweepRecord

ARL = str(Path(sys.executable).with_name("arl"))
TASK, FIDELITY, BUDGET = "ppo/ProbeMatching", 20_000, 12
SWEEP = f"sweep {TASK} --tuner asha --budget {BUDGET} --fidelity {FIDELITY} --seeds 2 --synchronous --name killed"
CLUSTER = "--cluster run/scheduler.json --cluster-wait 60"
SECONDS = (1.0, 15.0)  # between kills: also while a driver or a worker starts
TIMED = ["seconds", "finished_at", "provenance"]


def start(words: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [ARL, *words.split()],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("ab"),
    )


def kill_a_worker(workers: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill a process that trains; return whether there was one."""
    training = psutil.Process(workers.pid).children()
    if training:
        chance.choice(training).kill()
    return bool(training)


def run_with_kills(folder: Path, most: int, chance: random.Random) -> dict[str, int]:
    """Run the sweep, and kill a worker or the driver now and then; return how many of each were killed."""
    killed = {"worker": 0, "driver": 0}
    workers, driver = (
        start("worker run/scheduler.json --processes 2 --wait 120", folder),
        start(f"{SWEEP} {CLUSTER}", folder),
    )
    try:
        while sum(killed.values()) < most:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if driver.wait(chance.uniform(*SECONDS)) != 0:
                    raise RuntimeError(
                        f"the driver ended with status {driver.returncode}: {(folder / 'log').read_text()}"
                    )
                return killed
            if chance.random() < 0.5:
                killed["worker"] += kill_a_worker(workers, chance)
            else:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()
                killed["driver"] += 1
                driver = start(f"{SWEEP} {CLUSTER}", folder)
        if driver.wait(600) != 0:
            raise RuntimeError(f"the driver ended with status {driver.returncode}: {(folder / 'log').read_text()}")
        return killed
    finally:
        end(driver, workers)


def end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            child.kill()
        process.kill()
        process.wait()


def frames(record: SweepRecord) -> list[pd.DataFrame]:
    """Return trials, runs and curves without what differs from one time to the next."""
    return [frame.drop(columns=TIMED, errors="ignore") for frame in (record.trials, record.runs, record.curves)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance, killed = random.Random(args.seed), {"worker": 0, "driver": 0}
    with tempfile.TemporaryDirectory() as folder:
        straight = Path(folder) / "straight"
        straight.mkdir()
        if start(SWEEP, straight).wait() != 0:
            raise RuntimeError((straight / "log").read_text())
        expected = frames(hpo.load_sweep("killed", straight / "results" / "store.sqlite"))
        for number in range(args.kills):
            if sum(killed.values()) >= args.kills:
                break
            started, place = time.perf_counter(), Path(folder) / str(number)
            place.mkdir()
            counts = run_with_kills(place, args.kills - sum(killed.values()), chance)
            killed = {kind: killed[kind] + counts[kind] for kind in killed}
            got = frames(hpo.load_sweep("killed", place / "results" / "store.sqlite"))
            for frame, other in zip(got, expected, strict=True):
                pd.testing.assert_frame_equal(frame, other, check_exact=True)
            print(f"sweep {number}: {counts}, equal records, {time.perf_counter() - started:.0f} s", flush=True)
    print(f"killed {killed}: the records are those of a straight run")


if __name__ == "__main__":
    main()
