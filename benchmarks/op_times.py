"""Where a compiled step spends its time: TensorFlow's own tracing of our graph. usage: op_times.py FOLDER CALL_JSON THREADS LIBRARY"""
import collections, json, os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np, tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
v1.disable_eager_execution()
folder, call, threads, library = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
tf.load_op_library(library)
model = saved_model_pb2.SavedModel()
model.ParseFromString(open(os.path.join(folder, "saved_model.pb"), "rb").read())
graph = model.meta_graphs[0].graph_def
v1.import_graph_def(graph, name="")
session = v1.Session(config=v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1))
random = np.random.default_rng(0)

# Every variable by its own assign call, the table by its chunk call; the values do not matter, as long as they are positive.
shapes = {n.name: [d.size for d in n.attr["shape"].shape.dim] for n in graph.node if n.op == "VarHandleOp"}
for node in graph.node:
    if node.op == "AssignVariableOp" and node.name.startswith("assign/"):
        key = node.name.split("/")[1]
        session.run(f"assigned/{key}:0", {f"value/{key}:0": np.full(shapes[node.input[0]], .05, np.float32) + random.random(shapes[node.input[0]], np.float32) / 50})
table = next(shape for shape in shapes.values() if len(shape) == 4 and shape[0] == 1024)
session.run("table/allocated:0", {"table/dimensions:0": np.array(table, np.int32), "table/zero:0": np.uint8(0)})
session.run("table/written:0", {"table/indices:0": np.arange(table[0], dtype=np.int32), "table/rows:0": random.integers(0, 256, table).astype(np.uint8)})

values = {"int32": lambda shape: random.integers(0, 2, shape).astype(np.int32), "float32": lambda shape: np.full(shape, .001, np.float32)}
feeds = {f["node"] + ":0": values[f["dtype"]](f["shape"]) for f in call["feeds"]}
fetch = next(iter(call["fetches"].values())) + ":0"
for _ in range(10): session.run(fetch, feeds)
steps = []
for _ in range(40):
    started = time.perf_counter(); session.run(fetch, feeds); steps.append(time.perf_counter() - started)

repeats, spent, count = 20, collections.Counter(), collections.Counter()
for _ in range(repeats):
    metadata = v1.RunMetadata()
    session.run(fetch, feeds, options=v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), run_metadata=metadata)
    for device in metadata.step_stats.dev_stats:
        for node in device.node_stats:
            kind = node.timeline_label.split(" = ")[-1].split("(")[0].removeprefix("_Mkl").removeprefix("Native")
            spent[kind] += node.op_end_rel_micros - node.op_start_rel_micros
            count[kind] += 1
operations = [[kind, count[kind] / repeats, micros / repeats / 1e3] for kind, micros in spent.most_common()]
print(json.dumps(dict(milliseconds=float(np.median(steps) * 1e3), operations=operations)))
