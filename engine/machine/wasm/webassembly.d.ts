/**
 * The part of the WebAssembly JavaScript API that Ferry uses. TypeScript has it only in its DOM library, which the
 * headless engine does not load. Source: WebAssembly JavaScript Interface, W3C.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer)
    static exports(module: Module): { name: string; kind: string }[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Exports
  }
  class Memory {
    readonly buffer: ArrayBuffer
  }
  class Table {
    readonly length: number
    /** @returns the length before */
    grow(by: number): number
    set(index: number, value: (...args: never[]) => unknown): void
  }
  class Global {
    value: number
  }
  type ExportValue = ((...args: never[]) => unknown) | Memory | Global
  type Exports = Record<string, ExportValue>
  type Imports = Record<string, Record<string, unknown>>
  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>
  function instantiate(module: Module, imports: Imports): Promise<Instance>
}
