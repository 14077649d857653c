"""The tables of scales: how strongly each scale alone is associated with the classes, and the energy of each band."""

import numpy as np

from tasks.run.job import Job
from tasks.run.state import load_patterns, load_state, read_totals
from tasks.run.tables import ResultTables
from tasks.statistics.first_order import P95
from tasks.statistics.scales import ScaleResults, statistics


def tabulate_scales(job: Job, tables: ResultTables) -> None:
    """Write the table `scales`, one family after the other. It has no rows if scales were not decomposed."""
    there, grouped = job.paths.work.scales.exists(), job.settings.reading.group is not None
    found = statistics(load_state(job.paths.work.scales, ScaleResults), grouped=grouped) if there else []
    scales = [scale for family in job.scales for scale in family][: len(found)]
    total = read_totals(job).energy
    columns = {
        "level": [scale.level for scale in scales],
        "orientation": [scale.orientation for scale in scales],
        "channel": [scale.channel for scale in scales],
        "coefficients": [scale.stop - scale.start for scale in scales],
        "patterns": [row.patterns for row in found],
        "energy_share": [row.energy / total for row in found],
        "captured": [row.captured for row in found],
        "learnability": [row.learnability for row in found],
        "learnability_adjusted": [row.adjusted for row in found],
        "learnability_cap": [row.cap for row in found],
        "expected_null": [row.expected for row in found],
        "shuffled_mean": [row.shuffled.mean() for row in found],
        "shuffled_p95": [np.percentile(row.shuffled, P95) for row in found],
        "shuffled_max": [row.shuffled.max() for row in found],
        "residual": [row.residual for row in found],
        "order": [scale.order for scale in scales],
    }
    tables.write("scales", columns)


def tabulate_bands(job: Job, tables: ResultTables) -> None:
    """Write the table `pattern_bands`, ordered by pattern, band and channel."""
    squares = load_patterns(job).astype(np.float64) ** 2
    channels, bands = job.space.channels, job.space.bands
    shares = [
        part.sum(axis=0) for band in bands for part in np.split(squares[band.start : band.stop], channels)
    ]  # one entry (patterns,) for each band and channel
    names = [(band.orientation, band.level, channel) for band in bands for channel in range(channels)]
    rank = squares.shape[1]
    orientations, levels, numbers = zip(*names, strict=True)
    columns = {
        "pattern": np.repeat(np.arange(rank), len(names)),
        "level": np.tile(levels, rank),
        "orientation": list(orientations) * rank,
        "channel": np.tile(numbers, rank),
        "energy_share": np.stack(shares, axis=1).ravel(),
    }
    tables.write("pattern_bands", columns)
