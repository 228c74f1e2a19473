/** check-jsonschema (PyPI), an independent reader of JSON Schemas: installed beside runner's own set-up when a test first wants it. */
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${projectRoot}.setup/check-jsonschema`
const python = `${projectRoot}.venv/bin/python`

/** Beside its place, then renamed: two tests may want it at once. */
async function install(): Promise<void> {
  const beside = `${folder}.${process.pid}`
  await execa(python, ['-m', 'pip', 'install', '--quiet', '--target', beside, '-r', `${projectRoot}requirements/check-jsonschema.txt`])
  await rename(beside, folder).catch(() => rm(beside, { recursive: true, force: true }))
}

/** Runs it with the arguments; what it says, and its exit code. */
export async function checkJsonSchema(
  ...args: readonly string[]
): Promise<{ readonly said: string; readonly exitCode: number | undefined }> {
  if (!existsSync(folder)) await install()
  const { all, exitCode } = await execa(python, ['-m', 'check_jsonschema', ...args], {
    env: { PYTHONPATH: folder },
    cwd: projectRoot,
    all: true,
    reject: false,
  })
  return { said: all, exitCode }
}
