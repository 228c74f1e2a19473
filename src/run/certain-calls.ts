/** The patches of which a model is most certain, wrongly and rightly: as sheets to look at, and what it rests on there. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseLayout } from '../dataset/layout.ts'
import type { Pack } from '../dataset/manifest.ts'
import { readRows } from '../dataset/pack.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { mostCertainErrors, mostCertainHits, type Call } from '../evaluation/errors.ts'
import type { Judgement, Predictions } from '../evaluation/evaluate.ts'
import { fallOfLogOdds, fallsByPixel, hide, squaresOver } from '../evaluation/occlusion.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { occlusionMap } from '../report/occlusion-map.ts'
import { mostShown } from '../report/run-page.ts'
import { drawSheet, type Patch } from '../report/sheet.ts'
import type { Cell, Table } from '../report/tables.ts'

export interface CertainCalls {
  readonly folder: RunFolder
  readonly dataset: PreparedDataset
  readonly layout: string
  readonly judgement: Judgement
  readonly test: Predictions
  readonly threshold: number | null
}

/** Under `plots/`. */
export const errorSheet = 'most-certain-errors.png'
export const occlusionSheet = 'occlusion.png'
const patchFolder = 'tables/patches'

/** The most certain errors as a sheet, and as a table with a picture of each; null where nothing is wrong. */
export async function writeErrors(calls: CertainCalls): Promise<Table | null> {
  const { folder, judgement, test, threshold, layout } = calls
  const errors = mostCertainErrors(test, judgement, threshold, mostShown)
  if (errors.length === 0) return null
  const { classes } = judgement
  const patches = await patchesOf(calls, errors)
  const cells = errors.map((call, index) => {
    const said = [`is ${nameOf(classes, call.row.class)}`, `called ${nameOf(classes, call.called)} ${call.probability.toFixed(3)}`]
    return { patches: patches.slice(index, index + 1), caption: [...whereIs(call, layout), ...said] }
  })
  await writeFile(join(folder.plots, errorSheet), await drawSheet(cells, 8))
  await mkdir(join(folder.path, patchFolder), { recursive: true })
  const data = await Promise.all(
    errors.map(async (call, index): Promise<Cell[]> => {
      const path = `${patchFolder}/${String(index + 1).padStart(2, '0')}.png`
      await writeFile(join(folder.path, path), await drawSheet([{ patches: patches.slice(index, index + 1), caption: [] }], 1))
      const image = { type: 'image', filepath: path, compressed_filepath: path } as const
      return [index + 1, image, ...callCells(call, classes), ...(isGrouped(errors) ? [call.row.group] : []), call.row.path]
    }),
  )
  // MLflow cuts what does not fit: what the model said comes first, paths last.
  return { columns: ['place in the list', 'patch', ...callColumns, ...(isGrouped(errors) ? ['group'] : []), 'image'], data }
}

/** So many errors, and at most as many right calls, are looked into. */
const mostOccluded = 12

/**
 * Sheet and table of the falls where a part of the image is hidden; null where there is no call. `ask` gives the probabilities
 * [rows, classes] of a pack's rows, all of them in their order.
 */
export async function writeOcclusion(calls: CertainCalls, ask: (pack: Pack) => Promise<Float32Array>): Promise<Table | null> {
  const { folder, judgement, test, threshold, layout, dataset } = calls
  const { classes } = judgement
  const errors = mostCertainErrors(test, judgement, threshold, mostOccluded)
  const shown = [...errors, ...mostCertainHits(test, judgement, threshold, mostOccluded)]
  const patches = await patchesOf(calls, shown)
  if (patches.length === 0) return null
  const squares = squaresOver(dataset.pack)
  const hidden = patches.flatMap((patch) => squares.map((square) => hide(patch.pixels, patch, square)))
  const probabilities = await asPack(hidden, dataset.pack, ask)
  const looked = shown.map((call, index) => {
    const own = squares.map((_, square) => probabilities[(index * squares.length + square) * classes.length + call.called] ?? 0)
    return { call, lowest: Math.min(...own), falls: own.map((probability) => fallOfLogOdds(call.probability, probability)) }
  })
  const cells = looked.map(({ call, lowest, falls }, index) => {
    const { row, called, probability } = call
    const [patch] = patches.slice(index, index + 1)
    const map = occlusionMap(fallsByPixel(dataset.pack, squares, falls), dataset.pack)
    const said = `${row.class === called ? 'right' : 'wrong'}: is ${nameOf(classes, row.class)}, called ${nameOf(classes, called)}`
    const figures = `${probability.toFixed(4)}; ${lowest.toFixed(4)} at the lowest, partly hidden`
    return { patches: patch ? [patch, map] : [map], caption: [whereIs(call, layout).join(', '), said, figures] }
  })
  await writeFile(join(folder.plots, occlusionSheet), await drawSheet(cells, 6))
  const columns = ['image', ...(isGrouped(shown) ? ['group'] : []), ...callColumns, 'at the lowest, partly hidden']
  const data = looked.map(({ call, lowest }): Cell[] => [
    call.row.path,
    ...(isGrouped(shown) ? [call.row.group] : []),
    ...callCells(call, classes),
    Number(lowest.toPrecision(6)),
  ])
  return { columns, data }
}

const callColumns = ['is', 'called', 'probability of that'] as const

function callCells({ row, called, probability }: Call, classes: readonly string[]): Cell[] {
  return [nameOf(classes, row.class), nameOf(classes, called), Number(probability.toPrecision(6))]
}

/** Else every image is a group of its own. */
function isGrouped(calls: readonly Call[]): boolean {
  return calls.some(({ row }) => row.group !== row.path)
}

function nameOf(classes: readonly string[], index: number): string {
  return classes[index] ?? ''
}

/** Group and place on the slide; where the layout has none, folder and name of the file. */
function whereIs({ row: { path, group } }: Call, layout: string): readonly [string, string] {
  const { x = null, y = null } = parseLayout(layout).read(path) ?? {}
  return [group === path ? dirname(path) : group, x === null || y === null ? basename(path) : `x ${x}, y ${y}`]
}

async function patchesOf({ dataset: { manifest, pack } }: CertainCalls, calls: readonly Call[]): Promise<Patch[]> {
  const places = new Map(manifest.rows.map(({ path }, index) => [path, index]))
  const { width, height, channels } = pack
  const pixels = await readRows(
    pack,
    calls.map(({ row }) => places.get(row.path) ?? 0),
  )
  return pixels.map((own) => ({ width, height, channels, pixels: own }))
}

/** For as long as it is asked. */
async function asPack(images: readonly Uint8Array[], like: Pack, ask: (pack: Pack) => Promise<Float32Array>): Promise<Float32Array> {
  const folder = await mkdtemp(join(tmpdir(), 'runner-occlusion-'))
  try {
    const path = join(folder, 'hidden.pixels')
    await writeFile(path, Buffer.concat(images))
    return await ask({ ...like, path, rows: images.length, digest: 'occlusion' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
