/** A real browser for what is to be looked at; tests that want one skip where there is none. */
import { existsSync } from 'node:fs'
import puppeteer, { type Page } from 'puppeteer-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))

/** Null where there is one. */
export const lackOfChromium = executablePath === undefined ? 'Chromium is not installed (apt-get install chromium)' : null

/** For as long as it is looked at. */
export async function inBrowser<T>(look: (tab: Page) => Promise<T>): Promise<T> {
  const browser = await puppeteer.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const tab = await browser.newPage()
    await tab.setViewport({ width: 1500, height: 950 })
    return await look(tab)
  } finally {
    await browser.close()
  }
}
