/** The inside of v86 as Ferry uses it: v86 publishes no types for it. `shape.ts` checks at start that it is there. */
export interface ByteQueue {
  length: number
  push(byte: number): void
  shift(): number
  clear(): void
}

export interface PortEntry {
  read8: (this: unknown, port: number) => number
  device: unknown
}

type PortRead = (port: number) => number
type PortWrite = (value: number) => void

export interface Io {
  ports: PortEntry[]
  create_empty_entry(): PortEntry
  register_read(port: number, device: object, read8?: PortRead, read16?: PortRead, read32?: PortRead): void
  register_write(port: number, device: object, write8?: PortWrite, write16?: PortWrite, write32?: PortWrite): void
  port_read8(port: number): number
  port_read32(port: number): number
  port_write8(port: number, value: number): void
  port_write16(port: number, value: number): void
  port_write32(port: number, value: number): void
}

export interface PciBar {
  size: number
}
export interface PciDevices {
  device_spaces: (Int32Array | undefined)[]
  devices: ({ pci_bars: PciBar[]; name: string } | undefined)[]
  pci_addr: Uint8Array
  set_io_bars(bar: PciBar, from: number, to: number): void
  pci_query(): void
  raise_irq(pciId: number): void
}

export interface PitDevice {
  counter_start_time: Float64Array
  counter_start_value: Uint16Array
  counter_next_low: Uint8Array
  counter_enabled: Uint8Array
  counter_mode: Uint8Array
  counter_read_mode: Uint8Array
  counter_latch: Uint8Array
  counter_latch_value: Uint16Array
  counter_reload: Uint16Array
}

export interface RtcDevice {
  cmos_index: number
  cmos_data: Uint8Array
  rtc_time: number
  last_update: number
  next_interrupt: number
  next_interrupt_alarm: number
  periodic_interrupt: boolean
  periodic_interrupt_time: number
  cmos_a: number
  cmos_b: number
  cmos_c: number
  cmos_diag_status: number
  nmi_disabled: number
  update_interrupt: boolean
  update_interrupt_time: number
}

export interface DmaDevice {
  channel_page: Uint8Array
  channel_pagehi: Uint8Array
  channel_addr: Uint16Array
  channel_addr_init: Uint16Array
  channel_count: Uint16Array
  channel_count_init: Uint16Array
  channel_mask: Uint8Array
  channel_mode: Uint8Array
  lsb_msb_flipflop: number
}

export interface UartDevice {
  ints: number
  baud_rate: number
  line_control: number
  lsr: number
  fifo_control: number
  ier: number
  iir: number
  modem_control: number
  modem_status: number
  scratch_register: number
  input: number[]
}

export interface Ps2Device {
  enable_mouse_stream: boolean
  use_mouse: boolean
  have_mouse: boolean
  mouse_delta_x: number
  mouse_delta_y: number
  mouse_clicks: number
  enable_keyboard_stream: boolean
  next_is_mouse_command: boolean
  next_read_sample: boolean
  next_read_led: boolean
  next_handle_scan_code_set: boolean
  next_read_rate: boolean
  next_read_resolution: boolean
  kbd_buffer: ByteQueue
  mouse_buffer: ByteQueue
  last_port60_byte: number
  sample_rate: number
  mouse_detect_state: number
  mouse_id: number
  mouse_reset_workaround: boolean
  wheel_movement: number
  resolution: number
  scaling2: boolean
  next_byte_is_ready: boolean
  next_byte_is_aux: boolean
  command_register: number
  controller_output_port: number
  read_output_register: boolean
  read_command_register: boolean
  read_controller_output_port: boolean
}

export interface IdeInterface {
  drive_connected: boolean
  is_atapi: boolean
  sector_size: number
  sector_count: number
  head_count: number
  sectors_per_track: number
  cylinder_count: number
  is_lba: number
  sector_count_reg: number
  lba_low_reg: number
  features_reg: number
  lba_mid_reg: number
  lba_high_reg: number
  head: number
  device_reg: number
  status_reg: number
  sectors_per_drq: number
  error_reg: number
  data_pointer: number
  data: Uint8Array
  data16: Uint16Array
  data32: Int32Array
  data_length: number
  data_end: number
  current_command: number
  current_atapi_command: number
  write_dest: number
  medium_changed: boolean
  in_progress_io_ids: { size: number }
}

export interface IdeChannelDevice {
  master: IdeInterface
  slave: IdeInterface
  current_interface: IdeInterface
  device_control_reg: number
  prdt_addr: number
  dma_status: number
  dma_command: number
}

export interface VgaDevice {
  vga_memory: Uint8Array
  svga_memory: Uint8Array
  vga_memory_size: number
  cursor_address: number
  cursor_scanline_start: number
  cursor_scanline_end: number
  max_cols: number
  max_rows: number
  start_address: number
  start_address_latched: number
  crtc: Uint8Array
  crtc_mode: number
  horizontal_display_enable_end: number
  horizontal_blank_start: number
  vertical_display_enable_end: number
  vertical_blank_start: number
  underline_location_register: number
  preset_row_scan: number
  offset_register: number
  line_compare: number
  graphical_mode: boolean
  vga256_palette: Int32Array
  latch_dword: number
  svga_width: number
  svga_height: number
  svga_enabled: boolean
  svga_bpp: number
  svga_bank_offset: number
  svga_offset: number
  svga_offset_x: number
  svga_offset_y: number
  index_crtc: number
  dac_color_index_write: number
  dac_color_index_read: number
  dac_state: number
  dac_mask: number
  dac_map: Uint8Array
  attribute_controller_index: number
  palette_source: number
  attribute_mode: number
  color_plane_enable: number
  horizontal_panning: number
  color_select: number
  sequencer_index: number
  plane_write_bm: number
  sequencer_memory_mode: number
  clocking_mode: number
  graphics_index: number
  character_map_select: number
  plane_read: number
  planar_mode: number
  planar_rotate_reg: number
  planar_bitmap: number
  planar_setreset: number
  planar_setreset_enable: number
  miscellaneous_graphics_register: number
  color_compare: number
  color_dont_care: number
  max_scan_line: number
  miscellaneous_output_register: number
  port_3DA_value: number
  font_page_ab_enabled: boolean
  dispi_index: number
  dispi_enable_value: number
  screen_width: number
  screen_height: number
  image_data: { data: Uint8ClampedArray; width: number; height: number } | null
  screen: ScreenAdapter
  set_size_graphical(width: number, height: number, virtualWidth: number, virtualHeight: number, bpp: number): void
  set_size_text(columns: number, rows: number): void
  update_vga_size(): void
  update_layers(): void
  complete_replot(): void
  complete_redraw(): void
  set_font_bitmap(changed: boolean): void
  set_font_page(): void
  update_cursor_scanline(): void
  update_cursor(): void
  screen_fill_buffer(): void
}

export interface ScreenLayer {
  image_data: { data: Uint8ClampedArray; width: number; height: number }
  screen_x: number
  screen_y: number
  buffer_x: number
  buffer_y: number
  buffer_width: number
  buffer_height: number
}
export interface ScreenAdapter {
  set_mode(graphical: boolean): void
  clear_text_state(): void
  get_text_screen(): string[]
  update_buffer(layers: ScreenLayer[]): void
}

export interface NicDevice {
  isr: number
  imr: number
  cr: number
  dcfg: number
  rcnt: number
  tcnt: number
  tpsr: number
  memory: Uint8Array
  rxcr: number
  txcr: number
  tsr: number
  mac: Uint8Array
  mar: Uint8Array
  rsar: number
  pstart: number
  pstop: number
  curpg: number
  boundary: number
}

export interface Devices {
  pci: PciDevices
  pit: PitDevice
  rtc: RtcDevice
  dma: DmaDevice
  uart0: UartDevice
  ps2: Ps2Device
  vga: VgaDevice
  /** A channel without any drive is absent. */
  ide: { primary: IdeChannelDevice | undefined; secondary: IdeChannelDevice | undefined }
  net: NicDevice
  sb16?: unknown
  fdc?: unknown
  vmware?: unknown
  acpi?: unknown
}

export interface Cpu {
  /** Shared between threads by one of our patches. */
  wasm_memory: { readonly buffer: SharedArrayBuffer }
  mem8: Uint8Array
  memory_size: Uint32Array
  io: Io
  devices: Devices
  fw_value: unknown[]
  main_loop(): number
  write_blob(blob: ArrayLike<number>, address: number): void
  read_blob(address: number, length: number): Uint8Array
  /** Exports of the wasm module, hence without `this`. */
  write8(this: void, address: number, value: number): void
  write16(this: void, address: number, value: number): void
  write32(this: void, address: number, value: number): void
  read8(this: void, address: number): number
  read16(this: void, address: number): number
  read32s(this: void, address: number): number
  jit_dirty_cache(this: void, start: number, end: number): void
  is_memory_zeroed(address: number, length: number): boolean
  full_clear_tlb(): void
  /** The code of a page is compiled: `length` bytes of a module at `address` of the memory of `this`. */
  codegen_finalize: (
    this: object,
    tableIndex: number,
    start: number,
    stateFlags: number,
    address: number,
    length: number,
  ) => void
  codegen_finalize_finished(this: void, tableIndex: number, start: number, stateFlags: number): void
  jit_clear_cache(): void
  update_state_flags(): void
  store_current_tsc(): void
  set_tsc(low: number, high: number): void
  get_pic_addr_master(): number
  get_pic_addr_slave(): number
  get_apic_addr(): number
  get_ioapic_addr(): number
}

export interface V86Core {
  running: boolean
  stopping: boolean
  idle: boolean
  tick_counter: number
  cpu: Cpu
  run(): void
  yield(delayMs: number, tick: number): void
  yield_callback(tick: number): void
}

export interface Bus {
  send(name: string, value?: unknown): void
}

export interface V86Emulator {
  v86: V86Core
  bus: Bus
  add_listener(event: string, listener: (value: never) => void): void
}

/** Exports of the patched wasm module that Ferry calls itself. */
export interface V86Exports {
  memory: WebAssembly.Memory
  get_eflags?: () => number
  v86_malloc?: (bytes: number) => number
}
