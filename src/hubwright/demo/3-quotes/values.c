#include "ini.h"

#include <string.h>

char *ini_unquote(char *value)
{
    size_t length = strlen(value);

    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length] = '\0';
    return value + 1;
}
