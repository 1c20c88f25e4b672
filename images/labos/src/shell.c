/* The commands. Every answer is one line: a capital word, then key=value pairs; or OK, or ERR and a reason. */
#include "labos.h"

/* Cuts the next word off the line. */
static char *word(char **line)
{
    char *s = *line;
    while (*s == ' ') s++;
    char *begin = s;
    while (*s && *s != ' ') s++;
    if (*s) *s++ = 0;
    *line = s;
    return begin;
}

static bool whole_number(const char *s, u32 *out)
{
    s = number(s, out);
    return s && !*s;
}

u32 pages_arg(const char *s, bool *ok)
{
    u32 n;
    *ok = true;
    if (same(s, "all")) return own_limit;
    const char *end = number(s, &n);
    if (end && !*end) return n;
    if (end && same(end, "M") && n < 4096) return n * (0x100000 / PAGE);
    *ok = false;
    return 0;
}

static bool rate_arg(const char *s, u32 *rate)
{
    if (same(s, "max") || same(s, "0")) *rate = LOAD_MAX;
    else if (!whole_number(s, rate) || *rate > 10000000) return false;
    return true;
}

static void load(char *args)
{
    char text[128];
    char *rate = word(&args), *ws = word(&args), *pattern = word(&args);
    u32 r;
    bool ok;
    if (same(rate, "off")) load_set(0, 0, "seq");
    else if (*rate) {
        u32 n = pages_arg(ws, &ok);
        if (!rate_arg(rate, &r) || !ok || !n || !(same(pattern, "seq") || same(pattern, "random") || same(pattern, "hotcold"))) {
            say("ERR usage: load RATE|max PAGES|NM|all seq|random|hotcold, or load off");
            return;
        }
        load_set(r, n > own_target ? own_target : n, pattern);
    }
    load_print(text, sizeof text);
    say("%s", text);
}

static void heartbeat(char *args)
{
    u32 ms;
    if (!whole_number(word(&args), &ms)) say("ERR usage: hb MS");
    else {
        hb_set(ms);
        say("OK hb=%u", ms);
    }
}

static void own(char *args)
{
    char *s = word(&args);
    if (*s) {
        bool ok;
        u32 n = pages_arg(s, &ok);
        if (!ok || !n) {
            say("ERR usage: own PAGES|NM|all");
            return;
        }
        pages_own(n);
    }
    say("OWN pages=%u stamped=%u limit=%u base=0x%08x", own_target, own_stamped, own_limit, own_base);
}

static void hints_command(char *args)
{
    char *s = word(&args);
    if (same(s, "on") || same(s, "off")) hints_set(same(s, "on"));
    else if (*s) {
        say("ERR usage: hints on|off");
        return;
    }
    say("HINTS %s given_kb=%u", hints ? "on" : "off", pages_given * 4);
}

static void sweep(char *args)
{
    char *s = word(&args);
    if (*s) {
        u32 rate;
        if (!whole_number(s, &rate)) {
            say("ERR usage: sweep PAGES_PER_SECOND");
            return;
        }
        sweep_set(rate);
    }
    say("SWEEP rate=%u pages=%u at=%u sweeps=%u verified=%U errors=%u stale=%u", sweep_rate, own_stamped, sweep_at,
        sweeps, sweep_verified, sweep_errors, sweep_stale);
}

static void check(char *args)
{
    (void)args;
    pages_check();
}

static void gap(char *args)
{
    if (same(word(&args), "reset")) gap_reset();
    say("GAP max_us=%u at_ms=%u ticks=%u back=%u", gap_us, gap_at_ms, ticks, tsc_back);
}

static void uptime(char *args)
{
    (void)args;
    say("UPTIME ms=%u ticks=%u hz=%u tsc_khz=%u", now_ms(), ticks, hz, tsc_khz);
}

static void mem(char *args)
{
    (void)args;
    say("MEM total_kb=%u kernel_kb=%u own_kb=%u stamped_kb=%u free_kb=%u", ram_top / 1024, (own_base - 0x100000) / 1024,
        own_target * 4, own_stamped * 4, (own_limit - own_target) * 4);
}

static void net(char *args)
{
    (void)args;
    if (!ne2k_there) say("NET none");
    else
        say("NET mac=%02x:%02x:%02x:%02x:%02x:%02x ip=%u.%u.%u.%u rx=%u tx=%u irqs=%u arp=%u icmp=%u udp=%u overflows=%u bad=%u lost=%u",
            ne2k_mac[0], ne2k_mac[1], ne2k_mac[2], ne2k_mac[3], ne2k_mac[4], ne2k_mac[5], net_ip >> 24, net_ip >> 16 & 255,
            net_ip >> 8 & 255, net_ip & 255, ne2k_rx, ne2k_tx, ne2k_irqs, net_arp, net_icmp, net_udp, ne2k_overflows,
            ne2k_bad, ne2k_lost);
}

static void ip(char *args)
{
    u32 a;
    if (!address(word(&args), &a)) say("ERR usage: ip A.B.C.D");
    else {
        net_set_ip(a);
        say("OK ip=%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    }
}

static void ping(char *args)
{
    u32 a;
    if (!address(word(&args), &a)) say("ERR usage: ping A.B.C.D");
    else net_ping(a);
}

static void announce(char *args)
{
    (void)args;
    net_announce();
    say("OK announced");
}

static void disk(char *args)
{
    char *what = word(&args), *s = word(&args);
    u32 n = 0;
    if (!*what) {
        if (!disk_sectors) say("DISK none");
        else
            say("DISK sectors=%u reads=%u writes=%u irqs=%u errors=%u lost=%u load=%u", disk_sectors, disk_reads,
                disk_writes, disk_irqs, disk_errors, disk_lost, disk_load_rate);
    } else if (same(what, "load") && (same(s, "off") || (whole_number(s, &n) && n <= 100000))) {
        disk_load(n);
        say("OK disk_load=%u", disk_load_rate);
    } else if (!whole_number(s, &n)) say("ERR usage: disk [read|write|test|load N]");
    else if (same(what, "read")) disk_show(n);
    else if (same(what, "write")) disk_stamp(n);
    else if (same(what, "test")) disk_test(n);
    else say("ERR usage: disk [read|write|test|load N]");
}

static void cpu(char *args)
{
    char s[160];
    (void)args;
    bool ok = witness_check(s, sizeof s);
    say("CPU %s %s", ok ? "ok" : "failed", s);
}

static void spin(char *args)
{
    u32 ms, loops = 0;
    if (!whole_number(word(&args), &ms)) {
        say("ERR usage: spin MS");
        return;
    }
    for (u32 from = now_ms(); now_ms() - from < ms;) {
        for (volatile u32 i = 0; i < 10000; i++);
        loops++;
        background();
    }
    say("SPIN ok ms=%u loops=%u", ms, loops);
}

static void gfx(char *args)
{
    char *s = word(&args);
    if (!same(s, "on") && !same(s, "off")) {
        say("ERR usage: gfx on|off");
        return;
    }
    screen_gfx(same(s, "on"));
    say("OK gfx=%s", gfx_on ? "on" : "off");
}

static void echo(char *args) { say("ECHO %s", args); }

static void halt(char *args)
{
    (void)args;
    say("OK halted");
    for (;;) __asm__ volatile("cli; hlt");
}

static void crash(char *args)
{
    (void)args;
    volatile u32 *nowhere = (volatile u32 *)0x10; /* page 0 is not mapped */
    __asm__("" : "+r"(nowhere)); /* the compiler must not see where it points, it would object */
    *nowhere = 0;
}

static void help(char *args);

static const struct { const char *name; void (*run)(char *args); const char *usage; } commands[] = {
    { "help", help, "this list" },
    { "hb", heartbeat, "MS: heartbeat interval, 0 = off" },
    { "load", load, "RATE|max PAGES|NM|all seq|random|hotcold; off; nothing: show" },
    { "check", check, "verify every owned page now" },
    { "own", own, "PAGES|NM|all: how much RAM to own" },
    { "hints", hints_command, "on|off: whether the host hears which pages are free" },
    { "sweep", sweep, "RATE: background verification, pages per second" },
    { "gap", gap, "largest time between two ticks; reset" },
    { "uptime", uptime, "time since boot" },
    { "mem", mem, "memory" },
    { "cpu", cpu, "compare the CPU state that nobody uses" },
    { "net", net, "network counters" },
    { "ip", ip, "A.B.C.D: set the address and announce it" },
    { "announce", announce, "gratuitous ARP" },
    { "ping", ping, "A.B.C.D" },
    { "disk", disk, "read N; write N; test N (destroys N sectors); load RATE|off; nothing: show" },
    { "spin", spin, "MS: burn CPU" },
    { "gfx", gfx, "on|off: mode 13h with a moving pattern" },
    { "echo", echo, "TEXT" },
    { "crash", crash, "write through a null pointer" },
    { "halt", halt, "stop for good" },
};

static void help(char *args)
{
    (void)args;
    for (u32 i = 0; i < sizeof commands / sizeof *commands; i++) say("HELP %s %s", commands[i].name, commands[i].usage);
}

void shell_run(char *line)
{
    char *name = word(&line);
    if (!*name) return;
    for (u32 i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!same(name, commands[i].name)) continue;
        commands[i].run(line);
        return;
    }
    say("ERR unknown command %s", name);
}
