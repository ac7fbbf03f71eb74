/* libini: reads INI files, one callback a key, without allocating memory. */
#ifndef INI_H
#define INI_H

#define INI_LINE 512 /* longest line in bytes, its end included */

/* Called for each key; all texts live until it returns. Anything but 0 ends the reading. */
typedef int (*ini_handler)(void *user, const char *section, const char *key, const char *value);

/* Reads `text`. Returns 0, or the number of the first line that is wrong or was refused by the handler. */
int ini_parse(const char *text, ini_handler handler, void *user);

/* Cuts the quotes off `"value"`, in place; other values stay as they are. */
char *ini_unquote(char *value);

#endif
