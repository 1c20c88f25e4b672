/*
 * The line discipline on the serial port. Every message is one whole line that begins at column 0, whoever sends it and
 * whenever: a heartbeat from the timer interrupt must not land in the middle of a line being typed or printed.
 */
#include "labos.h"

#define PROMPT "labos> "
#define WIDTH 128

static bool at_start = true; /* the cursor is in column 0 */
static char line[WIDTH], last[WIDTH];
static u32 length;
static u32 escape; /* inside an ESC [ x sequence: bytes seen */
static bool after_cr;

static void raw(const char *s)
{
    u32 n = 0;
    while (s[n]) n++;
    serial_write(s, n);
}

void say(const char *f, ...)
{
    char text[256];
    __builtin_va_list args;
    __builtin_va_start(args, f);
    u32 n = vformat(text, sizeof text - 2, f, args);
    __builtin_va_end(args);
    text[n++] = '\r';
    text[n++] = '\n';
    u32 flags = irq_save();
    if (!at_start) raw("\r\n");
    serial_write(text, n);
    at_start = true;
    irq_restore(flags);
}

/* Shows the prompt, and again whatever had been typed before a message pushed it away. */
void console_prompt(void)
{
    u32 flags = irq_save();
    if (at_start) {
        raw(PROMPT);
        serial_write(line, length);
        at_start = false;
    }
    irq_restore(flags);
}

static void echo(const char *s)
{
    u32 flags = irq_save();
    if (at_start) console_prompt(); /* brings the line back, with the new character in it */
    else raw(s);
    irq_restore(flags);
}

static void erase(void)
{
    u32 flags = irq_save();
    console_prompt();
    length--;
    raw("\b \b");
    irq_restore(flags);
}

static void enter(void)
{
    u32 flags = irq_save();
    console_prompt();
    raw("\r\n");
    at_start = true;
    irq_restore(flags);
    line[length] = 0;
    if (length) copy(last, line, length + 1);
    length = 0;
    char command[WIDTH];
    copy(command, last, WIDTH);
    if (line[0]) {
        line[0] = 0;
        shell_run(command);
    }
    console_prompt();
}

static void typed(char c)
{
    if (escape) { /* only "up" is known: ESC [ A brings the last line back */
        if (escape == 1) escape = c == '[' ? 2 : 0;
        else {
            escape = 0;
            if (c == 'A') {
                while (length) erase();
                u32 flags = irq_save();
                console_prompt();
                for (; last[length]; length++) line[length] = last[length];
                serial_write(line, length);
                irq_restore(flags);
            }
        }
        return;
    }
    bool follows_cr = after_cr;
    after_cr = c == '\r';
    switch (c) {
    case '\n': if (follows_cr) return; /* CR LF is one end of line */ /* fall through */
    case '\r': enter(); return;
    case 0x1B: escape = 1; return;
    case '\b': case 0x7F: if (length) erase(); return;
    case 0x03: case 0x15: while (length) erase(); return; /* ^C, ^U */
    }
    if (c < ' ' || c > '~' || length + 1 >= WIDTH) return;
    line[length++] = c;
    char s[2] = { c, 0 };
    echo(s);
}

void console_poll(void)
{
    for (int c; (c = serial_getc()) >= 0;) typed((char)c);
}
