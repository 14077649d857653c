"""Decompose the same coefficients by one of several methods: `python -m benchmarks.contenders NAME JOB PASSES`.

Prints cost and error as JSON. The job is a pickled run whose shards are transformed; the exact Gram matrix and
eigenvalues are in the same folder. Peers read the same Zarr array, centred, with one thread.
"""

import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before anything loads BLAS

import dask
import dask.array as da
import dask.base
import numpy as np
import numpy.typing as npt

from flows.workers.fanout import InlineFanout
from storage.arrays.npy import load_npy
from storage.arrays.zarr import chunk_path
from tasks.decompose.passes import open_solver
from tasks.run.job import Job
from tasks.run.state import load_mean, load_shard, read_totals
from tasks.transform.sample import sampled_rows

Array = npt.NDArray[Any]
Answer = tuple[Array, Array]  # singular values (k,), right singular vectors as rows (k, p)


def ours(solver: str) -> Callable[[Job, int], Answer]:
    """Return our solver; it reads every shard in the first pass too, which is otherwise part of the transform."""

    def run(job: Job, passes: int) -> Answer:
        plan = replace(job.plan, solver=solver, passes=passes)
        job = replace(job, plan=plan, settings=job.settings.but(passes=passes))
        forget(job)
        opened, fanout = open_solver(job), InlineFanout()
        opened.begin(stored_sample(job))

        def first_share(shard: int) -> Array:
            return opened.first_share(load_shard(job, shard), job.used(shard), load_npy(job.paths.work.shift))

        first = fanout.map_sum(first_share, plan.fitted_shards, silent, 0)
        error = load_mean(job) - load_npy(job.paths.work.shift)
        opened.finish_first(first, read_totals(job).fitted, error)
        while (number := opened.next_pass()) is not None:
            total = fanout.map_sum(partial(opened.share, number), plan.fitted_shards, silent, 0)
            opened.finish_pass(number, total)
        vectors = opened.patterns()
        # The singular values follow from the scores, which a run computes in any case.
        return np.empty(0), vectors

    return run


def stored_sample(job: Job) -> Array:
    """Coefficients of the images that a run samples, less their mean, from the shards."""
    plan = job.plan
    wanted = sampled_rows(plan.fitted_rows, plan.sample, job.settings.association.seed)
    shards = wanted // plan.rows_per_shard
    rows = np.concatenate(
        [
            load_shard(job, shard)[wanted[shards == shard] - plan.rows(shard).start]
            for shard in np.unique(shards).tolist()
        ]
    )
    rows -= rows.mean(axis=0)
    return rows


def silent() -> None:
    """Show no progress."""


def forget(job: Job) -> None:
    """Remove the files of another contender."""
    left = ("block-", "product-", "gram.", "kernel/", "weights.", "combined.")
    for path in job.paths.work.folder.files():
        if path.relative_to(job.paths.work.folder).startswith(left):
            path.unlink()


def limit(job: Job, passes: int) -> Answer:
    """Only read and multiply, without a decomposition."""
    width = job.plan.block_width
    basis = np.ones((job.plan.coefficients, width), np.float32)
    for _ in range(passes):
        total = np.zeros(basis.shape, np.float32)
        for rows in bare_reads(job):
            total += rows.T @ (rows @ basis)
    return np.empty(0), np.empty((0, 0))


def syrk(job: Job, passes: int) -> Answer:  # noqa: ARG001 - one read
    """Only read once and compute the symmetric product of the columns, without a decomposition."""
    total = np.zeros((job.plan.coefficients, job.plan.coefficients), np.float32)
    for rows in bare_reads(job):
        total += rows.T @ rows
    return np.empty(0), np.empty((0, 0))


def bare_reads(job: Job) -> Iterator[Array]:
    """Read the rows of each shard without a checksum, into the same memory."""
    rows = np.empty((job.plan.rows_per_shard, job.plan.coefficients), np.float32)
    for shard in job.plan.fitted_shards:
        with Path(str(chunk_path(job.paths.coefficients, shard))).open("rb", buffering=0) as file:
            file.readinto(rows.data)
        yield rows[: len(job.plan.rows(shard))]


def lazy(job: Job) -> Any:  # noqa: ANN401 - a dask array
    """The centred coefficients as a dask array."""
    rows = da.from_zarr(str(job.paths.coefficients))[: job.plan.fitted]
    return rows - rows.mean(axis=0)


def loaded(job: Job) -> Array:
    """The coefficients in memory."""
    return np.concatenate([load_shard(job, shard) for shard in job.plan.fitted_shards])[: job.plan.fitted]


def centred(job: Job) -> Array:
    """The centred coefficients in memory."""
    rows = loaded(job)
    rows -= rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return rows


def dask_compressed(iterator: str) -> Callable[[Job, int], Answer]:
    """dask.array.linalg.svd_compressed with two power iterations, plain (the default) or with QR in between."""

    def run(job: Job, passes: int) -> Answer:  # noqa: ARG001
        _, values, vectors = da.linalg.svd_compressed(
            lazy(job), job.plan.rank, n_power_iter=2, iterator=iterator, seed=0
        )
        values, vectors = dask.base.compute(values, vectors)
        return values, vectors

    return run


def dask_ml_pca(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """dask-ml PCA, randomised."""
    from dask_ml.decomposition import PCA  # noqa: PLC0415

    model = PCA(job.plan.rank, svd_solver="randomized", iterated_power=2, random_state=0)
    model.fit(da.from_zarr(str(job.paths.coefficients))[: job.plan.fitted])
    return model.singular_values_, model.components_


def dask_ml_truncated(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """dask-ml TruncatedSVD by TSQR."""
    from dask_ml.decomposition import TruncatedSVD  # noqa: PLC0415

    model = TruncatedSVD(job.plan.rank)
    model.fit(lazy(job))
    return np.asarray(model.singular_values_), np.asarray(model.components_)


def sklearn_randomized(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """scikit-learn's randomized_svd with two iterations, normalised by its own default."""
    from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

    _, values, vectors = randomized_svd(centred(job), job.plan.rank, n_iter=2, random_state=0)
    return values, vectors


def sklearn_covariance(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """scikit-learn's PCA by the covariance matrix."""
    from sklearn.decomposition import PCA  # noqa: PLC0415

    model = PCA(job.plan.rank, svd_solver="covariance_eigh").fit(loaded(job))
    return model.singular_values_, model.components_


def sklearn_incremental(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """scikit-learn's IncrementalPCA with a shard as a batch."""
    from sklearn.decomposition import IncrementalPCA  # noqa: PLC0415

    model = IncrementalPCA(job.plan.rank)
    for shard in job.plan.fitted_shards:
        model.partial_fit(load_shard(job, shard)[: job.plan.fitted - job.plan.rows(shard).start])
    return model.singular_values_, model.components_


def scipy_svds(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """scipy.sparse.linalg.svds by ARPACK."""
    from scipy.sparse.linalg import svds  # noqa: PLC0415

    _, values, vectors = svds(centred(job), job.plan.rank, random_state=0)
    return values[::-1], vectors[::-1]


def fbpca_pca(job: Job, passes: int) -> Answer:  # noqa: ARG001
    """Fbpca with two iterations."""
    import fbpca  # noqa: PLC0415

    _, values, vectors = fbpca.pca(centred(job), job.plan.rank, raw=True, n_iter=2)
    return values, vectors


CONTENDERS: dict[str, Callable[[Job, int], Answer]] = {
    "limit: reads + products": limit,
    "eigenwave krylov": ours("krylov"),
    "limit: read + ssyrk": syrk,
    "eigenwave gram": ours("gram"),
    "dask svd_compressed, default": dask_compressed("power"),
    "dask svd_compressed, QR": dask_compressed("QR"),
    "dask-ml PCA, randomized": dask_ml_pca,
    "dask-ml TruncatedSVD": dask_ml_truncated,
    "sklearn randomized_svd": sklearn_randomized,
    "sklearn PCA, covariance_eigh": sklearn_covariance,
    "sklearn IncrementalPCA": sklearn_incremental,
    "scipy svds": scipy_svds,
    "fbpca": fbpca_pca,
}
# Number of times that a contender reads all coefficients from disk; those that load them into memory read once.
READS = {"dask svd_compressed, default": 7, "dask svd_compressed, QR": 7, "dask-ml PCA, randomized": 8}


def peak_memory() -> int:
    """Peak resident bytes of this process; ru_maxrss would include those of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main(name: str, folder: str, passes: str) -> None:
    """Run one contender and print its cost."""
    with (Path(folder) / "job.pickle").open("rb") as file:
        job = pickle.load(file)  # noqa: S301 - our own
    with dask.config.set(scheduler="synchronous"):
        # Run once on a single shard first, so that imports and first calls are not measured.
        rows = min(job.plan.fitted, job.plan.rows_per_shard)
        CONTENDERS[name](replace(job, plan=replace(job.plan, fitted=rows, fitted_rows=rows)), 1)
        wall, cpu = time.perf_counter(), time.process_time()
        values, vectors = CONTENDERS[name](job, int(passes))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = peak_memory()
    result: dict[str, float] = {"cpu": cpu, "wall": wall, "peak": peak}
    exact = Path(folder) / "gram.npy"
    if vectors.size and exact.exists():
        gram, eigenvalues = np.load(exact), np.load(Path(folder) / "eigenvalues.npy")
        rank = job.plan.rank
        exactly = np.asarray(vectors, np.float64)
        energies = np.einsum("jp,jp->j", exactly @ gram, exactly)
        if not values.size:
            values = np.sqrt(energies)
        truth = np.sqrt(eigenvalues[:rank])
        result["error"] = float(np.abs(np.asarray(values, np.float64) / truth - 1).max())
        basis = np.linalg.qr(exactly.T)[0]
        result["deficit"] = float(1 - np.trace(basis.T @ gram @ basis) / eigenvalues[:rank].sum())
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
