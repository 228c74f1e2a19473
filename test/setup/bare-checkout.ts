/** A checkout on which stage two has not run yet: the real pins and binding sources, and wheels of a few bytes that real pips install. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execaSync } from 'execa'
import type { SetupOptions, SetupProgress } from '../../src/setup/setup-options.ts'
import { projectRoot } from './tiny-project.ts'

export interface BareCheckout {
  readonly options: SetupOptions
  /** Everything that was reported since the last call. */
  takeProgress(): SetupProgress[]
  path(relative: string): string
  write(path: string, text: string): void
  /** A wheel that pip finds instead of the index, holding these files. */
  addWheel(name: string, version: string, tag: string, files: Readonly<Record<string, string>>): void
  /** The environment, with an nvidia-smi that tells of this card; one whose driver does not know capabilities has null. */
  withCard(name: string, driver: string, capability: string | null): NodeJS.ProcessEnv
  [Symbol.dispose](): void
}

export function createBareCheckout(): BareCheckout {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'runner-setup-')))
  const path = (relative: string): string => join(folder, relative)
  const write = (relative: string, text: string): void => {
    mkdirSync(dirname(path(relative)), { recursive: true })
    writeFileSync(path(relative), text)
  }
  const binding = 'node_modules/@tensorflow/tfjs-node-gpu/binding'
  cpSync(join(projectRoot, binding), path(binding), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules/node-api-headers'), path('node_modules/node-api-headers'))
  for (const folder of ['requirements', 'native']) cpSync(join(projectRoot, folder), path(folder), { recursive: true })
  mkdirSync(path('wheels'))

  let progress: SetupProgress[] = []
  const environment = {
    ...process.env,
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: path('wheels'),
    RUNNER_TENSORFLOW: 'cpu',
    RUNNER_PJRT_PLUGIN: '',
  }
  return {
    options: {
      projectRoot: folder,
      environment,
      report: (said) => progress.push(said),
    },
    takeProgress() {
      const taken = progress
      progress = []
      return taken
    },
    path,
    write,
    addWheel(name, version, tag, files) {
      const information = `${name}-${version}.dist-info`
      const all = {
        ...files,
        [`${information}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
        [`${information}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
        [`${information}/RECORD`]: '',
      }
      for (const [file, text] of Object.entries(all)) write(`unpacked/${file}`, text)
      const tops = [...new Set(Object.keys(all).map((file) => file.split('/')[0] ?? ''))]
      execaSync('python3', ['-m', 'zipfile', '-c', path(`wheels/${name}-${version}-${tag}.whl`), ...tops], { cwd: path('unpacked') })
      rmSync(path('unpacked'), { recursive: true })
    },
    withCard(name, driver, capability) {
      const unknown = `echo 'Field "compute_cap" is not a valid field to query.'; exit 2`
      const answers = capability === null ? unknown : `echo '${name}, ${driver}, ${capability}'; exit`
      write('programs/nvidia-smi', `#!/bin/sh\ncase "$*" in *compute_cap*) ${answers};; esac\necho '${name}, ${driver}'\n`)
      chmodSync(path('programs/nvidia-smi'), 0o755)
      return { ...environment, PATH: `${path('programs')}:${process.env['PATH'] ?? ''}` }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
