/** Vega-Lite specifications to SVG and PNG without a browser, with fonts that the project brings: the same picture on every machine. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { TopLevelSpec } from 'vega-lite'

export interface Picture {
  readonly svg: string
  readonly png: Uint8Array
}

/** Okabe and Ito's colours, told apart by colour-blind people too; every series has a dash or shape of its own besides. */
export const palette = { first: '#0072b2', second: '#d55e00', third: '#009e73', muted: '#6b6b6b' } as const

const config = {
  background: 'white',
  font: 'DejaVu Sans',
  axis: { labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', gridColor: '#e6e6e6', domainColor: '#888', tickColor: '#888' },
  legend: { labelFontSize: 12, titleFontSize: 12, symbolStrokeWidth: 2.5, symbolSize: 250 },
  title: { fontSize: 15, anchor: 'start', offset: 12 },
  view: { stroke: null },
} as const

/** Vega and resvg are loaded when the first picture is drawn. */
export async function drawChart(spec: TopLevelSpec): Promise<Picture> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  const { spec: compiled } = vegaLite.compile({ ...spec, config: { ...config, ...spec.config } })
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return { svg, png: await toPng(svg, 1.5) }
}

/** A drawing as pixels, with the project's own fonts: the same on every machine. */
export async function toPng(svg: string, zoom: number): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js')
  const fonts = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf')
  const font = {
    loadSystemFonts: false,
    fontFiles: [join(fonts, 'DejaVuSans.ttf'), join(fonts, 'DejaVuSans-Bold.ttf')],
    defaultFontFamily: 'DejaVu Sans',
  }
  return new Resvg(svg, { font, fitTo: { mode: 'zoom', value: zoom } }).render().asPng()
}
