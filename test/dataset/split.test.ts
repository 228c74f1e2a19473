import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitByGroup, splitByImage } from '../../src/dataset/split.ts'
import type { Grouped } from '../../src/dataset/divide.ts'
import { splitNames } from '../../src/dataset/manifest.ts'
import type { SplitName } from '../../src/dataset/manifest.ts'

/** Images of a patient: how many of each class. */
type Counts = readonly (readonly [string, readonly number[]])[]

function imagesOf(patients: Counts): Grouped[] {
  return patients.flatMap(([group, counts]) =>
    counts.flatMap((count, label) => Array.from({ length: count }, () => ({ group, class: label }))),
  )
}

const somePatients = fc
  .uniqueArray(fc.tuple(fc.string(), fc.tuple(fc.nat(30), fc.nat(30))), { selector: ([name]) => name, minLength: 1, maxLength: 30 })
  .map((patients): Counts => patients)
const shares = fc.record({
  test: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
  validation: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
})

function sidesOf(images: readonly Grouped[], splits: readonly SplitName[]): Map<string, Set<SplitName>> {
  const sides = new Map<string, Set<SplitName>>()
  for (const [index, { group }] of images.entries()) sides.set(group, (sides.get(group) ?? new Set()).add(splits[index] ?? 'train'))
  return sides
}

/** Share of each class on each side. */
function sharesOf(images: readonly Grouped[], splits: readonly SplitName[], side: SplitName): number[] {
  return [0, 1].map((label) => {
    const all = images.flatMap((image, index) => (image.class === label ? [splits[index]] : []))
    return all.filter((split) => split === side).length / all.length
  })
}

/** Patients as IDC has them: tens to a hundred patches, a share of malignant ones that differs from patient to patient, none in some. */
function slideLike(patients: number): Counts {
  return Array.from({ length: patients }, (_, index) => {
    const all = 30 + ((index * 37) % 160)
    const malignant = index % 11 === 0 ? 0 : Math.round(all * (0.05 + ((index * 29) % 60) / 100))
    return [String(8000 + index * 3), [all - malignant, malignant]]
  })
}

describe('a split by group', () => {
  it('never has a group on two sides', () => {
    fc.assert(
      fc.property(somePatients, shares, fc.nat(), fc.boolean(), (patients, wished, seed, stratify) => {
        const images = imagesOf(patients)
        const sides = sidesOf(images, splitByGroup(images, 2, wished, seed, stratify))
        expect([...sides.values()].every((side) => side.size === 1)).toBe(true)
      }),
    )
  })

  it('has every class on every side where three groups have it', () => {
    const rich = fc.uniqueArray(fc.tuple(fc.string(), fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(60))), {
      selector: ([name]) => name,
      minLength: 6,
      maxLength: 30,
    })
    fc.assert(
      fc.property(rich, fc.nat(), (patients, seed) => {
        fc.pre(patients.filter(([, [, malignant]]) => malignant > 0).length >= 3)
        const images = imagesOf(patients)
        const splits = splitByGroup(images, 2, { test: 0.2, validation: 0.2 }, seed, true)
        for (const side of splitNames) expect(Math.min(...sharesOf(images, splits, side))).toBeGreaterThan(0)
      }),
    )
  })

  it('is the same for images in any order', () => {
    const images = imagesOf(slideLike(40))
    const splits = splitByGroup(images, 2, { test: 0.2, validation: 0.08 }, 7, true)
    const turned = splitByGroup([...images].reverse(), 2, { test: 0.2, validation: 0.08 }, 7, true)
    expect([...turned].reverse()).toEqual(splits)
  })

  it('differs from seed to seed', () => {
    const images = imagesOf(slideLike(40))
    const drawn = [1, 2, 3].map((seed) => splitByGroup(images, 2, { test: 0.2, validation: 0.08 }, seed, true).join())
    expect(new Set(drawn).size).toBe(3)
  })

  it.each([
    [24, 0.02],
    [147, 0.005],
  ])('of %i patients meets the shares of both classes to within %d', (patients, most) => {
    const images = imagesOf(slideLike(patients))
    for (const seed of [1, 2, 3, 4, 5]) {
      const splits = splitByGroup(images, 2, { test: 0.2, validation: 0.08 }, seed, true)
      for (const [side, wished] of [
        ['test', 0.2],
        ['validation', 0.08],
        ['train', 0.72],
      ] as const)
        for (const share of sharesOf(images, splits, side)) expect(Math.abs(share - wished)).toBeLessThan(most)
      // No side is made of a few large patients.
      const groups = [...sidesOf(images, splits).values()].filter((side) => side.has('test')).length
      expect(groups).toBeGreaterThan(patients * 0.12)
    }
  })

  it('puts one group somewhere, and two on two sides', () => {
    expect(splitByGroup(imagesOf([['only', [3, 3]]]), 2, { test: 0.2, validation: 0.1 }, 1, true)).toHaveLength(6)
    const two = imagesOf([
      ['a', [3, 3]],
      ['b', [3, 3]],
    ])
    expect(new Set(splitByGroup(two, 2, { test: 0.2, validation: 0.1 }, 1, true)).size).toBe(2)
  })
})

describe('a split by image', () => {
  it('meets the shares of each class to an image', () => {
    const images = imagesOf(slideLike(20))
    const splits = splitByImage(images, 2, { test: 0.2, validation: 0.08 }, 3, true)
    for (const [side, wished] of [
      ['test', 0.2],
      ['validation', 0.08],
    ] as const)
      for (const share of sharesOf(images, splits, side)) expect(Math.abs(share - wished)).toBeLessThan(0.001)
    expect([...sidesOf(images, splits).values()].some((side) => side.size > 1)).toBe(true)
  })
})
