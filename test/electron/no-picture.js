/** As hold.js; and no window is told that there is a picture of it. */
import { BrowserWindow } from 'electron'
import './hold.js'

const { once } = BrowserWindow.prototype
BrowserWindow.prototype.once = function (event, listener) {
  return event === 'ready-to-show' ? this : once.call(this, event, listener)
}
