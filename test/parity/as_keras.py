"""runner's layers, schedules and optimizers as Keras objects.

The dictionaries have the form of `Layer`, `Schedule` and `Optimizer` in src/experiment/experiment.ts, with every default filled in, so that
a fixture holds exactly what runner's own code reads.
"""
import keras

GLOROT = {"kind": "glorotUniform"}
ZEROS = {"kind": "zeros"}

_ACTIVATIONS = {"leakyReLU": "leaky_relu", "swish": "silu"}


def conv2d(name, filters, kernelSize=(3, 3), strides=(1, 1), padding="valid", activation="linear", useBias=True, kernelL2=0):
    return dict(kind="conv2d", name=name, filters=filters, kernelSize=list(kernelSize), strides=list(strides), padding=padding,
                activation=activation, useBias=useBias, biasInitializer=ZEROS, kernelInitializer=GLOROT, kernelL2=kernelL2)


def separable_conv2d(name, filters, kernelSize=(3, 3), strides=(1, 1), padding="valid", activation="linear", useBias=True,
                     depthMultiplier=1, depthwiseL2=0, pointwiseL2=0):
    return dict(kind="separableConv2d", name=name, filters=filters, kernelSize=list(kernelSize), strides=list(strides), padding=padding,
                activation=activation, useBias=useBias, biasInitializer=ZEROS, depthMultiplier=depthMultiplier,
                depthwiseInitializer=GLOROT, pointwiseInitializer=GLOROT, depthwiseL2=depthwiseL2, pointwiseL2=pointwiseL2)


def depthwise_conv2d(name, kernelSize=(3, 3), strides=(1, 1), padding="valid", activation="linear", useBias=True, depthMultiplier=1,
                     depthwiseL2=0):
    return dict(kind="depthwiseConv2d", name=name, kernelSize=list(kernelSize), strides=list(strides), padding=padding,
                activation=activation, useBias=useBias, biasInitializer=ZEROS, depthMultiplier=depthMultiplier,
                depthwiseInitializer=GLOROT, depthwiseL2=depthwiseL2)


def dense(name, units, activation="linear", useBias=True, kernelL2=0):
    return dict(kind="dense", name=name, units=units, activation=activation, useBias=useBias, kernelInitializer=GLOROT,
                biasInitializer=ZEROS, kernelL2=kernelL2)


def batch_normalization(name, momentum=0.99, epsilon=1e-3, center=True, scale=True):
    return dict(kind="batchNormalization", name=name, momentum=momentum, epsilon=epsilon, center=center, scale=scale)


def pooling2d(kind, name, poolSize=(2, 2), strides=None, padding="valid"):
    return dict(kind=kind, name=name, poolSize=list(poolSize), strides=list(strides or poolSize), padding=padding)


def simple(kind, name, **options):
    """Every kind whose options have no defaults: flatten, global pooling, dropout, activation, leakyReLU."""
    return dict(kind=kind, name=name, **options)


def _activation(name):
    return _ACTIVATIONS.get(name, name)


def _l2(factor):
    return keras.regularizers.L2(factor) if factor else None


def as_keras_layer(layer):
    """The Keras layer for one of runner's layers."""
    kind, name, layers = layer["kind"], layer["name"], keras.layers
    window = {key: layer.get(value) for key, value in (("strides", "strides"), ("padding", "padding"))}
    if kind == "conv2d":
        return layers.Conv2D(layer["filters"], layer["kernelSize"], activation=_activation(layer["activation"]), name=name,
                             use_bias=layer["useBias"], kernel_regularizer=_l2(layer["kernelL2"]), **window)
    if kind == "separableConv2d":
        return layers.SeparableConv2D(layer["filters"], layer["kernelSize"], activation=_activation(layer["activation"]), name=name,
                                      use_bias=layer["useBias"], depth_multiplier=layer["depthMultiplier"],
                                      depthwise_regularizer=_l2(layer["depthwiseL2"]),
                                      pointwise_regularizer=_l2(layer["pointwiseL2"]), **window)
    if kind == "depthwiseConv2d":
        return layers.DepthwiseConv2D(layer["kernelSize"], activation=_activation(layer["activation"]), name=name,
                                      use_bias=layer["useBias"], depth_multiplier=layer["depthMultiplier"],
                                      depthwise_regularizer=_l2(layer["depthwiseL2"]), **window)
    if kind == "dense":
        return layers.Dense(layer["units"], activation=_activation(layer["activation"]), use_bias=layer["useBias"], name=name,
                            kernel_regularizer=_l2(layer["kernelL2"]))
    if kind == "batchNormalization":
        return layers.BatchNormalization(momentum=layer["momentum"], epsilon=layer["epsilon"], center=layer["center"],
                                         scale=layer["scale"], name=name)
    if kind in ("maxPooling2d", "averagePooling2d"):
        pooling = layers.MaxPooling2D if kind == "maxPooling2d" else layers.AveragePooling2D
        return pooling(layer["poolSize"], name=name, **window)
    if kind in ("globalMaxPooling2d", "globalAveragePooling2d"):
        return (layers.GlobalMaxPooling2D if kind == "globalMaxPooling2d" else layers.GlobalAveragePooling2D)(name=name)
    if kind in ("dropout", "spatialDropout2d"):
        return (layers.Dropout if kind == "dropout" else layers.SpatialDropout2D)(layer["rate"], name=name)
    if kind == "flatten":
        return layers.Flatten(name=name)
    if kind == "activation":
        return layers.Activation(_activation(layer["activation"]), name=name)
    if kind == "leakyReLU":
        return layers.LeakyReLU(negative_slope=layer["alpha"], name=name)
    raise ValueError(f"no Keras layer for {kind}")


def as_keras_model(input_shape, layers):
    return keras.Sequential([keras.Input(input_shape), *map(as_keras_layer, layers)])


def roles(layer, keras_layer):
    """runner's parameter role -> Keras variable, in runner's order (Keras's own order of `layer.weights`)."""
    names = [variable.name for variable in keras_layer.weights]
    if layer["kind"] == "depthwiseConv2d":
        names = ["depthwise_kernel" if name == "kernel" else name for name in names]
    return {name: variable for name, variable in zip(names, keras_layer.weights) if "seed" not in name}


def schedule(initial, curve=None, warmupEpochs=0):
    return dict(initial=initial, warmupEpochs=warmupEpochs, curve=curve or {"kind": "constant"})


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `initial` over `steps`, then the curve from its own step 0: what Keras's CosineDecay does, for any curve."""

    def __init__(self, initial, steps, curve):
        self.initial, self.steps, self.curve = initial, steps, curve

    def __call__(self, step):
        step = float(step)
        return self.initial * step / self.steps if step < self.steps else self.curve(step - self.steps)


def as_keras_schedule(plan, steps_per_epoch):
    schedules, curve, initial = keras.optimizers.schedules, plan["curve"], plan["initial"]
    warmup = round(plan["warmupEpochs"] * steps_per_epoch)
    if curve["kind"] == "cosine":
        steps, alpha = curve["epochs"] * steps_per_epoch, curve["final"] / initial
        if warmup:
            return schedules.CosineDecay(0.0, steps, alpha=alpha, warmup_target=initial, warmup_steps=warmup)
        return schedules.CosineDecay(initial, steps, alpha=alpha)
    if curve["kind"] == "inverseTimeDecay":
        decayed = schedules.InverseTimeDecay(initial, 1, curve["decay"])
    elif curve["kind"] == "step":
        decayed = schedules.ExponentialDecay(initial, curve["epochs"] * steps_per_epoch, curve["factor"], staircase=True)
    else:
        decayed = lambda step: initial
    return WarmUp(initial, warmup, decayed) if warmup else decayed


def as_keras_optimizer(optimizer, steps_per_epoch=1):
    kind, optimizers = optimizer["kind"], keras.optimizers
    rate = as_keras_schedule(optimizer["learningRate"], steps_per_epoch)
    if optimizer["learningRate"]["curve"]["kind"] == "constant" and not optimizer["learningRate"]["warmupEpochs"]:
        rate = optimizer["learningRate"]["initial"]
    if kind == "sgd":
        return optimizers.SGD(rate, momentum=optimizer["momentum"], nesterov=optimizer["nesterov"])
    if kind == "adagrad":
        return optimizers.Adagrad(rate, initial_accumulator_value=optimizer["initialAccumulatorValue"], epsilon=optimizer["epsilon"])
    if kind == "rmsprop":
        return optimizers.RMSprop(rate, rho=optimizer["rho"], momentum=optimizer["momentum"], epsilon=optimizer["epsilon"],
                                  centered=optimizer["centered"])
    if kind == "adam":
        return optimizers.Adam(rate, beta_1=optimizer["beta1"], beta_2=optimizer["beta2"], epsilon=optimizer["epsilon"])
    if kind == "adamw":
        return optimizers.AdamW(rate, beta_1=optimizer["beta1"], beta_2=optimizer["beta2"], epsilon=optimizer["epsilon"],
                                weight_decay=optimizer["weightDecay"])
    raise ValueError(f"no Keras optimizer for {kind}")
