"""The intermediate state of an unfinished run. Stages pass it on, and an interrupted run continues from it."""

from dataclasses import dataclass

from storage.stores.store import StorePath


@dataclass(frozen=True)
class WorkPaths:
    """The files of a run's work folder, which is removed when the run is sealed."""

    folder: StorePath

    @property
    def listing(self) -> StorePath:
        """All samples in row order, one batch per shard."""
        return self.folder / "listing.batches"

    @property
    def units(self) -> StorePath:
        """Units of the images, and whether they count, in row order, one batch per shard."""
        return self.folder / "units.batches"

    @property
    def totals(self) -> StorePath:
        """Totals of the transform: counts, energy and digest of the dataset."""
        return self.folder / "totals.json"

    @property
    def transformed(self) -> StorePath:
        """Marker that all shards are transformed and the first pass is finished."""
        return self.folder / "transformed"

    @property
    def shift(self) -> StorePath:
        """Mean of some images, subtracted from all in the first pass."""
        return self.folder / "shift.npy"

    @property
    def thresholds(self) -> StorePath:
        """Thresholds that shuffled labels are drawn by."""
        return self.folder / "thresholds.npy"

    @property
    def projection(self) -> StorePath:
        """Merged sums of the projection pass."""
        return self.folder / "projection.npz"

    @property
    def summary(self) -> StorePath:
        """Merged sums over the scores."""
        return self.folder / "summary.npz"

    @property
    def judges(self) -> StorePath:
        """Histograms of all scores, and the classifiers of held-out images."""
        return self.folder / "judges.npz"

    @property
    def class_distances(self) -> StorePath:
        """Means and scatter of the classes' scores, which distances of images are measured by."""
        return self.folder / "class-distances.npz"

    def energy(self, shard: int) -> StorePath:
        """Energy of each image of a shard, and the part that patterns do not explain, (images, 2) float32."""
        return self.folder / "energies" / f"{shard:06d}.npy"

    def distance(self, shard: int) -> StorePath:
        """Distance of each image of a shard from its class, (images,) float32."""
        return self.folder / "distances" / f"{shard:06d}.npy"

    def label_judge(self, number: int) -> StorePath:
        """Judge of labels that is fitted without the images of part `number`."""
        return self.folder / f"label-judge-{number}.npz"

    @property
    def search(self) -> StorePath:
        """Images among which near-duplicates are looked for, and the factors of their scores."""
        return self.folder / "search.npz"

    @property
    def mirrored(self) -> StorePath:
        """Rows of a sample of images, and the scores of their mirror images."""
        return self.folder / "mirrored.npz"

    def compared(self, shard: int) -> StorePath:
        """Rows and scaled scores of the images of a shard among which near-duplicates are looked for."""
        return self.folder / "compared" / f"{shard:06d}.npz"

    def mirrored_scores(self, shard: int) -> StorePath:
        """Scaled scores that the mirror images of these images should have, (images, compared patterns) float32."""
        return self.folder / "mirrored" / f"{shard:06d}.npy"

    def neighbours(self, shard: int) -> StorePath:
        """Nearest neighbors of the images of a task, by its first shard."""
        return self.folder / "neighbours" / f"{shard:06d}.npz"

    @property
    def copies(self) -> StorePath:
        """Group of copies and leak of each image, in row order, one batch per shard."""
        return self.folder / "copies.batches"

    @property
    def verdicts(self) -> StorePath:
        """Merged sums over the judged images."""
        return self.folder / "verdicts.npz"

    def judgement(self, shard: int) -> StorePath:
        """Judgement of each sample of a shard."""
        return self.folder / "judgements" / f"{shard:06d}.batches"

    @property
    def parts(self) -> StorePath:
        """Folder of the files of `part`."""
        return self.folder / "parts"

    def part(self, shard: int) -> StorePath:
        """Outcome of the transform for each sample of a shard."""
        return self.parts / f"{shard:06d}.batches"

    def block(self, number: int) -> StorePath:
        """Orthonormal block that pass `number` multiplies, (coefficients, columns) float32."""
        return self.folder / f"block-{number:02d}.npy"

    def product(self, number: int) -> StorePath:
        """Product of pass `number`, (coefficients, columns) float64; written if there is a further pass."""
        return self.folder / f"product-{number:02d}.npy"

    def patterns(self, number: int) -> StorePath:
        """Patterns that images are projected on in pass `number`, (coefficients, patterns) float32."""
        return self.folder / f"patterns-{number:02d}.npy"

    @property
    def energies(self) -> StorePath:
        """Energy of each coefficient about the mean over the fitted images, (coefficients,) float64."""
        return self.folder / "energies.npy"

    @property
    def scale_blocks(self) -> StorePath:
        """Blocks of all parts of scales that have one, as one vector, float32."""
        return self.folder / "scale-blocks.npy"

    @property
    def scale_patterns(self) -> StorePath:
        """Patterns of each scale, (families, coefficients, patterns) float32."""
        return self.folder / "scale-patterns.npy"

    @property
    def scale_images(self) -> StorePath:
        """Products of Gram matrices with these patterns, of the same shape, float64; zero where a block was used."""
        return self.folder / "scale-images.npy"

    @property
    def scales(self) -> StorePath:
        """Merged sums over the scores on the patterns of scales."""
        return self.folder / "scales.npz"

    @property
    def gram(self) -> StorePath:
        """Gram matrix of the columns, float64."""
        return self.folder / "gram.npy"

    def kernel(self, shard: int) -> StorePath:
        """Rows of a shard in the Gram matrix of the rows, up to the diagonal, float64."""
        return self.folder / "kernel" / f"{shard:06d}.npy"

    @property
    def combined(self) -> StorePath:
        """Rows combined into patterns, (coefficients, patterns) float64."""
        return self.folder / "combined.npy"

    @property
    def weights(self) -> StorePath:
        """Weights that combine rows into patterns, (images fitted, patterns) float32."""
        return self.folder / "weights.npy"
