/**
 * Pictures of a run's report and of MLflow's pages for the docs, made with a real browser on a run on synthetic data; of a sweep its trials.
 * usage: node scripts/screenshots.mjs RUN | SWEEP   (under runs/ or $RUNNER_HOME; needs Chromium)
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'

const [run = 'last'] = process.argv.slice(2)
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
if (!executablePath) throw new Error('Chromium is not installed: apt-get install chromium')

const ui = spawn('./runner', ['ui', run], { stdio: ['ignore', 'pipe', 'inherit'] })
const url = await new Promise((resolve) => ui.stdout.once('data', (chunk) => resolve(String(chunk).trim().split('\n')[0])))
const defaultViewport = { width: 1500, height: 950 }
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
  defaultViewport,
})
try {
  const page = await browser.newPage()
  const [server, hash] = url.split('/#')
  const [path, mode] = hash.split('?')
  const shoot = async (name, address) => {
    await page.goto(address, { waitUntil: 'networkidle2', timeout: 90_000 })
    await delay(4000)
    // A browser's first visit opens MLflow's assistant over a quarter of the page.
    await page.evaluate(() =>
      document
        .querySelectorAll('[aria-label="Close"], [aria-label="Close Assistant"], [data-component-id*="assistant"] button')
        .forEach((button) => button.click()),
    )
    await delay(1500)
    await page.screenshot({ path: `docs/pictures/${name}.png` })
    console.log(`docs/pictures/${name}.png  ${address}`)
  }
  if (mode.includes('compareRunsMode')) {
    await shoot('mlflow-sweep', url)
  } else await shootRun()

  async function shootRun() {
    const report = spawnSync('./runner', ['report', run], { encoding: 'utf8' }).stdout.trim()
    await page.goto(`file://${resolve(report)}`)
    await page.setViewport({ width: 1240, height: 2700 })
    await page.screenshot({ path: 'docs/pictures/report.png' })
    await page.setViewport(defaultViewport)
    console.log(`docs/pictures/report.png  ${report}`)
    await shoot('mlflow-run', `${server}/#${path}?${mode}`)
    await shoot('mlflow-metrics', `${server}/#${path}/model-metrics?${mode}`)
    await shoot('mlflow-artifacts', `${server}/#${path}/artifacts/plots/training.png?${mode}`)
  }
} finally {
  await browser.close()
  ui.kill('SIGINT')
}
