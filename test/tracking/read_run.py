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


def model_of(output):
    """A logged model, with the data set of each of its metrics; its files are downloaded too."""
    model = client.get_logged_model(output.model_id)
    files = mlflow.artifacts.download_artifacts(f"models:/{output.model_id}", dst_path=os.path.join(folder, output.model_id))
    names = sorted(os.path.relpath(os.path.join(top, name), files) for top, _, names in os.walk(files) for name in names)
    metrics = {m.key: (m.value, m.dataset_name) for m in model.metrics}
    return dict(name=model.name, status=str(model.status), step=output.step, tags=model.tags, metrics=metrics, files=names, downloaded=files)


def table_of(path):
    """As Python's users load it, as lists of rows."""
    frame = client.load_table(run.info.experiment_id, path, run_ids=[run.info.run_id])
    return dict(columns=list(frame.columns), rows=json.loads(frame.to_json(orient="values")))


print(json.dumps(dict(
    count=len(runs), status=run.info.status, name=run.info.run_name, end=run.info.end_time,
    params=run.data.params, tags=run.data.tags,
    histories={key: [(m.step, m.value if m.value == m.value else "NaN") for m in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics},
    inputs=[(i.dataset.name, i.dataset.digest, [t.value for t in i.tags]) for i in run.inputs.dataset_inputs],
    models=[model_of(output) for output in run.outputs.model_outputs],
    tables={entry["path"]: table_of(entry["path"]) for entry in json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]"))},
    files=files, downloaded=path)))
