/** A commented experiment file to start from, written around what was found of the images. */
import path from 'node:path'
import { escapeVariables } from './variables.ts'

export interface StartingFacts {
  readonly name: string
  /** Relative path of the JSON schema, as seen from the file. */
  readonly schema: string
  /** As it is to stand in the file; `isVariable` where it may hold a `${NAME:-default}`. */
  readonly root: string
  readonly isVariable: boolean
  readonly layout: string
  readonly classes: readonly { readonly folder: string; readonly name: string; readonly images: number }[]
  /** Name of the class whose presence is the finding; null with more than two. */
  readonly positive: string | null
  readonly found: ImageFacts
  readonly split: StartingSplit
  readonly batchSize: number
}

interface ImageFacts {
  readonly images: number
  /** Null where the images are drawn by runner. */
  readonly patients: number | null
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** Whether others than that size were seen. */
  readonly hasOddSizes: boolean
}

export type StartingSplit =
  | { readonly kind: 'layout' }
  | { readonly kind: 'patient'; readonly test: number; readonly validation: number; readonly isGuessed: boolean }
  | { readonly kind: 'image'; readonly test: number; readonly validation: number; readonly leakage: string | null }

/** Longest side that the network is given; larger images are made smaller. */
const largestSide = 96

export function startingFile(facts: StartingFacts): string {
  const { name, schema, root, isVariable, layout, classes, positive, found, split, batchSize } = facts
  const isBinary = classes.length === 2
  const [width, height] = inputSize(found)
  const isUneven = Math.max(...classes.map(({ images }) => images)) > 1.5 * Math.min(...classes.map(({ images }) => images))
  const sections: readonly (readonly string[])[] = [
    [
      `# yaml-language-server: $schema=${schema}`,
      '#',
      `# ${foundLine(facts)}`,
      '# Written by `runner init`: a start that trains. Lines with "guessed" want to be looked at.',
      `name: ${name}`,
      'seed: 7',
    ],
    [
      'dataset:',
      `  root: ${quote(isVariable ? root : escapeVariables(root))}${isVariable ? ' # another folder: set the variable' : ''}`,
      `  layout: ${quote(escapeVariables(layout))} # guessed: how folders and names say what an image is`,
      '  classes: # in the order of the outputs',
      ...classes.map(
        ({ folder, name: label, images }) =>
          `    - { folder: ${quote(folder)}, name: ${quote(label)} }${images > 0 ? ` # ${images} images` : ''}`,
      ),
      ...(positive === null ? [] : [`  positive: ${quote(positive)} # guessed: sensitivity is its recall`]),
      `  image: { width: ${width}, height: ${height}, channels: ${found.channels} }${sizeComment(found, width, height)}`,
      ...(isVariable ? ['  whenMissing: synthetic # made-up patches until there are images, loudly'] : []),
      `  onFault: { oddSize: resize }${found.hasOddSizes ? ' # there are images of other sizes' : ''}`,
    ],
    splitLines(split),
    ['augmentation: # drawn anew for every image and epoch', '  rotation: 20 # degrees, ±', '  flip: [horizontal, vertical]'],
    ['model:', '  layers:', ...layers(Math.min(width, height)).map((layer) => `    - ${layer}`)],
    [
      `loss: ${isBinary ? 'binaryCrossentropy' : 'categoricalCrossentropy'}`,
      'optimizer: { adam: { learningRate: 0.001 } }',
      ...(isUneven ? ['classWeights: balanced # rare classes count more'] : []),
      `training: { epochs: 20, batchSize: ${batchSize}, select: { metric: val/balanced_accuracy, goal: maximize } }`,
      ...(isBinary ? ['evaluation: { threshold: maxBalancedAccuracy } # chosen on validation, applied to test'] : []),
    ],
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** The line that names the schema, for a file in that folder. */
export function schemaFrom(folder: string, projectRoot: string): string {
  const relative = path.relative(folder, path.join(projectRoot, 'schemas/experiment.schema.json')).split(path.sep).join('/')
  return relative.startsWith('.') ? relative : `./${relative}`
}

function foundLine({ found, classes }: StartingFacts): string {
  if (found.images === 0) return `Patches of ${found.width} x ${found.height} pixels in ${classes.length} classes.`
  const patients = found.patients === null ? '' : ` of ${found.patients} patients`
  return `Found: ${found.images} images${patients} in ${classes.length} classes, most of them ${found.width} x ${found.height} pixels.`
}

/** The images' own, or with the longer side brought down. */
function inputSize({ width, height }: ImageFacts): readonly [number, number] {
  const factor = Math.min(1, largestSide / Math.max(width, height))
  const side = (pixels: number): number => Math.max(1, Math.round(pixels * factor))
  return [side(width), side(height)]
}

function sizeComment(found: ImageFacts, width: number, height: number): string {
  return width === found.width && height === found.height ? '' : ` # made smaller: most are ${found.width} x ${found.height}`
}

function splitLines(split: StartingSplit): string[] {
  switch (split.kind) {
    case 'layout':
      return ['split: { from: layout } # the folders say it']
    case 'patient':
      return [
        `split: { by: patient, test: ${split.test}, validation: ${split.validation} }${split.isGuessed ? ' # guessed: the beginning of a name is the patient' : ' # no patient on two sides'}`,
      ]
    case 'image':
      return [
        ...(split.leakage === null
          ? ['# Are several images of one patient, slide or animal? Then say so in the layout, as {patient}, and split by it.']
          : ['# Images of one patient stand on both sides: the score flatters, and the run is tagged for ever.']),
        `split: { by: image, test: ${split.test}, validation: ${split.validation}${split.leakage === null ? '' : `, allowLeakage: ${quote(split.leakage)}`} }`,
      ]
  }
}

/** Blocks of a convolution, halved while the image is large enough. */
function layers(side: number): string[] {
  const blocks = [32, 64, 128].slice(0, side >= 32 ? 3 : side >= 16 ? 2 : 1)
  return [
    ...blocks.flatMap((filters) => [
      `separableConv2d: { filters: ${filters}, kernelSize: 3, padding: same, activation: relu }`,
      'batchNormalization',
      ...(side >= 8 ? ['maxPooling2d: 2'] : []),
      'dropout: 0.25',
    ]),
    'flatten',
    'dense: { units: 128, activation: relu }',
    'batchNormalization',
    'dropout: 0.5',
    'dense: { units: classes, activation: softmax } # as many as there are classes',
  ]
}

/** Plain where YAML cannot take it for anything but this text. */
function quote(text: string): string {
  return /^[A-Za-z][\w./-]*$/u.test(text) && !/^(?:true|false|null|y|n|yes|no|on|off)$/iu.test(text) ? text : JSON.stringify(text)
}
