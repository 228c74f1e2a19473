/** The npm packages, exactly as package-lock.json has them, without running anybody's install scripts. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { lastLines, runCommand } from './command.mjs'
import { SetupFault } from './fault.mjs'
import { showStep } from './progress.mjs'
import { inProject } from './project.mjs'

/** Inside node_modules, so that it goes when they go. */
const stampFile = inProject('node_modules/.runner-stamp')

/** True when what is installed is what the lock file names; a few files are read, nothing is started. */
export function packagesAreInstalled() {
  const key = lockKey()
  if (readText(stampFile) === key) return true
  if (!agreesWithLock()) return false
  writeFileSync(stampFile, key)
  return true
}

export async function installPackages() {
  const { exitCode, output } = await showStep('installing npm packages', () =>
    runCommand('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']),
  )
  if (exitCode === 127)
    throw new SetupFault(
      'npm-missing',
      `npm could not be started: ${output}`,
      'It comes with Node; Debian and Ubuntu have it apart: sudo apt-get install npm',
    )
  if (exitCode !== 0)
    throw new SetupFault(
      'npm-failed',
      `npm ci ended with exit code ${exitCode}:\n  ${lastLines(output)}`,
      'Mend what npm names (often the network or a full disk) and start again.',
    )
  writeFileSync(stampFile, lockKey())
}

/** The hash of what must be installed, and of the Node that installed it: some packages are binary. */
export function lockKey() {
  return createHash('sha256')
    .update(readText(inProject('package-lock.json')))
    .update(process.versions.modules)
    .digest('hex')
}

/**
 * npm writes node_modules/.package-lock.json last, so it tells whether somebody's own `npm install` was complete and installed
 * what package-lock.json says now. Optional packages of other platforms may be absent.
 */
function agreesWithLock() {
  const installedText = readText(inProject('node_modules/.package-lock.json'))
  if (installedText === '') return false
  const installed = JSON.parse(installedText).packages
  const wanted = JSON.parse(readText(inProject('package-lock.json'))).packages
  const isSame = (path) => installed[path]?.version === wanted[path]?.version && installed[path]?.resolved === wanted[path]?.resolved
  const isNeeded = (path) => path.startsWith('node_modules/') && !wanted[path].optional
  return Object.keys(installed).every(isSame) && Object.keys(wanted).filter(isNeeded).every(isSame)
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
