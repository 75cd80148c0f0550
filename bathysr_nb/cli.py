"""The shell command ``bathysr``: one verb per task, each a few lines over the package."""

from __future__ import annotations

import argparse
import inspect
import re
import signal
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Literal

from bathysr_nb.files import project, yamlfile
from bathysr_nb.training.choices import PRECISIONS

LEVEL = 0.95  # of superresolve --uncertainty

# Everything heavier is imported by the verb that needs it, so that --help and faults in the input come at once.

NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")

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
    "calibrate": "bathysr calibrate params/input_espcn.yml --force",
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
    from bathysr_nb import grids
    from bathysr_nb.pairs.dataset import SETS, Dataset, read_map

    keys = yamlfile.signature(Dataset) | yamlfile.signature(read_map)  # of both: lr, hr and quality, here as paths
    del keys["scale"]  # the ratio of hr_img_shape to lr_img_shape
    keys |= yamlfile.signature(grids.Reading)
    keys["lr"] = (Path | None, None)
    keys["save_dir"] = (Path, inspect.Parameter.empty)
    overrides = _overrides(args.set)
    for one, other in (("block_cells", "block_shape"), ("block_shape", "block_cells")):
        if overrides.get(one) is not None:
            overrides.setdefault(other, None)  # replaces whichever of the two the file has
    values = yamlfile.arguments(keys, args.config, overrides)
    save_dir = values.pop("save_dir")
    if values.get("block_cells") is not None:
        values.setdefault("block_shape", None)
    dataset = Dataset(values.pop("lr", None), values.pop("hr"), **values)
    dataset.save(save_dir, args.force)
    if dataset.agreement is not None:
        print(*dataset.agreement.sentences(), sep="\n")
    if any(dataset.trimmed):
        print(f"trimmed to whole blocks: {dataset.trimmed[0]} rows and {dataset.trimmed[1]} columns left out")
    for name in SETS:
        table = dataset.tables[name]
        empty = "" if len(table) else "; too few blocks for its share: nothing can be judged by it"
        print(f"{save_dir / name}: {len(table)} pairs of {table['block'].nunique()} blocks{empty}")


def _resize(args) -> None:
    from bathysr_nb import grids
    from bathysr_nb.pairs.downsampling import resize_file

    keys = yamlfile.signature(resize_file) | yamlfile.signature(grids.Reading)
    del keys["overwrite"]
    values = yamlfile.arguments(keys, args.config, _overrides(args.set))
    resize_file(**values, overwrite=args.force)
    print(values["lr"])


def _features(args) -> None:
    from bathysr_nb import plots
    from bathysr_nb.files import store
    from bathysr_nb.pairs import features

    names = (".csv", "_scatter.png", "_histograms.png")
    existing = [str(path) for p in args.pickles for name in names if (path := p.with_name(p.stem + name)).exists()]
    if existing and not args.force:
        raise FileExistsError(f"{existing[0]}: exists already; pass --force to replace it")
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


def _augment_keys(verb: str) -> dict:
    """The keys of an augmentation verb's file besides the files' names, as the manual prints them, and ``lr``."""
    from bathysr_nb.augment.resample import FILL_MODES

    keys = {
        "flip": {},
        "rotate": {"angles": tuple[float, ...], "fill_mode": Literal[FILL_MODES]},
        "scale": {"dscales": tuple[float, ...], "xyscales": tuple[float, ...]},
    }
    return keys[verb] | {"lr": Literal["remake", "transform"]}


def _augment(args) -> None:
    from bathysr_nb.augment import offline
    from bathysr_nb.files import store
    from bathysr_nb.manual import augmenting
    from bathysr_nb.pairs import downsampling, features

    needed = {"train_dir": Path, "train_data": tuple[str, str], "train_savedata": tuple[str, str]}
    keys = {key: (kind, inspect.Parameter.empty) for key, kind in needed.items()}
    keys |= {key: (kind, None) for key, kind in _augment_keys(args.verb).items()}
    values = yamlfile.arguments(keys, args.config, _overrides(args.set))
    files = [values.pop(key) for key in needed]
    hr, lr = (store.load_patches(files[0] / name)[:100, ..., 0] for name in files[1])
    made = downsampling.downsampling_of(lr, hr)
    beside = files[0] / "patches.csv"
    if args.verb == "rotate" and beside.is_file() and len(set(features.spacing(beside, hr.shape[1]))) > 1:
        warnings.warn("cells are not square: rotation stretches terrain slightly and changes its slopes", stacklevel=1)
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

    params = mixing.load_mixup_params(args.config, _overrides(args.set))
    print(mixup_report.text(mixing.mix_files(params, args.force)))


def _params(args):
    from bathysr_nb.manual.inputfile import load_params

    return load_params(args.config, _overrides(args.set))


def _edges(args) -> tuple[float, ...]:
    from bathysr_nb.scores.tables import MANUAL_EDGES

    return args.slope_edges or MANUAL_EDGES


def _train(args) -> None:
    if args.resume and args.force:
        raise ValueError("--resume continues an earlier run, --force deletes it; give one of them")
    params = _params(args)
    from bathysr_nb.manual.training import train_params, training_summary

    flags = {"mixed_precision": args.mixed_precision, "xla": args.xla, "tensorboard": args.tensorboard}
    trained = train_params(params, resume=args.resume, force=args.force, **flags)
    print(training_summary(params, trained))
    from bathysr_nb.manual.calibration import calibration_summary

    print(calibration_summary(params))


def _calibrate(args) -> None:
    params = _params(args)
    from bathysr_nb.manual.calibration import calibrate_params, calibration_summary

    calibrate_params(params, args.force)
    print(calibration_summary(params))


def _test(args) -> None:
    params = _params(args)
    from bathysr_nb.manual import sets, testing

    frame = testing.test(params, overwrite=args.force, edges=_edges(args))
    block = sets.patch_blocks(params.data_dir / "test" / "data_HR.pkl", frame.index.to_numpy())
    print(testing.test_summary(frame, block))


def _evaluate(args) -> None:
    params = _params(args)
    from bathysr_nb.manual import evaluation
    from bathysr_nb.scores import page as score_page

    found = evaluation.evaluate_params(params, overwrite=args.force, edges=_edges(args))
    print("inner cells", *score_page.verdict_sentences(*found, params.model, _edges(args)), sep="\n")
    print(params.log_dir / evaluation.FOLDER / "scores.md")


def _superresolve(args) -> None:
    from bathysr_nb import grids
    from bathysr_nb.maps import mapfile

    reading = {key: getattr(args, key) for key in (*yamlfile.signature(grids.Reading), "land")}
    options = {"average": args.average, "applicability": args.applicability} | _layers(args)
    options |= {"tile": args.tile} if args.tile is not None else {}
    print(mapfile.superresolve_file(args.model, args.input, args.output, overwrite=args.force, **options, **reading))


def _layers(args) -> dict:
    """What a map is to hold beside its elevation, and whether it is to give IN back."""
    for name, asked in (("level", args.uncertainty), ("downsampling", args.consistent)):
        if getattr(args, name) is not None and not asked:
            raise ValueError(f"--{name} is given without --{'uncertainty' if name == 'level' else 'consistent'}")
    level = (LEVEL if args.level is None else args.level) if args.uncertainty else None
    chosen = {"flags": args.flags, "consistent": args.consistent, "downsampling": args.downsampling}
    return {"uncertainty": level, **chosen}


def _ablate(args) -> None:
    from bathysr_nb.trial import jobs, settings, verdict

    ablation = settings.load_settings(args.config, _overrides(args.set))
    jobs.run_trial(ablation, args.workers, args.force, args.hours)
    scores = verdict.write_verdict(ablation, _command(args))
    print(*verdict.verdict_sentences(scores), *verdict.left_out(ablation), sep="\n")
    print(ablation.save_dir / "ablation.md")


def _command(args) -> str:
    """The command as anyone could repeat it: files by name alone, and without save_dir."""
    settings = dict(text.split("=", 1) for text in args.set if not text.startswith("save_dir="))
    options = [f"--set {key}={Path(value).name or value}" for key, value in settings.items()]
    return " ".join(["bathysr", args.verb, f"params/{args.config.name}", *options])


def _absolute_path(text: str) -> Path:
    return Path(text).absolute()


def _worker_count_or_address(text: str) -> int | str:
    if not text.isdigit():
        return text
    if not int(text):
        raise argparse.ArgumentTypeError("expected 1 or more processes, or a scheduler's address")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}, expected hours of at least 0, such as 1.5")
    return hours


def _rising_numbers(text: str) -> tuple[float, ...]:
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError:
        edges = ()
    if not edges or any(b <= a for a, b in zip((0, *edges), edges)):
        raise argparse.ArgumentTypeError(f"found {text}, expected rising numbers above 0, such as 0.05,0.1")
    return edges


def _cell_size(text: str) -> float | tuple[float, float]:
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2):
        raise argparse.ArgumentTypeError(f"found {text}, expected metres, or dy,dx")
    return parts[0] if len(parts) == 1 else tuple(parts)


def _verb(verbs, name: str, run, help: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=help, description=help, epilog=f"example: {EXAMPLES[name]}")
    verb._negative_number_matcher = NEGATIVE_NUMBER  # argparse's own takes -3.4e38 for an option
    verb.set_defaults(run=run)
    return verb


def _add_force(verb) -> None:
    verb.add_argument("--force", action="store_true", help="replace existing output")


def _configured_verb(verbs, name: str, run, help: str) -> argparse.ArgumentParser:
    """A verb that reads a YAML file."""
    verb = _verb(verbs, name, run, help)
    verb.add_argument(
        "config", type=Path, metavar="CONFIG.yml", help="settings; relative paths in it count from its folder"
    )
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting of the file (repeatable)"
    )
    _add_force(verb)
    return verb


def _add_demo(verbs) -> None:
    verb = _verb(
        verbs,
        "demo",
        _demo,
        "run notebooks 01 to 08 on the bundled grid, print RMSE per slope bin, write a report",
    )
    verb.add_argument("--run-dir", default="runs/demo", help="folder for all files (default: %(default)s)")


def _add_features(verbs) -> None:
    verb = _verb(verbs, "features", _features, "write a table and figures of the terrain features of patches")
    verb.add_argument("pickles", type=Path, nargs="+", metavar="FILE.pkl", help="patches, e.g. data_HR.pkl")
    verb.add_argument("--delta", type=_cell_size, help="cell size in metres, or dy,dx (default: from patches.csv)")
    _add_force(verb)


def _add_augmentations(verbs) -> None:
    for name, help in (
        ("flip", "write flipped copies of training pairs"),
        ("rotate", "write rotated copies of training pairs"),
        ("scale", "write depth-stretched and zoomed copies of training pairs"),
    ):
        verb = _configured_verb(verbs, name, _augment, help)
        verb.add_argument("--with-originals", action="store_true", help="write the originals before the copies")


def _add_preview(verbs) -> None:
    verb = _verb(verbs, "preview", _preview, "draw one patch beside each of its augmentations")
    verb.add_argument("pickle", type=Path, metavar="FILE.pkl", help="patches, e.g. data_HR.pkl")
    verb.add_argument("--index", type=int, default=0, help="number of the patch, from 0 (default: %(default)s)")
    _add_force(verb)


def _add_train(verbs) -> None:
    verb = _configured_verb(
        verbs, "train", _train, "train the network of an input file; stop it with Ctrl-C, continue with --resume"
    )
    verb.add_argument("--resume", action="store_true", help="continue from the last completed epoch")
    verb.add_argument("--mixed-precision", choices=PRECISIONS, help="faster on recent GPUs")
    verb.add_argument("--xla", action="store_true", help="compile with XLA")
    verb.add_argument("--tensorboard", action="store_true", help="also write logs for TensorBoard")


def _add_scoring(verbs) -> None:
    for name, run, help in (
        ("test", _test, "score a trained network on the test set, as the manual does"),
        (
            "evaluate",
            _evaluate,
            "compare a trained network with interpolation: scores with intervals, spectra, and maps of invented detail",
        ),
    ):
        verb = _configured_verb(verbs, name, run, help)
        edges = "inner edges of the slope bins, as gradients (default: 0.05,0.1; 0.05 is 2.9 degrees)"
        verb.add_argument("--slope-edges", type=_rising_numbers, metavar="G1,G2,...", help=edges)


def _add_superresolve(verbs) -> None:
    verb = _verb(verbs, "superresolve", _superresolve, "enlarge a whole depth grid with a trained network")
    verb.add_argument("model", type=_absolute_path, metavar="MODEL.keras", help="from the log_dir of bathysr train")
    verb.add_argument(
        "input", type=_absolute_path, metavar="IN", help="depth grid, any format that bathysr build reads"
    )
    verb.add_argument(
        "output", type=_absolute_path, metavar="OUT", help=".nc (NetCDF), .tif (cloud-optimised GeoTIFF) or .bag"
    )
    verb.add_argument(
        "--tile", type=int, help="side of a tile in cells of IN (default: 512); smaller tiles take less memory"
    )
    verb.add_argument(
        "--average", action="store_true", help="average over all flips and turns of the grid, and write their spread"
    )
    verb.add_argument(
        "--applicability",
        type=_absolute_path,
        metavar="OUT2",
        help="also write where IN is steeper, deeper or shallower than the training data",
    )
    _add_layers(verb)
    _add_force(verb)
    reading = verb.add_argument_group("how IN is read")
    reading.add_argument("--variable", help="depth variable or band, if IN has several")
    edges = ("LEFT", "BOTTOM", "RIGHT", "TOP")
    reading.add_argument("--bounds", type=float, nargs=4, metavar=edges, help="read only the cells inside")
    reading.add_argument("--cell-size", type=_cell_size, help="metres, or dy,dx, for a file without coordinates")
    reading.add_argument("--crs", help="coordinate reference system of a file that has none, e.g. EPSG:32755")
    reading.add_argument("--positive", choices=("up", "down"), help="which way depths count, if IN does not say so")
    reading.add_argument(
        "--land", choices=("keep", "mask"), default="keep", help="keep land heights or mask land (default: %(default)s)"
    )
    reading.add_argument("--missing-value", type=float, help="a further value that marks missing cells")


def _add_layers(verb) -> None:
    verb.add_argument(
        "--uncertainty",
        action="store_true",
        help="add a layer: the half-width that errors are expected within, as bathysr calibrate found it",
    )
    verb.add_argument("--level", type=float, help=f"share of the errors within it (default: {LEVEL})")
    verb.add_argument("--flags", action="store_true", help="add a layer: the flags of --applicability, in OUT itself")
    verb.add_argument(
        "--consistent", action="store_true", help="change the map so that downsampling it gives IN back to 0.01 m"
    )
    verb.add_argument(
        "--downsampling",
        choices=("bilinear", "area"),
        help="the rule for that (default: the one that the training pairs were made by)",
    )


def _add_ablate(verbs) -> None:
    verb = _configured_verb(
        verbs, "ablate", _ablate, "train on several training sets at equal budget and compare; resumes if stopped"
    )
    verb.add_argument(
        "--workers",
        type=_worker_count_or_address,
        metavar="N|ADDRESS",
        help="number of processes here, or the address of a dask scheduler (default: one training after the other)",
    )
    verb.add_argument(
        "--hours",
        type=_hours,
        metavar="H",
        help="start only the trainings that fit into this time, and compare what is finished; 0: train nothing",
    )


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="bathysr",
        description="Super-resolution of ocean bathymetric maps.",
        epilog="bathysr VERB --help shows the options of a verb and an example",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_demo(verbs)
    _configured_verb(verbs, "build", _build, "cut a depth grid into training, validation and test pairs")
    _configured_verb(verbs, "resize", _resize, "make a coarse grid, or coarse patches, from fine ones")
    _add_features(verbs)
    _add_augmentations(verbs)
    _configured_verb(verbs, "mixup", _mixup, "blend training pairs and pick those that match a target area's slopes")
    _add_preview(verbs)
    _add_train(verbs)
    _add_scoring(verbs)
    help = "measure on the validation blocks how far a trained network's maps may be off, and write uncertainty.json"
    _configured_verb(verbs, "calibrate", _calibrate, help)
    _add_superresolve(verbs)
    _add_ablate(verbs)
    return top


def _as_typed(args, message: str) -> str:
    """A message whose remedies, such as ``give crs='EPSG:4326'``, are written as the verb takes them."""

    def typed(found) -> str:
        name, value = found.groups()
        return f"--{name.replace('_', '-')} {value}".rstrip() if hasattr(args, name) else f"--set {name}={value}"

    return re.sub(r"\b(variable|crs|cell_size|bounds|positive|missing_value)=('[^']*'|[-\d.e+]*)", typed, message)


def _terminated(number, _frame):
    """Treat SIGTERM like Ctrl-C, so that nothing is left half-written."""
    raise KeyboardInterrupt(128 + number)


def main(argv=None) -> int:
    """Run the command; an error is one line on standard error and exit status 1."""
    args = parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(
        f"bathysr {args.verb}: note: {_as_typed(args, str(message))}", file=sys.stderr
    )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    try:
        args.run(args)
    except (ValueError, OSError, RuntimeError) as error:
        config_file = str(getattr(args, "config", ""))
        where = f"{config_file}: " if config_file and not str(error).startswith(config_file) else ""
        print(f"bathysr {args.verb}: {where}{_as_typed(args, str(error))}", file=sys.stderr)
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
