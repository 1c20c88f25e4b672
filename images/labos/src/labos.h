/* What the modules of LabOS offer each other. One section per file. */
#ifndef LABOS_H
#define LABOS_H

#include "cpu.h"

#define VERSION "1.0"

/* fmt.c: %s %c %d %u %x %02x %08x, and %U for u64 */
u32 format(char *out, u32 size, const char *f, ...);
u32 vformat(char *out, u32 size, const char *f, __builtin_va_list args);
bool same(const char *a, const char *b);
bool starts(const char *s, const char *prefix);
const char *number(const char *s, u32 *out); /* NULL when s does not begin with a number */
bool address(const char *s, u32 *ip);        /* dotted quad, host byte order */

/* idt.c, pic.c */
typedef void (*irq_handler)(void);
void idt_init(void);
void irq_on(u32 irq, irq_handler handler);
void pic_init(void);
void pic_unmask(u32 irq);
void pic_level(u32 irq);
bool pic_spurious(u32 irq);
void pic_eoi(u32 irq);
void panic(const char *why, u32 a, u32 b);

/* memory.c */
extern u32 ram_top;
void memory_init(u32 magic, const u32 *info);
void *take_pages(u32 n);
u32 memory_start(void); /* first byte not taken */
extern bool hints;
extern u32 pages_given;
bool hints_set(bool on); /* whether the host is told of free pages from now on */
void give_back(u32 at, u32 n);
void paging_init(void);

/* time.c */
extern u32 hz, tsc_khz;
extern volatile u32 ticks;
void time_init(void);
void time_start(void);
u64 now_us(void);
u32 now_ms(void);
extern u32 gap_us, gap_at_ms, tsc_back;
void gap_reset(void);
extern u32 hb_ms, hb_seq;
void hb_set(u32 ms);

/* A rate limiter: how many things are due now, at `rate` per second; never more than 50 ms worth after a pause. */
struct pace { u32 rate; u64 last_us; u64 credit; };
void pace_set(struct pace *p, u32 rate);
u32 pace_due(struct pace *p);
void pace_spend(struct pace *p, u32 n);

/* serial.c */
void serial_init(void);
void serial_start(void); /* lets it interrupt */
void serial_write(const char *s, u32 n);
int serial_getc(void); /* -1: nothing there */
bool serial_pending(void);
extern u32 serial_lost;

/* console.c */
void say(const char *f, ...); /* one whole line, from any context */
void console_poll(void);
void console_prompt(void);

/* shell.c */
void shell_run(char *line);
u32 pages_arg(const char *s, bool *ok); /* "100" pages, "4M", "all" */

/* pages.c */
extern u32 own_base, own_target, own_stamped, own_limit;
extern u32 sweeps, sweep_errors, sweep_stale, sweep_at, sweep_rate;
extern u64 sweep_verified, page_writes;
void pages_init(u32 wanted);
void pages_own(u32 n);
void page_write(u32 n);
void sweep_set(u32 rate);
bool pages_step(void);
void pages_check(void);

/* workload.c */
void load_set(u32 rate, u32 ws, const char *pattern);
bool load_step(void);
void load_print(char *out, u32 size);
#define LOAD_MAX 0xffffffffu

/* vga.c, font.c */
void vga_text(void);
void vga_graphics(void);
void font_load(void);
void vga_registers_font(bool on);

/* screen.c */
void screen_init(void);
void screen_step(void);
void screen_gfx(bool on);
extern bool gfx_on;

/* pci.c */
struct pci_device { u32 at; u16 vendor, device; u8 irq; };
void pci_init(void);
u32 pci_read(u32 at, u32 reg);
void pci_write16(u32 at, u32 reg, u16 v);
bool pci_find(u16 vendor, u16 device, struct pci_device *d);
bool pci_find_class(u16 class, struct pci_device *d);
u16 pci_io_bar(const struct pci_device *d, u32 bar, u32 size);

/* ne2k.c */
extern bool ne2k_there;
extern u8 ne2k_mac[6];
extern u32 ne2k_irqs, ne2k_rx, ne2k_tx, ne2k_overflows, ne2k_bad, ne2k_lost;
void ne2k_init(void);
void ne2k_send(const void *frame, u32 length);
void ne2k_watch(void);

/* net.c */
extern u32 net_ip, net_arp, net_icmp, net_udp;
void net_receive(u8 *frame, u32 length); /* called with interrupts off */
void net_set_ip(u32 ip);
void net_announce(void);
void net_ping(u32 ip);

/* disk.c */
extern u32 disk_sectors, disk_reads, disk_writes, disk_irqs, disk_errors, disk_lost, disk_load_rate;
void disk_init(void);
void disk_test(u32 n);
void disk_show(u32 lba);
void disk_stamp(u32 lba);
void disk_load(u32 rate);
void disk_step(void);
u32 disk_ring_errors(void);

/* witness.c */
extern u32 witness_checks, witness_errors;
void witness_init(void);
bool witness_check(char *out, u32 size);
void witness_step(void);

/* kernel.c */
void background(void); /* what long commands call now and then: screen and witness */

#endif
