"""Examples at the end of the help of each command: a command, and what it does."""

EXAMPLES = {
    "run": (
        ("run digits", "handwritten digits that come with eigenwave"),
        ("run path/to/dataset --size 64 --rank 32", "images of several sizes"),
        ("run photos.tar --max-bad-fraction 0.05", "with up to 5 % damaged images"),
        ("run s3://bucket/photos --workspace s3://bucket/runs", "in an object store"),
        ("run path/to/dataset --cluster tls://host:8786 --tls certificates", "on a cluster"),
        ("run path/to/dataset --config settings.toml", "with settings from a file"),
    ),
    "audit": (
        ("audit path/to/dataset", "a run, and what changed since the last one"),
        ('audit path/to/dataset --fail-if "new_issues>0"', "status 1 if there are new issues"),
        ('audit path/to/dataset --fail-if "learnability_drop>0.01" --json', "for a program"),
    ),
    "monitor": (("monitor", "one worker a core"), ("monitor --workers 2", "two workers")),
    "check": (
        ("check path/to/dataset", "classes, splits, sizes and problems"),
        ("check labels.csv --label-column emotion", "a list with several columns"),
        ("check path/to/dataset --csv problems.csv", "every problem, for a spreadsheet"),
        ("check path/to/dataset --json", "everything, for a program"),
    ),
    "plan": (
        ("plan path/to/dataset", "memory, disk and time of a run"),
        ("plan path/to/dataset --transform scattering", "of a run with other settings"),
        ("plan --images 1e9 --image-size 224", "of a dataset that need not exist"),
    ),
    "issues": (
        ("issues", "the 20 most severe of the latest run"),
        ("issues --kind leak --format paths --paths relative", "paths of leaked images"),
        ("issues --new --top 5", "neither decided nor in the run before"),
        ("issues --predictions probabilities.csv", "judged by a model too"),
    ),
    "associate": (
        ("associate --by mode", "a property of the images"),
        ("associate --by site,camera --table sites.csv", "columns of a table by key"),
        ("associate --by properties", "all properties"),
    ),
    "explain": (
        ("explain latest features.npy", "one layer"),
        ("explain latest layers.npz --control untrained.npz", "several, beside a control"),
    ),
    "apply": (
        ("apply issues.csv path/to/dataset --to fixed", "a folder of links"),
        ("apply issues.csv path/to/dataset --to fixed.csv", "a list of images"),
    ),
    "decide": (("decide issues.csv", "issues of the latest run"), ("decide issues.csv RUN", "issues of another")),
    "export": (
        ("export --to csv --output exported", "a table and links to the images"),
        ("export --to huggingface --output exported", "for datasets.load_dataset"),
    ),
    "verify": (("verify", "the latest run"), ("verify RUN", "another run")),
    "repair": (("repair", "the latest run"), ("repair RUN", "another run")),
    "gc": (("gc --dry-run", "what would be removed"), ("gc --grace 1", "what is older than an hour")),
    "prune": (
        ("prune --keep last=30,weekly=12,tag --dry-run", "which runs would be removed"),
        ("prune --keep last=30,weekly=12,tag --yes", "what a nightly job does"),
    ),
    "tag": (("tag RUN release-1", "keep this run"), ("tag latest", "the tags of a run")),
    "history": (("history", "the dataset of the latest run"), ("history SOURCE --html history.html", "a page, too")),
    "compare": (
        ("compare RUN latest", "what changed between two runs"),
        ('compare RUN latest --fail-if "leaked_fraction>0"', "status 1 if images leaked"),
    ),
    "list": (("list", "runs by dataset"), ("list --json", "with all numbers")),
    "show": (("show", "the latest run"), ("show RUN", "another run")),
    "open": (("open", "the latest run"), ("open RUN --no-browser", "print the address only")),
    "report": (
        ("report", "of the latest run"),
        ("report RUN", "of another run"),
        ("report --share report-for-others.html --no-thumbnails", "without paths and images"),
    ),
    "reconstruct": (
        ("reconstruct --sample train/cat/7.png", "from all patterns"),
        ("reconstruct --sample train/cat/7.png --rank 32 --steps", "as a strip of steps"),
    ),
    "completion": (
        ("completion bash > ~/.eigenwave.bash", "then add to ~/.bashrc: . ~/.eigenwave.bash"),
        ("completion zsh > ~/.zfunc/_eigenwave", "in a folder of fpath"),
        ("completion fish > ~/.config/fish/completions/eigenwave.fish", "fish finds it there"),
    ),
}


def epilogue(command: str) -> str:
    """Return the examples of a command as text for its help: what each does, above it."""
    lines = (f"    # {what}\n    eigenwave {words}" for words, what in EXAMPLES[command])
    return "Examples:\n\n" + "\n".join(lines)
