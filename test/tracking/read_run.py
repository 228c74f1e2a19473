"""Reads a run back with MLflow's own client. usage: read_run.py TRACKING_URI RUNNER_RUN_ID DOWNLOAD_FOLDER -> one line of JSON"""
import json, os, sys
import mlflow
from mlflow.tracking import MlflowClient

uri, run_id, folder = sys.argv[1:4]
mlflow.set_tracking_uri(uri)
client = MlflowClient()
experiments = [e.experiment_id for e in client.search_experiments()]
runs = client.search_runs(experiments, filter_string=f"tags.`runner.run` = '{run_id}'")
run = runs[0]
path = client.download_artifacts(run.info.run_id, "", folder)
files = sorted(os.path.relpath(os.path.join(top, name), path) for top, _, names in os.walk(path) for name in names)
print(json.dumps(dict(
    count=len(runs), status=run.info.status, name=run.info.run_name, end=run.info.end_time,
    params=run.data.params, tags=run.data.tags,
    histories={key: [(m.step, m.value if m.value == m.value else "NaN") for m in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics},
    inputs=[(i.dataset.name, i.dataset.digest, [t.value for t in i.tags]) for i in run.inputs.dataset_inputs],
    files=files, downloaded=path)))
