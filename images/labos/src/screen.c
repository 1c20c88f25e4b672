/*
 * What the VGA shows: in text mode a status page, four times a second; in graphics mode a moving pattern. Both only
 * write what changed, since every byte of video memory is a trip into the emulator.
 */
#include "labos.h"

#define COLUMNS 80
#define ROWS 25
#define TEXT ((volatile u16 *)0xB8000)
#define PIXELS ((volatile u32 *)0xA0000)

enum { PLAIN = 0x07, BRIGHT = 0x0F, TITLE = 0x1F, GOOD = 0x0A, BAD = 0x4F, LABEL = 0x03, BAR = 0x0B };

bool gfx_on;
static u16 shadow[COLUMNS * ROWS]; /* what the screen shows: never read video memory back */
static u32 next_ms, phase;

static void cell(u32 row, u32 column, char c, u8 colour)
{
    u32 at = row * COLUMNS + column;
    u16 v = (u16)((u8)c | colour << 8);
    if (column >= COLUMNS || shadow[at] == v) return;
    shadow[at] = v;
    TEXT[at] = v;
}

/* A field: text, padded to its width so that a longer old value leaves nothing behind. */
static void field(u32 row, u32 column, u32 width, u8 colour, const char *f, ...)
{
    char s[COLUMNS + 1];
    __builtin_va_list args;
    __builtin_va_start(args, f);
    u32 n = vformat(s, sizeof s, f, args);
    __builtin_va_end(args);
    for (u32 i = 0; i < width; i++) cell(row, column + i, i < n ? s[i] : ' ', colour);
}

static void clear(void)
{
    for (u32 i = 0; i < COLUMNS * ROWS; i++) {
        shadow[i] = PLAIN << 8 | ' ';
        TEXT[i] = shadow[i];
    }
}

static void labels(void)
{
    static const char *const names[] = { "Uptime", "Heartbeat", "Largest gap", "Memory", "Owned pages", "Load", "Sweep",
                                         "Verified", "Network", "Frames", "Disk", "CPU state" };
    clear();
    field(0, 0, 80, TITLE, "  LabOS " VERSION);
    for (u32 i = 0; i < sizeof names / sizeof *names; i++) field(2 + i * 2 - (i > 2) - (i > 5) - (i > 7), 2, 14, LABEL, names[i]);
    field(24, 0, 80, TITLE, "  The console is on the serial port: help");
}

static void bar(u32 row, u32 column, u32 width, u32 part, u32 whole)
{
    u32 full = whole ? (u32)div64((u64)part * width, whole) : 0;
    for (u32 i = 0; i < width; i++) cell(row, column + i, i < full ? (char)0xDB : (char)0xB0, BAR);
}

static void refresh(void)
{
    char s[96];
    u32 ms = now_ms(), r = 2, errors = sweep_errors;
    field(0, 60, 20, TITLE, "%10u ticks", ticks);
    field(r, 18, 40, BRIGHT, "%u:%02u:%02u.%u", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms / 100 % 10);
    field(r += 2, 18, 40, PLAIN, hb_ms ? "%u, every %u ms" : "off", hb_seq, hb_ms);
    field(r += 2, 18, 40, PLAIN, "%u us", gap_us);
    field(r += 1, 18, 40, PLAIN, "%u kB", ram_top / 1024);
    field(r += 2, 18, 60, PLAIN, "%u of %u, %u kB", own_stamped, own_limit, own_stamped * 4);
    load_print(s, sizeof s);
    field(r += 2, 18, 60, PLAIN, "%s", s + 5);
    bar(r += 1, 18, 40, sweep_at, own_stamped);
    field(r, 60, 20, PLAIN, "sweep %u", sweeps);
    field(r += 2, 18, 30, PLAIN, "%U pages", sweep_verified);
    field(r, 48, 20, errors ? BAD : GOOD, errors ? " %u ERRORS" : "no errors", errors);
    if (ne2k_there)
        field(r += 1, 18, 60, PLAIN, "%u.%u.%u.%u  %02x:%02x:%02x:%02x:%02x:%02x", net_ip >> 24, net_ip >> 16 & 255,
              net_ip >> 8 & 255, net_ip & 255, ne2k_mac[0], ne2k_mac[1], ne2k_mac[2], ne2k_mac[3], ne2k_mac[4], ne2k_mac[5]);
    else field(r += 1, 18, 60, PLAIN, "none");
    field(r += 2, 18, 60, PLAIN, "in %u, out %u, interrupts %u", ne2k_rx, ne2k_tx, ne2k_irqs);
    if (disk_sectors) field(r += 2, 18, 60, PLAIN, "%u sectors, reads %u, writes %u, errors %u", disk_sectors, disk_reads, disk_writes, disk_errors);
    else field(r += 2, 18, 60, PLAIN, "none");
    field(r += 2, 18, 40, witness_errors ? BAD : GOOD, witness_errors ? "%u of %u checks failed" : "ok", witness_errors, witness_checks);
}

/* Four pixels to a store; a band of eight lines per frame, so that a whole picture takes 25 frames. */
static void band(u32 from, u32 lines)
{
    for (u32 y = from; y < from + lines; y++)
        for (u32 x = 0; x < 80; x++) {
            u32 c = x * 4 + y + phase & 255;
            PIXELS[y * 80 + x] = c | (c + 1 & 255) << 8 | (c + 2 & 255) << 16 | (c + 3 & 255) << 24;
        }
}

void screen_gfx(bool on)
{
    if (on == gfx_on) return;
    gfx_on = on;
    if (on) {
        vga_graphics();
        band(0, 200);
    } else {
        vga_text();
        labels();
    }
    next_ms = now_ms();
}

void screen_init(void)
{
    vga_text();
    labels();
    next_ms = now_ms();
}

void screen_step(void)
{
    u32 ms = now_ms();
    if ((int)(ms - next_ms) < 0) return;
    next_ms = ms + (gfx_on ? 50 : 250);
    if (gfx_on) {
        static u32 line;
        phase += 1;
        band(line, 8);
        line = (line + 8) % 200;
    } else refresh();
}
