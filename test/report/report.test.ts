/** `runner report`: one file that shows everything, asks nobody, and lets nothing through that a file name says. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { evaluateWeights } from '../../src/evaluation/evaluate.ts'
import { runPage } from '../../src/report/run-page.ts'
import { placeOnSlides, slideMaps } from '../../src/report/slide-map.ts'
import { inBrowser, lackOfChromium } from '../chromium.ts'
import { makeHome, type Home } from '../runner.ts'
import { writeRun } from '../run/compared-runs.ts'

const hostile = `<img src="https://example.org/x.png" onerror="document.title='owned'"> "&'</pre><script>document.title='owned'</script>`

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

/** A run of ten classes that is right nine times of ten. */
async function pageOfTen(groupOf: (path: string, index: number) => string) {
  const classes = Array.from({ length: 10 }, (_, index) => `kind ${index}`)
  const judgement = { classes, positive: null, seed: 1 }
  const split = (name: 'validation' | 'test') => ({
    rows: Array.from({ length: 200 }, (_, index) => {
      const path = `${name}/${index}_x${(index % 20) * 50}_y${Math.floor(index / 20) * 50}.jpg`
      const own = index % 10
      return { path, sha256: '', group: groupOf(path, index), class: own, label: classes[own] ?? '', split: name }
    }),
    probabilities: Float32Array.from({ length: 2000 }, (_, cell) => {
      const row = Math.floor(cell / 10)
      return cell % 10 === (row % 9 === 0 ? (row + 1) % 10 : row % 10) ? 0.55 : 0.05
    }),
  })
  const [validation, test] = [split('validation'), split('test')]
  const text = runPage({
    name: 'ten',
    run: 'ten-abcd',
    caveats: [],
    judgement,
    evaluation: evaluateWeights(1, validation, test, 0.5, judgement),
    test,
    testReadings: 1,
    provenance: [],
    pictures: [],
    slides: await slideMaps(placeOnSlides(test, judgement, null, '{split}/{*}_x{x:int}_y{y:int}.jpg'), null),
    sheet: null,
    occlusion: null,
    texts: [],
  })
  return { classes, text }
}

it('of ten classes shows each against the rest, slides in the colours of the classes, and nothing that only two classes have', async () => {
  const { classes, text } = await pageOfTen((_, index) => `slide ${index % 2}`)
  expect(text).toContain('Each class against the rest')
  for (const name of [...classes, 'precision', 'specificity', 'f1_weighted', 'roc_auc_weighted', 'brier_score', 'calibration_error'])
    expect(text).toContain(`${name}<`)
  expect(text).not.toMatch(/NaN|undefined|Infinity|threshold|positive|<td>–<\/td>|patients? of/)
  expect(text.match(/alt="Slide map of slide [01]"/g)).toHaveLength(2)
  for (const name of classes) expect(text).toMatch(new RegExp(`<i style="background: rgb\\(\\d+ \\d+ \\d+\\)"></i> ${name}<`))
})

it('speaks of no groups where every image stands for itself', async () => {
  const { text } = await pageOfTen((path) => path)
  expect(text).toContain('a bootstrap that draws images.')
  expect(text).not.toMatch(/groups?\b|patient/)
})

it('opens in a real browser: every picture is there, no request leaves, nothing is run', async ({ skip }) => {
  skip(lackOfChromium !== null, lackOfChromium ?? '')
  await inBrowser(async (tab) => {
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
    expect(await tab.evaluate('[...document.links].filter(({ hash }) => !document.querySelector(hash)).length')).toBe(0)
    // By keyboard one comes to everything that scrolls or opens.
    const wanted =
      '[...document.querySelectorAll("a, summary, .wide, pre")].filter((element) => !element.closest("details:not([open]) pre"))'
    const count = (await tab.evaluate(`${wanted}.length`)) as number
    const reached = new Set<unknown>()
    // Behind the last element comes the page itself.
    for (let step = 0; step <= count; step++) {
      await tab.keyboard.press('Tab')
      reached.add(await tab.evaluate(`${wanted}.indexOf(document.activeElement)`))
    }
    reached.delete(-1)
    expect(reached.size).toBe(count)
    const ground = () => tab.evaluate('getComputedStyle(document.body).backgroundColor')
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
    const light = await ground()
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
    expect([light, await ground()]).toEqual(['rgb(255, 255, 255)', 'rgb(21, 24, 28)'])
    expect(await tab.evaluate('getComputedStyle(document.querySelector(".alarm")).backgroundColor')).toBe('rgb(198, 42, 63)')
    // On paper there is nothing to open.
    const folded = () => tab.evaluate('getComputedStyle(document.querySelector("details"), "::details-content").contentVisibility')
    expect(await folded()).toBe('hidden')
    await tab.emulateMediaType('print')
    expect(await folded()).toBe('visible')
    // White on red: without its ground nobody could read it.
    expect(await tab.evaluate('getComputedStyle(document.querySelector(".alarm")).printColorAdjust')).toBe('exact')
  })
})
