"""Writes the fixtures beside this file: what Keras computes for small, fixed inputs. README.md says what each file holds.

usage: make_fixtures.py [FOLDER]     with keras 3.15.1, tensorflow-cpu 2.21.0 and scipy 1.17.1
"""
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import scipy
import scipy.ndimage
import tensorflow as tf

from as_keras import (as_keras_layer, as_keras_model, as_keras_optimizer, as_keras_schedule, batch_normalization, conv2d, dense,
                      depthwise_conv2d, pooling2d, roles, schedule, separable_conv2d, simple)

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "fixtures")
ACTIVATIONS = ["linear", "relu", "relu6", "leakyReLU", "elu", "selu", "sigmoid", "tanh", "softplus", "swish", "softmax"]

rng = np.random.default_rng(20251)


def normal(shape, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def tensor(array):
    """A float32 array as JSON: the shortest decimals that give the same float32 back."""
    array = np.asarray(array, np.float32)
    return {"shape": list(array.shape), "values": [float(str(value)) for value in array.ravel()]}


def write(name, cases):
    FOLDER.mkdir(parents=True, exist_ok=True)
    made_by = {"keras": keras.__version__, "tensorflow": tf.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path = FOLDER / f"{name}.json"
    path.write_text(f'{{"madeBy":{json.dumps(made_by)},"cases":[\n{body}\n]}}\n')
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size:,} bytes")


def tensors(variables):
    return {name: tensor(value) for name, value in variables.items()}


def start_values(parameters):
    """Fixed values for a layer's parameters: kernels and offsets around 0, scales around 1, variances positive."""
    for role, variable in parameters.items():
        offset = 1.0 if role in ("gamma", "moving_variance") else 0.0
        value = offset + normal(variable.shape, 0.4 if "kernel" in role else 0.2)
        variable.assign(np.abs(value) if role == "moving_variance" else value)
    return tensors(parameters)


def layer_cases():
    image, flat = (2, 5, 6, 2), (3, 7)
    case = lambda layer, shape=image: (layer, shape)
    yield case(conv2d("valid", 3))
    yield case(conv2d("same_relu", 3, padding="same", activation="relu"))
    yield case(conv2d("strides_2_same", 3, strides=(2, 2), padding="same", activation="tanh"))
    yield case(conv2d("strides_2_1_valid_kernel_3_2", 4, kernelSize=(3, 2), strides=(2, 1), activation="swish"))
    yield case(conv2d("even_kernel_same", 2, kernelSize=(2, 4), padding="same"))
    yield case(conv2d("one_by_one_no_bias", 5, kernelSize=(1, 1), useBias=False, activation="leakyReLU"))
    yield case(conv2d("strides_greater_than_kernel", 2, kernelSize=(2, 2), strides=(3, 3), padding="same"))
    yield case(separable_conv2d("valid", 3))
    yield case(separable_conv2d("same_relu", 4, padding="same", activation="relu"))
    yield case(separable_conv2d("multiplier_2_strides_2", 3, strides=(2, 2), padding="same", activation="elu", depthMultiplier=2))
    yield case(separable_conv2d("no_bias_valid_strides_2", 3, strides=(2, 2), useBias=False, activation="selu"))
    yield case(separable_conv2d("even_kernel_same", 2, kernelSize=(2, 4), padding="same", activation="sigmoid"))
    yield case(depthwise_conv2d("valid", activation="softplus"))
    yield case(depthwise_conv2d("same_multiplier_2", padding="same", depthMultiplier=2, activation="relu"))
    yield case(depthwise_conv2d("strides_2_no_bias", strides=(2, 2), padding="same", useBias=False, activation="relu6"))
    yield case(depthwise_conv2d("kernel_2_3_strides_2_valid", kernelSize=(2, 3), strides=(2, 2)))
    for activation in ACTIVATIONS:
        yield case(dense(f"{activation}", 4, activation=activation), flat)
    yield case(dense("no_bias", 4, useBias=False), flat)
    for kind in ("maxPooling2d", "averagePooling2d"):
        yield case(pooling2d(kind, "2"))
        yield case(pooling2d(kind, "2_same", padding="same"))
        yield case(pooling2d(kind, "3_strides_2_same", (3, 3), (2, 2), "same"))
        yield case(pooling2d(kind, "3_strides_2_valid", (3, 3), (2, 2)))
        yield case(pooling2d(kind, "3_2_strides_1", (3, 2), (1, 1)))
    yield case(simple("globalMaxPooling2d", "global"))
    yield case(simple("globalAveragePooling2d", "global"))
    yield case(simple("flatten", "flatten"))
    yield case(simple("dropout", "inference", rate=0.4), flat)
    yield case(simple("spatialDropout2d", "inference", rate=0.4))
    for activation in ACTIVATIONS:
        yield case(simple("activation", activation, activation=activation), flat)
    yield case(simple("activation", "softmax_of_image", activation="softmax"))
    yield case(simple("leakyReLU", "alpha", alpha=0.3))


def layers():
    """Inference mode, and the gradients of sum(output * outputGradient)."""
    for layer, shape in layer_cases():
        keras_layer = as_keras_layer(layer)
        x = tf.constant(normal(shape, 2.0))
        keras_layer.build(shape)
        parameters = roles(layer, keras_layer)
        start = start_values(parameters)
        trainable = {role: variable.value for role, variable in parameters.items()}
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = keras_layer(x, training=False)
            dy = normal(y.shape)
            total = tf.reduce_sum(y * dy)
        dx, gradients = tape.gradient(total, (x, trainable))
        yield dict(name=f"{layer['kind']}: {layer['name']}", layer=layer, parameters=start, input=tensor(x), output=tensor(y),
                   outputGradient=tensor(dy), inputGradient=tensor(dx), parameterGradients=tensors(gradients))


def batch_normalizations():
    """Three training batches in turn, then the first one again in inference mode."""
    for name, shape, options in (("image", (3, 2, 3, 2), {}), ("flat", (5, 3), {}), ("quick momentum", (3, 2, 2, 2), dict(momentum=0.6)),
                                 ("large epsilon", (4, 3), dict(epsilon=0.5)), ("no center", (3, 2, 2, 3), dict(center=False)),
                                 ("no scale", (3, 2, 2, 3), dict(scale=False)), ("neither", (4, 3), dict(center=False, scale=False))):
        layer = batch_normalization(name.replace(" ", "_"), **options)
        keras_layer = as_keras_layer(layer)
        keras_layer.build(shape)
        parameters = roles(layer, keras_layer)
        start, batches = start_values(parameters), []
        learned = {role: variable.value for role, variable in parameters.items() if role in ("gamma", "beta")}
        for _ in range(3):
            x, dy = tf.constant(normal(shape, 1.5) + normal(shape[-1:])), normal(shape)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = keras_layer(x, training=True)
                total = tf.reduce_sum(y * dy)
            dx, gradients = tape.gradient(total, (x, learned))
            batches.append(dict(input=tensor(x), output=tensor(y), outputGradient=tensor(dy), inputGradient=tensor(dx),
                                parameterGradients=tensors(gradients), movingMean=tensor(parameters["moving_mean"]),
                                movingVariance=tensor(parameters["moving_variance"])))
        first = np.reshape(batches[0]["input"]["values"], shape).astype(np.float32)
        yield dict(name=f"batchNormalization: {name}", layer=layer, parameters=start, batches=batches,
                   inference=dict(input=batches[0]["input"], output=tensor(keras_layer(first, training=False))))


def from_probabilities(loss):
    """The loss of the probabilities. Keras would reach for the logits that it hides in a softmax's or sigmoid's output, and
    binaryCrossentropy then takes a sigmoid of the softmax's logits; multiplying by 1 hides them (README.md)."""
    function = getattr(keras.losses, {"binaryCrossentropy": "binary_crossentropy", "categoricalCrossentropy": "categorical_crossentropy"}[loss])
    return lambda targets, probabilities: function(targets, probabilities * 1.0)


def targets_of(labels, classes, head):
    labels = np.asarray(labels)
    return labels[:, None].astype(np.float32) if head == "sigmoid" else np.eye(classes, dtype=np.float32)[labels]


def loss_and_gradient(loss, head, logits, labels, weights, classes):
    z = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(z)
        probabilities = keras.ops.softmax(z) if head == "softmax" else keras.ops.sigmoid(z)
        per_row = loss(targets_of(labels, classes, head), probabilities)
        value = tf.reduce_sum(per_row * tf.gather(tf.constant(weights, tf.float32), labels)) / len(labels)
    return value, tape.gradient(value, z)


def losses():
    for name, loss, head, classes, weights in (
            ("binary over softmax", "binaryCrossentropy", "softmax", 2, [1, 1]),
            ("binary over softmax, weighted", "binaryCrossentropy", "softmax", 2, [1, 2.5]),
            ("binary over sigmoid", "binaryCrossentropy", "sigmoid", 2, [1, 1]),
            ("binary over sigmoid, weighted", "binaryCrossentropy", "sigmoid", 2, [0.7, 2.5]),
            ("categorical, 2 classes, weighted", "categoricalCrossentropy", "softmax", 2, [1, 2.5]),
            ("categorical, 4 classes", "categoricalCrossentropy", "softmax", 4, [1, 1, 1, 1]),
            ("categorical, 4 classes, weighted", "categoricalCrossentropy", "softmax", 4, [1, 3.5, 0.25, 2])):
        logits = normal((7, 1 if head == "sigmoid" else classes), 2.0)
        labels = [index % classes for index in (0, 1, 2, 3, 1, 0, 1)]
        value, gradient = loss_and_gradient(from_probabilities(loss), head, logits, labels, weights, classes)
        case = dict(name=name, loss=loss, head=head, classes=classes, classWeights=weights, logits=tensor(logits), labels=labels,
                    value=float(value), logitsGradient=tensor(gradient))
        if loss == "binaryCrossentropy" and head == "softmax":
            hidden, hidden_gradient = loss_and_gradient(keras.losses.binary_crossentropy, head, logits, labels, weights, classes)
            case["kerasFromHiddenLogits"] = dict(value=float(hidden), logitsGradient=tensor(hidden_gradient))
        yield case


def optimizers():
    """Three steps, each on its own gradients."""
    constant, decayed = schedule(0.05), schedule(0.05, {"kind": "inverseTimeDecay", "decay": 0.3})
    sgd = lambda **o: dict(kind="sgd", learningRate=constant, momentum=0.0, nesterov=False) | o
    rmsprop = lambda **o: dict(kind="rmsprop", learningRate=constant, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False) | o
    adagrad = lambda **o: dict(kind="adagrad", learningRate=constant, initialAccumulatorValue=0.1, epsilon=1e-7) | o
    adam = lambda kind, **o: dict(kind=kind, learningRate=constant, beta1=0.9, beta2=0.999, epsilon=1e-7) | o
    for name, optimizer in (("sgd", sgd()), ("sgd with decay", sgd(learningRate=decayed)), ("sgd with momentum", sgd(momentum=0.9)),
                            ("sgd with Nesterov momentum", sgd(momentum=0.9, nesterov=True)), ("adagrad", adagrad()),
                            ("adagrad with decay", adagrad(learningRate=decayed)),
                            ("adagrad, accumulator from 0, large epsilon", adagrad(initialAccumulatorValue=0.0, epsilon=0.01)),
                            ("rmsprop", rmsprop()), ("rmsprop with momentum", rmsprop(momentum=0.8)), ("rmsprop centered", rmsprop(centered=True)),
                            ("rmsprop centered with momentum", rmsprop(centered=True, momentum=0.8, rho=0.7)), ("adam", adam("adam")),
                            ("adam with decay and large epsilon", adam("adam", learningRate=decayed, epsilon=0.1, beta1=0.8)),
                            ("adamw", adam("adamw", weightDecay=0.1)), ("adamw with decay", adam("adamw", weightDecay=0.1, learningRate=decayed))):
        variables = [keras.Variable(normal(shape)) for shape in ((3, 2), (4,), (2, 1, 2, 2))]
        start, steps = [tensor(variable) for variable in variables], []
        keras_optimizer = as_keras_optimizer(optimizer)
        keras_optimizer.build(variables)
        for _ in range(3):
            gradients = [normal(variable.shape) for variable in variables]
            keras_optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)
            steps.append(dict(gradients=[tensor(gradient) for gradient in gradients], variables=[tensor(variable) for variable in variables]))
        yield dict(name=name, optimizer=optimizer, stepsPerEpoch=1, variables=start, steps=steps)


def trainings():
    """Whole networks without dropout: weights after each of three steps, and the loss that each step saw."""
    cancernet = [separable_conv2d("separableConv2d_1", 4, padding="same", activation="relu"), batch_normalization("batchNormalization_1"),
                 pooling2d("maxPooling2d", "maxPooling2d_1"), separable_conv2d("separableConv2d_2", 6, padding="same", activation="relu"),
                 batch_normalization("batchNormalization_2"), pooling2d("maxPooling2d", "maxPooling2d_2"), simple("flatten", "flatten_1"),
                 dense("dense_1", 8, activation="relu"), batch_normalization("batchNormalization_3"), dense("dense_2", 2, activation="softmax")]
    regularised = [conv2d("conv2d_1", 4, activation="tanh", kernelL2=0.01), depthwise_conv2d("depthwiseConv2d_1", depthwiseL2=0.02, activation="elu"),
                   pooling2d("averagePooling2d", "averagePooling2d_1"),
                   separable_conv2d("separableConv2d_1", 3, kernelSize=(2, 2), depthwiseL2=0.03, pointwiseL2=0.005), simple("flatten", "flatten_1"),
                   dense("dense_1", 1, activation="sigmoid", kernelL2=0.01)]
    four_classes = [conv2d("conv2d_1", 5, strides=(2, 2), padding="same"), simple("leakyReLU", "leakyReLU_1", alpha=0.2),
                    batch_normalization("batchNormalization_1", momentum=0.9), simple("globalAveragePooling2d", "globalAveragePooling2d_1"),
                    dense("dense_1", 4), simple("activation", "activation_1", activation="softmax")]
    adagrad = dict(kind="adagrad", learningRate=schedule(0.05, {"kind": "inverseTimeDecay", "decay": 0.1}), initialAccumulatorValue=0.1, epsilon=1e-7)
    sgd = dict(kind="sgd", learningRate=schedule(0.1), momentum=0.9, nesterov=True)
    adamw = dict(kind="adamw", learningRate=schedule(0.01), beta1=0.9, beta2=0.999, epsilon=1e-7, weightDecay=0.05)
    for name, stack, loss, head, classes, weights, optimizer in (
            ("CancerNet in small", cancernet, "binaryCrossentropy", "softmax", 2, [1, 2.5], adagrad),
            ("L2 everywhere, sigmoid", regularised, "binaryCrossentropy", "sigmoid", 2, [1, 1.5], sgd),
            ("four classes", four_classes, "categoricalCrossentropy", "softmax", 4, [1, 3, 0.5, 1], adamw)):
        shape, batch = (8, 8, 3), 5
        model = as_keras_model(shape, stack)
        named = {f"{layer['name']}/{role}": variable for layer, keras_layer in zip(stack, model.layers)
                 for role, variable in roles(layer, keras_layer).items()}
        for parameter, variable in named.items():
            if not parameter.split("/")[1].startswith("moving"):
                start_values({parameter.split("/")[1]: variable})
        start, steps = tensors(named), []
        model.compile(loss=from_probabilities(loss), optimizer=as_keras_optimizer(optimizer))
        for _ in range(3):
            images, labels = rng.random((batch, *shape), np.float32), rng.integers(0, classes, batch)
            model.reset_metrics()
            value = model.train_on_batch(images, targets_of(labels, classes, head), sample_weight=np.take(weights, labels).astype(np.float32))
            steps.append(dict(images=tensor(images), labels=labels.tolist(), loss=float(value), parameters=tensors(named)))
        probabilities = model.predict(images, verbose=0)
        yield dict(name=name, inputShape=list(shape), classes=classes, layers=stack, loss=loss, head=head, classWeights=weights, optimizer=optimizer,
                   stepsPerEpoch=1, parameters=start, steps=steps, predictions=tensor(probabilities))


def schedules():
    for name, plan, steps_per_epoch in (
            ("constant", schedule(0.02), 10), ("constant after warm-up", schedule(0.02, warmupEpochs=2), 10),
            ("inverse-time decay", schedule(0.01, {"kind": "inverseTimeDecay", "decay": 0.00025}), 10),
            ("inverse-time decay after warm-up", schedule(0.01, {"kind": "inverseTimeDecay", "decay": 0.05}, 1), 10),
            ("cosine", schedule(0.1, {"kind": "cosine", "final": 0.001, "epochs": 5}), 10),
            ("cosine to 0 after warm-up", schedule(0.1, {"kind": "cosine", "final": 0, "epochs": 4}, 1.5), 10),
            ("step", schedule(0.1, {"kind": "step", "factor": 0.5, "epochs": 2}), 10),
            ("step after warm-up", schedule(0.1, {"kind": "step", "factor": 0.1, "epochs": 1}, 1), 10)):
        rate = as_keras_schedule(plan, steps_per_epoch)
        steps = [0, 1, 5, 9, 10, 14, 15, 16, 19, 20, 21, 29, 30, 39, 40, 49, 50, 54, 55, 60, 100, 5000]
        yield dict(name=name, schedule=plan, stepsPerEpoch=steps_per_epoch, steps=steps, learningRates=[float(rate(step)) for step in steps])


def augmentations():
    """Affine warp first, then the flips, as ImageDataGenerator.apply_transform does."""
    from keras.src.legacy.preprocessing import image as legacy
    scipy.ndimage.interpolation = scipy.ndimage  # Keras still names the module that SciPy 1.15 folded into its parent.
    still = dict(theta=0, tx=0, ty=0, shear=0, zx=1, zy=1)
    for name, shape, moves, flips, fill in (
            ("identity", (6, 7, 3), {}, (), "nearest"), ("rotation", (6, 7, 3), dict(theta=17), (), "nearest"),
            ("rotation of a square", (8, 8, 1), dict(theta=-90), (), "nearest"), ("shift right by whole columns", (6, 7, 3), dict(tx=-2), (), "nearest"),
            ("shift of columns and rows", (6, 7, 3), dict(tx=0.62, ty=-1.3), (), "nearest"), ("shear", (6, 7, 3), dict(shear=12), (), "nearest"),
            ("zoom", (6, 7, 3), dict(zx=1.2, zy=0.85), (), "nearest"),
            ("horizontal flip", (6, 7, 3), {}, ("horizontal",), "nearest"), ("vertical flip", (6, 7, 3), {}, ("vertical",), "nearest"),
            ("everything", (6, 7, 3), dict(theta=14.3, tx=0.5, ty=-0.7, shear=0.04, zx=1.03, zy=0.96), ("horizontal",), "nearest"),
            ("everything, strongly", (8, 8, 1), dict(theta=-33, tx=1.9, ty=2.4, shear=-20, zx=0.7, zy=1.4), ("horizontal", "vertical"), "nearest"),
            ("everything, outside reflected", (7, 6, 1), dict(theta=25, tx=1.5, ty=-2, shear=5, zx=1.3, zy=1.1), ("vertical",), "reflect"),
            ("everything, outside wrapped", (7, 6, 1), dict(theta=25, tx=1.5, ty=-2, shear=5, zx=1.3, zy=1.1), ("vertical",), "wrap"),
            ("everything, outside constant", (7, 6, 1), dict(theta=25, tx=1.5, ty=-2, shear=5, zx=1.3, zy=1.1), ("vertical",), "constant")):
        source = rng.integers(0, 256, shape).astype(np.float32)
        moves = still | moves
        warped = legacy.apply_affine_transform(source, **moves, row_axis=0, col_axis=1, channel_axis=2, fill_mode=fill, cval=0.0, order=1)
        if "horizontal" in flips:
            warped = warped[:, ::-1]
        if "vertical" in flips:
            warped = warped[::-1]
        yield dict(name=name, **moves, flipHorizontal="horizontal" in flips, flipVertical="vertical" in flips, fill=fill,
                   input=tensor(source), output=tensor(warped))


def networks():
    """Shapes, parameters and fans of whole networks, as Keras counts them."""
    from keras.src.initializers.random_initializers import compute_fans
    for name, shape, stack in network_cases():
        model, planned = as_keras_model(shape, stack), []
        for layer, keras_layer in zip(stack, model.layers):
            parameters = [dict(role=role, shape=list(variable.shape), fans=list(compute_fans(variable.shape)), isTrainable=variable.trainable)
                          for role, variable in roles(layer, keras_layer).items()]
            planned.append(dict(outputShape=list(keras_layer.output.shape[1:]), parameters=parameters, count=keras_layer.count_params()))
        count = lambda weights: int(sum(np.prod(weight.shape) for weight in weights))
        yield dict(name=name, inputShape=list(shape), layers=stack, planned=planned, total=model.count_params(),
                   trainable=count(model.trainable_weights))


def network_cases():
    def numbered(layers):
        counts = {}
        for layer in layers:
            counts[layer["kind"]] = counts.get(layer["kind"], 0) + 1
            layer["name"] = f"{layer['kind']}_{counts[layer['kind']]}"
        return layers

    head = lambda classes=2: [simple("flatten", ""), dense("", 256, activation="relu"), batch_normalization(""), simple("dropout", "", rate=0.5),
                              dense("", classes, activation="softmax")]
    cancernet = []
    for filters, repeat in ((32, 1), (64, 2), (128, 3)):
        for _ in range(repeat):
            cancernet += [separable_conv2d("", filters, padding="same", activation="relu"), batch_normalization("")]
        cancernet += [pooling2d("maxPooling2d", ""), simple("dropout", "", rate=0.25)]
    yield "CancerNet", (48, 48, 3), numbered(cancernet + head())
    yield "one dense layer", (8, 8, 1), numbered([simple("flatten", ""), dense("", 2)])
    yield "VGG-like", (50, 50, 3), numbered([conv2d("", 16, padding="same", activation="relu"), conv2d("", 16, activation="relu"), pooling2d("maxPooling2d", ""),
                                            conv2d("", 32, (5, 3), activation="relu"), pooling2d("averagePooling2d", "", (3, 3), (2, 2), "same"), *head(4)])
    yield "MobileNet-like", (64, 48, 3), numbered([conv2d("", 8, strides=(2, 2), padding="same", useBias=False), batch_normalization(""),
                                                  simple("activation", "", activation="relu6"), depthwise_conv2d("", padding="same", useBias=False),
                                                  batch_normalization(""), conv2d("", 16, (1, 1), useBias=False), batch_normalization("", scale=False),
                                                  depthwise_conv2d("", strides=(2, 2), padding="same", depthMultiplier=2), simple("leakyReLU", "", alpha=0.1),
                                                  simple("globalAveragePooling2d", ""), dense("", 3, useBias=False)])
    yield "separable with multipliers", (31, 29, 1), numbered([separable_conv2d("", 6, (5, 5), (2, 2), depthMultiplier=3), batch_normalization("", center=False),
                                                              separable_conv2d("", 12, (2, 2), (3, 3), "same", useBias=False), simple("spatialDropout2d", "", rate=0.2),
                                                              simple("globalMaxPooling2d", ""), dense("", 1, activation="sigmoid")])
    yield "strides greater than the kernel", (20, 23, 3), numbered([conv2d("", 4, (2, 2), (3, 4), "same"), conv2d("", 4, (1, 1), (2, 2)),
                                                                   pooling2d("maxPooling2d", "", (2, 2), (3, 1), "same"), *head()])
    yield "batch norm without scale and offset", (9, 9, 3), numbered([batch_normalization("", center=False, scale=False), conv2d("", 2, (9, 9)), *head()])
    yield "deep and narrow", (96, 96, 3), numbered([layer for _ in range(5) for layer in
                                                   (conv2d("", 6, padding="same", activation="elu"), batch_normalization(""), pooling2d("maxPooling2d", ""))] + head(5))
    yield "pooling only", (12, 12, 3), numbered([pooling2d("averagePooling2d", "", (4, 4)), simple("flatten", ""), dense("", 2, activation="softmax")])


def initializers():
    """How large Keras's draws are: statistics of one [3, 3, 32, 64] kernel each (18,432 numbers)."""
    kinds = {"glorotUniform": "GlorotUniform", "glorotNormal": "GlorotNormal", "heUniform": "HeUniform", "heNormal": "HeNormal",
             "lecunUniform": "LecunUniform", "lecunNormal": "LecunNormal", "randomUniform": "RandomUniform", "randomNormal": "RandomNormal",
             "truncatedNormal": "TruncatedNormal"}
    options = {"randomUniform": dict(minval=-0.3, maxval=0.1), "randomNormal": dict(mean=0.5, stddev=0.2), "truncatedNormal": dict(mean=0.5, stddev=0.2)}
    for kind, name in kinds.items():
        drawn = np.asarray(getattr(keras.initializers, name)(seed=1, **options.get(kind, {}))((3, 3, 32, 64)), np.float64)
        yield dict(name=kind, initializer=dict(kind=kind, **options.get(kind, {})), shape=[3, 3, 32, 64], mean=drawn.mean(), stddev=drawn.std(),
                   minimum=drawn.min(), maximum=drawn.max())


for name, cases in (("layers", layers), ("batch-normalization", batch_normalizations), ("losses", losses), ("optimizers", optimizers),
                    ("trainings", trainings), ("schedules", schedules), ("augmentation", augmentations), ("networks", networks),
                    ("initializers", initializers)):
    rng = np.random.default_rng(20251)
    keras.utils.set_random_seed(20251)
    write(name, list(cases()))
