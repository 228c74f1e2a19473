/** Experiments loaded as the command line loads them: from a folder of the tests, with the network's judgement. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadExperiment } from '../../src/experiment/load-experiment.ts'
import type { Loaded, LoadOptions } from '../../src/experiment/load-experiment.ts'
import { planNetwork } from '../../src/network/plan-network.ts'

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/u, '')
export const fixtures = fileURLToPath(new URL('../fixtures/experiments', import.meta.url))

export function load(file: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  const judges = [(located: Parameters<typeof planNetwork>[0]) => planNetwork(located).diagnostics]
  return loadExperiment(file, { env: {}, cwd: fixtures, projectRoot, judges, ...options })
}

/** A text in the place of a file that extends the fixtures' base. */
export function loadText(text: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  const base = `${fixtures}/base.yaml`
  return load('variant.yaml', {
    readFile: (file) =>
      file.endsWith('variant.yaml') ? Promise.resolve(text) : fs.readFile(file.endsWith('base.yaml') ? base : file, 'utf8'),
    ...options,
  })
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** Every fixture's folder below `fixtures`, such as `keys/misspelt`. */
export async function fixtureNames(): Promise<string[]> {
  const themes = await foldersIn(fixtures)
  return (
    await Promise.all(themes.map(async (theme) => (await foldersIn(path.join(fixtures, theme))).map((leaf) => `${theme}/${leaf}`)))
  ).flat()
}
