/** A project of a handful of files with the real bootstrap/ and runner in front of it: its build copies, its one package is its own. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface TinyProject {
  readonly folder: string
  write(path: string, text: string): void
  remove(path: string): void
  /** Runs a program in the project's folder; `environment` replaces variables of the test's own. */
  run(program: string, args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Ran>
  [Symbol.dispose](): void
}

const build = `import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
for (const path of readdirSync('src', { recursive: true }).filter((path) => path.endsWith('.ts'))) {
  const target = 'dist/' + path.replace(/\\.ts$/, '.js')
  mkdirSync(target.slice(0, target.lastIndexOf('/')), { recursive: true })
  writeFileSync(target, readFileSync('src/' + path))
}`

export function createTinyProject(): TinyProject {
  const folder = mkdtempSync(join(tmpdir(), 'runner-bootstrap-'))
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  cpSync(join(projectRoot, 'bootstrap'), join(folder, 'bootstrap'), { recursive: true })
  cpSync(join(projectRoot, 'runner'), join(folder, 'runner'))
  write('build.mjs', build)
  write('src/cli/main.ts', "export const main = async (argv) => (console.log('said ' + argv.join(' ')), 7)\n")
  write('packages/greeter/package.json', JSON.stringify({ name: 'greeter', version: '1.0.0' }))
  write('package.json', JSON.stringify({ name: 'tiny', type: 'module', workspaces: ['packages/*'], scripts: { build: 'node build.mjs' } }))
  write(
    'package-lock.json',
    JSON.stringify({
      name: 'tiny',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'tiny', workspaces: ['packages/*'] },
        'node_modules/greeter': { resolved: 'packages/greeter', link: true },
        'packages/greeter': { version: '1.0.0' },
      },
    }),
  )
  return {
    folder,
    write,
    remove: (path) => rmSync(join(folder, path), { recursive: true }),
    async run(program, args, environment = {}) {
      const { exitCode, stdout, stderr } = await execa(program, args, { cwd: folder, env: environment, reject: false, stdin: 'ignore' })
      return { exitCode: exitCode ?? -1, stdout, stderr }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
