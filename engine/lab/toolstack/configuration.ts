/** The configuration files of a host: what is in them at first, and what happens to the host when they are written. */
import { domainXml } from '../../hypervisors/kvm/toolstack/domain-xml.ts'
import {
  type DaemonRules,
  LIBVIRTD_CONF,
  libvirtdConf,
  parseLibvirtdConf,
  parseQemuConf,
  QEMU_CONF,
  qemuConf,
} from '../../hypervisors/kvm/toolstack/libvirt-config.ts'
import { isLoopback, type Relocation, syntaxError } from '../../hypervisors/toolstack/relocation.ts'
import { domainConfig } from '../../hypervisors/xen/toolstack/domain-config.ts'
import {
  parseXendConfig,
  XEND_CONFIG,
  xendConfig,
  xendConfigAsInstalled,
} from '../../hypervisors/xen/toolstack/xend-config.ts'
import type { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import type { Apply, HostFiles } from './files.ts'

/** Kernels are images of the lab; see `xm.ts`. */
const LABOS = { name: 'labos', kernel: '/boot/labos', memoryMb: 16 }
/** The guest of the paper, and its file. */
const DEBIAN = { name: 'debian-base-xen', kernel: '/boot/linux', memoryMb: 128 }

/** Texts by path. */
export function initialFiles({ kind, relocation, asInstalled }: Host): Record<string, string> {
  // QEMU alone has no configuration of guests, only command lines.
  if (kind === 'qemu') return {}
  if (kind !== 'xen') {
    return {
      [LIBVIRTD_CONF]: libvirtdConf(!asInstalled),
      [QEMU_CONF]: qemuConf(relocation.port),
      '/root/labos.xml': domainXml({ ...LABOS, disk: null, commandLine: 'workload=idle hb=0' }),
    }
  }
  return {
    [XEND_CONFIG]: asInstalled ? xendConfigAsInstalled() : xendConfig(relocation),
    '/etc/xen/labos.cfg': domainConfig(LABOS),
    '/etc/xen/debian-base-xen.cfg': domainConfig({ ...DEBIAN, disk: '/dev/vg_xen/debian-base-xen' }),
  }
}

/** What writing this file does to the host; undefined: nothing. */
export function settingsOf(lab: Lab, host: Host, path: string): Apply | undefined {
  const relocate = async (rules: Relocation, text: string, entry: RegExp) => {
    checkAddress(host, rules.address, { text, path, entry })
    await host.relocate(rules)
    lab.events.emit('hosts.changed', host.view)
  }
  if (host.kind === 'xen') {
    if (path !== XEND_CONFIG) return undefined
    return (text) => relocate(parseXendConfig(text, path), text, /^[^#]*\(\s*xend-relocation-address\b/)
  }
  if (path === QEMU_CONF) {
    return (text) => relocate({ ...host.relocation, ...parseQemuConf(text, path) }, text, /^\s*migration_address\b/)
  }
  // It is looked at whenever somebody connects.
  if (path === LIBVIRTD_CONF) {
    return (text) =>
      checkAddress(host, parseLibvirtdConf(text, path).address, { text, path, entry: /^\s*listen_addr\b/ })
  }
  return undefined
}

interface Place {
  readonly text: string
  readonly path: string
  /** Its line. */
  readonly entry: RegExp
}

/** @throws FerryError `config.syntax` where the host has no such address to listen at */
function checkAddress({ name }: Host, address: string, { text, path, entry }: Place): void {
  if (['', '0.0.0.0', name].includes(address) || isLoopback(address)) return
  const line = text.split('\n').findIndex((l) => entry.test(l)) + 1
  const what = `${name} has no address "${address}". Write 0.0.0.0 for all, its name, or localhost.`
  throw syntaxError(path, line, what)
}

/** How a host's libvirtd is reached, by its file; where that was removed, as libvirt has it then. */
export function daemonRules(files: HostFiles): DaemonRules {
  return parseLibvirtdConf(files.has(LIBVIRTD_CONF) ? files.read(LIBVIRTD_CONF).text : '')
}
