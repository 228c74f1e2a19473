/** The experiment file: the one source of its types, its validator, its JSON schema and its reference. */
import Type from 'typebox'
import { adviceSchema } from './advice.ts'
import { augmentationSchema, classWeightsSchema, datasetSchema, splitSchema } from './dataset.ts'
import { modelSchema } from './layers.ts'
import { optimizerSchema } from './optimizer.ts'
import { closed, optional, words } from './shapes.ts'
import type { Filled } from './shapes.ts'
import { sweepSchema } from './sweep.ts'
import { evaluationSchema, runtimeSchema, trackingSchema, trainingSchema } from './training.ts'

export const experimentSchema = closed(
  {
    version: optional(Type.Literal(1, { default: 1, description: 'Version of this format.' })),
    extends: optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        default: null,
        description:
          'A file to start from, relative to this one. Maps are merged, lists replaced, a map of one kind replaced by one of another kind; null removes a key.',
        examples: ['baseline.yaml'],
      }),
    ),
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      maxLength: 80,
      description: "The experiment's name: letters, digits, dots, dashes and underscores. Part of the run folder's name.",
      examples: ['baseline'],
    }),
    description: optional(Type.String({ default: '', description: 'What the experiment is for; logged with the run.' })),
    seed: optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 0,
        description: 'From which the split, the initial weights, the order, the augmentation and the dropout are drawn.',
      }),
    ),
    dataset: datasetSchema,
    split: splitSchema,
    augmentation: optional(augmentationSchema),
    model: modelSchema,
    loss: words(['binaryCrossentropy', 'categoricalCrossentropy', 'sigmoidCrossentropy'], {
      description:
        'What is minimised. binaryCrossentropy (two classes) and categoricalCrossentropy are of the probabilities. sigmoidCrossentropy takes the sigmoid of each logit by itself, mean over the outputs: what Keras 3 on TensorFlow trains with when binary_crossentropy meets a softmax.',
    }),
    optimizer: optimizerSchema,
    classWeights: optional(classWeightsSchema),
    training: trainingSchema,
    evaluation: optional(evaluationSchema),
    runtime: optional(runtimeSchema),
    tracking: optional(trackingSchema),
    rules: optional(adviceSchema),
    sweep: optional(sweepSchema),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Experiment',
    description: 'One experiment of runner: data, split, network, training and tracking.',
  },
)

/** The file as written, with short forms written out and defaults filled in, but words such as `classes` and `perEpochs` not yet numbers. */
export type Written = Filled<typeof experimentSchema>
