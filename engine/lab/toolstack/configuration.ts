/** The configuration files of a host: what is in them at first, and what happens to the host when they are written. */
import { domainXml } from '../../hypervisors/kvm/toolstack/domain-xml.ts'
import { isLoopback, syntaxError } from '../../hypervisors/toolstack/relocation.ts'
import { domainConfig } from '../../hypervisors/xen/toolstack/domain-config.ts'
import {
  parseXendConfig,
  XEND_CONFIG,
  xendConfig,
  xendConfigAsInstalled,
} from '../../hypervisors/xen/toolstack/xend-config.ts'
import type { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import type { Apply } from './files.ts'

/** Kernels are images of the lab; see `xm.ts`. */
const LABOS = { name: 'labos', kernel: '/boot/labos', memoryMb: 16 }
/** The guest of the paper, and its file. */
const DEBIAN = { name: 'debian-base-xen', kernel: '/boot/linux', memoryMb: 128 }

/** Texts by path. */
export function initialFiles({ kind, relocation }: Host): Record<string, string> {
  if (kind !== 'xen')
    return { '/root/labos.xml': domainXml({ ...LABOS, disk: null, commandLine: 'workload=idle hb=0' }) }
  return {
    [XEND_CONFIG]: relocation.enabled ? xendConfig(relocation) : xendConfigAsInstalled(),
    '/etc/xen/labos.cfg': domainConfig(LABOS),
    '/etc/xen/debian-base-xen.cfg': domainConfig({ ...DEBIAN, disk: '/dev/vg_xen/debian-base-xen' }),
  }
}

/** What writing this file does to the host; undefined: nothing. */
export function settingsOf(lab: Lab, host: Host, path: string): Apply | undefined {
  if (host.kind !== 'xen' || path !== XEND_CONFIG) return undefined
  return async (text) => {
    const rules = parseXendConfig(text, path)
    if (!['', '0.0.0.0', host.name].includes(rules.address) && !isLoopback(rules.address)) {
      const line = text.split('\n').findIndex((l) => /^[^#]*\(\s*xend-relocation-address\b/.test(l)) + 1
      const what = `${host.name} has no address "${rules.address}". Write '' for all, its name, or 'localhost'.`
      throw syntaxError(path, line, what)
    }
    await host.relocate(rules)
    lab.events.emit('hosts.changed', host.view)
  }
}
