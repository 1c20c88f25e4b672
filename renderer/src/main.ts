/** Starts the window: the lab over whatever carries it, and the app on it. */
import { mount } from 'svelte'
import App from './App.svelte'
import { openLab } from './api/open-lab.ts'
import { notices } from './state/notices.svelte.ts'
import { preferences } from './state/preferences.svelte.ts'
import './styles/base.css'

preferences.applyTheme()
const target = document.getElementById('app')
if (target === null) throw new Error('index.html has no #app')

const api = openLab((status) => {
  if (status.state !== 'stopped') return
  notices.show('bad', 'The lab service has stopped', {
    detail: status.message,
    ...(status.restarting
      ? {}
      : { action: { label: 'Start it again', run: () => void window.ferry?.restartService() } }),
  })
})
mount(App, { target, props: { api } })
