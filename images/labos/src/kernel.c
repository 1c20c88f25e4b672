/* LabOS: brings the machine up in order, then runs the main loop. */
#include "labos.h"

#define INFO_CMDLINE 0x04 /* Multiboot specification 0.6.96, 3.3 */

static char cmdline[256];

/* The value of `key=` on the command line, cut off at the next space; NULL when it is not there. */
static const char *option(const char *key)
{
    static char value[64];
    for (const char *s = cmdline; *s;) {
        while (*s == ' ') s++;
        if (starts(s, key)) {
            while (*s != '=') s++;
            u32 n = 0;
            for (s++; *s && *s != ' ' && n + 1 < sizeof value; s++) value[n++] = *s;
            value[n] = 0;
            return value;
        }
        while (*s && *s != ' ') s++;
    }
    return NULL;
}

static u32 number_option(const char *key, u32 otherwise)
{
    const char *s = option(key);
    u32 v;
    return s && number(s, &v) ? v : otherwise;
}

/* An option and the command of the same name mean the same: `load=2000,4M,random` runs `load 2000 4M random`. */
static void option_command(const char *key)
{
    const char *value = option(key);
    if (!value) return;
    char line[96];
    format(line, sizeof line, "%s%s", key, value);
    for (char *s = line; *s; s++) if (*s == '=' || *s == ',') *s = ' ';
    shell_run(line);
}

void background(void)
{
    screen_step();
    witness_step();
}

void kernel_main(u32 magic, const u32 *info);
void kernel_main(u32 magic, const u32 *info)
{
    serial_init();
    idt_init();
    /* The loader's structures lie in memory that may be ours: copy before taking any. */
    if (info[0] & INFO_CMDLINE) {
        const char *s = (const char *)info[4];
        for (u32 i = 0; i + 1 < sizeof cmdline && s[i]; i++) cmdline[i] = s[i];
    }
    memory_init(magic, info);
    hints_set(true);
    paging_init();
    pic_init();
    hz = number_option("hz=", 1000);
    time_init();
    pci_init();
    witness_init();
    screen_init();
    ne2k_init();
    disk_init();
    pages_init(0);
    bool ok;
    const char *own = option("own=");
    u32 wanted = own ? pages_arg(own, &ok) : 0;
    pages_own(wanted ? wanted : 16 * 0x100000 / PAGE);
    sweep_set(number_option("sweep=", 1000));
    serial_start();
    time_start();
    sti();

    say("LabOS " VERSION " ready ms=%u ram_kb=%u hz=%u tsc_khz=%u net=%s disk=%s", now_ms(), ram_top / 1024, hz, tsc_khz,
        ne2k_there ? "ne2k" : "none", disk_sectors ? "ata" : "none");
    option_command("ip=");
    option_command("load=");
    option_command("gfx=");
    option_command("hb=");
    console_prompt();

    for (;;) {
        console_poll();
        bool more = pages_step();
        more |= load_step();
        disk_step();
        background();
        if (more) continue;
        cli();
        if (serial_pending()) sti();
        else sti_hlt();
    }
}
