/**
 * Stage one of the set-up: the npm packages and the build to dist/. It needs Node alone, costs some stat calls when nothing is stale,
 * and a half-done install or build is noticed, because the stamps are written last.
 */
import { isBuilt, build } from './build.mjs'
import { SetupFault } from './fault.mjs'
import { withLock } from './lock.mjs'
import { installPackages, packagesAreInstalled } from './packages.mjs'
import { say } from './progress.mjs'

/** Installs and builds what is stale. Returns the type errors of the sources that were built, '' when there are none. */
export async function prepare() {
  if (packagesAreInstalled() && isBuilt()) return ''
  return withLock(async () => {
    if (!packagesAreInstalled()) await installPackages()
    return isBuilt() ? '' : build()
  })
}

/**
 * The same for a command: says what failed, sets the exit code, and returns whether it may go on. Type errors are shown; somebody who is in
 * the middle of an edit may go on with them, the tests may not (`allowTypeErrors: false`).
 */
export async function prepareOrExplain({ allowTypeErrors = true } = {}) {
  try {
    const typeErrors = await prepare()
    if (typeErrors === '') return true
    if (!allowTypeErrors)
      throw new SetupFault('type-errors', `The sources have type errors:\n  ${typeErrors}`, 'Mend them; npx tsc shows them again.')
    say(`${typeErrors}\nwarning  type-errors\n  The sources have type errors; this goes on with what was built from them.`)
    return true
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error
    say(error.message)
    process.exitCode = 3
    return false
  }
}
