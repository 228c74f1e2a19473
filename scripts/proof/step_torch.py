"""The baseline's training step in PyTorch, in the ways in which PyTorch trains fastest, timed on one device.

usage: step_torch.py --device cuda|cpu --batches 32,128,512 --steps N --json OUT
                     [--precisions float32,tf32,bfloat16] [--ways eager,graph,…] [--repeats 5] [--budget 120] [--until UNIX_SECONDS]
                     [--pack PIXELS --labels LABELS] [--wait]

The step is ours: rows gathered from a resident uint8 table, an affine warp with a drawn matrix for each image (bilinear, nearest pixel
outside), 1/255, CancerNet with batch norm and dropout, cross-entropy with class weights, Adagrad. PyTorch is spared what our step does
beside that: drawing on the host, feeds, running metrics. The rows and matrices of all steps lie on the device before the clock starts.

Each way is prepared (built, compiled, captured, warmed up) within --budget seconds, and all of them before the moment --until; what that
took is reported apart from the step. Then each is timed --repeats times between two synchronisations, over as many steps as take
--seconds, at most N. A way that fails is reported in its error's words. --wait makes the process a contestant: when everything is
prepared it prints one line, times all of its ways once for each line on its standard input, and writes OUT when that ends; so several
can compile at once and be timed alone.
"""

import argparse
import contextlib
import functools
import gc
import json
import math
import os
import signal
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

WAYS = {
    "eager": "eager, channels last",
    "graph": "eager in a CUDA graph captured by hand, channels last",
    "graph-nchw": "eager in a CUDA graph captured by hand, channels first",
    "compile": "torch.compile",
    "reduce-overhead": "torch.compile, reduce-overhead",
    "graph-compile": "torch.compile in a CUDA graph captured by hand",
    "graph-compile-10": "torch.compile in a CUDA graph captured by hand, 10 steps a replay",
}
PRECISIONS = ("float32", "tf32", "bfloat16")
HEIGHT = WIDTH = 48
LEARNING_RATE, INITIAL_ACCUMULATOR, EPSILON = 1e-2, 0.1, 1e-7
CLASS_WEIGHTS = (1.0, 2.5)


def cancernet():
    """The network of experiments/baseline.yaml with Keras's batch norm: momentum .99, epsilon 1e-3."""
    layers, inputs = [], 3
    for filters, repeat in ((32, 1), (64, 2), (128, 3)):
        for _ in range(repeat):
            depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
            layers += [depthwise, nn.Conv2d(inputs, filters, 1), nn.ReLU(), nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)]
            inputs = filters
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    layers += [nn.Flatten(), nn.Linear(128 * 36, 256), nn.ReLU(), nn.BatchNorm1d(256, eps=1e-3, momentum=0.01), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(256, 2))


def draw_matrices(count, generator):
    """[count, 2, 3] for affine_grid: the baseline's rotation, shift, shear, zoom and flips, as ImageDataGenerator composes them."""

    def between(low, high):
        return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)

    theta, shear = between(-20, 20) * math.pi / 180, between(-0.05, 0.05) * math.pi / 180
    tx, ty = between(-0.1, 0.1) * WIDTH, between(-0.1, 0.1) * HEIGHT
    zx, zy = between(0.95, 1.05), between(0.95, 1.05)
    flips = torch.where(torch.rand(2, count, generator=generator) < 0.5, -1.0, 1.0).double()
    a, b = theta.cos() * zx, -(theta + shear).sin() * zy
    c, d = theta.sin() * zx, (theta + shear).cos() * zy
    # In affine_grid's coordinates the centre is 0 and the edge 1, so a flip is a sign and a shift is a part of half the image.
    e = (theta.cos() * tx - theta.sin() * ty) * 2 / (WIDTH - 1)
    f = (theta.sin() * tx + theta.cos() * ty) * 2 / (HEIGHT - 1)
    rows = [torch.stack([a * flips[0], b * flips[1], e], 1), torch.stack([c * flips[0], d * flips[1], f], 1)]
    return torch.stack(rows, 1).float()


class Data:
    """The resident table, its labels, and the rows and matrices of every step of a repeat."""

    def __init__(self, device, batch, steps, pack=None, labels=None, seed=7):
        generator = torch.Generator().manual_seed(seed)
        if pack is None:
            images = torch.randint(0, 256, (4096, HEIGHT, WIDTH, 3), dtype=torch.uint8, generator=generator)
            classes = torch.randint(0, 2, (len(images),), generator=generator)
        else:
            images = torch.from_file(pack, size=os.path.getsize(pack), dtype=torch.uint8).view(-1, HEIGHT, WIDTH, 3)
            classes = torch.from_file(labels, size=len(images), dtype=torch.int32).long()
        needed = steps * batch
        visits = -(-needed // len(images))
        order = torch.cat([torch.randperm(len(images), generator=generator) for _ in range(visits)])[:needed]
        self.images, self.labels = images.to(device), classes.to(device)
        self.order = order.view(steps, batch).to(device)
        self.matrices = draw_matrices(needed, generator).view(steps, batch, 2, 3).to(device)
        self.weights = torch.tensor(CLASS_WEIGHTS, device=device)
        # Compiled once for several ways: by precision and mode.
        self.compiled = {}


class Trainer:
    """One model with its optimizer, and the two halves of its step: the loss of some rows, and the update."""

    def __init__(self, data, precision, channels_last):
        self.data, self.precision = data, precision
        self.device = data.images.device
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        torch.manual_seed(7)
        self.model = cancernet().to(self.device, memory_format=self.layout)
        self.parameters = list(self.model.parameters())
        self.sums = [torch.full_like(p, INITIAL_ACCUMULATOR) for p in self.parameters]
        self.counts = [torch.ones((), device=self.device) for _ in self.parameters]
        # On the device, so that a captured graph can be given another rate.
        self.rate = torch.full((), LEARNING_RATE, device=self.device)
        self.update = "foreach"

    def keep_addresses(self):
        """Tells torch.compile what never moves: without that its CUDA graphs copy it in every step, or are left out."""
        data = self.data
        for tensor in (*self.parameters, *self.sums, self.rate, data.images, data.labels, data.weights):
            torch._dynamo.mark_static_address(tensor)

    def loss(self, rows, matrices):
        data = self.data
        with torch.no_grad():
            pixels = data.images.index_select(0, rows).permute(0, 3, 1, 2).float()
            grid = F.affine_grid(matrices, pixels.shape, align_corners=True)
            warped = F.grid_sample(pixels, grid, "bilinear", "border", align_corners=True)
            x = (warped * (1 / 255)).contiguous(memory_format=self.layout)
            y = data.labels.index_select(0, rows)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = self.model(x)
        each = F.cross_entropy(logits.float(), y, reduction="none")
        return (each * data.weights.index_select(0, y)).mean()

    def update_fused(self, gradients):
        """One kernel for all variables. torch.optim.Adagrad(fused=True) refuses CUDA, though the kernel that it would call is there."""
        options = dict(lr=self.rate, lr_decay=0.0, weight_decay=0.0, eps=EPSILON, maximize=False)
        torch._fused_adagrad_(self.parameters, gradients, self.sums, self.counts, **options)

    def update_foreach(self, gradients):
        torch._foreach_addcmul_(self.sums, gradients, gradients)
        roots = torch._foreach_sqrt(self.sums)
        torch._foreach_add_(roots, EPSILON)
        torch._foreach_addcdiv_(self.parameters, torch._foreach_mul(gradients, -self.rate), roots)

    def step(self, rows, matrices, loss, update):
        for parameter in self.parameters:
            parameter.grad = None
        value = loss(rows, matrices)
        value.backward()
        with torch.no_grad():
            update([parameter.grad for parameter in self.parameters])
        return value.detach()


def best_update(trainer):
    """The fused kernel where a step with it works."""
    data = trainer.data
    try:
        trainer.step(data.order[0], data.matrices[0], trainer.loss, trainer.update_fused)
        trainer.update = "fused"
        return trainer.update_fused
    except (RuntimeError, TypeError) as error:
        trainer.update = f"foreach ({words_of(error)})"
        return trainer.update_foreach


def run_steps(trainer, loss, update, mark=lambda: None):
    """A function that trains `count` steps, each a call from the host, and gives the last loss."""
    data = trainer.data

    def run(count):
        for k in range(count):
            mark()
            last = trainer.step(data.order[k], data.matrices[k], loss, update)
        return last

    return run


def capture(trainer, loss, update, per_replay=1):
    """The same through a CUDA graph of `per_replay` steps, which counts them itself: the host does nothing but replay it."""
    data = trainer.data
    place = torch.zeros(1, dtype=torch.long, device=trainer.device)

    def steps():
        for _ in range(per_replay):
            value = trainer.step(data.order.index_select(0, place)[0], data.matrices.index_select(0, place)[0], loss, update)
            place.add_(1)
        return value

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            place.zero_()
            steps()
    torch.cuda.current_stream().wait_stream(side)
    place.zero_()
    graph = torch.cuda.CUDAGraph()
    # One pool for all graphs of the process: they are never replayed at the same time, and each makes anew what it reads.
    with torch.cuda.graph(graph, pool=graph_pool()):
        last = steps()

    def run(count):
        place.zero_()
        for _ in range(count // per_replay):
            graph.replay()
        return last

    return run


@functools.cache
def graph_pool():
    return torch.cuda.graph_pool_handle()


def prepare(way, data, precision):
    """A trainer, and a function that trains it so many steps in that way."""
    if way not in ("eager", "compile") and data.images.device.type != "cuda":
        raise NeedsCuda("needs CUDA")
    if way in ("eager", "graph", "graph-nchw"):
        trainer = Trainer(data, precision, channels_last=way != "graph-nchw")
        made = run_steps if way == "eager" else capture
        return trainer, made(trainer, trainer.loss, best_update(trainer))
    mode = "reduce-overhead" if way == "reduce-overhead" else "default"
    trainer, loss, update = compiled(data, precision, mode)
    if way == "compile":
        return trainer, run_steps(trainer, loss, update)
    if way == "reduce-overhead":
        return trainer, run_steps(trainer, loss, update, mark=torch.compiler.cudagraph_mark_step_begin)
    return trainer, capture(trainer, loss, update, per_replay=10 if way == "graph-compile-10" else 1)


def compiled(data, precision, mode):
    """A trainer with its compiled halves, made when it is first asked for."""
    if (precision, mode) not in data.compiled:
        trainer = Trainer(data, precision, channels_last=True)
        trainer.keep_addresses()
        options = dict(mode=mode, fullgraph=True, dynamic=False)
        data.compiled[precision, mode] = trainer, torch.compile(trainer.loss, **options), torch.compile(trainer.update_foreach, **options)
    return data.compiled[precision, mode]


class NeedsCuda(Exception):
    """The way exists on a card only."""


class OutOfTime(Exception):
    """The way was not prepared within its budget."""


@contextlib.contextmanager
def at_most(seconds):
    """Raises OutOfTime in the block when the time is over; a call into native code ends first."""

    def ring(*_):
        raise OutOfTime(f"not prepared within {seconds:.0f} s")

    if seconds <= 0:
        raise OutOfTime("no time was left to prepare it")
    before = signal.signal(signal.SIGALRM, ring)
    # Again and again: compilers catch what is raised in them.
    signal.setitimer(signal.ITIMER_REAL, seconds, 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def set_precision(precision):
    allowed = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def words_of(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"[:300]


class Variant:
    """A batch size, a precision and a way: prepared once, timed as often as asked."""

    def __init__(self, batch, precision, way):
        self.batch, self.precision, self.way = batch, precision, way
        self.times, self.error, self.prepare_seconds, self.run, self.loss, self.peak = [], None, None, None, None, None
        self.steps, self.update = None, None

    def prepare(self, data, budget):
        set_precision(self.precision)
        is_cuda = data.images.device.type == "cuda"
        started = time.perf_counter()
        if is_cuda:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        try:
            with at_most(budget):
                trainer, self.run = prepare(self.way, data, self.precision)
                self.run(min(len(data.order), 10))
                synchronise(data.images.device)
            self.update = trainer.update
        except Exception as error:  # whatever it is, the other ways are still timed
            self.run, self.error = None, words_of(error)
        self.prepare_seconds = time.perf_counter() - started
        if is_cuda:
            self.peak = torch.cuda.max_memory_allocated() - before

    def time(self, data, repeats, seconds):
        """`repeats` times as many steps as take about so many seconds, in tens because a replay may hold ten, and at most all that were drawn."""
        if self.run is None:
            return
        device, most = data.images.device, len(data.order)
        set_precision(self.precision)
        try:
            probe = min(most, 10)
            self.run(probe)
            each = timed(self.run, probe, device)[0] / probe
            self.steps = min(most, max(10, int(seconds / each) // 10 * 10))
            for _ in range(repeats):
                taken, loss = timed(self.run, self.steps, device)
                self.times.append(taken * 1000 / self.steps)
            self.loss = float(loss)
            if not math.isfinite(self.loss):
                raise ArithmeticError(f"the loss became {self.loss}")
        except Exception as error:
            self.run, self.error = None, words_of(error)

    def result(self):
        known = dict(batch=self.batch, precision=self.precision, way=self.way, what=WAYS[self.way], prepare_seconds=self.prepare_seconds)
        if self.error is not None or not self.times:
            return dict(known, error=self.error or "was not timed")
        spread = dict(median=statistics.median(self.times), min=min(self.times), max=max(self.times), repeats=len(self.times))
        return dict(known, ms=spread, steps=self.steps, update=self.update, last_loss=self.loss, peak_bytes=self.peak)


def timed(run, steps, device):
    """Seconds between two moments at which the device is idle, and the last loss."""
    synchronise(device)
    started = time.perf_counter()
    loss = run(steps)
    synchronise(device)
    return time.perf_counter() - started, loss


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def read_arguments():
    def names(known):
        def read(text):
            chosen = text.split(",")
            unknown = [name for name in chosen if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
            return chosen

        return read

    cli = argparse.ArgumentParser(description="The baseline's training step in PyTorch, timed.")
    cli.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    cli.add_argument("--batches", type=lambda text: [int(batch) for batch in text.split(",")], default=[32, 128, 512])
    cli.add_argument("--precisions", type=names(PRECISIONS), default=list(PRECISIONS))
    cli.add_argument("--ways", type=names(WAYS), default=list(WAYS))
    cli.add_argument("--steps", type=int, default=500, help="the most steps of a repeat")
    cli.add_argument("--seconds", type=float, default=0.2, help="about how long a repeat takes")
    cli.add_argument("--repeats", type=int, default=5)
    cli.add_argument("--budget", type=float, default=120, help="seconds in which one way must be prepared")
    cli.add_argument("--until", type=float, default=time.time() + 3600, help="the moment at which all must be prepared, in Unix seconds")
    cli.add_argument("--pack", help="uint8 rows of 48 x 48 x 3; random pixels without")
    cli.add_argument("--labels", help="int32, one a row of the pack")
    cli.add_argument("--wait", action="store_true", help="time once for each line on the standard input")
    cli.add_argument("--json", required=True)
    return cli.parse_args()


def write_results(path, device, variants):
    known = dict(torch=torch.__version__, device=str(device), threads=torch.get_num_threads())
    if device.type == "cuda":
        known |= dict(card=torch.cuda.get_device_name(), cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version())
    with open(path + ".partial", "w") as file:
        json.dump(dict(known, variants=[variant.result() for variant in variants]), file, indent=1)
    os.replace(path + ".partial", path)


def main():
    arguments = read_arguments()
    device = torch.device(arguments.device)
    torch.backends.cudnn.benchmark = True
    prepared = []
    for batch in arguments.batches:
        data = Data(device, batch, arguments.steps, arguments.pack, arguments.labels)
        for precision in arguments.precisions:
            for way in arguments.ways:
                variant = Variant(batch, precision, way)
                prepared.append((variant, data))
                variant.prepare(data, min(arguments.budget, arguments.until - time.time()))
                told = variant.error or f"prepared in {variant.prepare_seconds:.1f} s"
                print(f"torch {batch} {precision} {way}: {told}", file=sys.stderr, flush=True)
                write_results(arguments.json, device, [variant for variant, _ in prepared])

    def time_all():
        for variant, data in prepared:
            variant.time(data, arguments.repeats, arguments.seconds)
            write_results(arguments.json, device, [variant for variant, _ in prepared])

    if not arguments.wait:
        time_all()
        return
    print("ready", flush=True)
    for _ in sys.stdin:
        time_all()
        print("timed", flush=True)


if __name__ == "__main__":
    main()
