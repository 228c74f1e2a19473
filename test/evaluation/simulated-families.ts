/**
 * Predictions of trainings that never were: patients who are harder or easier, patches that are hard for everyone, seeds that turn out better or
 * worse, on all patients and on each. What a comparison says of them can be held against what is true of them.
 */
import type { ComparedGroup } from '../../src/evaluation/compare.ts'
import type { ComparedImages } from '../../src/evaluation/compared-metric.ts'
import { keyOf, normals, uniform, uniforms } from '../../src/random/philox.ts'

export interface FamilyPlan {
  /** How far each variant's classes stand apart; equal numbers are one variant under several names. */
  readonly separations: readonly number[]
  readonly seeds: number
  readonly patients: number
  /** Of cross-validation: so many models of each seed, each on patients of its own. Default none. */
  readonly folds?: number
  /** How much the separation differs from seed to seed, on all patients alike; standard deviation, default .12. */
  readonly seedSpread?: number
}

export interface Family {
  readonly groups: readonly ComparedGroup[]
  readonly images: readonly ComparedImages[]
}

/** Standard deviations: of a seed on one patient, of a patient, of a patch for everyone and for one run. */
const spreads = { seedOnPatient: 0.25, patient: 0.6, image: 1, imageInRun: 0.6 } as const

/** A pure function of plan and number. */
export function simulateFamily({ separations, seeds, patients, folds, seedSpread = 0.12 }: FamilyPlan, number: number): Family {
  const key = (...parts: readonly (string | number)[]) => keyOf(20, number, ...parts)
  const images = Array.from({ length: patients }, (_, patient) => {
    const count = 10 + Math.floor(40 * uniform(key('images'), patient))
    const share = 0.1 + 0.5 * uniform(key('share'), patient)
    return Array.from(uniforms(key('labels', patient), count), (draw) => ({ patient, label: draw < share ? 1 : 0 }))
  }).flat()
  const ofPatient = normals(key('patients'), patients)
  const ofImage = normals(key('difficulty'), images.length)
  const probabilitiesOf = (variant: number, seed: number, separation: number, model: readonly number[]): Float32Array => {
    const onPatient = normals(key('seed on patient', variant, seed), patients)
    const inRun = normals(key('run', variant, seed), images.length)
    const own = separation + seedSpread * (normals(key('seed', variant, seed, ...model), 1)[0] ?? 0)
    const probabilities = new Float32Array(2 * images.length)
    for (const [index, { patient, label }] of images.entries()) {
      const logit =
        own * (label - 0.5) +
        spreads.patient * (ofPatient[patient] ?? 0) +
        spreads.image * (ofImage[index] ?? 0) +
        spreads.seedOnPatient * (onPatient[patient] ?? 0) +
        spreads.imageInRun * (inRun[index] ?? 0)
      probabilities[2 * index + 1] = 1 / (1 + Math.exp(-logit))
      probabilities[2 * index] = 1 - (probabilities[2 * index + 1] ?? 0)
    }
    return probabilities
  }
  const parts =
    folds === undefined
      ? [images.map((_, index) => index)]
      : Array.from({ length: folds }, (_, fold) => images.flatMap(({ patient }, index) => (patient % folds === fold ? [index] : [])))
  return {
    groups: separations.map((separation, variant) => ({
      name: `variant ${variant + 1}`,
      runs: Array.from({ length: seeds }, (_, seed) =>
        parts.map((part, index) => {
          const all = probabilitiesOf(variant, seed, separation, folds === undefined ? [] : [index])
          return {
            run: `${variant + 1}-${seed}-${index}`,
            seed,
            fold: folds === undefined ? null : index + 1,
            threshold: null,
            probabilities: Float32Array.from(part.flatMap((image) => [...all.subarray(2 * image, 2 * image + 2)])),
          }
        }),
      ).flat(),
    })),
    images: parts.map((part) => ({
      labels: Int32Array.from(part, (image) => images[image]?.label ?? 0),
      patientOf: Int32Array.from(part, (image) => images[image]?.patient ?? 0),
      patients,
      classes: ['benign', 'malignant'],
      positive: 1,
    })),
  }
}
