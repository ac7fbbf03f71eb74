#include "ini.h"

#include <ctype.h>
#include <string.h>

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

/* Copies the next line and returns where the one after it starts; NULL when it is too long. */
static const char *next_line(const char *text, char *line)
{
    size_t length = strcspn(text, "\n");

    if (length >= INI_LINE)
        return NULL;
    memcpy(line, text, length);
    line[length] = '\0';
    return text + length + (text[length] == '\n');
}

/* Cuts off a comment that follows white space: `key = value ; comment`. */
static void cut_comment(char *line)
{
    char *at;

    for (at = line; *at; at++)
        if (*at == ';' && (at == line || isspace((unsigned char)at[-1]))) {
            *at = '\0';
            return;
        }
}

static int read_section(char *line, char *section)
{
    char *end = strchr(line, ']');

    if (!end || end[1] != '\0')
        return -1;
    *end = '\0';
    strcpy(section, trim(line + 1));
    return 0;
}

static int read_key(char *line, const char *section, ini_handler handler, void *user)
{
    char *equals = strchr(line, '=');
    char *key;

    if (!equals)
        return -1;
    *equals = '\0';
    key = trim(line);
    return *key ? handler(user, section, key, trim(equals + 1)) : -1;
}

int ini_parse(const char *text, ini_handler handler, void *user)
{
    char line[INI_LINE], section[INI_LINE] = "";
    int number = 0, status;

    while (*text) {
        char *content;

        number++;
        text = next_line(text, line);
        if (!text)
            return number;
        cut_comment(line);
        content = trim(line);
        if (*content == '\0' || *content == '#')
            continue;
        if (*content == '[')
            status = read_section(content, section);
        else
            status = read_key(content, section, handler, user);
        if (status != 0)
            return number;
    }
    return 0;
}
