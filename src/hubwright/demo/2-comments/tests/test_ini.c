#include "ini.h"
#include "tap.h"

/* Remembers one value: that of `key` in `section`. */
struct wanted {
    const char *section, *key;
    char value[INI_LINE];
};

static int remember(void *user, const char *section, const char *key, const char *value)
{
    struct wanted *wanted = user;

    if (strcmp(section, wanted->section) == 0 && strcmp(key, wanted->key) == 0)
        strcpy(wanted->value, value);
    return 0;
}

static const char *find(const char *text, const char *section, const char *key)
{
    static struct wanted wanted;

    wanted.section = section;
    wanted.key = key;
    strcpy(wanted.value, "(nothing)");
    ini_parse(text, remember, &wanted);
    return wanted.value;
}

static int refuse(void *user, const char *section, const char *key, const char *value)
{
    (void)user, (void)section, (void)value;
    return strcmp(key, "stop") == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 || begin(argv[1]) != 0)
        return 2;

    is(find("a = 1\n", "", "a"), "1", "a key before any section");
    is(find("[x]\na = 1\n[y]\na = 2\n", "y", "a"), "2", "a key of the right section");
    is(find("  a=  two words \t\n", "", "a"), "two words", "white space around a value is cut");
    is(find("a =\n", "", "a"), "", "a value may be empty");
    is(find("a = b = c", "", "a"), "b = c", "only the first = counts, and the last line needs no end");
    is(find("a = 1 ; note\n", "", "a"), "1", "a comment may follow a value");
    is(find("a = b;c\n", "", "a"), "b;c", "a semicolon inside a value is no comment");
    ok(ini_parse("; note\n# note\n\n", refuse, NULL) == 0, "comments and empty lines are nothing");
    ok(ini_parse("a = 1\nnonsense\n", refuse, NULL) == 2, "a line without = is wrong");
    ok(ini_parse("[open\n", refuse, NULL) == 1, "a section must be closed");
    ok(ini_parse("= 1\n", refuse, NULL) == 1, "a key must have a name");
    ok(ini_parse("a = 1\nstop = 1\nb = 1\n", refuse, NULL) == 2, "the handler may end the reading");

    return end();
}
