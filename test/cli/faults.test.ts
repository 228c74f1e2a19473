/** What goes wrong is said clearly, with a way out and the designed exit code, and leaves nothing half-made. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeHome, untracked, type Home } from '../runner.ts'

const smoke = 'experiments/smoke.yaml'
let home: Home
/** The synthetic patches of a first run: something real to spoil. */
let patches: string

beforeAll(async () => {
  home = await makeHome()
  const { exitCode, stderr } = await home.runner(['split', smoke])
  expect(exitCode, stderr).toBe(0)
  const [name] = await readdir(join(home.path, 'datasets'))
  patches = join(home.path, 'datasets', name ?? '')
})
afterAll(() => home.remove())

/** A copy of the patches, spoilt, and what runner says of it. */
async function trainOn(spoil: (root: string, files: readonly string[]) => Promise<void>, set: readonly string[] = []) {
  const other = await makeHome()
  const root = join(other.path, 'images')
  await cp(patches, root, { recursive: true })
  const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.png')).sort()
  await spoil(root, files)
  const ran = await other.runner([smoke, ...untracked, '--quiet', '--set', `dataset.root=${root}`, ...set])
  const runs = await other.runs()
  await other.remove()
  return { ...ran, runs }
}

describe('bad data', () => {
  it('a root that was named and is missing', async () => {
    const ran = await home.runner([smoke], { SMOKE_ROOT: 'nowhere' })
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('dataset-missing')
    expect(ran.stderr).toContain('SMOKE_ROOT')
  })

  it('an empty class', async () => {
    const ran = await trainOn(async (root, files) => {
      for (const file of files.filter((name) => name.includes('/1/'))) await rm(join(root, file))
    })
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toMatch(/class.*malignant/)
    expect(ran.runs).toEqual([])
  })

  it('a text named .png and an empty .png, both at once', async () => {
    const ran = await trainOn(async (root, [first = '', second = '']) => {
      await writeFile(join(root, first), 'I am no image')
      await writeFile(join(root, second), '')
    })
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('data-unreadable')
    expect(ran.stderr).toMatch(/onFault.*unreadable/)
    expect(ran.stderr).toContain('2 ')
    expect(ran.runs).toEqual([])
  })

  it('a 50x1 patch, where odd sizes are refused', async () => {
    const { default: sharp } = await import('sharp')
    const ran = await trainOn(
      async (root, [first = '']) => {
        const raw = { width: 50, height: 1, channels: 3 } as const
        await sharp(Buffer.alloc(150, 200), { raw }).png().toFile(join(root, first))
      },
      ['--set', 'dataset.onFault.oddSize=error'],
    )
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('50x1')
    expect(ran.stderr).toContain('onFault.oddSize')
  })

  it('a patient on both sides of a given manifest', async () => {
    const other = await makeHome()
    const first = await other.runner([smoke, ...untracked, '--quiet'])
    expect(first.exitCode, first.stderr).toBe(0)
    const { folder } = await other.lastRun()
    const lines = (await readFile(folder.split, 'utf8')).split('\n')
    const manifest = join(other.path, 'leaky.csv')
    await writeFile(
      manifest,
      lines
        .map((line, index) => (index === 1 ? line.replace(/train|validation|test$/, 'test').replace(/,train$/, ',test') : line))
        .join('\n'),
    )
    const given = await other.runner([smoke, ...untracked, '--set', `split={ manifest: ${manifest} }`])
    expect(given.exitCode).toBe(1)
    expect(given.stderr).toContain('split-leak')
    await other.remove()
  })
})

describe('a bad environment', () => {
  it('a place for runs/ that cannot be written to', async () => {
    const other = await makeHome()
    await writeFile(join(other.path, 'runs'), 'a file where a folder should be')
    const ran = await other.runner([smoke, ...untracked])
    expect(ran.exitCode).toBe(3)
    expect(ran.stderr).toContain('runs-unwritable')
    expect(ran.stderr).toContain('RUNNER_HOME')
    await other.remove()
  })

  it.each([
    ['answers nothing', 'http://127.0.0.1:9'],
    ['is no URI that runner speaks', 'databricks'],
  ])('a tracking server that %s costs a warning', async (_, uri) => {
    const other = await makeHome()
    const ran = await other.runner([smoke, '--quiet'], { MLFLOW_TRACKING_URI: uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' })
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.stderr).toMatch(/warning {2}MLflow: /)
    expect(ran.stdout).toContain('runner sync')
    expect((await other.lastRun()).events.at(-1)).toMatchObject({ type: 'run-ended', status: 'finished' })
    await other.remove()
  })

  it('a server that is not MLflow costs a warning that says so', async () => {
    const server = await serve((_, answer) => answer('<html>hello</html>'))
    const other = await makeHome()
    const ran = await other.runner([smoke, '--quiet'], { MLFLOW_TRACKING_URI: uriOf(server), MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' })
    server.close()
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.stderr).toContain('is this an MLflow server?')
    await other.remove()
  })

  it('a server that dies half-way costs a warning', async () => {
    let calls = 0
    const server = await serve((request, answer) => {
      calls += 1
      if (calls > 4) request.socket.destroy()
      else answer(JSON.stringify({ experiments: [], experiment: { experiment_id: '1', lifecycle_stage: 'active' }, runs: [] }))
    })
    const other = await makeHome()
    const ran = await other.runner([smoke, '--quiet'], { MLFLOW_TRACKING_URI: uriOf(server), MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' })
    server.close()
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.stderr).toMatch(/warning {2}MLflow: /)
    await other.remove()
  })

  it('a required server that does not answer is a fault', async () => {
    const other = await makeHome()
    const ran = await other.runner([smoke, '--quiet', '--set', 'tracking.required=true'], {
      MLFLOW_TRACKING_URI: 'http://127.0.0.1:9',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
    })
    expect(ran.exitCode).toBe(3)
    expect(ran.stderr).toContain('tracking-unavailable')
    await other.remove()
  })
})

describe('the command line', () => {
  it('frames every fault of a file and exits 1', async () => {
    const file = join(home.path, 'typo.yaml')
    await writeFile(file, (await readFile(smoke, 'utf8')).replace('rotation: 20', 'rotaton: 20').replace('epochs: 3', 'epochs: three'))
    const ran = await home.runner(['check', file])
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('unknown-key')
    expect(ran.stderr).toContain('Did you mean "rotation"?')
    expect(ran.stderr).toMatch(/\^+/)
    expect(ran.stderr).toContain('epochs')
    expect(existsSync(join(home.path, 'runs', 'smoke'))).toBe(false)
  })

  it('refuses unknown options and missing files', async () => {
    expect((await home.runner([smoke, '--epochs', '3'])).exitCode).toBe(2)
    expect((await home.runner(['check', 'no-such-file.yaml'])).exitCode).toBe(1)
    expect((await home.runner(['sync', 'no-such-run'])).exitCode).toBe(2)
  })

  it('loads neither TensorFlow nor sharp for check and plan', async () => {
    const ran = await home.runner(['check', smoke], { NODE_DEBUG: 'module' })
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).not.toMatch(/node_modules\/(sharp|@tensorflow)\//)
  })

  it('finishes the step on SIGINT, keeps what is committed, and exits 130', async () => {
    const other = await makeHome()
    const child = other.start([smoke, ...untracked, '--set', 'training.epochs=100000'])
    await until(async () => (await other.runs()).length === 1 && (await other.lastRun()).events.some(({ type }) => type === 'committed'))
    child.kill('SIGINT')
    const { exitCode, stdout } = await child
    expect(exitCode).toBe(130)
    expect(stdout).toContain('interrupted after epoch')
    expect((await other.lastRun()).events.at(-1)).toMatchObject({ type: 'run-ended', status: 'interrupted' })
    await other.remove()
  })

  it('writes the tutorial’s folders with split --to, and never into a folder that holds something', async () => {
    const to = join(home.path, 'tutorial')
    expect((await home.runner(['split', smoke, '--to', to])).exitCode).toBe(0)
    expect((await readdir(to)).sort()).toEqual(['testing', 'training', 'validation'])
    expect((await readdir(join(to, 'training'))).sort()).toEqual(['benign', 'malignant'])
    await mkdir(join(home.path, 'full', 'x'), { recursive: true })
    expect((await home.runner(['split', smoke, '--to', join(home.path, 'full')])).exitCode).toBe(1)
  })
})

type Answer = (body: string) => void

function serve(handle: (request: IncomingMessage, answer: Answer) => void): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume()
    handle(request, (body) => response.end(body))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function uriOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await isSo()) return
    await delay(200)
  }
  throw new Error('it never came to that')
}
