import { createHook } from 'node:async_hooks'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engineEnvironment } from '../../src/setup/engine-environment.ts'
import { chooseTensorflowBuild } from '../../src/setup/tensorflow-build.ts'
import type { SetupOptions } from '../../src/setup/setup-options.ts'
import { ensureTensorflow } from '../../src/setup/tensorflow.ts'
import { createBareCheckout, type BareCheckout } from './bare-checkout.ts'
import { projectRoot } from './tiny-project.ts'

const library = '.setup/tensorflow-cpu/tensorflow/libtensorflow_cc.so.2'
const binding = 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node'

let checkout: BareCheckout

beforeEach(() => {
  checkout = createBareCheckout()
})
afterEach(() => {
  checkout[Symbol.dispose]()
})

/** The library of the real checkout, whichever build it is, by links: a wheel of 260 MB is not unpacked for a test. */
function linkRealLibrary(): SetupOptions {
  const build = existsSync(join(projectRoot, '.setup/tensorflow-cpu/stamp.json')) ? 'cpu' : 'cuda'
  const link = (path: string): void => symlinkSync(join(projectRoot, '.setup', path), checkout.path(`.setup/${path}`))
  const folder = `tensorflow-${build}`
  mkdirSync(checkout.path(`.setup/${folder}/tensorflow`), { recursive: true })
  for (const name of readdirSync(join(projectRoot, '.setup', folder)).filter((name) => name !== 'tensorflow')) link(`${folder}/${name}`)
  for (const name of readdirSync(join(projectRoot, '.setup', folder, 'tensorflow'))) link(`${folder}/tensorflow/${name}`)
  return { ...checkout.options, environment: { ...checkout.options.environment, RUNNER_TENSORFLOW: build } }
}

async function loads(path: string): Promise<boolean> {
  const { exitCode } = await execa('node', ['-e', `require(${JSON.stringify(path)})`], { reject: false })
  return exitCode === 0
}

describe('the library and its binding', () => {
  it('compiles the binding so that it loads, repairs a truncated one, and then starts no process', async () => {
    const options = linkRealLibrary()
    expect((await ensureTensorflow(options)).value?.version).toBe('2.21.0')
    truncateSync(checkout.path(binding), 5000)
    expect(await loads(checkout.path(binding))).toBe(false)
    const repaired = await ensureTensorflow(options)
    expect(await loads(checkout.path(binding))).toBe(true)
    expect(checkout.takeProgress().filter(({ part, state }) => part === 'binding' && state === 'done')).toHaveLength(2)

    let processes = 0
    const counter = createHook({ init: (_id, type) => (processes += type === 'PROCESSWRAP' ? 1 : 0) }).enable()
    const again = await ensureTensorflow(options)
    counter.disable()
    expect(again).toEqual(repaired)
    expect(processes).toBe(0)
    expect(checkout.takeProgress()).toEqual([])
  })

  it('unpacks the library with real pip, keeps it when the compiler fails, and repairs it when a part was deleted', async () => {
    checkout.addWheel('tensorflow_cpu', '2.21.0', 'py3-none-any', {
      'tensorflow/libtensorflow_cc.so.2': 'a library of another kind',
      'tensorflow/include/tensorflow/c/c_api.h': '',
    })
    checkout.write('.setup/tensorflow-cpu.partial-1/tensorflow/half', '')
    const { value, diagnostics } = await ensureTensorflow(checkout.options)
    // That wheel's headers are empty, so the compiler is the next to complain; what is complete is kept.
    expect(value).toBeUndefined()
    expect(diagnostics).toMatchObject([{ code: 'binding-compile-failed', hint: expect.stringContaining('CXX') as string }])
    expect(existsSync(checkout.path(library))).toBe(true)
    expect(readdirSync(checkout.path('.setup')).filter((name) => name.includes('partial'))).toEqual([])
    checkout.takeProgress()
    await ensureTensorflow(checkout.options)
    expect(checkout.takeProgress().map(({ part }) => part)).toEqual(['binding'])

    rmSync(checkout.path(library))
    await ensureTensorflow(checkout.options)
    expect(existsSync(checkout.path(library))).toBe(true)
  })

  it('takes nothing half-unpacked for whole when pip fails', async () => {
    const { diagnostics } = await ensureTensorflow(checkout.options)
    expect(diagnostics).toMatchObject([{ code: 'pip-failed', message: expect.stringContaining('tensorflow-cpu==2.21.0') as string }])
    expect(readdirSync(checkout.path('.setup')).filter((name) => name.startsWith('tensorflow-cpu'))).toEqual([])
  })
})

describe('a machine that lacks something', () => {
  const withPath = (...folders: string[]): NodeJS.ProcessEnv => ({ ...checkout.options.environment, PATH: folders.join(':') })
  const install = (name: string, says: string): string => {
    const folder = checkout.path('programs')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 })
    return folder
  }

  it('hears of the missing Python and the missing compiler at once, each with its command', async () => {
    const { diagnostics } = await ensureTensorflow({ ...checkout.options, environment: withPath('/nonexistent') })
    expect(diagnostics.map(({ code }) => code)).toEqual(['python-missing', 'compiler-missing'])
    for (const { hint } of diagnostics) expect(hint).toMatch(/^Install it: \S+/)
    expect(existsSync(checkout.path('.venv'))).toBe(false)
  })

  it('hears of a Python that is too old', async () => {
    const folder = install('python3', '{"version": [3, 8, 10], "venv": true}')
    const { diagnostics } = await ensureTensorflow({ ...checkout.options, environment: withPath(folder) })
    expect(diagnostics[0]?.message).toBe(`Python 3.10 or newer is needed, and ${folder}/python3 is 3.8.10.`)
  })

  it('hears of a Python without venv', async () => {
    const folder = install('python3', '{"version": [3, 12, 3], "venv": false}')
    const { diagnostics } = await ensureTensorflow({ ...checkout.options, environment: withPath(folder) })
    expect(diagnostics[0]).toMatchObject({ code: 'python-venv-missing', hint: expect.stringMatching(/^Install it: \S+/) as string })
  })

  it('uses an older Python of another name when python3 itself is too old', async () => {
    const folder = install('python3', '{"version": [3, 9, 2], "venv": true}')
    install('python3.11', '{"version": [3, 11, 9], "venv": true}')
    const { diagnostics } = await ensureTensorflow({ ...checkout.options, environment: withPath(folder) })
    expect(diagnostics.map(({ code }) => code)).not.toContain('python-missing')
  })

  it('gets the CPU build, with a card as without one, and what RUNNER_TENSORFLOW says', () => {
    const choose = (environment: NodeJS.ProcessEnv): string => {
      const { value, diagnostics } = chooseTensorflowBuild(environment)
      return value ?? diagnostics[0]?.code ?? ''
    }
    expect(choose({})).toBe('cpu')
    expect(choose({ RUNNER_TENSORFLOW: '' })).toBe('cpu')
    expect(choose({ RUNNER_TENSORFLOW: 'cpu' })).toBe('cpu')
    expect(choose({ RUNNER_TENSORFLOW: 'cuda' })).toBe('cuda')
    expect(choose({ RUNNER_TENSORFLOW: 'rocm' })).toBe('unknown-tensorflow-build')
  })

  it('is refused where RUNNER_OPERATIONS names none', async () => {
    const setup = linkRealLibrary()
    const { value, diagnostics } = await ensureTensorflow({ ...setup, environment: { ...setup.environment, RUNNER_OPERATIONS: 'avx' } })
    expect(value).toBeUndefined()
    expect(diagnostics).toMatchObject([{ code: 'unknown-operations', expected: 'tensorflow, plain, v3, v4', received: '"avx"' }])
  })
})

describe('the environment of the engine', () => {
  const tensorflow = { build: 'cuda', version: '2.21.0', libraryFolders: ['/a/tensorflow', '/a/nvidia/cudnn/lib'] } as const
  const user = { LD_LIBRARY_PATH: '/opt/lib', TF_ENABLE_ONEDNN_OPTS: '0', TF_CPP_MIN_LOG_LEVEL: '0', HOME: '/home/u' }

  it('finds the libraries first, keeps what the user set, and hides the GPU from device cpu', () => {
    expect(engineEnvironment({ environment: user, tensorflow, device: 'cpu', threads: 2 })).toEqual({
      HOME: '/home/u',
      LD_LIBRARY_PATH: '/a/tensorflow:/a/nvidia/cudnn/lib:/opt/lib',
      TF_ENABLE_ONEDNN_OPTS: '0',
      TF_CPP_MIN_LOG_LEVEL: '0',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      TF_NUM_INTRAOP_THREADS: '2',
      TF_NUM_INTEROP_THREADS: '1',
      MALLOC_MMAP_THRESHOLD_: '4294967296',
      MALLOC_TRIM_THRESHOLD_: '17179869184',
      CUDA_VISIBLE_DEVICES: '-1',
    })
  })

  it('says which plugin to train with, unless the device is the CPU, and lets the loader find its libraries last', () => {
    const pjrt = {
      addon: '/b/pjrt.node',
      plugin: '/b/plugin.so',
      name: 'cuda13',
      version: '0.11.2',
      libraryFolders: ['/b/cu13/lib'],
      programs: '/p',
      compilerData: '/b/cu13',
    }
    const environment = engineEnvironment({ environment: user, tensorflow, pjrt, device: 'auto' })
    expect(environment['LD_LIBRARY_PATH']).toBe('/a/tensorflow:/a/nvidia/cudnn/lib:/opt/lib:/b/cu13/lib')
    expect(JSON.parse(environment['RUNNER_PJRT'] ?? '')).toEqual(pjrt)
    const cpu = engineEnvironment({ environment: { ...user, RUNNER_PJRT: '{}' }, tensorflow, pjrt, device: 'cpu' })
    expect(cpu).toEqual(engineEnvironment({ environment: user, tensorflow, device: 'cpu' }))
    expect(Object.keys(cpu)).not.toContain('RUNNER_PJRT')
  })

  it('leaves threads to TensorFlow and the GPU visible where the file says nothing', () => {
    const environment = engineEnvironment({ environment: {}, tensorflow, device: 'auto' })
    expect(Object.keys(environment)).not.toContain('CUDA_VISIBLE_DEVICES')
    expect(Object.keys(environment)).not.toContain('TF_NUM_INTRAOP_THREADS')
    expect(Object.keys(environment)).not.toContain('TF_NUM_INTEROP_THREADS')
  })
})
