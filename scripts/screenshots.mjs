/**
 * Pictures for the docs of a run's report, and of what MLflow shows of the run and of a sweep, made with a real browser. Those in docs/pictures are of
 * synthetic data: real patches are not ours to publish.
 * usage: node scripts/screenshots.mjs RUN SWEEP   (needs Chromium), of
 *   ./runner experiments/baseline.yaml    once more with --set name=less-dropout --set 'model.edit=[{ set: { dropout: 0.1 }, in: convolution }]'
 *   ./runner experiments/sweeps/optimizer.yaml --set training.epochs=25 --set training.batchSize=16 --set split.test=0.2 --set split.validation=0.2
 *     --set sweep.repeats=3 --set dataset.image.width=24 --set dataset.image.height=24
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'
import sharp from 'sharp'

const [run, sweep] = process.argv.slice(2)
if (!run || !sweep) throw new Error('usage: node scripts/screenshots.mjs RUN SWEEP')
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
if (!executablePath) throw new Error('Chromium is not installed: apt-get install chromium')

/** Addresses as `runner ui` prints them, for as long as it is not ended. */
async function openPages(what) {
  const ui = spawn('./runner', ['ui', what], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [told, said] = ['', '']
  ui.stdout.on('data', (chunk) => (told += chunk))
  ui.stderr.on('data', (chunk) => (said += chunk))
  while (!said.includes('Ctrl-C')) {
    if (ui.exitCode !== null) throw new Error(said)
    await delay(100)
  }
  const url = told.trim()
  const [, server, experiment] = /^(.*)\/#\/experiments\/(\d+)/.exec(url)
  return { url, server, experiment, besideOthers: /Beside .*: (http\S+)/.exec(said)?.[1], close: () => ui.kill('SIGINT') }
}

const browser = await puppeteer.launch({
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
  defaultViewport: { width: 1500, height: 950 },
})

/** Colours are reduced to 256, which makes the file a third as large. */
async function keep(name, png) {
  const { size } = await sharp(png).png({ palette: true, effort: 10 }).toFile(`docs/pictures/${name}.png`)
  console.log(`docs/pictures/${name}.png  ${Math.round(size / 1000)} kB`)
}

/** A page of MLflow, once it is at rest; `section` is brought to the top. */
async function shoot(name, address, { section, height = 950 } = {}) {
  const page = await browser.newPage()
  await page.setViewport({ width: 1500, height })
  await page.goto(address, { waitUntil: 'networkidle2', timeout: 90_000 })
  await delay(4000)
  // A browser's first visit opens MLflow's assistant over a quarter of the page; a chart's tools are there for a mouse that is over it.
  await page.evaluate(() =>
    document.querySelectorAll('[aria-label="Close"], [aria-label="Close Assistant"]').forEach((button) => button.click()),
  )
  await page.addStyleTag({ content: '.modebar-container, .modebar { display: none !important }' })
  if (section)
    await page.evaluate((wanted) => {
      const titles = [...document.querySelectorAll('span, div')].filter(({ textContent }) =>
        new RegExp(`^${wanted} ?\\(\\d+\\)$`).test(textContent),
      )
      titles.at(-1)?.scrollIntoView({ block: 'start' })
    }, section)
  await delay(3000)
  await keep(name, await page.screenshot())
  await page.close()
}

async function shootReport(name, { from, height, scheme }) {
  const file = spawnSync('./runner', ['report', run], { encoding: 'utf8' }).stdout.trim()
  const page = await browser.newPage()
  await page.setViewport({ width: 1240, height: 1000 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
  await page.goto(`file://${resolve(file)}`)
  const y = await page.evaluate((id) => (id ? document.getElementById(id).offsetTop - 20 : 0), from)
  await keep(name, await page.screenshot({ captureBeyondViewport: true, clip: { x: 0, y, width: 1240, height } }))
  await page.close()
}

async function ask(server, path, body) {
  const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await fetch(`${server}/api/2.0/mlflow/${path}`, options)).json()
}

try {
  await shootReport('report', { from: null, height: 2300, scheme: 'light' })
  await shootReport('report-errors', { from: 'where-it-errs', height: 1500, scheme: 'dark' })

  const ofRun = await openPages(run)
  const { server, experiment } = ofRun
  const [page, mode] = ofRun.url.split('?')
  const runId = page.split('/').at(-1)
  await shoot('mlflow-run', ofRun.url)
  await shoot('mlflow-metrics', `${page}/model-metrics?${mode}`, { section: 'train' })
  await shoot('mlflow-report', `${page}/artifacts/report.html?${mode}`)
  await shoot('mlflow-pictures', ofRun.besideOthers, { height: 1300 })
  await shoot('mlflow-tables', `${server}/#/experiments/${experiment}/runs?compareRunsMode=ARTIFACT&${mode}`)
  const { models } = await ask(server, 'logged-models/search', { experiment_ids: [experiment] })
  const model = models.find(({ info }) => info.source_run_id === runId)
  await shoot('mlflow-model', `${server}/#/experiments/${experiment}/models/${model.info.model_id}?${mode}`)
  ofRun.close()

  const ofSweep = await openPages(sweep)
  await shoot('mlflow-sweep', ofSweep.url)
  await shoot('mlflow-sweep-table', ofSweep.url.replace('compareRunsMode=CHART&', ''))
  ofSweep.close()
} finally {
  await browser.close()
}
