/** `model`: the layers that experiments are stacked from, and the edits that make variants of a stack. */
import Type from 'typebox'
import type { TObject, TProperties, TSchema } from 'typebox'
import { aboveZero, atLeastZero, bare, closed, count, optional, share, shortened, tagged, words, yesOrNo } from './shapes.ts'

const activationNames = ['linear', 'relu', 'relu6', 'leakyReLU', 'elu', 'selu', 'sigmoid', 'tanh', 'softplus', 'swish', 'softmax'] as const
const activation = optional(
  words(activationNames, { default: 'linear', description: "Applied to the layer's output.", examples: ['relu'] }),
)

const spread = {
  mean: optional(Type.Number({ default: 0, description: 'Mean of the values.' })),
  stddev: optional(aboveZero('Standard deviation of the values.', { default: 0.05 })),
}

const initializerBranches = [
  words(['zeros', 'ones', 'glorotUniform', 'glorotNormal', 'heUniform', 'heNormal', 'lecunUniform', 'lecunNormal']),
  tagged(
    {
      constant: shortened(
        closed({ value: Type.Number({ description: 'Every value.' }) }),
        { key: 'value', schema: Type.Number() },
        { description: 'One number everywhere.' },
      ),
      randomUniform: closed(
        {
          minval: optional(Type.Number({ default: -0.05, description: 'Smallest value.' })),
          maxval: optional(Type.Number({ default: 0.05, description: 'Largest value.' })),
        },
        { description: 'Any number between minval and maxval, each as likely as the other.' },
      ),
      randomNormal: closed(spread, { description: 'Normal.' }),
      truncatedNormal: closed(spread, { description: 'Normal, drawn again beyond two standard deviations.' }),
    },
    {},
  ),
] as const

const initializer = (of: string, value: string) =>
  optional(Type.Union([...initializerBranches], { default: value, description: `Initial values of ${of}.`, examples: ['heNormal'] }))

const l2 = (of: string) =>
  optional(atLeastZero(`L2 factor: the loss gains it times the sum of the squared ${of}.`, { default: 0, examples: [0.0001] }))

const pairBranches = [
  Type.Integer({ minimum: 1 }),
  Type.Tuple([Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })], { maxItems: 2, description: '[height, width]' }),
] as const
const pair = (description: string, options: Readonly<Record<string, unknown>> = {}) =>
  Type.Union([...pairBranches], { description: `${description} One number for both sides, or [height, width].`, ...options })

const padding = optional(
  words(['valid', 'same'], {
    default: 'valid',
    description: 'valid: only whole windows; same: zeros around the image, so that stride 1 keeps its size.',
  }),
)

const filters = count('Output channels.', { examples: [32] })
const window = {
  kernelSize: pair('Pixels of the window.', { examples: [3] }),
  strides: optional(pair('Pixels from one window to the next.', { default: 1 })),
  padding,
  activation,
}
const bias = { useBias: optional(yesOrNo('Add a bias to each output channel.', true)), biasInitializer: initializer('the biases', 'zeros') }
const depthwise = {
  depthMultiplier: optional(count('Outputs of each input channel.', { default: 1 })),
  depthwiseInitializer: initializer('the depthwise kernel', 'glorotUniform'),
  depthwiseL2: l2('depthwise weights'),
}

const pooling = {
  poolSize: optional(pair('Pixels of the window.', { default: 2 })),
  strides: optional(
    Type.Union([...pairBranches, Type.Null()], { default: null, description: 'Pixels from one window to the next; left out, poolSize.' }),
  ),
  padding,
}
const pooled = (description: string) =>
  shortened(closed(pooling), { key: 'poolSize', schema: Type.Integer({ minimum: 1 }), mayBeEmpty: true }, { description })

const noOptions = <P extends TProperties>(long: TObject<P>, description: string) => shortened(long, { mayBeEmpty: true }, { description })

const rate = share('Share set to 0 in training; the rest is scaled up by 1 / (1 - rate).', { examples: [0.25] })
const dropped = (description: string) => shortened(closed({ rate }), { key: 'rate', schema: rate }, { description })

/** Adding a kind: its options here, its type in experiment.ts, its pass in layers/, its shape in network/, its test. */
const kinds = {
  conv2d: closed(
    {
      filters,
      ...window,
      ...bias,
      kernelInitializer: initializer('the kernel', 'glorotUniform'),
      kernelL2: l2('weights of the kernel'),
    },
    { description: 'Convolution.' },
  ),
  separableConv2d: closed(
    {
      filters,
      ...window,
      ...bias,
      ...depthwise,
      pointwiseInitializer: initializer('the pointwise kernel', 'glorotUniform'),
      pointwiseL2: l2('pointwise weights'),
    },
    { description: 'Convolution of each channel by itself, then a 1x1 convolution over the channels.' },
  ),
  depthwiseConv2d: closed({ ...window, ...bias, ...depthwise }, { description: 'Convolution of each channel by itself.' }),
  dense: closed(
    {
      units: Type.Union([Type.Integer({ minimum: 1 }), words(['classes'])], {
        description: 'Outputs; the word classes stands for the number of classes.',
        examples: [256, 'classes'],
      }),
      activation,
      ...bias,
      kernelInitializer: initializer('the kernel', 'glorotUniform'),
      kernelL2: l2('weights of the kernel'),
    },
    { description: 'Fully connected layer.' },
  ),
  batchNormalization: noOptions(
    closed({
      momentum: optional(share("Share of the moving averages that each step keeps, as Keras's momentum.", { default: 0.99 })),
      epsilon: optional(aboveZero('Added to the variance.', { default: 0.001 })),
      center: optional(yesOrNo('Learn an offset, beta.', true)),
      scale: optional(yesOrNo('Learn a factor, gamma.', true)),
    }),
    'Each channel to mean 0 and variance 1: of the batch in training, of the moving averages afterwards.',
  ),
  maxPooling2d: pooled('Largest value of each window.'),
  averagePooling2d: pooled('Mean of each window.'),
  globalMaxPooling2d: noOptions(closed({}), 'Largest value of each channel.'),
  globalAveragePooling2d: noOptions(closed({}), 'Mean of each channel.'),
  dropout: dropped('Sets a share of the values to 0 in training.'),
  spatialDropout2d: dropped('Sets a share of the channels to 0 in training.'),
  flatten: noOptions(closed({}), 'The image as one list of numbers.'),
  activation: shortened(
    closed({ activation: words(activationNames, { description: 'The function.' }) }),
    { key: 'activation', schema: words(activationNames) },
    { description: 'An activation as a layer of its own.' },
  ),
  leakyReLU: shortened(
    closed({ alpha: optional(atLeastZero('Slope below 0.', { default: 0.3 })) }),
    { key: 'alpha', schema: Type.Number({ minimum: 0 }), mayBeEmpty: true },
    { description: 'ReLU with a slope below 0.' },
  ),
}

export const layerKinds = Object.keys(kinds)

const optionless = [
  'batchNormalization',
  'maxPooling2d',
  'averagePooling2d',
  'globalMaxPooling2d',
  'globalAveragePooling2d',
  'flatten',
  'leakyReLU',
] as const satisfies readonly (keyof typeof kinds)[]

export const layerSchema = bare(
  optionless,
  tagged(kinds, {
    id: optional(
      Type.Union([Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]*$' }), Type.Null()], {
        default: null,
        description:
          'A name of its own, so that --set model.layers.<id>.<option>=… survives insertions. Left out, the layer is called by its kind and number: dropout_2.',
        examples: ['head'],
      }),
    ),
  }),
  { description: 'One layer: a map with exactly one kind, or the bare name of a kind that needs no options.' },
)

const where = optional(
  Type.Union([words(['convolution', 'dense']), Type.Null()], {
    default: null,
    description: 'Only in one half of the stack: convolution up to the first flatten or global pooling, dense behind it.',
  }),
)
const layerName = (does: string) => Type.String({ minLength: 1, description: `${does} every layer of this kind, or the one with this id.` })

/** Any of a kind's options; what they must be is checked on the stack that the edit makes. */
const options: TSchema = Type.Unsafe<unknown>({ description: 'Options to set; the others stay.' })

const editSchema = tagged(
  {
    remove: layerName('Take out'),
    move: layerName('Move'),
    set: closed(Object.fromEntries(layerKinds.map((kind) => [kind, Type.Optional(options)])), {
      minProperties: 1,
      description: 'Set options of every layer of a kind.',
      examples: [{ dropout: 0.15 }],
    }),
  },
  {
    to: optional(
      Type.Union([words(['beforePooling', 'afterPooling']), Type.Null()], {
        default: null,
        description: 'With move: from directly behind a pooling to directly before it, or the other way round.',
      }),
    ),
    in: where,
  },
  { description: 'One change of the stack.' },
)

export const modelSchema = closed(
  {
    layers: Type.Array(layerSchema, { minItems: 1, description: 'The stack, from the image to the classes.' }),
    edit: optional(
      Type.Array(editSchema, {
        default: [],
        description: 'Changes of the stack, in order: variants of an extended file without copying it.',
        examples: [
          [{ remove: 'batchNormalization' }, { move: 'dropout', to: 'beforePooling' }, { set: { dropout: 0.15 }, in: 'convolution' }],
        ],
      }),
    ),
  },
  { title: 'Model', description: 'The network.' },
)
