/**
 * One HTML file that needs nothing else and asks nobody: styles inside, pictures as data, no scripts (its own policy forbids them). Whatever
 * comes from a file or a name is escaped, unless it is markup that was made here.
 */

/** Text that is HTML already. Made by `html` only. */
export interface Markup {
  readonly markup: string
}
export type Content = string | number | Markup | readonly Content[]

/** A template whose values are escaped, those that `html` made excepted; lists stand one after the other. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return { markup: parts.map((part, index) => part + (index < values.length ? write(values[index] ?? '') : '')).join('') }
}

function write(content: Content): string {
  if (typeof content === 'string' || typeof content === 'number') return escape(String(content))
  return 'markup' in content ? content.markup : content.map(write).join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** `kind` says how it looks: `alarm` for what makes numbers mean something else, `note` for the small print. */
export function paragraphs(lines: readonly string[], kind: 'plain' | 'alarm' | 'note' = 'plain'): Markup[] {
  return lines.map((line) => html`<p class="${kind}">${line}</p>`)
}

export function table(heading: readonly Content[], rows: readonly (readonly Content[])[]): Markup {
  const head = heading.map((cell) => html`<th scope="col">${cell}</th>`)
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell) => html`<td>${cell}</td>`)}
      </tr>`,
  )
  // What scrolls has to be reached by keyboard.
  return html`<div class="wide" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`
}

/** A section's heading, to which `contents` leads. */
export function heading(title: string): Markup {
  return html`<h2 id="${anchor(title)}">${title}</h2>`
}

/** Links to the sections. */
export function contents(titles: readonly string[]): Markup {
  return html`<nav aria-label="Contents">${titles.map((title) => html`<a href="#${anchor(title)}">${title}</a>`)}</nav>`
}

function anchor(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, '-')
}

/** A picture inside the page. `type` is its media type. */
export function figure(bytes: Uint8Array | string, type: 'image/png' | 'image/svg+xml', description: string): Markup {
  return html`<figure><img alt="${description}" src="data:${type};base64,${Buffer.from(bytes).toString('base64')}" /></figure>`
}

/** What each colour stands for; nothing where there is none. */
export function colourKey(colours: readonly (readonly [name: string, colour: string])[]): Markup[] {
  if (colours.length === 0) return []
  return [html`<p class="key">${colours.map(([name, colour]) => html`<span><i style="background: ${colour}"></i> ${name}</span>`)}</p>`]
}

/** Text as it stands, in lines. */
export function block(text: string): Markup {
  return html`<pre tabindex="0">${text}</pre>`
}

/** What is read by few: shown when it is opened, and in print. */
export function folded(title: string, text: string): Markup {
  return html`<details>
    <summary>${title}</summary>
    ${block(text)}
  </details>`
}

export function page(title: string, body: Content): string {
  const { markup } = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'" />
      <title>${title}</title>
      ${{ markup: `<style>${style}</style>` }}
    </head>
    <body>
      <main>
        <h1>${title}</h1>
        ${body}
      </main>
    </body>
  </html>`
  return `<!doctype html>\n${markup}\n`
}

const style = `
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --ground: #fff; --alarm: #b00020 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --soft: #a0a8b0; --line: #3d444d; --ground: #15181c; --alarm: #c62a3f } }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground); margin: 2rem auto; max-width: 72rem; padding: 0 1.2rem }
h2 { margin-top: 2.4rem; border-bottom: 1px solid var(--line) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
th { white-space: normal; vertical-align: bottom }
.wide { overflow-x: auto }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem }
a { color: inherit }
:focus-visible { outline: 2px solid #0072b2; outline-offset: 2px }
.alarm { background: var(--alarm); color: #fff; font-weight: bold; padding: .6rem 1rem; print-color-adjust: exact }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem }
.key i { display: inline-block; width: 1em; height: 1em; vertical-align: -.1em; print-color-adjust: exact }
.note { color: var(--soft); font-size: .9rem }
figure { margin: 1rem 0; break-inside: avoid }
img { max-width: 100%; height: auto; background: #fff }
pre { overflow-x: auto; font-size: .85rem }
summary { cursor: pointer; padding: .3rem 0 }
.maps { display: flex; flex-wrap: wrap; gap: .5rem 3rem }
.maps figure { margin: .5rem 0 }
@media print { :root { font-size: 11px } nav { display: none } body { max-width: none } details::details-content { display: block; content-visibility: visible } }
`
