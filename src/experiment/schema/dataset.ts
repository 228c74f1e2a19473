/** `dataset` and `split`: which images there are, what they are called, and which are trained on. */
import Type from 'typebox'
import { atLeastZero, closed, count, named, optional, share, tagged, words, yesOrNo } from './shapes.ts'

const faultChoice = <const W extends readonly string[]>(description: string, choices: W, value: W[number]) =>
  words(choices, { description, default: value })

export const datasetSchema = closed(
  {
    root: Type.String({
      minLength: 1,
      description:
        "Folder of the images, absolute or relative to the project's root. ${NAME:-default} is replaced by the environment variable NAME, or by the default where it is not set.",
      examples: ['${IDC_ROOT:-datasets/idc}'],
    }),
    layout: Type.String({
      minLength: 1,
      description:
        'How folder and file names say what an image is. {class} is the folder of a class, {split} one of training, validation and testing, {*} anything; {x:int} and {y:int} the place on the slide; every other placeholder is a group such as {patient}.',
      examples: ['{patient}/{class}/{*}_x{x:int}_y{y:int}_{*}.png', '{class}/{*}.png', '{split}/{class}/{*}'],
    }),
    classes: Type.Array(
      closed({
        folder: Type.String({ minLength: 1, description: 'What stands for the class where the layout says {class}.', examples: ['0'] }),
        name: Type.String({ minLength: 1, description: 'The name that reports and charts use.', examples: ['benign'] }),
      }),
      { minItems: 2, description: "The classes, in the order of the model's outputs.", examples: [[{ folder: '0', name: 'benign' }]] },
    ),
    positive: optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        default: null,
        description:
          'Name of the class whose presence is the finding: sensitivity is its recall. Required with two classes, meaningless with more.',
        examples: ['malignant'],
      }),
    ),
    image: closed(
      {
        width: count('Pixels. Images of another size are treated as onFault.oddSize says.', { examples: [48] }),
        height: count('Pixels.', { examples: [48] }),
        channels: optional(
          Type.Unsafe<1 | 3>({ type: 'integer', enum: [1, 3], default: 3, description: '3 for colour, 1 for shades of grey.' }),
        ),
      },
      { description: 'The size in which images reach the network.' },
    ),
    whenMissing: optional(
      words(['error', 'synthetic'], {
        default: 'error',
        description:
          'What to do where the root is absent. synthetic draws images instead, loudly, and only where the root is the default of ${NAME:-default}: a root that was named and is missing is always an error.',
      }),
    ),
    synthetic: optional(
      closed(
        {
          patients: optional(count('Patients to draw.', { minimum: 6, default: 24 })),
          patches: optional(count('Images to draw, over all patients.', { minimum: 24, default: 1536 })),
        },
        { default: {}, description: 'How much is drawn where whenMissing is synthetic.' },
      ),
    ),
    onFault: optional(
      closed(
        {
          unreadable: optional(faultChoice('An image that cannot be decoded.', ['error', 'skip'], 'error')),
          oddSize: optional(faultChoice('An image of another size or shape than most.', ['error', 'resize', 'skip'], 'error')),
          duplicate: optional(
            faultChoice('The same image twice with one class, byte for byte; skip keeps the first.', ['keep', 'skip', 'error'], 'keep'),
          ),
          conflict: optional(faultChoice('The same image in two classes; skip drops every copy.', ['keep', 'skip', 'error'], 'error')),
        },
        { default: {}, description: 'What to do with each fault of the data. What is skipped or changed is always counted and shown.' },
      ),
    ),
  },
  { title: 'Dataset', description: 'Where the images lie and what they are.' },
)

export const splitSchema = tagged(
  {
    by: Type.String({
      minLength: 1,
      description:
        'The placeholder of the layout whose images stay together, such as patient; or image, which lets images of one patient stand on both sides and then needs allowLeakage where the layout has a group.',
      examples: ['patient', 'image'],
    }),
    manifest: Type.String({
      minLength: 1,
      description: 'A split.csv (path, sha256, group, class, label, split), relative to the file that names it: exactly that split.',
      examples: ['split.csv'],
    }),
    from: words(['layout'], { description: "The layout's {split} says it." }),
  },
  {
    test: optional(share('Share of all images kept for the test.', { default: 0.2 })),
    validation: optional(
      Type.Union(
        [
          share('Share of all images.'),
          closed({ ofTraining: share('Share of what the test leaves.', { examples: [0.1] }) }, { description: 'A share of the rest.' }),
        ],
        {
          default: 0.1,
          description:
            'Share of all images kept for validation; or { ofTraining: … }, a share of what the test leaves. With folds the validation is a fold, and this decides only who is in the test: the same as without folds.',
        },
      ),
    ),
    folds: optional(
      Type.Union([Type.Integer({ minimum: 2 }), Type.Null()], {
        default: null,
        description:
          'Cross-validation: what the test leaves is divided into so many parts, alike in classes and size, of which one validates and the others train. `sweep: { folds: 5 }` trains all of them.',
        examples: [5],
      }),
    ),
    fold: optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
        default: null,
        description: 'Which of the folds validates, from 1.',
        examples: [1],
      }),
    ),
    seed: optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
        default: null,
        description:
          "What the split is drawn from; left out, the experiment's seed. Write it to try several seeds on one split: only those can be compared.",
        examples: [7],
      }),
    ),
    stratify: optional(yesOrNo('Keep the shares of the classes alike in every part, as far as the groups allow.', true)),
    allowLeakage: optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        default: null,
        description: 'Why images of one group may stand on both sides. The reason is tagged on the run for ever.',
        examples: ['as the tutorial does, to show what leakage does to the score'],
      }),
    ),
  },
  {
    title: 'Split',
    description: 'Which images are trained on, chosen with and tested on: drawn, read from a manifest, or as the layout says.',
  },
)

export const classWeightsSchema = Type.Union(
  [
    words(['none', 'balanced', 'maxRatio']),
    named(Type.Number({ exclusiveMinimum: 0 }), { minProperties: 1, description: 'A weight for each class, by name.' }),
  ],
  {
    default: 'none',
    description:
      'How much an image of each class counts in the loss. maxRatio: images of the largest class / images of the class; balanced: all images / (classes · images of the class); or a map from class name to weight.',
    examples: ['maxRatio', { benign: 1, malignant: 2.5 }],
  },
)

const flips = ['horizontal', 'vertical'] as const

export const augmentationSchema = Type.Union(
  [
    closed({
      rotation: optional(atLeastZero('Degrees; each image is turned by up to ± this.', { maximum: 180, default: 0, examples: [20] })),
      zoom: optional(
        Type.Union([share('The same both ways.'), closed({ in: share('Down to 1 - in.'), out: atLeastZero('Up to 1 + out.') })], {
          default: 0,
          description: 'Each axis is scaled by a factor between 1 - zoom and 1 + zoom, as Keras does it.',
          examples: [0.05, { in: 0.1, out: 0.2 }],
        }),
      ),
      shift: optional(
        Type.Union(
          [
            share('The same for both.'),
            closed({
              width: optional(share('Share of the width.', { default: 0 })),
              height: optional(share('Share of the height.', { default: 0 })),
            }),
          ],
          {
            default: 0,
            description: 'Each image is moved by up to ± this share of its side.',
            examples: [0.1, { width: 0.1, height: 0.1 }],
          },
        ),
      ),
      shear: optional(atLeastZero('Degrees, as Keras has it; up to ± this.', { exclusiveMaximum: 90, default: 0, examples: [0.05] })),
      flip: optional(
        Type.Array(words(flips), {
          uniqueItems: true,
          default: [],
          description: 'Mirror every other image, along each side that is named.',
          examples: [['horizontal', 'vertical']],
        }),
      ),
      fill: optional(
        words(['nearest', 'reflect', 'wrap', 'constant'], {
          default: 'nearest',
          description: 'What stands where an image was moved away: its edge, its mirror image, its other side, or black.',
        }),
      ),
    }),
    Type.Null(),
  ],
  {
    default: null,
    title: 'Augmentation',
    description: 'Drawn anew for every training image and epoch, on the device. Left out, images are trained on as they are.',
  },
)
