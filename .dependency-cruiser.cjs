/**
 * The direction of imports (engine/README.md has the picture): front ends → lab → migration → hypervisors beside
 * machine, network, storage → the common format. `npm run lint` checks it.
 */
const engine = (folder) => `^engine/${folder}/`
/** What a folder may import from within the project, besides itself. */
const may = {
  util: [],
  contract: ['util'],
  recording: ['util', 'contract'],
  guide: ['util', 'contract'],
  vmstate: ['util'],
  storage: ['util', 'contract'],
  network: ['util', 'contract'],
  machine: ['util', 'vmstate'],
  hypervisors: ['util', 'vmstate'],
  qemu: ['util', 'vmstate', 'machine', 'hypervisors'],
  migration: ['util', 'contract', 'vmstate', 'machine', 'hypervisors'],
  lab: [
    'util',
    'contract',
    'recording',
    'guide',
    'vmstate',
    'machine',
    'hypervisors',
    'qemu',
    'migration',
    'network',
    'storage',
  ],
  serve: ['util', 'contract', 'lab'],
  cli: ['util', 'contract', 'recording', 'guide', 'lab', 'serve', 'hypervisors', 'migration'],
}

module.exports = {
  forbidden: [
    ...Object.entries(may).map(([folder, allowed]) => ({
      name: `engine-${folder}-imports-downwards`,
      severity: 'error',
      comment: `engine/${folder} may import only ${allowed.join(', ') || 'nothing else of the engine'}`,
      from: { path: engine(folder) },
      to: {
        path: '^(engine|electron|renderer|images|build|test)/',
        pathNot: [folder, ...allowed].map(engine).concat(folder === 'lab' || folder === 'cli' ? ['^images/'] : []),
      },
    })),
    {
      name: 'only-the-machine-knows-v86',
      severity: 'error',
      from: { path: '^(engine|electron|renderer|images)/', pathNot: engine('machine') },
      to: { path: 'node_modules/v86/' },
    },
    {
      name: 'qemu-is-beside-the-machine',
      comment: 'it shares the contract of a machine, its memory and its digests, and nothing of the emulator',
      severity: 'error',
      from: { path: engine('qemu') },
      to: { path: engine('machine'), pathNot: '^engine/machine/(machine|memory-layout|digest|dirty-among)\\.ts$' },
    },
    {
      name: 'the-window-knows-the-contract-only',
      comment:
        'and the formats that it reads by itself: files of recordings, reports of the guide, lines of its questions',
      severity: 'error',
      from: { path: '^renderer/' },
      to: {
        path: '^(engine|electron|images|build|test)/',
        pathNot: ['^engine/(contract|recording)/', '^engine/guide/(report|code-spans)\\.ts$', '^electron/shell\\.ts$'],
      },
    },
    {
      name: 'images-stand-alone',
      severity: 'error',
      from: { path: '^images/' },
      to: { path: '^(engine|electron|renderer|test)/' },
    },
    { name: 'no-circles', severity: 'error', from: { path: '^(engine|images)/' }, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
}
