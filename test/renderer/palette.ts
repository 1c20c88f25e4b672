/** Colours for drawings that nobody looks at. */
import type { Palette } from '../../renderer/src/charts/looks.ts'

export const palette: Palette = {
  text: '#000',
  text2: '#444',
  surface: '#fff',
  line: '#ddd',
  axis: '#888',
  good: '#060',
  bad: '#a00',
  series: ['#1f5d99', '#8a5300'],
  font: 'sans-serif',
}
