"""The shell command ``bathysr``: one verb a task, each a few lines over the package."""

from __future__ import annotations

import argparse
import inspect
import signal
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Literal

from bathysr_nb.files import project, yamlfile
from bathysr_nb.manual import inputfile

EXAMPLES = {
    "demo": "bathysr demo --run-dir runs/demo",
    "build": "bathysr build params/build_cairns.yml --set seed=1 --set save_dir=../runs/cairns",
    "resize": "bathysr resize params/resize.yml --set scale=2",
    "features": "bathysr features dataset/train/data_HR.pkl dataset/train/data_LR.pkl",
    "flip": "bathysr flip params/flip.yml",
    "rotate": "bathysr rotate params/rotate.yml --set fill_mode=nearest",
    "scale": "bathysr scale params/scale.yml --with-originals",
    "mixup": "bathysr mixup params/mixup.yml --set lambda_policy=beta --set save_dir_name=mixup_beta",
    "preview": "bathysr preview dataset/train/data_HR.pkl --index 7",
    "train": "bathysr train params/input_espcn.yml --set seed=1 --set log_dir=../runs/espcn_1",
    "test": "bathysr test params/input_espcn.yml",
    "evaluate": "bathysr evaluate params/input_espcn.yml --slope-edges 0.015,0.03,0.05",
    "superresolve": "bathysr superresolve runs/espcn/model.keras gebco.nc finer.tif --average --land mask",
    "ablate": "bathysr ablate params/ablation_residual.yml --set seeds=[0,1,2,3,4] --workers 2",
}


def _overrides(settings: list[str]) -> dict:
    """``key=value`` texts as a mapping, values read as YAML."""
    wrong = [text for text in settings if "=" not in text]
    if wrong:
        raise ValueError("; ".join(f"--set {text}: expected key=value" for text in wrong))
    values, faults = {}, []
    for text in settings:
        key, _, value = text.partition("=")
        try:
            values[key.strip()] = yamlfile.parse(value)
        except ValueError as error:
            faults.append(f"--set {text}: {error}")
    if faults:
        raise ValueError("; ".join(faults))
    return values


def _demo(args) -> None:
    from bathysr_nb.course.demo import demo

    demo(args.run_dir)


def _build(args) -> None:
    from bathysr_nb.pairs.dataset import SETS, Dataset, read_map

    keys = yamlfile.signature(Dataset) | yamlfile.signature(read_map)  # of both: lr, hr and quality, here as paths
    del keys["scale"]  # the ratio of hr_img_shape to lr_img_shape
    keys["lr"] = (Path | None, None)
    keys["save_dir"] = (Path, inspect.Parameter.empty)
    overrides = _overrides(args.set)
    for one, other in (("block_cells", "block_shape"), ("block_shape", "block_cells")):
        if overrides.get(one) is not None:
            overrides.setdefault(other, None)  # what is set takes the place of the file's other way to say it
    values = yamlfile.arguments(keys, args.config, overrides)
    save_dir = values.pop("save_dir")
    if values.get("block_cells") is not None:
        values.setdefault("block_shape", None)
    dataset = Dataset(values.pop("lr", None), values.pop("hr"), **values)
    dataset.save(save_dir, args.force)
    if any(dataset.trimmed):
        print(f"left out beyond whole blocks: {dataset.trimmed[0]} rows, {dataset.trimmed[1]} columns")
    for name in SETS:
        table = dataset.tables[name]
        print(f"{save_dir / name}: {len(table)} pairs of {table['block'].nunique()} blocks")


def _resize(args) -> None:
    from bathysr_nb.pairs.downsampling import resize_file

    keys = {key: kind for key, kind in yamlfile.signature(resize_file).items() if key != "overwrite"}
    values = yamlfile.arguments(keys, args.config, _overrides(args.set))
    resize_file(**values, overwrite=args.force)
    print(values["lr"])


def _features(args) -> None:
    from bathysr_nb import plots
    from bathysr_nb.files import store
    from bathysr_nb.pairs import features

    names = (".csv", "_scatter.png", "_histograms.png")
    there = [str(path) for p in args.pickles for name in names if (path := p.with_name(p.stem + name)).exists()]
    if there and not args.force:
        raise FileExistsError(f"{there[0]}: exists already; pass --force to replace it")
    for pickle in project.progress(args.pickles, "features"):
        table = features.write_features(pickle, args.delta, args.force)
        for name, figure in (
            ("scatter", plots.feature_scatter(table)),
            ("histograms", plots.feature_histograms(table)),
        ):
            path = pickle.with_name(f"{pickle.stem}_{name}.png")
            with store.replacing(path, args.force) as part:
                figure.savefig(part, dpi=110)
        print(pickle.with_suffix(".csv"))


#: Keys of the augmentation verbs besides those of the files, as the manual prints them.
AUGMENT_KEYS = {
    "flip": {},
    "rotate": {"angles": tuple[float, ...], "fill_mode": Literal["nearest", "reflect", "wrap"]},
    "scale": {"dscales": tuple[float, ...], "xyscales": tuple[float, ...]},
}


def _augment(args) -> None:
    from bathysr_nb.augment import offline
    from bathysr_nb.files import store
    from bathysr_nb.manual import augmenting
    from bathysr_nb.pairs import downsampling, features

    needed = {"train_dir": Path, "train_data": tuple[str, str], "train_savedata": tuple[str, str]}
    known = AUGMENT_KEYS[args.verb] | {"lr": Literal["remake", "transform"]}
    keys = {key: (kind, inspect.Parameter.empty) for key, kind in needed.items()}
    keys |= {key: (kind, None) for key, kind in known.items()}
    values = yamlfile.arguments(keys, args.config, _overrides(args.set))
    files = [values.pop(key) for key in needed]
    hr, lr = (store.load_patches(files[0] / name)[:100, ..., 0] for name in files[1])
    made = downsampling.downsampling_of(lr, hr)
    beside = files[0] / "patches.csv"
    if args.verb == "rotate" and beside.is_file() and len(set(features.spacing(beside, hr.shape[1]))) > 1:
        warnings.warn("cells are not square: turned ground is a little stretched, and its slope changes", stacklevel=1)
    values["downsampling"] = {"remake": made or "bilinear", "transform": None}.get(values.pop("lr", None), made)
    verb = partial(getattr(offline, f"{args.verb}_pairs"), **values)
    options = {"with_originals": args.with_originals, "force": args.force, "overwrite": args.force}
    print(*augmenting.augment_files(*files, verb, **options), sep="\n")


def _preview(args) -> None:
    from bathysr_nb.augment import preview
    from bathysr_nb.files import store
    from bathysr_nb.pairs import features

    patches = store.load_patches(args.pickle)[..., 0]
    known = args.pickle.with_name("patches.csv").is_file()
    cell = features.spacing(args.pickle, patches.shape[1])[0] if known else None
    figure = preview.preview(patches, args.index, cell)
    path = args.pickle.with_name(f"{args.pickle.stem}_preview.png")
    with store.replacing(path, args.force) as part:
        figure.savefig(part, dpi=110)
    print(path)


def _mixup(args) -> None:
    from bathysr_nb.manual import mixing
    from bathysr_nb.mixup import report as mixup_report

    params = mixing.load(args.config, _overrides(args.set))
    print(mixup_report.text(mixing.mix_files(params, args.force)))


def _train(args) -> None:
    if args.resume and args.force:
        raise ValueError("--resume goes on with an earlier run, --force deletes it; give one of them")
    params = inputfile.load_params(args.config, _overrides(args.set))
    from bathysr_nb.manual.training import outcome, train_params

    flags = {"mixed_precision": args.mixed_precision, "xla": args.xla, "tensorboard": args.tensorboard}
    trained = train_params(params, resume=args.resume, force=args.force, **flags)
    print(outcome(params, trained))


def _test(args) -> None:
    params = inputfile.load_params(args.config, _overrides(args.set))
    from bathysr_nb.manual import testing

    print(testing.summary(testing.test(params, overwrite=args.force, edges=args.slope_edges)))


def _evaluate(args) -> None:
    params = inputfile.load_params(args.config, _overrides(args.set))
    from bathysr_nb.manual import evaluation
    from bathysr_nb.scores import page as score_page

    found = evaluation.evaluate_params(params, overwrite=args.force, edges=args.slope_edges)
    print("inner cells", *score_page.verdicts(*found, params.model, args.slope_edges), sep="\n")
    print(params.log_dir / evaluation.FOLDER / "scores.md")


def _superresolve(args) -> None:
    from bathysr_nb.maps import mapfile

    reading = {key: getattr(args, key) for key in ("variable", "bounds", "cell_size", "crs", "land", "missing_value")}
    options = {"average": args.average, "applicability": args.applicability}
    options |= {"tile": args.tile} if args.tile is not None else {}
    print(mapfile.superresolve_file(args.model, args.input, args.output, overwrite=args.force, **options, **reading))


def _ablate(args) -> None:
    from bathysr_nb.trial import jobs, settings, verdict

    asked = settings.load(args.config, _overrides(args.set))
    jobs.run(asked, args.workers, args.force)
    print(*verdict.verdicts(verdict.write(asked, _command(args))), asked.save_dir / "ablation.md", sep="\n")


def _here(text: str) -> Path:
    return Path(text).absolute()


def _command(args) -> str:
    """The command as others would give it: files by their name, without save_dir."""
    settings = dict(text.split("=", 1) for text in args.set if not text.startswith("save_dir="))
    told = [f"--set {key}={Path(value).name or value}" for key, value in settings.items()]
    return " ".join(["bathysr", args.verb, f"params/{args.config.name}", *told])


def _workers(text: str):
    if not text.isdigit():
        return text
    if not int(text):
        raise argparse.ArgumentTypeError("expected 1 or more processes, or a scheduler's address")
    return int(text)


def _edges(text: str) -> tuple[float, ...]:
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError:
        edges = ()
    if not edges or any(b <= a for a, b in zip((0, *edges), edges)):
        raise argparse.ArgumentTypeError(f"found {text}, expected numbers that rise from above 0, such as 0.05,0.1")
    return edges


def _delta(text: str):
    parts = [float(part) for part in text.split(",")]
    if len(parts) not in (1, 2):
        raise argparse.ArgumentTypeError("expected metres, or dy,dx")
    return parts[0] if len(parts) == 1 else tuple(parts)


def _verb(verbs, name: str, run, help: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=help, description=help, epilog=f"example: {EXAMPLES[name]}")
    verb.set_defaults(run=run)
    return verb


def _configured(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "config", type=Path, metavar="CONFIG.yml", help="keys and values; relative paths count from its folder"
    )
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="take the place of a key (repeatable)"
    )
    verb.add_argument("--force", action="store_true", help="replace what is there already")


def _add_superresolve(verbs) -> None:
    verb = _verb(verbs, "superresolve", _superresolve, "make a whole depth grid finer with a trained network")
    verb.add_argument("model", type=_here, metavar="MODEL.keras", help="as bathysr train leaves it in its log_dir")
    verb.add_argument("input", type=_here, metavar="IN", help="depth grid of any kind that bathysr build reads")
    verb.add_argument("output", type=_here, metavar="OUT", help=".nc (NetCDF) or .tif (cloud-optimised GeoTIFF)")
    verb.add_argument("--tile", type=int, help="cells of IN along a tile's side (default: 512); fewer take less memory")
    verb.add_argument("--average", action="store_true", help="mean of all flips and turns, with their spread")
    verb.add_argument(
        "--applicability",
        type=_here,
        metavar="OUT2",
        help="also write where IN leaves the training's slopes and depths",
    )
    verb.add_argument("--force", action="store_true", help="replace what is there already")
    reading = verb.add_argument_group("how IN is read")
    reading.add_argument("--variable", help="depth variable, where there are several")
    edges = ("LEFT", "BOTTOM", "RIGHT", "TOP")
    reading.add_argument("--bounds", type=float, nargs=4, metavar=edges, help="only the cells inside")
    reading.add_argument("--cell-size", type=_delta, help="metres, or dy,dx, of a file without coordinates")
    reading.add_argument("--crs", help="reference system of a file that has none, e.g. EPSG:32755")
    reading.add_argument("--land", choices=("keep", "mask"), default="keep", help="mask: land is missing")
    reading.add_argument("--missing-value", type=float, help="one more number that means missing")


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="bathysr", description="Super-resolution of ocean bathymetric maps.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    demo = _verb(
        verbs, "demo", _demo, "run notebooks 01 to 08 on the bundled grid, print RMSE per slope bin, write one page"
    )
    demo.add_argument("--run-dir", default="runs/demo", help="folder for all files (default: %(default)s)")
    _configured(_verb(verbs, "build", _build, "cut a depth grid into training, validation and test pairs"))
    _configured(_verb(verbs, "resize", _resize, "make a coarse grid, or coarse patches, from fine ones"))
    features = _verb(verbs, "features", _features, "write the table and figures of terrain features of patch pickles")
    features.add_argument("pickles", type=Path, nargs="+", metavar="FILE.pkl")
    features.add_argument("--delta", type=_delta, help="cell size in metres, or dy,dx (default: from patches.csv)")
    features.add_argument("--force", action="store_true", help="replace what is there already")
    for name, help in (
        ("flip", "write flipped copies of training pairs"),
        ("rotate", "write turned copies of training pairs"),
        ("scale", "write depth-stretched and zoomed copies of training pairs"),
    ):
        verb = _verb(verbs, name, _augment, help)
        _configured(verb)
        verb.add_argument("--with-originals", action="store_true", help="put the originals first")
    _configured(
        _verb(verbs, "mixup", _mixup, "blend training pairs and pick those that a target area's slopes ask for")
    )
    train = _verb(verbs, "train", _train, "train the network of an input file; Ctrl-C stops it, --resume goes on")
    _configured(train)
    train.add_argument("--resume", action="store_true", help="go on from the last whole epoch")
    train.add_argument("--mixed-precision", choices=("mixed_bfloat16", "mixed_float16"), help="faster on recent GPUs")
    train.add_argument("--xla", action="store_true", help="compile with XLA")
    train.add_argument("--tensorboard", action="store_true", help="also write logs for TensorBoard")
    for name, run, help in (
        ("test", _test, "score the network of an input file on the test set"),
        (
            "evaluate",
            _evaluate,
            "score it beside the interpolators, with intervals, spectra and maps of what it invents",
        ),
    ):
        verb = _verb(verbs, name, run, help)
        _configured(verb)
        edges = "inner edges of the slope bins, as gradients (default: 0.05,0.1; 0.05 is 2.9 degrees)"
        verb.add_argument("--slope-edges", type=_edges, default=(0.05, 0.1), help=edges)
    _add_superresolve(verbs)
    ablate = _verb(
        verbs, "ablate", _ablate, "train on several training sets at equal budget and compare; goes on if stopped"
    )
    _configured(ablate)
    ablate.add_argument(
        "--workers", type=_workers, metavar="N|ADDRESS", help="processes here, or a dask scheduler's address"
    )
    preview = _verb(verbs, "preview", _preview, "draw one patch beside each of its augmentations")
    preview.add_argument("pickle", type=Path, metavar="FILE.pkl")
    preview.add_argument("--index", type=int, default=0, help="which patch (default: %(default)s)")
    preview.add_argument("--force", action="store_true", help="replace what is there already")
    return top


def _terminated(number, _frame):
    """A scheduler's signal is as Ctrl-C is: nothing is left half-written."""
    raise KeyboardInterrupt(128 + number)


def main(argv=None) -> int:
    """Run the command; a fault is one line on standard error and exit status 1."""
    args = parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(f"bathysr {args.verb}: note: {message}", file=sys.stderr)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    try:
        args.run(args)
    except (ValueError, OSError, RuntimeError) as error:
        config_file = str(getattr(args, "config", ""))
        where = f"{config_file}: " if config_file and not str(error).startswith(config_file) else ""
        print(f"bathysr {args.verb}: {where}{error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"bathysr {args.verb}: not enough memory: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print(f"bathysr {args.verb}: stopped", file=sys.stderr)
        return stop.args[0] if stop.args else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
