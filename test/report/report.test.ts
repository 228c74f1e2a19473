/** `runner report`: one file that shows everything, asks nobody, and lets nothing through that a file name says. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import puppeteer from 'puppeteer-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeHome, type Home } from '../runner.ts'
import { writeRun } from '../run/compared-runs.ts'

const hostile = `<img src="https://example.org/x.png" onerror="document.title='owned'"> "&'</pre><script>document.title='owned'</script>`
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))

let home: Home
let file: string
let page: string
beforeAll(async () => {
  home = await makeHome()
  let number = 0
  // Patients on slides of ten patches a row, and names that would like to be more than names.
  const folder = await writeRun(home.path, 1, {
    set: ['dataset.layout="{patient}/{class}/{name}_x{x:int}_y{y:int}.png"', 'tracking.enabled=false'],
    separation: 1.5,
    change: (row) => {
      const at = number++ % 40
      const name = `${hostile.replaceAll('/', '')}${number}`
      return { ...row, path: `${row.group}/${row.class}/${name}_x${(at % 10) * 50 + 1}_y${Math.floor(at / 10) * 50 + 1}.png` }
    },
  })
  const { exitCode, stdout, stderr } = await home.runner(['report', folder.id])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  file = folder.report
  expect(file.endsWith(stdout)).toBe(true)
  page = await readFile(file, 'utf8')
})
afterAll(() => home.remove())

it('shows numbers with intervals at both operating points, groups, errors, maps and the experiment', () => {
  expect(page).toMatch(/<th scope="col">test, threshold from validation<\/th>/)
  expect(page).toMatch(/<td>roc_auc<\/td>\s*<td>0\.\d{4} \(0\.\d{3} to [01]\.\d{3}\)<\/td>/)
  expect(page).toContain('Groups, worst first')
  expect(page.match(/alt="Slide map of /g)?.length).toBe(12)
  expect(page).toContain('The experiment, every default written out')
})

it('names nothing outside itself, and shows hostile names as the text they are', () => {
  expect(page).not.toMatch(/<script|<link|<img src="?http/)
  expect(page).toContain('&lt;img src=&quot;https:')
  expect(page.length).toBeLessThan(5_000_000)
})

it.skipIf(chromium === undefined)('opens in a real browser: every picture is there, no request leaves, nothing is run', async () => {
  const browser = await puppeteer.launch({ executablePath: chromium ?? '', args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const tab = await browser.newPage()
    const said: string[] = []
    tab.on('console', (message) => said.push(message.text()))
    tab.on('pageerror', (error) => said.push(String(error)))
    tab.on('request', (request) => {
      if (!/^(data|file):/.test(request.url())) said.push(request.url())
    })
    await tab.goto(`file://${file}`)
    expect(said).toEqual([])
    expect(await tab.title()).toBe('smoke')
    expect(await tab.evaluate('[...document.images].filter(({ naturalWidth }) => naturalWidth > 0).length')).toBe(12)
  } finally {
    await browser.close()
  }
})
