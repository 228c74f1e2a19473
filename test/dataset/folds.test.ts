import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Grouped } from '../../src/dataset/divide.ts'
import { splitByFold } from '../../src/dataset/folds.ts'
import type { SplitName } from '../../src/dataset/manifest.ts'
import { splitByGroup, splitByImage } from '../../src/dataset/split.ts'

const shares = { test: 0.2, validation: 0.08 }

/** Of every fold, from the first, the side of each image. */
function foldsOf(images: readonly Grouped[], by: 'patient' | 'image', of: number, seed: number, stratify = true): SplitName[][] {
  const whole = (by === 'image' ? splitByImage : splitByGroup)(images, 2, shares, seed, stratify)
  const split = { by, seed, stratify }
  return Array.from({ length: of }, (_, index) => splitByFold(images, whole, 2, split, { number: index + 1, of }))
}

const someImages = fc
  .uniqueArray(fc.tuple(fc.string(), fc.nat(12), fc.nat(12)), { selector: ([name]) => name, minLength: 8, maxLength: 30 })
  .map((patients) =>
    patients.flatMap(([group, benign, malignant]): Grouped[] => [
      ...Array.from({ length: benign + 1 }, () => ({ group, class: 0 })),
      ...Array.from({ length: malignant }, () => ({ group, class: 1 })),
    ]),
  )
const by = fc.constantFrom('patient' as const, 'image' as const)

/** Patients as IDC has them: tens to a hundred patches, a share of malignant ones that differs from patient to patient, none in some. */
function slideLike(patients: number): Grouped[] {
  return Array.from({ length: patients }, (_, index): Grouped[] => {
    const all = 30 + ((index * 37) % 160)
    const malignant = index % 11 === 0 ? 0 : Math.round(all * (0.05 + ((index * 29) % 60) / 100))
    return Array.from({ length: all }, (_image, number) => ({ group: String(8000 + index * 3), class: number < malignant ? 1 : 0 }))
  }).flat()
}

describe('folds', () => {
  it('validate every image that is not in the test exactly once, and leave the test as it is without them', () => {
    fc.assert(
      fc.property(someImages, by, fc.integer({ min: 2, max: 6 }), fc.nat(), fc.boolean(), (images, unit, of, seed, stratify) => {
        const whole = (unit === 'image' ? splitByImage : splitByGroup)(images, 2, shares, seed, stratify)
        const folds = foldsOf(images, unit, of, seed, stratify)
        for (const index of images.keys()) {
          const sides = folds.map((fold) => fold[index])
          if (whole[index] === 'test') expect(sides).toEqual(sides.map(() => 'test'))
          else expect(sides.toSorted()).toEqual([...sides.slice(1).map(() => 'train'), 'validation'])
        }
      }),
    )
  })

  it('never have a group on two sides, nor a fold without a group', () => {
    fc.assert(
      fc.property(someImages, fc.integer({ min: 2, max: 6 }), fc.nat(), (images, of, seed) => {
        for (const fold of foldsOf(images, 'patient', of, seed)) {
          const sides = new Map<string, Set<SplitName>>()
          for (const [index, { group }] of images.entries()) sides.set(group, (sides.get(group) ?? new Set()).add(fold[index] ?? 'train'))
          expect([...sides.values()].every((side) => side.size === 1)).toBe(true)
          expect(fold).toContain('validation')
          expect(fold).toContain('train')
        }
      }),
    )
  })

  it('are the same for images in any order, and differ from seed to seed', () => {
    const images = slideLike(40)
    const folds = foldsOf(images, 'patient', 5, 7)
    expect(foldsOf(images.toReversed(), 'patient', 5, 7).map((fold) => fold.toReversed())).toEqual(folds)
    expect(new Set([7, 8, 9].map((seed) => foldsOf(images, 'patient', 5, seed).join())).size).toBe(3)
  })

  it.each([
    [5, 24, 0.06],
    [3, 147, 0.005],
    [5, 147, 0.005],
    [10, 147, 0.01],
  ])('%i of them, of %i patients, have their share of both classes to within %d', (of, patients, most) => {
    const images = slideLike(patients)
    for (const seed of [1, 2, 3]) {
      const folds = foldsOf(images, 'patient', of, seed)
      for (const label of [0, 1]) {
        const rest = images.flatMap((image, index) => (image.class === label && folds[0]?.[index] !== 'test' ? [index] : []))
        for (const fold of folds) {
          const share = rest.filter((index) => fold[index] === 'validation').length / rest.length
          expect(Math.abs(share - 1 / of)).toBeLessThan(most)
        }
      }
      // No fold is made of a few large patients.
      const groupsIn = folds.map(
        (fold) => new Set(images.filter((_, index) => fold[index] === 'validation').map(({ group }) => group)).size,
      )
      expect(Math.max(...groupsIn) - Math.min(...groupsIn)).toBeLessThanOrEqual(Math.ceil((0.5 * patients) / of))
    }
  })

  it('by image differ by one image of a class at most', () => {
    fc.assert(
      fc.property(someImages, fc.integer({ min: 2, max: 6 }), fc.nat(), (images, of, seed) => {
        const folds = foldsOf(images, 'image', of, seed)
        const sizes = (label: number | null) =>
          folds.map(
            (fold) => images.filter((image, index) => (label === null || image.class === label) && fold[index] === 'validation').length,
          )
        for (const counts of [sizes(0), sizes(1), sizes(null)]) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
