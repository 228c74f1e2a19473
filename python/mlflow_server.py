"""`mlflow server` in one process. MLflow's own command imports MLflow to look after the store, and then starts a second Python that imports it again to serve."""

import gc

# Of what is imported nothing is garbage: looking for some would only delay the start.
gc.disable()

import importlib
import os
import sys

import mlflow.server
import uvicorn
from mlflow.cli import cli


def serve(command, extra_env, **_):
    """In place of the process that MLflow would start. `command` is `python -m uvicorn …`."""
    os.environ.update(extra_env)
    importlib.import_module("mlflow.server.fastapi_app")
    gc.freeze()
    gc.enable()
    uvicorn.main(command[3:])


mlflow.server._exec_cmd = serve
cli(["server", *sys.argv[1:]])
