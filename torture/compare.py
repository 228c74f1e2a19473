"""What differs between runs' journals and MLflow, asked with MLflow's own client. usage: compare.py TRACKING_URI RUN_FOLDER… -> one line of JSON, a list of sentences"""
import hashlib, json, math, os, sys, tempfile
import mlflow
from mlflow.tracking import MlflowClient

uri, *folders = sys.argv[1:]
numbers = {"NaN": math.nan, "Infinity": 1.797e308, "-Infinity": -1.797e308}
mlflow.set_tracking_uri(uri)
client = MlflowClient()

def rounded(value):
    value = numbers.get(value, value)
    return "NaN" if value != value else float(f"{value:.7g}")

def differences_of(folder):
    events = [json.loads(line) for line in open(os.path.join(folder, "journal.jsonl"), encoding="utf8") if line.endswith("\n")]
    of = lambda kind: [event for event in events if event["type"] == kind]
    started = of("run-started")[0]

    # What the journal says: every committed epoch once, one-shot metrics at step 0.
    expected, epochs = {}, {}
    for event in events:
        if event["type"] == "epoch": epochs[event["epoch"]] = event["metrics"]
        said = (event["epoch"], epochs[event["epoch"]]) if event["type"] == "committed" else (0, event["metrics"]) if event["type"] == "evaluated" else (0, {})
        for key, value in said[1].items():
            points = expected.setdefault(key, [])
            if (said[0], rounded(value)) not in points: points.append((said[0], rounded(value)))
    params = {key: value for event in of("parameters") for key, value in event["values"].items()}
    status = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[of("run-ended")[-1]["status"]]
    files = {}
    for path in {event["path"] for event in of("artifact")}:
        local = os.path.join(folder, path)
        for each in [local] if os.path.isfile(local) else [os.path.join(top, name) for top, _, names in os.walk(local) for name in names]:
            files[os.path.relpath(each, folder)] = hashlib.sha256(open(each, "rb").read()).hexdigest()

    # What MLflow says.
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, filter_string=f"tags.`runner.run` = '{started['run']}'")
    differences = []
    def compare(what, journal, there):
        if journal != there: differences.append(f"{started['run']}: {what}: the journal has {journal!r}, MLflow {there!r}"[:500])

    compare("runs", 1, len(runs))
    if runs:
        run = runs[0]
        compare("status", status, run.info.status)
        compare("end", of("run-ended")[-1]["at"], run.info.end_time)
        compare("start", started["at"], run.info.start_time)
        compare("parameters", params, run.data.params)
        compare("inputs", sorted((event["context"], event["digest"]) for event in of("dataset")),
                sorted((tag.value, one.dataset.digest) for one in run.inputs.dataset_inputs for tag in one.tags))
        for key, value in started["tags"].items(): compare(f"tag {key}", value, run.data.tags.get(key))
        compare("metrics", sorted(expected), sorted(run.data.metrics))
        for key, points in sorted(expected.items()):
            compare(key, sorted(points, key=str), sorted(((m.step, rounded(m.value)) for m in client.get_metric_history(run.info.run_id, key)), key=str))
        with tempfile.TemporaryDirectory() as target:
            root = client.download_artifacts(run.info.run_id, "", target)
            there = {os.path.relpath(os.path.join(top, name), root): hashlib.sha256(open(os.path.join(top, name), "rb").read()).hexdigest()
                     for top, _, names in os.walk(root) for name in names}
        grid = {path: digest for path, digest in there.items() if path.startswith("images/")}
        compare("files", sorted(files.items()), sorted((path, digest) for path, digest in there.items() if path not in grid))
        # Each picture once, whole and small.
        drawn = [files[event["path"]] for event in of("picture")]
        compare("pictures", sorted(drawn), sorted(digest for path, digest in grid.items() if path.endswith(".png")))
        compare("small pictures", len(drawn), sum(path.endswith(".webp") for path in grid))
    return differences

print(json.dumps([difference for folder in folders for difference in differences_of(folder)]))
