"""How often checks are wrong, over many made datasets: `python -m tests.rates SEEDS [MINUTES]` prints a table.

Each dataset goes through all stages of a run. A false alarm is a sentence that is said although it is untrue, a miss
one that is not said although it is true. Of 200 datasets, 17 false alarms are the 97.5 % bound of a test at 5 %. After
MINUTES no further dataset is begun, and the table says how many there were.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests import sentences, simulator
from tests.sentences import ABOVE_SHUFFLES, ALIKE, BACK, CLASSIFIED, NO_SHORTCUT, NOISE, SHIFT, SHORTCUT

WORKERS = 2
NOTHING_PLANTED = "600 images, 3 classes, labels say nothing"
DATASETS = {
    "noise": (simulator.noise, NOTHING_PLANTED),
    "handfuls": (simulator.handfuls, "100 classes of 3 images, labels say nothing"),
    "tails": (simulator.tails, "600 images, strengths by Student's t with 2 degrees of freedom, labels say nothing"),
    "spreads": (simulator.spreads, "equal means; a tenth of 600 images varies three times as much"),
    "planted": (simulator.planted, "600 images, class means 1 deviation from their mean on 4 of 12 waves"),
    "weak": (
        partial(simulator.planted, effect=0.3),
        "600 images, class means 0.3 deviations from their mean on 4 of 12 waves",
    ),
    "split": (partial(simulator.planted, n=900, split=True), "600 and 300 images of two like splits"),
    "shifted": (simulator.shifted, "300 of 900 images with 1.4 times the contrast, 20 of 255 brighter"),
    "direction": (simulator.direction, "900 images; a class of 3 varies three times as much along one wave"),
    "pixel": (simulator.marked, "one pixel of 256 is 50 of 255 brighter in a class"),
    "column": (partial(simulator.marked, where=simulator.COLUMN, strength=10), "one column is 10 brighter in a class"),
    "border": (partial(simulator.marked, where=simulator.BORDER, strength=6), "the border is 6 brighter in a class"),
}
# A check, the sentence, and the datasets of which it is untrue and of which it is true.
CHECKS = (
    ("labels explain more than shuffled labels", f"+ {ABOVE_SHUFFLES}", ("noise", "tails"), ("weak",)),
    ("unseen images are classified", f"+ {CLASSIFIED}", ("noise", "handfuls", "tails"), ("planted",)),
    ("class patterns come back", f"+ {BACK}", ("noise", "tails"), ("direction", "spreads")),
    ("learnability falls with label noise", f"+ {NOISE}", (), ("planted", "weak")),
    ("split shift", f"i {SHIFT}", ("split",), ("shifted",)),
    ("splits are alike", f"+ {ALIKE}", ("shifted",), ("split",)),
    ("likely shortcut", f"i {SHORTCUT}", ("planted", "weak"), ("pixel", "column", "border")),
    ("no shortcut", f"+ {NO_SHORTCUT}", ("pixel", "column", "border"), ("planted",)),
    ("headline: differ in their spreads", f"= {sentences.BY_SPREAD}", ("noise", "planted"), ("spreads", "direction")),
    ("headline: no association", f"= {sentences.NOTHING}", ("planted", "weak"), ("noise", "handfuls")),
)


def said_of_all(seed):
    """What a run says of each dataset of one seed."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, _) in DATASETS.items():
            made, place = make(seed), Path(folder) / name
            source = made.write(place / "data")
            found[name] = sentences.say(source, place / "workspace", **simulator.RUN | made.settings)
    return found


def before(seed, deadline):
    """What is said, or None after the deadline."""
    return said_of_all(seed) if time.monotonic() < deadline else None


def rows(found):
    """Rows of the table, from what was said for each seed."""
    for check, line, untrue, true in CHECKS:
        for names, wrong, kind in ((untrue, True, "false alarms"), (true, False, "misses")):
            for name in names:
                count = sum(said[name].holds(line) is wrong for said in found)
                yield f"| {check} | {DATASETS[name][1]} | {kind} | {count} of {len(found)} |"


def main(seeds, minutes="1e6"):
    """Print the table."""
    os.environ["OMP_NUM_THREADS"] = "1"
    deadline = time.monotonic() + 60 * float(minutes)
    with ProcessPoolExecutor(WORKERS) as pool:
        found = [said for said in pool.map(partial(before, deadline=deadline), range(int(seeds))) if said]
    table = ["| sentence | datasets | what is counted | count |", "|---|---|---|---|", *rows(found)]
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
