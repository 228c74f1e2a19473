import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTinyProject, projectRoot, type TinyProject } from './tiny-project.ts'

let project: TinyProject

beforeEach(() => {
  project = createTinyProject()
})
afterEach(() => {
  project[Symbol.dispose]()
})

const runner = (...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> => project.run('./runner', args)

describe('./runner', () => {
  it('installs and builds on the first start, says so, and passes arguments and exit code through', async () => {
    const first = await runner('a', 'b c')
    expect(first).toMatchObject({ exitCode: 7, stdout: 'said a b c' })
    expect(first.stderr).toMatch(/installing npm packages[^]*building dist/)
  })

  it('says nothing and does nothing when all is there', async () => {
    await runner()
    const stamp = readFileSync(join(project.folder, 'dist/.build-stamp.json'), 'utf8')
    project.write('build.mjs', 'throw new Error("built again")')
    expect(await runner('again')).toEqual({ exitCode: 7, stdout: 'said again', stderr: '' })
    expect(readFileSync(join(project.folder, 'dist/.build-stamp.json'), 'utf8')).toBe(stamp)
  })

  it('works through a symbolic link and from another folder', async () => {
    symlinkSync('runner', join(project.folder, 'link'))
    expect((await project.run('sh', ['-c', 'cd / && "$1" hello', 'sh', join(project.folder, 'link')])).stdout).toBe('said hello')
  })

  it('builds again after an edit, and forgets a file whose source was removed', async () => {
    project.write('src/gone.ts', 'export {}\n')
    await runner()
    project.write('src/cli/main.ts', "export const main = async () => (console.log('edited'), 0)\n")
    project.remove('src/gone.ts')
    expect((await runner()).stdout).toBe('edited')
    expect(existsSync(join(project.folder, 'dist/gone.js'))).toBe(false)
  })

  it('repairs a build of which a file was deleted or cut short', async () => {
    await runner()
    project.remove('dist/cli/main.js')
    expect((await runner('deleted')).stdout).toBe('said deleted')
    project.write('dist/cli/main.js', 'export const ma')
    expect((await runner('cut')).stdout).toBe('said cut')
  })

  it('installs again where an installation was broken off', async () => {
    await runner()
    project.remove('node_modules/.runner-stamp')
    project.remove('node_modules/.package-lock.json')
    const repaired = await runner()
    expect(repaired.exitCode).toBe(7)
    expect(repaired.stderr).toContain('installing npm packages')
  })

  it('takes over an installation that npm finished by itself', async () => {
    await project.run('npm', ['ci', '--ignore-scripts'])
    expect((await runner()).stderr).not.toContain('installing npm packages')
  })

  it('lets one of several first starts do the work', async () => {
    const starts = await Promise.all([runner('1'), runner('2'), runner('3')])
    expect(starts.map((start) => start.stdout)).toEqual(['said 1', 'said 2', 'said 3'])
    expect(starts.filter((start) => start.stderr.includes('building dist'))).toHaveLength(1)
    expect(existsSync(join(project.folder, '.setup/bootstrap.lock'))).toBe(false)
  })

  it('takes over the lock of a process that was killed', async () => {
    project.write('.setup/bootstrap.lock', '4194304999')
    expect((await runner('on')).stdout).toBe('said on')
  })

  it('goes on with sources that have type errors, and shows them', async () => {
    project.write('build.mjs', readFileSync(join(project.folder, 'build.mjs'), 'utf8') + "\nconsole.log('TS2322: no')\nprocess.exit(2)")
    const { exitCode, stderr } = await runner()
    expect(exitCode).toBe(7)
    expect(stderr).toMatch(/TS2322: no[^]*type-errors/)
  })

  it('ends with exit code 3 where nothing can be built', async () => {
    project.write('build.mjs', "console.log('the disk is full')\nprocess.exit(1)")
    const { exitCode, stderr } = await runner()
    expect(exitCode).toBe(3)
    expect(stderr).toMatch(/error {2}build-failed\n.*exit code 1:\n {2}the disk is full/)
  })
})

describe('a machine without Node', () => {
  const emptyPath = { PATH: '/nonexistent' }

  it('is told how to install it, with exit code 3', async () => {
    const { exitCode, stderr } = await project.run(join(project.folder, 'runner'), [], emptyPath)
    expect(exitCode).toBe(3)
    expect(stderr).toMatch(/^error {2}node-missing\n.*Node 20 or newer.*Install it: \S/)
  })

  it('is told so when the Node it has is too old', async () => {
    project.write('old/node', '#!/bin/sh\necho v18.19.1\n')
    await project.run('chmod', ['+x', 'old/node'])
    const { exitCode, stderr } = await project.run(join(project.folder, 'runner'), [], { PATH: join(project.folder, 'old') })
    expect(exitCode).toBe(3)
    expect(stderr).toMatch(/^error {2}node-too-old\n.*v18\.19\.1.*Install it: \S/)
  })
})

describe('npm test', () => {
  const testFile = (body: string): string => `import { expect, it } from 'vitest'\n${body}\n`

  beforeEach(async () => {
    await runner()
    project.remove('node_modules')
    symlinkSync(join(projectRoot, 'node_modules'), join(project.folder, 'node_modules'))
    // Beside the real packages only their own lock file tells the truth.
    cpSync(join(projectRoot, 'package-lock.json'), join(project.folder, 'package-lock.json'))
    project.write('test/passes.test.ts', testFile("it('adds', () => expect(1 + 1).toBe(2))"))
  })

  const npmTest = (): Promise<{ exitCode: number; stdout: string; stderr: string }> => project.run('node', ['bootstrap/test.mjs'])
  const lastLine = (text: string): string | undefined => text.split('\n').at(-1)

  it('ends with the counts, and exit code 0 when all passed', async () => {
    const { exitCode, stdout } = await npmTest()
    expect({ exitCode, last: lastLine(stdout) }).toEqual({ exitCode: 0, last: '1 passed, 0 failed' })
  })

  it('counts failures, files that do not load, and skips with their reasons', async () => {
    project.write('test/fails.test.ts', testFile("it('is wrong', () => expect(1).toBe(2))"))
    project.write('test/broken.test.ts', testFile("throw new Error('no')"))
    project.write('test/skips.test.ts', testFile("it('draws', (context) => context.skip('no screen'))"))
    const { exitCode, stdout } = await npmTest()
    expect({ exitCode, last: lastLine(stdout) }).toEqual({ exitCode: 1, last: '1 passed, 2 failed, 1 skipped' })
    expect(stdout).toContain('skipped: draws: no screen')
  })

  it('fails where no test ran', async () => {
    project.remove('test')
    const { exitCode, stdout } = await npmTest()
    expect({ exitCode, last: lastLine(stdout) }).toEqual({ exitCode: 1, last: '0 passed, 0 failed' })
  })
})
