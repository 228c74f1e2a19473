/**
 * The build to dist/. It is stale when a source file changed (path, size or time) and broken when a file of dist/ is gone or has another
 * size than after the last build that came to its end.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, runCommand } from './command.mjs'
import { SetupFault } from './fault.mjs'
import { lockKey } from './packages.mjs'
import { showStep } from './progress.mjs'
import { inProject } from './project.mjs'

const stampFile = inProject('dist/.build-stamp.json')

/** Folders with src/ and dist/: the application and the packages of this repository. */
function projects() {
  const packages = readdirSync(inProject('packages'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [inProject(''), ...packages.map((entry) => inProject(`packages/${entry.name}/`))]
}

export function isBuilt() {
  const stamp = readStamp()
  return stamp.sources === describeSources() && stamp.outputs === describeOutputs()
}

/** Builds, removes what has no source any more, and stamps. Returns the type errors; a build that makes no program is a fault. */
export async function build() {
  const sources = describeSources()
  if (readStamp().outputs !== describeOutputs()) forgetIncrementalState()
  rmSync(stampFile, { force: true })
  const { exitCode, output } = await showStep('building dist', () => runCommand('npm', ['run', '--silent', 'build']))
  if (exitCode !== 0 && !existsSync(inProject('dist/cli/main.js')))
    throw new SetupFault(
      'build-failed',
      `The build ended with exit code ${exitCode}:\n  ${lastLines(output)}`,
      'Is this checkout whole? `git status` shows what was changed.',
    )
  removeOrphans()
  if (exitCode === 0) writeFileSync(stampFile, JSON.stringify({ sources, outputs: describeOutputs() }))
  return exitCode === 0 ? '' : output
}

function describeSources() {
  const configuration = projects().flatMap((folder) =>
    ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => folder + name),
  )
  const files = [...projects().flatMap((folder) => filesUnder(`${folder}src`, '.ts')), ...configuration.filter((file) => existsSync(file))]
  return digest(files, (stat) => `${stat.size} ${stat.mtimeMs}`, lockKey())
}

function describeOutputs() {
  const files = projects().flatMap((folder) => filesUnder(`${folder}dist`, '.js'))
  return digest(files, (stat) => String(stat.size), '')
}

function digest(files, describe, salt) {
  const hash = createHash('sha256').update(salt)
  for (const file of files.sort()) hash.update(`${file} ${describe(statSync(file))}\n`)
  return hash.digest('hex')
}

function filesUnder(folder, ending) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path))
}

/** The compiler believes its notes and would not write a file again that somebody deleted. */
function forgetIncrementalState() {
  for (const folder of projects()) {
    for (const file of filesUnder(`${folder}dist`, '.tsbuildinfo')) rmSync(file)
  }
}

function removeOrphans() {
  for (const folder of projects()) {
    for (const file of ['.js', '.js.map', '.d.ts'].flatMap((ending) => filesUnder(`${folder}dist`, ending))) {
      const source = file.replace(`${folder}dist`, `${folder}src`).replace(/\.(js|js\.map|d\.ts)$/, '.ts')
      if (!existsSync(source)) rmSync(file)
    }
  }
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    return {}
  }
}
