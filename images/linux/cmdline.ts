/** The kernel command line the Linux guest is booted with. Each word is there for a reason, given beside it. */

/** Initialisations nothing in the guest needs, by the functions' names; together about a third of a boot. */
const SKIPPED_INITCALLS = [
  // the tracing file system and its tables: files for two thousand events that nobody reads
  'tracer_init_tracefs',
  'trace_eval_init',
  'init_kprobe_trace',
  'init_kprobes',
  'init_optprobes',
  // checks every traceable function against the symbol table
  'ftrace_check_for_weak_functions',
  'ftrace_check_sync',
  // keys and self-tests: big-number arithmetic is slow in an emulator, and the modules come with no signatures to check
  'load_system_certificate_list',
  'crypto_kdf108_init',
  'digsig_init',
  'init_encrypted',
  'init_evm',
  'blake2s_mod_init',
  // one directory per kernel cache in /sys, which is not even mounted
  'slab_sysfs_init',
]

const WORDS = [
  'console=ttyS0',
  'quiet', // every character on the serial line is a trap into the emulator
  'tsc=reliable', // the host's clock drives it; there is nothing to check it against
  'tsc_early_khz=1000000', // v86's counter runs at 1 GHz: measuring it would take time and vary from boot to boot
  'mitigations=off',
  'random.trust_cpu=on', // the pool is seeded from RDRAND at once
  'nowatchdog',
  'cryptomgr.notests', // self-tests alone took 2.5 s
  'noisapnp', // waits for ISA cards
  'acpi=off', // without firmware there are no tables to look for,
  'pnpbios=off', // nor a PnP BIOS
  '8250.nr_uarts=1',
  'ipv6.disable=1', // the lab's network speaks IPv4
  'lsm=none',
  'apparmor=0',
  'cgroup_disable=memory',
  'init_on_alloc=0',
  'rootfstype=ramfs', // cheaper to fill than tmpfs
  `initcall_blacklist=${SKIPPED_INITCALLS.join(',')}`,
]

export interface LinuxCommandLineOptions {
  /** IPv4 address with prefix length for eth0, e.g. `10.0.2.15/24`; without it eth0 stays down. */
  readonly address?: string
  /** IPv4 address of the default gateway. */
  readonly gateway?: string
  /** Further words, put last, so that they win. */
  readonly extra?: string
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

/** The whole command line. Throws RangeError on an address that is not one. */
export function linuxCommandLine(options: LinuxCommandLineOptions = {}): string {
  const words = [...WORDS]
  if (options.address !== undefined) {
    const [address = '', bits = ''] = options.address.split('/')
    if (!IPV4.test(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) {
      throw new RangeError(`"${options.address}" is not an IPv4 address with a prefix length.`)
    }
    words.push(`ferry.ip=${options.address}`)
  }
  if (options.gateway !== undefined) {
    if (!IPV4.test(options.gateway)) throw new RangeError(`"${options.gateway}" is not an IPv4 address.`)
    words.push(`ferry.gw=${options.gateway}`)
  }
  if (options.extra !== undefined && options.extra !== '') words.push(options.extra)
  return words.join(' ')
}
