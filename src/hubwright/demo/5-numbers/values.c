#include "ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *ini_unquote(char *value)
{
    size_t length = strlen(value);

    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

int ini_number(const char *value, long *number)
{
    char *end;
    long read;

    if (isspace((unsigned char)*value))
        return -1;
    errno = 0;
    read = strtol(value, &end, 10);
    if (end == value || *end || errno == ERANGE)
        return -1;
    *number = read;
    return 0;
}
