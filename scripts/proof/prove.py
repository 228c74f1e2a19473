"""The proof: its steps one after the other, each within its budget, and what they found as JSON and as a table. See scripts/gpu-proof.

Whatever compiles starts first and at once, PyTorch's compiled variants in a process for each batch size and precision, its others and ours
in one each; what needs the card for itself alone comes after: the copy rate, then the step, everybody in turn and in two rounds.
"""

import argparse
import datetime
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import machine
import table
import unpack
from contestant import Contestant, Ended, Late, run

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
# The steps in their order, each with the seconds that it may take and those that the steps before it have to leave, of 290 in all.
# A rehearsal is given more of both.
BUDGETS = dict(machine=(20, 0), unpack=(40, 0), runtime=(20, 0), right=(110, 0), prepare=(130, 0), copy=(20, 8), fast=(90, 50), baseline=(60, 35), start=(30, 12))
ALL_SECONDS = 290
ROUNDS = 2
EAGER_WAYS, COMPILED_WAYS = "eager,graph,graph-nchw", "compile,reduce-overhead,graph-compile,graph-compile-10"


class Proof:
    """What is known so far, and what is left of the time."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.started = time.monotonic()
        self.out = Path(arguments.out).resolve()
        self.work = Path(arguments.work or tempfile.mkdtemp(prefix="runner-proof-")).resolve()
        for folder in (self.out, self.work, self.work / "logs", self.work / "found"):
            folder.mkdir(parents=True, exist_ok=True)
        self.known = dict(
            version=1,
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            is_rehearsal=arguments.device == "cpu",
            steps=[],
        )

    def left(self):
        return self.arguments.within - (time.monotonic() - self.started)

    def left_for(self, name):
        """Until the end of that step at the latest: what is left but for the reserves of those after it."""
        names = list(BUDGETS)
        reserved = sum(BUDGETS[later][1] for later in names[names.index(name) + 1 :])
        return self.left() - reserved * scale(self)

    def budget(self, name):
        return max(1.0, min(BUDGETS[name][0] * scale(self), self.left_for(name)))

    def step(self, name, does):
        """Does a step, and notes how it went; what it found is kept under its name. A step that fails ends nothing but itself."""
        seconds = self.budget(name)
        print(f"{name} …", file=sys.stderr, flush=True)
        began = time.monotonic()
        note = dict(name=name, status="done", budget_seconds=round(seconds, 1))
        try:
            if self.left() <= 0:
                raise Late("no time was left for it")
            found = does(seconds)
            if found is not None:
                self.known[name] = found
        except Exception as error:  # the proof goes on, and says so
            note |= dict(status="failed", words=words_of(error))
        note["seconds"] = round(time.monotonic() - began, 1)
        self.known["steps"].append(note)
        print(f"{name}: {note['status']} in {note['seconds']} s {note.get('words', '')}", file=sys.stderr, flush=True)
        self.write()
        return note["status"] == "done"

    def write(self):
        self.known["seconds"] = round(time.monotonic() - self.started, 1)
        text = json.dumps(self.known, indent=1)
        (self.out / "proof.json.partial").write_text(text)
        os.replace(self.out / "proof.json.partial", self.out / "proof.json")

    def log(self, name):
        return self.work / "logs" / f"{name}.log"

    def found(self, name):
        return self.work / "found" / f"{name}.json"

    def read(self, name):
        return json.loads(self.found(name).read_text())


def words_of(error):
    text = " ".join(str(error).split())
    return (text if isinstance(error, (Late, Ended, Missing)) else f"{type(error).__name__}: {text}")[:600]


class Missing(Exception):
    """Something that the proof needs is not on this machine."""


def scratch_environment(proof):
    """What children keep goes below the work folder; inductor's workers are few, because many processes compile at once."""
    home = str(proof.work / "home")
    os.makedirs(home, exist_ok=True)
    return {
        **os.environ,
        "HOME": home,
        "TMPDIR": home,
        "TRITON_CACHE_DIR": f"{home}/triton",
        "TORCHINDUCTOR_CACHE_DIR": f"{home}/inductor",
        "TORCHINDUCTOR_COMPILE_THREADS": "2",
    }


def runner_environment(proof):
    """What the engine is told of the plugin, as src/setup/engine-environment.ts tells it."""
    about = proof.known["machine"]
    if about["plugin"] is None:
        raise Missing("no PJRT plugin was found; --plugin names one")
    runtime = proof.work / "runner"
    is_cuda = proof.arguments.device == "cuda"
    pjrt = dict(
        addon=str(runtime / "pjrt.node"),
        plugin=about["plugin"],
        # Under these names the engine knows the plugin's options.
        name=("cuda12" if "xla_cuda12" in about["plugin"] else "cuda13") if is_cuda else Path(about["plugin"]).name,
        version=about["plugin_version"] or "unknown",
        libraryFolders=about["library_folders"],
        compilerData=about["compiler_data"],
        programs=str(runtime / "programs"),
    )
    environment = scratch_environment(proof)
    libraries = [*environment.get("LD_LIBRARY_PATH", "").split(":"), *about["library_folders"]]
    return {
        **environment,
        "RUNNER_PJRT": json.dumps(pjrt),
        "RUNNER_PROOF_RUNTIME": str(runtime),
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        # A thread for each program that is compiled at the same time.
        "UV_THREADPOOL_SIZE": str(max(8, 2 * (os.cpu_count() or 4))),
        "TF_CPP_MIN_LOG_LEVEL": "1",
    }


def node(proof, script, *options):
    return [str(proof.work / "bin/node"), str(HERE / script), *map(str, options)]


def python(script, *options):
    return [sys.executable, str(HERE / script), *map(str, options)]


def images(proof):
    return ["--pack", proof.work / "images/pack.u8", "--labels", proof.work / "images/labels.i32"]


def unpack_all(proof, _):
    manifest = unpack.unpack(Path(proof.arguments.proof), proof.work)
    proof.scripts = manifest["scripts"]
    proof.known |= dict(commit=manifest["commit"], node=manifest["node"], step_bytes=manifest["steps"], cpu=manifest["cpu"])
    images = manifest["images"]
    return dict(patients=len(images["patients"]), images=len(images["labels"]), counts=images["counts"], bytes=manifest["bytes"])


def check_runtime(proof, seconds):
    """Whether Node runs here and loads the addon; where only the addon does not, it is compiled from its source. And whose scripts these are."""
    others = [name for name, known in proof.scripts.items() if hashlib.sha256((HERE / name).read_bytes()).hexdigest() != known]
    if others:
        raise Missing(f"{', '.join(others)} changed since scripts/proof/pack: pack again, for the build may have changed too")
    runtime = proof.work / "runner"
    addon = runtime / "pjrt.node"
    loads = [str(proof.work / "bin/node"), "-e", "process.dlopen({ exports: {} }, process.argv[1])", str(addon)]
    environment = scratch_environment(proof)
    run([str(proof.work / "bin/node"), "--version"], seconds=seconds, log=proof.log("node"), environment=environment)
    try:
        run(loads, seconds=seconds, log=proof.log("addon"), environment=environment)
        return dict(node=proof.known["node"], addon="as it was packed")
    except Ended:
        source = runtime / "addon"
        flags = (source / "flags").read_text().split()
        command = ["g++", *flags, f"-I{source / 'include'}", str(source / "pjrt.cc"), "-o", str(addon)]
        run(command, seconds=seconds, log=proof.log("addon-compiler"), environment=environment)
        run(loads, seconds=seconds, log=proof.log("addon"), environment=environment)
        return dict(node=proof.known["node"], addon="compiled here")


def start_contestants(proof):
    """Everybody begins to compile."""
    arguments = proof.arguments
    started = {}
    # Some seconds before it is over for those who wait for them.
    until = f"{time.time() + proof.left_for('prepare') - 8 * scale(proof):.0f}"
    common = ["--wait", *images(proof), "--repeats", arguments.repeats, "--seconds", arguments.repeat_seconds, "--until", until]
    try:
        grid = ["--batches", arguments.batches, "--precisions", arguments.precisions]
        command = node(proof, "step-runner.mjs", *grid, *common, "--json", proof.found("step-runner"))
        started["runner"] = Contestant("runner", command, log=proof.log("step-runner"), environment=runner_environment(proof))
    except Exception as error:  # PyTorch is timed all the same
        started["runner"] = words_of(error)
    # What need not be compiled has a process of its own: a compiler that is late takes nobody with it.
    start_torch(proof, started, "torch-eager", arguments.batches, arguments.precisions, EAGER_WAYS, common)
    for batch in arguments.batches.split(","):
        for precision in arguments.precisions.split(","):
            start_torch(proof, started, f"torch-{batch}-{precision}", batch, precision, COMPILED_WAYS, common)
    return started


def start_torch(proof, started, name, batches, precisions, ways, common):
    options = ["--device", proof.arguments.device, "--batches", batches, "--precisions", precisions, "--ways", ways]
    command = python("step_torch.py", *options, "--budget", BUDGETS["prepare"][0] * scale(proof), *common, "--json", proof.found(name))
    started[name] = Contestant(name, command, log=proof.log(name), environment=scratch_environment(proof))


def scale(proof):
    return proof.arguments.within / ALL_SECONDS


def await_ready(contestants, seconds):
    """Waits for all of them together; who is late has lost, in words."""
    until = time.monotonic() + seconds
    for contestant in contestants.values():
        if isinstance(contestant, Contestant):
            contestant.expect("ready", max(1, until - time.monotonic()))
    lost = [f"{name}: {error_of(one)}" for name, one in contestants.items() if error_of(one)]
    if lost:
        raise Ended("; ".join(lost)[:600])


def error_of(contestant):
    return contestant if isinstance(contestant, str) else contestant.error


def time_in_turn(proof, contestants, seconds):
    """Rounds of everybody in turn, so that a card that grows warm or slow does so for all."""
    until = time.monotonic() + seconds
    for _ in range(ROUNDS):
        for contestant in contestants.values():
            if isinstance(contestant, Contestant) and time.monotonic() < until:
                contestant.turn(max(5, until - time.monotonic()))
    for contestant in contestants.values():
        if isinstance(contestant, Contestant):
            contestant.finish()
    found = dict(rounds=ROUNDS, how="wall clock between two moments at which the device is idle, over as many steps as take about "
                 f"{proof.arguments.repeat_seconds} s; {proof.arguments.repeats} repeats a round, everybody in turn")
    ours = read_or_none(proof.found("step-runner"))
    found["runner"] = dict(ours or {}, **({"error": error_of(contestants["runner"])} if error_of(contestants["runner"]) else {}))
    torch = {name: (read_or_none(proof.found(name)), error_of(one)) for name, one in contestants.items() if name != "runner"}
    found["torch"] = [variant for each, _ in torch.values() if each for variant in each["variants"]]
    found["torch_errors"] = {name: error for name, (_, error) in torch.items() if error}
    about = next((each for each, _ in torch.values() if each), None)
    found["torch_about"] = {key: value for key, value in about.items() if key != "variants"} if about else None
    proof.known["fast"] = found
    lost = [name for name, one in contestants.items() if error_of(one)]
    if lost:
        raise Ended(f"did not come to the end: {', '.join(lost)}")


def read_or_none(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def measure_copies(proof, seconds):
    command = python("copy_rate.py", "--device", proof.arguments.device, "--json", proof.found("copy"))
    run(command, seconds=seconds, log=proof.log("copy"), environment=scratch_environment(proof))
    return proof.read("copy")


def run_ours(proof, name, script, *options):
    """A step that one of our scripts does."""

    def does(seconds):
        command = node(proof, script, *options, *images(proof), "--json", proof.found(name))
        try:
            run(command, seconds=seconds, log=proof.log(name), environment=runner_environment(proof))
        except (Late, Ended) as error:
            # What it wrote before that is true all the same.
            found = read_or_none(proof.found(name))
            if found is not None:
                proof.known[name] = found
            wrong = [part for part, each in (found or {}).items() if isinstance(each, dict) and each.get("isRight") is False]
            raise Ended(f"not right: {', '.join(wrong)}") if wrong and isinstance(error, Ended) else error
        return proof.read(name)

    return does


def prove(proof):
    arguments = proof.arguments
    proof.step("machine", lambda _: machine.describe(arguments.device, arguments.plugin))
    if not proof.step("unpack", lambda seconds: unpack_all(proof, seconds)):
        return
    proof.step("runtime", lambda seconds: check_runtime(proof, seconds))
    contestants = start_contestants(proof)
    try:
        proof.step("right", run_ours(proof, "right", "right.mjs"))
        proof.step("prepare", lambda seconds: await_ready(contestants, seconds))
        proof.step("copy", lambda seconds: measure_copies(proof, seconds))
        proof.step("fast", lambda seconds: time_in_turn(proof, contestants, seconds))
    finally:
        for contestant in contestants.values():
            if isinstance(contestant, Contestant):
                contestant.finish(seconds=0.1)
    proof.step("baseline", run_ours(proof, "baseline", "baseline.mjs", "--epochs", arguments.epochs, "--seeds", arguments.seeds))
    proof.step("start", run_ours(proof, "start", "start.mjs"))


def read_arguments():
    cli = argparse.ArgumentParser(prog="gpu-proof", description="Proves what training on this machine's GPU is worth.")
    cli.add_argument("--out", required=True, help="folder for proof.json and table.md")
    cli.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    cli.add_argument("--plugin", help="a PJRT plugin instead of the one that is installed")
    cli.add_argument("--within", type=float, default=290, help="seconds for everything")
    cli.add_argument("--batches", default="32,128,512")
    cli.add_argument("--precisions", default="float32,tf32,bfloat16")
    cli.add_argument("--repeats", default="3", help="of a variant in a round")
    cli.add_argument("--repeat-seconds", default="0.1")
    cli.add_argument("--epochs", default="40")
    cli.add_argument("--seeds", default="7,8,9")
    cli.add_argument("--proof", default=str(PROJECT / ".proof"))
    cli.add_argument("--work", help="folder for what is unpacked; kept")
    return cli.parse_args()


def main():
    arguments = read_arguments()
    proof = Proof(arguments)
    try:
        prove(proof)
    finally:
        proof.write()
        logs = proof.work / "logs"
        (proof.out / "logs.txt").write_text("".join(f"== {log.name}\n{log.read_text(errors='replace')[-20000:]}\n" for log in sorted(logs.iterdir())))
        text = table.markdown(proof.known)
        (proof.out / "table.md").write_text(text)
        print(text)
        if arguments.work is None:
            shutil.rmtree(proof.work, ignore_errors=True)
    return 0 if all(step["status"] == "done" for step in proof.known["steps"]) else 1


if __name__ == "__main__":
    sys.exit(main())
